//! The DHCPv6 client of one interface (RFC 9915 §18.2).
//!
//! [`Client`] is common data beside one state; each state is a struct with
//! data of its own, in a file of its own, and a transition consumes it. Only
//! [`super::iface`] calls in here. What is sent leaves through
//! [`Client::transmit`], pulled when the send limit allows it, so a state
//! never counts messages.

mod answer;
mod ask;
mod association;
mod bound;
mod carrying;
mod common;
mod confirm;
mod exchange;
mod inform;
mod leases;
mod leave;
mod rebind;
mod reconfigure;
mod release;
mod renew;
mod reply;
mod request;
mod resume;
mod settings;
mod solicit;

use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::desired::Desired;
use crate::engine::{Config, Deadline, Event, Input, PrefixChange, Restored};
use crate::link::{Datagram, Link};
use crate::reason::DropReason;
use crate::record::Record;
use crate::rng::Rng;
use crate::snapshot::{Mode, Snapshot, StateName};
use crate::time::Instant;
use crate::wire::{Message, MessageType};

use answer::{Answer, Expected};
use bound::Bound;
use common::{Common, Trust};
use confirm::Confirm;
use inform::{Inform, Informed};
use leave::Decline;
use rebind::Rebind;
use release::{Release, Then, release};
use renew::Renew;
use request::Request;
use solicit::Solicit;

/// The client: common data and one state.
#[derive(Debug)]
pub(super) struct Client {
    common: Common,
    state: State,
}

/// What the client is doing.
#[derive(Debug)]
enum State {
    /// Waiting for a link with a usable link-local address.
    Idle,
    /// Waiting for somebody to ask for something: everything was released.
    Resting,
    /// Waiting for something to ask for: no router has said that there is any.
    Waiting,
    /// Looking for servers.
    Solicit(Solicit),
    /// Asking one server for leases.
    Request(Request),
    /// Holding leases.
    Bound(Bound),
    /// Extending leases at their server.
    Renew(Renew),
    /// Extending leases at any server.
    Rebind(Rebind),
    /// Asking whether addresses still fit the link.
    Confirm(Confirm),
    /// Giving leases back.
    Release(Release),
    /// Giving back addresses that others use.
    Decline(Decline),
    /// Asking for options alone.
    Inform(Inform),
    /// Holding options alone.
    Informed(Informed),
    /// Ended.
    Stopped,
}

impl Client {
    /// A client that waits for its link.
    pub(super) fn new(config: Arc<Config>, rng: Rng) -> Self {
        Self { common: Common::new(config, rng), state: State::Idle }
    }

    /// The randomness of everything on this interface.
    pub(super) const fn rng(&mut self) -> &mut Rng {
        &mut self.common.rng
    }

    /// Goes on with what an earlier process held.
    pub(super) fn restore(&mut self, restored: &Restored, now: Instant) {
        self.common.restore(restored, now);
    }

    /// What has to outlive the process; nothing new once the client has
    /// stopped, so that what it held is confirmed at the next start, and
    /// nothing while the ends of the leases are not known, because the next
    /// start would rely on them.
    pub(super) fn record(&self, now: Instant) -> Option<Record> {
        let is_sound = !self.is_stopped() && self.common.trust != Trust::Timeless;
        is_sound.then(|| self.common.record(now))
    }

    /// Goes on with another configuration, or with the one it has.
    pub(super) fn reconsider(&mut self, now: Instant, config: Arc<Config>) {
        self.advance(now);
        self.configure(now, config);
        self.advance(now);
    }

