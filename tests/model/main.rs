//! The engine beside a reference model: any history of what may happen to a
//! client, judged by what RFC 9915 says must hold. A history that breaks a
//! rule shrinks to its smallest part.
//!
//! | file | what |
//! |---|---|
//! | `reference/` `schedule.rs` | what must hold, from the RFC alone |
//! | `transition.rs` | what may happen |
//! | `subject.rs` | the engine, and the world of one transition |
//! | `found.rs` | histories that once broke a rule |
//!
//! Engine and reference meet in the public values only. The choices of the
//! engine (jitter, mostly) decide what the reference says next, so histories
//! are not made from its state, as proptest-state-machine would have it: every
//! transition is possible at any time.
//!
//! `PROPTEST_CASES=n` tries more histories, `PROPTEST_RNG_SEED=n` others.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(unreachable_pub, reason = "one program in several files")]

#[allow(dead_code, reason = "shared with the simulation")]
#[path = "../sim/history.rs"]
mod history;

mod found;
mod reference;
mod schedule;
mod subject;
mod transition;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::any;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestError, TestRng, TestRunner};

use reference::Kind;
use subject::{Met, Subject};
use transition::{NAMES, Transition, transitions, wanted};

/// The same histories every time, unless the environment says otherwise. What
/// is found belongs into `found.rs`; no file is written.
fn config() -> Config {
    let config = Config::default();
    let rng_seed = match config.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0),
        fixed => fixed,
    };
    Config { failure_persistence: None, rng_seed, ..config }
}

fn play(seed: u64, wanted: &BTreeSet<Kind>, history: &[Transition]) -> Subject {
    let mut subject = Subject::new(seed, wanted.clone());
    for transition in history {
        subject.apply(transition);
    }
    subject
}

#[test]
fn no_history_breaks_a_rule() {
    let histories = (any::<u64>(), wanted(), transitions());
    let judged = TestRunner::new(config()).run(&histories, |(seed, wanted, history)| {
        play(seed, &wanted, &history);
        Ok(())
    });
    if let Err(TestError::Fail(why, (seed, wanted, history))) = judged {
        panic!("seed {seed}, wanted {wanted:?}:\n{}{why}", story(seed, &wanted, &history));
    }
    judged.expect("the run itself does not fail");
}

/// What happens in a history, as far as it gets.
fn story(seed: u64, wanted: &BTreeSet<Kind>, history: &[Transition]) -> String {
    let mut subject = Subject::new(seed, wanted.clone());
    for transition in history {
        let judged = catch_unwind(AssertUnwindSafe(|| subject.apply(transition)));
        if judged.is_err() {
            break;
        }
    }
    subject.history()
}

/// A history that depends on a number alone.
fn fixed(number: u64) -> (u64, BTreeSet<Kind>, Vec<Transition>) {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config(), rng);
    let history = (any::<u64>(), wanted(), transitions());
    history.new_tree(&mut runner).expect("nothing is rejected").current()
}

#[test]
fn histories_and_what_comes_of_them_depend_on_the_seed_alone() {
    for number in 0..20 {
        let (one, other) = (fixed(number), fixed(number));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        let (one, other) = (play(one.0, &one.1, &one.2), play(other.0, &other.1, &other.2));
        assert_eq!(one.history(), other.history());
        assert_eq!(format!("{:?}", one.reference), format!("{:?}", other.reference));
    }
}

/// What a client can be doing that has to do with leases and goes on.
const STATES: [&str; 10] = [
    "idle",
    "soliciting",
    "requesting",
    "bound",
    "renewing",
    "rebinding",
    "confirming",
    "declining",
    "releasing",
    "informing",
];

#[test]
fn everything_happens_in_every_state() {
    let mut met = Met::new();
    for number in 0..4000 {
        let (seed, wanted, history) = fixed(number);
        for (pair, count) in play(seed, &wanted, &history).met {
            *met.entry(pair).or_default() += count;
        }
    }
    let pairs = NAMES.iter().flat_map(|name| STATES.map(|state| (*name, state)));
    let holes: Vec<_> = pairs.filter(|pair| !met.contains_key(pair)).collect();
    assert_eq!(holes, [], "never met");
}
