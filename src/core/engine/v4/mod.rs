//! The DHCPv4 client of one interface (RFC 2131 §4.4), over a carrier that it
//! knows nothing of but where its messages come from and go to.
//!
//! [`Client`] is common data beside one state; each state is a struct with
//! data of its own, in a file of its own, and a transition consumes it. Only
//! [`super::iface`] calls in here. What is sent leaves through
//! [`Client::transmit`], pulled when there is room for it.
//!
//! There is no broadcast, no ARP and no 169.254/16 in here: the carrier has
//! none of it (RFC 7341 §9, RFC 7618 §7, §7.1).
//!
//! ```text
//! Off ─► Waiting ─► Selecting ─► Attaching ─► Requesting ─► Bound ─► Renewing ─► Rebinding
//!   └──► Rebooting ───────────────────────────────────────────┘
//!        Waiting ─► Informing ─► Informed
//! ```

mod answer;
mod ask;
mod attaching;
mod backoff;
mod bound;
mod common;
mod extending;
mod informing;
mod lease;
mod leaving;
mod rebooting;
mod requesting;
mod selecting;
mod settings;
mod source;
mod view;
mod waiting;

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::engine::{Deadline, Event, Why};
use crate::link::V4Sent;
use crate::reason::DropReason;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::dhcp4o6::{Query, Response};
use crate::wire::v4::Kind;

use answer::{Answer, Expected};
use ask::Question;
use attaching::Attaching;
use backoff::Exchange;
use common::Common;
use extending::Extending;
use informing::Informing;
use rebooting::Rebooting;
use requesting::Requesting;
use selecting::Selecting;
use waiting::Waiting;

pub(super) use common::{Path, Via};
pub(super) use settings::Settings;
pub(super) use source::Sources;

/// The client: common data and one state.
#[derive(Debug)]
pub(super) struct Client {
    common: Common,
    state: State,
}

/// What the client is doing.
#[derive(Debug)]
enum State {
    /// There is no way to a server. A lease is used to its end.
    Off,
    /// Everything was given back; nothing is asked for.
    Resting,
    /// Waiting to begin: INIT.
    Waiting(Waiting),
    /// Looking for servers.
    Selecting(Selecting),
    /// Waiting for the address that the lease is to be bound to.
    Attaching(Attaching),
    /// Asking for what was offered.
    Requesting(Requesting),
    /// Asking whether a lease of before is still ours.
    Rebooting(Rebooting),
    /// Holding a lease.
    Bound,
    /// Extending it at its server.
    Renewing(Extending),
    /// Extending it at any server.
    Rebinding(Extending),
    /// Asking for options alone.
    Informing(Informing),
    /// Holding options alone.
    Informed,
}

impl Client {
    /// A client that has no way to a server yet.
    pub(super) fn new(settings: Settings, rng: Rng) -> Self {
        Self { common: Common::new(settings, rng), state: State::Off }
    }

    /// Takes other settings; another identity or another wish is another
    /// client, which has nothing of what this one has.
    pub(super) fn configure(&mut self, now: Instant, settings: Settings) {
        let mut as_before = settings.clone();
        as_before.device.clone_from(&self.common.settings.device);
        // Whose the lease is, is up to the client identifier (RFC 4361 §6.1).
        as_before.hardware.clone_from(&self.common.settings.hardware);
        as_before.longest_delay = self.common.settings.longest_delay;
        let is_same = as_before == self.common.settings;
        self.common.settings = settings;
        if !is_same {
            self.common.give_up();
            self.common.former = None;
            self.start_over(now);
        }
    }

    /// True while there is no way to a server.
    pub(super) const fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    /// What a shared lease was given to.
    pub(super) fn shared_from(&self) -> Option<Ipv6Addr> {
        self.common.lease.as_ref().filter(|lease| lease.is_shared()).map(|lease| lease.via)
    }

    /// Begins anew, without a word of what there was.
    pub(super) fn forget(&mut self, now: Instant) {
        self.connect(now, None);
        self.common.give_up();
        self.common.former = None;
    }