    /// Takes an input in and acts on everything that is due at `now`.
    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        // What the clock brought comes first: an answer that arrives after
        // the end of an exchange does not revive it.
        self.advance(now);
        match input {
            Input::Link(link) => self.on_link(now, link),
            Input::Resumed => self.on_resume(now),
            Input::Datagram(datagram) => self.on_datagram(now, &datagram),
            Input::AddressUsable(address) => {
                self.common.leases.set_usable(address, true);
                self.common.note_use();
            }
            Input::AddressMissing(address) => self.common.leases.set_usable(address, false),
            Input::AddressDuplicate(address) => self.on_duplicate(now, address),
            Input::Renew => self.turn(|common, state| state.hurry(common, now, State::renew)),
            Input::Rebind => self.turn(|common, state| state.hurry(common, now, State::rebind)),
            Input::Configure(config) => self.configure(now, Arc::from(config)),
            Input::Release => self.leave(now, Then::Rest),
            Input::Restart => self.leave(now, Then::StartOver),
            Input::Stop { release } => self.stop(now, release),
            Input::Applied | Input::Tick | Input::Router(_) | Input::Ipv4AddressDuplicate(_) => {}
        }
        self.advance(now);
    }

    /// The next message that is due at `now`, if any. The caller sends it.
    pub(super) fn transmit(&mut self, now: Instant) -> Option<Message> {
        let Self { common, state } = self;
        let exchange = state.exchange_mut()?;
        if !exchange.retx.is_due(now) || !common.link.is_usable() {
            return None;
        }
        exchange.retx.sent(now, &mut common.rng);
        let number = exchange.retx.transmissions();
        let exchange = exchange.clone();
        let (server, ias) = state.contents(common);
        let message = ask::message(&common.config, &exchange, server.as_ref(), ias, now);
        common.count_sent(&message, number);
        Some(message)
    }

    /// When the client has to be woken.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let own = match &self.state {
            State::Solicit(solicit) => solicit.deadline(&self.common),
            State::Request(request) => request.deadline(&self.common),
            State::Bound(bound) => bound.deadline(&self.common),
            State::Renew(renew) => renew.deadline(&self.common),
            State::Rebind(rebind) => Some(rebind.deadline()),
            State::Confirm(confirm) => Some(confirm.deadline()),
            State::Release(release) => Some(release.deadline()),
            State::Inform(inform) => inform.deadline(&self.common),
            State::Informed(informed) => informed.deadline(),
            state => state.exchange().map(exchange::Exchange::deadline),
        };
        // A message that cannot leave wakes nobody.
        let own = own.filter(|_| self.common.link.is_usable() || !self.transmits());
        Deadline::soonest(own, self.common.leases.expiry())
    }

    /// What ends next, whether or not a message can leave: a lease, the time
    /// until leases are to be extended by another, or the time that a client
    /// has for its farewell.
    pub(super) fn expiry(&self) -> Option<Deadline> {
        let end = match &self.state {
            State::Solicit(_) => Bound::extension(&self.common),
            State::Request(request) => request.rebinding(&self.common),
            State::Renew(_) => Renew::rebinding(&self.common),
            State::Release(release) => release.end(),
            _ => None,
        };
        Deadline::soonest(end, self.common.leases.expiry())
    }

    /// The next event for others, oldest first.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        let event = self.common.events.pop_front();
        if self.common.events.is_empty() {
            // There may be none for months.
            self.common.events = VecDeque::new();
        }
        event
    }

    /// What the kernel and the resolver should look like.
    pub(super) fn desired(&self) -> Desired {
        self.common.desired()
    }

    /// Every association has a lease or a refusal, one has a lease, and no
    /// address is tentative; stateless: there was a Reply.
    pub(super) fn is_settled(&self) -> bool {
        match self.state {
            State::Idle | State::Waiting | State::Stopped | State::Decline(_) => false,
            _ if self.common.link.index == 0 || self.common.trust != Trust::Full => false,
            _ if self.common.config.mode == Mode::Stateless => self.common.informed,
            _ => self.common.leases.is_settled(),
        }
    }

    /// True while anything is held that a server has given.
    pub(super) fn holds_something(&self) -> bool {
        self.common.leases.any_held() || self.common.informed
    }

    /// Tells others something.
    pub(super) fn tell(&mut self, event: Event) {
        self.common.events.push_back(event);
    }

    /// Counts something that was dropped and tells others.
    pub(super) fn drop_for(&mut self, reason: DropReason) {
        self.common.counters.dropped.count(reason);
        self.tell(Event::Dropped(reason));
    }

    /// The prefixes of the link have changed: perhaps the servers have
    /// something new as well (RFC 9915 §18.2.12, RFC 9762 §7.1).
    pub(super) fn on_changed_prefixes(&mut self, now: Instant, change: PrefixChange) {
        if !self.common.link.is_usable() {
            return;
        }
        self.turn(|common, state| match state {
            State::Informed(_) => State::Inform(Inform::new(common, now)),
            state if !state.is_at_leisure(common) => state,
            _ if !common.leases.any_prefix() => confirm::verify(common, now),
            _ if change == PrefixChange::Delegating => {
                State::Rebind(Rebind::verifying(common, now))
            }
            _ => State::Renew(Renew::new(common, now)),
        });
    }

    /// True after [`Input::Stop`].
    pub(super) const fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// The client as others see it.
    pub(super) fn snapshot(&self, now: Instant) -> Snapshot {
        let next = self.deadline();
        self.common.snapshot(now, self.state.name(), next)
    }

    /// True when the state's own deadline is a transmission.
    fn transmits(&self) -> bool {
        self.state.exchange().is_some_and(|exchange| !exchange.retx.is_last())
            && !matches!(self.state, State::Renew(_))
    }

    /// Lets everything happen that is due.
    fn advance(&mut self, now: Instant) {
        if self.common.leases.expire(now) {
            self.common.note_expiry();
        }
        // Each turn either changes the state or ends; a chain such as
        // Bound, Renew, Rebind, Solicit after a long sleep is four turns.
        for _ in 0..8 {
            let before = self.state.name();
            self.turn(|common, state| state.on_time(common, now));
            if self.state.name() == before {
                break;
            }
        }
    }

    fn on_link(&mut self, now: Instant, link: Link) {
        let before = core::mem::replace(&mut self.common.link, link);
        let was_usable = before.is_usable();
        self.common.link_was_away |= !link.up || link.index != before.index;
        if !self.common.link.is_usable() {
            return;
        }
        if core::mem::take(&mut self.common.link_was_away) {
            return self.on_return(now);
        }
        self.turn(|common, state| match state {
            State::Idle => State::start(common, now, common.config.initial_delay),
            // With another link-local address: start over, with fresh
            // timeouts.
            State::Solicit(_) | State::Request(_) if !was_usable && !common.leases.any_held() => {
                State::start(common, now, false)
            }
            State::Inform(_) | State::Informed(_) if !was_usable => {
                State::Inform(Inform::new(common, now))
            }
            // RFC 9915 §18.2.4: the server has to learn the address that a
            // Reconfigure would reach us at.
            State::Bound(_) | State::Solicit(_)
                if common.leases.any_extendable() && common.has_moved() =>
            {
                State::renew(common, now)
            }
            state => state,
        });
    }

    /// The machine has slept, perhaps on its way to another link (RFC 9915
    /// §18.2.12).
    fn on_resume(&mut self, now: Instant) {
        if self.common.link.is_usable() {
            self.on_return(now);
        } else {
            self.common.link_was_away = true;
        }
    }

    /// The link is there after it was away, or we were: perhaps it is another
    /// one (RFC 9915 §18.2.12).
    fn on_return(&mut self, now: Instant) {
        if self.common.config.anonymous {
            // What was held would say who we are on another link (RFC 7844
            // §4.2, §4.3).
            self.common.clear();
        }
        self.turn(|common, state| match state {
            State::Idle => State::start(common, now, common.config.initial_delay),
            state @ (State::Resting | State::Waiting | State::Stopped) => state,
            // As when the link goes: its server may be out of reach.
            State::Release(release) => release.end_early(common, now),
            // What an open exchange would bring can be asked for when that is
            // known.
            _ if common.leases.any_held() => confirm::verify(common, now),
            // A stateless client asks again.
            State::Inform(_) | State::Informed(_) => State::Inform(Inform::new(common, now)),
            State::Decline(_) if common.leases.any_declined() => {
                State::Decline(Decline::new(common, now))
            }
            _ => State::start(common, now, false),
        });
    }

    fn on_datagram(&mut self, now: Instant, datagram: &Datagram) {
        if self.is_stopped() {
            return;
        }
        if datagram.octets.first() == Some(&MessageType::Reconfigure.code()) {
            return self.on_reconfigure(now, datagram);
        }
        let question = self.state.exchange().map(|exchange| exchange.kind);
        let names_us = question.is_none_or(|kind| ask::names_client(&self.common.config, kind));
        let expected = self.state.expected();
        let admitted = answer::admit(
            datagram,
            self.common.link.link_local,
            names_us.then_some(&self.common.config.duid),
            expected,
            &mut self.common.counters.dropped,
        );
        match admitted {
            Ok(answer) => {
                self.common.count_received(&answer, self.state.exchange());
                self.turn(|common, state| state.on_answer(common, now, answer));
            }
            Err(reason) => self.drop_for(reason),
        }
    }

    fn on_duplicate(&mut self, now: Instant, address: Ipv6Addr) {
        if !self.common.leases.decline(address) {
            return;
        }
        self.common.events.push_back(Event::DadFailed(address));
        self.common.last_error = Some(format!("{address} is in use by another host"));
        self.turn(|common, state| match state {
            // The question whether the leases fit the link comes first; what
            // is to be declined waits for the answer.
            State::Confirm(_) if common.leases.any_address() => state,
            State::Rebind(rebind) if rebind.verifies() && common.leases.any_extendable() => {
                State::Rebind(rebind)
            }
            _ => State::Decline(Decline::new(common, now)),
        });
    }

    /// Another configuration: what is held and still wanted stays, what is
    /// new is asked for at once. Another identity or mode is another client.
    fn configure(&mut self, now: Instant, config: Arc<Config>) {
        if config == self.common.config {
            return;
        }
        let other =
            config.duid != self.common.config.duid || config.mode != self.common.config.mode;
        // What was asked for without leases stays until there are some.
        let had_options = self.common.informed && config.mode == Mode::Stateful;
        if other && !had_options {
            self.common.clear();
        }
        let has_to_ask = self.common.configure(config) || other;
        if !has_to_ask && (self.common.leases.any_held() || self.common.informed) {
            return;
        }
        self.turn(|common, state| match state {
            // Under another name nothing can be given back any more.
            State::Release(release) if other => release.end_early(common, now),
            State::Resting | State::Release(_) | State::Stopped | State::Idle => state,
            _ if !common.link.is_usable() => State::Idle,
            _ if had_options => State::start(common, now, false),
            state if common.leases.any_held() || common.informed => state.ask_anew(common, now),
            _ => {
                common.clear();
                State::start(common, now, false)
            }
        });
    }

    /// Gives everything back, then does what follows; a client that is
    /// ending anyhow is not held up.
    fn leave(&mut self, now: Instant, then: Then) {
        self.turn(|common, state| match state {
            State::Stopped => State::Stopped,
            // Whoever releases already only has to learn what follows.
            State::Release(mut releasing) => {
                releasing.follow_with(then, now);
                State::Release(releasing)
            }
            _ => release(common, now, then),
        });
    }

    fn stop(&mut self, now: Instant, release: bool) {
        if release {
            return self.leave(now, Then::Stop);
        }
        if self.is_stopped() {
            return;
        }
        self.common.clear();
        self.common.events.push_back(Event::Stopped);
        self.state = State::Stopped;
    }

    /// Replaces the state by what a transition makes of it.
    fn turn(&mut self, transition: impl FnOnce(&mut Common, State) -> State) {
        let state = core::mem::replace(&mut self.state, State::Idle);
        self.state = transition(&mut self.common, state).or_wait(&self.common);
    }
}

