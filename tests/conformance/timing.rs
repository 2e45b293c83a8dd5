//! Cases 1.1.7 to 1.1.14: when each message is sent, how often, and until
//! when.

use dhc6c_core::engine::{Event, Input};
use dhc6c_core::wire::{Ia, MessageType, code};

use crate::case::{
    ANSWERED, Ask, REQUEST, SEEDS, T1, T2, assert_cap, assert_common, assert_windows, bound,
    bound_for, count, exchange, flap, has, last, reach, times,
};
use crate::grammar::requested;
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::seconds;

use MessageType::{Confirm, Decline, Rebind, Release, Renew, Request, Solicit};

const SOLICIT: &[(f64, f64)] = &[
    (1.00, 1.10),
    (2.90, 3.41),
    (6.51, 8.26),
    (13.37, 18.45),
    (26.40, 39.84),
    (51.16, 84.77),
    (98.21, 179.11),
    (187.6, 377.2),
];
const EXTEND: &[(f64, f64)] = &[
    (9.0, 11.0),
    (26.1, 34.1),
    (58.6, 82.6),
    (120.3, 184.5),
    (237.6, 398.4),
    (460.5, 847.7),
    (883.9, 1507.7),
];
const CONFIRM: &[(f64, f64)] = &[(0.90, 1.10), (2.61, 3.41), (5.86, 7.81)];
const FAREWELL: &[(f64, f64)] = &[(0.90, 1.10), (2.61, 3.41), (5.86, 8.26)];

/// A server whose leases last so long that a Renew or Rebind reaches its
/// longest pause.
fn patient() -> ServerConfig {
    ServerConfig::number(1).times(50, 8000, 15_000, 20_000)
}

#[test]
fn ce_1_1_7_a_solicit_format() {
    over_seeds(SEEDS, |seed| {
        let solicit = last(&bound(seed, Ask::Address), Solicit);
        assert_common(&solicit);
        assert!(has(&solicit, code::IA_NA) && has(&solicit, code::ORO));
        assert!(requested(&solicit).contains(&code::DNS_SERVERS));
        assert_eq!(solicit.server_ids().count(), 0);
    });
}

#[test]
fn ce_1_1_7_b_solicit_retransmission() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Solicit, false);
        world.run_for(seconds(30_000));
        let sent = exchange(&world, Solicit);
        assert_windows(&sent, SOLICIT);
        assert_cap(&sent, 3240.0, 3960.0);
        assert_eq!(sent.len(), count(&world, Solicit), "one transaction");
    });
}

#[test]
fn ce_1_1_8_a_an_advertise_before_the_first_timeout_waits() {
    over_seeds(SEEDS, |seed| {
        let world = reach(seed, Ask::Address, Request, true);
        let (solicit, request) =
            (world.client().sent(Solicit)[0].at, world.client().sent(Request)[0].at);
        let waited = request.since(solicit).as_secs_f64();
        assert!((1.0..=1.1).contains(&waited), "{waited}");
    });
}

#[test]
fn ce_1_1_8_b_an_advertise_after_the_first_timeout_is_taken_at_once() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Solicit, false);
        world.run_for(seconds(2));
        world.server().dials.silent_to.clear();
        world.run_until_sent(Request, 1, seconds(10));
        let (solicit, request) =
            (world.client().sent(Solicit).last().unwrap().at, world.client().sent(Request)[0].at);
        assert!(request.since(solicit) < ANSWERED);
    });
}

#[test]
fn ce_1_1_9_a_request_format() {
    over_seeds(SEEDS, |seed| {
        let request = last(&bound(seed, Ask::Address), Request);
        assert_common(&request);
        assert!(has(&request, code::SERVERID) && has(&request, code::IA_NA));
        assert!(requested(&request).contains(&code::DNS_SERVERS));
        assert_ne!(request.transaction, last(&bound(seed, Ask::Address), Solicit).transaction);
    });
}

#[test]
fn ce_1_1_9_b_request_retransmission() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Request, false);
        world.run_for(seconds(200));
        assert_windows(&exchange(&world, Request), REQUEST);
    });
}

#[test]
fn ce_1_1_9_c_ten_requests_and_no_more() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Request, false);
        let first = last(&world, Request).transaction;
        world.server().dials.silent = true;
        world.run_for(seconds(400));
        let tens: Vec<_> = world.client().sent(Request);
        assert_eq!(tens.iter().filter(|sent| sent.message.transaction == first).count(), 10);
        assert_eq!(tens.len(), 10);
        assert!(count(&world, Solicit) > 1, "discovery starts over");
    });
}

