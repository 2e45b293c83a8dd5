//! Identity associations and the leases in them: what the client asked for,
//! what it holds, and until when (RFC 9915 §12, §18.2.10.1).

use std::net::Ipv6Addr;

use crate::desired::Lifetimes;
use crate::ident::Iaid;
use crate::prefix::Prefix;
use crate::time::{Duration, Instant, Lifetime, Until};
use crate::wire::{DhcpOption, Ia, IaAddress, IaPrefix, code};

pub(super) use crate::record::AssociationKind as Kind;

/// The most leases a client keeps, all associations together: what one
/// message can name. More would only make our own messages grow.
pub(super) const MAX_LEASES: usize = 32;

/// One identity association that the client wants to fill.
#[derive(Clone, Debug)]
pub(super) struct Association {
    pub(super) kind: Kind,
    pub(super) iaid: Iaid,
    /// The prefix asked for; the unspecified address asks for a length alone
    /// (RFC 9915 §18.2.4).
    pub(super) hint: Option<Prefix>,
    pub(super) leases: Vec<Lease>,
    /// When to extend the leases; counts only while there are any.
    pub(super) timers: LeaseTimers,
    /// A server that was asked gave no lease.
    pub(super) refused: bool,
}

/// T1 and T2 of one association, as points in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaseTimers {
    pub(super) t1: Until,
    pub(super) t2: Until,
}

impl LeaseTimers {
    /// Neither Renew nor Rebind.
    pub(super) const NEVER: Self = Self { t1: Until::Forever, t2: Until::Forever };
}

/// An address or a prefix that a server gave us for a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Lease {
    pub(super) what: Leased,
    pub(super) lifetimes: Lifetimes,
}

/// What is leased.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Leased {
    Address {
        address: Ipv6Addr,
        /// Duplicate address detection has passed it.
        usable: bool,
    },
    Prefix {
        prefix: Prefix,
        /// The payload of PD_EXCLUDE, valid for this prefix; it is sent back
        /// as it came (RFC 6603 §4.2).
        exclude: Option<Vec<u8>>,
    },
}

impl Leased {
    /// True for two names of the same thing.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Address { address: one, .. }, Self::Address { address: other, .. }) => {
                one == other
            }
            (Self::Prefix { prefix: one, .. }, Self::Prefix { prefix: other, .. }) => one == other,
            _ => false,
        }
    }

    /// The option that names it to a server. Lifetimes are zero, as a client
    /// SHOULD send them (RFC 9915 §21.6, §21.22).
    fn option(&self) -> DhcpOption {
        let (preferred, valid) = (Lifetime::ZERO, Lifetime::ZERO);
        match self {
            Self::Address { address, .. } => DhcpOption::IaAddress(IaAddress {
                address: *address,
                preferred,
                valid,
                options: Vec::new(),
            }),
            Self::Prefix { prefix, exclude } => DhcpOption::IaPrefix(IaPrefix {
                prefix: *prefix,
                preferred,
                valid,
                options: exclude
                    .iter()
                    .map(|payload| DhcpOption::Raw {
                        code: code::PD_EXCLUDE,
                        payload: payload.clone(),
                    })
                    .collect(),
            }),
        }
    }
}

/// A lease as a server's message states it, checked for sense.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) what: Leased,
    pub(super) preferred: Lifetime,
    pub(super) valid: Lifetime,
}

impl Association {
    /// An association that holds nothing yet.
    pub(super) const fn new(kind: Kind, iaid: Iaid, hint: Option<Prefix>) -> Self {
        Self { kind, iaid, hint, leases: Vec::new(), timers: LeaseTimers::NEVER, refused: false }
    }