impl State {
    /// The first state of a client with a usable link.
    fn start(common: &mut Common, now: Instant, delayed: bool) -> Self {
        match common.config.mode {
            Mode::Stateful if common.leases.any_held() => confirm::verify(common, now),
            Mode::Stateful if delayed && !common.leases.any_declined() => {
                Self::Solicit(Solicit::delayed(common, now))
            }
            Mode::Stateful => Self::discover(common, now),
            Mode::Stateless => Self::Inform(Inform::new(common, now)),
            Mode::Auto => Self::Waiting,
        }
    }

    /// Looks for servers. The one there was learns first what others use of
    /// what it gave, or it would give the same again (RFC 9915 §18.2.8).
    fn discover(common: &mut Common, now: Instant) -> Self {
        if common.leases.any_declined() && common.server.is_some() {
            return Self::Decline(Decline::new(common, now));
        }
        common.leases.forget_declined();
        Self::Solicit(Solicit::new(common, now))
    }

    /// Nothing is asked where nothing is wanted any more; what is held is used
    /// to its end.
    fn or_wait(self, common: &Common) -> Self {
        let asks_for_leases = matches!(
            self,
            Self::Solicit(_)
                | Self::Request(_)
                | Self::Renew(_)
                | Self::Rebind(_)
                | Self::Confirm(_)
        );
        match self {
            state if !asks_for_leases || common.leases.any_wanted() => state,
            _ if common.leases.any_held() => Self::Bound(Bound),
            _ => Self::Waiting,
        }
    }

