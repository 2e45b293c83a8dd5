//! Randomness as a value: one seeded generator, so that a run can be replayed
//! to the last bit while a transaction id still cannot be guessed.

use core::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::time::Duration;

/// A generator made from a seed; the same seed gives the same sequence.
#[derive(Clone)]
pub struct Rng {
    source: ChaCha8Rng,
    /// The transaction id that was sent last.
    last_sent: [u8; 3],
}

impl Rng {
    /// A generator from 32 octets: entropy in the shell, a number in a test.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { source: ChaCha8Rng::from_seed(seed), last_sent: [0; 3] }
    }

    /// A generator from a small number, for simulations.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self { source: ChaCha8Rng::seed_from_u64(number), last_sent: [0; 3] }
    }

    /// A new transaction id, unpredictable to others (RFC 9915 §16.1). It is
    /// never the one sent last ([`Self::note_sent`]), so that a late answer to
    /// the last question does not pass for one to the next.
    pub fn transaction_id(&mut self) -> [u8; 3] {
        let [a, b, c, _] = self.source.next_u32().to_be_bytes();
        let next = u32::from_be_bytes([0, a, b, c]);
        let is_new = [a, b, c] != self.last_sent;
        let [_, a, b, c] = next.wrapping_add(u32::from(!is_new)).to_be_bytes();
        [a, b, c]
    }

    /// A message with this transaction id leaves. Others may have been drawn
    /// since that never did, because the link went down before.
    pub const fn note_sent(&mut self, transaction_id: [u8; 3]) {
        self.last_sent = transaction_id;
    }

    /// A number in `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let Some(span) = high.checked_sub(low) else {
            return low;
        };
        match span.checked_add(1) {
            // The bias of the remainder is far below what any timer can show.
            Some(count) => low + self.source.next_u64() % count,
            None => self.source.next_u64(),
        }
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.between(0, 99) < percent
    }

    /// A delay of zero to `longest`, in whole milliseconds.
    pub fn delay(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.between(0, longest))
    }

    /// Random octets, for an identifier that must be unique.
    pub fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        self.source.fill_bytes(&mut octets);
        octets
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The state would let a reader of a log predict transaction ids.
        f.write_str("Rng(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tx_07_transaction_ids_differ_and_depend_on_the_seed() {
        let mut one = Rng::from_number(1);
        let mut two = Rng::from_number(2);
        let ids: Vec<_> = (0..100).map(|_| one.transaction_id()).collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert!(unique.len() > 95, "a 24-bit id repeats within a hundred draws");
        assert_ne!(ids, (0..100).map(|_| two.transaction_id()).collect::<Vec<_>>());
    }

    #[test]
    fn tx_07_a_transaction_id_is_never_the_one_sent_before() {
        let mut rng = Rng::from_number(1);
        let mut again = rng.clone();
        again.transaction_id();
        let next = again.transaction_id();
        rng.note_sent(next);
        rng.transaction_id();
        assert_ne!(rng.transaction_id(), next, "the draw is the same, the id is not");
    }

    #[test]
    fn ranges_are_kept() {
        let mut rng = Rng::from_number(3);
        for _ in 0..1000 {
            assert!((5..=9).contains(&rng.between(5, 9)));
            assert!(rng.delay(Duration::from_secs(1)) <= Duration::from_secs(1));
        }
        assert_eq!(rng.between(9, 5), 9);
        assert_eq!(rng.between(7, 7), 7);
        let _ = rng.between(0, u64::MAX);
    }
}
