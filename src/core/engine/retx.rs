//! Retransmission: one table, one rule (RFC 9915 §7.6 and §15).

use crate::rng::Rng;
use crate::time::{Duration, Instant};

/// The parameters of one kind of message (RFC 9915 §15).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Schedule {
    /// Longest random delay before the first transmission.
    pub max_delay: Duration,
    /// IRT, the initial retransmission time.
    pub initial: Duration,
    /// MRT, the upper bound of the retransmission time; zero for none.
    pub longest: Duration,
    /// MRC, how often the message is transmitted; zero for no bound.
    pub count: u32,
    /// The first RAND is strictly positive (RFC 9915 §18.2.1).
    pub first_is_longer: bool,
}

const fn schedule(max_delay: u64, initial: u64, longest: u64, count: u32) -> Schedule {
    Schedule {
        max_delay: Duration::from_secs(max_delay),
        initial: Duration::from_secs(initial),
        longest: Duration::from_secs(longest),
        count,
        first_is_longer: false,
    }
}

/// SOL_MAX_DELAY 1 s, SOL_TIMEOUT 1 s, SOL_MAX_RT 3600 s (RFC 9915 §7.6).
pub const SOLICIT: Schedule = Schedule { first_is_longer: true, ..schedule(1, 1, 3600, 0) };
/// MAX_RTR_SOLICITATION_DELAY 1 s (RFC 4861 §10), then IRT 4 s and MRT 3600 s
/// without an end (RFC 7559 §2).
pub const ROUTER_SOLICITATION: Schedule = schedule(1, 4, 3600, 0);
/// REQ_TIMEOUT 1 s, REQ_MAX_RT 30 s, REQ_MAX_RC 10 (RFC 9915 §7.6).
pub const REQUEST: Schedule = schedule(0, 1, 30, 10);
/// REN_TIMEOUT 10 s, REN_MAX_RT 600 s; ends at T2 (RFC 9915 §18.2.4).
pub const RENEW: Schedule = schedule(0, 10, 600, 0);
/// REB_TIMEOUT 10 s, REB_MAX_RT 600 s; ends with the last lease
/// (RFC 9915 §18.2.5).
pub const REBIND: Schedule = schedule(0, 10, 600, 0);
/// INF_MAX_DELAY 1 s, INF_TIMEOUT 1 s, INF_MAX_RT 3600 s (RFC 9915 §7.6).
pub const INFORMATION_REQUEST: Schedule = schedule(1, 1, 3600, 0);
/// CNF_MAX_DELAY 1 s, CNF_TIMEOUT 1 s, CNF_MAX_RT 4 s (RFC 9915 §7.6); ends
/// after [`CONFIRM_DURATION`].
pub const CONFIRM: Schedule = schedule(1, 1, 4, 0);
/// CNF_MAX_RD (RFC 9915 §7.6).
pub const CONFIRM_DURATION: Duration = Duration::from_secs(10);
/// REL_TIMEOUT 1 s, no upper bound, REL_MAX_RC 4 (RFC 9915 §7.6).
pub const RELEASE: Schedule = schedule(0, 1, 0, 4);
/// DEC_TIMEOUT 1 s, no upper bound, DEC_MAX_RC 4 (RFC 9915 §7.6).
pub const DECLINE: Schedule = schedule(0, 1, 0, 4);

/// Where one exchange stands in its schedule.
///
/// The first transmission is due at the start; each one that really leaves
/// ([`Retransmission::sent`]) sets the time of the next. So a message that
/// waits for the link or the send limit delays what follows it, and the
/// elapsed time counts from what was sent, not from what was meant to be.
#[derive(Clone, Debug)]
pub struct Retransmission {
    schedule: Schedule,
    first: Option<Instant>,
    sent: u32,
    timeout: Duration,
    next: Instant,
}

impl Retransmission {
    /// A schedule whose first transmission is due at `start`.
    #[must_use]
    pub const fn new(schedule: Schedule, start: Instant) -> Self {
        Self { schedule, first: None, sent: 0, timeout: Duration::ZERO, next: start }
    }

