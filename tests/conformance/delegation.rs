//! Group 1.2: delegated prefixes (RFC 3633 in the suite's time).

use dhc6c_core::engine::{Config, Event, Input, PrefixRequest};
use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::{Ia, MessageType, StatusCode, code};

use crate::case::{
    ANSWERED, Ask, SEEDS, T1, assert_cap, assert_common, assert_windows, bound, bound_for, count,
    exchange, has, last, reach, times, world,
};
use crate::client::PD;
use crate::grammar::requested;
use crate::seeds::over_seeds;
use crate::server::{Dials, ServerConfig, Times};
use crate::world::{World, seconds};

use MessageType::{Rebind, Release, Renew, Request, Solicit};

const PREFIX: Ask = Ask::Prefix;

fn run_to(world: &mut World, kind: MessageType) {
    let next = count(world, kind) + 1;
    world.run_until_sent(kind, next, seconds(82));
    world.run_for(ANSWERED);
}

fn rebind(world: &mut World) {
    world.server().dials.silent_to = [Renew].into();
    run_to(world, Rebind);
}

#[test]
fn ce_1_2_1_a_ia_pd_format() {
    over_seeds(SEEDS, |seed| {
        let solicit = last(&bound(seed, PREFIX), Solicit);
        let [ia] = solicit.ia_pds().collect::<Vec<_>>()[..] else { panic!("one IA_PD") };
        assert_eq!((ia.t1, ia.t2), (Lifetime::ZERO, Lifetime::ZERO));
        assert!(!has(&solicit, code::IA_NA));
    });
}

#[test]
fn ce_1_2_1_b_ia_prefix_format() {
    over_seeds(SEEDS, |seed| {
        let request = last(&bound(seed, PREFIX), Request);
        let leases: Vec<_> = request.ia_pds().flat_map(Ia::prefixes).collect();
        assert_eq!(leases.len(), 1);
        assert_eq!(leases[0].prefix.to_string(), "2001:db8:1000::/56");
        assert_eq!((leases[0].preferred, leases[0].valid), (Lifetime::ZERO, Lifetime::ZERO));
    });
}

fn is_answered(kind: MessageType) {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, PREFIX, kind, true);
        world.run_for(seconds(20));
        assert_eq!(exchange(&world, kind).len(), 1, "{kind}");
    });
}

#[test]
fn ce_1_2_2_a_request_and_reply() {
    is_answered(Request);
}

#[test]
fn ce_1_2_2_b_renew_and_reply() {
    is_answered(Renew);
}

#[test]
fn ce_1_2_2_c_rebind_and_reply() {
    is_answered(Rebind);
}

#[test]
fn ce_1_2_2_d_release_and_reply() {
    is_answered(Release);
}

#[test]
fn ce_1_2_3_a_solicit_format() {
    over_seeds(SEEDS, |seed| {
        let solicit = last(&bound(seed, PREFIX), Solicit);
        assert_common(&solicit);
        assert!(has(&solicit, code::IA_PD) && requested(&solicit).contains(&code::PD_EXCLUDE));
    });
}

#[test]
fn ce_1_2_3_b_solicit_longest_pause() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, PREFIX, Solicit, false);
        world.run_for(seconds(30_000));
        assert_cap(&exchange(&world, Solicit), 3240.0, 3960.0);
    });
}

#[test]
fn ce_1_2_4_a_request_format() {
    over_seeds(SEEDS, |seed| {
        let request = last(&bound(seed, PREFIX), Request);
        assert_common(&request);
        assert!(has(&request, code::SERVERID) && has(&request, code::IA_PD));
    });
}

#[test]
fn ce_1_2_4_b_request_longest_pause() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, PREFIX, Request, false);
        world.run_for(seconds(180));
        assert_cap(&exchange(&world, Request), 27.0, 33.0);
    });
}

