//! Extending leases at any server, until the last of them ends (RFC 9915
//! §18.2.5); and, with the timing of a Confirm, asking any server whether
//! delegated prefixes are still ours (RFC 9915 §18.2.12).

use crate::engine::{Deadline, Event, retx};
use crate::time::Instant;
use crate::wire::MessageType;

use super::State;
use super::answer::Answer;
use super::bound::Bound;
use super::common::{Common, Trust};
use super::confirm;
use super::exchange::Exchange;
use super::reply::{self, Verdict};
use super::request::Request;
use super::solicit::Solicit;

/// Extending leases at any server.
#[derive(Debug)]
pub(super) struct Rebind {
    pub(super) exchange: Exchange,
    /// It stands in for a Confirm.
    verifies: bool,
}

impl Rebind {
    pub(super) fn new(common: &mut Common, now: Instant) -> Self {
        common.leases.leave_out_nothing();
        let exchange = Exchange::new(MessageType::Rebind, retx::REBIND, now, &mut common.rng);
        Self { exchange, verifies: false }
    }

    /// A Rebind in place of a Confirm: delayed and timed as that is.
    pub(super) fn verifying(common: &mut Common, now: Instant) -> Self {
        common.leases.leave_out_nothing();
        let exchange = Exchange::delayed(MessageType::Rebind, retx::CONFIRM, now, &mut common.rng);
        Self { exchange, verifies: true }
    }

    /// True when it stands in for a Confirm.
    pub(super) const fn verifies(&self) -> bool {
        self.verifies
    }

    /// The next transmission, or the end of the wait for an answer.
    pub(super) fn deadline(&self) -> Deadline {
        let end = self.exchange.retx.end(retx::CONFIRM_DURATION);
        self.exchange.deadline_before(end.filter(|_| self.verifies))
    }

    /// All leases of all associations have ended (MRD); or nobody has said
    /// within CNF_MAX_RD that they are not ours, so they are used on. Where
    /// nobody knows when they end, they are not. Nobody is asked about nothing:
    /// that ends it too.
    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if !common.leases.any_held() {
            return State::discover(common, now);
        }
        if !common.leases.any_extendable() {
            return confirm::unverified(common, now);
        }
        if self.verifies && self.exchange.retx.has_lasted(retx::CONFIRM_DURATION, now) {
            return match common.trust {
                Trust::Timeless => State::Solicit(Solicit::again(common, now)),
                _ => confirm::keep(common, now),
            };
        }
        State::Rebind(self)
    }

    /// Whoever answers is our server from now on.
    pub(super) fn on_answer(self, common: &mut Common, now: Instant, answer: Answer) -> State {
        match reply::take(common, now, &answer, Event::Rebound) {
            Verdict::Leases { complete: true } => {
                common.note_extension();
                State::Bound(Bound)
            }
            Verdict::Leases { complete: false } | Verdict::Ignore | Verdict::NotOnLink => {
                State::Rebind(self)
            }
            Verdict::NoBinding => {
                State::Request(Request::replacing(common, now, answer.server.duid))
            }
            Verdict::Nothing => State::Solicit(Solicit::again(common, now)),
        }
    }
}
