//! The IPv4 lease on the device that is named for it: an address, and routes
//! by way of the device.
//!
//! It is one thing to those who want it and several objects in the kernel, so
//! it is brought about anew as a whole: what is surplus goes, and what is
//! there already stays.

use std::collections::BTreeMap;

use dhc6c_core::desired::{Ipv4, Lifetimes};
use dhc6c_core::time::{Instant, Until};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use super::super::error::Error;
use super::super::journal::Entry;
use super::super::netlink::Ipv4Route;
use super::{Kernel, RoutePlace};

impl Kernel {
    /// True when the lease is on this interface, or is to be.
    pub(crate) fn has_ipv4_on(&self, index: u32) -> bool {
        self.actual.ipv4.as_ref().and_then(|ipv4| index_of(&ipv4.device)) == Some(index)
    }

    /// Gives the device this lease, and takes every other from it.
    pub(super) fn set_ipv4(
        &mut self,
        ipv4: &Ipv4,
        now: Instant,
        errors: &mut Vec<Error>,
    ) -> Result<bool, Error> {
        let Some(interface) = index_of(&ipv4.device) else {
            // It may have been on another one.
            self.actual.ipv4 = Some(Box::new(remains(now)));
            self.remove_ipv4_but(&[], errors)?;
            let what = format!("cannot set address {}", ipv4.address);
            return Err(Error::new(what, format!("there is no device {}", ipv4.device)));
        };
        let wanted = self.ipv4_entries(interface, ipv4);
        // Until all of it is there.
        self.actual.ipv4 = Some(Box::new(remains(now)));
        self.remove_ipv4_but(&wanted, errors)?;
        let wish = Lifetimes { preferred: ipv4.valid, valid: ipv4.valid };
        let mut whole = true;
        for entry in wanted {
            if !self.foreign.contains(&entry) {
                whole &= self.add(entry, Some(wish), now, errors)?;
            }
        }
        Ok(whole)
    }

    /// Takes the lease from its device.
    pub(super) fn clear_ipv4(&mut self, errors: &mut Vec<Error>) -> Result<bool, Error> {
        self.remove_ipv4_but(&[], errors).map(|()| true)
    }

    fn remove_ipv4_but(&mut self, wanted: &[Entry], errors: &mut Vec<Error>) -> Result<(), Error> {
        let known = self.journal.entries().chain(self.foreign.iter().copied());
        let is_surplus = |entry: &Entry| entry.is_ipv4() && !wanted.contains(entry);
        let surplus: Vec<_> = known.filter(is_surplus).collect();
        for entry in surplus {
            self.remove(entry, errors)?;
        }
        Ok(())
    }

    /// What of an IPv4 lease could be ours in the kernel: what is where
    /// something of ours was put.
    pub(super) fn read_ipv4(&self, now: Instant) -> Result<BTreeMap<Entry, Lifetimes>, Errno> {
        let mut there = BTreeMap::new();
        let forever = Lifetimes { preferred: Until::Forever, valid: Until::Forever };
        for entry in self.journal.entries().chain(self.foreign.iter().copied()) {
            match entry {
                Entry::Ipv4Address { interface, .. } => {
                    there.extend(self.ipv4_addresses(interface, now)?);
                }
                Entry::Ipv4Route(Ipv4Route { table, .. }) => {
                    let routes = self.netlink.ipv4_routes(table)?;
                    there.extend(routes.into_iter().map(|r| (Entry::Ipv4Route(r), forever)));
                }
                _ => {}
            }
        }
        Ok(there)
    }

    fn ipv4_addresses(
        &self,
        interface: u32,
        now: Instant,
    ) -> Result<Vec<(Entry, Lifetimes)>, Errno> {
        let found = self.netlink.ipv4_addresses(interface)?;
        let entry = |message: &super::AddressMessage| {
            let std::net::IpAddr::V4(address) = message.address? else { return None };
            let entry = Entry::Ipv4Address { interface, address, length: message.prefix_length };
            let preferred = message.preferred.from_start(now);
            Some((entry, Lifetimes { preferred, valid: message.valid.from_start(now) }))
        };
        Ok(found.iter().filter_map(entry).collect())
    }

    /// What there is after the kernel was read: the lease as it was set, or
    /// remains where something of it is missing or of an earlier process.
    pub(super) fn ipv4_after(
        &self,
        there: &BTreeMap<Entry, Lifetimes>,
        now: Instant,
    ) -> Option<Box<Ipv4>> {
        let set = self.actual.ipv4.as_ref();
        if let Some(ipv4) = set
            && let Some(interface) = index_of(&ipv4.device)
            && self.ipv4_entries(interface, ipv4).iter().all(|entry| there.contains_key(entry))
        {
            return Some(ipv4.clone());
        }
        let is_ours = self.journal.entries().any(|entry| entry.is_ipv4());
        (set.is_some() || is_ours).then(|| Box::new(remains(now)))
    }

    /// The objects of the lease that is there, the address first.
    pub(super) fn ipv4_there(&self) -> Vec<Entry> {
        let ipv4 = self.actual.ipv4.as_ref();
        let entries = ipv4.and_then(|ipv4| Some(self.ipv4_entries(index_of(&ipv4.device)?, ipv4)));
        entries.unwrap_or_default()
    }

    fn ipv4_entries(&self, interface: u32, ipv4: &Ipv4) -> Vec<Entry> {
        let RoutePlace { table, metric } = self.routes;
        let Ipv4 { address, length, ref routes, .. } = *ipv4;
        let route = |&route| {
            Entry::Ipv4Route(Ipv4Route { table, interface, route, source: address, metric })
        };
        let address = Entry::Ipv4Address { interface, address, length };
        std::iter::once(address).chain(routes.iter().map(route)).collect()
    }
}

/// Something of ours that is like nothing that can be wanted.
fn remains(now: Instant) -> Ipv4 {
    Ipv4 {
        device: String::new(),
        address: std::net::Ipv4Addr::UNSPECIFIED,
        length: 0,
        valid: Until::At(now),
        routes: Vec::new(),
    }
}

/// The kernel's number for a device of this name, where there is one.
fn index_of(device: &str) -> Option<u32> {
    if_nametoindex(device).ok()
}
