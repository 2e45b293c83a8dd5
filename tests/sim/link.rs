//! The link between the nodes: when a datagram arrives, if it does.

use dhc6c_core::rng::Rng;
use dhc6c_core::time::{Duration, Instant};

/// How a link treats datagrams. The default is a good Ethernet.
#[derive(Clone, Copy, Debug)]
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
            cut: false,
        }
    }
}

impl Netem {
    /// When a datagram sent now arrives: never, once, or twice.
    pub fn arrivals(&self, now: Instant, rng: &mut Rng) -> Vec<Instant> {
        if self.cut {
            return Vec::new();
        }
        let copies = if rng.chance(self.duplication) { 2 } else { 1 };
        (0..copies).filter_map(|_| self.arrival(now, rng)).collect()
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
