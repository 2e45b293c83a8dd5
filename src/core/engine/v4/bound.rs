//! Holding a lease, and what a grant and a denial lead to (RFC 2131 §4.4.5).

use std::net::Ipv6Addr;

use crate::engine::{Deadline, Why};
use crate::time::{Duration, Instant, Until};

use super::State;
use super::answer::Answer;
use super::backoff::Exchange;
use super::common::Common;
use super::extending::Extending;
use super::leaving;
use super::waiting::Waiting;

/// How long a server has to take over the address that a lease is bound to
/// before it is told again, and up to how much longer (RFC 8539 §7.5).
const MISMATCH: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(10));

/// T1, or T2 where it comes first.
pub(super) fn deadline(common: &Common) -> Option<Deadline> {
    let times = common.lease.as_ref()?.times;
    let at = |until: Until, why| until.instant().map(|at| Deadline { at, why });
    Deadline::soonest(at(times.t1, Why::Renew), at(times.t2, Why::Rebind))
}

pub(super) fn on_time(common: &mut Common, now: Instant) -> State {
    let Some(times) = common.lease.as_ref().map(|lease| lease.times) else {
        return State::Waiting(Waiting::again(common, now));
    };
    if times.t2.is_over(now) {
        State::Rebinding(Extending::until(times.valid, common, now))
    } else if times.t1.is_over(now) {
        State::Renewing(Extending::until(times.t2, common, now))
    } else {
        State::Bound
    }
}

/// A server grants the lease. Where it is bound to another address than ours
/// the server is told again after a while, and once that has not helped
/// everything starts over (RFC 8539 §7.5).
pub(super) fn granted(
    common: &mut Common,
    now: Instant,
    exchange: &Exchange,
    answer: Answer,
    source: Option<Ipv6Addr>,
) -> State {
    let is_confirmed = source.is_none() || answer.source == source;
    let was_in_use = common.in_use;
    if is_confirmed {
        common.mismatches = 0;
        common.grant(now, exchange, answer, source);
        return State::Bound;
    }
    common.mismatches = common.mismatches.saturating_add(1);
    common.hold(now, exchange, answer, source);
    if common.mismatches > 1 {
        leaving::release(common);
        return State::Waiting(Waiting::again(common, now));
    }
    common.in_use = was_in_use;
    let (shortest, longer) = MISMATCH;
    let again = now + shortest + common.rng.delay(longer);
    if let Some(lease) = &mut common.lease {
        lease.times.t1 = lease.times.t1.min(Until::At(again));
    }
    State::Bound
}

/// A server denies the lease: it is not used for a moment longer, nor is an
/// address that it was to be bound to in place of another (RFC 2131 §3.2,
/// RFC 8539 §7.2.1). One that a server has bound it to before is as good as
/// ever: a server that has lost its memory denies that too.
pub(super) fn denied(
    common: &mut Common,
    now: Instant,
    answer: &Answer,
    source: Option<Ipv6Addr>,
) -> State {
    common.last_error = Some(answer.describe());
    if let Some(source) = source.filter(|_| source != common.granted_source()) {
        common.refuse_source(source);
    }
    let state = Waiting::again(common, now);
    // What was denied is not asked for again.
    common.former = None;
    State::Waiting(state)
}