    /// Goes on with another way to servers, or with none.
    pub(super) fn connect(&mut self, now: Instant, via: Option<Via>) {
        // RFC 7618 §7: whoever shares an address is known by where he is.
        let has_moved = via.as_ref().is_some_and(|via| self.shares_from_elsewhere(via));
        if has_moved {
            self.common.give_up();
        } else if via == self.common.via {
            return;
        }
        let before = core::mem::replace(&mut self.common.via, via);
        let Some(via) = self.common.via.clone() else {
            // RFC 7341 §9: nothing is asked for or extended any more. What is
            // used on may not fit where we are next (RFC 2131 §3.7).
            self.common.is_verified &= !self.common.in_use;
            if !matches!(self.state, State::Resting) {
                self.state = State::Off;
            }
            self.common.farewell.clear();
            return;
        };
        self.turn(|common, state| match (state, before) {
            (State::Resting, _) => State::Resting,
            (State::Off, _) => State::start(common, now),
            // Other servers: what is held is shown to them, and an open
            // question begins anew.
            (State::Bound, Some(before)) if via.has_same_servers(&before) => State::Bound,
            (State::Bound | State::Renewing(_), _) if common.lease.is_some() => {
                State::renew(common, now)
            }
            (State::Rebinding(mut rebinding), _) if common.lease.is_some() => {
                rebinding.exchange.hurry(now);
                State::Rebinding(rebinding)
            }
            (state @ State::Waiting(Waiting { pauses: true, .. }), _) => state,
            // The softwire's own address may be what a further server can be
            // reached from; whoever began anew for it would lose it again.
            (state @ (State::Attaching(_) | State::Requesting(_)), Some(before))
                if via.widens(&before) && !has_moved =>
            {
                state
            }
            (_, _) if common.lease.is_some() => State::start(common, now),
            _ => State::Waiting(Waiting { until: now, pauses: false }),
        });
    }

    /// True where a shared lease was given to an address that we do not ask
    /// from any more. One that is still to pass its detection will be back.
    fn shares_from_elsewhere(&self, via: &Via) -> bool {
        let lease = self.common.lease.as_ref().filter(|lease| lease.is_shared());
        lease.is_some_and(|lease| {
            !via.is_from(lease.via) && !self.common.sources.is_awaited(lease.via)
        })
    }

    /// The IPv6 addresses that are ours have changed, or may have. A lease
    /// that is bound to one that is gone is bound to another, which for a
    /// shared one means to start over (RFC 8539 §7.2.1, RFC 7618 §7).
    pub(super) fn take_sources(&mut self, now: Instant, sources: Sources) {
        if sources == self.common.sources {
            return;
        }
        self.common.sources = sources;
        let bound_to = self.common.lease.as_ref().and_then(|lease| lease.source);
        let is_gone = |source: Ipv6Addr| !self.common.sources.has(source);
        if self.common.via.is_none() {
            return;
        }
        match &self.state {
            State::Requesting(requesting) if requesting.source.is_some_and(is_gone) => {
                self.start_over(now);
            }
            State::Attaching(attaching) if bound_to.is_none() && is_gone(attaching.source) => {
                self.start_over(now);
            }
            _ if bound_to.is_some_and(is_gone) => self.rebind_source(now),
            _ => {}
        }
    }

    /// Duplicate address detection found that somebody else has an address;
    /// true where it was made for our softwire.
    pub(super) fn on_duplicate(&mut self, now: Instant, address: Ipv6Addr) -> bool {
        if self.own_source().is_none_or(|(own, _)| own != address) {
            return false;
        }
        self.common.refuse_source(address);
        match self.state {
            State::Attaching(_) if self.common.lease.is_none() => self.advance(now),
            State::Requesting(_) => self.start_over(now),
            _ => self.rebind_source(now),
        }
        true
    }

    /// Somebody else has our IPv4 address (RFC 2131 §4.4.4). Of a shared one
    /// that says nothing (RFC 7618 §6).
    pub(super) fn decline(&mut self, now: Instant, address: Ipv4Addr) {
        let declined = self.common.lease.as_ref().filter(|lease| lease.address == address);
        if declined.is_none_or(lease::Lease::is_shared) {
            return;
        }
        leaving::decline(&mut self.common);
        let again = Waiting { until: now + leaving::AFTER_DECLINE, pauses: false };
        self.turn(|_, state| match state {
            State::Off | State::Resting => state,
            _ => State::Waiting(again),
        });
    }

