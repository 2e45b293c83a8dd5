//! The time, the one timer of the process, and entropy.
//!
//! All of it runs on CLOCK_BOOTTIME, which goes on during suspend; the timers
//! of the runtime stop there, so nothing else in the shell may wait for a
//! time. The wall clock is for people and for identifiers, never for timing.

use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::time::{SystemTime, UNIX_EPOCH};

use dhc6c_core::time::{Duration, Instant, Lifetime};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::error::Error;

/// Milliseconds since boot.
pub(crate) fn now() -> Instant {
    // Every kernel since 2.6.39 has this clock; the call cannot fail.
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map_or(Instant::BOOT, |time| {
        let milliseconds = Duration::from(time).as_millis();
        Instant::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX))
    })
}

/// Notices that the machine was suspended (RFC 9915 §18.2.12): CLOCK_BOOTTIME
/// went on then, and CLOCK_MONOTONIC did not.
///
/// It is asked after every wake and wakes nobody itself. A timer of the wall
/// clock with TFD_TIMER_CANCEL_ON_SET would also tell of a resume, but of every
/// step of that clock as well. Here a deadline that passed during the suspend
/// fires on return, and where none did, whatever the link brings first tells
/// of it: a machine that came to another link hears of that link.
pub(crate) struct Sleep {
    /// What is known of: not less than that.
    suspended: Milliseconds,
}

/// The difference of two clocks, which may differ either way in a time
/// namespace.
type Milliseconds = i128;

/// Nobody changes links in less; and far more than the two readings of the
/// clocks are apart.
const SHORTEST_SLEEP: Milliseconds = 1000;

impl Sleep {
    /// From now on.
    pub(crate) fn new() -> Self {
        Self { suspended: suspended().1 }
    }

    /// True once after every suspend.
    pub(crate) fn is_over(&mut self) -> bool {
        self.has_grown(suspended())
    }

    /// The suspended time lies between these. Only what is certain counts: a
    /// busy machine does not pass for one that slept.
    fn has_grown(&mut self, (least, most): (Milliseconds, Milliseconds)) -> bool {
        let has_grown = least - self.suspended >= SHORTEST_SLEEP;
        if has_grown {
            self.suspended = most;
        }
        has_grown
    }
}

/// How long the machine has been suspended since boot, at least and at most:
/// time passes between two readings.
fn suspended() -> (Milliseconds, Milliseconds) {
    let read = |clock| nix::time::clock_gettime(clock).map(Duration::from).unwrap_or_default();
    let milliseconds = |time: Duration| Milliseconds::try_from(time.as_millis()).unwrap_or(0);
    let before = milliseconds(read(nix::time::ClockId::CLOCK_BOOTTIME));
    let awake = milliseconds(read(nix::time::ClockId::CLOCK_MONOTONIC));
    let after = milliseconds(read(nix::time::ClockId::CLOCK_BOOTTIME));
    (before - awake, after - awake)
}

/// Seconds since the Unix epoch; 0 for a clock before it.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The wall clock now, as "2026-11-23T22:00:30.125Z".
pub(crate) fn wall_now() -> String {
    text(humantime::format_rfc3339_millis(SystemTime::now()))
}

/// The wall clock when a lifetime that starts now ends, as
/// "2026-11-23T22:00:30Z", or "forever".
pub(crate) fn wall_after(lifetime: Lifetime) -> String {
    if lifetime == Lifetime::INFINITE {
        return "forever".to_owned();
    }
    SystemTime::now()
        .checked_add(Duration::from_secs(u64::from(lifetime.0)))
        .map_or_else(unknown, |time| text(humantime::format_rfc3339_seconds(time)))
}

/// Octets nobody else can guess, from the kernel.
pub(crate) fn entropy() -> Result<[u8; 32], Error> {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).map_err(|error| Error::new("cannot get entropy", error))?;
    Ok(octets)
}

/// One timer that fires at an instant since boot, suspend included.
pub(crate) struct Timer {
    descriptor: AsyncFd<Descriptor>,
    armed: Option<Instant>,
}

impl Timer {
    /// A timer that does not run. Needs a runtime with I/O.
    pub(crate) fn new() -> Result<Self, Error> {
        let failed = |error: io::Error| Error::new("cannot make a timer", error);
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, flags).map_err(|e| failed(e.into()))?;
        #[allow(
            deprecated,
            reason = "its successor is unsafe because a type might swap its descriptor; ours cannot"
        )]
        let descriptor = AsyncFd::with_interest(Descriptor(timer), Interest::READABLE);
        Ok(Self { descriptor: descriptor.map_err(failed)?, armed: None })
    }

    /// Lets the timer fire at `at`, at once if that has passed, or not at all.
    /// Costs nothing when that is what it does already.
    pub(crate) fn set(&mut self, at: Option<Instant>) {
        if at == self.armed {
            return;
        }
        let timer = &self.descriptor.get_ref().0;
        let done = match at {
            None => timer.unset(),
            Some(at) => {
                timer.set(Expiration::OneShot(spec(at)), TimerSetTimeFlags::TFD_TIMER_ABSTIME)
            }
        };
        match done {
            Ok(()) => self.armed = at,
            // Cannot happen: the time is in range and the descriptor is ours.
            Err(error) => tracing::error!("cannot set the timer: {error}"),
        }
    }

    /// Waits until the timer fires; afterwards it does not run. Dropping the
    /// wait loses nothing.
    pub(crate) async fn expired(&mut self) {
        loop {
            let Ok(mut ready) = self.descriptor.readable().await else {
                // The runtime is shutting down.
                return std::future::pending().await;
            };
            // Would-block clears the readiness of a timer that was set anew.
            if ready.try_io(|timer| timer.get_ref().0.wait().map_err(Into::into)).is_ok() {
                self.armed = None;
                return;
            }
        }
    }
}