    /// True when nothing is being asked that our own server has to answer:
    /// what is held could be extended, or asked about.
    fn is_at_leisure(&self, common: &Common) -> bool {
        match self {
            Self::Bound(_) | Self::Informed(_) => true,
            Self::Solicit(_) => common.leases.any_held(),
            _ => false,
        }
    }

    /// Does at once what would be done in time: extends leases as `extend`
    /// does, asks for options anew, or starts where nothing is going on.
    fn hurry(
        self,
        common: &mut Common,
        now: Instant,
        extend: impl FnOnce(&mut Common, Instant) -> Self,
    ) -> Self {
        match self {
            Self::Rebind(rebind) if rebind.verifies() => Self::Rebind(rebind),
            Self::Bound(_) | Self::Renew(_) | Self::Rebind(_) => extend(common, now),
            Self::Inform(_) | Self::Solicit(_) if common.leases.any_held() => extend(common, now),
            Self::Inform(_) | Self::Informed(_) => Self::Inform(Inform::new(common, now)),
            Self::Resting if common.link.is_usable() => Self::start(common, now, false),
            Self::Resting => Self::Idle,
            // It would end the rest that follows.
            Self::Release(mut releasing) => {
                releasing.follow_with(Then::StartOver, now);
                Self::Release(releasing)
            }
            state => state,
        }
    }

