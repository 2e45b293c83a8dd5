//! Which server is chosen, and which one is next (RFC 9915 §18.2.1,
//! §18.2.9).

use dhc6c_core::engine::Event;
use dhc6c_core::reason::DropReason;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::MessageType;

use crate::client::{wants_both, wants_prefix};
use crate::seeds::over_seeds;
use crate::server::{Dials, Identifier, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{Renew, Request, Solicit};

fn preference(number: u8, preference: u8) -> ServerConfig {
    ServerConfig { preference: Some(preference), ..ServerConfig::number(number) }
}

/// The number of the server that gave the address.
fn giver(world: &World) -> u16 {
    world.client().usable()[0].segments()[2]
}

#[test]
fn sol_05_sol_07_the_highest_preference_wins_after_the_first_timeout() {
    over_seeds(200, |seed| {
        let servers = [preference(1, 5), preference(2, 10), ServerConfig::number(3)];
        let world = World::bound(seed, wants_both(), servers);
        assert_eq!(giver(&world), 2);
        let [solicit, request] = &world.client().sent[..] else {
            panic!("four messages: {:?}", world.client().conversation());
        };
        let waited = request.at.since(solicit.at);
        let whole = Duration::from_millis(1001)..=Duration::from_millis(1100);
        assert!(whole.contains(&waited), "advertisements were collected for {waited:?}");
        assert_eq!(world.snapshot().server.expect("a server").preference, 10);
    });
}

#[test]
fn sol_05_a_preference_of_255_is_taken_at_once() {
    over_seeds(200, |seed| {
        let world = World::bound(seed, wants_both(), [preference(1, 254), preference(2, 255)]);
        assert_eq!(giver(&world), 2);
        let sent = &world.client().sent;
        let waited = sent[1].at.since(sent[0].at);
        assert!(waited < Duration::from_millis(20), "waited for {waited:?}");
    });
}

#[test]
fn sol_06_after_the_first_timeout_whoever_comes_first_is_taken() {
    over_seeds(200, |seed| {
        let servers = [ServerConfig::number(1), preference(2, 200)];
        let mut world = World::new(seed, wants_both(), servers);
        world.link.cut = true;
        world.start();
        world.run_until_sent(Solicit, 1, seconds(1));
        world.run_for(Duration::from_millis(1200));
        world.link.cut = false;
        world.servers[1].unreachable = true;
        world.run_until_sent(Request, 1, seconds(30));
        let sent = &world.client().sent;
        let waited = sent[sent.len() - 1].at.since(sent[sent.len() - 2].at);
        assert!(waited < Duration::from_millis(20), "no more waiting: {waited:?}");
    });
}

#[test]
fn sol_07_at_equal_preference_the_one_that_gives_more_is_chosen() {
    over_seeds(200, |seed| {
        let no_prefixes = ServerConfig { prefixes: None, ..ServerConfig::number(1) };
        let world = World::bound(seed, wants_both(), [no_prefixes, ServerConfig::number(2)]);
        assert_eq!(giver(&world), 2);
        assert_eq!(world.client().prefixes().len(), 1);
    });
}

#[test]
fn sol_07_a_tie_is_decided_and_stays_decided() {
    over_seeds(200, |seed| {
        let servers = [ServerConfig::number(1), ServerConfig::number(2)];
        let mut world = World::bound(seed, wants_both(), servers);
        let chosen = giver(&world);
        world.run_for(seconds(10_000));
        assert_eq!(giver(&world), chosen);
        assert_eq!(world.client().usable().len(), 1);
        let other = usize::from(2 - chosen);
        let given = world.servers[other].model.store.bindings().count();
        assert_eq!(given, 0, "the other server keeps nothing for us");
    });
}

#[test]
fn sol_12_req_02_the_next_advertiser_after_ten_unanswered_requests() {
    over_seeds(200, |seed| {
        let mut world = World::new(seed, wants_both(), [preference(1, 9), preference(2, 3)]);
        world.servers[0].model.dials.silent_to = [Request].into();
        world.start();
        world.run_until("ready", seconds(300), |world| world.snapshot().ready);
        let client = world.client();
        assert_eq!(giver(&world), 2);
        let first = world.servers[0].model.config.duid.clone();
        let requests = client.sent(Request);
        let of_first = requests.iter().filter(|sent| sent.message.server_ids().eq([&first]));
        assert_eq!(of_first.count(), 10);
        assert_eq!(requests.len(), 11);
        assert!(client.has_told(&Event::ServerGivenUp));
        assert_eq!(client.sent(Solicit).len(), 1, "the other had advertised already");
    });
}

#[test]
fn req_02_without_another_advertiser_discovery_starts_over() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.silent_to = [Request].into();
        world.start();
        world.run_until_sent(Solicit, 2, seconds(300));
        assert_eq!(world.client().sent(Request).len(), 10);
        world.server().dials = Dials::default();
        world.run_until("ready", seconds(300), |world| world.snapshot().ready);
    });
}

#[test]
fn req_05_the_next_advertiser_after_a_refusal() {
    over_seeds(200, |seed| {
        let mut world = World::new(seed, wants_both(), [preference(1, 9), preference(2, 3)]);
        world.start();
        world.run_until_sent(Request, 1, seconds(5));
        world.servers[0].model.dials.refuse_addresses = true;
        world.servers[0].model.dials.refuse_prefixes = true;
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(giver(&world), 2);
        assert_eq!(world.client().sent(Solicit).len(), 1);
    });
}

#[test]
fn rx_04_an_answer_of_another_server_to_a_request_or_renew_is_dropped() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.start();
        world.run_until_sent(Request, 1, seconds(5));
        world.server().dials.server_id = Identifier::Wrong;
        world.run_for(seconds(5));
        assert!(world.client().addresses().is_empty());
        assert!(world.client().has_told(&Event::Dropped(DropReason::ServerId)));
        world.server().dials = Dials::default();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);

        let before = world.client().kernel.actual.clone();
        world.server().dials.server_id = Identifier::Wrong;
        world.run_until_sent(Renew, 3, seconds(1900));
        assert_eq!(world.client().kernel.actual, before);
    });
}

#[test]
fn sol_08_an_advertisement_without_leases_is_no_offer() {
    over_seeds(100, |seed| {
        let poor = ServerConfig { prefixes: None, ..preference(1, 255) };
        let world = World::bound(seed, wants_prefix(), [poor, ServerConfig::number(2)]);
        assert_eq!(world.client().prefixes(), ["2001:db8:2000::/56".parse().unwrap()]);
    });
}
