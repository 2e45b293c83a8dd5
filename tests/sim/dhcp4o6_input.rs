//! What servers and strangers say wrongly of IPv4: dropped, counted, and no
//! harm to IPv6.

use dhc6c_core::reason::DropReason;
use dhc6c_core::rng::Rng;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::v4::{Kind, V4Option, code};

use crate::client::{wants_address, with_ipv4};
use crate::seeds::over_seeds;
use crate::server::{ServerConfig, V4Config, V4Dials};
use crate::world::{World, seconds};

/// What a misbehaviour leads to.
enum Outcome {
    /// No lease, and drops for this reason.
    Dropped(DropReason),
    /// A lease all the same.
    Taken,
    /// A lease, and drops for this reason.
    PartlyTaken(DropReason),
}

fn wire_server() -> ServerConfig {
    ServerConfig::number(1).v4(V4Config::number(1))
}

/// Every misbehaviour, with its name.
fn rows() -> Vec<(&'static str, V4Dials, Outcome)> {
    use DropReason as D;
    use Outcome::{Dropped, PartlyTaken, Taken};
    let dials = V4Dials::default;
    let instead = |option| V4Dials { instead: vec![option], ..dials() };
    let withhold = |code: u8| V4Dials { withhold: [code].into(), ..dials() };
    let cut = |length| V4Dials { cut_after: Some(length), ..dials() };
    let times = |t1, t2| V4Dials {
        instead: vec![V4Option::RenewalTime(Lifetime(t1)), V4Option::RebindingTime(Lifetime(t2))],
        ..dials()
    };
    vec![
        ("flags are set", V4Dials { flags: [0xff; 3], ..dials() }, Taken),
        ("no message", V4Dials { carry_nothing: true, ..dials() }, Dropped(D::V4Malformed)),
        ("two messages", V4Dials { carry_twice: true, ..dials() }, Dropped(D::V4Malformed)),
        ("unknown options around", V4Dials { unknown_around: true, ..dials() }, Taken),
        ("0 octets", cut(0), Dropped(D::V4Malformed)),
        ("1 octet", cut(1), Dropped(D::V4Malformed)),
        ("239 octets", cut(239), Dropped(D::V4Malformed)),
        ("240 octets", cut(240), Dropped(D::V4Malformed)),
        // The kind alone: no server has said it.
        ("243 octets", cut(243), Dropped(D::V4Malformed)),
        ("another cookie", V4Dials { bad_cookie: true, ..dials() }, Dropped(D::V4Malformed)),
        ("a client's", V4Dials { op_request: true, ..dials() }, Dropped(D::V4Mismatch)),
        ("a relay's fields", V4Dials { relay_fields: true, ..dials() }, Taken),
        // The client identifier says that it is for us.
        ("another hardware address", V4Dials { wrong_hardware: true, ..dials() }, Taken),
        (
            "another hardware address and no identifier",
            V4Dials { wrong_hardware: true, ..withhold(code::CLIENT_ID) },
            Dropped(D::V4Mismatch),
        ),
        (
            "a hardware address of 200 octets",
            V4Dials { long_hardware: true, ..dials() },
            Dropped(D::V4Malformed),
        ),
        ("another transaction", V4Dials { wrong_xid: true, ..dials() }, Dropped(D::V4Mismatch)),
        ("another client", instead(V4Option::ClientId(vec![255, 1, 2, 3])), Dropped(D::V4Mismatch)),
        ("no client identifier", withhold(code::CLIENT_ID), Taken),
        (
            "a kind of no octets",
            V4Dials { kind_length: Some(0), ..dials() },
            Dropped(D::V4Malformed),
        ),
        (
            "a kind of two octets",
            V4Dials { kind_length: Some(2), ..dials() },
            Dropped(D::V4Malformed),
        ),
        (
            "no kind",
            V4Dials { raw_options: Some(vec![54, 4, 192, 0, 2, 1, 255]), ..dials() },
            Dropped(D::V4Malformed),
        ),
        ("a grant at once", V4Dials { wrong_kind: Some(Kind::Ack), ..dials() }, Dropped(D::State)),
        ("a denial at once", V4Dials { wrong_kind: Some(Kind::Nak), ..dials() }, Dropped(D::State)),
        (
            "a client's kind",
            V4Dials { wrong_kind: Some(Kind::Discover), ..dials() },
            Dropped(D::V4Mismatch),
        ),
        ("no server", withhold(code::SERVER_ID), Dropped(D::V4Malformed)),
        ("no lease time", withhold(code::LEASE_TIME), Dropped(D::V4Malformed)),
        ("a lease of no time", instead(V4Option::LeaseTime(Lifetime(0))), Dropped(D::Lifetime)),
        ("a lease for ever", instead(V4Option::LeaseTime(Lifetime::INFINITE)), Taken),
        ("T1 after T2", times(3000, 2000), PartlyTaken(D::Lifetime)),
        ("T2 after the end", times(1000, 4000), PartlyTaken(D::Lifetime)),
        ("overload in circles", V4Dials { overload: true, ..dials() }, Taken),
        ("options in parts", V4Dials { in_parts: true, ..dials() }, Taken),
        ("no end", V4Dials { no_end: true, ..dials() }, Taken),
        (
            "an option beyond the end",
            V4Dials { raw_options: Some(vec![53, 1, 2, 54, 200, 1]), ..dials() },
            Dropped(D::V4Malformed),
        ),
        (
            "port parameters that are none",
            instead(V4Option::Raw { code: 159, payload: vec![16, 8, 0, 0] }),
            Dropped(D::V4Malformed),
        ),
        (
            "a route of 33 bits",
            instead(V4Option::Raw { code: 121, payload: vec![33, 1, 2, 3, 4, 5, 1, 2, 3, 4] }),
            PartlyTaken(D::V4Malformed),
        ),
        (
            "a route that is cut",
            instead(V4Option::Raw { code: 121, payload: vec![24, 10, 0] }),
            PartlyTaken(D::V4Malformed),
        ),
        (
            "halves of everything (CVE-2024-3661)",
            instead(V4Option::Raw {
                code: 121,
                payload: vec![1, 0, 192, 0, 2, 1, 1, 128, 192, 0, 2, 1],
            }),
            Taken,
        ),
    ]
}

