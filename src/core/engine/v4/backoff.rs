//! When a message is sent again (RFC 2131 §4.1, §4.4.5). This is not the rule
//! of DHCPv6 (RFC 7341 §9).

use crate::engine::{Deadline, Why};
use crate::rng::Rng;
use crate::time::{Duration, Instant, Until};

/// The first wait for an answer, doubled up to [`LONGEST`], each a second more
/// or less (RFC 2131 §4.1).
const FIRST: u64 = 4;
/// See [`FIRST`].
const LONGEST: u64 = 64;
/// How often it is doubled: from [`FIRST`] to [`LONGEST`].
const DOUBLINGS: u32 = 4;
/// How often a DHCPREQUEST is sent: after 4 + 8 + 16 + 32 seconds it has
/// failed (RFC 2131 §3.1 step 5).
const ATTEMPTS: u32 = 4;
/// The shortest wait while a lease is being extended (RFC 2131 §4.4.5).
const SHORTEST: Duration = Duration::from_secs(60);
/// What counts as the rest of a lease that never ends.
const LONG: Duration = Duration::from_secs(7200);

/// How the wait grows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rule {
    /// Without an end (RFC 2131 §4.1).
    Doubling,
    /// The same, and given up after some attempts (RFC 2131 §3.1 step 5).
    Counted,
    /// Half of what is left until then, at least a minute (RFC 2131 §4.4.5).
    HalfUntil(Until),
}

/// One question: its transaction and when it is sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) xid: u32,
    rule: Rule,
    first: Option<Instant>,
    last: Option<Instant>,
    sent: u32,
    next: Instant,
}

impl Exchange {
    /// A question that is due at `start`.
    pub(super) fn new(rule: Rule, start: Instant, rng: &mut Rng) -> Self {
        let xid = u32::from_be_bytes(rng.octets());
        Self { xid, rule, first: None, last: None, sent: 0, next: start }
    }

    /// True when it has to be sent.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now && !self.is_last()
    }

    /// Nobody has answered in time.
    pub(super) fn has_failed(&self, now: Instant) -> bool {
        self.is_last() && self.next <= now
    }

    /// The next transmission, or the end.
    pub(super) const fn deadline(&self) -> Deadline {
        let why = if self.is_last() { Why::GiveUp } else { Why::Transmit };
        Deadline { at: self.next, why }
    }

    /// Makes it due at `start`, where that is sooner.
    pub(super) fn hurry(&mut self, start: Instant) {
        self.next = self.next.min(start);
    }

    /// How often it was sent.
    pub(super) const fn sent_count(&self) -> u32 {
        self.sent
    }

    /// When what an answer grants begins to count: with the question, which
    /// while a lease is being extended is a new one each time (RFC 2131
    /// §4.4.1, §4.4.5).
    pub(super) fn asked_at(&self, now: Instant) -> Instant {
        match self.rule {
            Rule::HalfUntil(_) => self.last.unwrap_or(now),
            Rule::Doubling | Rule::Counted => self.first.unwrap_or(now),
        }
    }

    /// Seconds since it was first sent, for `secs`.
    pub(super) fn elapsed(&self, now: Instant) -> u16 {
        let since = self.first.map_or(Duration::ZERO, |first| now.since(first));
        u16::try_from(since.as_secs()).unwrap_or(u16::MAX)
    }

    /// Prepares a transmission: what extends a lease is a question of its own
    /// each time, so that a late answer does not pass for one to the last.
    pub(super) fn prepare(&mut self, rng: &mut Rng) {
        if matches!(self.rule, Rule::HalfUntil(_)) && self.sent > 0 {
            self.xid = u32::from_be_bytes(rng.octets());
        }
    }

    /// Enters a transmission and sets the time of the next.
    pub(super) fn sent(&mut self, now: Instant, rng: &mut Rng) {
        self.first.get_or_insert(now);
        self.last = Some(now);
        let wait = match self.rule {
            Rule::Doubling | Rule::Counted => {
                let base = (FIRST << self.sent.min(DOUBLINGS)).min(LONGEST);
                let base = Duration::from_secs(base - 1);
                base + rng.delay(Duration::from_secs(2))
            }
            Rule::HalfUntil(end) => {
                let rest = end.instant().map_or(LONG, |end| end.since(now));
                (rest / 2).max(SHORTEST)
            }
        };
        self.sent = self.sent.saturating_add(1);
        self.next = now + wait;
    }

    const fn is_last(&self) -> bool {
        matches!(self.rule, Rule::Counted) && self.sent >= ATTEMPTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits of one question, in milliseconds.
    fn waits(rule: Rule, seed: u64, count: usize) -> Vec<u64> {
        let mut rng = Rng::from_number(seed);
        let mut exchange = Exchange::new(rule, Instant::BOOT, &mut rng);
        let mut waits = Vec::new();
        while waits.len() < count && exchange.is_due(exchange.next) {
            let at = exchange.next;
            exchange.sent(at, &mut rng);
            waits.push(exchange.next.since(at).as_millis().try_into().unwrap());
        }
        waits
    }

    #[test]
    fn dhcp_4o6_12_4o6_23_waits_double_from_four_seconds_to_sixty_four() {
        for seed in 0..200 {
            let waits = waits(Rule::Doubling, seed, 7);
            for (wait, base) in waits.iter().zip([4, 8, 16, 32, 64, 64, 64]) {
                let window = (base - 1) * 1000..=(base + 1) * 1000;
                assert!(window.contains(wait), "seed {seed}: {wait} instead of {base} s");
            }
        }
        let first: Vec<_> = (0..50).map(|seed| waits(Rule::Doubling, seed, 1)[0]).collect();
        assert!(first.iter().any(|wait| *wait != first[0]), "the waits do not vary");
    }

    #[test]
    fn dhcp_4o6_12_a_request_is_sent_four_times() {
        for seed in 0..50 {
            let waits = waits(Rule::Counted, seed, 99);
            assert_eq!(waits.len(), 4);
            let sum: u64 = waits.iter().sum();
            assert!((56_000..=64_000).contains(&sum), "seed {seed}: given up after {sum} ms");
        }
    }

    #[test]
    fn dhcp_4o6_22_a_lease_is_extended_in_halves_of_the_rest_but_never_within_a_minute() {
        let end = Until::At(Instant::from_millis(225_000));
        assert_eq!(waits(Rule::HalfUntil(end), 1, 4), [112_500, 60_000, 60_000, 60_000]);
        assert_eq!(waits(Rule::HalfUntil(Until::Forever), 1, 1), [3_600_000]);
    }

    #[test]
    fn a_question_keeps_its_transaction_until_it_extends_a_lease() {
        let mut rng = Rng::from_number(1);
        for (rule, is_new) in [(Rule::Counted, false), (Rule::HalfUntil(Until::Forever), true)] {
            let mut exchange = Exchange::new(rule, Instant::BOOT, &mut rng);
            let before = exchange.xid;
            exchange.prepare(&mut rng);
            assert_eq!(exchange.xid, before);
            exchange.sent(Instant::BOOT, &mut rng);
            exchange.prepare(&mut rng);
            assert_eq!(exchange.xid != before, is_new);
        }
    }
}
