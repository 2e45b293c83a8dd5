//! Renew, Rebind and the rest on command, at any time and in any number.

use dhc6c_core::engine::{Event, Input};
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::MessageType;

use crate::client::{stateless, wants_address, wants_both, wants_prefixes};
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{Restart, World, seconds};

use MessageType::{InformationRequest, Rebind, Renew};

#[test]
fn a_renew_on_command_extends_the_leases_at_once() {
    over_seeds(50, |seed| {
        for (command, kind, event) in
            [(Input::Renew, Renew, Event::Updated), (Input::Rebind, Rebind, Event::Rebound)]
        {
            let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
            world.run_for(seconds(600));
            let before = world.snapshot().addresses[0].valid;
            world.command(command);
            world.run_for(seconds(1));
            assert_eq!(world.client().sent(kind).len(), 1);
            assert_eq!(world.client().told(&event), 1);
            assert!(world.snapshot().addresses[0].valid.0 > before.0 + 500);
            assert_eq!(world.state(), StateName::Bound);
        }
    });
}

#[test]
fn a_renew_on_command_asks_for_options_anew() {
    over_seeds(50, |seed| {
        for command in [Input::Renew, Input::Rebind] {
            let mut world = World::bound(seed, stateless(), [ServerConfig::number(1)]);
            world.command(command);
            // INF_MAX_DELAY, and the time that the answer takes.
            world.run_for(seconds(1) + Duration::from_millis(50));
            assert_eq!(world.client().conversation(), [InformationRequest; 2]);
            assert_eq!(world.state(), StateName::Informed);
        }
    });
}

/// The oracle holds the limit of 20 messages in 20 seconds against it.
#[test]
fn tx_03_a_storm_of_renews_and_rebinds_in_any_state_loses_nothing() {
    over_seeds(10, |seed| {
        for config in [wants_both, wants_address, stateless] {
            for steps in 0..40 {
                let server = ServerConfig::number(1).times(30, 50, 100, 150);
                let mut world = World::new(seed, config(), [server]);
                if steps % 2 == 0 {
                    world.server().dials.silent_to = [Renew].into();
                }
                world.start();
                world.run_steps(steps);
                for _ in 0..100 {
                    let renew = world.rng().chance(50);
                    world.command(if renew { Input::Renew } else { Input::Rebind });
                    let pause = Duration::from_millis(world.rng().between(0, 100));
                    world.run_for(pause);
                }
                world.server().dials.silent_to.clear();
                world.run_until("ready", seconds(60), |world| world.snapshot().ready);
                world.run_for(seconds(60));
                assert_eq!(world.client().told(&Event::Unbound), 0);
                assert!(world.snapshot().ready);
            }
        }
    });
}

#[test]
fn a_storm_without_a_link_or_after_the_end_is_silent() {
    over_seeds(20, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        for command in [Input::Renew, Input::Rebind, Input::Restart] {
            world.command(command);
        }
        assert_eq!(world.state(), StateName::Idle);
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        world.stop();
        let sent = world.client().sent.len();
        let again = Input::Configure(Box::new(wants_prefixes(3)));
        for command in [Input::Renew, Input::Rebind, Input::Restart, Input::Release, again] {
            world.command(command);
            world.run_for(seconds(100));
        }
        assert_eq!(world.client().sent.len(), sent);
        assert_eq!(world.state(), StateName::Stopped);
    });
}

#[test]
fn any_commands_and_accidents_in_any_order_end_well() {
    over_seeds(300, |seed| {
        let server = ServerConfig::number(1).times(30, 50, 100, 150);
        let mut world = World::new(seed, wants_both(), [server, ServerConfig::number(2)]);
        world.link.loss = world.rng().between(0, 30);
        world.start();
        for _ in 0..60 {
            disturb(&mut world);
            let pause = world.rng().between(0, 8000);
            world.run_for(Duration::from_millis(pause));
        }
        world.link.loss = 0;
        world.server().dials.silent = false;
        world.carrier(true);
        world.command(Input::Restart);
        world.run_until("ready", seconds(300), |world| world.snapshot().ready);
    });
}

fn disturb(world: &mut World) {
    let configs = [wants_both(), wants_address(), wants_prefixes(3), stateless()];
    match world.rng().between(0, 12) {
        0 => world.command(Input::Renew),
        1 => world.command(Input::Rebind),
        2 => world.command(Input::Release),
        3 => world.command(Input::Restart),
        4 | 5 => {
            let pick = usize::try_from(world.rng().between(0, 3)).expect("small");
            world.command(Input::Configure(Box::new(configs[pick].clone())));
        }
        6 => world.carrier(false),
        7 | 8 => world.carrier(true),
        9 => {
            let silent = world.rng().chance(50);
            world.server().dials.silent = silent;
        }
        10 => {
            let address = world.client().addresses().first().copied();
            address.into_iter().for_each(|address| world.lose(address));
        }
        11 => world.server().forget(),
        _ => {
            let clock_is_trusted = world.rng().chance(50);
            let off = seconds(world.rng().between(1, 100));
            let ways =
                [Restart::Stopped, Restart::Killed, Restart::Rebooted { off, clock_is_trusted }];
            let pick = usize::try_from(world.rng().between(0, 2)).expect("small");
            world.restart(ways[pick]);
        }
    }
}