#[test]
fn ce_1_1_10_a_confirm_format_and_delay() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, Ask::Address);
        let held = Ask::Address.held(&world);
        flap(&mut world);
        let up = world.now;
        world.run_until_sent(Confirm, 1, seconds(2));
        assert!(world.now.since(up) <= seconds(1), "CNF_MAX_DELAY");
        let confirm = last(&world, Confirm);
        assert_common(&confirm);
        assert_eq!(Ask::Address.named(&confirm), held);
        let zero = confirm.ia_nas().all(|ia| ia.t1.is_zero() && ia.t2.is_zero());
        let ended = |lease: &dhc6c_core::wire::IaAddress| {
            lease.preferred.is_zero() && lease.valid.is_zero()
        };
        assert!(zero && confirm.ia_nas().flat_map(Ia::addresses).all(ended));
        assert_eq!(confirm.server_ids().count(), 0);
    });
}

#[test]
fn ce_1_1_10_b_confirm_retransmission() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Confirm, false);
        world.run_for(seconds(20));
        let sent = exchange(&world, Confirm);
        assert_windows(&sent, CONFIRM);
        // The pause that reaches CNF_MAX_RT; the one before it may be the
        // last that fits the ten seconds.
        let times = times(&sent);
        let capped = times.windows(2).skip(2).map(|pair| pair[1] - pair[0]);
        for pause in capped {
            assert!((3.6..=4.4).contains(&pause), "{times:?}");
        }
    });
}

#[test]
fn ce_1_1_10_c_no_confirm_after_ten_seconds() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Confirm, false);
        world.run_for(seconds(40));
        let late = times(&exchange(&world, Confirm)).into_iter().any(|time| time >= 10.0);
        assert!(!late && count(&world, Confirm) >= 3);
    });
}

#[test]
fn ce_1_1_10_d_addresses_are_used_on_without_an_answer() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, Ask::Address);
        let held = Ask::Address.held(&world);
        world.server().dials.silent_to = [Confirm].into();
        flap(&mut world);
        world.run_for(seconds(15));
        assert_eq!(Ask::Address.held(&world), held);
        world.run_until_sent(Renew, 1, seconds(T1));
    });
}

/// After a Confirm the options of before are used on.
fn stays_after_confirm(shown: fn(&crate::world::World) -> Vec<String>) {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, Ask::Address);
        let before = shown(&world);
        assert!(!before.is_empty());
        flap(&mut world);
        world.run_until_sent(Confirm, 1, seconds(2));
        world.run_for(seconds(2));
        assert_eq!(shown(&world), before);
    });
}

#[test]
fn ce_1_1_10_e_name_servers_are_used_on_after_confirm() {
    stays_after_confirm(|world| {
        world.snapshot().options.dns.iter().map(ToString::to_string).collect()
    });
}

#[test]
fn ce_1_1_10_f_the_search_list_is_used_on_after_confirm() {
    stays_after_confirm(|world| {
        world.snapshot().options.domains.iter().map(ToString::to_string).collect()
    });
}

#[test]
fn ce_1_1_11_a_renew_at_t1() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, Ask::Address);
        let request = world.client().sent(Request)[0].at;
        world.run_until_sent(Renew, 1, seconds(T1 + 1));
        let waited = world.now.since(request).as_secs_f64();
        assert!((50.0..50.1).contains(&waited), "{waited}");
        let renew = last(&world, Renew);
        assert_common(&renew);
        assert!(has(&renew, code::SERVERID) && has(&renew, code::ORO));
        assert_eq!(Ask::Address.named(&renew), Ask::Address.held(&world));
    });
}

#[test]
fn ce_1_1_11_b_renew_retransmission() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound_for(seed, Ask::Address, patient());
        world.server().dials.silent = true;
        world.run_for(seconds(7900));
        let sent = exchange(&world, Renew);
        assert_windows(&sent, EXTEND);
        assert_cap(&sent, 540.0, 660.0);
    });
}

#[test]
fn ce_1_1_11_c_no_renew_after_t2() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Rebind, false);
        let renews = count(&world, Renew);
        world.run_for(seconds(100));
        assert_eq!(count(&world, Renew), renews);
        let last_renew = world.client().sent(Renew).last().unwrap().at;
        assert!(last_renew < world.client().sent(Rebind)[0].at);
    });
}

