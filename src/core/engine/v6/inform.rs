//! Options without leases: Information-request and its refresh (RFC 9915
//! §18.2.6, §21.23).

use crate::engine::{Deadline, Event, Why, retx};
use crate::time::{Instant, Until};
use crate::wire::MessageType;

use super::State;
use super::answer::Answer;
use super::common::{self, Common};
use super::exchange::Exchange;

/// Asking for options alone.
#[derive(Debug)]
pub(super) struct Inform {
    pub(super) exchange: Exchange,
}

/// Holding options alone.
#[derive(Debug)]
pub(super) struct Informed {
    refresh: Until,
}

impl Inform {
    /// Asks after a random delay of up to INF_MAX_DELAY, a MUST for the
    /// first and a kindness to servers for each refresh (RFC 9915 §18.2.6,
    /// §21.23).
    pub(super) fn new(common: &mut Common, now: Instant) -> Self {
        let mut exchange = Exchange::delayed(
            MessageType::InformationRequest,
            retx::INFORMATION_REQUEST,
            now,
            &mut common.rng,
        );
        exchange.retx.set_longest(common.inf_max_rt);
        Self { exchange }
    }

    pub(super) fn on_answer(mut self, common: &mut Common, now: Instant, answer: Answer) -> State {
        common.take_max_rt(&answer);
        common.note_failures(&answer);
        if answer.failure.is_some() {
            self.exchange.retx.set_longest(common.inf_max_rt);
            return State::Inform(self);
        }
        common.last_error = None;
        let changed = common.settings != answer.settings;
        if changed || !common.informed {
            common.events.push_back(Event::Informed);
        }
        common.informed = true;
        common.settings = answer.settings;
        common.note_server(answer.server);
        let refresh = common::refresh_time(answer.refresh);
        State::Informed(Informed {
            refresh: refresh.map_or(Until::Forever, |t| Until::At(now + t)),
        })
    }
}

impl Informed {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.refresh.instant().map(|at| Deadline { at, why: Why::Refresh })
    }

    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if self.refresh.is_over(now) {
            State::Inform(Inform::new(common, now))
        } else {
            State::Informed(self)
        }
    }
}
