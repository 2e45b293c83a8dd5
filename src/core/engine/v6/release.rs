//! Giving leases back (RFC 9915 §18.2.7).

use crate::engine::{Deadline, Event, Why, retx};
use crate::ident::Duid;
use crate::time::{Duration, Instant};
use crate::wire::MessageType;

use super::State;
use super::common::{Common, Contents};
use super::exchange::Exchange;
use super::leases::Leases;

/// How long a client that stops gives its Release: time for one, and after
/// REL_TIMEOUT for one repeat if no answer comes.
const FAREWELL: Duration = Duration::from_millis(1500);

/// Giving leases back; they are not in use any more.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) exchange: Exchange,
    server: Duid,
    given_back: Leases,
    then: Then,
    begun: Instant,
}

/// What follows when the leases are given back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Then {
    /// Nothing, until somebody asks for something.
    Rest,
    /// Everything from the beginning.
    StartOver,
    /// The end.
    Stop,
}

/// Gives up all leases and sends them back to their server, if there are any
/// and there is a way to; then does what follows. The leases are out of use
/// before the first message leaves (a MUST of RFC 9915 §18.2.7).
pub(super) fn release(common: &mut Common, now: Instant, then: Then) -> State {
    let given_back = common.leases.clone();
    let server = common.server.as_ref().map(|server| server.duid.clone());
    common.clear();
    // Whoever gives something back does not want it again.
    common.leases.forget_former();
    match server {
        Some(server) if given_back.any_held() && common.link.is_usable() => {
            common.events.push_back(Event::Releasing);
            let exchange = Exchange::new(MessageType::Release, retx::RELEASE, now, &mut common.rng);
            State::Release(Release { exchange, server, given_back, then, begun: now })
        }
        _ => then.state(common, now),
    }
}

impl Release {
    /// The server that gave the leases.
    pub(super) const fn server(&self) -> &Duid {
        &self.server
    }

    /// What is given back, and nothing else.
    pub(super) fn contents(&self) -> Contents {
        (Some(self.server.clone()), self.given_back.releasing())
    }

    /// Something else is to follow: what was said last, but an end is final.
    pub(super) fn follow_with(&mut self, then: Then, now: Instant) {
        if self.then == Then::Stop {
            return;
        }
        self.then = then;
        if then == Then::Stop {
            self.begun = now;
        }
    }

    /// The next transmission, or the end of the time there is.
    pub(super) fn deadline(&self) -> Deadline {
        self.exchange.deadline_before(self.end().map(|end| end.at))
    }

    /// The end of the time there is for one who stops.
    pub(super) fn end(&self) -> Option<Deadline> {
        let end = Deadline { at: self.begun + FAREWELL, why: Why::GiveUp };
        (self.then == Then::Stop).then_some(end)
    }

    /// REL_MAX_RC transmissions went unanswered, or the link is gone; whoever
    /// stops waits for less. What has ended meanwhile is not given back any
    /// more.
    pub(super) fn on_time(mut self, common: &mut Common, now: Instant) -> State {
        self.given_back.expire(now);
        let is_late = self.end().is_some_and(|end| end.at <= now);
        let is_pointless = is_late || !self.given_back.any_held();
        if is_pointless || self.exchange.retx.has_failed(now) || !common.link.is_usable() {
            self.then.state(common, now)
        } else {
            State::Release(self)
        }
    }

    /// It has become pointless.
    pub(super) fn end_early(self, common: &mut Common, now: Instant) -> State {
        self.then.state(common, now)
    }

    /// Any Reply ends it, whatever its status (RFC 9915 §18.2.10.2).
    pub(super) fn on_answer(self, common: &mut Common, now: Instant) -> State {
        self.then.state(common, now)
    }
}

impl Then {
    fn state(self, common: &mut Common, now: Instant) -> State {
        match self {
            Self::Rest => State::Resting,
            Self::StartOver if common.link.is_usable() => State::start(common, now, false),
            Self::StartOver => State::Idle,
            Self::Stop => {
                common.events.push_back(Event::Stopped);
                State::Stopped
            }
        }
    }
}
