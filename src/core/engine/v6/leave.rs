//! Giving addresses back that others use (RFC 9915 §18.2.8).

use crate::engine::retx;
use crate::ident::Duid;
use crate::time::Instant;
use crate::wire::MessageType;

use super::State;
use super::bound::Bound;
use super::common::{Common, Contents};
use super::exchange::Exchange;
use super::leases::Leases;
use super::request::Request;
use super::solicit::Solicit;

/// Giving back addresses that others use. Leases that are good stay in use
/// meanwhile. The addresses stand in their associations as well, so that a
/// Decline which something more urgent interrupts goes on after that.
#[derive(Debug)]
pub(super) struct Decline {
    pub(super) exchange: Exchange,
    server: Option<Duid>,
    /// What is declined stands in them.
    leases: Leases,
}

impl Decline {
    /// Declines what is to be declined, at the server that gave it.
    pub(super) fn new(common: &mut Common, now: Instant) -> Self {
        Self {
            exchange: Exchange::new(MessageType::Decline, retx::DECLINE, now, &mut common.rng),
            server: common.server.as_ref().map(|server| server.duid.clone()),
            leases: common.leases.clone(),
        }
    }

    /// The server that gave the addresses.
    pub(super) const fn server(&self) -> Option<&Duid> {
        self.server.as_ref()
    }

    /// What is declined, and nothing else.
    pub(super) fn contents(&self) -> Contents {
        (self.server.clone(), self.leases.declining())
    }

    /// DEC_MAX_RC transmissions went unanswered, or all of it has ended.
    pub(super) fn on_time(mut self, common: &mut Common, now: Instant) -> State {
        self.leases.expire(now);
        // What time has ended, nobody has refused.
        if !self.leases.any_declined() && !common.leases.any_held() {
            return State::discover(common, now);
        }
        let has_failed = self.exchange.retx.has_failed(now);
        if has_failed && common.leases.any_held() && common.leases.t2().is_over(now) {
            // Its server does not answer: others are to be asked.
            common.leases.forget_declined();
            State::Bound(Bound)
        } else if has_failed || !self.leases.any_declined() {
            self.done(common, now)
        } else {
            State::Decline(self)
        }
    }

    /// Any Reply ends it, whatever its status (RFC 9915 §18.2.10.2).
    pub(super) fn on_answer(self, common: &mut Common, now: Instant) -> State {
        self.done(common, now)
    }

    /// What was declined counts as not received: it is asked for again. A
    /// server that holds other leases of ours is asked at once, and with the
    /// next Renew if that brought another duplicate.
    fn done(self, common: &mut Common, now: Instant) -> State {
        common.leases.forget_declined();
        match self.server {
            Some(server) if common.leases.any_held() => {
                let pause = common.refusal_delay();
                if pause.is_zero() {
                    return State::Request(Request::replacing(common, now, server));
                }
                common.next_search = common.next_search.max(now + pause);
                State::Bound(Bound)
            }
            _ => State::Solicit(Solicit::again(common, now)),
        }
    }
}
