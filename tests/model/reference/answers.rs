//! What servers say, and what becomes of it.

use std::collections::BTreeSet;

use dhc6c_core::ident::Duid;
use dhc6c_core::time::{Instant, Until};
use dhc6c_core::wire::{Ia, Message, MessageType as T, StatusCode};

use crate::schedule::Question;

use super::stated::{fails, ias, is_usable, leases, status_of};
use super::timers::timers;
use super::{Held, Kind, Reason, Reference};

impl Reference {
    /// A datagram reaches the client, which takes it as an answer or does
    /// not. Panics where that is wrong; both are right where the exchange may
    /// have ended already.
    pub fn hears(&mut self, now: Instant, message: &Message, taken: bool) {
        self.expire(now);
        let is_answer = self.is_answer(message);
        let is_t2 = self.t2().may_be_over(now);
        let may_be_over = |question: &Question| {
            let is_late = question.kind == T::Renew && is_t2;
            // A Request takes its place then, perhaps not before the send limit
            // allows it (RFC 9915 §14.1, §18.2.1).
            let is_late_enough = question.count > 1 || question.may_be_due(now);
            let has_chosen = !self.advertised.is_empty() && is_late_enough;
            let is_over = question.kind == T::Solicit && has_chosen || is_late;
            question.interrupted.is_some() || question.latest().is_none() || is_over
        };
        let optional = self.question.as_ref().is_some_and(may_be_over);
        assert!(is_answer || !taken, "takes what is no answer");
        assert!(taken || !is_answer || optional, "does not take an answer");
        if !taken {
            return;
        }
        let server = message.server_ids().next().cloned();
        match self.question.as_ref().map(|question| question.kind) {
            Some(T::Solicit) => self.hears_advertise(message, server),
            Some(T::Request | T::Renew | T::Rebind) => self.hears_leases(now, message, server),
            Some(T::Confirm) => self.hears_confirmation(now, message),
            // An Information-request that fails may be tried again.
            Some(T::InformationRequest) if fails(status_of(message.status())) => {
                self.interrupt(now)
            }
            Some(T::Decline) => {
                self.has_declined();
                self.conclude(now);
            }
            Some(_) => self.conclude(now),
            None => {}
        }
    }

    /// RFC 9915 §16.3, §16.10. A server that was named is the one to answer.
    fn is_answer(&self, message: &Message) -> bool {
        let Some(question) = self.question.as_ref().filter(|_| self.usable) else { return false };
        let kind = if question.kind == T::Solicit { T::Advertise } else { T::Reply };
        let mut servers = message.server_ids();
        let (server, second) = (servers.next(), servers.next());
        let is_server =
            server.is_some() && (question.server.is_none() || question.server.as_ref() == server);
        message.kind == kind
            && message.transaction == question.transaction
            && message.client_ids().eq([&self.client])
            && is_server
            && second.is_none()
    }

    /// RFC 9915 §18.2.9: an offer gives something. Whether one that fails as a
    /// whole still counts is left open. A Request takes the place of the next
    /// Solicit at the latest (§18.2.1).
    fn hears_advertise(&mut self, message: &Message, server: Option<Duid>) {
        let gives = ias(message).any(|(kind, ia)| {
            self.wanted.contains(&kind) && is_usable(ia) && leases(ia).any(|lease| lease.gives())
        });
        if gives {
            self.advertised.extend(server);
            self.reasons.insert(Reason::Incomplete);
        }
    }

