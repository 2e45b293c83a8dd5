//! However a server behaves, the client sends little and remembers little.
//! The oracle holds every scenario to 20 messages in any 20 seconds; these
//! look at the hours after.

use dhc6c_core::engine::Input;
use dhc6c_core::ident::Duid;
use dhc6c_core::link::Datagram;
use dhc6c_core::wire::{MessageType, StatusCode};

use crate::client::{wants_address, wants_both, wants_prefixes};
use crate::seeds::over_seeds;
use crate::server::{Dials, ModelServer, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{Rebind, Renew, Request, Solicit};

const DAY: u64 = 86_400;

/// A day with a server that behaves so from the beginning.
fn day(seed: u64, dials: Dials) -> World {
    let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
    world.server().dials = dials;
    world.start();
    world.run_for(seconds(DAY));
    world
}

/// It heals, and the client binds within the longest timeout.
fn heal(world: &mut World) {
    world.note("heals");
    world.server().dials = Dials::default();
    world.run_until("ready", seconds(3960 + 10), |world| world.snapshot().ready);
}

#[test]
fn tx_03_req_03_a_server_that_fails_every_request() {
    over_seeds(20, |seed| {
        let dials = Dials { request_status: Some(StatusCode::UNSPEC_FAIL), ..Dials::default() };
        let mut world = day(seed, dials);
        let sent = world.client().sent.len();
        assert!(sent < 1000, "{sent} messages in a day");
        assert!(world.client().sent(Request).len() > 10, "it is tried again");
        heal(&mut world);
    });
}

#[test]
fn tx_03_req_04_a_server_that_finds_every_request_off_link() {
    over_seeds(20, |seed| {
        let dials = Dials { request_status: Some(StatusCode::NOT_ON_LINK), ..Dials::default() };
        let mut world = day(seed, dials);
        let sent = world.client().sent.len();
        assert!(sent < 200, "{sent} messages in a day");
        heal(&mut world);
    });
}

#[test]
fn tx_03_req_05_a_server_that_advertises_and_then_refuses() {
    over_seeds(20, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        // Honest to a Solicit and mean to a Request: the status takes the
        // place of all leases.
        world.server().dials.request_status = Some(StatusCode::NO_ADDRS_AVAIL);
        world.start();
        world.run_for(seconds(DAY));
        let sent = world.client().sent.len();
        assert!(sent < 200, "{sent} messages in a day");
        heal(&mut world);
    });
}

#[test]
fn sol_09_sol_15_a_server_that_has_nothing_is_asked_forty_times_a_day() {
    over_seeds(20, |seed| {
        let dials = Dials { refuse_addresses: true, refuse_prefixes: true, ..Dials::default() };
        let mut world = day(seed, dials);
        let solicits = world.client().sent(Solicit).len();
        assert!((20..=42).contains(&solicits), "{solicits} in a day");
        heal(&mut world);
    });
}

#[test]
fn tx_03_rep_06_a_server_that_never_knows_a_binding() {
    over_seeds(20, |seed| {
        let dials = Dials { forget_addresses: true, forget_prefixes: true, ..Dials::default() };
        let world = day(seed, dials);
        let sent = world.client().sent.len();
        // A Renew and a Request each half hour.
        assert!(sent < 150, "{sent} messages in a day");
        assert_eq!(world.client().usable().len(), 1);
    });
}

#[test]
fn tx_03_rep_02_a_server_that_takes_every_lease_back() {
    over_seeds(20, |seed| {
        let dials = Dials { zero_lifetimes: true, ..Dials::default() };
        let world = day(seed, dials);
        let sent = world.client().sent.len();
        assert!(sent < 400, "{sent} messages in a day");
    });
}

#[test]
fn tx_03_dec_02_a_server_that_leases_a_declined_address_for_ever() {
    over_seeds(20, |seed| {
        let mut world = World::new(seed, wants_address(), [ServerConfig::number(1)]);
        world.clients[0].kernel.taken.insert("2001:db8:1::1000".parse().expect("an address"));
        world.server().dials.reuse_declined = true;
        world.start();
        world.run_for(seconds(3600));
        let sent = world.client().sent.len();
        assert!(sent < 100, "{sent} messages in an hour: no back-off");
    });
}

#[test]
fn tx_03_dec_02_the_same_beside_a_prefix_that_is_good() {
    over_seeds(20, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.clients[0].kernel.taken.insert("2001:db8:1::1000".parse().expect("an address"));
        world.server().dials.reuse_declined = true;
        world.start();
        world.run_for(seconds(3600));
        assert_eq!(world.client().prefixes().len(), 1);
        let sent = world.client().sent.len();
        assert!(sent < 100, "{sent} messages in an hour: no back-off");
    });
}

