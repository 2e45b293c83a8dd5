//! How often an object that others keep removing is put back: three times in
//! ten minutes. After that it stays away until the wish for it is renewed, so
//! that two programs do not fight over it for ever.
//!
//! Pure; only [`apply`](super::apply) calls in here.

use std::collections::BTreeMap;

use dhc6c_core::desired::Lifetimes;
use dhc6c_core::time::{Duration, Instant};

use super::journal::Entry;

/// How often an object is put back within [`WINDOW`].
const LIMIT: usize = 3;
/// For how long a removal is remembered.
const WINDOW: Duration = Duration::from_secs(600);

/// The removals by others, and what was given up because of them.
#[derive(Debug, Default)]
pub(crate) struct Patience(BTreeMap<Entry, Losses>);

/// Whether an object is to be put back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Yes.
    Again,
    /// Not any more; said once.
    GivenUp,
    /// Not any more, as said before.
    Still,
}

#[derive(Debug, Default)]
struct Losses {
    times: Vec<Instant>,
    /// The wish that was given up; another one starts afresh.
    given_up: Option<Lifetimes>,
}

impl Patience {
    /// Notes that somebody else removed the object.
    pub(crate) fn lost(&mut self, entry: Entry, now: Instant) {
        let losses = self.0.entry(entry).or_default();
        losses.times.retain(|&time| now.since(time) < WINDOW);
        // One more than the limit decides; more need not be kept.
        if losses.times.len() <= LIMIT {
            losses.times.push(now);
        }
    }

    /// Says whether the object may be put back, wanted with these lifetimes.
    pub(crate) fn verdict(&mut self, entry: Entry, wish: Lifetimes, now: Instant) -> Verdict {
        let Some(losses) = self.0.get_mut(&entry) else {
            return Verdict::Again;
        };
        if let Some(given_up) = losses.given_up {
            if given_up == wish {
                return Verdict::Still;
            }
            self.0.remove(&entry);
            return Verdict::Again;
        }
        losses.times.retain(|&time| now.since(time) < WINDOW);
        if losses.times.len() <= LIMIT {
            return Verdict::Again;
        }
        losses.given_up = Some(wish);
        Verdict::GivenUp
    }

    /// Forgets everything: the link came back, or somebody asked for it.
    pub(crate) fn renew(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use dhc6c_core::time::Until;

    use super::*;

    fn entry() -> Entry {
        Entry::Address { interface: 2, address: "2001:db8::1".parse().unwrap(), length: 128 }
    }

    fn wish(end: u64) -> Lifetimes {
        let end = Until::At(at(end));
        Lifetimes { preferred: end, valid: end }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn an_object_is_put_back_three_times_and_given_up_once() {
        let mut patience = Patience::default();
        for seconds in [1, 2, 3] {
            patience.lost(entry(), at(seconds));
            assert_eq!(patience.verdict(entry(), wish(9000), at(seconds)), Verdict::Again);
        }
        patience.lost(entry(), at(4));
        assert_eq!(patience.verdict(entry(), wish(9000), at(4)), Verdict::GivenUp);
        assert_eq!(patience.verdict(entry(), wish(9000), at(5)), Verdict::Still);
        assert_eq!(patience.verdict(entry(), wish(9000), at(5000)), Verdict::Still);
    }

    #[test]
    fn a_new_wish_starts_afresh() {
        let mut patience = Patience::default();
        for seconds in 1..=4 {
            patience.lost(entry(), at(seconds));
        }
        assert_eq!(patience.verdict(entry(), wish(9000), at(4)), Verdict::GivenUp);
        assert_eq!(patience.verdict(entry(), wish(9999), at(5)), Verdict::Again);
        patience.lost(entry(), at(6));
        assert_eq!(patience.verdict(entry(), wish(9999), at(6)), Verdict::Again);
    }

    #[test]
    fn removals_that_are_far_apart_do_not_add_up() {
        let mut patience = Patience::default();
        for seconds in [0, 250, 500, 750, 1000, 1250] {
            patience.lost(entry(), at(seconds));
            assert_eq!(patience.verdict(entry(), wish(9000), at(seconds)), Verdict::Again);
        }
    }

    #[test]
    fn renewal_forgets() {
        let mut patience = Patience::default();
        for seconds in 1..=9 {
            patience.lost(entry(), at(seconds));
        }
        assert_eq!(patience.verdict(entry(), wish(9000), at(9)), Verdict::GivenUp);
        patience.renew();
        assert_eq!(patience.verdict(entry(), wish(9000), at(9)), Verdict::Again);
    }
}
