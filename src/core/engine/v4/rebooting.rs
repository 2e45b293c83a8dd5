//! Asking whether a lease of before is still ours: INIT-REBOOT (RFC 2131 §3.2,
//! §4.4.2).

use crate::engine::Deadline;
use crate::time::Instant;
use crate::wire::v4::Kind;

use super::State;
use super::answer::{Answer, Expected};
use super::backoff::{Exchange, Rule};
use super::bound;
use super::common::Common;
use super::lease::Lease;
use super::waiting::Waiting;

/// Asking whether a lease of before is still ours.
#[derive(Debug)]
pub(super) struct Rebooting {
    pub(super) exchange: Exchange,
}

impl Rebooting {
    pub(super) fn new(common: &mut Common, now: Instant) -> Self {
        Self { exchange: Exchange::new(Rule::Counted, now, &mut common.rng) }
    }

    /// Any server may answer.
    pub(super) const fn expected(&self, lease: &Lease) -> Expected {
        Expected {
            xid: self.exchange.xid,
            offer: false,
            address: Some(lease.address),
            server: None,
            options_alone: false,
            shared: lease.is_shared(),
        }
    }

    pub(super) const fn deadline(&self) -> Deadline {
        self.exchange.deadline()
    }

    /// Without an answer the lease is used to its end (RFC 2131 §3.2 step 4),
    /// where its end is known.
    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if common.lease.is_none() {
            return State::Waiting(Waiting::again(common, now));
        }
        if !self.exchange.has_failed(now) {
            return State::Rebooting(self);
        }
        if common.is_timeless {
            return State::Waiting(Waiting::again(common, now));
        }
        common.confirm();
        State::Bound
    }

    pub(super) fn on_answer(self, common: &mut Common, now: Instant, answer: Answer) -> State {
        let source = common.lease.as_ref().and_then(|lease| lease.source);
        match answer.kind {
            Kind::Ack => bound::granted(common, now, &self.exchange, answer, source),
            _ => bound::denied(common, now, &answer, source),
        }
    }
}
