//! Extending leases at any server, until the last of them ends (RFC 9915
//! §18.2.5).

use crate::engine::{Event, retx};
use crate::time::Instant;
use crate::wire::MessageType;

use super::State;
use super::answer::Answer;
use super::bound::Bound;
use super::common::Common;
use super::exchange::Exchange;
use super::reply::{self, Verdict};
use super::request::Request;
use super::solicit::Solicit;

/// Extending leases at any server.
#[derive(Debug)]
pub(super) struct Rebind {
    pub(super) exchange: Exchange,
}

impl Rebind {
    pub(super) fn new(common: &mut Common, now: Instant) -> Self {
        Self { exchange: Exchange::new(MessageType::Rebind, retx::REBIND, now, &mut common.rng) }
    }

    /// All leases of all associations have ended (MRD).
    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if common.leases.any_held() {
            State::Rebind(self)
        } else {
            State::Solicit(Solicit::new(common, now))
        }
    }

    /// Whoever answers is our server from now on.
    pub(super) fn on_answer(self, common: &mut Common, now: Instant, answer: Answer) -> State {
        match reply::take(common, now, &answer, Event::Rebound) {
            Verdict::Leases { complete: true } => State::Bound(Bound),
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