    /// The association's part of a message that names `leases`; the hint
    /// stands in where there are none (RFC 8168 §3.1).
    pub(super) fn option<'a>(&self, leases: impl Iterator<Item = &'a Leased>) -> DhcpOption {
        let mut options: Vec<_> = leases.map(Leased::option).collect();
        if options.is_empty()
            && let Some(hint) = self.hint
        {
            options.push(Leased::Prefix { prefix: hint, exclude: None }.option());
        }
        let ia = Ia::asking(self.iaid, options);
        match self.kind {
            Kind::Address => DhcpOption::IaNa(ia),
            Kind::Prefix => DhcpOption::IaPd(ia),
        }
    }

    /// The same, naming the leases held. Without any it names a length at
    /// most: a prefix that was never given MUST NOT stand in a Renew (RFC 9915
    /// §18.2.4).
    pub(super) fn held_option(&self) -> DhcpOption {
        let length = |hint: Prefix| Prefix::new(Ipv6Addr::UNSPECIFIED, hint.length());
        let hint = self.hint.and_then(length);
        Self { hint, ..Self::new(self.kind, self.iaid, None) }
            .option(self.leases.iter().map(|lease| &lease.what))
    }

    /// The same without any hint: what a Confirm or Release names (RFC 9915
    /// §18.2.3, §18.2.7). `None` where nothing is held.
    pub(super) fn exact_option(&self) -> Option<DhcpOption> {
        let named = self.leases.iter().map(|lease| &lease.what);
        self.is_held().then(|| Self::new(self.kind, self.iaid, None).option(named))
    }

    /// True when the association holds a lease.
    pub(super) const fn is_held(&self) -> bool {
        !self.leases.is_empty()
    }

    /// Takes a server's offers in: updates, additions, and removal where the
    /// valid lifetime is zero; what is not mentioned stays (RFC 9915
    /// §18.2.10.1). `t1` and `t2` are as received; `most` is how many leases
    /// there is room for. True when there is an end that was stated now.
    pub(super) fn take(
        &mut self,
        offers: Vec<Offer>,
        (t1, t2): (Lifetime, Lifetime),
        most: usize,
        now: Instant,
    ) -> bool {
        let mut shortest = Shortest::default();
        for Offer { what, preferred, valid } in offers {
            if valid.is_zero() {
                self.leases.retain(|lease| !lease.what.is_same(&what));
                continue;
            }
            let lifetimes =
                Lifetimes { preferred: preferred.from_start(now), valid: valid.from_start(now) };
            let room = self.leases.len() < most;
            match self.leases.iter_mut().find(|lease| lease.what.is_same(&what)) {
                Some(lease) => lease.update(what, lifetimes),
                None if room => self.leases.push(Lease { what, lifetimes }),
                None => continue,
            }
            shortest.include(preferred, valid);
        }
        let Some(shortest) = shortest.0 else { return false };
        self.refused = false;
        self.timers = shortest.timers(t1, t2, now);
        true
    }

    /// Drops what is no longer valid; true when something was.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let before = self.leases.len();
        self.leases.retain(|lease| !lease.lifetimes.valid.is_over(now));
        self.leases.len() != before
    }
}

impl Lease {
    fn update(&mut self, what: Leased, lifetimes: Lifetimes) {
        self.lifetimes = lifetimes;
        if let (Leased::Prefix { exclude, .. }, Leased::Prefix { exclude: new, .. }) =
            (&mut self.what, what)
        {
            *exclude = new;
        }
    }
}

/// The shortest lifetimes of the leases in one association.
#[derive(Clone, Copy, Debug, Default)]
struct Shortest(Option<ShortestLifetimes>);

#[derive(Clone, Copy, Debug)]
struct ShortestLifetimes {
    preferred: Lifetime,
    valid: Lifetime,
}

impl Shortest {
    fn include(&mut self, preferred: Lifetime, valid: Lifetime) {
        let shortest = self.0.get_or_insert(ShortestLifetimes { preferred, valid });
        shortest.preferred = shortest.preferred.min(preferred);
        shortest.valid = shortest.valid.min(valid);
    }
}

/// Where the client chooses T1, not sooner than this if the lease allows:
/// a server with seconds-long preferred lifetimes is not to be polled.
const CHOSEN_T1_FLOOR: Duration = Duration::from_secs(30);
/// The same for T2.
const CHOSEN_T2_FLOOR: Duration = Duration::from_secs(48);

impl ShortestLifetimes {
    /// T1 and T2 as points in time.
    ///
    /// What the server gave is kept, infinity included (RFC 9915 §7.7), but
    /// for two cases. Zero leaves the choice to the client: half and four
    /// fifths of the shortest preferred lifetime (RFC 9915 §14.2, §21.4). A
    /// time that is not before the end of the shortest valid lifetime would
    /// lose the lease: it becomes half and four fifths of that.
    fn timers(self, t1: Lifetime, t2: Lifetime, now: Instant) -> LeaseTimers {
        let basis = if self.preferred.is_zero() { self.valid } else { self.preferred };
        let choose = |tenths: u32, floor: Duration| {
            let floor = part(self.valid, tenths).map_or(floor, |latest| latest.min(floor));
            part(basis, tenths).map(|time| time.max(floor))
        };
        let clamp = |time: Option<Duration>, tenths: u32| match (time, part(self.valid, 10)) {
            (Some(time), Some(valid)) if time >= valid => part(self.valid, tenths),
            (time, _) => time,
        };
        let mut first = clamp(given(t1, || choose(5, CHOSEN_T1_FLOOR)), 5);
        let mut second = clamp(given(t2, || choose(8, CHOSEN_T2_FLOOR)), 8);
        if let (Some(one), Some(two)) = (first, second)
            && one > two
        {
            // Only one that was chosen or clamped here can lie beyond the
            // other: T1 > T2 as received was refused before.
            if t2.is_zero() {
                second = clamp(first, 8);
            }
            first = first.min(second);
        }
        let point = |time: Option<Duration>| time.map_or(Until::Forever, |t| Until::At(now + t));
        LeaseTimers { t1: point(first), t2: point(second) }
    }
}

/// A timer as received; zero is chosen, infinite is none.
fn given(time: Lifetime, choose: impl FnOnce() -> Option<Duration>) -> Option<Duration> {
    if time.is_zero() { choose() } else { part(time, 10) }
}

/// So many tenths of a lifetime; none of an infinite one.
fn part(lifetime: Lifetime, tenths: u32) -> Option<Duration> {
    (lifetime != Lifetime::INFINITE)
        .then(|| Duration::from_millis(u64::from(lifetime.0) * 100 * u64::from(tenths)))
}

#[cfg(test)]
#[path = "association_tests.rs"]
mod tests;