    /// Extends the lease now: at its server, or at any.
    pub(super) fn hurry(&mut self, now: Instant, at_any: bool) {
        self.turn(|common, state| match state {
            State::Bound | State::Renewing(_) | State::Rebinding(_) if common.lease.is_some() => {
                if at_any {
                    State::rebind(common, now)
                } else {
                    State::renew(common, now)
                }
            }
            State::Informed => State::Informing(Informing::new(common, now)),
            State::Resting if common.via.is_some() => State::start(common, now),
            State::Resting => State::Off,
            state => state,
        });
    }

    /// Gives everything back and rests, or starts over.
    pub(super) fn release(&mut self, now: Instant, starts_over: bool) {
        leaving::release(&mut self.common);
        self.state = State::Resting;
        if starts_over {
            self.start_over(now);
        }
    }

    /// Gives everything up and says nothing; what was held is remembered.
    pub(super) fn stop(&mut self) {
        self.common.give_up();
        self.common.farewell.clear();
        self.state = State::Resting;
    }

    /// Lets everything happen that is due.
    pub(super) fn advance(&mut self, now: Instant) {
        let is_over = |lease: &lease::Lease| lease.times.valid.is_over(now);
        if self.common.lease.as_ref().is_some_and(is_over) {
            // RFC 2131 §4.4.5: not used for a moment longer.
            self.common.give_up();
        }
        // A chain such as Bound, Renewing, Rebinding, Waiting after a long
        // sleep is four turns.
        for _ in 0..8 {
            let before = self.state.name();
            self.turn(|common, state| state.on_time(common, now));
            if self.state.name() == before {
                break;
            }
        }
    }

    /// Takes a message in that came to `destination`; gives what was dropped
    /// of it.
    pub(super) fn take(
        &mut self,
        now: Instant,
        response: &Response,
        destination: Ipv6Addr,
    ) -> Vec<DropReason> {
        let mut dropped = Vec::new();
        let expected = self.state.expected(&self.common);
        match answer::admit(response, &self.common.settings, expected, &mut dropped) {
            Ok(mut answer) => {
                answer.came_to = self.common.asked_from(destination);
                self.common.events.push_back(Event::ReceivedV4(answer.kind, answer.xid));
                self.turn(|common, state| state.on_answer(common, now, answer));
                self.advance(now);
            }
            Err(reason) => dropped.push(reason),
        }
        dropped
    }

    /// What is said without waiting for an answer, if anything.
    pub(super) fn farewell(&mut self) -> Option<Query> {
        self.common.farewell.pop_front()
    }

    /// The next message that is due at `now`, if any. The caller sends it.
    pub(super) fn transmit(&mut self, now: Instant) -> Option<Query> {
        let Self { common, state } = self;
        common.via.as_ref()?;
        let exchange = state.exchange_mut().filter(|exchange| exchange.is_due(now))?;
        exchange.prepare(&mut common.rng);
        let (xid, secs) = (exchange.xid, exchange.elapsed(now));
        exchange.sent(now, &mut common.rng);
        let sent = V4Sent { xid, number: exchange.sent_count() };
        let (kind, question) = state.question(common)?;
        // RFC 2131 §3.1: that of the choice is that of the DHCPDISCOVER.
        let is_choice = matches!(question, Question::Select { .. });
        let secs = if is_choice { common.discovered_after } else { secs };
        let query = ask::query(&common.settings, &question, xid, secs);
        if kind == Kind::Discover {
            common.discovered_after = secs;
        }
        common.events.push_back(Event::SentV4(kind, sent));
        Some(query)
    }

