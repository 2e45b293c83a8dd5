//! Lives of the simulation in any number (docs/simulation.md).
//!
//! ```text
//! lives COUNT [FIRST]     lives so many, from a seed on; exits with 1 where
//!                         one finds something
//! lives --seed SEED       lives one and prints all that happens in it
//! lives --until-found N   lives N at most, and ends with the first that
//!                         finds something
//! ```
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a life fails")]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "modules of the simulation are shared")]

#[path = "../tests/sim/client.rs"]
mod client;
#[path = "../tests/sim/grammar.rs"]
mod grammar;
#[path = "../tests/sim/history.rs"]
mod history;
#[path = "../tests/sim/hooks.rs"]
mod hooks;
#[path = "../tests/sim/kernel.rs"]
mod kernel;
#[path = "../tests/sim/life/mod.rs"]
mod life;
#[path = "../tests/sim/link.rs"]
mod link;
#[path = "../tests/sim/oracle.rs"]
mod oracle;
#[path = "../tests/sim/router.rs"]
mod router;
#[path = "../tests/sim/server/mod.rs"]
mod server;
#[path = "../tests/sim/shown.rs"]
mod shown;
#[path = "../tests/sim/v4_oracle.rs"]
mod v4_oracle;
#[path = "../tests/sim/world.rs"]
mod world;

use std::process::ExitCode;
use std::time::Instant;

use life::{Failure, Tally};

/// After so many failures more of them say nothing new.
const ENOUGH: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--seed", seed] => {
            life::one(number(seed));
            ExitCode::SUCCESS
        }
        ["--until-found", count] => run(0, number(count), 1),
        [count] => run(0, number(count), ENOUGH),
        [count, first] => run(number(first), number(count), ENOUGH),
        _ => {
            eprintln!("lives: usage: lives COUNT [FIRST] | --seed SEED | --until-found COUNT");
            ExitCode::from(2)
        }
    }
}

fn run(first: u64, count: u64, enough: usize) -> ExitCode {
    let begun = Instant::now();
    let tally = life::many(first, count, enough, tell);
    let Tally { lives, events, failures, coverage } = tally;
    print!("{}", coverage.text());
    let seconds = begun.elapsed().as_secs_f64();
    let found = failures.len();
    println!(
        "{lives} lives from seed {first}, {events} events, {seconds:.1} s, {found} found something"
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(failure: &Failure) {
    let Failure { seed, what } = failure;
    eprintln!("life {seed} finds: {what}; again: make life SEED={seed}");
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| {
        eprintln!("lives: {text}: not a number");
        std::process::exit(2)
    })
}
