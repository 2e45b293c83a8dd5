//! Leases and the pools they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use dhc6c_core::ident::{Duid, Iaid};
use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::{Instant, Until};
use dhc6c_core::wire::{DhcpOption, Ia};

use super::ServerConfig;

/// How many places of a pool are looked at before it counts as exhausted.
const POOL_SIZE: u32 = 4096;

/// What kind of leases an association holds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// IA_NA.
    Addresses,
    /// IA_PD.
    Prefixes,
}

impl Kind {
    /// The option that carries an association of this kind.
    #[must_use]
    pub const fn option(self, ia: Ia) -> DhcpOption {
        match self {
            Self::Addresses => DhcpOption::IaNa(ia),
            Self::Prefixes => DhcpOption::IaPd(ia),
        }
    }
}

/// Something leased.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Lease {
    /// An address.
    Address(Ipv6Addr),
    /// A delegated prefix.
    Prefix(Prefix),
}

impl Lease {
    /// A client that sends this says what it would like, not what it has:
    /// the address of the prefix is zero (RFC 9915 §18.2.4).
    #[must_use]
    pub fn is_hint(&self) -> bool {
        match self {
            Self::Address(address) => address.is_unspecified(),
            Self::Prefix(prefix) => prefix.address().is_unspecified(),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Address(one), Self::Address(other)) => one == other,
            (Self::Prefix(one), Self::Prefix(other)) => one.covers(*other) || other.covers(*one),
            _ => false,
        }
    }
}

/// Whose leases, and which of its associations.
pub type Key = (Duid, Kind, Iaid);

/// What one association holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The leases.
    pub leases: Vec<Lease>,
    /// When they end unless they are extended.
    pub until: Until,
    /// Where the client was last heard from.
    pub client: Ipv6Addr,
}

/// A delegated prefix and the router it goes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delegation {
    /// The prefix.
    pub prefix: Prefix,
    /// The link-local address of the client that holds it.
    pub client: Ipv6Addr,
}

/// Everything a server remembers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    bindings: BTreeMap<Key, Binding>,
    declined: BTreeSet<Lease>,
}

impl Store {
    /// The bindings there are.
    pub fn bindings(&self) -> impl Iterator<Item = (&Key, &Binding)> {
        self.bindings.iter()
    }

    /// The prefixes delegated, which a delegating router routes to the
    /// clients that hold them.
    pub fn delegations(&self) -> impl Iterator<Item = Delegation> + '_ {
        self.bindings.values().flat_map(|binding| {
            binding.leases.iter().filter_map(|lease| match *lease {
                Lease::Prefix(prefix) => Some(Delegation { prefix, client: binding.client }),
                Lease::Address(_) => None,
            })
        })
    }

    /// Forgets bindings whose lifetime is over.
    pub fn expire(&mut self, now: Instant) {
        self.bindings.retain(|_, binding| !binding.until.is_over(now));
    }

    /// The association's leases, extended; `None` where it has none.
    pub(super) fn extend(
        &mut self,
        key: &Key,
        client: Ipv6Addr,
        until: Until,
    ) -> Option<Vec<Lease>> {
        let binding = self.bindings.get_mut(key)?;
        binding.until = until;
        binding.client = client;
        Some(binding.leases.clone())
    }

    /// Gives the association one lease more, of a length wished for that it
    /// has not (RFC 8168 §3.5).
    pub(super) fn add_wished(&mut self, key: &Key, hints: &[Lease], config: &ServerConfig) {
        let Some(binding) = self.bindings.get(key) else { return };
        let length = wished_length(hints, config);
        let has =
            |lease: &Lease| matches!(lease, Lease::Prefix(prefix) if prefix.length() == length);
        let Some(pool) = config.prefixes.filter(|_| !binding.leases.iter().any(has)) else {
            return;
        };
        let lease = prefixes(pool, length).map(Lease::Prefix).find(|lease| self.is_free(lease));
        if let Some(binding) = self.bindings.get_mut(key) {
            binding.leases.extend(lease);
        }
    }

    /// The association's leases, or a new one: the one hinted at if it is
    /// free, otherwise the first that is. `None` where the pool is used up.
    pub(super) fn assign(
        &mut self,
        key: &Key,
        hints: &[Lease],
        config: &ServerConfig,
        client: Ipv6Addr,
        until: Until,
    ) -> Option<Vec<Lease>> {
        if let Some(leases) = self.extend(key, client, until) {
            return Some(leases);
        }
        let free = |lease: &Lease| self.is_free(lease);
        let lease = match key.1 {
            Kind::Addresses => wished_addresses(hints, config)
                .chain(addresses(config.addresses))
                .map(Lease::Address)
                .find(free),
            Kind::Prefixes => wished_prefixes(hints, config)
                .chain(prefixes(config.prefixes?, wished_length(hints, config)))
                .map(Lease::Prefix)
                .find(free),
        }?;
        let leases = vec![lease];
        self.bindings.insert(key.clone(), Binding { leases: leases.clone(), until, client });
        Some(leases)
    }

    /// Gives an association other leases than the `old` ones, for ever.
    pub(super) fn replace(
        &mut self,
        key: &Key,
        old: &[Lease],
        config: &ServerConfig,
        client: Ipv6Addr,
        until: Until,
    ) -> Option<Vec<Lease>> {
        self.take_back(key, old, true);
        self.assign(key, &[], config, client, until)
    }

    /// Takes leases back; false where the association is unknown.
    pub(super) fn take_back(&mut self, key: &Key, leases: &[Lease], declined: bool) -> bool {
        let Some(binding) = self.bindings.get_mut(key) else {
            return false;
        };
        let (taken, kept): (Vec<_>, Vec<_>) =
            binding.leases.iter().copied().partition(|lease| leases.contains(lease));
        binding.leases = kept;
        if binding.leases.is_empty() {
            self.bindings.remove(key);
        }
        if declined {
            self.declined.extend(taken);
        }
        true
    }

    fn is_free(&self, lease: &Lease) -> bool {
        let declined = self.declined.contains(lease);
        let taken = |binding: &Binding| binding.leases.iter().any(|other| other.overlaps(lease));
        !declined && !self.bindings.values().any(taken)
    }
}

