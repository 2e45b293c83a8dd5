//! The link between the nodes: when a datagram arrives, if it does.

use dhc6c_core::rng::Rng;
use dhc6c_core::time::{Duration, Instant};

/// How a link treats datagrams. The default is a good Ethernet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Netem {
    /// The shortest way takes this long.
    pub delay: Duration,
    /// And up to this much more.
    pub jitter: Duration,
    /// Datagrams of a hundred that are lost.
    pub loss: u64,
    /// Datagrams of a hundred that arrive twice.
    pub duplication: u64,
    /// Datagrams of a hundred that are held back, for up to `held_back`.
    pub reordering: u64,
    /// The longest that a reordered datagram is held back.
    pub held_back: Duration,
    /// Datagrams of a hundred that arrive with an octet changed.
    pub corruption: u64,
    /// The longest datagram that arrives; the fragments of others do not.
    pub longest: usize,
    /// Nothing gets through.
    pub cut: bool,
}

impl Default for Netem {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(1),
            jitter: Duration::from_millis(4),
            loss: 0,
            duplication: 0,
            reordering: 0,
            held_back: Duration::from_secs(3),
            corruption: 0,
            longest: usize::MAX,
            cut: false,
        }
    }
}

impl Netem {
    /// When a datagram sent now arrives, and how: never, once, or twice.
    pub fn carry(&self, now: Instant, octets: &[u8], rng: &mut Rng) -> Vec<(Instant, Vec<u8>)> {
        if self.cut || octets.len() > self.longest {
            return Vec::new();
        }
        let copies = if rng.chance(self.duplication) { 2 } else { 1 };
        let mut arrive = |_| Some((self.arrival(now, rng)?, self.worn(octets, rng)));
        (0..copies).filter_map(&mut arrive).collect()
    }

    /// The octets as they arrive.
    fn worn(&self, octets: &[u8], rng: &mut Rng) -> Vec<u8> {
        let mut octets = octets.to_vec();
        if rng.chance(self.corruption) {
            let place = rng.between(0, u64::try_from(octets.len()).unwrap_or(0).saturating_sub(1));
            let [change] = rng.octets();
            if let Some(octet) = usize::try_from(place).ok().and_then(|at| octets.get_mut(at)) {
                *octet ^= change | 1;
            }
        }
        octets
    }

    fn arrival(&self, now: Instant, rng: &mut Rng) -> Option<Instant> {
        if rng.chance(self.loss) {
            return None;
        }
        let arrival = now + self.delay + rng.delay(self.jitter);
        let extra =
            if rng.chance(self.reordering) { rng.delay(self.held_back) } else { Duration::ZERO };
        Some(arrival + extra)
    }
}
