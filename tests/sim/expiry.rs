//! A lease is used to the last moment of its valid lifetime, not before and
//! not after.

use dhc6c_core::engine::Event;
use dhc6c_core::snapshot::AddressState;
use dhc6c_core::time::{Duration, Until};
use dhc6c_core::wire::{DhcpOption, MessageType};

use crate::client::{wants_address, wants_both};
use crate::seeds::over_seeds;
use crate::server::{Dials, ServerConfig, Times};
use crate::world::{World, seconds};

use MessageType::{Rebind, Solicit};

fn end(until: Until) -> dhc6c_core::time::Instant {
    until.instant().expect("a finite lifetime")
}

#[test]
fn reb_02_an_address_is_used_to_the_last_moment_then_solicit() {
    over_seeds(200, |seed| {
        let mut world = World::bound(seed, wants_address(), [ServerConfig::number(1)]);
        let lifetimes = *world.client().kernel.actual.addresses.values().next().expect("one");
        world.server().dials.silent = true;
        let left = end(lifetimes.valid).since(world.now);
        world.run_for(left - Duration::from_millis(1));
        assert_eq!(world.client().usable().len(), 1, "a millisecond before the end");
        world.run_for(Duration::from_millis(1));
        assert!(world.client().kernel.is_empty(), "at the end");
        assert_eq!(world.client().told(&Event::Unbound), 1);
        assert_eq!(world.client().sent(Solicit).len(), 2, "discovery starts at once");
    });
}

#[test]
fn rep_02_a_deprecated_address_stays_until_its_valid_lifetime_ends() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_address(), [ServerConfig::number(1)]);
        let lifetimes = *world.client().kernel.actual.addresses.values().next().expect("one");
        world.server().dials.silent = true;
        let left = end(lifetimes.preferred).since(world.now);
        world.run_for(left - Duration::from_millis(1));
        assert_eq!(world.snapshot().addresses[0].state, AddressState::Preferred);
        world.run_for(Duration::from_millis(1));
        assert_eq!(world.snapshot().addresses[0].state, AddressState::Deprecated);
        assert_eq!(world.client().usable().len(), 1);
    });
}

#[test]
fn reb_02_leases_end_one_by_one_and_the_exchange_with_the_last() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.prefix_times = Some(Times::new(1800, 2880, 3600, 3700));
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        world.server().dials.silent = true;
        world.run_for(seconds(3695));
        assert_eq!((world.client().usable().len(), world.client().prefixes().len()), (1, 1));
        world.run_for(seconds(10));
        assert_eq!((world.client().usable().len(), world.client().prefixes().len()), (1, 0));
        assert_eq!(world.client().told(&Event::Unbound), 0);
        // TX-08: what is over is no longer named. The oracle would say so,
        // but only if there is a message to look at.
        let rebinds = world.client().sent(Rebind).len();
        world.run_until_sent(Rebind, rebinds + 1, seconds(1400));
        let rebind = &world.client().sent.last().expect("a Rebind").message;
        assert!(rebind.ia_pds().all(|ia| ia.prefixes().next().is_none()));
        world.run_for(seconds(3600));
        assert!(world.client().kernel.is_empty());
        assert!(world.client().sent(Solicit).len() > 1);
    });
}

#[test]
fn sol_04_after_the_end_a_server_that_is_back_binds_again() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.silent = true;
        world.run_for(seconds(7300));
        assert!(world.client().kernel.is_empty());
        world.server().dials = Dials::default();
        world.run_until("ready", seconds(400), |world| world.snapshot().ready);
        assert_eq!(world.client().told(&Event::Bound), 2);
    });
}

#[test]
fn rep_02_a_long_sleep_over_the_end_of_a_lease_ends_it_on_waking() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.sleep(seconds(25 * 3600));
        assert!(world.client().kernel.is_empty(), "gone before anything else happens");
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    });
}

#[test]
fn cnf_05_a_sleep_over_t1_asks_any_server_on_waking() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.sleep(seconds(2000));
        assert_eq!(world.client().usable().len(), 1);
        world.run_until("extended", seconds(2), |world| world.client().has_told(&Event::Rebound));
        assert_eq!(world.client().sent(MessageType::Renew).len(), 0);
    });
}

#[test]
fn elapsed_time_stops_at_its_largest_value() {
    over_seeds(20, |seed| {
        let mut world = World::new(seed, wants_address(), [ServerConfig::number(1)]);
        world.server().dials.silent = true;
        world.start();
        world.run_for(seconds(20_000));
        let last = &world.client().sent.last().expect("a Solicit").message;
        assert!(last.options.contains(&DhcpOption::ElapsedTime(u16::MAX)));
    });
}
