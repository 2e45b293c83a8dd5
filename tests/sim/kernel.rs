//! The model kernel: does what is desired, step by step, and runs duplicate
//! address detection on every new address.
//!
//! It never ends a lifetime by itself, so that an address the engine forgets
//! to withdraw stays and is seen by the oracles.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use dhc6c_core::desired::{Actual, Desired, Ipv4, Step, diff, enter};
use dhc6c_core::time::{Duration, Until};

/// Lifetimes in the kernel may be so much longer than wanted.
const ROUNDED: Duration = Duration::from_secs(2);

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

    /// Everything is as desired: judged without the product's own [`diff`],
    /// which [`Self::apply`] relies on. Lifetimes may end a little later than
    /// wanted, since a kernel counts whole seconds, but never earlier.
    pub fn judge(&self, desired: &Desired) {
        let actual = &self.actual;
        let is_same = desired.addresses.keys().eq(actual.addresses.keys());
        assert!(is_same, "other addresses than desired: {actual:?}");
        let is_same = desired.unreachable.keys().eq(actual.unreachable.keys());
        assert!(is_same, "other routes than desired: {actual:?}");
        assert_eq!(actual.resolver, desired.resolver, "the resolver knows something else");
        let forever = |ipv4: &Ipv4| Ipv4 { valid: Until::Forever, ..ipv4.clone() };
        let (wanted, there) = (desired.ipv4.as_deref(), actual.ipv4.as_deref());
        assert_eq!(there.map(forever), wanted.map(forever), "another IPv4 lease than desired");

        let pairs = desired.addresses.values().zip(actual.addresses.values());
        let ends = pairs.flat_map(|(wanted, there)| {
            [(wanted.preferred, there.preferred), (wanted.valid, there.valid)]
        });
        let ipv4 = wanted.zip(there).map(|(wanted, there)| (wanted.valid, there.valid));
        for (wanted, there) in ends.chain(ipv4) {
            let latest = wanted.instant().map_or(Until::Forever, |end| Until::At(end + ROUNDED));
            let fits = wanted == there || wanted < there && there < latest;
            assert!(fits, "the kernel ends at {there:?} what ends at {wanted:?}");
        }
    }

    /// Nothing of the client is left.
    pub fn is_empty(&self) -> bool {
        self.actual == Actual::default()
    }
}
