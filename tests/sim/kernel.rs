//! The model kernel: does what is desired, step by step, and runs duplicate
//! address detection on every new address.
//!
//! It never ends a lifetime by itself, so that an address the engine forgets
//! to withdraw stays and is seen by the oracles.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use dhc6c_core::desired::{Actual, Desired, Step, diff, enter};

/// What a kernel and a resolver hold of one client.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    /// Everything that was applied.
    pub actual: Actual,
    /// Addresses that other hosts on the link have.
    pub taken: BTreeSet<Ipv6Addr>,
    /// Which detection goes on for which address.
    tentative: BTreeMap<Ipv6Addr, u64>,
    /// Addresses whose detection passed.
    usable: BTreeSet<Ipv6Addr>,
    /// Addresses whose detection failed.
    duplicate: BTreeSet<Ipv6Addr>,
    detections: u64,
}

/// A detection under way; it counts only while its address stays.
#[derive(Clone, Copy, Debug)]
pub struct Detection {
    /// The address.
    pub address: Ipv6Addr,
    number: u64,
}

/// How a detection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nobody else has the address.
    Usable,
    /// Somebody has.
    Duplicate,
}

impl Kernel {
    /// Makes things look as desired; gives the detections that start.
    pub fn apply(&mut self, desired: &Desired) -> Vec<Detection> {
        let steps = diff(desired, &self.actual);
        steps.iter().filter_map(|step| self.carry_out(step)).collect()
    }

    fn carry_out(&mut self, step: &Step) -> Option<Detection> {
        enter(&mut self.actual, step);
        match *step {
            Step::AddAddress(address, _) => {
                self.detections += 1;
                self.tentative.insert(address, self.detections);
                Some(Detection { address, number: self.detections })
            }
            Step::RemoveAddress(address) => {
                self.tentative.remove(&address);
                self.usable.remove(&address);
                self.duplicate.remove(&address);
                None
            }
            _ => None,
        }
    }

    /// Ends a detection; `None` where its address went away meanwhile.
    pub fn finish(&mut self, detection: Detection) -> Option<Verdict> {
        let Detection { address, number } = detection;
        if self.tentative.get(&address) != Some(&number) {
            return None;
        }
        self.tentative.remove(&address);
        if self.taken.contains(&address) {
            self.duplicate.insert(address);
            return Some(Verdict::Duplicate);
        }
        self.usable.insert(address);
        Some(Verdict::Usable)
    }

    /// Somebody else's hand removes an address.
    pub fn lose(&mut self, address: Ipv6Addr) {
        self.carry_out(&Step::RemoveAddress(address));
    }

    /// The machine goes down; what other hosts have stays.
    pub fn reboot(&mut self) {
        let Self { taken, detections, .. } = core::mem::take(self);
        *self = Self { taken, detections, ..Self::default() };
    }

    /// Addresses fit for traffic.
    pub const fn usable(&self) -> &BTreeSet<Ipv6Addr> {
        &self.usable
    }

    /// How the detections have ended of the addresses that are there.
    pub fn verdicts(&self) -> Vec<(Ipv6Addr, Verdict)> {
        let usable = self.usable.iter().map(|address| (*address, Verdict::Usable));
        usable.chain(self.duplicate.iter().map(|address| (*address, Verdict::Duplicate))).collect()
    }

    /// True while a detection goes on.
    pub fn is_detecting(&self) -> bool {
        !self.tentative.is_empty()
    }

    /// Nothing of the client is left.
    pub fn is_empty(&self) -> bool {
        self.actual == Actual::default()
    }
}
