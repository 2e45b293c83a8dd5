//! T1 and T2, and what an offer does to an association.

use super::*;

const ADDRESS: &str = "2001:db8::1000";

fn offer(preferred: u32, valid: u32) -> Offer {
    let what = Leased::Address { address: ADDRESS.parse().unwrap(), usable: false };
    Offer { what, preferred: Lifetime(preferred), valid: Lifetime(valid) }
}

fn association() -> Association {
    Association::new(Kind::Address, Iaid(1), Wish::default())
}

/// T1 and T2 in milliseconds; `None` for never.
fn timers(t1: u32, t2: u32, preferred: u32, valid: u32) -> (Option<u64>, Option<u64>) {
    let mut ia = association();
    ia.take(vec![offer(preferred, valid)], (Lifetime(t1), Lifetime(t2)), MAX_LEASES, Instant::BOOT);
    let point = |until: Until| until.instant().map(Instant::as_millis);
    (point(ia.timers.t1), point(ia.timers.t2))
}

const fn s(seconds: u64) -> Option<u64> {
    Some(seconds * 1000)
}

const INF: u32 = u32::MAX;

#[test]
fn ren_01_timers_are_those_of_the_server() {
    assert_eq!(timers(10, 16, 20, 30), (s(10), s(16)));
    assert_eq!(timers(1800, 2880, 3600, 7200), (s(1800), s(2880)));
}

#[test]
fn rep_13_zero_timers_are_chosen_from_the_preferred_lifetime() {
    assert_eq!(timers(0, 0, 1800, 3600), (s(900), s(1440)));
    assert_eq!(timers(0, 0, 0, 3600), (s(1800), s(2880)), "preferred zero: from the valid one");
    // No polling where lifetimes are short.
    assert_eq!(timers(0, 0, 30, 60), (s(30), s(48)));
    assert_eq!(timers(0, 0, 1, 2), (s(1), Some(1600)));
    assert_eq!(timers(0, 0, 1, 3600), (s(30), s(48)));
}

#[test]
fn rep_12_infinite_timers_never_come() {
    assert_eq!(timers(INF, INF, INF, INF), (None, None));
    assert_eq!(timers(0, 0, INF, INF), (None, None));
    assert_eq!(timers(INF, INF, 1800, 3600), (None, None));
    assert_eq!(timers(100, INF, 1800, 3600), (s(100), None));
    assert_eq!(timers(100, 200, INF, INF), (s(100), s(200)));
}

/// All mixes of four infinities.
#[test]
fn rep_12_no_mix_of_infinities_overflows() {
    for mask in 0..16_u32 {
        let value = |bit: u32, finite: u32| if mask >> bit & 1 == 1 { INF } else { finite };
        let (preferred, valid) = (value(2, 1800), value(3, 3600));
        let (t1, t2) = timers(value(0, 900), value(1, 1440), preferred.min(valid), valid);
        assert_eq!(t1.is_none(), value(0, 0) == INF, "{mask}");
        assert_eq!(t2.is_none(), value(1, 0) == INF, "{mask}");
    }
}

#[test]
fn rep_15_timers_beyond_the_lease_are_derived_from_it() {
    assert_eq!(timers(120, 200, 30, 30), (s(15), s(24)));
    assert_eq!(timers(43_200, 0, 21_600, 21_600), (s(10_800), s(17_280)));
    assert_eq!(timers(10, 30, 20, 30), (s(10), s(24)));
}

/// One timer given, the other left to us.
#[test]
fn rep_13_one_zero_timer_is_chosen_around_the_other() {
    assert_eq!(timers(43_200, 0, 86_400, 172_800), (s(43_200), s(69_120)));
    assert_eq!(timers(0, 1800, 7200, 14_400), (s(1800), s(1800)), "T1 not after T2");
    assert_eq!(timers(0, 1800, 2000, 14_400), (s(1000), s(1800)));
    assert_eq!(timers(1700, 0, 1000, 2000), (s(1700), s(1700)), "T2 not before T1");
}

