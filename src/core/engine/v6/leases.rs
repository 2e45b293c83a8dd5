//! All associations of a client and the one schedule they share.

use std::net::Ipv6Addr;

use crate::desired::Lifetimes;
use crate::engine::{Config, Deadline, PrefixRequest, Quirk, Why};
use crate::ident::Iaid;
use crate::prefix::Prefix;
use crate::snapshot;
use crate::time::{Instant, Until};
use crate::wire::{DhcpOption, StatusCode};

use super::answer::Answer;
use super::association::{Association, Kind, Lease, Leased, LengthHint, MAX_LEASES, Wish};

/// The associations a client wants filled, in the order it asks for them.
#[derive(Clone, Debug)]
pub(super) struct Leases(pub(super) Vec<Association>);

/// What an answer did to the associations.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Taken {
    /// At least one association got or kept a lease from it.
    pub(super) granted: bool,
    /// So has one that is asked about no more.
    pub(super) updated: bool,
    /// The server knows nothing of an association (RFC 9915 §18.2.10.1), or
    /// took its last lease away.
    pub(super) no_binding: bool,
    /// An association that holds leases is not in it.
    pub(super) missing: bool,
    /// An association does not fit the link, says the server.
    pub(super) not_on_link: bool,
    /// An association is lost that was not before.
    pub(super) lost: bool,
}

impl Leases {
    /// Empty associations as configured: addresses first.
    pub(super) fn new(config: &Config) -> Self {
        let hides_former = config.anonymous;
        let wish = Wish { require: config.require_address, hides_former, ..Wish::default() };
        let address = config.address.map(|iaid| Association::new(Kind::Address, iaid, wish));
        let prefixes = config.prefixes.iter().map(|request| {
            let PrefixRequest { iaid, mut hint, length, longest, require, retired } = *request;
            // A prefix of before would say who we are (RFC 7844 §4.5.2).
            hint = hint.filter(|_| !config.anonymous);
            let length_hint = match () {
                () if config.anonymous => LengthHint::Nowhere,
                () if config.quirks.contains(&Quirk::LengthSpoilsLease) => LengthHint::WithoutLease,
                () => LengthHint::Everywhere,
            };
            let wish = Wish { hint, length, longest, require, retired, length_hint, hides_former };
            Association::new(Kind::Prefix, iaid, wish)
        });
        Self(address.into_iter().chain(prefixes).collect())
    }

    /// Other associations are wanted from now on; those that stay keep what
    /// they hold.
    pub(super) fn reconfigure(&mut self, config: &Config) {
        let before = core::mem::replace(self, Self::new(config));
        for ia in &mut self.0 {
            let same = |old: &&Association| old.kind == ia.kind && old.iaid == ia.iaid;
            if let Some(old) = before.0.iter().find(same) {
                *ia = Association { wish: ia.wish, ..old.clone() };
            }
        }
    }

    /// The associations of a Solicit: hints, no leases (RFC 9915 §18.2.1).
    pub(super) fn asking(&self) -> Vec<DhcpOption> {
        self.wanted().map(Association::asking_option).collect()
    }

    /// The associations of a Request: what was offered, and hints for what
    /// was not (RFC 9915 §18.2.2, RFC 7550 §4.2).
    pub(super) fn requesting(&self, offered: &Answer) -> Vec<DhcpOption> {
        let offers = |ia: &Association| {
            let offered = offered.ia(ia.kind, ia.iaid).filter(|offered| ia.gains(offered));
            let offers = offered.into_iter().flat_map(|offered| &offered.offers);
            let lasting = offers.filter(|offer| !offer.valid.is_zero());
            let named = lasting.take(self.most()).map(|offer| offer.what.clone());
            ia.requesting_option(&named.collect::<Vec<_>>())
        };
        self.wanted().map(offers).collect()
    }

    /// The associations of a Renew or Rebind: the leases held, and hints for
    /// what is still missing (RFC 9915 §18.2.4).
    pub(super) fn holding(&self) -> Vec<DhcpOption> {
        self.wanted().filter(|ia| !ia.waits()).map(Association::held_option).collect()
    }

