//! Looking for servers: DHCPDISCOVER, the collection of offers and the choice
//! among them (RFC 2131 §4.4.1).

use core::cmp::Reverse;

use crate::engine::{Deadline, Why};
use crate::time::{Duration, Instant};

use super::State;
use super::answer::Answer;
use super::attaching;
use super::backoff::{Exchange, Rule};
use super::common::Common;
use super::waiting::Waiting;

/// How long offers of a part of an address are collected after the first, in
/// the hope of a whole one (RFC 7618 §5).
const COLLECT: Duration = Duration::from_secs(1);
/// The most offers that are kept.
const MOST_OFFERS: usize = 16;
/// The shortest time without IPv4 where it is not needed: MIN_V6ONLY_WAIT
/// (RFC 8925 §3.4).
const SHORTEST_PAUSE: u32 = 300;

/// Looking for servers.
#[derive(Debug)]
pub(super) struct Selecting {
    pub(super) exchange: Exchange,
    offers: Vec<Answer>,
    choose_at: Option<Instant>,
}

impl Selecting {
    pub(super) fn new(common: &mut Common, now: Instant) -> Self {
        let exchange = Exchange::new(Rule::Doubling, now, &mut common.rng);
        Self { exchange, offers: Vec::new(), choose_at: None }
    }

    /// The next transmission, or the choice.
    pub(super) const fn deadline(&self) -> Deadline {
        match self.choose_at {
            Some(at) => Deadline { at, why: Why::Choose },
            None => self.exchange.deadline(),
        }
    }

    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if self.choose_at.is_some_and(|at| at <= now) {
            return self.choose(common, now);
        }
        State::Selecting(self)
    }

    pub(super) fn on_answer(mut self, common: &mut Common, now: Instant, offer: Answer) -> State {
        if let Some(seconds) = offer.ipv6_only.filter(|_| common.settings.ipv6_only) {
            let pause = Duration::from_secs(u64::from(seconds.max(SHORTEST_PAUSE)));
            common.give_up();
            return State::Waiting(Waiting { until: now + pause, pauses: true });
        }
        let is_whole = offer.ports.is_none();
        if self.offers.len() < MOST_OFFERS {
            self.offers.push(offer);
        }
        if is_whole {
            // Nothing better can come.
            return self.choose(common, now);
        }
        self.choose_at.get_or_insert(now + COLLECT);
        State::Selecting(self)
    }

    /// Whole addresses before shared ones, of these the one with most ports,
    /// of equals the first.
    fn choose(mut self, common: &mut Common, now: Instant) -> State {
        let rank = |offer: &Answer| {
            let ports = offer.ports.map(|ports| ports.count());
            (ports.is_some(), Reverse(ports))
        };
        self.choose_at = None;
        let offers = core::mem::take(&mut self.offers);
        match offers.into_iter().min_by_key(rank) {
            Some(best) => attaching::accept(common, now, self, best),
            None => State::Selecting(self),
        }
    }
}