    /// RFC 9915 §18.2.10.1.
    fn hears_leases(&mut self, now: Instant, message: &Message, server: Option<Duid>) {
        self.interrupt(now);
        self.put_off(now);
        let status = status_of(message.status());
        if fails(status) {
            return self.hears_failure(status);
        }
        let held: BTreeSet<_> = self.leases.keys().map(|(kind, _)| *kind).collect();
        let mut given = BTreeSet::new();
        for kind in self.wanted.clone() {
            let ia = ias(message).find(|(other, _)| *other == kind).map(|(_, ia)| ia);
            if ia.is_some_and(|ia| self.takes(now, kind, ia)) {
                given.insert(kind);
            }
            if held.contains(&kind) && !self.holds(kind) {
                self.reasons.insert(Reason::Lost);
            }
        }
        if given.is_empty() {
            self.reasons.insert(Reason::GiveUp);
        } else {
            self.server = server;
            self.note_refused(message);
        }
        if !held.is_empty() && self.leases.is_empty() {
            // The server has taken all of it back, so the client starts over
            // and performs duplicate address detection anew (RFC 9915
            // §18.2.10.1, §18.2.13).
            self.duplicates.clear();
        }
        self.forget_idle_timers();
        if given == self.wanted {
            self.conclude(now);
            self.reasons.clear();
        } else {
            self.reasons.insert(Reason::Incomplete);
        }
    }

    /// UnspecFail may be tried again, within the limit; NotOnLink to a Request
    /// ends in discovery, or in a Request without addresses (RFC 9915
    /// §18.2.10, §18.2.10.1).
    fn hears_failure(&mut self, status: StatusCode) {
        let request = self.question.as_ref().is_some_and(|open| open.kind == T::Request);
        if request || status == StatusCode::NOT_ON_LINK {
            self.reasons.insert(Reason::GiveUp);
        }
        if request && status == StatusCode::NOT_ON_LINK {
            self.reasons.insert(Reason::NotOnLink);
        }
        if status == StatusCode::NO_BINDING {
            self.reasons.insert(Reason::Lost);
            self.wanted.clone().into_iter().for_each(|kind| self.lose_refused(kind));
        }
    }

    /// Takes one association in; true where it gives a lease.
    fn takes(&mut self, now: Instant, kind: Kind, ia: &Ia) -> bool {
        if status_of(ia.status()) == StatusCode::NO_BINDING {
            self.reasons.insert(Reason::Lost);
            self.lose_refused(kind);
            self.has_verified();
        }
        if !is_usable(ia) {
            return false;
        }
        let mut shortest = None;
        for lease in leases(ia).filter(|lease| lease.is_sound()) {
            if lease.valid.is_zero() {
                self.leases.remove(&(kind, lease.prefix));
                // What is not assigned any more is not to be declined.
                self.duplicates.remove(&lease.prefix);
                continue;
            }
            let held = Held {
                preferred: lease.preferred.from_start(now),
                valid: lease.valid.from_start(now),
            };
            // What others use is as if it were not given (RFC 9915 §18.2.8),
            // but it is assigned that long.
            if let Some(duplicate) = self.duplicates.get_mut(&lease.prefix) {
                *duplicate = held;
                self.given_again.insert(lease.prefix, timers(now, ia, held.valid));
                continue;
            }
            self.leases.insert((kind, lease.prefix), held);
            self.released.remove(&lease.prefix);
            shortest = Some(shortest.map_or(held.valid, |other: Until| other.min(held.valid)));
        }
        let Some(end) = shortest else { return false };
        self.timers.insert(kind, timers(now, ia, end));
        self.refused.remove(&kind);
        self.has_verified();
        true
    }

    /// A server that extends leases says that they fit the link; one that
    /// knows nothing of them is asked for others (RFC 9915 §18.2.10.1).
    fn has_verified(&mut self) {
        self.reasons.remove(&Reason::LinkChanged);
        if let Some(question) = &mut self.question {
            question.verifies = false;
        }
    }

    /// RFC 9915 §18.2.10.3. Refused or not, it is sent again as long as it
    /// may be, or discovery takes its place.
    fn hears_confirmation(&mut self, now: Instant, message: &Message) {
        if fails(status_of(message.status())) {
            self.reasons.insert(Reason::GiveUp);
        } else {
            self.conclude(now);
            self.reasons.remove(&Reason::LinkChanged);
            self.reasons.remove(&Reason::GiveUp);
        }
    }

    /// What was declined is as if it had not been given, and may be asked for
    /// (RFC 9915 §18.2.8).
    pub(super) fn has_declined(&mut self) {
        self.duplicates.clear();
        self.reasons.insert(Reason::Incomplete);
    }
}
