//! Answers that come late, or in another order than the questions.

use dhc6c_core::engine::{Config, Event};
use dhc6c_core::time::Duration;
use dhc6c_core::wire::MessageType;

use crate::client::{wants_address, wants_both};
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{World, seconds};

use MessageType::{Request, Solicit};

#[test]
fn rx_04_half_of_all_datagrams_held_back_for_up_to_three_seconds() {
    over_seeds(200, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.link.reordering = 50;
        world.start();
        world.run_until("ready", seconds(120), |world| world.snapshot().ready);
        world.run_for(seconds(20_000));
        assert_eq!(world.client().told(&Event::Bound), 1);
        assert_eq!(world.client().told(&Event::Unbound), 0);
        assert_eq!((world.client().usable().len(), world.client().prefixes().len()), (1, 1));
    });
}

#[test]
fn rx_04_a_link_slower_than_the_first_timeouts_still_binds() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.link.delay = Duration::from_millis(2500);
        world.start();
        world.run_until("ready", seconds(60), |world| world.snapshot().ready);
        // Retransmissions keep their transaction id, so that a late answer
        // to the first of them is as good.
        let solicits = world.client().sent(Solicit);
        let id = solicits[0].message.transaction;
        assert!(solicits.len() >= 2 && solicits.iter().all(|sent| sent.message.transaction == id));
    });
}

#[test]
fn sol_14_a_late_rapid_reply_does_not_undo_the_binding_of_a_request() {
    over_seeds(200, |seed| {
        let client = Config { rapid_commit: true, ..wants_address() };
        let rapid = ServerConfig { rapid_commit: true, ..ServerConfig::number(1) };
        let mut world = World::new(seed, client, [rapid, ServerConfig::number(2)]);
        world.link.reordering = 60;
        world.start();
        world.run_until("ready", seconds(60), |world| world.snapshot().ready);
        world.run_for(seconds(10));
        let client = world.client();
        assert_eq!(client.told(&Event::Bound), 1, "exactly one of the answers counts");
        assert_eq!(client.usable().len(), 1);
        if client.sent(Request).is_empty() {
            assert_eq!(client.usable()[0].segments()[2], 1, "from the server with rapid commit");
        }
    });
}
