//! Stopping leaves nothing behind, whenever it comes.

use dhc6c_core::engine::{Config, Event, Input};
use dhc6c_core::snapshot::StateName;

use crate::client::{stateless, wants_address, wants_both};
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{World, seconds};

/// Stops and looks for an hour. The oracle sees to it that the kernel is
/// empty and that nothing is sent.
fn stop(world: &mut World) {
    let sent = world.client().sent.len();
    world.stop();
    assert!(world.client().kernel.is_empty());
    world.run_for(seconds(3600));
    assert_eq!(world.client().sent.len(), sent);
    assert_eq!(world.state(), StateName::Stopped);
    assert!(!world.snapshot().ready);
    let last = world.client().events.last().map(|(_, event)| event.clone());
    assert_eq!(last, Some(Event::Stopped), "nothing follows");
    assert_eq!(world.client().told(&Event::Stopped), 1);
    let (bound, unbound) = (Event::Bound, Event::Unbound);
    assert_eq!(world.client().told(&bound), world.client().told(&unbound));
}

#[test]
fn stop_after_each_of_the_first_steps() {
    over_seeds(20, |seed| {
        for config in [wants_both, stateless] {
            for steps in 0..20 {
                let mut world = World::new(seed, config(), [ServerConfig::number(1)]);
                world.start();
                world.run_steps(steps);
                stop(&mut world);
            }
        }
    });
}

#[test]
fn stop_at_any_time_of_a_life_with_servers_that_come_and_go() {
    over_seeds(200, |seed| {
        let rapid_commit = seed.is_multiple_of(2);
        let client = Config { rapid_commit, ..wants_both() };
        let server = ServerConfig { rapid_commit, ..ServerConfig::number(1) };
        let mut world = World::new(seed, client, [server, ServerConfig::number(2)]);
        world.link.loss = world.rng().between(0, 50);
        world.start();
        let first = world.rng().between(0, 4000);
        world.run_for(seconds(first));
        world.servers[0].unreachable = true;
        let second = world.rng().between(0, 12_000);
        world.run_for(seconds(second));
        stop(&mut world);
    });
}

#[test]
fn stop_during_duplicate_detection_and_decline() {
    over_seeds(50, |seed| {
        for steps in 8..24 {
            let mut world = World::new(seed, wants_address(), [ServerConfig::number(1)]);
            world.clients[0].kernel.taken.insert("2001:db8:1::1000".parse().expect("an address"));
            world.start();
            world.run_steps(steps);
            stop(&mut world);
        }
    });
}

#[test]
fn stop_before_there_is_a_link_and_twice() {
    over_seeds(20, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        stop(&mut world);
        world.stop();
        world.start();
        world.carrier(false);
        world.carrier(true);
        world.run_for(seconds(100));
        assert_eq!(world.client().sent.len(), 0);
        assert_eq!(world.client().told(&Event::Stopped), 1);
    });
}

#[test]
fn stop_while_the_carrier_is_gone() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.carrier(false);
        world.run_for(seconds(5));
        let input = Input::Stop { release: false };
        world.note(format!("{input:?} without a carrier"));
        stop(&mut world);
    });
}