#[test]
fn ce_1_1_12_a_rebind_at_t2() {
    over_seeds(SEEDS, |seed| {
        let world = reach(seed, Ask::Address, Rebind, true);
        let request = world.client().sent(Request)[0].at;
        let waited = world.client().sent(Rebind)[0].at.since(request).as_secs_f64();
        assert!((80.0..80.1).contains(&waited), "T2 is {T2}: {waited}");
        let rebind = last(&world, Rebind);
        assert_common(&rebind);
        assert_eq!(rebind.server_ids().count(), 0);
        assert_eq!(Ask::Address.named(&rebind), Ask::Address.held(&world));
    });
}

#[test]
fn ce_1_1_12_b_rebind_retransmission() {
    over_seeds(SEEDS, |seed| {
        let server = ServerConfig::number(1).times(50, 80, 15_000, 20_000);
        let mut world = bound_for(seed, Ask::Address, server);
        world.server().dials.silent = true;
        world.run_for(seconds(8000));
        let sent = exchange(&world, Rebind);
        assert_windows(&sent, EXTEND);
        assert_cap(&sent, 540.0, 660.0);
    });
}

#[test]
fn ce_1_1_12_c_no_rebind_after_the_valid_lifetime() {
    over_seeds(SEEDS, |seed| {
        let server = ServerConfig::number(1).times(50, 80, 250, 300);
        let mut world = bound_for(seed, Ask::Address, server);
        world.server().dials.silent = true;
        world.run_until_sent(Solicit, 2, seconds(302));
        let rebinds = count(&world, Rebind);
        assert!(Ask::Address.held(&world).is_empty());
        world.run_for(seconds(1000));
        assert_eq!(count(&world, Rebind), rebinds);
    });
}

#[test]
fn ce_1_1_13_a_release_format() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, Ask::Address);
        let held = Ask::Address.held(&world);
        world.command(Input::Release);
        let release = last(&world, Release);
        assert_common(&release);
        assert!(has(&release, code::SERVERID));
        assert_eq!(Ask::Address.named(&release), held);
    });
}

#[test]
fn ce_1_1_13_b_the_address_is_not_used_any_more() {
    over_seeds(SEEDS, |seed| {
        // The oracle refuses a Release of what is in use.
        let world = reach(seed, Ask::Address, Release, true);
        assert!(Ask::Address.held(&world).is_empty());
        assert!(world.client().has_told(&Event::Unbound));
    });
}

#[test]
fn ce_1_1_13_c_release_retransmission() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Release, false);
        world.run_for(seconds(40));
        assert_windows(&exchange(&world, Release), FAREWELL);
    });
}

/// The suite, of RFC 3315, expects five; RFC 9915 §7.6 says four.
#[test]
fn ce_1_1_13_d_four_releases_and_no_more() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Release, false);
        world.run_for(seconds(300));
        assert_eq!(count(&world, Release), 4);
    });
}

#[test]
fn ce_1_1_13_e_a_reply_ends_the_release() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Release, true);
        world.run_for(seconds(60));
        assert_eq!(count(&world, Release), 1);
    });
}

#[test]
fn ce_1_1_13_f_elapsed_time_of_every_release() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Release, false);
        world.run_for(seconds(40));
        // It is compared with the time of every transmission there.
        assert_windows(&exchange(&world, Release), FAREWELL);
    });
}

#[test]
fn ce_1_1_14_a_decline_format() {
    over_seeds(SEEDS, |seed| {
        let world = reach(seed, Ask::Address, Decline, true);
        let decline = last(&world, Decline);
        assert_common(&decline);
        assert!(has(&decline, code::SERVERID) && !has(&decline, code::IA_PD));
        assert_eq!(Ask::Address.named(&decline), ["2001:db8:1::1000"]);
    });
}

#[test]
fn ce_1_1_14_b_the_address_is_not_used() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Decline, true);
        assert!(Ask::Address.held(&world).is_empty());
        world.run_until("another one", seconds(20), |world| world.snapshot().ready);
        assert_ne!(Ask::Address.held(&world), ["2001:db8:1::1000"]);
    });
}

#[test]
fn ce_1_1_14_c_decline_retransmission() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Decline, false);
        world.run_for(seconds(40));
        assert_windows(&exchange(&world, Decline), FAREWELL);
    });
}

/// As for Release: four, not five.
#[test]
fn ce_1_1_14_d_four_declines_and_no_more() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Decline, false);
        world.server().dials.silent = true;
        world.run_for(seconds(300));
        assert_eq!(count(&world, Decline), 4);
    });
}

#[test]
fn ce_1_1_14_e_a_reply_ends_the_decline() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Decline, true);
        world.run_for(seconds(10));
        assert_eq!(count(&world, Decline), 1);
    });
}
