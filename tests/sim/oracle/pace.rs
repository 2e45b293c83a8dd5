//! However often a client may send in twenty seconds, nothing keeps it sending
//! for an hour: what would be a storm without the limit is one with it, only
//! slower.

use std::collections::VecDeque;

use dhc6c_core::engine::Input;
use dhc6c_core::time::{Duration, Instant, Lifetime};
use dhc6c_core::wire::Ia;

/// In this time.
const WHILE: Duration = Duration::from_secs(3600);
/// More than an honest reason leads to: ten Requests take three minutes
/// (RFC 9915 §7.6, §15), a server may set SOL_MAX_RT to one (§21.24), and what it
/// says late refuses all of them.
const MOST: usize = 400;
/// Whoever is given less than this has reason to ask again and again.
const SHORT: Lifetime = Lifetime(120);

/// What one process sends, apart from what it is told to do.
#[derive(Debug, Default)]
pub(super) struct Pace {
    sent: VecDeque<Instant>,
    /// A server has given times that are this short.
    hurried_until: Option<Instant>,
}

impl Pace {
    /// Commands, another configuration, and a link that changes are reasons of
    /// their own.
    pub(super) fn begins(&mut self, input: &Input) {
        let goes_on = matches!(
            input,
            Input::Datagram(_)
                | Input::Tick
                | Input::Applied
                | Input::AddressUsable(_)
                | Input::Router(_)
        );
        if !goes_on {
            self.sent.clear();
        }
    }

    /// The client takes leases with these preferred lifetimes, in these
    /// associations.
    pub(super) fn takes(
        &mut self,
        now: Instant,
        mut preferred: impl Iterator<Item = Lifetime>,
        associations: &[&Ia],
    ) {
        let is_short = |time: Lifetime| !time.is_zero() && time < SHORT;
        let hurries = preferred.any(|time| time < SHORT)
            || associations.iter().any(|ia| is_short(ia.t1) || is_short(ia.t2));
        if hurries {
            self.hurried_until = Some(now + WHILE);
        }
    }

    /// The client sends something.
    pub(super) fn sends(&mut self, now: Instant) {
        if self.hurried_until.is_some_and(|until| now < until) {
            self.sent.clear();
        }
        self.sent.retain(|at| now.since(*at) < WHILE);
        self.sent.push_back(now);
        assert!(self.sent.len() <= MOST, "{} messages in an hour, for nothing", self.sent.len());
    }
}
