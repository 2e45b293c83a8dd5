//! When messages are sent again: the windows that RFC 9915 §15 leaves, in
//! seconds since the first transmission, for RAND from -0.1 to +0.1. The
//! numbers agree with those the IPv6 Ready test suites print.

use dhc6c_core::engine::Config;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{DhcpOption, MessageType, StatusCode};

use crate::client::{stateless, wants_address, wants_both};
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{World, seconds};

use MessageType::{Decline, InformationRequest, Rebind, Renew, Request, Solicit};

/// Windows for the second transmission and those after it.
type Windows = &'static [(f64, f64)];

const SOLICIT: Windows = &[
    (1.00, 1.10),
    (2.90, 3.41),
    (6.51, 8.26),
    (13.37, 18.45),
    (26.40, 39.84),
    (51.16, 84.77),
    (98.21, 179.11),
    (187.6, 377.2),
];
const REQUEST: Windows = &[
    (0.90, 1.10),
    (2.61, 3.41),
    (5.86, 8.26),
    (12.03, 18.45),
    (23.76, 39.84),
    (46.05, 72.84),
    (73.05, 105.84),
    (100.05, 138.84),
    (127.05, 171.84),
];
const RENEW: Windows = &[
    (9.0, 11.0),
    (26.1, 34.1),
    (58.6, 82.6),
    (120.3, 184.5),
    (237.6, 398.4),
    (460.5, 847.7),
    (883.9, 1507.7),
];
const DECLINE: Windows = &[(0.90, 1.10), (2.61, 3.41), (5.86, 8.26)];
/// As Request, without its upper bound of 30 seconds.
const INFORMATION_REQUEST: Windows =
    &[(0.90, 1.10), (2.61, 3.41), (5.86, 8.26), (12.03, 18.45), (23.76, 39.84), (46.05, 84.77)];

/// The windows are printed with one or two decimals, and milliseconds are
/// cut off at every step.
const ROUNDING: f64 = 0.06;

/// Seconds since the first of the last exchange of this kind, for each one
/// after it.
fn times(world: &World, kind: MessageType) -> Vec<f64> {
    let sent = world.client().sent(kind);
    let last = sent.last().expect("it was sent").message.transaction;
    let exchange: Vec<_> = sent.iter().filter(|sent| sent.message.transaction == last).collect();
    exchange[1..].iter().map(|sent| sent.at.since(exchange[0].at).as_secs_f64()).collect()
}

fn assert_windows(times: &[f64], windows: Windows) {
    assert!(times.len() >= windows.len(), "only {} transmissions", times.len() + 1);
    for (index, (time, (from, to))) in times.iter().zip(windows).enumerate() {
        let allowed = from - ROUNDING..=to + ROUNDING;
        assert!(allowed.contains(time), "transmission {}: {time} not in {allowed:?}", index + 2);
    }
}

/// The pauses once they no longer grow: the bound and its tenth.
fn assert_steady(times: &[f64], from: usize, bound: f64) {
    let pauses: Vec<_> = times.windows(2).skip(from).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.len() >= 2, "too few to tell");
    let allowed = bound * 0.9 - ROUNDING..=bound * 1.1 + ROUNDING;
    for pause in pauses {
        assert!(allowed.contains(&pause), "a pause of {pause} is not in {allowed:?}");
    }
}

/// A world whose servers never answer these.
fn silent(seed: u64, config: Config, server: ServerConfig, kinds: &[MessageType]) -> World {
    let mut world = World::new(seed, config, [server]);
    world.server().dials.silent_to = kinds.iter().copied().collect();
    world.start();
    world
}

#[test]
fn tx_04_tx_05_solicit() {
    over_seeds(200, |seed| {
        let mut world = silent(seed, wants_address(), ServerConfig::number(1), &[Solicit]);
        world.run_for(seconds(40_000));
        let times = times(&world, Solicit);
        assert_windows(&times, SOLICIT);
        assert!(times[0] > 1.0, "the first timeout is longer than a second: {}", times[0]);
        assert_steady(&times, 13, 3600.0);
    });
}

#[test]
fn tx_04_the_whole_window_is_used() {
    if std::env::var_os("SEED").is_some() {
        return;
    }
    let (shortest, longest) = (std::cell::Cell::new(f64::MAX), std::cell::Cell::new(0.0_f64));
    over_seeds(200, |seed| {
        let mut world = silent(seed, wants_address(), ServerConfig::number(1), &[Request]);
        world.run_until_sent(Request, 2, seconds(5));
        let first = times(&world, Request)[0];
        shortest.set(shortest.get().min(first));
        longest.set(longest.get().max(first));
    });
    assert!(shortest.get() < 0.91 && longest.get() > 1.09, "{shortest:?} to {longest:?}");
}