#[test]
fn tx_03_a_link_that_flaps_a_hundred_times_in_ten_seconds() {
    over_seeds(20, |seed| {
        for config in [wants_both(), crate::client::stateless()] {
            let mut world = World::new(seed, config, [ServerConfig::number(1)]);
            world.start();
            for _ in 0..100 {
                let pause = world.rng().between(1, 99);
                world.run_for(dhc6c_core::time::Duration::from_millis(pause));
                world.carrier(false);
                world.run_for(dhc6c_core::time::Duration::from_millis(100 - pause));
                world.carrier(true);
            }
            world.run_until("ready", seconds(60), |world| world.snapshot().ready);
        }
    });
}

#[test]
fn tx_03_the_limit_delays_and_loses_nothing() {
    over_seeds(20, |seed| {
        let limit = dhc6c_core::engine::SendLimit::new(1, seconds(30));
        let config = dhc6c_core::engine::Config { limit, ..wants_both() };
        let mut world = World::new(seed, config, [ServerConfig::number(1)]);
        world.start();
        world.run_until("ready", seconds(120), |world| world.snapshot().ready);
        world.run_for(seconds(7200));
        assert_eq!(world.client().usable().len(), 1);
        let sent = &world.client().sent;
        assert!(sent.windows(2).all(|pair| pair[1].at.since(pair[0].at) >= seconds(30)));
    });
}

#[test]
fn sol_12_a_thousand_advertisers_take_a_bounded_place() {
    over_seeds(5, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.start();
        world.run_until_sent(Solicit, 1, seconds(2));
        let solicit = world.client().sent[0].message.encode().expect("it was sent");
        let link_local = world.client().link.link_local.expect("it has sent");
        for number in 0..1000_u16 {
            let [high, low] = number.to_be_bytes();
            let duid = Duid::new(&[0, 3, 0, 1, high, low]).expect("six octets are a DUID");
            let config = ServerConfig { duid, ..ServerConfig::number(2) };
            for answer in ModelServer::new(config).handle(world.now, link_local, &solicit) {
                let source = "fe80::bad".parse().expect("an address");
                let (destination, octets) = (answer.destination, answer.octets);
                world.inject(Datagram { source, destination, octets });
            }
        }
        let size = format!("{:?}", world.client().interface).len();
        assert!(size < 100_000, "the engine takes {size} characters to print");
    });
}

#[test]
fn rep_02_hundreds_of_leases_take_a_bounded_place_in_memory_and_messages() {
    over_seeds(5, |seed| {
        for (associations, extra) in [(1, 200), (4, 90)] {
            let config = wants_prefixes(associations);
            let mut world = World::new(seed, config, [ServerConfig::number(1)]);
            world.server().dials.extra_leases = extra;
            world.start();
            // What is held and what is sent is judged at every step.
            world.run_for(seconds(7200));
            assert!(!world.client().usable().is_empty());
            assert!(world.client().sent(MessageType::Renew).len() >= 3);
        }
    });
}

/// The grammar holds every message to the smallest MTU of IPv6.
#[test]
fn a_dozen_associations_full_of_leases_fit_into_every_message() {
    over_seeds(10, |seed| {
        for exclude in [None, Some(64), Some(72)] {
            let server = ServerConfig { exclude, ..ServerConfig::number(1) };
            let mut world = World::new(seed, wants_prefixes(12), [server]);
            world.server().dials.extra_leases = 3;
            world.start();
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
            assert!(world.client().prefixes().len() >= 12);
            world.run_until_sent(Renew, 2, seconds(2 * 1801));
            world.server().dials.silent = true;
            world.run_until_sent(Rebind, 1, seconds(2881));
            let rebind = world.client().sent(Rebind)[0].message.clone();
            assert_eq!(rebind.ia_pds().count(), 12);
            world.stop();
        }
    });
}

/// It was asked for the rest every ten seconds, as long as it went on so.
#[test]
fn tx_03_rep_06_a_server_that_stands_by_a_part_only() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_prefixes(3), [ServerConfig::number(1)]);
        world.server().dials = Dials {
            renew_status: Some(StatusCode::NO_BINDING),
            rebind_status: Some(StatusCode::NO_BINDING),
            omit_addresses: true,
            ..Dials::default()
        };
        let before = world.client().sent.len();
        world.command(Input::Rebind);
        world.run_for(seconds(DAY));
        let sent = world.client().sent.len() - before;
        assert!(sent < 700, "{sent} messages in a day");
        assert_eq!(world.client().prefixes().len(), 3, "what it stands by is held");
        world.note("heals");
        world.server().dials = Dials::default();
        world.run_until("whole", seconds(3960 + 10), |world| world.client().addresses().len() == 1);
    });
}
