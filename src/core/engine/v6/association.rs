//! Identity associations and the leases in them: what the client asked for,
//! what it holds, and until when (RFC 9915 §12, §18.2.10.1).

use std::net::Ipv6Addr;

use crate::desired::Lifetimes;
use crate::ident::Iaid;
use crate::prefix::Prefix;
use crate::time::{Duration, Instant, Lifetime, Until};
use crate::wire::{DhcpOption, Ia, IaAddress, IaPrefix, code};

use super::answer::{Answer, OfferedIa};

pub(super) use crate::record::AssociationKind as Kind;

/// The most leases a client keeps, all associations together: what one
/// message can name. More would only make our own messages grow.
pub(super) const MAX_LEASES: usize = 32;
/// How long a Renew does without what was refused, where a quirk says so.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(3600);
/// The most leases of the past that are named as hints.
const MOST_FORMER: usize = 2;

/// One identity association that the client wants to fill.
#[derive(Clone, Debug)]
pub(super) struct Association {
    pub(super) kind: Kind,
    pub(super) iaid: Iaid,
    pub(super) wish: Wish,
    /// What it held until that ended or was taken away: a hint for the next
    /// discovery.
    pub(super) former: Vec<Leased>,
    pub(super) leases: Vec<Lease>,
    /// When to extend the leases; counts only while there are any.
    pub(super) timers: LeaseTimers,
    /// It was refused while another association was extended, and rides along
    /// with that one's timers (RFC 9915 §18.2.10.1).
    pub(super) set_aside: bool,
    /// A server that was asked gave no lease.
    pub(super) refused: bool,
    /// Its server took away what it held, or knows nothing of it, and no
    /// server has given it a lease since.
    pub(super) lost: bool,
    /// Addresses that others use and that no server has been told of yet.
    pub(super) declined: Vec<Lease>,
    /// When a Renew last asked for it in vain; that much apart where a quirk
    /// says so.
    pub(super) asked_in_vain: Option<Instant>,
    /// It is left out of the Renew that is open.
    pub(super) left_out: bool,
}

/// What is wished for besides a lease of the kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Wish {
    /// The prefix to get again.
    pub(super) hint: Option<Prefix>,
    /// The length of a prefix.
    pub(super) length: Option<u8>,
    /// Longer prefixes are of no use.
    pub(super) longest: Option<u8>,
    /// Nothing is of use without this association.
    pub(super) require: bool,
    /// What is held is used to its end, and nothing is asked for.
    pub(super) retired: bool,
    /// Where the length is told.
    pub(super) length_hint: LengthHint,
    /// What was held is named to nobody: it would say who we are (RFC 7844
    /// §4.5.2).
    pub(super) hides_former: bool,
}

/// Where a server is told which length is wished for (RFC 8168).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum LengthHint {
    /// Wherever it may stand.
    #[default]
    Everywhere,
    /// Not beside a lease.
    WithoutLease,
    /// Nowhere: it would say who we are (RFC 7844 §4.5.2).
    Nowhere,
}

impl Wish {
    /// True for a lease that is of use (RFC 8168 §3.3).
    fn accepts(self, what: &Leased) -> bool {
        match (self.longest, what) {
            (Some(longest), Leased::Prefix { prefix, .. }) => prefix.length() <= longest,
            _ => true,
        }
    }
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

    /// T1, or T2 where there is no T1.
    pub(super) fn first(self) -> Until {
        self.t1.min(self.t2)
    }

    /// True when the leases are to be extended.
    pub(super) fn are_over(self, now: Instant) -> bool {
        self.first().is_over(now)
    }
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
    /// A prefix that only says how long it should be (RFC 9915 §18.2.4).
    fn of_length(length: u8) -> Option<Self> {
        let prefix = Prefix::new(Ipv6Addr::UNSPECIFIED, length)?;
        Some(Self::Prefix { prefix, exclude: None })
    }

    /// The same as a hint: nothing but its name.
    fn bare(&self) -> Self {
        match *self {
            Self::Address { address, .. } => Self::Address { address, usable: false },
            Self::Prefix { prefix, .. } => Self::Prefix { prefix, exclude: None },
        }
    }

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
    pub(super) const fn new(kind: Kind, iaid: Iaid, wish: Wish) -> Self {
        Self {
            kind,
            iaid,
            wish,
            former: Vec::new(),
            leases: Vec::new(),
            timers: LeaseTimers::NEVER,
            set_aside: false,
            refused: false,
            lost: false,
            declined: Vec::new(),
            asked_in_vain: None,
            left_out: false,
        }
    }