    /// When the client has to be woken. Without a way to a server nothing is
    /// due but the end of the lease.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let own = match &self.state {
            _ if self.common.via.is_none() => None,
            State::Off | State::Resting | State::Informed => None,
            State::Waiting(waiting) => Some(waiting.deadline()),
            State::Selecting(selecting) => Some(selecting.deadline()),
            State::Attaching(attaching) => Some(attaching.deadline()),
            State::Requesting(requesting) => Some(requesting.deadline()),
            State::Rebooting(rebooting) => Some(rebooting.deadline()),
            State::Bound => bound::deadline(&self.common),
            State::Renewing(extending) | State::Rebinding(extending) => Some(extending.deadline()),
            State::Informing(informing) => Some(informing.deadline()),
        };
        Deadline::soonest(own, self.expiry())
    }

    /// When the lease ends.
    pub(super) fn expiry(&self) -> Option<Deadline> {
        let valid = self.common.lease.as_ref()?.times.valid;
        valid.instant().map(|at| Deadline { at, why: Why::Expire })
    }

    /// The next event for others, oldest first.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.common.events.pop_front()
    }

    fn start_over(&mut self, now: Instant) {
        self.turn(|common, _| match common.via {
            Some(_) => State::Waiting(Waiting { until: now, pauses: false }),
            None => State::Off,
        });
    }

    /// The address that the lease is bound to is not ours any more. Without a
    /// way to a server another takes its place, and servers are told of it
    /// once there is one.
    fn rebind_source(&mut self, now: Instant) {
        if self.common.via.is_none() {
            self.common.bind_elsewhere();
        } else if self.common.lease.is_some() {
            self.turn(|common, _| Attaching::elsewhere(common, now));
        }
    }

    /// Replaces the state by what a transition makes of it.
    fn turn(&mut self, transition: impl FnOnce(&mut Common, State) -> State) {
        let state = core::mem::replace(&mut self.state, State::Off);
        self.state = transition(&mut self.common, state);
    }
}

impl State {
    /// The first state with a way to servers.
    fn start(common: &mut Common, now: Instant) -> Self {
        match &common.lease {
            // RFC 8539 §7.1: not before the address is there that it is bound
            // to. Where that is gone, a lease in use is bound to another; one
            // that is not needs an offer to choose another by.
            Some(lease) if lease.source.is_some_and(|source| !common.sources.has(source)) => {
                if common.in_use {
                    return Attaching::elsewhere(common, now);
                }
                common.give_up();
                Self::Waiting(Waiting::start(common, now))
            }
            Some(lease) => match lease.source {
                Some(source) => Attaching::to(source, common, now),
                None => Self::resume(common, now),
            },
            None => Self::Waiting(Waiting::start(common, now)),
        }
    }

    /// Goes on with a lease: servers are asked about one of an earlier process
    /// or of before a disconnection (RFC 2131 §3.7, §4.4.2), and told of the
    /// softwire's address, which may have moved or which its server has not
    /// taken over yet.
    fn resume(common: &mut Common, now: Instant) -> Self {
        let is_bound = common.lease.as_ref().is_some_and(|lease| lease.source.is_some());
        if is_bound && common.is_verified {
            Self::renew(common, now)
        } else {
            Self::Rebooting(Rebooting::new(common, now))
        }
    }

    fn renew(common: &mut Common, now: Instant) -> Self {
        let end = common.lease.as_ref().map_or(crate::time::Until::Forever, |l| l.times.t2);
        Self::Renewing(Extending::until(end, common, now))
    }

    fn rebind(common: &mut Common, now: Instant) -> Self {
        let end = common.lease.as_ref().map_or(crate::time::Until::Forever, |l| l.times.valid);
        Self::Rebinding(Extending::until(end, common, now))
    }

    /// Acts on the time alone.
    fn on_time(self, common: &mut Common, now: Instant) -> Self {
        match self {
            Self::Waiting(waiting) => waiting.on_time(common, now),
            Self::Selecting(selecting) => selecting.on_time(common, now),
            Self::Attaching(attaching) => attaching.on_time(common, now),
            Self::Requesting(requesting) => requesting.on_time(common, now),
            Self::Rebooting(rebooting) => rebooting.on_time(common, now),
            Self::Bound => bound::on_time(common, now),
            Self::Renewing(extending) => extending.on_time_renewing(common, now),
            Self::Rebinding(extending) => extending.on_time_rebinding(common, now),
            state @ (Self::Off | Self::Resting | Self::Informing(_) | Self::Informed) => state,
        }
    }

