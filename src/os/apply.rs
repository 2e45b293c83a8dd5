//! Brings the kernel and the resolver to a desired state.
//!
//! The application calls [`Kernel::apply`] with what is wanted as often as it
//! likes; nothing happens where things are so already. Every object is in the
//! [journal](super::journal) before it is in the kernel, and only what is in
//! the journal is ever changed or removed. Nothing in here knows why
//! something is wanted.

mod ipv4;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv6Addr};

use dhc6c_core::desired::{self, Actual, Desired, Lifetimes, ROUTE_METRIC, Step};
use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::{Instant, Until};
use nix::errno::Errno;

use super::error::Error;
use super::journal::{Entry, Journal};
use super::netlink::{ADDRESS_LENGTH, AddressMessage, Ipv4Route, MAIN_TABLE, Netlink};
use super::patience::{Patience, Verdict};
use super::resolver::{Choice, Resolver};

/// Where the routes of an uplink go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RoutePlace {
    /// The routing table.
    pub(crate) table: u32,
    /// The metric.
    pub(crate) metric: u32,
}

impl Default for RoutePlace {
    fn default() -> Self {
        Self { table: MAIN_TABLE, metric: ROUTE_METRIC }
    }
}

/// What one uplink has in the kernel and in the resolver.
pub(crate) struct Kernel {
    netlink: Netlink,
    interface: String,
    index: u32,
    routes: RoutePlace,
    journal: Journal,
    resolver: Resolver,
    /// What of the wanted things is there.
    actual: Actual,
    /// Those among them that somebody else had installed before us.
    foreign: BTreeSet<Entry>,
    patience: Patience,
    /// Steps are printed, and nothing is changed.
    pretends: bool,
}

impl Kernel {
    /// Connects to the kernel and finds what a former process of ours left
    /// behind; the next [`apply`](Self::apply) removes what is not wanted of
    /// it.
    pub(crate) fn open(
        interface: &str,
        index: u32,
        routes: RoutePlace,
        journal: Journal,
        resolver: Resolver,
        now: Instant,
    ) -> Result<Self, Error> {
        let mut kernel = Self {
            netlink: Netlink::open()?,
            interface: interface.to_owned(),
            index,
            routes,
            journal,
            actual: Actual {
                // Not what was told then, but enough for it to be taken back.
                resolver: resolver.was_told().then(Default::default),
                ..Actual::default()
            },
            resolver,
            foreign: BTreeSet::new(),
            patience: Patience::default(),
            pretends: false,
        };
        kernel.resync(now)?;
        Ok(kernel)
    }

    /// Another program is told of name servers from now on; call
    /// [`apply`](Self::apply) next.
    pub(crate) fn choose_resolver(&mut self, choice: Choice) {
        if self.resolver.choose(choice) {
            self.actual.resolver = None;
        }
    }

    /// From now on steps are printed and nothing is changed.
    pub(crate) fn pretend(&mut self) {
        self.pretends = true;
    }

    /// True when nothing is really changed.
    pub(crate) fn pretends(&self) -> bool {
        self.pretends
    }

    /// Brings about what is wanted. What fails is reported and tried again
    /// with the next call; the rest is done all the same.
    pub(crate) fn apply(&mut self, desired: &Desired, now: Instant) -> Vec<Error> {
        let mut errors = Vec::new();
        for step in desired::diff(desired, &self.actual) {
            if self.pretends {
                println!("{}: would {}", self.interface, in_words(&step));
                desired::enter(&mut self.actual, &step);
                continue;
            }
            let wish = wish(&step, desired);
            if self.carry_out(&step, wish, now, &mut errors) {
                desired::enter(&mut self.actual, &step);
            }
        }
        errors
    }

    /// A device that may be the lease's has come or changed: reads anew what is
    /// there, and forgets who removed what. Call [`apply`](Self::apply) next.
    pub(crate) fn look_again(&mut self, now: Instant) -> Result<(), Error> {
        self.resync(now)?;
        self.patience.renew();
        Ok(())
    }

