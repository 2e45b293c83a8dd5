//! Waiting to begin: a moment at the start, longer after refusals, and as
//! long as a server says where IPv4 is not needed (RFC 8925 §3.2).

use crate::engine::{Deadline, Why};
use crate::time::Instant;

use super::State;
use super::common::Common;
use super::informing::Informing;
use super::selecting::Selecting;

/// Waiting to begin.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) until: Instant,
    /// A server has said that IPv4 is not needed.
    pub(super) pauses: bool,
}

impl Waiting {
    /// The first moments: not everybody at once (RFC 2131 §4.4.1). DHCPv6,
    /// which comes before, has spread clients over time already.
    pub(super) fn start(common: &mut Common, now: Instant) -> Self {
        let delay = common.rng.delay(common.settings.longest_delay);
        Self { until: now + delay, pauses: false }
    }

    /// After a round that came to nothing; what was held is given up.
    pub(super) fn again(common: &mut Common, now: Instant) -> Self {
        common.give_up();
        Self { until: now + common.refusal_delay(), pauses: false }
    }

    pub(super) const fn deadline(&self) -> Deadline {
        let why = if self.pauses { Why::Refresh } else { Why::Transmit };
        Deadline { at: self.until, why }
    }

    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if self.until > now {
            return State::Waiting(self);
        }
        match common.settings.address {
            Some(_) => State::Informing(Informing::new(common, now)),
            None => State::Selecting(Selecting::new(common, now)),
        }
    }
}
