//! Looking for servers: Solicit, the collection of Advertise messages and
//! the choice among them (RFC 9915 §18.2.1, §18.2.9).
//!
//! Discovery also runs beside leases, when a server has taken one association
//! away, or knows nothing of it, and does not give it again. The leases that
//! are good stay in use meanwhile. There is one session with one server all
//! the same (RFC 7550 §4): all associations are named, and only a server that
//! would give the rest as well is followed, so that none of them is lost for
//! the sake of the other.

use core::cmp::Reverse;

use crate::engine::{Deadline, Event, Why, retx};
use crate::time::{Duration, Instant};
use crate::wire::MessageType;

use super::State;
use super::answer::Answer;
use super::bound::Bound;
use super::common::{self, Common};
use super::exchange::Exchange;
use super::reply::{self, Verdict};
use super::request::Request;

/// The most Advertise messages kept as alternatives.
const MAX_ADVERTISERS: usize = 16;

/// The preference that ends the wait for others (RFC 9915 §18.2.1).
const PREFERENCE_AT_ONCE: u8 = 255;

/// Looking for servers.
#[derive(Debug)]
pub(super) struct Solicit {
    pub(super) exchange: Exchange,
    /// Usable Advertise messages, one a server, in the order they came.
    advertised: Vec<Answer>,
    sol_max_rt: Agreement,
    inf_max_rt: Agreement,
}

impl Solicit {
    /// The first discovery on the interface: after a random delay
    /// (SOL_MAX_DELAY, RFC 9915 §18.2.1).
    pub(super) fn delayed(common: &mut Common, now: Instant) -> Self {
        let start = now + common.rng.delay(retx::SOLICIT.max_delay);
        Self::new(common, start)
    }

    /// Discovery after one that came to nothing; leases and options are
    /// given up (RFC 9915 §18.2.13).
    pub(super) fn again(common: &mut Common, now: Instant) -> Self {
        common.clear();
        let start = now + common.refusal_delay();
        Self::new(common, start)
    }

    /// The same on another link than we thought: what was held is not to be
    /// had here.
    pub(super) fn elsewhere(common: &mut Common, now: Instant) -> Self {
        let solicit = Self::again(common, now);
        common.leases.forget_former();
        solicit
    }

    /// Discovery for what is lost, or cannot be asked for in a Renew, beside
    /// leases that are good. By itself it begins once in SOL_MAX_RT at most,
    /// and goes on until they are extended: a server that gives and takes away
    /// is not to make a storm.
    pub(super) fn beside_leases(common: &mut Common, now: Instant) -> Self {
        common.next_search = now + common.sol_max_rt;
        Self::new(common, now)
    }

    /// Discovery that starts at `start`.
    pub(super) fn new(common: &mut Common, start: Instant) -> Self {
        common.leases.leave_out_nothing();
        let mut exchange =
            Exchange::new(MessageType::Solicit, retx::SOLICIT, start, &mut common.rng);
        exchange.retx.set_longest(common.sol_max_rt);
        // Whoever holds leases does not commit itself to the first comer.
        exchange.rapid_commit = common.config.rapid_commit && !common.leases.any_held();
        Self {
            exchange,
            advertised: Vec::new(),
            sol_max_rt: Agreement::None,
            inf_max_rt: Agreement::None,
        }
    }

    /// The next transmission, or the choice that takes its place; or the time
    /// to extend the leases, where there are any.
    pub(super) fn deadline(&self, common: &Common) -> Option<Deadline> {
        Deadline::soonest(Some(self.own_deadline(common)), Bound::extension(common))
    }

    fn own_deadline(&self, common: &Common) -> Deadline {
        let next = self.exchange.deadline();
        if self.advertised.is_empty() {
            return next;
        }
        match self.exchange.retx.end(common.config.patience) {
            Some(at) if !self.has_complete(common) && at > next.at => next,
            Some(at) if !self.has_complete(common) && self.first_is_over() => {
                Deadline { at, why: Why::Choose }
            }
            _ => Deadline { why: Why::Choose, ..next },
        }
    }

