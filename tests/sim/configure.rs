//! Another configuration for a client that runs.

use dhc6c_core::engine::{Config, Event, Input};
use dhc6c_core::ident::Duid;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::wire::{MessageType, code};

use crate::client::{PD, stateless, wants_address, wants_both, wants_prefix, wants_prefixes};
use crate::grammar::requested;
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{Restart, World, seconds};

use MessageType::{InformationRequest, Rebind, Release, Renew, Request, Solicit};

/// The code of Captive-Portal (RFC 8910 §2.2).
const OTHER: u16 = 103;

fn configure(world: &mut World, config: Config) {
    world.command(Input::Configure(Box::new(config)));
}

fn bound(seed: u64, config: Config) -> World {
    World::bound(seed, config, [ServerConfig::number(1)])
}

#[test]
fn the_same_configuration_is_no_event() {
    over_seeds(10, |seed| {
        for config in [wants_both, stateless] {
            for steps in 0..30 {
                let mut one = World::new(seed, config(), [ServerConfig::number(1)]);
                one.start();
                one.run_steps(steps);
                configure(&mut one, config());
                one.run_for(seconds(4000));
                let mut other = World::new(seed, config(), [ServerConfig::number(1)]);
                other.start();
                other.run_for(one.age());
                assert_eq!(one.client().conversation(), other.client().conversation());
                assert_eq!(one.client().events, other.client().events);
            }
        }
    });
}

#[test]
fn a_prefix_more_is_asked_for_without_losing_the_address() {
    over_seeds(50, |seed| {
        let mut world = bound(seed, wants_address());
        let before = world.client().usable();
        configure(&mut world, wants_prefixes(2));
        assert!(!world.snapshot().ready);
        world.run_until("ready", seconds(2), |world| world.snapshot().ready);
        assert_eq!(world.client().usable(), before);
        assert_eq!(world.client().prefixes().len(), 2);
        assert_eq!(world.client().conversation(), [Solicit, Request, Renew]);
        assert_eq!(world.client().told(&Event::Unbound), 0);
        let kept = world.client().kept.as_ref().expect("kept");
        assert_eq!(kept.associations.len(), 3, "the new ones are remembered at once");
    });
}

/// Whatever the client is asking just then, the answer does not speak of
/// what is new, and must not pass for a refusal of it.
#[test]
fn a_prefix_more_is_asked_for_in_the_midst_of_everything() {
    over_seeds(50, |seed| {
        let midst: [fn(&mut World); 5] = [
            |world| world.command(Input::Renew),
            |world| world.command(Input::Rebind),
            |world| world.restart(Restart::Killed),
            |world| {
                world.server().dials.forget_addresses = true;
                world.run_until_sent(Request, 2, seconds(1801));
                world.server().dials.forget_addresses = false;
            },
            |world| {
                world.carrier(false);
                world.carrier(true);
                world.run_until("asked", seconds(2), |world| world.client().sent.len() > 2);
            },
        ];
        for config in [wants_address(), wants_prefixes(1)] {
            for get_there in midst {
                let mut world = bound(seed, config.clone());
                let before = world.client().usable();
                get_there(&mut world);
                configure(&mut world, wants_prefixes(3));
                world.run_until("ready", seconds(5), |world| world.snapshot().ready);
                assert_eq!(world.client().prefixes().len(), 3);
                assert_eq!(world.client().usable(), before);
                assert_eq!(world.client().sent(Solicit).len(), 1);
            }
        }
    });
}

#[test]
fn a_prefix_less_is_dropped_and_nothing_else() {
    over_seeds(50, |seed| {
        let mut world = bound(seed, wants_prefixes(2));
        let before = world.client().kernel.actual.clone();
        configure(&mut world, wants_both());
        assert_eq!(world.client().kernel.actual.addresses, before.addresses);
        assert_eq!(world.client().kernel.actual.resolver, before.resolver);
        assert_eq!(world.client().prefixes().len(), 1);
        let sent = world.client().sent.len();
        world.run_for(seconds(100));
        assert_eq!(world.client().sent.len(), sent, "nothing needs to be asked");
        assert!(world.snapshot().ready);
        world.run_until_sent(Renew, 1, seconds(1800));
        let renew = &world.client().sent(Renew)[0].message;
        assert!(renew.ia_pds().map(|ia| ia.iaid).eq([PD]));

        configure(&mut world, wants_address());
        assert_eq!(world.client().prefixes(), []);
        configure(&mut world, wants_prefix());
        assert!(world.client().kernel.is_empty(), "no association has stayed");
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert!(world.client().addresses().is_empty());
    });
}

#[test]
fn another_option_is_asked_for_at_once() {
    over_seeds(50, |seed| {
        for config in [wants_both(), stateless()] {
            let mut world = bound(seed, config.clone());
            let before = world.client().kernel.actual.addresses.len();
            let resolver = world.client().kernel.actual.resolver.clone();
            configure(&mut world, Config { request: vec![code::NTP_SERVER, OTHER], ..config });
            assert_eq!(world.client().kernel.actual.resolver, resolver, "until there is an answer");
            world.run_for(seconds(2));
            let last = world.client().sent.last().expect("sent").message.clone();
            assert!(matches!(last.kind, Renew | InformationRequest));
            assert!(requested(&last).contains(&OTHER));
            assert_eq!(world.client().kernel.actual.addresses.len(), before);
            assert_eq!(world.client().kernel.actual.resolver, None, "no longer asked for");
        }
    });
}

#[test]
fn another_identity_starts_over() {
    over_seeds(50, |seed| {
        let mut world = bound(seed, wants_both());
        let duid = Duid::new(b"\0\x03\0\x01somebody").expect("a DUID");
        configure(&mut world, Config { duid, ..wants_both() });
        assert!(world.client().kernel.is_empty());
        assert_eq!(world.client().told(&Event::Unbound), 1);
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        let kinds = [Solicit, Request, Solicit, Request];
        assert_eq!(world.client().conversation(), kinds);
    });
}

#[test]
fn another_mode_starts_over() {
    over_seeds(50, |seed| {
        let mut world = bound(seed, wants_both());
        configure(&mut world, stateless());
        assert!(world.client().kernel.is_empty());
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(world.state(), StateName::Informed);
        configure(&mut world, wants_both());
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(world.client().usable().len(), 1);
        assert_eq!(world.client().sent(InformationRequest).len(), 1);
    });
}

/// Nothing can be given back in another's name.
#[test]
fn another_identity_during_a_release_ends_it() {
    over_seeds(50, |seed| {
        let mut world = bound(seed, wants_both());
        world.server().dials.silent = true;
        world.command(Input::Release);
        let duid = Duid::new(b"\0\x03\0\x01somebody").expect("a DUID");
        configure(&mut world, Config { duid, ..wants_both() });
        world.run_for(seconds(100));
        assert_eq!(world.client().sent(Release).len(), 1);
        assert_eq!(world.state(), StateName::Idle);
    });
}

#[test]
fn a_link_that_is_away_puts_the_questions_off() {
    over_seeds(50, |seed| {
        let mut world = bound(seed, wants_address());
        let before = world.client().usable();
        world.carrier(false);
        configure(&mut world, wants_both());
        world.run_for(seconds(100));
        assert_eq!(world.client().usable(), before);
        world.carrier(true);
        world.run_until("ready", seconds(15), |world| world.snapshot().ready);
        assert_eq!(world.client().usable(), before);
        assert_eq!(world.client().sent(Rebind).len() + world.client().sent(Solicit).len(), 1);
    });
}