    /// Makes the first transmission due at another time.
    pub const fn start_at(&mut self, start: Instant) {
        if self.sent == 0 {
            self.next = start;
        }
    }

    /// Replaces MRT, for SOL_MAX_RT and INF_MAX_RT from a server. A running
    /// timeout is not touched.
    pub const fn set_longest(&mut self, longest: Duration) {
        self.schedule.longest = longest;
    }

    /// When the next transmission is due, or the exchange fails.
    #[must_use]
    pub const fn next(&self) -> Instant {
        self.next
    }

    /// How often the message was transmitted.
    #[must_use]
    pub const fn transmissions(&self) -> u32 {
        self.sent
    }

    /// True when `duration` has passed since the first transmission (MRD).
    #[must_use]
    pub fn has_lasted(&self, duration: Duration, now: Instant) -> bool {
        self.end(duration).is_some_and(|end| end <= now)
    }

    /// The end of an exchange that lasts `duration`; none before its first
    /// transmission.
    #[must_use]
    pub fn end(&self, duration: Duration) -> Option<Instant> {
        self.first.map(|first| first + duration)
    }

    /// True when the message was transmitted MRC times and the last of them
    /// had its time to be answered.
    #[must_use]
    pub fn has_failed(&self, now: Instant) -> bool {
        self.is_last() && self.next <= now
    }

    /// True when no transmission follows.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.schedule.count != 0 && self.sent >= self.schedule.count
    }

    /// True when a transmission is due.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        !self.is_last() && self.next <= now
    }

    /// Hundredths of a second since the first transmission, for the Elapsed
    /// Time option: zero in the first, 0xffff when larger (RFC 9915 §21.9).
    #[must_use]
    pub fn elapsed(&self, now: Instant) -> u16 {
        let since = self.first.map_or(Duration::ZERO, |first| now.since(first));
        u16::try_from(since.as_millis() / 10).unwrap_or(u16::MAX)
    }

    /// Enters a transmission and sets the time of the next (RFC 9915 §15).
    pub fn sent(&mut self, now: Instant, rng: &mut Rng) {
        let Schedule { initial, longest, first_is_longer, .. } = self.schedule;
        let base = if self.sent == 0 { initial } else { self.timeout };
        let doubled = if self.sent == 0 { base } else { base.saturating_mul(2) };
        let least_jitter = if self.sent == 0 && first_is_longer { 1 } else { -tenth(base) };
        self.timeout = jittered(doubled, least_jitter, tenth(base), rng);
        if !longest.is_zero() && self.timeout > longest {
            self.timeout = jittered(longest, -tenth(longest), tenth(longest), rng);
        }
        self.first.get_or_insert(now);
        self.sent = self.sent.saturating_add(1);
        self.next = now + self.timeout;
    }
}

/// A tenth in whole milliseconds: the span of RAND (RFC 9915 §15).
fn tenth(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis() / 10).unwrap_or(i64::MAX)
}

