//! Asking for what was offered (RFC 2131 §3.1, §4.4.1).

use std::net::Ipv6Addr;

use crate::engine::Deadline;
use crate::time::Instant;
use crate::wire::v4::Kind;

use super::State;
use super::answer::{Answer, Expected};
use super::ask::Question;
use super::backoff::{Exchange, Rule};
use super::bound;
use super::common::Common;
use super::waiting::Waiting;

/// Asking for what was offered.
#[derive(Debug)]
pub(super) struct Requesting {
    pub(super) exchange: Exchange,
    offer: Answer,
    /// What the lease is to be bound to (RFC 8539).
    pub(super) source: Option<Ipv6Addr>,
}

impl Requesting {
    /// The transaction is that of the offer (RFC 2131 table 5).
    pub(super) fn new(
        common: &mut Common,
        now: Instant,
        offer: Answer,
        source: Option<Ipv6Addr>,
    ) -> Self {
        let mut exchange = Exchange::new(Rule::Counted, now, &mut common.rng);
        exchange.xid = offer.xid;
        Self { exchange, offer, source }
    }

    pub(super) const fn question(&self) -> Question<'_> {
        let Answer { address, server, ports, .. } = self.offer;
        Question::Select { address, server, ports, source: self.source }
    }

    /// Only the chosen server can grant what it has offered.
    pub(super) const fn expected(&self) -> Expected {
        Expected {
            xid: self.exchange.xid,
            offer: false,
            address: Some(self.offer.address),
            server: Some(self.offer.server),
            options_alone: false,
            shared: self.offer.ports.is_some(),
        }
    }

    pub(super) const fn deadline(&self) -> Deadline {
        self.exchange.deadline()
    }

    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if self.exchange.has_failed(now) {
            return State::Waiting(Waiting::again(common, now));
        }
        State::Requesting(self)
    }

    pub(super) fn on_answer(self, common: &mut Common, now: Instant, answer: Answer) -> State {
        match answer.kind {
            Kind::Ack => bound::granted(common, now, &self.exchange, answer, self.source),
            _ => bound::denied(common, now, &answer, self.source),
        }
    }
}