    /// The associations of a Request to a server that we deal with already:
    /// all of them (RFC 9915 §18.2.10.1).
    pub(super) fn replacing(&self) -> Vec<DhcpOption> {
        self.wanted().map(Association::replacing_option).collect()
    }

    /// The associations of a Decline: what others use, and nothing else
    /// (RFC 9915 §18.2.8).
    pub(super) fn declining(&self) -> Vec<DhcpOption> {
        self.0.iter().filter_map(Association::declined_option).collect()
    }

    /// Leaves out of a Renew that begins now what was refused before; true
    /// where that is something.
    pub(super) fn leave_out_refused(&mut self, now: Instant) -> bool {
        self.0.iter_mut().fold(false, |any, ia| ia.leave_out(now) | any)
    }

    /// True where a length is wished for and stands in Solicit alone.
    pub(super) fn hides_length(&self) -> bool {
        let hides = |ia: &Association| ia.wish.length_hint == LengthHint::WithoutLease;
        self.wanted().any(|ia| hides(ia) && ia.wish.length.is_some())
    }

    /// Leaves nothing out any more.
    pub(super) fn leave_out_nothing(&mut self) {
        self.0.iter_mut().for_each(|ia| ia.left_out = false);
    }

    /// The associations of a Confirm: addresses alone (RFC 9915 §18.2.3).
    pub(super) fn confirming(&self) -> Vec<DhcpOption> {
        let addresses = self.0.iter().filter(|ia| ia.kind == Kind::Address);
        addresses.filter_map(Association::exact_option).collect()
    }

    /// The associations of a Release: what is given back, with the excluded
    /// parts that came with it (RFC 9915 §18.2.7, RFC 6603 §6.1).
    pub(super) fn releasing(&self) -> Vec<DhcpOption> {
        self.0.iter().filter_map(Association::exact_option).collect()
    }

    /// Takes an answer in, association by association.
    pub(super) fn take(&mut self, answer: &Answer, now: Instant) -> Taken {
        let most = self.most();
        let mut taken = Taken::default();
        for index in 0..self.0.len() {
            let elsewhere = self.leased_elsewhere(index);
            let Some(ia) = self.0.get_mut(index) else { continue };
            if ia.wish.retired {
                // It is asked about no more, but may have been when this was
                // asked: what is held has the lifetimes stated last.
                let offered = answer.ia(ia.kind, ia.iaid).filter(|it| it.failure.is_none());
                taken.updated |= offered.is_some_and(|it| ia.update(it, now));
                continue;
            }
            let held = ia.is_held();
            let Some(offered) = answer.ia(ia.kind, ia.iaid) else {
                if !ia.waits() {
                    taken.missing |= held;
                    ia.refused = !held;
                }
                continue;
            };
            if let Some(failure) = &offered.failure {
                taken.no_binding |= failure.code == StatusCode::NO_BINDING;
                taken.not_on_link |= failure.code == StatusCode::NOT_ON_LINK;
                let is_lost = held && failure.code == StatusCode::NO_BINDING;
                taken.lost |= is_lost && !ia.lost;
                ia.lost |= is_lost;
                ia.refused = !held;
                continue;
            }
            let mut offers = offered.offers.clone();
            offers.retain(|offer| !elsewhere.iter().any(|what| what.is_same(&offer.what)));
            let extended = ia.take(offers, (offered.t1, offered.t2), most, now);
            ia.refused = !ia.is_held() && ia.declined.is_empty();
            taken.granted |= extended;
            let is_lost = held && !ia.is_held();
            taken.no_binding |= is_lost;
            taken.lost |= is_lost && !ia.lost;
            ia.lost |= is_lost;
            // An association that comes without a lease and without a word,
            // or with one that there is no room for, is held but not
            // extended: as good as missing.
            taken.missing |= held && ia.is_held() && !extended;
        }
        if taken.granted {
            self.set_refused_aside(answer);
            // What is due and has nothing to ride along with is as good as
            // missing.
            taken.missing |= self.scheduled().any(|ia| ia.set_aside && ia.timers.are_over(now));
        }
        taken
    }

