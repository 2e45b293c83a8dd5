//! What hooks are told, and what they make of it: a hook knows the leases of
//! the last event it ran for, with their ends, and nothing else.
//!
//! Natural ends need no event, since they were told with the lease. Whatever
//! else changes the leases has to be told at once.

use std::collections::{BTreeMap, VecDeque};

use dhc6c_core::desired::{Desired, Lifetimes};
use dhc6c_core::time::Instant;

use crate::server::Lease;

/// Events that say what has come or gone; each counts.
const LASTING: [&str; 6] =
    ["started", "bound", "prefix-replaced", "unbound", "stopped", "dad-failed"];

/// Leases in use, with their ends.
pub type Leases = BTreeMap<Lease, Lifetimes>;

/// The hooks of one client, run one after the other.
#[derive(Debug, Default)]
pub struct Hooks {
    /// One hangs until then, and the others wait.
    pub hangs_until: Option<Instant>,
    waiting: VecDeque<(&'static str, Leases)>,
    /// What the last one that ran was told.
    seen: Leases,
    /// How many that count have been told, and have run.
    lasting: (usize, usize),
}

impl Hooks {
    /// The process that runs them begins anew; what waited is gone with it.
    pub fn begin_again(&mut self) {
        self.waiting.clear();
        self.lasting = (0, 0);
    }

    /// An event, with the leases in use right then. Of those that only say how
    /// things are, the latest is enough.
    pub fn hear(&mut self, event: &'static str, leases: Leases) {
        if LASTING.contains(&event) {
            self.lasting.0 += 1;
        } else {
            self.waiting.retain(|(waiting, _)| *waiting != event);
        }
        self.waiting.push_back((event, leases));
    }

    /// What hooks have been told, at any rate once none hangs any more, are
    /// the leases in use.
    pub fn judge(&mut self, now: Instant, in_use: &Leases) {
        if self.hangs_until.is_some_and(|until| now < until) {
            return;
        }
        self.hangs_until = None;
        while let Some((event, leases)) = self.waiting.pop_front() {
            self.lasting.1 += usize::from(LASTING.contains(&event));
            self.seen = leases;
        }
        assert_eq!(self.lasting.0, self.lasting.1, "an event that counts is lost on hooks");
        for (lease, lifetimes) in in_use {
            let seen = self.seen.get(lease);
            assert!(seen.is_some(), "hooks were not told of {lease:?}");
            assert_eq!(seen, Some(lifetimes), "hooks were told other lifetimes of {lease:?}");
        }
        let gone = self.seen.iter().filter(|(lease, _)| !in_use.contains_key(lease));
        for (lease, lifetimes) in gone {
            assert!(lifetimes.valid.is_over(now), "hooks were not told that {lease:?} is gone");
        }
    }
}

/// All in a wanted state that may be leased.
#[must_use]
pub fn in_use(desired: &Desired) -> Leases {
    let addresses = desired.addresses.iter().map(|(address, l)| (Lease::Address(*address), *l));
    let prefixes = desired.unreachable.iter().map(|(prefix, l)| (Lease::Prefix(*prefix), *l));
    addresses.chain(prefixes).collect()
}
