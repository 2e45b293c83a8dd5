//! Extending a lease: RENEWING at its server until T2, REBINDING at any
//! server until its end (RFC 2131 §4.4.5).

use crate::engine::{Deadline, Why};
use crate::time::{Instant, Until};
use crate::wire::v4::Kind;

use super::State;
use super::answer::{Answer, Expected};
use super::backoff::{Exchange, Rule};
use super::bound;
use super::common::Common;
use super::lease::Lease;
use super::waiting::Waiting;

/// Extending a lease.
#[derive(Debug)]
pub(super) struct Extending {
    pub(super) exchange: Exchange,
    /// T2 or the end of the lease.
    end: Until,
}

impl Extending {
    /// Asks until `end`.
    pub(super) fn until(end: Until, common: &mut Common, now: Instant) -> Self {
        Self { exchange: Exchange::new(Rule::HalfUntil(end), now, &mut common.rng), end }
    }

    /// What may answer: while renewing, only its server. Our question reaches
    /// others too, and what they say of it does not count.
    pub(super) fn expected(&self, lease: &Lease, renews: bool) -> Expected {
        Expected {
            xid: self.exchange.xid,
            offer: false,
            address: Some(lease.address),
            server: renews.then_some(lease.server),
            options_alone: false,
            shared: lease.is_shared(),
        }
    }

    /// The next transmission, or the end.
    pub(super) fn deadline(&self) -> Deadline {
        let next = self.exchange.deadline();
        match self.end {
            Until::At(at) if at < next.at => Deadline { at, why: Why::Rebind },
            _ => next,
        }
    }

    pub(super) fn on_time_renewing(self, common: &mut Common, now: Instant) -> State {
        let Some(valid) = common.lease.as_ref().map(|lease| lease.times.valid) else {
            return State::Waiting(Waiting::again(common, now));
        };
        if self.end.is_over(now) {
            return State::Rebinding(Self::until(valid, common, now));
        }
        State::Renewing(self)
    }

    pub(super) fn on_time_rebinding(self, common: &mut Common, now: Instant) -> State {
        if common.lease.is_none() {
            return State::Waiting(Waiting::again(common, now));
        }
        State::Rebinding(self)
    }

    pub(super) fn on_answer(self, common: &mut Common, now: Instant, answer: Answer) -> State {
        let source = common.lease.as_ref().and_then(|lease| lease.source);
        match answer.kind {
            Kind::Ack => bound::granted(common, now, &self.exchange, answer, source),
            _ => bound::denied(common, now, &answer, source),
        }
    }
}
