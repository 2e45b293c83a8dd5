//! What hooks are told, and what they make of it: a hook knows the leases of
//! the last event it ran for, with their ends, and nothing else.
//!
//! Natural ends need no event, since they were told with the lease. Whatever
//! else changes the leases has to be told at once.

use std::collections::BTreeMap;

use dhc6c_core::desired::{Desired, Lifetimes};
use dhc6c_core::time::Instant;

use crate::server::Lease;

/// Leases in use, with their ends.
pub type Leases = BTreeMap<Lease, Lifetimes>;

/// The hooks of one client, run one after the other.
#[derive(Debug, Default)]
pub struct Hooks {
    /// One hangs until then, and the others wait.
    pub hangs_until: Option<Instant>,
    /// What the last of those that wait is going to be told.
    waiting: Option<Leases>,
    /// What the last one that ran was told.
    seen: Leases,
}

impl Hooks {
    /// The process that runs them begins anew; what waited is gone with it.
    pub fn begin_again(&mut self) {
        self.waiting = None;
    }

    /// An event, with the leases in use right then.
    pub fn hear(&mut self, leases: Leases) {
        self.waiting = Some(leases);
    }

    /// Whether one of them hangs, so that the others wait.
    #[must_use]
    pub fn is_hanging(&self, now: Instant) -> bool {
        self.hangs_until.is_some_and(|until| now < until)
    }

    /// What hooks have been told, at any rate once none hangs any more, are
    /// the leases in use.
    pub fn judge(&mut self, now: Instant, in_use: &Leases) {
        if self.is_hanging(now) {
            return;
        }
        self.hangs_until = None;
        if let Some(leases) = self.waiting.take() {
            self.seen = leases;
        }
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
pub fn in_use(desired: &Desired) -> impl Iterator<Item = (Lease, Lifetimes)> + '_ {
    let addresses = desired.addresses.iter().map(|(address, l)| (Lease::Address(*address), *l));
    let prefixes = desired.unreachable.iter().map(|(prefix, l)| (Lease::Prefix(*prefix), *l));
    addresses.chain(prefixes)
}