#[test]
fn tx_04_req_02_request_ten_times() {
    over_seeds(200, |seed| {
        let mut world = silent(seed, wants_both(), ServerConfig::number(1), &[Request]);
        world.run_until_sent(Solicit, 2, seconds(300));
        let times = times(&world, Request);
        assert_windows(&times, REQUEST);
        assert_eq!(times.len(), 9, "ten transmissions");
        // The tenth has its time to be answered as well.
        let sent = &world.client().sent;
        let wait = sent[11].at.since(sent[10].at);
        let allowed = Duration::from_secs(27)..=Duration::from_secs(33);
        assert!(allowed.contains(&wait), "given up after {wait:?}");
    });
}

#[test]
fn tx_04_ren_04_renew() {
    over_seeds(200, |seed| {
        let server = ServerConfig::number(1).times(100, 20_000, 30_000, 40_000);
        let mut world = silent(seed, wants_both(), server, &[Renew]);
        world.run_until_sent(Rebind, 1, seconds(20_010));
        assert_windows(&times(&world, Renew), RENEW);
        assert_steady(&times(&world, Renew), 7, 600.0);
    });
}

#[test]
fn tx_04_reb_02_rebind() {
    over_seeds(200, |seed| {
        let server = ServerConfig::number(1).times(100, 200, 30_000, 40_000);
        let mut world = silent(seed, wants_both(), server, &[Renew, Rebind]);
        world.run_for(seconds(20_000));
        assert_windows(&times(&world, Rebind), RENEW);
        assert_steady(&times(&world, Rebind), 7, 600.0);
    });
}

#[test]
fn tx_04_inf_02_information_request() {
    over_seeds(200, |seed| {
        let mut world = silent(seed, stateless(), ServerConfig::number(1), &[InformationRequest]);
        world.run_for(seconds(40_000));
        let times = times(&world, InformationRequest);
        assert_windows(&times, INFORMATION_REQUEST);
        assert_steady(&times, 14, 3600.0);
    });
}

#[test]
fn tx_04_dec_01_decline() {
    over_seeds(200, |seed| {
        let mut world = silent(seed, wants_address(), ServerConfig::number(1), &[Decline]);
        world.clients[0].kernel.taken.insert("2001:db8:1::1000".parse().expect("an address"));
        world.run_until_sent(Solicit, 2, seconds(60));
        assert_windows(&times(&world, Decline), DECLINE);
        assert_eq!(times(&world, Decline).len(), 3, "four transmissions");
    });
}

/// Solicits of a client whose servers advertise nothing but these bounds.
fn bounded(seed: u64, bounds: &[u32]) -> Vec<f64> {
    let server = |number: usize| {
        let bound = DhcpOption::SolMaxRt(bounds[(number - 1) % bounds.len()]);
        ServerConfig::number(u8::try_from(number).expect("two servers")).option(bound)
    };
    let mut world = World::new(seed, wants_address(), [server(1), server(2)]);
    for server in &mut world.servers {
        server.model.dials.advertise_status = Some(StatusCode::NO_ADDRS_AVAIL);
    }
    world.start();
    world.run_for(seconds(30_000));
    assert_eq!(world.client().sent(Request).len(), 0);
    times(&world, Solicit)
}

#[test]
fn sol_09_sol_11_sol_max_rt_of_a_refusal_bounds_solicit() {
    over_seeds(20, |seed| {
        for bound in [60, 300, 400] {
            let times = bounded(seed, &[bound]);
            // An Advertise that is ignored leaves the timer as it is.
            assert_windows(&times[..5], &SOLICIT[..5]);
            assert_steady(&times, 9, f64::from(bound));
        }
    });
}

#[test]
fn sol_11_sol_max_rt_outside_of_its_bounds_is_ignored() {
    over_seeds(20, |seed| {
        for bound in [0, 45, 59, 86_401, 87_000, u32::MAX] {
            let times = bounded(seed, &[bound]);
            assert_windows(&times, SOLICIT);
            assert_steady(&times, 13, 3600.0);
        }
    });
}

#[test]
fn sol_10_servers_that_disagree_about_sol_max_rt_leave_the_default() {
    over_seeds(20, |seed| {
        assert_steady(&bounded(seed, &[300, 600]), 13, 3600.0);
        assert_steady(&bounded(seed, &[300, 300]), 11, 300.0);
    });
}

#[test]
fn sol_11_sol_max_rt_of_a_reply_is_kept() {
    over_seeds(20, |seed| {
        let server = ServerConfig::number(1).option(DhcpOption::SolMaxRt(120));
        let mut world = World::bound(seed, wants_both(), [server]);
        world.server().dials.silent = true;
        world.run_for(seconds(30_000));
        assert_steady(&times(&world, Solicit), 9, 120.0);
    });
}

#[test]
fn inf_05_inf_max_rt_bounds_information_request() {
    over_seeds(20, |seed| {
        for (bound, steady) in [(60, 60.0), (45, 3600.0), (87_000, 3600.0)] {
            let server = ServerConfig::number(1).option(DhcpOption::InfMaxRt(bound));
            let mut world = World::new(seed, stateless(), [server]);
            world.server().dials.inform_status = Some(StatusCode::UNSPEC_FAIL);
            world.start();
            world.run_for(seconds(30_000));
            assert_steady(&times(&world, InformationRequest), 14, steady);
        }
    });
}
