//! Shared IPv4 addresses (RFC 7618).

use dhc6c_core::engine::{Config, Dhcp4o6, Event};
use dhc6c_core::wire::v4::{Kind, V4Option, code};

use crate::client::{wants_address, with_ipv4};
use crate::seeds::over_seeds;
use crate::server::{ServerConfig, V4Config, V4Dials};
use crate::world::{Restart, World, seconds};

fn sharing(number: u8) -> V4Config {
    V4Config { share: Some((6, 8)), ..V4Config::number(number) }
}

fn shared(seed: u64, v4: V4Config) -> World {
    let server = ServerConfig::number(1).v4(v4);
    let mut world = World::bound(seed, with_ipv4(wants_address()), [server]);
    world.run_until("leased", seconds(20), |world| world.client().ipv4().is_some());
    world
}

#[test]
fn dhcp_4o6s_01_4o6s_02_4o6s_08_the_set_is_asked_for_named_and_shown() {
    over_seeds(5, |seed| {
        let mut world = shared(seed, sharing(1));
        let view = world.snapshot().dhcp4o6.expect("a lease");
        let set = view.port_set.expect("a part");
        assert_eq!((set.offset, set.psid_len, set.psid, set.ranges.len()), (6, 8, 1, 63));
        assert_eq!(set.ranges[0], "1028-1031");
        world.run_for(seconds(10_000));
        world.restart(Restart::Stopped);
        world.run_for(seconds(100));
        world.command(dhc6c_core::engine::Input::Release);
        for sent in &world.client().sent_v4 {
            let has = sent.message.options.iter().any(|o| o.code() == code::PORT_PARAMETERS);
            let first = sent.message.kind == Kind::Discover;
            assert!(has || first, "{:?}", sent.message);
        }
        assert!(!world.client().sent_v4(Kind::Release).is_empty());
        assert_eq!(world.client().sent_v4(Kind::Discover).len(), 1, "never lost");
    });
}

#[test]
fn dhcp_4o6s_03_a_whole_address_of_one_server_is_preferred_to_a_part_of_anothers() {
    over_seeds(20, |seed| {
        let (one, two) = (ServerConfig::number(1), ServerConfig::number(2));
        let servers = [one.v4(sharing(1)), two.v4(V4Config::number(2))];
        let mut world = World::bound(seed, with_ipv4(wants_address()), servers);
        world.run_until("leased", seconds(20), |world| world.client().ipv4().is_some());
        let view = world.snapshot().dhcp4o6.expect("a lease");
        assert_eq!((view.port_set, view.server), (None, Some("192.0.2.2".parse().unwrap())));
    });
}

#[test]
fn dhcp_4o6s_04_who_does_not_share_is_given_a_whole_address_or_none() {
    over_seeds(5, |seed| {
        let config = with_ipv4(wants_address());
        let v4 = config.dhcp4o6.clone().map(|v4| Box::new(Dhcp4o6 { share: false, ..*v4 }));
        let config = Config { dhcp4o6: v4, ..config };
        let server = ServerConfig::number(1).v4(sharing(1));
        let mut world = World::bound(seed, config, [server]);
        world.run_for(seconds(300));
        assert_eq!(world.client().ipv4(), None);
        world.server().v4().config.share = None;
        world.run_until("leased", seconds(70), |world| world.client().ipv4().is_some());
        assert_eq!(world.snapshot().dhcp4o6.expect("a lease").port_set, None);
    });
}

#[test]
fn dhcp_4o6s_06_a_renumbering_starts_over_for_a_shared_address() {
    over_seeds(5, |seed| {
        let addresses = vec!["2001:db8:1::547".parse().expect("an address")];
        let mut world = shared(seed, V4Config { addresses, ..sharing(1) });
        world.server().config.addresses = "2001:db8:77::/64".parse().expect("a prefix");
        world.server().store = crate::server::Store::default();
        world.run_for(seconds(3000));
        world.run_for(seconds(6000));
        let discover = world.client().sent_v4(Kind::Discover);
        assert_eq!(discover.len(), 2, "one more");
        let again = &discover[1].message.options;
        assert!(again.iter().any(|o| matches!(o, V4Option::RequestedAddress(_))), "the same again");
        assert!(world.client().has_told(&Event::Dhcp4o6Unbound));
        assert!(world.client().ipv4().is_some());
    });
}

#[test]
fn dhcp_4o6s_06_of_several_sources_the_one_counts_that_the_lease_was_given_to() {
    let given_to = std::cell::RefCell::new(std::collections::BTreeSet::new());
    over_seeds(20, |seed| {
        let addresses = ["ff02::1:2", "2001:db8:1::547"];
        let addresses = addresses.map(|text| text.parse().expect("an address")).to_vec();
        let mut world = shared(seed, V4Config { addresses, lease: 86_400, ..sharing(1) });
        world.run_for(seconds(60));
        let record = world.client().kept.clone().and_then(|kept| kept.ipv4).expect("it is kept");
        given_to.borrow_mut().insert(record.via.is_unicast_link_local());
        world.server().config.addresses = "2001:db8:77::/64".parse().expect("a prefix");
        world.server().store = crate::server::Store::default();
        world.run_for(seconds(9000));
        let discovers = world.client().sent_v4(Kind::Discover).len();
        let again = !record.via.is_unicast_link_local();
        assert_eq!(world.client().has_told(&Event::Dhcp4o6Unbound), again, "{discovers}");
        assert!(world.client().ipv4().is_some());
    });
    assert_eq!(given_to.take().len(), 2, "either is met");
}

#[test]
fn a_server_that_leaves_the_set_out_while_renewing_does_not_widen_it() {
    over_seeds(5, |seed| {
        let mut world = shared(seed, sharing(1));
        world.server().v4().dials.withhold.insert(code::PORT_PARAMETERS);
        world.run_for(seconds(3590));
        let view = world.snapshot().dhcp4o6.expect("a lease");
        assert!(view.address.is_some() && view.port_set.is_some());
        // A server that goes on like that gives the whole of it to nobody.
        world.run_for(seconds(30));
        assert!(world.client().ipv4().is_none());
        world.server().v4().dials = V4Dials::default();
        world.run_until("leased", seconds(100), |world| world.client().ipv4().is_some());
        assert!(world.snapshot().dhcp4o6.is_some_and(|view| view.port_set.is_some()));
    });
}

#[test]
fn clients_share_an_address_and_no_port() {
    over_seeds(5, |seed| {
        let mut world = shared(seed, sharing(1));
        let config = with_ipv4(wants_address());
        let duid = "000300010200000000c9".parse().expect("a DUID");
        world.add_client(Config { duid, ..config });
        world.start();
        world.run_for(seconds(30));
        let sets: Vec<_> = world
            .clients
            .iter()
            .map(|client| client.interface.snapshot(world.now).dhcp4o6.expect("a lease"))
            .map(|view| (view.address, view.port_set.expect("a part").psid))
            .collect();
        assert_eq!(sets[0].0, sets[1].0);
        assert_ne!(sets[0].1, sets[1].1);
    });
}