    /// Decides whether a Renew that begins now asks for an association that
    /// was refused before; true where it does not.
    pub(super) fn leave_out(&mut self, now: Instant) -> bool {
        let is_in_vain = self.refused && !self.is_held();
        let asked = self.asked_in_vain.is_some_and(|asked| now < asked + ASKED_AGAIN_AFTER);
        self.left_out = is_in_vain && asked;
        if is_in_vain && !asked {
            self.asked_in_vain = Some(now);
        }
        self.left_out
    }

    /// The association's part of a message that names exactly `leases`: of a
    /// Confirm or Release (RFC 9915 §18.2.3, §18.2.7).
    fn option<'a>(&self, leases: impl Iterator<Item = &'a Leased>) -> DhcpOption {
        let ia = Ia::asking(self.iaid, leases.map(Leased::option).collect());
        match self.kind {
            Kind::Address => DhcpOption::IaNa(ia),
            Kind::Prefix => DhcpOption::IaPd(ia),
        }
    }

    /// The part of a Solicit: what is held, or was before, or is wished for,
    /// and the length that will do as well (RFC 8168 §3.1).
    pub(super) fn asking_option(&self) -> DhcpOption {
        if self.is_held() {
            let held: Vec<_> = self.leases.iter().map(|lease| lease.what.bare()).collect();
            return self.requesting_option(&held);
        }
        let hint = self.wish.hint.filter(|_| self.former.is_empty());
        let hint = hint.map(|prefix| Leased::Prefix { prefix, exclude: None });
        let length = self.told_length(self.wish.length);
        self.option(self.former.iter().chain(&hint).chain(&length))
    }

    /// The part of a Request to a server that has lost what it gave, or took
    /// it away: what is held, and a prefix of before as a hint. An address of
    /// before is no hint there: one that does not fit the link would spoil
    /// the Request (NotOnLink, RFC 9915 §18.3.2).
    pub(super) fn replacing_option(&self) -> DhcpOption {
        match self.kind {
            Kind::Prefix if !self.is_held() => self.asking_option(),
            _ => self.held_option(),
        }
    }

    /// The part of a Request: what was offered, and the length that is still
    /// wished for (RFC 8168 §3.6); without an offer that of a Solicit.
    pub(super) fn requesting_option(&self, offers: &[Leased]) -> DhcpOption {
        if offers.is_empty() {
            return self.asking_option();
        }
        self.option(offers.iter().chain(&self.missing_length(offers)))
    }

    /// The part of a Renew or Rebind: the leases held, and the length that is
    /// still wished for (RFC 8168 §3.4). A prefix that was never given MUST
    /// NOT stand in a Renew (RFC 9915 §18.2.4), so of a hint only the length
    /// is left.
    pub(super) fn held_option(&self) -> DhcpOption {
        let held: Vec<_> = self.leases.iter().map(|lease| lease.what.clone()).collect();
        let missing = if held.is_empty() {
            self.told_length(self.wish.length.or(self.wish.hint.map(Prefix::length)))
        } else {
            self.missing_length(&held)
        };
        self.option(held.iter().chain(&missing))
    }

    /// What a Confirm or Release names; `None` where nothing is held.
    pub(super) fn exact_option(&self) -> Option<DhcpOption> {
        self.is_held().then(|| self.option(self.leases.iter().map(|lease| &lease.what)))
    }

    /// What a Decline names; `None` where others use nothing of it.
    pub(super) fn declined_option(&self) -> Option<DhcpOption> {
        let declined = self.declined.iter().map(|lease| &lease.what);
        (!self.declined.is_empty()).then(|| self.option(declined))
    }

    /// The length that is wished for and that none of these has.
    fn missing_length(&self, leases: &[Leased]) -> Option<Leased> {
        let has = |length: u8| {
            let is = |lease: &Leased| matches!(lease, Leased::Prefix { prefix, .. } if prefix.length() == length);
            leases.iter().any(is)
        };
        let beside = self.wish.length_hint == LengthHint::Everywhere;
        let missing = self.wish.length.filter(|length| beside && !has(*length));
        missing.and_then(Leased::of_length)
    }

    /// The length to tell where no lease is named.
    fn told_length(&self, length: Option<u8>) -> Option<Leased> {
        length.filter(|_| self.wish.length_hint != LengthHint::Nowhere).and_then(Leased::of_length)
    }

    /// True when a server's message gives this association something that is
    /// of use.
    pub(super) fn gains(&self, offered: &OfferedIa) -> bool {
        offered.gives() && offered.offers.iter().any(|offer| self.wish.accepts(&offer.what))
    }

    /// The same of a whole answer.
    pub(super) fn would_gain(&self, answer: &Answer) -> bool {
        answer.ia(self.kind, self.iaid).is_some_and(|offered| self.gains(offered))
    }

    /// How far the prefixes that are offered are from the length wished for:
    /// shorter ones are better than longer ones, closer ones than others
    /// (RFC 8168 §3.3).
    pub(super) fn distance(&self, offered: &OfferedIa) -> u32 {
        let Some(wished) = self.wish.length else { return 0 };
        let distance = |offer: &Offer| match &offer.what {
            Leased::Prefix { prefix, .. } if prefix.length() > wished => {
                Some(128 + u32::from(prefix.length() - wished))
            }
            Leased::Prefix { prefix, .. } => Some(u32::from(wished - prefix.length())),
            Leased::Address { .. } => None,
        };
        offered.offers.iter().filter_map(distance).min().unwrap_or(0)
    }

    /// Gives up what is held, which is a hint from now on.
    pub(super) fn give_up(&mut self) {
        for lease in core::mem::take(&mut self.leases) {
            self.note_former(&lease.what);
        }
        (self.refused, self.lost) = (false, false);
        self.declined.clear();
    }

    pub(super) fn note_former(&mut self, what: &Leased) {
        let is_known = self.former.iter().any(|known| known.is_same(what));
        if !is_known && !self.wish.hides_former && self.former.len() < MOST_FORMER {
            self.former.push(what.bare());
        }
    }

    /// True while it is not asked for: its server would give the addresses
    /// again that it has not been told of yet.
    pub(super) const fn waits(&self) -> bool {
        self.left_out || (!self.is_held() && !self.declined.is_empty())
    }

    /// The prefixes held.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.leases.iter().filter_map(|lease| match lease.what {
            Leased::Prefix { prefix, .. } => Some(prefix),
            Leased::Address { .. } => None,
        })
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
                let before = self.leases.len();
                self.leases.retain(|lease| !lease.what.is_same(&what));
                if self.leases.len() != before {
                    self.note_former(&what);
                }
                // What is not assigned any more cannot be declined
                // (RFC 9915 §18.2.8).
                self.declined.retain(|lease| !lease.what.is_same(&what));
                continue;
            }
            let lifetimes =
                Lifetimes { preferred: preferred.from_start(now), valid: valid.from_start(now) };
            // Its server has not been told yet that others use it, and cannot
            // be when it is not assigned any more.
            if let Some(lease) = self.declined.iter_mut().find(|lease| lease.what.is_same(&what)) {
                lease.update(what, lifetimes);
                continue;
            }
            if !self.wish.accepts(&what) {
                continue;
            }
            let room = self.leases.len() < most;
            match self.leases.iter_mut().find(|lease| lease.what.is_same(&what)) {
                Some(lease) => lease.update(what, lifetimes),
                None if room => self.leases.push(Lease { what, lifetimes }),
                None => continue,
            }
            shortest.include(preferred, valid);
        }
        let Some(shortest) = shortest.0 else { return false };
        (self.refused, self.lost, self.set_aside) = (false, false, false);
        self.former = Vec::new();
        // Nearly always it is one, and it stays for long.
        self.leases.shrink_to_fit();
        self.timers = shortest.timers(t1, t2, now);
        true
    }

    /// The same for what is held alone: nothing is added.
    pub(super) fn update(&mut self, offered: &OfferedIa, now: Instant) -> bool {
        let mut offers = offered.offers.clone();
        offers.retain(|offer| self.leases.iter().any(|lease| lease.what.is_same(&offer.what)));
        self.take(offers, (offered.t1, offered.t2), self.leases.len(), now)
    }

    /// When the first lease ends.
    pub(super) fn end(&self) -> Until {
        self.leases.iter().map(|lease| lease.lifetimes.valid).min().unwrap_or(Until::Forever)
    }

    /// Drops what is no longer valid; true when something was.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let is_over = |lease: &mut Lease| lease.lifetimes.valid.is_over(now);
        self.declined.retain_mut(|lease| !is_over(lease));
        let over: Vec<_> = self.leases.extract_if(.., is_over).collect();
        let any = !over.is_empty();
        over.iter().for_each(|lease| self.note_former(&lease.what));
        any
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
