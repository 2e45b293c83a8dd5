//! IPv4 leases that are bound to an IPv6 address (RFC 8539).

use dhc6c_core::engine::Event;
use dhc6c_core::reason::DropReason;
use dhc6c_core::snapshot::{StateName, V4State};
use dhc6c_core::wire::DhcpOption;
use dhc6c_core::wire::v4::{Kind, V4Option, code};

use crate::client::{wants_address, wants_both, wants_prefix, with_ipv4, with_softwire};
use crate::seeds::over_seeds;
use crate::server::{ServerConfig, V4Config};
use crate::world::{Restart, World, seconds};

fn softwire() -> ServerConfig {
    let v4 = V4Config { border_relay: "2001:db8:ffff::1".parse().ok(), ..V4Config::number(1) };
    ServerConfig::number(1).v4(v4)
}

fn attached(seed: u64) -> World {
    let mut world = World::bound(seed, with_softwire(wants_both()), [softwire()]);
    world.run_until("leased", seconds(30), |world| world.client().ipv4().is_some());
    world
}

/// The softwire addresses that the client has told servers of, in order.
fn told(world: &World) -> Vec<std::net::Ipv6Addr> {
    let options = world.client().sent_v4.iter().flat_map(|sent| &sent.message.options);
    let mut told: Vec<_> = options
        .filter_map(|option| match option {
            V4Option::SourceAddress(source) => Some(*source),
            _ => None,
        })
        .collect();
    told.dedup();
    told
}

#[test]
fn dhcp_4o6b_01_4o6b_05_4o6b_06_the_softwires_address_is_made_and_told() {
    over_seeds(10, |seed| {
        let mut world = attached(seed);
        assert_eq!(world.client().sent_v4(Kind::Discover)[0].query.request, [90, 137]);
        let prefix = world.client().prefixes()[0];
        let view = world.snapshot().dhcp4o6.expect("a lease");
        let source = view.source.expect("it is bound");
        assert!(prefix.contains(source) && world.client().usable().contains(&source));
        assert_eq!(told(&world), [source]);
        assert_eq!(view.border_relays.len(), 1);
        world.run_for(seconds(20_000));
        assert_eq!((told(&world), world.client().ipv4().is_some()), (vec![source], true));
        for sent in world.client().sent_v4(Kind::Request) {
            assert!(sent.message.options.iter().any(|o| o.code() == code::SOURCE_ADDRESS));
        }
        world.command(dhc6c_core::engine::Input::Release);
        let release = world.client().sent_v4(Kind::Release)[0];
        assert!(!release.message.options.iter().any(|o| o.code() == code::SOURCE_ADDRESS));
        world.run_for(seconds(10));
        assert!(world.client().kernel.is_empty(), "the softwire's address goes with it");
    });
}