    /// The first retransmission time is over: whoever advertised is chosen
    /// from (RFC 9915 §18.2.1). Leases come first.
    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if Bound::extension_is_due(common, now) {
            return Bound.on_time(common, now);
        }
        let may_choose = self.first_is_over() || self.exchange.retx.is_due(now);
        if may_choose && self.has_choice(common, now) {
            return self.choose(common, now);
        }
        State::Solicit(self)
    }

    pub(super) fn on_answer(mut self, common: &mut Common, now: Instant, answer: Answer) -> State {
        if answer.kind == MessageType::Reply {
            return self.on_rapid_reply(common, now, &answer);
        }
        self.take_max_rt(common, &answer);
        // RFC 9915 §18.2.9: without a lease it is ignored, and the timer of
        // the Solicit stays as it is.
        if !common.leases.would_do(&answer) {
            common.note_failures(&answer);
            return self.go_on(common, now, &answer);
        }
        let at_once = answer.server.preference == PREFERENCE_AT_ONCE;
        self.remember(answer);
        let may_choose = at_once || self.first_is_over();
        if may_choose && self.has_choice(common, now) {
            self.choose(common, now)
        } else {
            State::Solicit(self)
        }
    }

    /// The first retransmission time is over: advertisements are not collected
    /// any longer (RFC 9915 §18.2.1).
    const fn first_is_over(&self) -> bool {
        self.exchange.retx.transmissions() > 1
    }

    /// Somebody offers everything; or anything, where there is no patience
    /// left to wait for that.
    fn has_choice(&self, common: &Common, now: Instant) -> bool {
        let is_out_of_patience = self.exchange.retx.has_lasted(common.config.patience, now);
        !self.advertised.is_empty() && (is_out_of_patience || self.has_complete(common))
    }

    fn has_complete(&self, common: &Common) -> bool {
        self.advertised.iter().any(|answer| common.leases.would_be_complete(answer))
    }

    /// A Reply with rapid commit ends discovery (RFC 9915 §18.2.1).
    fn on_rapid_reply(self, common: &mut Common, now: Instant, answer: &Answer) -> State {
        match reply::take(common, now, answer, Event::Bound) {
            Verdict::Leases { .. } => State::Bound(Bound),
            Verdict::NoBinding if common.leases.any_held() => State::Bound(Bound),
            _ => self.go_on(common, now, answer),
        }
    }

    /// Others may still advertise something. What was held on another link is
    /// no good hint here: where that is all that stands against a lease, it is
    /// asked for without, and not in SOL_MAX_RT only.
    fn go_on(self, common: &mut Common, now: Instant, answer: &Answer) -> State {
        let was_misled = answer.says_not_on_link() && common.leases.forget_former();
        if was_misled && self.advertised.is_empty() {
            return State::Solicit(Self::new(common, now));
        }
        State::Solicit(self)
    }

    /// Asks the best server; the others stay as alternatives.
    fn choose(self, common: &mut Common, now: Instant) -> State {
        let mut advertised = self.advertised;
        // Highest preference, then most associations filled, then prefixes of
        // the length wished for, then first come (RFC 9915 §18.2.9, RFC 8168
        // §3.3); the sort is stable.
        advertised.sort_by_key(|answer| {
            let gain = common.leases.would_gain(answer);
            (Reverse((answer.server.preference, gain)), common.leases.distance(answer))
        });
        match Request::next(common, now, advertised.into()) {
            Some(request) => State::Request(request),
            None => State::Solicit(Self::again(common, now)),
        }
    }

    /// Keeps one Advertise a server, the latest, in the first one's place.
    fn remember(&mut self, answer: Answer) {
        let known = |known: &&mut Answer| known.server.duid == answer.server.duid;
        if let Some(known) = self.advertised.iter_mut().find(known) {
            *known = answer;
        } else if self.advertised.len() < MAX_ADVERTISERS {
            self.advertised.push(answer);
        }
    }

    /// Takes SOL_MAX_RT and INF_MAX_RT in if all that advertise them agree;
    /// otherwise the defaults hold (RFC 9915 §18.2.9).
    fn take_max_rt(&mut self, common: &mut Common, answer: &Answer) {
        if let Some(bound) = self.sol_max_rt.with(common::max_rt(answer.sol_max_rt)) {
            common.sol_max_rt = bound;
            self.exchange.retx.set_longest(bound);
        }
        if let Some(bound) = self.inf_max_rt.with(common::max_rt(answer.inf_max_rt)) {
            common.inf_max_rt = bound;
        }
    }
}

/// Whether the servers of one discovery say the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Agreement {
    None,
    All(Duration),
    Split,
}

impl Agreement {
    /// Adds a voice; gives the value that holds now, if there was one.
    fn with(&mut self, value: Option<Duration>) -> Option<Duration> {
        let value = value?;
        *self = match *self {
            Self::None => Self::All(value),
            Self::All(known) if known == value => Self::All(value),
            Self::All(_) | Self::Split => Self::Split,
        };
        Some(if let Self::All(value) = *self { value } else { common::default_max_rt() })
    }
}
