//! What arrives twice, or five times, counts once.

use dhc6c_core::engine::Event;
use dhc6c_core::reason::DropReason;
use dhc6c_core::wire::MessageType;

use crate::client::{stateless, wants_both};
use crate::seeds::over_seeds;
use crate::server::{Dials, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{InformationRequest, Renew, Request, Solicit};

#[test]
fn tx_07_doubled_datagrams_change_nothing() {
    over_seeds(200, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.link.duplication = 100;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(world.client().conversation(), [Solicit, Request]);
        world.run_for(seconds(1900));
        assert_eq!(world.client().conversation(), [Solicit, Request, Renew]);
        let client = world.client();
        assert_eq!((client.told(&Event::Bound), client.told(&Event::Updated)), (1, 1));
        // The late doubles find no open exchange, or another one.
        let late = client.told(&Event::Dropped(DropReason::State))
            + client.told(&Event::Dropped(DropReason::TransactionId));
        assert!(late >= 6, "{late} of the doubled answers were dropped");
    });
}

#[test]
fn tx_07_a_server_that_says_everything_six_times() {
    over_seeds(100, |seed| {
        for config in [wants_both(), stateless()] {
            let first = if config.address.is_some() { Solicit } else { InformationRequest };
            let mut world = World::new(seed, config, [ServerConfig::number(1)]);
            world.server().dials = Dials { repeat: 5, ..Dials::default() };
            world.start();
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
            assert_eq!(world.client().sent(first).len(), 1);
            assert!(world.client().told(&Event::Bound) <= 1);
            assert!(world.client().told(&Event::Informed) <= 1);
        }
    });
}

#[test]
fn tx_07_doubles_of_half_of_everything_on_a_lossy_link() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.link.duplication = 50;
        world.link.loss = 30;
        world.start();
        world.run_until("ready", seconds(100_000), |world| world.snapshot().ready);
        assert_eq!(world.client().told(&Event::Bound), 1);
        world.run_for(seconds(1700));
        assert_eq!(world.client().told(&Event::Updated), 0, "late doubles renew nothing");
    });
}