#[test]
fn dhcp_4o6b_09_a_far_end_beside_the_ipv6_leases_is_none() {
    over_seeds(5, |seed| {
        let server = ServerConfig::number(1).v4(V4Config::number(1));
        let mut world = World::new(seed, with_softwire(wants_both()), [server]);
        let payload = vec![0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        world.server().dials.unasked = vec![DhcpOption::Raw { code: 90, payload }];
        world.start();
        world.run_for(seconds(300));
        assert_eq!((world.client().ipv4(), world.state()), (None, StateName::Bound));
        assert!(world.snapshot().counters.dropped.of(DropReason::SoftwireInvalid) > 2);
    });
}

#[test]
fn dhcp_4o6b_02_a_server_without_softwires_is_none_to_deal_with() {
    over_seeds(5, |seed| {
        let server = ServerConfig::number(1).v4(V4Config::number(1));
        let mut world = World::bound(seed, with_softwire(wants_both()), [server]);
        world.run_for(seconds(300));
        assert_eq!(world.client().ipv4(), None);
        assert!(world.client().sent_v4(Kind::Request).is_empty());
        assert!(world.snapshot().counters.dropped.of(DropReason::SoftwireInvalid) > 2);
        assert_eq!(world.state(), StateName::Bound);
        // Those who want none deal with it.
        let server = ServerConfig::number(1).v4(V4Config::number(1));
        let mut world = World::bound(seed, with_ipv4(wants_both()), [server]);
        world.run_until("leased", seconds(20), |world| world.client().ipv4().is_some());
        assert!(world.client().sent_v4.iter().all(|sent| sent.query.request.is_empty()));
    });
}

#[test]
fn dhcp_4o6b_04_without_a_prefix_an_address_that_is_there_does() {
    over_seeds(5, |seed| {
        let mut world = World::bound(seed, with_softwire(wants_address()), [softwire()]);
        world.run_until("leased", seconds(30), |world| world.client().ipv4().is_some());
        let own = world.client().addresses();
        assert_eq!(told(&world), own);
    });
}

#[test]
fn dhcp_4o6b_05_a_server_that_only_the_softwire_reaches_does_not_disturb_its_making() {
    over_seeds(10, |seed| {
        let addresses = ["ff02::1:2", "2001:db8:1::547"];
        let addresses = addresses.map(|text| text.parse().expect("an address")).to_vec();
        let mut server = softwire();
        let v4 = V4Config { addresses, ..server.v4.take().expect("it has one") };
        let mut world = World::bound(seed, with_softwire(wants_prefix()), [server.v4(v4)]);
        world.run_until("leased", seconds(30), v4_bound);
        assert_eq!(
            world.client().sent_v4(Kind::Discover).len(),
            1,
            "the first search has led to it"
        );
        world.run_for(seconds(5));
        let source = told(&world)[0];
        assert!(world.client().sent_v4.iter().any(|sent| sent.source == source), "both are asked");
        assert!(v4_bound(&world));
    });
}

#[test]
fn dhcp_4o6b_05_an_address_that_somebody_else_has_is_not_used() {
    over_seeds(5, |seed| {
        let probe = attached(seed);
        let taken = told(&probe)[0];
        let mut world = World::new(seed, with_softwire(wants_both()), [softwire()]);
        world.clients[0].kernel.taken.insert(taken);
        world.start();
        world.run_until("leased", seconds(60), |world| world.client().ipv4().is_some());
        assert!(!told(&world).contains(&taken));
        assert!(world.client().has_told(&Event::DadFailed(taken)));
    });
}

#[test]
fn dhcp_4o6b_07_a_server_that_keeps_another_address_is_told_again_after_a_minute() {
    over_seeds(5, |seed| {
        let mut world = attached(seed);
        world.server().v4().dials.keep_source = true;
        let client = world.server().v4().bindings.keys().next().cloned().expect("a binding");
        let binding = world.server().v4().bindings.get_mut(&client).expect("a binding");
        binding.source = "2001:db8:bad::1".parse().ok();
        let before = world.client().sent_v4(Kind::Request).len();
        world.run_until("renewing", seconds(2000), |world| {
            world.client().sent_v4(Kind::Request).len() > before
        });
        let first = world.client().sent_v4(Kind::Request)[before].at;
        world.run_until("told again", seconds(100), |world| {
            world.client().sent_v4(Kind::Request).len() > before + 1
        });
        let again = world.client().sent_v4(Kind::Request)[before + 1].at.since(first);
        assert!((seconds(60)..seconds(72)).contains(&again), "{again:?}");
        // That has not helped: it is given back, and a new one is bound anew.
        world.run_until("leased again", seconds(60), v4_bound);
        assert_eq!(world.client().sent_v4(Kind::Release).len(), 1);
    });
}

fn v4_bound(world: &World) -> bool {
    let view = world.snapshot().dhcp4o6;
    view.is_some_and(|view| view.state == V4State::Bound && view.address.is_some())
}

#[test]
fn dhcp_4o6b_08_after_a_renumbering_the_server_is_told_of_the_new_address() {
    over_seeds(5, |seed| {
        let mut world = attached(seed);
        let address = world.client().ipv4();
        world.server().config.prefixes = "2001:db8:f000::/36".parse().ok();
        world.server().store = crate::server::Store::default();
        world.run_for(seconds(12_000));
        let sources = told(&world);
        assert_eq!(sources.len(), 2, "{sources:?}");
        assert!(world.client().prefixes()[0].contains(sources[1]));
        assert!(v4_bound(&world));
        assert_eq!(world.client().ipv4(), address, "a whole address stays");
        assert_eq!(world.client().sent_v4(Kind::Discover).len(), 1);
    });
}

#[test]
fn dhcp_4o6b_08_hooks_hear_of_every_address_that_a_server_has_bound_the_lease_to() {
    over_seeds(5, |seed| {
        let mut world = attached(seed);
        world.server().dials.renumbers = true;
        world.run_for(seconds(4000));
        let sources = told(&world).len();
        assert!(sources > 1 && world.client().told(&Event::Dhcp4o6Bound) == sources);
    });
}

#[test]
fn dhcp_4o6b_08_a_leased_address_that_is_replaced_in_one_reply_costs_no_search() {
    over_seeds(5, |seed| {
        let mut world = World::bound(seed, with_softwire(wants_address()), [softwire()]);
        world.run_until("leased", seconds(30), v4_bound);
        world.server().dials.renumbers = true;
        world.run_for(seconds(1900));
        assert_eq!(world.client().sent_v4(Kind::Discover).len(), 1);
        assert!(!world.client().has_told(&Event::Dhcp4o6Unbound));
        assert_eq!(told(&world).len(), 2);
    });
}

#[test]
fn dhcp_4o6b_05_a_duplicate_while_no_server_may_be_asked_wakes_nobody() {
    over_seeds(5, |seed| {
        let mut world = attached(seed);
        world.server().dials.withhold.insert(dhc6c_core::wire::code::DHCP4_O_DHCP6_SERVER);
        let idle = |world: &World| {
            world.snapshot().dhcp4o6.is_some_and(|view| view.state == V4State::Idle)
        };
        world.run_until("idle", seconds(3000), idle);
        let source = world.snapshot().dhcp4o6.and_then(|view| view.source).expect("it is bound");
        // The world sees that no deadline stays after it came.
        world.command(dhc6c_core::engine::Input::AddressDuplicate(source));
        world.run_for(seconds(100));
        assert!(idle(&world) && !world.client().usable().contains(&source));
        world.server().dials.withhold.clear();
        world.run_until("bound", seconds(3000), v4_bound);
    });
}

#[test]
fn dhcp_4o6b_06_after_a_restart_the_softwires_address_is_made_before_it_is_told() {
    over_seeds(10, |seed| {
        for how in [
            Restart::Stopped,
            Restart::Killed,
            Restart::Rebooted { off: seconds(60), clock_is_trusted: true },
        ] {
            let mut world = attached(seed);
            let before = (world.client().ipv4(), told(&world));
            world.restart(how);
            world.run_until("bound", seconds(60), v4_bound);
            world.run_for(seconds(20));
            assert_eq!((world.client().ipv4(), told(&world)), before, "{how:?}");
            assert_eq!(world.client().sent_v4(Kind::Discover).len(), 1, "{how:?}");
        }
    });
}