    /// An association that was refused while another was extended rides along
    /// with that one, and what it holds is used to its end (RFC 9915
    /// §18.2.10.1).
    fn set_refused_aside(&mut self, answer: &Answer) {
        for ia in &mut self.0 {
            ia.set_aside |=
                answer.ia(ia.kind, ia.iaid).is_some_and(|offered| offered.failure.is_some());
        }
    }

    /// Drops what an answer does not state a lifetime of; true when there was
    /// something.
    pub(super) fn keep_stated(&mut self, answer: &Answer) -> bool {
        let before = self.iter().count();
        for ia in &mut self.0 {
            let offered = answer.ia(ia.kind, ia.iaid).filter(|offered| offered.gives());
            let offers = offered.map_or(&[][..], |offered| &offered.offers);
            let is_stated =
                |lease: &Lease| offers.iter().any(|offer| offer.what.is_same(&lease.what));
            ia.leases.retain(is_stated);
        }
        self.iter().count() != before
    }

    /// Puts off what is due to `again`, after a server that was `asked` and
    /// gave nothing. All servers are asked at T2 none the less, once (RFC 9915
    /// §18.2.5).
    pub(super) fn postpone(&mut self, asked: Instant, again: Instant) {
        for ia in &mut self.0 {
            ia.timers.t1 = ia.timers.t1.max(Until::At(again));
            if ia.timers.t2.is_over(asked) {
                ia.timers.t2 = Until::At(again);
            }
        }
    }

    /// What the other associations hold: a server that gives the same twice
    /// gives it once.
    fn leased_elsewhere(&self, index: usize) -> Vec<Leased> {
        let others = self.0.iter().enumerate().filter(|(other, _)| *other != index);
        others.flat_map(|(_, ia)| &ia.leases).map(|lease| lease.what.clone()).collect()
    }

    /// How many associations an answer would fill.
    pub(super) fn would_gain(&self, answer: &Answer) -> usize {
        self.wanted().filter(|ia| ia.would_gain(answer)).count()
    }

    /// True when an answer would fill all associations.
    pub(super) fn would_be_complete(&self, answer: &Answer) -> bool {
        self.wanted().all(|ia| ia.would_gain(answer))
    }

    /// True when an answer gives something, and whatever nothing is of use
    /// without. Whoever holds leases looks for what is lost, and follows
    /// nobody who would not give the rest as well.
    pub(super) fn would_do(&self, answer: &Answer) -> bool {
        let holds = self.any_held();
        let is_needed = |ia: &Association| ia.wish.require || (ia.is_held() && !ia.wish.retired);
        let is_sought = |ia: &Association| !holds || self.is_lost(ia);
        self.wanted().any(|ia| is_sought(ia) && ia.would_gain(answer))
            && self.0.iter().all(|ia| !is_needed(ia) || ia.would_gain(answer))
    }

    /// How far an answer's prefixes are from the lengths wished for.
    pub(super) fn distance(&self, answer: &Answer) -> u32 {
        let offers = self.0.iter().filter_map(|ia| Some((ia, answer.ia(ia.kind, ia.iaid)?)));
        offers.map(|(ia, offered)| ia.distance(offered)).sum()
    }

    /// True when something is not held any more that was held before.
    pub(super) fn lacks_some_of(&self, before: &Self) -> bool {
        let holds = |what: &Leased| self.iter().any(|(_, lease)| lease.what.is_same(what));
        before.iter().any(|(_, lease)| !holds(&lease.what))
    }

    /// The prefixes that were not held before and are longer than wished for.
    pub(super) fn too_long(&self, before: &Self) -> Vec<(Prefix, u8)> {
        let was_held = |prefix: Prefix| before.prefixes().any(|(_, held, ..)| held == prefix);
        let too_long = |ia: &Association| {
            let wished = ia.wish.length?;
            let longer = ia.prefixes().find(|p| p.length() > wished && !was_held(*p))?;
            Some((longer, wished))
        };
        self.0.iter().filter_map(too_long).collect()
    }

    /// True while something that nothing is of use without is missing.
    pub(super) fn lacks_required(&self) -> bool {
        self.0.iter().any(|ia| ia.wish.require && !ia.is_held())
    }

    /// Wants nothing back of what was held before; true when there was
    /// something.
    pub(super) fn forget_former(&mut self) -> bool {
        let all = self.0.iter_mut().map(|ia| core::mem::take(&mut ia.former));
        all.fold(false, |any, former| any | !former.is_empty())
    }