#[test]
fn ce_1_2_4_c_ten_requests_and_no_more() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, PREFIX, Request, false);
        world.server().dials.silent = true;
        world.run_for(seconds(400));
        assert_eq!(count(&world, Request), 10);
    });
}

#[test]
fn ce_1_2_5_a_renew_format() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.run_until_sent(Renew, 1, seconds(T1 + 1));
        let renew = last(&world, Renew);
        assert_common(&renew);
        assert!(has(&renew, code::SERVERID));
        assert_eq!(PREFIX.named(&renew), PREFIX.held(&world));
    });
}

#[test]
fn ce_1_2_5_b_renew_longest_pause() {
    over_seeds(SEEDS, |seed| {
        let server = ServerConfig::number(1).times(50, 8000, 15_000, 20_000);
        let mut world = bound_for(seed, PREFIX, server);
        world.server().dials.silent = true;
        world.run_for(seconds(7900));
        let sent = exchange(&world, Renew);
        assert_windows(&sent, &[(9.0, 11.0), (26.1, 34.1)]);
        assert_cap(&sent, 540.0, 660.0);
    });
}

#[test]
fn ce_1_2_5_c_renew_ends_at_t2() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().dials.silent = true;
        world.run_until_sent(Rebind, 1, seconds(81));
        let renews = count(&world, Renew);
        world.run_for(seconds(60));
        assert_eq!(count(&world, Renew), renews);
    });
}

#[test]
fn ce_1_2_6_a_rebind_format() {
    over_seeds(SEEDS, |seed| {
        let world = reach(seed, PREFIX, Rebind, true);
        let rebind = last(&world, Rebind);
        assert_common(&rebind);
        assert_eq!(rebind.server_ids().count(), 0);
        assert_eq!(PREFIX.named(&rebind), PREFIX.held(&world));
    });
}

#[test]
fn ce_1_2_6_b_rebind_longest_pause() {
    over_seeds(SEEDS, |seed| {
        let server = ServerConfig::number(1).times(50, 80, 15_000, 20_000);
        let mut world = bound_for(seed, PREFIX, server);
        world.server().dials.silent = true;
        world.run_for(seconds(8000));
        assert_cap(&exchange(&world, Rebind), 540.0, 660.0);
    });
}

#[test]
fn ce_1_2_6_c_rebind_ends_with_the_valid_lifetime() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().dials.silent = true;
        world.run_until_sent(Solicit, 2, seconds(202));
        assert!(PREFIX.held(&world).is_empty());
        let rebinds = count(&world, Rebind);
        world.run_for(seconds(1000));
        assert_eq!(count(&world, Rebind), rebinds);
    });
}

#[test]
fn ce_1_2_7_a_release_format() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        let held = PREFIX.held(&world);
        world.command(Input::Release);
        let release = last(&world, Release);
        assert_common(&release);
        assert!(has(&release, code::SERVERID));
        assert_eq!(PREFIX.named(&release), held);
    });
}

#[test]
fn ce_1_2_7_b_the_prefix_is_not_used_any_more() {
    over_seeds(SEEDS, |seed| {
        let world = reach(seed, PREFIX, Release, true);
        assert!(PREFIX.held(&world).is_empty() && world.client().has_told(&Event::Unbound));
    });
}

#[test]
fn ce_1_2_7_c_release_retransmission() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, PREFIX, Release, false);
        world.run_for(seconds(40));
        let second = times(&exchange(&world, Release))[0];
        assert!((0.89..=1.11).contains(&second), "{second}");
    });
}

/// The suite, of RFC 3315, expects five; RFC 9915 §7.6 says four.
#[test]
fn ce_1_2_7_d_four_releases_and_no_more() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, PREFIX, Release, false);
        world.run_for(seconds(300));
        assert_eq!(count(&world, Release), 4);
    });
}

#[test]
fn ce_1_2_7_e_a_reply_ends_the_release() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, PREFIX, Release, true);
        world.run_for(seconds(60));
        assert_eq!(count(&world, Release), 1);
    });
}

