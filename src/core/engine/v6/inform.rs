//! Options without leases: Information-request and its refresh (RFC 9915
//! §18.2.6, §21.23).

use crate::engine::{Deadline, Event, Why, retx};
use crate::ident::Duid;
use crate::snapshot::Mode;
use crate::time::{Instant, Until};
use crate::wire::MessageType;

use super::State;
use super::answer::Answer;
use super::bound::Bound;
use super::common::{self, Common};
use super::exchange::Exchange;

/// Asking for options alone.
#[derive(Debug)]
pub(super) struct Inform {
    pub(super) exchange: Exchange,
    /// The server that asked us to ask it; else anyone may answer.
    server: Option<Duid>,
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
        Self { exchange, server: None }
    }

    /// Asks our server, which wants to be asked. It has chosen the time, so
    /// there is no delay; its identifier is a MUST (RFC 9915 §18.2.6).
    pub(super) fn reconfigured(common: &mut Common, now: Instant) -> Self {
        let mut inform = Self::new(common, now);
        inform.exchange.retx.start_at(now);
        inform.server = common.server.as_ref().map(|server| server.duid.clone());
        inform
    }

    /// The server that is asked, where it is one.
    pub(super) const fn server(&self) -> Option<&Duid> {
        self.server.as_ref()
    }

    /// The next transmission; or the time to extend the leases, where there
    /// are any.
    pub(super) fn deadline(&self, common: &Common) -> Option<Deadline> {
        Deadline::soonest(Some(self.exchange.deadline()), Bound::extension(common))
    }

    /// Leases come first: the answer to what extends them brings the options
    /// as well.
    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        let ended = common.config.mode == Mode::Stateful && !common.leases.any_held();
        if ended || Bound::extension_is_due(common, now) {
            Bound.on_time(common, now)
        } else {
            State::Inform(self)
        }
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
        if changed || !(common.informed || common.leases.any_held()) {
            common.events.push_back(Event::Informed);
        }
        common.note_key(&answer);
        common.settings = answer.settings;
        common.note_server(answer.server);
        if common.leases.any_held() {
            return State::Bound(Bound);
        }
        common.informed = true;
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
