//! An IPv4 lease and its times (RFC 2131 §4.4.5).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::port_set::PortSet;
use crate::rng::Rng;
use crate::time::{Duration, Instant, Lifetime, Until};
use crate::wire::v4::V4Option;

use super::source::ToBind;

/// The most that T1 and T2 are put off, so that not everybody asks at once
/// (RFC 2131 §4.4.5).
const FUZZ: Duration = Duration::from_secs(1);

/// An IPv4 lease.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lease {
    pub(super) address: Ipv4Addr,
    /// The server that gave it.
    pub(super) server: Ipv4Addr,
    pub(super) times: Times,
    /// Which ports are ours; all of them where there is no set.
    pub(super) ports: Option<PortSet>,
    /// What came with it.
    pub(super) options: Vec<V4Option>,
    /// The IPv6 address that it was given to: that of ours which the server
    /// knows the lease by.
    pub(super) via: Ipv6Addr,
    /// The IPv6 address that it is bound to (RFC 8539).
    pub(super) source: Option<Ipv6Addr>,
    /// The far ends of the softwire (RFC 8539).
    pub(super) border_relays: Vec<Ipv6Addr>,
}

/// When a lease is to be extended, and its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Times {
    pub(super) t1: Until,
    pub(super) t2: Until,
    pub(super) valid: Until,
}

impl Times {
    /// The times of a lease that was asked for at `asked`. T1 and T2 are half
    /// and seven eighths of it where the server leaves them open.
    pub(super) fn new(
        asked: Instant,
        lease: Lifetime,
        (t1, t2): (Option<Lifetime>, Option<Lifetime>),
        rng: &mut Rng,
    ) -> Self {
        let part = |eighths: u32| match lease {
            Lifetime::INFINITE => Until::Forever,
            Lifetime(seconds) => {
                Until::At(asked + Duration::from_secs(u64::from(seconds)) / 8 * eighths)
            }
        };
        let valid = lease.from_start(asked);
        let t1 = t1.map_or_else(|| part(4), |t1| t1.from_start(asked));
        let t2 = t2.map_or_else(|| part(7), |t2| t2.from_start(asked));
        // The order of the three outweighs the fuzz.
        let room = gap(t1, t2).min(gap(t2, valid)) / 4;
        let fuzz = rng.delay(FUZZ.min(room));
        let later = |until: Until| until.instant().map_or(until, |at| Until::At(at + fuzz));
        Self { t1: later(t1), t2: later(t2), valid }
    }
}

impl Lease {
    /// True where the address is shared with others (RFC 7618).
    pub(super) const fn is_shared(&self) -> bool {
        self.ports.is_some()
    }

    /// What another address of ours is to be found for: the server has said
    /// with its offer where it would have the first.
    pub(super) fn to_bind(&self) -> ToBind<'_> {
        let Self { address, ports, border_relays, .. } = self;
        ToBind { address: *address, ports: *ports, prefix: None, border_relays }
    }
}

fn gap(one: Until, other: Until) -> Duration {
    match (one, other) {
        (Until::At(one), Until::At(other)) => other.since(one),
        _ => FUZZ * 4,
    }
}

/// T1 and T2 as a server states them, in order and within the lease; `Err`
/// where they contradict each other, which leaves them open.
pub(super) fn stated(
    lease: Lifetime,
    t1: Option<Lifetime>,
    t2: Option<Lifetime>,
) -> Result<(Option<Lifetime>, Option<Lifetime>), ()> {
    let half = Lifetime(lease.0 / 2);
    let seven_eighths = Lifetime(lease.0 - lease.0.div_ceil(8));
    let first = t1.unwrap_or(half);
    let second = t2.unwrap_or(seven_eighths);
    // T1 < T2 < the lease (RFC 2131 §4.4.5), or there would be no time to renew
    // in, or none to rebind in; for ever is later than itself.
    let is_before = |one: Lifetime, other: Lifetime| one < other || other == Lifetime::INFINITE;
    let is_in_order = is_before(first, second) && is_before(second, lease) && !first.is_zero();
    match (t1, t2) {
        (None, None) => Ok((None, None)),
        _ if is_in_order => Ok((t1, t2)),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(until: Until) -> Option<u64> {
        until.instant().map(|at| at.as_millis() / 1000)
    }

    #[test]
    fn dhcp_4o6_22_t1_and_t2_are_half_and_seven_eighths_unless_stated() {
        for seed in 0..100 {
            let mut rng = Rng::from_number(seed);
            let times = Times::new(Instant::BOOT, Lifetime(600), (None, None), &mut rng);
            assert!(matches!(seconds(times.t1), Some(300 | 301)), "{times:?}");
            assert!(matches!(seconds(times.t2), Some(525 | 526)), "{times:?}");
            assert_eq!(times.valid, Until::At(Instant::from_millis(600_000)));
            let stated = (Some(Lifetime(100)), Some(Lifetime(101)));
            let times = Times::new(Instant::BOOT, Lifetime(102), stated, &mut rng);
            assert!(times.t1 < times.t2 && times.t2 < times.valid, "{times:?}");
            let tiny = Times::new(Instant::BOOT, Lifetime(1), (None, None), &mut rng);
            assert!(tiny.t1 < tiny.t2 && tiny.t2 < tiny.valid, "{tiny:?}");
        }
    }

    #[test]
    fn a_lease_for_ever_is_never_extended_unless_the_server_says_when() {
        let mut rng = Rng::from_number(1);
        let forever =
            |stated, rng: &mut Rng| Times::new(Instant::BOOT, Lifetime::INFINITE, stated, rng);
        let times = forever((None, None), &mut rng);
        assert_eq!(
            (times.t1, times.t2, times.valid),
            (Until::Forever, Until::Forever, Until::Forever)
        );
        let times = forever((Some(Lifetime(60)), None), &mut rng);
        assert!(matches!(seconds(times.t1), Some(60 | 61)));
    }

    #[test]
    fn dhcp_4o6_22_times_out_of_order_are_left_open() {
        let of = |lease, t1, t2| stated(Lifetime(lease), Some(Lifetime(t1)), Some(Lifetime(t2)));
        assert_eq!(of(600, 100, 200), Ok((Some(Lifetime(100)), Some(Lifetime(200)))));
        assert!(of(600, 300, 200).is_err());
        assert!(of(600, 300, 700).is_err());
        // No time would be left to renew in, or to rebind in.
        for (t1, t2) in [(600, 600), (300, 300), (300, 600)] {
            assert!(of(600, t1, t2).is_err(), "{t1} and {t2} of 600");
        }
        assert!(of(u32::MAX, u32::MAX, u32::MAX).is_ok(), "never is in order");
        assert!(of(600, 0, 200).is_err());
        assert!(of(600, u32::MAX, u32::MAX).is_err());
        assert!(stated(Lifetime(600), Some(Lifetime(590)), None).is_err(), "past the default T2");
    }
}
