//! Cases 1.1.15 to 1.1.17 and 1.1.21: what an answer does to addresses and
//! options.

use dhc6c_core::engine::Input;
use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::{DhcpOption, MessageType, StatusCode, code};

use crate::case::{
    ANSWERED, Ask, REQUEST, SEEDS, assert_cap, assert_windows, bound, count, exchange, flap, give,
    last, reach, world,
};
use crate::seeds::over_seeds;
use crate::server::Times;
use crate::world::{World, seconds};

use MessageType::{Confirm, Rebind, Release, Renew, Request, Solicit};

const ADDRESS: Ask = Ask::Address;

/// Runs to the next message of this kind and its answer.
fn run_to(world: &mut World, kind: MessageType) {
    let next = count(world, kind) + 1;
    world.run_until_sent(kind, next, seconds(82));
    world.run_for(ANSWERED);
}

/// Makes the server silent until the client rebinds, which is answered.
fn rebind(world: &mut World) {
    world.server().dials.silent_to = [Renew].into();
    run_to(world, Rebind);
}

#[test]
fn ce_1_1_15_an_advertise_without_addresses_is_ignored() {
    over_seeds(SEEDS, |seed| {
        let mut world = world(seed, ADDRESS);
        world.server().dials.advertise_status = Some(StatusCode::NO_ADDRS_AVAIL);
        world.start();
        world.run_for(seconds(30));
        assert_eq!(count(&world, Request), 0);
        assert!(count(&world, Solicit) >= 4, "it goes on to look for servers");
    });
}

#[test]
fn ce_1_1_16_a_t1_and_t2_of_the_reply_count() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        let request = world.client().sent(Request)[0].at;
        world.server().dials.silent = true;
        world.run_until_sent(Rebind, 1, seconds(81));
        let renew = world.client().sent(Renew)[0].at.since(request).as_secs_f64();
        let rebind = world.client().sent(Rebind)[0].at.since(request).as_secs_f64();
        assert!((50.0..50.1).contains(&renew) && (80.0..80.1).contains(&rebind));
    });
}

#[test]
fn ce_1_1_16_b_a_new_address_is_added() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        world.server().dials.extra_leases = 1;
        run_to(&mut world, Renew);
        world.run_for(seconds(3));
        assert_eq!(ADDRESS.held(&world).len(), 2);
    });
}

#[test]
fn ce_1_1_16_c_lifetimes_are_updated() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        world.server().config.times = Times::new(50, 80, 300, 400);
        run_to(&mut world, Renew);
        let left = world.snapshot().addresses[0].valid;
        assert!(left > Lifetime(390) && left <= Lifetime(400), "{left:?}");
    });
}

#[test]
fn ce_1_1_16_d_a_valid_lifetime_of_zero_removes_the_address() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        let held = ADDRESS.held(&world);
        world.server().dials.zero_lifetimes = true;
        world.server().dials.silent_to = [Request].into();
        run_to(&mut world, Renew);
        assert!(!ADDRESS.held(&world).contains(&held[0]));
    });
}

#[test]
fn ce_1_1_16_e_an_address_that_is_not_mentioned_stays() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        world.server().dials.extra_leases = 1;
        run_to(&mut world, Renew);
        world.run_for(seconds(3));
        let both = ADDRESS.held(&world);
        world.server().dials.extra_leases = 0;
        run_to(&mut world, Renew);
        assert_eq!(ADDRESS.held(&world), both);
    });
}

#[test]
fn ce_1_1_16_f_unspec_fail_is_asked_again_at_a_bounded_rate() {
    over_seeds(SEEDS, |seed| {
        let mut world = world(seed, ADDRESS);
        world.server().dials.request_status = Some(StatusCode::UNSPEC_FAIL);
        world.start();
        world.run_until_sent(Request, 10, seconds(200));
        assert_windows(&exchange(&world, Request), REQUEST);
    });
}

/// The suite looks for the Request again; multicast is all there is.
#[test]
fn ce_1_1_16_g_use_multicast_is_asked_again() {
    over_seeds(SEEDS, |seed| {
        let mut world = world(seed, ADDRESS);
        world.server().dials.request_status = Some(StatusCode::USE_MULTICAST);
        world.start();
        world.run_until_sent(Request, 3, seconds(10));
        let sent = exchange(&world, Request);
        assert_eq!(sent.len(), 3, "the original Request");
    });
}

#[test]
fn ce_1_1_16_h_not_on_link_after_request_starts_over() {
    over_seeds(SEEDS, |seed| {
        let mut world = world(seed, ADDRESS);
        world.server().dials.request_status = Some(StatusCode::NOT_ON_LINK);
        world.start();
        world.run_until_sent(Request, 1, seconds(3));
        let solicits = count(&world, Solicit);
        world.run_until_sent(Solicit, solicits + 1, seconds(3));
    });
}

#[test]
fn ce_1_1_16_i_not_on_link_after_confirm_starts_over() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        world.server().dials.confirm_status = Some(StatusCode::NOT_ON_LINK);
        flap(&mut world);
        world.run_until_sent(Solicit, 2, seconds(5));
        assert!(ADDRESS.held(&world).is_empty());
    });
}

#[test]
fn ce_1_1_16_j_success_after_confirm_keeps_the_address() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        let held = ADDRESS.held(&world);
        flap(&mut world);
        world.run_until_sent(Confirm, 1, seconds(2));
        world.run_for(seconds(20));
        assert_eq!(ADDRESS.held(&world), held);
        assert_eq!((count(&world, Confirm), count(&world, Solicit)), (1, 1));
    });
}

