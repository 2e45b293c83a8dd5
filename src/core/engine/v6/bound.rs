//! Holding leases, with nothing to do until T1 (RFC 9915 §18.2.4), unless
//! something is left over that waited for this.

use crate::engine::{Deadline, Why};
use crate::time::Instant;

use super::State;
use super::common::Common;
use super::leave::Decline;
use super::rebind::Rebind;
use super::renew::Renew;
use super::solicit::Solicit;

/// Holding leases.
#[derive(Debug)]
pub(super) struct Bound;

impl Bound {
    /// T1 or T2, or the time to look for what is lost.
    pub(super) fn deadline(&self, common: &Common) -> Option<Deadline> {
        let search = common.leases.any_lost().then_some(common.next_search);
        let search = search.map(|at| Deadline { at, why: Why::Transmit });
        Deadline::soonest(Self::extension(common), search)
    }

    /// T1, or T2 where it comes first because there is no T1; none without
    /// leases.
    pub(super) fn extension(common: &Common) -> Option<Deadline> {
        let at = |until: crate::time::Until, why| until.instant().map(|at| Deadline { at, why });
        Deadline::soonest(at(common.leases.t1(), Why::Renew), at(common.leases.t2(), Why::Rebind))
    }

    /// True when the leases are to be extended.
    pub(super) fn extension_is_due(common: &Common, now: Instant) -> bool {
        Self::extension(common).is_some_and(|deadline| deadline.at <= now)
    }

    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if !common.leases.any_held() {
            State::discover(common, now)
        } else if common.leases.any_declined() && common.server.is_some() {
            // What is asked for next would be given again without it, and what
            // is never extended any more would hold it up for ever.
            State::Decline(Decline::new(common, now))
        } else if common.leases.t2().is_over(now) {
            State::Rebind(Rebind::new(common, now))
        } else if common.leases.t1().is_over(now) {
            State::Renew(Renew::new(common, now))
        } else if common.leases.any_lost() && common.next_search <= now {
            State::Solicit(Solicit::beside_leases(common, now))
        } else {
            State::Bound(self)
        }
    }
}