#[test]
fn rep_02_offers_add_update_and_remove_and_leave_the_rest() {
    let mut ia = association();
    let other = Leased::Address { address: "2001:db8::2000".parse().unwrap(), usable: true };
    let lifetimes = Lifetimes { preferred: Until::Forever, valid: Until::Forever };
    ia.leases.push(Lease { what: other, lifetimes });
    ia.take(vec![offer(20, 30)], (Lifetime(10), Lifetime(16)), MAX_LEASES, Instant::BOOT);
    assert_eq!(ia.leases.len(), 2);
    let later = Instant::from_millis(10_000);
    ia.take(vec![offer(20, 30)], (Lifetime(10), Lifetime(16)), MAX_LEASES, later);
    assert_eq!(ia.leases[1].lifetimes.valid, Until::At(Instant::from_millis(40_000)));
    ia.take(vec![offer(0, 0)], (Lifetime(10), Lifetime(16)), MAX_LEASES, later);
    assert_eq!(ia.leases.len(), 1, "valid zero takes away, the unmentioned stays");
    assert_eq!(ia.leases[0].lifetimes, lifetimes);
}

#[test]
fn a_renewal_keeps_what_is_known_of_the_address() {
    let mut ia = association();
    ia.take(vec![offer(20, 30)], (Lifetime(10), Lifetime(16)), MAX_LEASES, Instant::BOOT);
    if let Leased::Address { usable, .. } = &mut ia.leases[0].what {
        *usable = true;
    }
    ia.take(vec![offer(20, 30)], (Lifetime(10), Lifetime(16)), MAX_LEASES, Instant::from_millis(5));
    assert!(matches!(ia.leases[0].what, Leased::Address { usable: true, .. }));
}

#[test]
fn leases_are_bounded() {
    let mut ia = association();
    let offers = (1..=200_u16).map(|n| {
        let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n);
        Offer { what: Leased::Address { address, usable: false }, ..offer(20, 30) }
    });
    ia.take(offers.collect(), (Lifetime(10), Lifetime(16)), MAX_LEASES, Instant::BOOT);
    assert_eq!(ia.leases.len(), MAX_LEASES);
}

#[test]
fn tx_08_reb_03_what_ended_is_asked_for_but_no_longer_named() {
    let mut ia = association();
    ia.take(vec![offer(20, 30)], (Lifetime(10), Lifetime(16)), MAX_LEASES, Instant::BOOT);
    assert!(!ia.expire(Instant::from_millis(29_999)));
    assert!(ia.expire(Instant::from_millis(30_000)));
    assert_eq!(ia.held_option(), DhcpOption::IaNa(Ia::asking(Iaid(1), vec![])));
}

#[test]
fn sol_03_a_hint_stands_in_for_leases() {
    let hint: Prefix = "::/56".parse().unwrap();
    let wish = Wish { length: Some(56), ..Wish::default() };
    let ia = Association::new(Kind::Prefix, Iaid(7), wish);
    let DhcpOption::IaPd(asked) = ia.held_option() else { panic!("no IA_PD") };
    let prefix = asked.prefixes().next().unwrap();
    assert_eq!(prefix.prefix, hint);
    assert_eq!((prefix.preferred, prefix.valid, asked.t1, asked.t2), Default::default());
}

/// Otherwise timers of long ago would be due again and again.
#[test]
fn an_association_without_room_is_not_extended() {
    let mut ia = association();
    let timers = (Lifetime(10), Lifetime(16));
    assert!(ia.take(vec![offer(20, 30)], timers, 1, Instant::BOOT));
    let what = Leased::Address { address: "2001:db8::2".parse().unwrap(), usable: false };
    let other = Offer { what, ..offer(20, 30) };
    assert!(!ia.take(vec![other], timers, 1, Instant::from_millis(10_000)));
    assert_eq!(ia.timers.t1, Until::At(Instant::from_millis(10_000)));
}