/// The server knows no binding; the client requests it.
fn no_binding(extend: fn(&mut World)) {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        world.server().dials.forget_addresses = true;
        extend(&mut world);
        assert_eq!(count(&world, Request), 2, "the binding is requested");
        let (renews, rebinds) = (count(&world, Renew), count(&world, Rebind));
        assert_eq!(ADDRESS.held(&world).len(), 1);
        world.run_for(seconds(20));
        assert_eq!((count(&world, Renew), count(&world, Rebind)), (renews, rebinds));
    });
}

#[test]
fn ce_1_1_16_k_no_binding_after_renew_requests() {
    no_binding(|world| run_to(world, Renew));
}

#[test]
fn ce_1_1_16_l_no_binding_after_rebind_requests() {
    no_binding(rebind);
}

#[test]
fn ce_1_1_16_m_no_association_after_renew_renews_again() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        world.server().dials.omit_addresses = true;
        run_to(&mut world, Renew);
        world.run_for(seconds(12));
        assert_eq!(count(&world, Renew), 2, "before T1 would elapse again");
        assert_eq!(ADDRESS.held(&world).len(), 1);
    });
}

#[test]
fn ce_1_1_16_n_no_association_after_rebind_rebinds_again() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        world.server().dials.omit_addresses = true;
        rebind(&mut world);
        world.run_for(seconds(12));
        assert_eq!(count(&world, Rebind), 2);
        assert_eq!(ADDRESS.held(&world).len(), 1);
    });
}

#[test]
fn ce_1_1_16_o_no_binding_after_release_ends_it() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        world.server().forget();
        world.command(Input::Release);
        world.run_for(seconds(30));
        assert_eq!(count(&world, Release), 1);
    });
}

#[test]
fn ce_1_1_16_p_no_binding_after_decline_ends_it() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, ADDRESS, MessageType::Decline, false);
        world.server().forget();
        world.server().dials.silent_to.clear();
        world.run_for(seconds(30));
        assert_eq!(count(&world, MessageType::Decline), 2, "the second was answered");
    });
}

fn dns(text: &str) -> DhcpOption {
    DhcpOption::DnsServers(vec![text.parse().expect("an address")])
}

fn domains(text: &str) -> DhcpOption {
    DhcpOption::DomainList(vec![text.parse().expect("a name")])
}

/// Name servers and search list as the resolver has them.
fn resolver(world: &World) -> (Vec<String>, Vec<String>) {
    let told = world.client().kernel.actual.resolver.clone().unwrap_or_default();
    let servers = told.servers.iter().map(ToString::to_string).collect();
    (servers, told.domains.iter().map(ToString::to_string).collect())
}

#[test]
fn ce_1_1_17_a_the_name_server_is_used() {
    over_seeds(SEEDS, |seed| {
        assert_eq!(resolver(&bound(seed, ADDRESS)).0, ["2001:db8:1::53"]);
    });
}

#[test]
fn ce_1_1_17_b_the_search_list_is_used() {
    over_seeds(SEEDS, |seed| {
        assert_eq!(resolver(&bound(seed, ADDRESS)).1, ["example.net"]);
    });
}

#[test]
fn ce_1_1_17_c_a_renew_updates_the_name_server() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        give(&mut world, dns("2001:db8::99"));
        run_to(&mut world, Renew);
        assert_eq!(resolver(&world).0, ["2001:db8::99"]);
    });
}

#[test]
fn ce_1_1_17_d_a_renew_updates_the_search_list() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        give(&mut world, domains("other.example"));
        run_to(&mut world, Renew);
        assert_eq!(resolver(&world).1, ["other.example"]);
    });
}

#[test]
fn ce_1_1_17_e_a_rebind_updates_the_name_server() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        give(&mut world, dns("2001:db8::99"));
        rebind(&mut world);
        assert_eq!(resolver(&world).0, ["2001:db8::99"]);
    });
}

#[test]
fn ce_1_1_17_f_a_rebind_updates_the_search_list() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, ADDRESS);
        give(&mut world, domains("other.example"));
        rebind(&mut world);
        assert_eq!(resolver(&world).1, ["other.example"]);
    });
}

#[test]
fn ce_1_1_21_a_sol_max_rt_is_requested() {
    over_seeds(SEEDS, |seed| {
        let solicit = last(&bound(seed, ADDRESS), Solicit);
        assert!(crate::grammar::requested(&solicit).contains(&code::SOL_MAX_RT));
    });
}

/// The longest pause between Solicits after an Advertise with this value.
fn pause_after(value: u32, status: StatusCode, from: f64, to: f64) {
    over_seeds(SEEDS, |seed| {
        let mut world = world(seed, ADDRESS);
        give(&mut world, DhcpOption::SolMaxRt(value));
        world.server().dials.advertise_status = Some(status);
        world.start();
        world.run_for(seconds(5));
        world.server().dials.silent = true;
        world.run_for(seconds(40_000));
        assert_cap(&exchange(&world, Solicit), from, to);
    });
}

#[test]
fn ce_1_1_21_b_sol_max_rt_is_honoured() {
    pause_after(300, StatusCode::NO_PREFIX_AVAIL, 270.0, 330.0);
}

#[test]
fn ce_1_1_21_c_sol_max_rt_of_45_is_ignored() {
    pause_after(45, StatusCode::NO_ADDRS_AVAIL, 3240.0, 3960.0);
}

#[test]
fn ce_1_1_21_d_sol_max_rt_of_87000_is_ignored() {
    pause_after(87_000, StatusCode::NO_ADDRS_AVAIL, 3240.0, 3960.0);
}

#[test]
fn ce_1_1_21_e_sol_max_rt_counts_beside_a_refusal() {
    pause_after(400, StatusCode::NO_ADDRS_AVAIL, 360.0, 440.0);
}