    /// Acts on an answer to its open question.
    fn on_answer(self, common: &mut Common, now: Instant, answer: Answer) -> Self {
        match self {
            Self::Selecting(selecting) => selecting.on_answer(common, now, answer),
            Self::Requesting(requesting) => requesting.on_answer(common, now, answer),
            Self::Rebooting(rebooting) => rebooting.on_answer(common, now, answer),
            Self::Renewing(extending) | Self::Rebinding(extending) => {
                extending.on_answer(common, now, answer)
            }
            Self::Informing(informing) => informing.on_answer(common, answer),
            // Without an open question nothing gets past the door.
            state => state,
        }
    }

    /// What the door lets in.
    fn expected(&self, common: &Common) -> Option<Expected> {
        let lease = common.lease.as_ref();
        // Nothing was asked before the first message left.
        self.exchange().filter(|exchange| exchange.sent_count() > 0)?;
        Some(match self {
            Self::Selecting(selecting) => Expected {
                xid: selecting.exchange.xid,
                offer: true,
                address: None,
                server: None,
                options_alone: false,
                shared: false,
            },
            Self::Requesting(requesting) => requesting.expected(),
            Self::Rebooting(rebooting) => rebooting.expected(lease?),
            Self::Renewing(extending) => extending.expected(lease?, true),
            Self::Rebinding(extending) => extending.expected(lease?, false),
            Self::Informing(informing) => informing.expected(),
            _ => return None,
        })
    }

    /// The message that is being sent.
    fn question<'a>(&'a self, common: &'a Common) -> Option<(Kind, Question<'a>)> {
        let lease = common.lease.as_ref();
        Some(match self {
            Self::Selecting(_) => (Kind::Discover, Question::Discover(common.former)),
            Self::Requesting(requesting) => (Kind::Request, requesting.question()),
            Self::Rebooting(_) => (Kind::Request, Question::Reboot(lease?)),
            Self::Renewing(_) => (Kind::Request, Question::Renew(lease?)),
            Self::Rebinding(_) => (Kind::Request, Question::Rebind(lease?)),
            Self::Informing(_) => (Kind::Inform, Question::Inform(common.settings.address?)),
            _ => return None,
        })
    }

    const fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::Selecting(selecting) => Some(&selecting.exchange),
            Self::Requesting(requesting) => Some(&requesting.exchange),
            Self::Rebooting(rebooting) => Some(&rebooting.exchange),
            Self::Renewing(extending) | Self::Rebinding(extending) => Some(&extending.exchange),
            Self::Informing(informing) => Some(&informing.exchange),
            _ => None,
        }
    }

    const fn exchange_mut(&mut self) -> Option<&mut Exchange> {
        match self {
            Self::Selecting(selecting) => Some(&mut selecting.exchange),
            Self::Requesting(requesting) => Some(&mut requesting.exchange),
            Self::Rebooting(rebooting) => Some(&mut rebooting.exchange),
            Self::Renewing(extending) | Self::Rebinding(extending) => Some(&mut extending.exchange),
            Self::Informing(informing) => Some(&mut informing.exchange),
            _ => None,
        }
    }

    const fn name(&self) -> crate::snapshot::V4State {
        use crate::snapshot::V4State;
        match self {
            Self::Off | Self::Resting => V4State::Idle,
            Self::Waiting(_) => V4State::Waiting,
            Self::Selecting(_) => V4State::Selecting,
            Self::Attaching(_) => V4State::Attaching,
            Self::Requesting(_) => V4State::Requesting,
            Self::Rebooting(_) => V4State::Rebooting,
            Self::Bound => V4State::Bound,
            Self::Renewing(_) => V4State::Renewing,
            Self::Rebinding(_) => V4State::Rebinding,
            Self::Informing(_) => V4State::Informing,
            Self::Informed => V4State::Informed,
        }
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
