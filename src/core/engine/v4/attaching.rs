//! Before a server is told of an address that a lease is to be bound to: it is
//! made, and duplicate address detection has to pass it first (RFC 8539 §7.1).

use std::net::Ipv6Addr;

use crate::engine::{Deadline, Why};
use crate::time::{Duration, Instant};

use super::State;
use super::answer::Answer;
use super::common::Common;
use super::requesting::Requesting;
use super::selecting::Selecting;
use super::waiting::Waiting;

/// Detection takes a second or two; an address that is not there after this
/// time will not come.
const PATIENCE: Duration = Duration::from_secs(15);

/// Waiting for the softwire's address.
#[derive(Debug)]
pub(super) struct Attaching {
    /// What was chosen; absent where a lease is held.
    offer: Option<Answer>,
    pub(super) source: Ipv6Addr,
    until: Instant,
}

/// Goes on with an offer: straight to the request, unless the lease is to be
/// bound to an address that is not there yet. Without any address to bind it
/// to the offer is of no use.
pub(super) fn accept(
    common: &mut Common,
    now: Instant,
    selecting: Selecting,
    offer: Answer,
) -> State {
    common.offered_relays.clone_from(&offer.border_relays);
    if !common.settings.binding {
        return State::Requesting(Requesting::new(common, now, offer, None));
    }
    let refused = &common.refused_sources;
    let source = common.sources.select(&offer.to_bind(), refused);
    match source {
        // Rather one that was refused before than none for ever.
        None if !refused.is_empty() => {
            common.refused_sources.clear();
            State::Waiting(Waiting::again(common, now))
        }
        None => State::Selecting(selecting),
        Some(source) => {
            let offer = Some(offer);
            Attaching { offer, source, until: now + PATIENCE }.on_time(common, now)
        }
    }
}

impl Attaching {
    /// Goes on with the lease that is held once the address is there that it
    /// is bound to.
    pub(super) fn to(source: Ipv6Addr, common: &mut Common, now: Instant) -> State {
        Self { offer: None, source, until: now + PATIENCE }.on_time(common, now)
    }

    /// Binds the lease that is held to another address of ours, which servers
    /// are told of (RFC 8539 §7.2.1); a shared one begins anew (RFC 7618 §7),
    /// and so does one for which there is none.
    pub(super) fn elsewhere(common: &mut Common, now: Instant) -> State {
        match common.bind_elsewhere() {
            Some(source) => Self::to(source, common, now),
            None => State::Waiting(Waiting { until: now, pauses: false }),
        }
    }

    pub(super) const fn deadline(&self) -> Deadline {
        Deadline { at: self.until, why: Why::GiveUp }
    }

    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        let Self { offer, source, until } = self;
        if common.sources.is_usable(source) {
            return match offer {
                Some(offer) => State::Requesting(Requesting::new(common, now, offer, Some(source))),
                None => State::resume(common, now),
            };
        }
        if until <= now {
            // Others come first from now on.
            common.refuse_source(source);
        }
        match offer {
            _ if !common.refused_sources.contains(&source) => {
                State::Attaching(Self { offer, source, until })
            }
            Some(_) => State::Waiting(Waiting::again(common, now)),
            None => Self::elsewhere(common, now),
        }
    }
}
