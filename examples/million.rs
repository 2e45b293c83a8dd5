//! A million clients after a power cut (`tests/million`), and what came of
//! it as a page and a chart.
//!
//! ```text
//! million DIRECTORY [CLIENTS]     writes million.md and million.svg there
//! ```
//!
//! With fewer clients the servers are slower in proportion, so that the
//! times stay.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a program, not a library")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "it stops where it fails")]

#[path = "million/chart.rs"]
mod chart;
#[path = "../tests/million/memory.rs"]
mod memory;
#[path = "million/report.rs"]
mod report;
#[path = "../tests/million/responder.rs"]
mod responder;
#[path = "../tests/million/storm.rs"]
mod storm;

use std::path::PathBuf;
use std::time::Instant;
use std::{env, fs, thread};

use dhc6c_core::time::Duration;

use report::Run;
use storm::{Failover, Setup, play};

/// A server answers a hundredth of the million in a second.
const RATE_DIVISOR: u32 = 100;
const SEED: u64 = 1;

fn main() {
    let mut arguments = env::args().skip(1);
    let directory: PathBuf = arguments.next().expect("usage: million DIRECTORY [CLIENTS]").into();
    let clients = arguments.next().map_or(1_000_000, |count| count.parse().expect("a number"));
    let runs = run_all(setups(clients));
    let memory = memory::of_one_client(&runs[0].setup);
    fs::write(directory.join("million.svg"), chart::draw(&runs)).expect("the chart is written");
    let page = report::page(&runs, memory);
    fs::write(directory.join("million.md"), page).expect("the page is written");
}

/// What is tried, each against the first.
fn setups(clients: u32) -> Vec<(&'static str, Setup)> {
    let rate = clients / RATE_DIVISOR;
    let seconds = Duration::from_secs;
    let first = Setup {
        clients,
        rate,
        queue: rate,
        initial_delay: true,
        sol_max_rt: None,
        servers_late: Duration::ZERO,
        failover: None,
    };
    let failover = Failover { dies: seconds(60), takes_over: seconds(90) };
    let pair = Setup { failover: Some(failover), ..first.clone() };
    let late = Setup { servers_late: seconds(1800), ..first.clone() };
    vec![
        ("as RFC 9915 says", first.clone()),
        ("no initial delay", Setup { initial_delay: false, ..first.clone() }),
        ("SOL_MAX_RT 120 s", Setup { sol_max_rt: Some(120), ..first }),
        ("failover pair", pair.clone()),
        ("failover pair, no initial delay", Setup { initial_delay: false, ..pair.clone() }),
        ("failover pair, SOL_MAX_RT 120 s", Setup { sol_max_rt: Some(120), ..pair }),
        ("servers late", late.clone()),
        ("servers late, SOL_MAX_RT 120 s", Setup { sol_max_rt: Some(120), ..late }),
    ]
}

/// Plays all of them, every second one in a thread of its own.
fn run_all(setups: Vec<(&'static str, Setup)>) -> Vec<Run> {
    let (even, odd): (Vec<_>, Vec<_>) =
        setups.into_iter().enumerate().partition(|(place, _)| place.is_multiple_of(2));
    let all = |setups: Vec<_>| -> Vec<(usize, Run)> {
        setups.into_iter().map(|(place, setup)| (place, run(setup))).collect()
    };
    let mut runs = thread::scope(|scope| {
        let even = scope.spawn(|| all(even));
        let mut runs = all(odd);
        runs.extend(even.join().expect("it was played"));
        runs
    });
    runs.sort_by_key(|(place, _)| *place);
    runs.into_iter().map(|(_, run)| run).collect()
}

fn run((name, setup): (&'static str, Setup)) -> Run {
    eprintln!("{name}: {} clients", setup.clients);
    let began = Instant::now();
    let mut outcome = None;
    let memory = allocation_counter::measure(|| outcome = Some(play(&setup, SEED))).bytes_max;
    let outcome = outcome.expect("it was played");
    Run { name, setup, outcome, memory, took: began.elapsed() }
}
