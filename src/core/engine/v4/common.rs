//! What all states share: what we want, the carrier, the lease, what is told.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::engine::Event;
use crate::port_set::PortSet;
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use crate::wire::dhcp4o6::Query;
use crate::wire::v4::V4Option;

use super::answer::Answer;
use super::backoff::Exchange;
use super::lease::{Lease, Times};
use super::settings::Settings;
use super::source::Sources;

/// How our messages reach servers: one path at least.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::engine) struct Via(pub(in crate::engine) Vec<Path>);

/// How they reach one server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::engine) struct Path {
    /// The IPv6 address of ours that they come from.
    pub(in crate::engine) source: Ipv6Addr,
    /// Where they go.
    pub(in crate::engine) server: Ipv6Addr,
}

impl Via {
    /// True where some of our messages come from that address.
    pub(super) fn is_from(&self, source: Ipv6Addr) -> bool {
        self.0.iter().any(|path| path.source == source)
    }

    /// True where all goes on as before, perhaps to further servers as well.
    pub(super) fn widens(&self, before: &Self) -> bool {
        before.0.iter().all(|path| self.0.contains(path))
    }

    /// True where the same servers are asked, from whatever address.
    pub(super) fn has_same_servers(&self, before: &Self) -> bool {
        let servers = |via: &Self| via.0.iter().map(|path| path.server).collect::<Vec<_>>();
        servers(self) == servers(before)
    }
}

/// What was held before and would be welcome again (RFC 7618 §7).
#[derive(Clone, Copy, Debug)]
pub(super) struct Former {
    pub(super) address: Ipv4Addr,
    pub(super) ports: Option<PortSet>,
}

/// What all states share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) settings: Settings,
    pub(super) rng: Rng,
    /// Absent while there is no way to a server.
    pub(super) via: Option<Via>,
    /// The IPv6 addresses that a lease can be bound to.
    pub(super) sources: Sources,
    pub(super) lease: Option<Lease>,
    /// The lease may be used: a server has granted or confirmed it, or an
    /// earlier process has left it in use.
    pub(super) in_use: bool,
    /// The lease was granted to this process and not to an earlier one, and
    /// there was a way to servers all the time since; or servers were asked
    /// about it.
    pub(super) is_verified: bool,
    /// Nobody knows when the lease ends: it is of an earlier boot.
    pub(super) is_timeless: bool,
    /// The server does not have our softwire's address yet; it was told so
    /// many times (RFC 8539 §7.5).
    pub(super) mismatches: u32,
    pub(super) former: Option<Former>,
    /// What `secs` said in the last DHCPDISCOVER.
    pub(super) discovered_after: u16,
    /// The far ends of a softwire that came with the offer, or with the lease
    /// that is being extended.
    pub(super) offered_relays: Vec<Ipv6Addr>,
    /// Options for an address that we have anyhow.
    pub(super) informed: Vec<V4Option>,
    /// Softwire addresses that others have, or that a server refuses.
    pub(super) refused_sources: Vec<Ipv6Addr>,
    /// The last denial since the last lease, for people.
    pub(super) last_error: Option<String>,
    pub(super) events: VecDeque<Event>,
    /// What is said without waiting for an answer.
    pub(super) farewell: VecDeque<Query>,
    /// The lease that others were told of and not yet of its loss: the last
    /// that a server has granted or that was confirmed.
    told: Option<Told>,
    /// Rounds that came to nothing since the last lease.
    refusals: u32,
}

/// The most softwire addresses that are passed over.
const MOST_REFUSED: usize = 8;

impl Common {
    pub(super) fn new(settings: Settings, rng: Rng) -> Self {
        Self {
            settings,
            rng,
            via: None,
            sources: Sources::default(),
            lease: None,
            in_use: false,
            is_verified: false,
            is_timeless: false,
            mismatches: 0,
            former: None,
            discovered_after: 0,
            offered_relays: Vec::new(),
            informed: Vec::new(),
            refused_sources: Vec::new(),
            last_error: None,
            events: VecDeque::new(),
            farewell: VecDeque::new(),
            told: None,
            refusals: 0,
        }
    }

    /// The address that was asked from, for an answer that came to one of
    /// ours: a server may answer to another (RFC 7341 §9).
    pub(super) fn asked_from(&self, destination: Ipv6Addr) -> Ipv6Addr {
        let via = self.via.as_ref().filter(|via| !via.is_from(destination));
        via.and_then(|via| via.0.first()).map_or(destination, |path| path.source)
    }

    /// The lease that may be used.
    pub(super) fn usable_lease(&self) -> Option<&Lease> {
        self.lease.as_ref().filter(|_| self.in_use)
    }