#[test]
fn ce_1_2_7_f_elapsed_time_of_every_release() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, PREFIX, Release, false);
        world.run_for(seconds(40));
        // It is compared with the time of every transmission there.
        assert_windows(&exchange(&world, Release), &[(0.9, 1.1), (2.61, 3.41), (5.86, 8.26)]);
    });
}

#[test]
fn ce_1_2_8_an_advertise_without_a_prefix_is_ignored() {
    over_seeds(SEEDS, |seed| {
        let mut world = world(seed, PREFIX);
        world.server().dials.refuse_prefixes = true;
        world.start();
        world.run_for(seconds(30));
        assert_eq!(count(&world, Request), 0);
        assert!(count(&world, Solicit) >= 4);
    });
}

#[test]
fn ce_1_2_9_a_t1_and_t2_of_the_reply_count() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        let request = world.client().sent(Request)[0].at;
        world.server().dials.silent = true;
        world.run_until_sent(Rebind, 1, seconds(81));
        let at = |kind| world.client().sent(kind)[0].at.since(request).as_secs_f64();
        assert!((50.0..50.1).contains(&at(Renew)) && (80.0..80.1).contains(&at(Rebind)));
    });
}

#[test]
fn ce_1_2_9_b_lifetimes_are_updated() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().config.times = Times::new(50, 80, 300, 400);
        run_to(&mut world, Renew);
        let left = world.snapshot().prefixes[0].valid;
        assert!(left > Lifetime(390) && left <= Lifetime(400), "{left:?}");
    });
}

#[test]
fn ce_1_2_9_c_renew_and_rebind_until_the_prefix_ends_then_solicit() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        let held = PREFIX.held(&world);
        world.server().dials.silent = true;
        world.run_for(seconds(190));
        assert_eq!(PREFIX.held(&world), held);
        assert!(count(&world, Renew) > 1 && count(&world, Rebind) > 1);
        world.run_until_sent(Solicit, 2, seconds(12));
        assert!(PREFIX.held(&world).is_empty());
    });
}

#[test]
fn ce_1_2_9_d_a_valid_lifetime_of_zero_removes_the_prefix() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().dials.zero_lifetimes = true;
        world.server().dials.silent_to = [Request].into();
        run_to(&mut world, Renew);
        assert!(PREFIX.held(&world).is_empty());
    });
}

#[test]
fn ce_1_2_9_e_a_new_prefix_is_added() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().dials.extra_leases = 1;
        run_to(&mut world, Renew);
        assert_eq!(PREFIX.held(&world).len(), 2);
    });
}

#[test]
fn ce_1_2_9_f_a_prefix_that_is_not_mentioned_stays() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().dials.extra_leases = 1;
        run_to(&mut world, Renew);
        let both = PREFIX.held(&world);
        world.server().dials.extra_leases = 0;
        run_to(&mut world, Renew);
        assert_eq!(PREFIX.held(&world), both);
    });
}

fn asked_again(status: StatusCode) {
    over_seeds(SEEDS, |seed| {
        let mut world = world(seed, PREFIX);
        world.server().dials.request_status = Some(status);
        world.start();
        world.run_until_sent(Request, 3, seconds(10));
        assert_eq!(exchange(&world, Request).len(), 3, "the original Request");
    });
}

#[test]
fn ce_1_2_9_g_unspec_fail_is_asked_again() {
    asked_again(StatusCode::UNSPEC_FAIL);
}

#[test]
fn ce_1_2_9_h_use_multicast_is_asked_again() {
    asked_again(StatusCode::USE_MULTICAST);
}

fn starts_over(status: StatusCode) {
    over_seeds(SEEDS, |seed| {
        let mut world = world(seed, PREFIX);
        world.server().dials.request_status = Some(status);
        world.start();
        world.run_until_sent(Request, 1, seconds(3));
        let solicits = count(&world, Solicit);
        world.run_until_sent(Solicit, solicits + 1, seconds(3));
    });
}