#[test]
fn dhcp_4o6_07_4o6_11_4o6_14_every_misbehaviour_is_dropped_or_does_not_matter() {
    over_seeds(2, |seed| {
        for (what, dials, outcome) in rows() {
            let mut world = World::new(seed, with_ipv4(wants_address()), [wire_server()]);
            world.server().v4().dials = dials;
            world.start();
            world.run_for(seconds(200));
            let dropped = world.snapshot().counters.dropped;
            let has_lease = world.client().ipv4().is_some();
            match outcome {
                Outcome::Dropped(reason) => {
                    assert!(!has_lease, "{what}: a lease");
                    assert!(dropped.of(reason) > 1, "{what}: {dropped:?}");
                    assert_eq!(dropped.of(reason), dropped.total(), "{what}: {dropped:?}");
                }
                Outcome::Taken => assert!(has_lease && dropped.total() == 0, "{what}: {dropped:?}"),
                Outcome::PartlyTaken(reason) => {
                    assert!(has_lease && dropped.of(reason) > 0, "{what}: {dropped:?}");
                }
            }
            assert_eq!(world.state(), StateName::Bound, "{what}: IPv6 is harmed");
            // And a server that mends its ways is dealt with.
            world.server().v4().dials = V4Dials::default();
            world.run_until(what, seconds(70), |world| world.client().ipv4().is_some());
        }
    });
}

#[test]
fn dhcp_4o6_24_while_renewing_misbehaviour_costs_nothing_but_time() {
    over_seeds(1, |seed| {
        for (what, dials, _) in rows() {
            let mut world = World::bound(seed, with_ipv4(wants_address()), [wire_server()]);
            world.run_until("leased", seconds(20), |world| world.client().ipv4().is_some());
            let address = world.client().ipv4();
            world.server().v4().dials = dials;
            world.run_for(seconds(3000));
            assert_eq!(world.state(), StateName::Bound, "{what}");
            // A denial is one here; all else is survived.
            if what == "a denial at once" {
                assert_eq!(world.client().ipv4(), None);
                continue;
            }
            assert_eq!(world.client().ipv4(), address, "{what}");
            world.server().v4().dials = V4Dials::default();
            world.run_for(seconds(1000));
            assert_eq!(world.client().ipv4(), address, "{what}, mended");
        }
    });
}

#[test]
fn responses_out_of_nowhere_change_nothing() {
    over_seeds(5, |seed| {
        let mut world = World::bound(seed, with_ipv4(wants_address()), [wire_server()]);
        world.run_until("leased", seconds(20), |world| world.client().ipv4().is_some());
        let before = (world.client().ipv4(), world.client().addresses());
        let mut rng = Rng::from_number(seed);
        for round in 0..500_u32 {
            let mut octets = vec![if round % 7 == 0 { 20 } else { 21 }, 0, 0, 0];
            for _ in 0..rng.between(0, 6) {
                octets.extend(
                    [0, 87, 0, 0]
                        .map(|octet| if rng.chance(10) { rng.octets::<1>()[0] } else { octet }),
                );
            }
            octets.extend(rng.octets::<40>());
            octets.truncate(usize::try_from(rng.between(0, 60)).expect("a small number"));
            world.inject_from_server(octets);
        }
        assert_eq!((world.client().ipv4(), world.client().addresses()), before);
        assert!(world.snapshot().counters.dropped.total() >= 500);
    });
}

#[test]
fn a_response_while_ipv4_is_not_offered_or_not_wanted_is_dropped() {
    over_seeds(3, |seed| {
        let mut world = World::bound(seed, with_ipv4(wants_address()), [ServerConfig::number(1)]);
        let before = world.snapshot().counters.dropped;
        world.inject_from_server(vec![21, 0, 0, 0, 0, 87, 0, 1, 2]);
        let after = world.snapshot().counters.dropped;
        assert_eq!(after.of(DropReason::State), before.of(DropReason::State) + 1);
        let mut world = World::bound(seed, wants_address(), [wire_server()]);
        world.inject_from_server(vec![21, 0, 0, 0, 0, 87, 0, 1, 2]);
        assert_eq!(world.snapshot().counters.dropped.of(DropReason::MessageType), 1);
    });
}