/// The addresses of a pool, from `::1000` on.
fn addresses(pool: Prefix) -> impl Iterator<Item = Ipv6Addr> {
    let first = pool.address().to_bits() + 0x1000;
    (0..POOL_SIZE).map(move |index| Ipv6Addr::from_bits(first + u128::from(index)))
}

/// The prefixes of one length in a pool: those at its front, and then the first
/// in every /48, since a short one may have taken the whole front.
fn prefixes(pool: Prefix, length: u8) -> impl Iterator<Item = Prefix> {
    let first = move |wide: Prefix| Prefix::new(wide.address(), length);
    every(pool, length).chain(every(pool, length.min(48)).filter_map(first))
}

/// Places of one length in a pool, from its front on.
fn every(pool: Prefix, length: u8) -> impl Iterator<Item = Prefix> {
    let step = 1_u128.checked_shl(u32::from(128 - length)).unwrap_or(0);
    (0..POOL_SIZE)
        .map_while(move |index| {
            let bits =
                pool.address().to_bits().checked_add(step.checked_mul(u128::from(index))?)?;
            Prefix::new(Ipv6Addr::from_bits(bits), length)
        })
        .take_while(move |prefix| pool.covers(*prefix))
}

fn wished_addresses(hints: &[Lease], config: &ServerConfig) -> impl Iterator<Item = Ipv6Addr> {
    let pool = config.addresses;
    hints.iter().filter_map(move |hint| match *hint {
        Lease::Address(address) if pool.contains(address) => Some(address),
        _ => None,
    })
}

fn wished_prefixes(hints: &[Lease], config: &ServerConfig) -> impl Iterator<Item = Prefix> {
    let pool = config.prefixes;
    let shortest = shortest(config);
    let is_there = move |prefix: Prefix| {
        prefix.length() >= shortest && pool.is_some_and(|pool| pool.covers(prefix))
    };
    hints.iter().filter_map(move |hint| match *hint {
        Lease::Prefix(prefix) if is_there(prefix) => Some(prefix),
        _ => None,
    })
}

/// The shortest prefix that one association gets: a sixteenth of the pool,
/// unless more is given to everybody. A wish that was spoilt on its way would
/// take the whole of it from everybody else.
fn shortest(config: &ServerConfig) -> u8 {
    config.prefixes.map_or(0, |pool| config.prefix_length.min(pool.length() + 4))
}

/// The length a client would like, as far as the pool has it (RFC 8168).
fn wished_length(hints: &[Lease], config: &ServerConfig) -> u8 {
    let shortest = shortest(config);
    let length = |hint: &Lease| match hint {
        Lease::Prefix(prefix) if prefix.length() > 0 => Some(prefix.length()),
        _ => None,
    };
    let wish = hints.iter().find(|hint| hint.is_hint());
    wish.and_then(length)
        .or_else(|| hints.iter().find_map(length))
        .map_or(config.prefix_length, |length| length.clamp(shortest, 64))
}
