//! Points in time and lifetimes, as plain numbers.
//!
//! The core never asks what time it is; the shell says so with every input.
//! An [`Instant`] counts milliseconds of CLOCK_BOOTTIME, which goes on during
//! suspend and never steps, so a lease does not outlive a night in a drawer.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
pub use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since boot (CLOCK_BOOTTIME).
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The moment of boot; tests start here.
    pub const BOOT: Self = Self(0);

    /// The instant `milliseconds` after boot.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since boot.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Whole milliseconds; what is finer is cut off, what is longer saturates.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }
}

/// A lifetime or timer as it travels: seconds, where all ones means for ever
/// (RFC 9915 §7.7).
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Lifetime(pub u32);

impl Lifetime {
    /// Already over.
    pub const ZERO: Self = Self(0);
    /// For ever: 0xffffffff (RFC 9915 §7.7).
    pub const INFINITE: Self = Self(u32::MAX);

    /// True for a lifetime that is already over.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// When a lifetime that starts at `start` ends.
    #[must_use]
    pub fn from_start(self, start: Instant) -> Until {
        match self {
            Self::INFINITE => Until::Forever,
            Self(seconds) => Until::At(start + Duration::from_secs(u64::from(seconds))),
        }
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::INFINITE => f.write_str("infinite"),
            Self(seconds) => write!(f, "{seconds} s"),
        }
    }
}

/// The end of a lifetime: an instant, or never. Orders by lateness.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Until {
    /// Ends at this instant.
    At(Instant),
    /// Never ends.
    Forever,
}

impl Until {
    /// True when the end has come.
    #[must_use]
    pub fn is_over(self, now: Instant) -> bool {
        matches!(self, Self::At(end) if end <= now)
    }

    /// The instant of the end, if there is one.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        match self {
            Self::At(end) => Some(end),
            Self::Forever => None,
        }
    }

    /// Seconds left, rounded up: zero exactly when it is over. A finite rest
    /// never reads as infinite.
    #[must_use]
    pub fn left(self, now: Instant) -> Lifetime {
        match self {
            Self::Forever => Lifetime::INFINITE,
            Self::At(end) => {
                let seconds = end.as_millis().saturating_sub(now.as_millis()).div_ceil(1000);
                Lifetime(u32::try_from(seconds).unwrap_or(u32::MAX).min(u32::MAX - 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rep_12_infinite_lifetime_never_ends() {
        let until = Lifetime::INFINITE.from_start(Instant::from_millis(7));
        assert_eq!(until, Until::Forever);
        assert!(!until.is_over(Instant::from_millis(u64::MAX)));
        assert_eq!(until.left(Instant::from_millis(u64::MAX)), Lifetime::INFINITE);
    }

    #[test]
    fn the_longest_finite_lifetime_does_not_overflow_nor_read_as_infinite() {
        let until = Lifetime(u32::MAX - 1).from_start(Instant::from_millis(1));
        assert_eq!(until.left(Instant::BOOT), Lifetime(u32::MAX - 1));
        assert!(until < Until::Forever);
        assert_eq!(Instant::from_millis(u64::MAX) + Duration::MAX, Instant::from_millis(u64::MAX));
    }

    #[test]
    fn seconds_left_round_up_until_the_very_end() {
        let until = Lifetime(2).from_start(Instant::BOOT);
        let left = |ms| until.left(Instant::from_millis(ms)).0;
        assert_eq!([left(0), left(1), left(1000), left(1999), left(2000)], [2, 2, 1, 1, 0]);
        assert!(!until.is_over(Instant::from_millis(1999)));
        assert!(until.is_over(Instant::from_millis(2000)));
    }
}