    /// Asks for what is new in the configuration. A question that is open
    /// already is asked anew: its answer would not speak of that, which would
    /// pass for a refusal.
    fn ask_anew(self, common: &mut Common, now: Instant) -> Self {
        match self {
            Self::Bound(_) | Self::Renew(_) => Self::renew(common, now),
            Self::Inform(_) | Self::Solicit(_) if common.leases.any_held() => {
                Self::renew(common, now)
            }
            Self::Rebind(rebind) if rebind.verifies() => confirm::verify(common, now),
            Self::Rebind(_) => Self::Rebind(Rebind::new(common, now)),
            Self::Request(request) => {
                Self::Request(Request::replacing(common, now, request.server().clone()))
            }
            Self::Inform(_) | Self::Informed(_) => Self::Inform(Inform::new(common, now)),
            // The rest goes on to ask for everything.
            state => state,
        }
    }

    /// Where nothing is held that a Renew could be about, whatever is wanted
    /// is looked for.
    fn renew(common: &mut Common, now: Instant) -> Self {
        if common.leases.any_extendable() {
            Self::Renew(Renew::new(common, now))
        } else {
            Self::Solicit(Solicit::beside_leases(common, now))
        }
    }

    fn rebind(common: &mut Common, now: Instant) -> Self {
        Self::Rebind(Rebind::new(common, now))
    }

    /// Acts on the time alone.
    fn on_time(self, common: &mut Common, now: Instant) -> Self {
        match self {
            Self::Solicit(solicit) => solicit.on_time(common, now),
            Self::Request(request) => request.on_time(common, now),
            Self::Bound(bound) => bound.on_time(common, now),
            Self::Renew(renew) => renew.on_time(common, now),
            Self::Rebind(rebind) => rebind.on_time(common, now),
            Self::Decline(decline) => decline.on_time(common, now),
            Self::Confirm(confirm) => confirm.on_time(common, now),
            Self::Release(release) => release.on_time(common, now),
            Self::Inform(inform) => inform.on_time(common, now),
            Self::Informed(informed) => informed.on_time(common, now),
            state @ (Self::Idle | Self::Resting | Self::Waiting | Self::Stopped) => state,
        }
    }

    /// Acts on an answer to its open exchange.
    fn on_answer(self, common: &mut Common, now: Instant, answer: Answer) -> Self {
        match self {
            Self::Solicit(solicit) => solicit.on_answer(common, now, answer),
            Self::Request(request) => request.on_answer(common, now, answer),
            Self::Renew(renew) => renew.on_answer(common, now, answer),
            Self::Rebind(rebind) => rebind.on_answer(common, now, answer),
            Self::Decline(decline) => decline.on_answer(common, now),
            Self::Confirm(confirm) => confirm.on_answer(common, now, &answer),
            Self::Release(release) => release.on_answer(common, now),
            Self::Inform(inform) => inform.on_answer(common, now, answer),
            // Without an open exchange nothing gets past the door.
            state @ (Self::Idle
            | Self::Resting
            | Self::Waiting
            | Self::Bound(_)
            | Self::Informed(_)
            | Self::Stopped) => state,
        }
    }

