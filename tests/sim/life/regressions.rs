//! What lives have found, each in the shortest scenario that shows it, and a
//! few lives.

use dhc6c_core::engine::{Event, Input};
use dhc6c_core::wire::MessageType;

use crate::client::{wants_address, wants_both};
use crate::history::Span;
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{Restart, World, seconds};

use super::live;

#[test]
fn lives_find_nothing() {
    over_seeds(20, |seed| {
        live(seed, Span::Latest);
    });
}

/// Hooks knew the prefix until its end, and nobody told them that it was gone.
#[test]
fn a_lease_that_goes_beside_another_is_told() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.command(Input::Configure(Box::new(wants_address())));
        assert_eq!(world.client().told(&Event::Reduced), 1);
        assert_eq!(world.client().told(&Event::Unbound), 0);
    });
}

/// What an earlier process had left in use went without a word.
#[test]
fn leases_of_an_earlier_process_that_go_at_once_are_told_to_be_gone() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.restart(Restart::Killed);
        assert_eq!(world.client().told(&Event::Unbound), 0);
        world.command(Input::Release);
        assert_eq!(world.client().told(&Event::Unbound), 1);
    });
}

/// Releases and Declines went on after a suspend that the leases did not
/// outlast.
#[test]
fn what_has_ended_in_suspend_is_neither_released_nor_declined() {
    over_seeds(20, |seed| {
        for kind in [MessageType::Release, MessageType::Decline] {
            let server = ServerConfig::number(1).times(30, 50, 100, 150);
            let mut world = World::new(seed, wants_address(), [server]);
            world.server().dials.silent_to = [kind].into();
            if kind == MessageType::Decline {
                let first = "2001:db8:1::1000".parse().expect("an address");
                world.clients[0].kernel.taken.insert(first);
            }
            world.start();
            if kind == MessageType::Release {
                world.run_until("ready", seconds(20), |world| world.snapshot().ready);
                world.command(Input::Release);
            }
            world.run_until_sent(kind, 1, seconds(10));
            let sent = world.client().sent(kind).len();
            world.clients[0].kernel.taken.clear();
            world.sleep(seconds(1000));
            world.run_for(seconds(60));
            assert_eq!(world.client().sent(kind).len(), sent);
        }
    });
}