    /// Takes a grant in, to be used from now on; `source` is the address that
    /// it was asked to be bound to.
    pub(super) fn grant(
        &mut self,
        now: Instant,
        exchange: &Exchange,
        answer: Answer,
        source: Option<Ipv6Addr>,
    ) {
        self.hold(now, exchange, answer, source);
        (self.in_use, self.refusals, self.is_timeless) = (true, 0, false);
        self.last_error = None;
        // What would not do for another lease may do for the next.
        self.refused_sources.clear();
        self.tell();
    }

    /// Tells others of the lease where it says something else than before: not
    /// for a mere extension.
    fn tell(&mut self) {
        let told = self.lease.as_ref().map(Told::of);
        if told.is_some() && self.told != told {
            self.events.push_back(Event::Dhcp4o6Bound);
            self.told = told;
        }
    }

    /// The address that a server has bound the lease to, to our knowledge: the
    /// one that others were told of, or of an earlier process.
    pub(super) fn granted_source(&self) -> Option<Ipv6Addr> {
        let restored = self.lease.as_ref().filter(|_| !self.is_verified);
        let told = self.told.as_ref().map(|told| told.source);
        told.unwrap_or_else(|| restored.and_then(|lease| lease.source))
    }

    /// Takes a grant in.
    pub(super) fn hold(
        &mut self,
        now: Instant,
        exchange: &Exchange,
        answer: Answer,
        source: Option<Ipv6Addr>,
    ) {
        let asked = exchange.asked_at(now);
        let times = Times::new(asked, answer.lease, answer.times, &mut self.rng);
        // The far ends come with the offer; a grant need not repeat them.
        let before = self.lease.take();
        let known = before.as_ref().map_or(&self.offered_relays, |held| &held.border_relays);
        let border_relays = match answer.border_relays {
            told if told.is_empty() => known.clone(),
            told => told,
        };
        let lease = Lease {
            address: answer.address,
            server: answer.server,
            times,
            ports: answer.ports,
            options: answer.options,
            via: answer.came_to,
            source,
            border_relays,
        };
        self.lease = Some(lease);
        self.is_verified = true;
    }

    /// A lease of an earlier process is used on.
    pub(super) fn confirm(&mut self) {
        (self.in_use, self.is_verified) = (true, true);
        self.tell();
    }

    /// The lease is not used any more; it would be welcome again.
    pub(super) fn give_up(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.former = Some(Former { address: lease.address, ports: lease.ports });
        }
        (self.in_use, self.is_timeless) = (false, false);
        self.mismatches = 0;
        self.informed.clear();
        if self.told.take().is_some() {
            self.events.push_back(Event::Dhcp4o6Unbound);
        }
    }

    /// How long to wait before starting over after a round that came to
    /// nothing: not at all the first time, then 1 s, 2 s, 4 s up to 64 s. A
    /// server that offers and then refuses would otherwise be asked without
    /// end.
    pub(super) fn refusal_delay(&mut self) -> Duration {
        let doublings = self.refusals.saturating_sub(1).min(6);
        let delay = if self.refusals == 0 { 0 } else { 1_u64 << doublings };
        self.refusals = self.refusals.saturating_add(1);
        Duration::from_secs(delay)
    }

    /// Binds the lease to another address of ours than the one that is gone or
    /// will not do; it is given up where there is none, or too many would not
    /// do, and where it is shared.
    pub(super) fn bind_elsewhere(&mut self) -> Option<Ipv6Addr> {
        let lease = self.lease.as_mut()?;
        let next = self.sources.select(&lease.to_bind(), &self.refused_sources);
        let may_go_on = !lease.is_shared() && self.refused_sources.len() < MOST_REFUSED;
        let next = next.filter(|_| may_go_on);
        match next {
            Some(_) => lease.source = next,
            None => self.give_up(),
        }
        next
    }

    /// A softwire address that will not do.
    pub(super) fn refuse_source(&mut self, source: Ipv6Addr) {
        if self.refused_sources.len() >= MOST_REFUSED {
            self.refused_sources.remove(0);
        }
        self.refused_sources.push(source);
    }
}

/// What others are told of a lease.
#[derive(Debug, PartialEq)]
struct Told {
    address: Ipv4Addr,
    ports: Option<PortSet>,
    options: Vec<V4Option>,
    source: Option<Ipv6Addr>,
    border_relays: Vec<Ipv6Addr>,
}

impl Told {
    fn of(lease: &Lease) -> Self {
        let Lease { address, ports, options, source, border_relays, .. } = lease.clone();
        Self { address, ports, options, source, border_relays }
    }
}
