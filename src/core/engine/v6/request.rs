//! Asking one server for leases (RFC 9915 §18.2.2).

use std::collections::VecDeque;

use crate::engine::{Deadline, Event, Quirk, Why, retx};
use crate::ident::Duid;
use crate::time::Instant;
use crate::wire::MessageType;

use super::State;
use super::answer::Answer;
use super::bound::Bound;
use super::common::{Common, Contents, Trust};
use super::exchange::Exchange;
use super::rebind::Rebind;
use super::reply::{self, Verdict};
use super::solicit::Solicit;

/// Asking one server for leases.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) exchange: Exchange,
    purpose: Purpose,
    begun: Instant,
}

/// Why a server is asked.
#[derive(Debug)]
enum Purpose {
    /// It advertised; the others that did come next if it fails us.
    Advertised { chosen: Box<Answer>, others: VecDeque<Answer> },
    /// It has no binding for an association, or declined addresses have to
    /// be replaced; all associations are asked for (RFC 9915 §18.2.10.1).
    Replacement { server: Duid },
}

impl Request {
    /// A Request to the first of some advertisers, `None` without any.
    pub(super) fn next(
        common: &mut Common,
        now: Instant,
        mut advertised: VecDeque<Answer>,
    ) -> Option<Self> {
        let chosen = Box::new(advertised.pop_front()?);
        if !common.leases.any_held() {
            common.server = Some(chosen.server.clone());
        }
        Some(Self::new(common, now, Purpose::Advertised { chosen, others: advertised }))
    }

    /// A Request for all associations to a server we deal with already.
    pub(super) fn replacing(common: &mut Common, now: Instant, server: Duid) -> Self {
        Self::new(common, now, Purpose::Replacement { server })
    }

    fn new(common: &mut Common, now: Instant, purpose: Purpose) -> Self {
        common.leases.leave_out_nothing();
        if common.leases.hides_length() {
            common.events.push_back(Event::QuirkActed(Quirk::LengthSpoilsLease));
        }
        let exchange = Exchange::new(MessageType::Request, retx::REQUEST, now, &mut common.rng);
        Self { exchange, purpose, begun: now }
    }

    /// The server that is asked.
    pub(super) fn server(&self) -> &Duid {
        match &self.purpose {
            Purpose::Advertised { chosen, .. } => &chosen.server.duid,
            Purpose::Replacement { server } => server,
        }
    }

    /// What the message names: the offered leases, or those held.
    pub(super) fn contents(&self, common: &Common) -> Contents {
        let ias = match &self.purpose {
            Purpose::Advertised { chosen, .. } => common.leases.requesting(chosen),
            Purpose::Replacement { .. } => common.leases.replacing(),
        };
        (Some(self.server().clone()), ias)
    }

    /// The next transmission, or T2 of the leases that are held.
    pub(super) fn deadline(&self, common: &Common) -> Option<Deadline> {
        Deadline::soonest(Some(self.exchange.deadline()), self.rebinding(common))
    }

    /// T2, if it was not what led here. What nobody has confirmed is not
    /// waited for.
    pub(super) fn rebinding(&self, common: &Common) -> Option<Deadline> {
        let t2 = common.leases.t2().instant();
        let t2 = t2.filter(|at| *at > self.begun && common.is_in_use());
        t2.map(|at| Deadline { at, why: Why::Rebind })
    }

    /// T2 of what is held comes first (RFC 9915 §18.2.4), if it was not what
    /// led here. REQ_MAX_RC transmissions went unanswered (RFC 9915 §18.2.2).
    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if self.rebinding(common).is_some_and(|t2| t2.at <= now) {
            return State::Rebind(Rebind::new(common, now));
        }
        if self.exchange.retx.has_failed(now) {
            common.last_error = Some(format!("server {} does not answer", self.server()));
            return self.give_up(common, now);
        }
        State::Request(self)
    }

    pub(super) fn on_answer(self, common: &mut Common, now: Instant, mut answer: Answer) -> State {
        if let Purpose::Advertised { chosen, .. } = &self.purpose {
            // It is in the Advertise alone (RFC 9915 §21.8).
            answer.server.preference = chosen.server.preference;
        }
        let verdict = reply::take(common, now, &answer, Event::Updated);
        if verdict == (Verdict::Leases { complete: true }) && !common.leases.any_lost() {
            common.note_extension();
            common.search_now(now);
        }
        match verdict {
            Verdict::Ignore => State::Request(self),
            // With or without others that the server does not know.
            Verdict::Leases { .. } | Verdict::NoBinding
                if !Bound::extension_is_due(common, now)
                    && !self.is_in_vain(common)
                    && keeps(common) =>
            {
                State::Bound(Bound)
            }
            Verdict::NotOnLink => self.leave_link(common, now),
            Verdict::Leases { .. } | Verdict::Nothing | Verdict::NoBinding => {
                self.give_up(common, now)
            }
        }
    }

    /// True while what is lost is still to be had from another advertiser.
    fn is_in_vain(&self, common: &Common) -> bool {
        let has_others =
            matches!(&self.purpose, Purpose::Advertised { others, .. } if !others.is_empty());
        has_others && common.leases.any_lost()
    }

    /// What was named does not fit the link, says the server: discovery
    /// starts over, or the message is sent again without addresses (RFC 9915
    /// §18.2.10.1). The latter where prefixes are held that their server
    /// stands by: those would be lost to discovery. Another server, which
    /// was found beside them, is of no use then.
    fn leave_link(self, common: &mut Common, now: Instant) -> State {
        let is_beside = matches!(self.purpose, Purpose::Advertised { .. });
        if is_beside && common.leases.any_held() {
            return self.give_up(common, now);
        }
        let named_addresses = common.leases.any_address();
        let before = common.leases.clone();
        if common.trust != Trust::Full || !common.leases.keep_prefixes() {
            return State::Solicit(Solicit::elsewhere(common, now));
        }
        common.note_loss(&before);
        if named_addresses {
            let server = self.server().clone();
            return State::Request(Self::replacing(common, now, server));
        }
        self.give_up(common, now)
    }

    /// Turns to the next server that advertised, else to discovery. Leases
    /// still in use are not given up for one that cannot be had.
    fn give_up(self, common: &mut Common, now: Instant) -> State {
        common.events.push_back(Event::ServerGivenUp);
        if let Purpose::Advertised { others, .. } = self.purpose
            && let Some(next) = Self::next(common, now, others)
        {
            return State::Request(next);
        }
        if keeps(common) {
            let pause = common.setback_delay(now);
            common.leases.postpone(self.begun, now + pause);
            return State::Bound(Bound);
        }
        State::Solicit(Solicit::again(common, now))
    }
}

/// True where leases are in use, which they stay: a server that does not know
/// them does not end them. What an earlier process had and nobody has
/// confirmed is not in use, and is not waited for.
fn keeps(common: &mut Common) -> bool {
    let in_use = matches!(common.trust, Trust::Full | Trust::InUse);
    if common.trust == Trust::InUse && common.leases.any_held() {
        common.note_confirmed();
    }
    in_use && common.leases.any_held()
}