#[test]
fn ce_1_2_9_i_not_on_link_starts_over() {
    starts_over(StatusCode::NOT_ON_LINK);
}

#[test]
fn ce_1_2_9_j_no_prefix_avail_starts_over() {
    starts_over(StatusCode::NO_PREFIX_AVAIL);
}

fn no_binding(extend: fn(&mut World)) {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().dials.forget_prefixes = true;
        extend(&mut world);
        assert_eq!(count(&world, Request), 2);
        let (renews, rebinds) = (count(&world, Renew), count(&world, Rebind));
        assert_eq!(PREFIX.held(&world).len(), 1);
        world.run_for(seconds(20));
        assert_eq!((count(&world, Renew), count(&world, Rebind)), (renews, rebinds));
    });
}

#[test]
fn ce_1_2_9_k_no_binding_after_renew_requests() {
    no_binding(|world| run_to(world, Renew));
}

#[test]
fn ce_1_2_9_l_no_binding_after_rebind_requests() {
    no_binding(rebind);
}

#[test]
fn ce_1_2_9_m_no_association_after_renew_renews_again() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().dials.omit_prefixes = true;
        run_to(&mut world, Renew);
        world.run_for(seconds(12));
        assert_eq!((count(&world, Renew), PREFIX.held(&world).len()), (2, 1));
    });
}

#[test]
fn ce_1_2_9_n_no_association_after_rebind_rebinds_again() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().dials.omit_prefixes = true;
        rebind(&mut world);
        world.run_for(seconds(12));
        assert_eq!((count(&world, Rebind), PREFIX.held(&world).len()), (2, 1));
    });
}

#[test]
fn ce_1_2_9_o_no_binding_after_release_ends_it() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, PREFIX);
        world.server().forget();
        world.command(Input::Release);
        world.run_for(seconds(30));
        assert_eq!(count(&world, Release), 1);
    });
}

fn unused_reply(turn: fn(&mut Dials)) {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, PREFIX, Request, false);
        world.server().dials.silent_to.clear();
        turn(&mut world.server().dials);
        world.run_for(seconds(20));
        assert!(PREFIX.held(&world).is_empty());
        assert!(count(&world, Solicit) > 1, "it goes on");
        world.server().dials = Dials::default();
        world.run_until("bound", seconds(60), |world| world.snapshot().ready);
    });
}

#[test]
fn ce_1_2_10_a_an_association_with_t1_beyond_t2() {
    unused_reply(|dials| dials.t1_over_t2 = true);
}

#[test]
fn ce_1_2_10_b_a_prefix_preferred_for_longer_than_it_is_valid() {
    unused_reply(|dials| dials.preferred_over_valid = true);
}

/// A wish for a /56, and what the server gives.
fn given(seed: u64, length: u8) -> World {
    let wish = PrefixRequest { length: Some(56), ..PrefixRequest::any(PD) };
    let config = Config { prefixes: vec![wish], ..PREFIX.config() };
    let server = ServerConfig { prefix_length: length, ..ServerConfig::number(1) };
    let mut world = World::new(seed, config, [server]);
    world.server().dials.ignore_hints = true;
    world.start();
    world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    world
}

fn takes_length(length: u8) {
    over_seeds(SEEDS, |seed| {
        let world = given(seed, length);
        let held = PREFIX.held(&world);
        assert!(held[0].ends_with(&format!("/{length}")));
        assert_eq!(PREFIX.named(&last(&world, Request))[0], held[0], "as advertised");
    });
}

#[test]
fn ce_1_6_5_a_a_longer_prefix_than_wished_for() {
    takes_length(60);
}

#[test]
fn ce_1_6_5_b_a_shorter_prefix_than_wished_for() {
    takes_length(48);
}
