//! Holding leases, with nothing to do until T1 (RFC 9915 §18.2.4).

use crate::engine::{Deadline, Why};
use crate::time::Instant;

use super::State;
use super::common::Common;
use super::rebind::Rebind;
use super::renew::Renew;
use super::solicit::Solicit;

/// Holding leases.
#[derive(Debug)]
pub(super) struct Bound;

impl Bound {
    /// T1, or T2 where it comes first because there is no T1.
    pub(super) fn deadline(&self, common: &Common) -> Option<Deadline> {
        let at = |until: crate::time::Until, why| until.instant().map(|at| Deadline { at, why });
        Deadline::soonest(at(common.leases.t1(), Why::Renew), at(common.leases.t2(), Why::Rebind))
    }

    pub(super) fn on_time(self, common: &mut Common, now: Instant) -> State {
        if !common.leases.any_held() {
            State::Solicit(Solicit::new(common, now))
        } else if common.leases.t2().is_over(now) {
            State::Rebind(Rebind::new(common, now))
        } else if common.leases.t1().is_over(now) {
            State::Renew(Renew::new(common, now))
        } else {
            State::Bound(self)
        }
    }
}