    /// Reads anew what is there; true when something of ours was removed by
    /// somebody else, so that it is time to apply again.
    pub(crate) fn resync(&mut self, now: Instant) -> Result<bool, Error> {
        if self.pretends {
            return Ok(false);
        }
        self.leave_other_places();
        let there = self.read(now)?;
        let (index, routes) = (self.index, self.routes);
        let stays = |entry: &Entry| there.contains_key(entry) || is_elsewhere(entry, index, routes);
        // What cannot be written now is written with the next change.
        let _ = self.journal.retain(stays);
        self.foreign.retain(|entry| there.contains_key(entry));
        let before = self.entries();
        self.actual.addresses.clear();
        self.actual.unreachable.clear();
        for (&entry, &lifetimes) in &there {
            if !self.journal.contains(&entry) && !self.foreign.contains(&entry) {
                continue;
            }
            match entry {
                Entry::Address { address, .. } => {
                    self.actual.addresses.insert(address, lifetimes);
                }
                Entry::Unreachable { destination, .. } => {
                    self.actual.unreachable.insert(destination, lifetimes);
                }
                Entry::Ipv4Address { .. } | Entry::Ipv4Route(_) => {}
            }
        }
        self.actual.ipv4 = self.ipv4_after(&there, now);
        let mut lost: Vec<_> = before.difference(&self.entries()).copied().collect();
        // A part of an IPv4 lease that is there is not whole, but not lost.
        lost.retain(|entry| !there.contains_key(entry));
        lost.iter().for_each(|&entry| self.patience.lost(entry, now));
        Ok(!lost.is_empty())
    }

    /// The interface has come back, under another number perhaps: reads anew
    /// what is there, and forgets who removed what.
    pub(crate) fn set_index(&mut self, index: u32, now: Instant) -> Result<(), Error> {
        self.index = index;
        self.look_again(now)
    }

    /// The interface has another name; call [`apply`](Self::apply) next.
    pub(crate) fn rename(&mut self, interface: &str) {
        interface.clone_into(&mut self.interface);
        self.resolver.rename(interface);
        self.actual.resolver = None;
    }

    /// The routes go to another place from now on; true where that is one.
    /// Those of the old place are gone then: call [`apply`](Self::apply) next.
    pub(crate) fn move_routes(&mut self, routes: RoutePlace) -> bool {
        if core::mem::replace(&mut self.routes, routes) == routes || self.pretends {
            return false;
        }
        self.foreign.retain(|entry| !entry.is_route());
        self.actual.unreachable.clear();
        self.actual.ipv4.iter_mut().for_each(|ipv4| ipv4.routes.clear());
        self.leave_other_places();
        true
    }

    /// What of the wanted things is there.
    pub(crate) fn actual(&self) -> &Actual {
        &self.actual
    }

    /// True for a route of ours, as the kernel tells of it.
    pub(crate) fn has_route(&self, table: u32, destination: Prefix) -> bool {
        table == self.routes.table && self.actual.unreachable.contains_key(&destination)
    }

    /// Takes back everything that is ours, and the journal's file with it.
    pub(crate) fn withdraw(&mut self, now: Instant) -> Vec<Error> {
        let mut errors = self.apply(&Desired::default(), now);
        if self.pretends {
            return errors;
        }
        errors.extend(self.journal.close().err().map(journal_failed));
        errors
    }

    /// Waits, for a bounded time, until the resolver has been told.
    pub(crate) async fn finish(&mut self) {
        self.resolver.finish().await;
    }

    /// True when the step leads to what was wanted.
    fn carry_out(
        &mut self,
        step: &Step,
        wish: Option<Lifetimes>,
        now: Instant,
        errors: &mut Vec<Error>,
    ) -> bool {
        let done = match step {
            Step::AddAddress(address, _) => self.add(self.address(*address), wish, now, errors),
            Step::UpdateAddress(address, lifetimes) => self.update(*address, *lifetimes, now),
            Step::AddUnreachable(prefix) => self.add(self.unreachable(*prefix), wish, now, errors),
            Step::RemoveAddress(address) => self.remove(self.address(*address), errors),
            Step::RemoveUnreachable(prefix) => self.remove(self.unreachable(*prefix), errors),
            Step::SetResolver(told) => self.resolver.set(told).map(|()| true),
            Step::ClearResolver => self.resolver.clear().map(|()| true),
            Step::SetIpv4(ipv4) => self.set_ipv4(ipv4, now, errors),
            Step::ClearIpv4 => self.clear_ipv4(errors),
        };
        done.unwrap_or_else(|error| {
            errors.push(error);
            // The system's resolver was told even if our file failed.
            matches!(step, Step::SetResolver(_) | Step::ClearResolver)
        })
    }

    fn add(
        &mut self,
        entry: Entry,
        wish: Option<Lifetimes>,
        now: Instant,
        errors: &mut Vec<Error>,
    ) -> Result<bool, Error> {
        let Some(wish) = wish.filter(|wish| !wish.valid.is_over(now)) else {
            return Ok(false);
        };
        match self.patience.verdict(entry, wish, now) {
            Verdict::Again => {}
            Verdict::GivenUp => return Err(given_up(&entry)),
            Verdict::Still => return Ok(false),
        }
        let ours = self.journal.contains(&entry);
        // A journal that cannot be written is worth a word, not an outage.
        errors.extend(self.journal.insert(entry).err().map(journal_failed));
        match self.install(&entry, wish, ours, now) {
            Ok(()) => return Ok(true),
            Err(Errno::EEXIST) if ours => return Ok(true),
            Err(Errno::EEXIST) => {
                self.foreign.insert(entry);
                errors.push(foreign(&entry));
            }
            Err(errno) => errors.push(self.refused("add", &entry, errno)),
        }
        if !ours {
            errors.extend(self.journal.remove(&entry).err().map(journal_failed));
        }
        Ok(self.foreign.contains(&entry))
    }

