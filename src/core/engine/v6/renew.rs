//! Extending leases at the server that gave them (RFC 9915 §18.2.4).

use crate::engine::{Deadline, Event, Quirk, Why, retx};
use crate::ident::Duid;
use crate::time::Instant;
use crate::wire::MessageType;

use super::State;
use super::answer::Answer;
use super::bound::Bound;
use super::common::Common;
use super::confirm;
use super::exchange::Exchange;
use super::rebind::Rebind;
use super::reply::{self, Verdict};
use super::request::Request;
use super::solicit::Solicit;

/// Extending leases at their server.
#[derive(Debug)]
pub(super) struct Renew {
    pub(super) exchange: Exchange,
    server: Option<Duid>,
}

impl Renew {
    pub(super) fn new(common: &mut Common, now: Instant) -> Self {
        common.leases.leave_out_nothing();
        let quirk = Quirk::RefusedSpoilsRenew;
        if common.config.quirks.contains(&quirk) && common.leases.leave_out_refused(now) {
            common.events.push_back(Event::QuirkActed(quirk));
        }
        Self {
            exchange: Exchange::new(MessageType::Renew, retx::RENEW, now, &mut common.rng),
            server: common.server.as_ref().map(|server| server.duid.clone()),
        }
    }

    /// The server that is asked: the one that answered last.
    pub(super) const fn server(&self) -> Option<&Duid> {
        self.server.as_ref()
    }

    /// The next transmission, or T2, which ends the exchange (MRD).
    pub(super) fn deadline(&self, common: &Common) -> Option<Deadline> {
        let transmit = common.link.is_usable().then(|| self.exchange.deadline());
        Deadline::soonest(transmit, Self::rebinding(common))
    }

    /// T2.
    pub(super) fn rebinding(common: &Common) -> Option<Deadline> {
        common.leases.t2().instant().map(|at| Deadline { at, why: Why::Rebind })
    }

    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if !common.leases.any_held() {
            State::discover(common, now)
        } else if !common.leases.any_extendable() {
            // What is left is asked about no more.
            confirm::unverified(common, now)
        } else if common.leases.t2().is_over(now) {
            State::Rebind(Rebind::new(common, now))
        } else {
            State::Renew(self)
        }
    }

    pub(super) fn on_answer(self, common: &mut Common, now: Instant, answer: Answer) -> State {
        match reply::take(common, now, &answer, Event::Updated) {
            Verdict::Leases { complete: true } => {
                common.note_extension();
                State::Bound(Bound)
            }
            // RFC 9915 §18.2.10.1: an association that was left out is asked
            // for again at the normal retransmission time.
            Verdict::Leases { complete: false } | Verdict::Ignore | Verdict::NotOnLink => {
                State::Renew(self)
            }
            Verdict::NoBinding => {
                State::Request(Request::replacing(common, now, answer.server.duid))
            }
            Verdict::Nothing => State::Solicit(Solicit::again(common, now)),
        }
    }
}
