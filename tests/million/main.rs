//! The million in small: four thousand clients, and servers as much slower, so
//! that the times are those of `docs/million.md`; and what a client takes in
//! memory.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(unreachable_pub, dead_code, reason = "the modules are shared with the program")]

mod memory;
mod responder;
mod storm;

use dhc6c_core::time::Duration;

use storm::{Failover, Outcome, Setup, play};

const CLIENTS: u32 = 4_000;
const RATE: u32 = 40;

const fn setup() -> Setup {
    Setup {
        clients: CLIENTS,
        rate: RATE,
        queue: RATE,
        initial_delay: true,
        sol_max_rt: None,
        servers_late: Duration::ZERO,
        failover: None,
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Everybody was bound once, within `limit`, and the surges flattened: after
/// the first minute, timeouts that differ by a tenth spread each of them over
/// six seconds and more.
fn assert_calm(outcome: &Outcome, limit: Duration) {
    assert_eq!(outcome.bound.len(), CLIENTS as usize);
    let took = outcome.bound_share(100);
    assert!(took < limit, "bound after {took:?}");
    let later = outcome.solicits.iter().skip(60).max().copied().unwrap_or(0);
    assert!(later < CLIENTS / 10, "{later} Solicits in a second after the first minute");
    let each = outcome.solicits_sent() / u64::from(CLIENTS);
    assert!(each < 10, "{each} Solicits a client");
}

#[test]
fn tx_04_sol_02_all_are_bound_within_twice_the_last_timeout() {
    let outcome = play(&setup(), 1);
    assert_calm(&outcome, seconds(1100));
    // With the delay, the first Solicits are spread over the first second,
    // and the second ones, which 99 of 100 send, over the next.
    assert!(outcome.peak() <= CLIENTS, "{} Solicits in one second", outcome.peak());
    assert!(outcome.solicits[1] > CLIENTS * 9 / 10, "nobody was answered in the first second");
}

#[test]
fn tx_04_without_the_initial_delay_the_timeouts_alone_spread_the_clients() {
    let outcome = play(&Setup { initial_delay: false, ..setup() }, 1);
    assert_calm(&outcome, seconds(1100));
    assert_eq!(outcome.solicits[0], CLIENTS, "all at once");
}

#[test]
fn sol_12_req_02_the_partner_of_a_dead_server_binds_its_clients() {
    let failover = Failover { dies: seconds(60), takes_over: seconds(90) };
    let outcome = play(&Setup { failover: Some(failover), ..setup() }, 1);
    assert_calm(&outcome, seconds(1100));
}

/// Input: servers that come half an hour after their clients, which know a bound of two minutes
/// for the time between Solicits, or the usual one of an hour (RFC 9915 §7.6, §21.24).
/// Expected: with the low bound everybody is bound earlier, and asks more often.
#[test]
fn base_10_a_low_sol_max_rt_is_an_earlier_end_and_a_flood_until_then() {
    let late = Setup { servers_late: seconds(1800), ..setup() };
    let patient = play(&late, 1);
    let hasty = play(&Setup { sol_max_rt: Some(120), ..late }, 1);
    for outcome in [&patient, &hasty] {
        assert_eq!(outcome.bound.len(), CLIENTS as usize);
        assert!(outcome.bound[0] > seconds(1800), "bound by servers that are not there");
    }
    assert!(hasty.bound_share(100) + seconds(600) < patient.bound_share(100));
    // Without an answer a client sends at 0, 1, 3, 7 … 1023 s, and once more when the servers are
    // there: twelve. Or the first eight of these, one in every two minutes after, and a few when
    // all ask servers at once that are as slow as ever.
    assert!(patient.solicits_sent() < 14 * u64::from(CLIENTS));
    assert!(hasty.solicits_sent() > 18 * u64::from(CLIENTS));
}

/// Input: a failover pair whose clients have no initial delay, or a bound of two minutes between
/// Solicits.
/// Expected: all are bound as calmly.
#[test]
fn sol_12_the_partner_binds_all_clients_however_impatient_they_are() {
    let failover = Failover { dies: seconds(60), takes_over: seconds(90) };
    let pair = Setup { failover: Some(failover), ..setup() };
    let undelayed = Setup { initial_delay: false, ..pair.clone() };
    let hasty = Setup { sol_max_rt: Some(120), ..pair };
    assert_calm(&play(&undelayed, 1), seconds(1100));
    assert_calm(&play(&hasty, 1), seconds(700));
}

#[test]
fn the_same_seed_plays_the_same_storm() {
    let small = Setup { clients: 500, rate: 5, queue: 5, ..setup() };
    let (one, other) = (play(&small, 7), play(&small, 7));
    assert_eq!((one.solicits, one.bound), (other.solicits, other.bound));
    assert_ne!(play(&small, 7).bound, play(&small, 8).bound);
}

/// What a router can spare.
const MOST_MEMORY: u64 = 4096;

#[test]
fn a_bound_client_takes_no_more_than_four_kilobytes() {
    let memory = memory::of_one_client(&setup());
    println!("{memory:?}");
    assert!(memory.bound <= MOST_MEMORY, "{memory:?}");
    assert!(memory.new < memory.bound && memory.bound < memory.peak, "{memory:?}");
}