    /// What the door lets in.
    fn expected(&self) -> Option<Expected<'_>> {
        use answer::ReplyKind;
        let exchange = self.exchange()?;
        // Nothing was asked before the first message left.
        if exchange.retx.transmissions() == 0 {
            return None;
        }
        let (advertise, reply, server) = match self {
            Self::Solicit(_) if exchange.rapid_commit => (true, ReplyKind::RapidCommit, None),
            Self::Solicit(_) => (true, ReplyKind::No, None),
            Self::Request(request) => (false, ReplyKind::Yes, Some(request.server())),
            Self::Renew(renew) => (false, ReplyKind::Yes, renew.server()),
            Self::Decline(decline) => (false, ReplyKind::Yes, decline.server()),
            Self::Release(release) => (false, ReplyKind::Yes, Some(release.server())),
            Self::Inform(inform) => (false, ReplyKind::Yes, inform.server()),
            _ => (false, ReplyKind::Yes, None),
        };
        let (transaction, question) = (exchange.transaction, exchange.kind);
        Some(Expected { transaction, question, advertise, reply, server })
    }

    /// The server and the associations of the message being sent.
    fn contents(&self, common: &Common) -> common::Contents {
        match self {
            Self::Solicit(_) => (None, common.leases.asking()),
            Self::Request(request) => request.contents(common),
            Self::Renew(renew) => (renew.server().cloned(), common.leases.holding()),
            Self::Rebind(_) => (None, common.leases.holding()),
            Self::Decline(decline) => decline.contents(),
            Self::Confirm(_) => (None, common.leases.confirming()),
            Self::Release(release) => release.contents(),
            Self::Inform(inform) => (inform.server().cloned(), Vec::new()),
            _ => (None, Vec::new()),
        }
    }

    const fn exchange(&self) -> Option<&exchange::Exchange> {
        match self {
            Self::Solicit(solicit) => Some(&solicit.exchange),
            Self::Request(request) => Some(&request.exchange),
            Self::Renew(renew) => Some(&renew.exchange),
            Self::Rebind(rebind) => Some(&rebind.exchange),
            Self::Decline(decline) => Some(&decline.exchange),
            Self::Confirm(confirm) => Some(&confirm.exchange),
            Self::Release(release) => Some(&release.exchange),
            Self::Inform(inform) => Some(&inform.exchange),
            _ => None,
        }
    }

    const fn exchange_mut(&mut self) -> Option<&mut exchange::Exchange> {
        match self {
            Self::Solicit(solicit) => Some(&mut solicit.exchange),
            Self::Request(request) => Some(&mut request.exchange),
            Self::Renew(renew) => Some(&mut renew.exchange),
            Self::Rebind(rebind) => Some(&mut rebind.exchange),
            Self::Decline(decline) => Some(&mut decline.exchange),
            Self::Confirm(confirm) => Some(&mut confirm.exchange),
            Self::Release(release) => Some(&mut release.exchange),
            Self::Inform(inform) => Some(&mut inform.exchange),
            _ => None,
        }
    }

    const fn name(&self) -> StateName {
        match self {
            Self::Idle | Self::Resting | Self::Waiting => StateName::Idle,
            Self::Solicit(_) => StateName::Soliciting,
            Self::Request(_) => StateName::Requesting,
            Self::Bound(_) => StateName::Bound,
            Self::Renew(_) => StateName::Renewing,
            Self::Rebind(rebind) if rebind.verifies() => StateName::Confirming,
            Self::Rebind(_) => StateName::Rebinding,
            Self::Confirm(_) => StateName::Confirming,
            Self::Release(_) => StateName::Releasing,
            Self::Decline(_) => StateName::Declining,
            Self::Inform(_) => StateName::Informing,
            Self::Informed(_) => StateName::Informed,
            Self::Stopped => StateName::Stopped,
        }
    }
}