    fn install(
        &self,
        entry: &Entry,
        wish: Lifetimes,
        replace: bool,
        now: Instant,
    ) -> Result<(), Errno> {
        let (preferred, valid) = (wish.preferred.left(now), wish.valid.left(now));
        match *entry {
            Entry::Address { interface, address, length } => {
                let address = (IpAddr::from(address), length);
                self.netlink.set_address(interface, address, preferred, valid, replace)
            }
            Entry::Ipv4Address { interface, address, length } => {
                let address = (IpAddr::from(address), length);
                self.netlink.set_address(interface, address, preferred, valid, replace)
            }
            Entry::Unreachable { table, destination, metric } => {
                self.netlink.add_unreachable(table, destination, metric)
            }
            Entry::Ipv4Route(route) => self.netlink.add_ipv4_route(&route),
        }
    }

    fn update(&self, address: Ipv6Addr, lifetimes: Lifetimes, now: Instant) -> Result<bool, Error> {
        let entry = self.address(address);
        if !self.journal.contains(&entry) {
            return Ok(true);
        }
        if lifetimes.valid.is_over(now) {
            return Ok(false);
        }
        match self.install(&entry, lifetimes, true, now) {
            Ok(()) => Ok(true),
            Err(errno) => Err(self.refused("change", &entry, errno)),
        }
    }

    fn remove(&mut self, entry: Entry, errors: &mut Vec<Error>) -> Result<bool, Error> {
        self.foreign.remove(&entry);
        if self.journal.contains(&entry) {
            match self.uninstall(&entry) {
                Ok(()) => {}
                Err(errno) => return Err(self.refused("remove", &entry, errno)),
            }
            errors.extend(self.journal.remove(&entry).err().map(journal_failed));
        }
        Ok(true)
    }

    /// Removes an object; one that is not there is removed already.
    fn uninstall(&self, entry: &Entry) -> Result<(), Errno> {
        let done = match *entry {
            Entry::Address { interface, address, length } => {
                self.netlink.remove_address(interface, (address.into(), length))
            }
            Entry::Ipv4Address { interface, address, length } => {
                self.netlink.remove_address(interface, (address.into(), length))
            }
            Entry::Unreachable { table, destination, metric } => {
                self.netlink.remove_unreachable(table, destination, metric)
            }
            Entry::Ipv4Route(route) => self.netlink.remove_ipv4_route(&route),
        };
        match done {
            Err(
                Errno::EADDRNOTAVAIL | Errno::ENOENT | Errno::ESRCH | Errno::ENODEV | Errno::ENXIO,
            ) => Ok(()),
            done => done,
        }
    }

    /// Removes our addresses from interfaces that are not the uplink now, and
    /// our routes from where they belong no more.
    fn leave_other_places(&mut self) {
        let entries: Vec<_> = self.journal.entries().collect();
        for entry in entries {
            if is_elsewhere(&entry, self.index, self.routes) && self.uninstall(&entry).is_ok() {
                let _ = self.journal.remove(&entry);
            }
        }
    }

