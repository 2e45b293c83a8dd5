//! Asking for options alone: DHCPINFORM, for an address that is ours from
//! elsewhere (RFC 2131 §4.4.3).

use crate::engine::Deadline;
use crate::time::Instant;

use super::State;
use super::answer::{Answer, Expected};
use super::backoff::{Exchange, Rule};
use super::common::Common;

/// Asking for options alone.
#[derive(Debug)]
pub(super) struct Informing {
    pub(super) exchange: Exchange,
}

impl Informing {
    pub(super) fn new(common: &mut Common, now: Instant) -> Self {
        Self { exchange: Exchange::new(Rule::Doubling, now, &mut common.rng) }
    }

    pub(super) const fn expected(&self) -> Expected {
        Expected {
            xid: self.exchange.xid,
            offer: false,
            address: None,
            server: None,
            options_alone: true,
            shared: false,
        }
    }

    pub(super) const fn deadline(&self) -> Deadline {
        self.exchange.deadline()
    }

    /// Times and addresses in the answer say nothing (RFC 2131 §4.3.5).
    pub(super) fn on_answer(self, common: &mut Common, answer: Answer) -> State {
        if answer.kind != crate::wire::v4::Kind::Ack {
            return State::Informing(self);
        }
        common.informed = answer.options;
        State::Informed
    }
}
