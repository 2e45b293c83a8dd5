//! What happens to the client that no server says.

use std::collections::BTreeSet;

use dhc6c_core::prefix::Prefix;
use dhc6c_core::record::Record;
use dhc6c_core::time::Instant;
use dhc6c_core::wire::{DhcpOption, Message, MessageType as T};

use crate::schedule::{MAX_DELAY, Question};

use super::timers::Timer;
use super::{Held, Kind, Reason, Reference};

impl Reference {
    /// The link is usable from now on, or no longer, or perhaps another one.
    pub fn link(&mut self, now: Instant, usable: bool, changed: bool) {
        self.expire(now);
        let before = core::mem::replace(&mut self.usable, usable);
        if !usable {
            self.due = None;
            self.interrupt(now);
        } else if changed || !before {
            self.interrupt(now);
            if !self.leases.is_empty() {
                // What was asked about the link before says nothing of this
                // one, and the rest can wait until that is known.
                let ends = |open: &mut Question| !matches!(open.kind, T::Release | T::Decline);
                self.question.take_if(ends);
                self.reasons.insert(Reason::LinkChanged);
            }
            self.expect(now, MAX_DELAY);
        }
    }

    /// Somebody asks for this message, which ends the rest after a Release.
    pub fn asked(&mut self, now: Instant, kind: T) {
        self.resting = false;
        self.reasons.insert(Reason::Asked(kind));
        self.interrupt(now);
    }

    /// A Reconfigure is obeyed: from our server, while we have something
    /// (RFC 9915 §18.2.11).
    pub fn is_reconfigured(&mut self, now: Instant, message: &Message) {
        assert!(!self.leases.is_empty(), "obeys a Reconfigure with nothing to lose");
        assert!(message.server_ids().eq(self.server.as_ref()), "obeys another server");
        for option in &message.options {
            if let DhcpOption::ReconfigureMessage(kind) = option {
                self.asked(now, *kind);
            }
        }
    }

    /// Everything is given back; the client starts over then, or rests.
    pub fn release(&mut self, now: Instant, rests: bool) {
        self.expire(now);
        self.released.extend(self.leases.keys().map(|(_, prefix)| *prefix));
        self.clear();
        self.resting = rests;
        if self.question.as_ref().is_some_and(|question| question.kind != T::Release) {
            self.conclude(now);
        }
        self.reasons = [Reason::Release, Reason::GiveUp].into();
        if !rests {
            self.reasons.insert(Reason::Incomplete);
        }
    }

    /// Other associations are wanted from now on; what is held and no longer
    /// wanted is not used.
    pub fn configure(&mut self, now: Instant, wanted: BTreeSet<Kind>) {
        self.expire(now);
        self.leases.retain(|(kind, _), _| wanted.contains(kind));
        self.timers.retain(|kind, _| wanted.contains(kind));
        self.allow_refused(now + MAX_DELAY);
        if !wanted.contains(&Kind::Address) {
            self.duplicates.clear();
        }
        self.wanted = wanted;
        if self.question.is_none() {
            // It may delay what was to come, but ends no pause.
            self.due = self.due.map(|due| due.max(now + MAX_DELAY));
        }
        self.replace(now);
        self.reasons.insert(Reason::Incomplete);
        if self.leases.is_empty() {
            self.reasons.insert(Reason::GiveUp);
        }
    }

    /// An address turned out to be in use by another host.
    pub fn duplicate(&mut self, now: Instant, address: Prefix) {
        self.expire(now);
        if let Some(held) = self.leases.remove(&(Kind::Address, address)) {
            self.duplicates.insert(address, held);
            self.given_again.remove(&address);
            self.reasons.insert(Reason::Incomplete);
            if self.leases.is_empty() {
                self.reasons.insert(Reason::GiveUp);
            }
            self.replace(now);
            self.forget_idle_timers();
        }
    }

    /// A new process goes on with this record, whose leases are in use.
    pub fn restore(&mut self, record: &Record) {
        let wanted = self.wanted.clone();
        *self = Self::new(self.client.clone(), wanted);
        self.server = record.server.as_ref().map(|server| server.duid.clone());
        for ia in record.associations.iter().filter(|ia| self.wanted.contains(&ia.kind.into())) {
            let kind = ia.kind.into();
            self.timers.insert(kind, (Timer::at(ia.t1), Timer::at(ia.t2)));
            for known in &ia.leases {
                let held = Held { preferred: known.preferred, valid: known.valid };
                self.leases.insert((kind, known.lease), held);
            }
        }
        self.forget_idle_timers();
    }

    /// Something may take the place of the exchange that goes on: whether it
    /// goes on is left to the client.
    pub(super) fn interrupt(&mut self, now: Instant) {
        if let Some(question) = &mut self.question {
            question.interrupted = Some(now);
        }
    }

    /// Another question may take the place of the open one, which may be
    /// asked anew for the reason that it had (RFC 9915 §18.2.11, §18.2.12).
    fn replace(&mut self, now: Instant) {
        if let Some(question) = &self.question {
            self.reasons.insert(match question.verifies {
                true => Reason::LinkChanged,
                false => Reason::Asked(question.kind),
            });
        }
        self.interrupt(now);
    }
}