    /// The objects in the kernel that could be ours, with their lifetimes.
    fn read(&self, now: Instant) -> Result<BTreeMap<Entry, Lifetimes>, Error> {
        let failed = |what: &'static str| {
            move |errno: Errno| Error::new(format!("cannot list {what}"), errno.desc())
        };
        let addresses = self.netlink.addresses(Some(self.index));
        let RoutePlace { table, .. } = self.routes;
        let routes = self.netlink.unreachable(table).map_err(failed("routes"))?;
        let mut there = BTreeMap::new();
        for message in addresses.map_err(failed("addresses"))? {
            if let Some(IpAddr::V6(address)) = message.address {
                let AddressMessage { prefix_length: length, preferred, valid, .. } = message;
                there.insert(
                    Entry::Address { interface: self.index, address, length },
                    Lifetimes {
                        preferred: preferred.from_start(now),
                        valid: valid.from_start(now),
                    },
                );
            }
        }
        let forever = Lifetimes { preferred: Until::Forever, valid: Until::Forever };
        // Other people's routes are not read: there may be a million of them.
        let foreign = self.foreign.iter().filter(|entry| entry.is_route());
        there.extend(foreign.map(|&entry| (entry, forever)));
        there.extend(routes.into_iter().map(|(destination, metric)| {
            (Entry::Unreachable { table, destination, metric }, forever)
        }));
        there.extend(self.read_ipv4(now).map_err(failed("IPv4 addresses and routes"))?);
        Ok(there)
    }

    /// The keys of what is there.
    fn entries(&self) -> BTreeSet<Entry> {
        let addresses = self.actual.addresses.keys().map(|&address| self.address(address));
        let routes = self.actual.unreachable.keys().map(|&prefix| self.unreachable(prefix));
        addresses.chain(routes).chain(self.ipv4_there()).collect()
    }

    fn unreachable(&self, destination: Prefix) -> Entry {
        let RoutePlace { table, metric } = self.routes;
        Entry::Unreachable { table, destination, metric }
    }

    fn address(&self, address: Ipv6Addr) -> Entry {
        Entry::Address { interface: self.index, address, length: ADDRESS_LENGTH }
    }

    fn refused(&self, verb: &str, entry: &Entry, errno: Errno) -> Error {
        let what = format!("cannot {verb} {}", name(entry));
        match errno {
            Errno::EPERM => Error::permission(what, "CAP_NET_ADMIN"),
            // The kernel says "permission denied" where IPv6 is switched off.
            Errno::EACCES if !entry.is_ipv4() => {
                Error::new(what, "IPv6 is disabled on this interface")
                    .hint(format!("sysctl -w net/ipv6/conf/{}/disable_ipv6=0", self.interface))
            }
            Errno::ENODEV => Error::new(what, "the interface is gone"),
            errno => Error::new(what, errno.desc()),
        }
    }
}

/// A step as an order, for those who only want to see it.
fn in_words(step: &Step) -> String {
    match step {
        Step::AddAddress(address, _) => format!("add address {address}/{ADDRESS_LENGTH}"),
        Step::UpdateAddress(address, _) => format!("change the lifetimes of address {address}"),
        Step::RemoveAddress(address) => format!("remove address {address}"),
        Step::AddUnreachable(prefix) => format!("add unreachable route {prefix}"),
        Step::RemoveUnreachable(prefix) => format!("remove unreachable route {prefix}"),
        Step::SetResolver(told) => {
            let servers: Vec<_> = told.servers.iter().map(ToString::to_string).collect();
            let domains: Vec<_> = told.domains.iter().map(ToString::to_string).collect();
            format!("tell the resolver: {}", [servers, domains].concat().join(" "))
        }
        Step::ClearResolver => "take back what the resolver was told".to_owned(),
        Step::SetIpv4(ipv4) => {
            let routes = ipv4.routes.iter().map(|route| format!(", with a route to {route}"));
            let routes: String = routes.collect();
            format!("set address {}/{} on {}{routes}", ipv4.address, ipv4.length, ipv4.device)
        }
        Step::ClearIpv4 => "remove the IPv4 address".to_owned(),
    }
}

/// The lifetimes that go with a step that adds something.
fn wish(step: &Step, desired: &Desired) -> Option<Lifetimes> {
    match step {
        Step::AddAddress(_, lifetimes) => Some(*lifetimes),
        Step::AddUnreachable(prefix) => desired.unreachable.get(prefix).copied(),
        _ => None,
    }
}

/// True for an address on another interface, and a route in another place.
fn is_elsewhere(entry: &Entry, index: u32, routes: RoutePlace) -> bool {
    match *entry {
        Entry::Address { interface, .. } => interface != index,
        Entry::Unreachable { table, metric, .. }
        | Entry::Ipv4Route(Ipv4Route { table, metric, .. }) => {
            RoutePlace { table, metric } != routes
        }
        // The device of an IPv4 lease is another one anyhow.
        Entry::Ipv4Address { .. } => false,
    }
}

fn name(entry: &Entry) -> String {
    match entry {
        Entry::Address { address, .. } => format!("address {address}"),
        Entry::Unreachable { destination, .. } => format!("unreachable route {destination}"),
        Entry::Ipv4Address { address, length, .. } => format!("address {address}/{length}"),
        Entry::Ipv4Route(Ipv4Route { route, .. }) => format!("route to {route}"),
    }
}

fn foreign(entry: &Entry) -> Error {
    let why = "somebody else added it; it is left as it is";
    Error::new(format!("did not add {}", name(entry)), why)
}

fn given_up(entry: &Entry) -> Error {
    let why = "somebody else keeps removing it; it is left alone until the next Reply";
    Error::new(format!("did not put back {}", name(entry)), why)
}

fn journal_failed(error: io::Error) -> Error {
    let hint = "if the process is killed now, its addresses and routes stay behind";
    Error::new("cannot write the journal", error).hint(hint)
}