/// A timerfd in the shape the runtime wants.
struct Descriptor(TimerFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// An instant for the kernel. Zero would stop the timer and mean never, so
/// the first nanosecond after boot stands in for it.
fn spec(at: Instant) -> TimeSpec {
    let latest = Duration::from_secs(i32::MAX.unsigned_abs().into());
    let since_boot = Duration::from_millis(at.as_millis()).clamp(Duration::from_nanos(1), latest);
    TimeSpec::from_duration(since_boot)
}

/// What humantime prints; it refuses years beyond 9999.
fn text(time: impl std::fmt::Display) -> String {
    let mut text = String::new();
    match write!(text, "{time}") {
        Ok(()) => text,
        Err(_) => unknown(),
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future)
    }

    async fn is_pending(timer: &mut Timer) -> bool {
        let mut expired = std::pin::pin!(timer.expired());
        // Twice: the first poll may clear a readiness that is stale.
        for _ in 0..2 {
            tokio::task::yield_now().await;
            let poll = std::future::poll_fn(|cx| Poll::Ready(expired.as_mut().poll(cx))).await;
            if poll.is_ready() {
                return false;
            }
        }
        true
    }

    #[test]
    fn the_timer_fires_at_its_time_and_not_before() {
        run(async {
            let mut timer = Timer::new().unwrap();
            let at = now() + Duration::from_millis(30);
            timer.set(Some(at));
            timer.expired().await;
            assert!(now() >= at);
            assert!(is_pending(&mut timer).await, "it fires once");
            timer.set(Some(at));
            timer.expired().await;
        });
    }

    #[test]
    fn an_instant_in_the_past_fires_at_once_even_the_moment_of_boot() {
        run(async {
            let mut timer = Timer::new().unwrap();
            for at in [Instant::BOOT, Instant::from_millis(1), now()] {
                timer.set(Some(at));
                timer.expired().await;
            }
        });
    }

    #[test]
    fn a_timer_set_anew_forgets_that_it_had_fired() {
        run(async {
            let mut timer = Timer::new().unwrap();
            timer.set(Some(Instant::BOOT));
            timer.set(Some(Instant::from_millis(u64::MAX)));
            assert!(is_pending(&mut timer).await);
            timer.set(Some(Instant::BOOT));
            timer.set(None);
            assert!(is_pending(&mut timer).await);
        });
    }

    #[test]
    fn a_wait_that_is_dropped_loses_nothing() {
        run(async {
            let mut timer = Timer::new().unwrap();
            timer.set(Some(now() + Duration::from_millis(20)));
            assert!(is_pending(&mut timer).await);
            timer.expired().await;
        });
    }

    #[test]
    fn cnf_05_a_sleep_is_noticed_once_and_a_busy_machine_is_none() {
        // The clocks of a time namespace may start anywhere.
        for base in [0, -5_000_000, 90_000_000] {
            let mut sleep = Sleep { suspended: base };
            assert!(!sleep.has_grown((base - 1, base + 1)));
            assert!(!sleep.has_grown((base - 60_000, base + 60_000)), "a slow reading");
            assert!(sleep.has_grown((base + 600_000, base + 600_002)));
            assert!(!sleep.has_grown((base + 600_001, base + 600_003)));
            assert!(sleep.has_grown((base + 601_500, base + 601_502)), "and the next one");
        }
    }

    #[test]
    fn cnf_05_the_clocks_agree_while_nobody_sleeps() {
        let (least, most) = suspended();
        assert!(least <= most);
        assert!(!Sleep::new().is_over());
    }

    #[test]
    fn the_wall_clock_prints_for_every_lifetime() {
        assert_eq!(wall_after(Lifetime::INFINITE), "forever");
        assert!(wall_after(Lifetime::ZERO).ends_with('Z'));
        assert_eq!(wall_after(Lifetime(u32::MAX - 1)).len(), "2026-11-23T22:00:30Z".len());
        assert_eq!(wall_now().len(), "2026-11-23T22:00:30.125Z".len());
    }

    #[test]
    fn entropy_differs() {
        assert_ne!(entropy().unwrap(), entropy().unwrap());
    }
}
