//! Asking whether addresses still fit the link: after a restart, or when the
//! link was away (RFC 9915 §18.2.3, §18.2.12).

use crate::engine::{Deadline, retx};
use crate::time::Instant;
use crate::wire::{MessageType, StatusCode};

use super::State;
use super::answer::Answer;
use super::bound::Bound;
use super::common::{Common, Trust};
use super::exchange::Exchange;
use super::rebind::Rebind;
use super::solicit::Solicit;

/// Asking whether addresses still fit the link.
#[derive(Debug)]
pub(super) struct Confirm {
    pub(super) exchange: Exchange,
    /// A server says that they do not; another may still say that they do.
    refused: bool,
}

/// What to do with leases that may not fit the link any more (RFC 9915
/// §18.2.12): with addresses alone a Confirm, else a Rebind. Leases whose ends
/// are not known need a Rebind too, which states them anew.
pub(super) fn verify(common: &mut Common, now: Instant) -> State {
    if !common.leases.any_extendable() {
        return unverified(common, now);
    }
    let addresses_alone = common.leases.any_address() && !common.leases.any_prefix();
    if addresses_alone && common.trust != Trust::Timeless {
        State::Confirm(Confirm::new(common, now))
    } else {
        State::Rebind(Rebind::verifying(common, now))
    }
}

/// Nothing is held that servers are asked about: what there is, is used to its
/// end, which somebody has to know.
pub(super) fn unverified(common: &mut Common, now: Instant) -> State {
    common.next_search = now;
    match common.trust {
        Trust::Timeless => State::Solicit(Solicit::again(common, now)),
        _ => keep(common, now),
    }
}

/// Leases that were found to be good are used on. What is wanted beside them
/// is asked for at once, and a server that extends them learns our new address.
pub(super) fn keep(common: &mut Common, now: Instant) -> State {
    common.note_confirmed();
    // A Decline that was interrupted goes first: the server would give the
    // same address again.
    let may_ask = !common.leases.any_declined();
    let has_to_ask = may_ask && (common.leases.any_wanting() || common.has_moved());
    if has_to_ask && common.server.is_some() {
        State::renew(common, now)
    } else {
        State::Bound(Bound)
    }
}

impl Confirm {
    /// Asks after a random delay of up to CNF_MAX_DELAY, a MUST (RFC 9915
    /// §18.2.3).
    fn new(common: &mut Common, now: Instant) -> Self {
        let exchange = Exchange::delayed(MessageType::Confirm, retx::CONFIRM, now, &mut common.rng);
        Self { exchange, refused: false }
    }

    /// The next transmission, or the end of the wait for an answer.
    pub(super) fn deadline(&self) -> Deadline {
        self.exchange.deadline_before(self.exchange.retx.end(retx::CONFIRM_DURATION))
    }

    /// Without an answer within CNF_MAX_RD the addresses are used on, with
    /// the lifetimes last known. Without an address there is nothing to ask:
    /// what else is held is a prefix that is used to its end.
    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if !common.leases.any_held() {
            State::discover(common, now)
        } else if !common.leases.any_address() {
            unverified(common, now)
        } else {
            self.conclude(common, now)
        }
    }

    fn conclude(self, common: &mut Common, now: Instant) -> State {
        let is_over = self.exchange.retx.has_lasted(retx::CONFIRM_DURATION, now);
        if self.refused && (is_over || self.exchange.retx.is_due(now)) {
            State::Solicit(Solicit::elsewhere(common, now))
        } else if is_over {
            keep(common, now)
        } else {
            State::Confirm(self)
        }
    }

    /// One server that agrees outweighs those that do not (RFC 9915
    /// §18.2.10.3).
    pub(super) fn on_answer(mut self, common: &mut Common, now: Instant, answer: &Answer) -> State {
        common.note_failures(answer);
        match answer.failure.as_ref().map(|status| status.code) {
            None => keep(common, now),
            Some(StatusCode::NOT_ON_LINK) => {
                self.refused = true;
                State::Confirm(self)
            }
            Some(_) => State::Confirm(self),
        }
    }
}