    /// Drops leases that ended; true when there were any.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        self.0.iter_mut().fold(false, |any, ia| ia.expire(now) | any)
    }

    /// Drops all leases and refusals. What was held is a hint from now on.
    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(Association::give_up);
    }

    /// True while any lease is held.
    pub(super) fn any_held(&self) -> bool {
        self.0.iter().any(Association::is_held)
    }

    /// True while a delegated prefix is held.
    pub(super) fn any_prefix(&self) -> bool {
        self.held().any(|ia| ia.kind == Kind::Prefix)
    }

    /// True when an association holds nothing and nobody has refused it.
    pub(super) fn any_wanting(&self) -> bool {
        self.wanted().any(|ia| !ia.is_held() && !ia.refused)
    }

    /// The server knows nothing of what is held; true where that is new.
    pub(super) fn disown(&mut self) -> bool {
        let held = self.0.iter_mut().filter(|ia| ia.is_held());
        held.fold(false, |any, ia| !core::mem::replace(&mut ia.lost, true) | any)
    }

    /// True while something is missing that was held, or that its server
    /// knows nothing of; and while nothing is held but what is not asked
    /// about any more, so that there is no T1 to wait for.
    pub(super) fn any_lost(&self) -> bool {
        self.wanted().any(|ia| self.is_lost(ia))
    }

    fn is_lost(&self, ia: &Association) -> bool {
        ia.lost || self.any_held() && !self.any_extendable()
    }

    /// True while a lease is held that servers are asked to extend.
    pub(super) fn any_extendable(&self) -> bool {
        self.held().next().is_some()
    }

    /// True while an address is held.
    pub(super) fn any_address(&self) -> bool {
        self.held().any(|ia| ia.kind == Kind::Address)
    }

    /// The earliest T1 of the associations that hold leases: one schedule
    /// for all of them (RFC 9915 §18.2.4).
    pub(super) fn t1(&self) -> Until {
        self.scheduled().map(|ia| ia.timers.t1).min().unwrap_or(Until::Forever)
    }

    /// The earliest T2, likewise.
    pub(super) fn t2(&self) -> Until {
        self.scheduled().map(|ia| ia.timers.t2).min().unwrap_or(Until::Forever)
    }

    /// The associations whose timers count: not those of what was set aside,
    /// unless it would end before the others are extended. What is lost is
    /// looked for in another way ([`Self::any_lost`]).
    fn scheduled(&self) -> impl Iterator<Item = &Association> {
        let others = self.held().filter(|ia| !ia.set_aside);
        let carried = others.map(|ia| ia.timers.first()).min().unwrap_or(Until::Forever);
        self.held().filter(move |ia| !ia.set_aside || !ia.lost && ia.end() <= carried)
    }

    /// When the next lease ends.
    pub(super) fn expiry(&self) -> Option<Deadline> {
        let first = self.iter().map(|(_, lease)| lease.lifetimes.valid).min()?;
        first.instant().map(|at| Deadline { at, why: Why::Expire })
    }

    /// Every association has a lease or a refusal, at least one has a lease,
    /// and no address is tentative.
    pub(super) fn is_settled(&self) -> bool {
        self.any_held()
            && self.wanted().all(|ia| ia.is_held() || ia.refused)
            && !self.any_tentative()
    }

    /// True while duplicate address detection goes on.
    pub(super) fn any_tentative(&self) -> bool {
        let tentative = |lease: &Lease| matches!(lease.what, Leased::Address { usable: false, .. });
        self.iter().any(|(_, lease)| tentative(lease))
    }

    /// Notes whether duplicate address detection has passed an address.
    pub(super) fn set_usable(&mut self, changed: Ipv6Addr, now_usable: bool) {
        for lease in self.0.iter_mut().flat_map(|ia| &mut ia.leases) {
            if let Leased::Address { address, usable } = &mut lease.what
                && *address == changed
            {
                *usable = now_usable;
            }
        }
    }

    /// Drops an address that others use, and notes that it is to be declined;
    /// false where it is not ours.
    pub(super) fn decline(&mut self, duplicate: Ipv6Addr) -> bool {
        let is_it = |lease: &Lease| matches!(lease.what, Leased::Address { address, .. } if address == duplicate);
        let Some(ia) = self.0.iter_mut().find(|ia| ia.leases.iter().any(is_it)) else {
            return false;
        };
        ia.declined.extend(ia.leases.extract_if(.., |lease| is_it(lease)));
        true
    }

    /// True while a server has to learn that others use what it gave.
    pub(super) fn any_declined(&self) -> bool {
        self.0.iter().any(|ia| !ia.declined.is_empty())
    }

    /// Nothing is to be declined any more.
    pub(super) fn forget_declined(&mut self) {
        self.0.iter_mut().for_each(|ia| ia.declined.clear());
    }

    /// Drops what a server said does not fit the link; false where nothing
    /// else is held that its server stands by. Prefixes fit any link.
    pub(super) fn keep_prefixes(&mut self) -> bool {
        let stays = |ia: &Association| ia.kind == Kind::Prefix && ia.is_held() && !ia.lost;
        if !self.0.iter().any(stays) {
            return false;
        }
        let addresses = self.0.iter_mut().filter(|ia| ia.kind == Kind::Address);
        addresses.for_each(|ia| ia.leases.clear());
        true
    }

    /// The addresses held.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (Iaid, Ipv6Addr, bool, Lifetimes)> {
        self.iter().filter_map(|(iaid, lease)| match &lease.what {
            Leased::Address { address, usable } => Some((iaid, *address, *usable, lease.lifetimes)),
            Leased::Prefix { .. } => None,
        })
    }

    /// The prefixes held, each with the part excluded from it.
    pub(super) fn prefixes(
        &self,
    ) -> impl Iterator<Item = (Iaid, Prefix, Option<Prefix>, Lifetimes)> {
        self.iter().filter_map(|(iaid, lease)| match &lease.what {
            Leased::Prefix { prefix, exclude } => {
                let excluded = exclude.as_deref().and_then(|option| prefix.excluded(option));
                Some((iaid, *prefix, excluded, lease.lifetimes))
            }
            Leased::Address { .. } => None,
        })
    }

    /// The addresses as others see them.
    pub(super) fn address_views(&self, now: Instant) -> Vec<snapshot::Address> {
        let view = |(iaid, address, usable, lifetimes): (Iaid, Ipv6Addr, bool, Lifetimes)| {
            let state = match usable {
                false => snapshot::AddressState::Tentative,
                true if lifetimes.preferred.is_over(now) => snapshot::AddressState::Deprecated,
                true => snapshot::AddressState::Preferred,
            };
            let (preferred, valid) = (lifetimes.preferred.left(now), lifetimes.valid.left(now));
            snapshot::Address { address, iaid, preferred, valid, state }
        };
        self.addresses().map(view).collect()
    }

    /// The prefixes as others see them.
    pub(super) fn prefix_views(&self, now: Instant) -> Vec<snapshot::DelegatedPrefix> {
        let view =
            |(iaid, prefix, excluded, lifetimes): (Iaid, Prefix, Option<Prefix>, Lifetimes)| {
                snapshot::DelegatedPrefix {
                    prefix,
                    iaid,
                    preferred: lifetimes.preferred.left(now),
                    valid: lifetimes.valid.left(now),
                    excluded,
                    assignments: Vec::new(),
                }
            };
        self.prefixes().map(view).collect()
    }

    /// How many leases each association has room for.
    pub(super) fn most(&self) -> usize {
        MAX_LEASES.checked_div(self.0.len()).unwrap_or(0).max(1)
    }

    /// True when something is asked for.
    pub(super) fn any_wanted(&self) -> bool {
        self.wanted().next().is_some()
    }

    fn wanted(&self) -> impl Iterator<Item = &Association> {
        self.0.iter().filter(|ia| !ia.wish.retired)
    }

    fn held(&self) -> impl Iterator<Item = &Association> {
        self.wanted().filter(|ia| ia.is_held())
    }

    fn iter(&self) -> impl Iterator<Item = (Iaid, &Lease)> {
        self.0.iter().flat_map(|ia| ia.leases.iter().map(|lease| (ia.iaid, lease)))
    }
}
