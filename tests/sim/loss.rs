//! A link that loses datagrams delays the client and does not stop it.

use dhc6c_core::engine::Event;
use dhc6c_core::wire::MessageType;

use crate::client::{Sent, stateless, wants_both};
use crate::link::Netem;
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{World, seconds};

use MessageType::{Rebind, Renew, Solicit};

#[test]
fn tx_04_thirty_percent_loss_delays_binding_and_no_more() {
    over_seeds(200, |seed| {
        for config in [wants_both(), stateless()] {
            let mut world = World::new(seed, config, [ServerConfig::number(1)]);
            world.link.loss = 30;
            world.start();
            // Far more tries than bad luck can outlast.
            world.run_until("ready", seconds(100_000), |world| world.snapshot().ready);
        }
    });
}

#[test]
fn ren_01_thirty_percent_loss_does_not_cost_the_lease() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.link.loss = 30;
        world.run_for(seconds(86_400));
        let client = world.client();
        assert!(client.told(&Event::Updated) + client.told(&Event::Rebound) >= 24);
        // A lease ends only where luck was out for two hours: no fewer tries
        // than the timers allow went unanswered.
        for (end, _) in client.events.iter().filter(|(_, event)| *event == Event::Unbound) {
            let tried = |sent: &&Sent| sent.at < *end && end.since(sent.at) <= seconds(5400);
            assert!(client.sent.iter().filter(tried).count() >= 17);
        }
    });
}

#[test]
fn reb_02_four_of_five_lost_and_still_bound_most_of_the_time() {
    over_seeds(50, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.link.loss = 80;
        world.start();
        world.run_for(seconds(86_400));
        world.link = Netem::default();
        world.run_until("ready", seconds(4100), |world| world.snapshot().ready);
    });
}

#[test]
fn sol_15_a_cut_link_that_heals_binds_within_the_longest_timeout() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.link.cut = true;
        world.start();
        let outage = world.rng().between(1, 20_000);
        world.run_for(seconds(outage));
        assert!(!world.client().sent(Solicit).is_empty());
        world.link.cut = false;
        // SOL_MAX_RT and its tenth, and the rest of the exchange.
        world.run_until("ready", seconds(3600 + 360 + 10), |world| world.snapshot().ready);
    });
}

#[test]
fn reb_02_a_cut_link_during_the_lease_heals_at_any_time() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.link.cut = true;
        let outage = world.rng().between(1, 12_000);
        world.run_for(seconds(outage));
        world.link.cut = false;
        world.run_until("ready", seconds(3600 + 360 + 10), |world| world.snapshot().ready);
        let extended = world.client().sent(Renew).len() + world.client().sent(Rebind).len();
        assert!(outage < 1800 || extended > 0);
    });
}