/// `base` and a uniform number of milliseconds from `least` to `most`.
fn jittered(base: Duration, least: i64, most: i64, rng: &mut Rng) -> Duration {
    let base = i64::try_from(base.as_millis()).unwrap_or(i64::MAX);
    let jitter = rng.between(0, most.abs_diff(least));
    let moved = base.saturating_add(least).saturating_add_unsigned(jitter);
    Duration::from_millis(u64::try_from(moved).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transmissions of one exchange, in milliseconds since the first.
    fn times(schedule: Schedule, seed: u64, count: usize) -> Vec<u64> {
        let mut rng = Rng::from_number(seed);
        let mut retx = Retransmission::new(schedule, Instant::BOOT);
        let mut times = Vec::new();
        while times.len() < count && !retx.is_last() {
            times.push(retx.next().as_millis());
            retx.sent(retx.next(), &mut rng);
        }
        times
    }

    fn assert_windows(schedule: Schedule, windows: &[(u64, u64)]) {
        for seed in 0..500 {
            let sent = times(schedule, seed, windows.len() + 1);
            for (index, (at, (low, high))) in sent.iter().skip(1).zip(windows).enumerate() {
                let wide = low.saturating_sub(10)..=high + 10;
                assert!(wide.contains(at), "seed {seed}: number {} at {at}", index + 2);
            }
        }
    }

    #[test]
    fn tx_04_tx_05_solicit_windows() {
        assert_windows(
            SOLICIT,
            &[
                (1000, 1100),
                (2900, 3410),
                (6510, 8260),
                (13_370, 18_450),
                (26_400, 39_840),
                (51_160, 84_770),
                (98_210, 179_110),
                (187_600, 377_200),
            ],
        );
        for seed in 0..2000 {
            let second = times(SOLICIT, seed, 2)[1];
            assert!(second > 1000, "seed {seed}: the first RAND is not above zero");
        }
    }

    #[test]
    fn tx_04_request_windows_and_steady_gap() {
        assert_windows(
            REQUEST,
            &[
                (900, 1100),
                (2610, 3410),
                (5860, 8260),
                (12_030, 18_450),
                (23_760, 39_840),
                (46_050, 72_840),
                (73_050, 105_840),
                (100_050, 138_840),
                (127_050, 171_840),
            ],
        );
    }

    #[test]
    fn tx_04_renew_and_rebind_windows() {
        let windows = [
            (9000, 11_000),
            (26_100, 34_100),
            (58_600, 82_600),
            (120_300, 184_500),
            (237_600, 398_400),
            (460_500, 847_700),
            (883_900, 1_507_700),
        ];
        assert_windows(RENEW, &windows);
        assert_windows(REBIND, &windows);
    }

    #[test]
    fn tx_04_steady_gaps_stay_within_a_tenth_of_the_bound() {
        let capped = |seconds| Schedule { longest: Duration::from_secs(seconds), ..SOLICIT };
        let cases = [(SOLICIT, 3600), (capped(300), 300), (capped(60), 60), (RENEW, 600)];
        for (schedule, bound) in cases {
            for seed in 0..50 {
                let sent = times(schedule, seed, 24);
                for pair in sent.windows(2).skip(14) {
                    let gap = pair[1] - pair[0];
                    assert!((bound * 900..=bound * 1100).contains(&gap), "{bound}: {gap}");
                }
            }
        }
    }

    #[test]
    fn req_02_exactly_ten_requests_then_failure() {
        for seed in 0..50 {
            assert_eq!(times(REQUEST, seed, 99).len(), 10);
            assert_eq!(times(DECLINE, seed, 99).len(), 4);
        }
        let mut rng = Rng::from_number(1);
        let mut retx = Retransmission::new(REQUEST, Instant::BOOT);
        for _ in 0..10 {
            assert!(retx.is_due(retx.next()));
            retx.sent(retx.next(), &mut rng);
        }
        assert!(!retx.is_due(retx.next()));
        assert!(!retx.has_failed(retx.next() - Duration::from_millis(1)));
        assert!(retx.has_failed(retx.next()), "the tenth has its time to be answered");
    }

    #[test]
    fn tx_06_elapsed_time_starts_at_zero_and_ends_at_all_ones() {
        let mut retx = Retransmission::new(SOLICIT, Instant::from_millis(5000));
        assert_eq!(retx.elapsed(Instant::from_millis(9000)), 0, "nothing was sent yet");
        retx.sent(Instant::from_millis(9000), &mut Rng::from_number(1));
        let elapsed = |ms| retx.elapsed(Instant::from_millis(9000 + ms));
        assert_eq!([elapsed(0), elapsed(10), elapsed(1050)], [0, 1, 105]);
        assert_eq!([elapsed(655_350), elapsed(655_360), elapsed(u64::MAX / 2)], [0xffff; 3]);
    }

    #[test]
    fn a_transmission_that_waited_delays_the_next() {
        let mut retx = Retransmission::new(REQUEST, Instant::BOOT);
        retx.sent(Instant::from_millis(60_000), &mut Rng::from_number(1));
        assert!(retx.next() >= Instant::from_millis(60_900));
    }
}
