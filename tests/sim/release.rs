//! Giving leases back (RFC 9915 §18.2.7). The oracle sees to it that none is
//! in use when it is given back.

use dhc6c_core::engine::{Config, Event, Input, SendLimit};
use dhc6c_core::ident::Iaid;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{DhcpOption, MessageType, code};

use crate::client::{NA, stateless, wants_both};
use crate::oracle::leases;
use crate::seeds::over_seeds;
use crate::server::{Lease, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{Rebind, Release, Renew, Solicit};

/// Time for one Release and a repeat.
const FAREWELL: Duration = Duration::from_millis(1500);

fn bound(seed: u64) -> World {
    World::bound(seed, wants_both(), [ServerConfig::number(1)])
}

/// Nothing is held, kept, in use or going on.
fn assert_at_rest(world: &World) {
    assert_eq!(world.state(), StateName::Idle);
    assert!(world.client().kernel.is_empty());
    assert!(!world.client().kept.as_ref().expect("kept").has_leases());
    assert!(!world.snapshot().ready);
}

#[test]
fn rel_01_rel_02_a_release_gives_back_what_is_not_in_use_any_more() {
    over_seeds(100, |seed| {
        let mut world = bound(seed);
        let held: Vec<_> =
            world.server().store.bindings().flat_map(|(_, b)| b.leases.clone()).collect();
        world.command(Input::Release);
        assert_eq!(world.client().sent(Release).len(), 1, "at once");
        assert!(world.client().kernel.is_empty(), "addresses, prefixes, name servers");
        assert_eq!(world.client().told(&Event::Unbound), 1);
        let message = world.client().sent(Release)[0].message.clone();
        assert!(message.server_ids().eq([&world.servers[0].model.config.duid]));
        let named = message.ia_nas().chain(message.ia_pds()).flat_map(leases);
        assert_eq!(named.collect::<Vec<Lease>>(), held);
        let others = [code::CLIENTID, code::SERVERID, code::ELAPSED_TIME, code::IA_NA, code::IA_PD];
        assert!(message.options.iter().all(|option| others.contains(&option.code())));
        world.run_for(seconds(1));
        assert_eq!(world.server().store.bindings().count(), 0);
        world.run_for(seconds(100_000));
        assert_at_rest(&world);
        assert_eq!(world.client().sent.last().map(|sent| sent.message.kind), Some(Release));
    });
}

#[test]
fn rel_03_a_server_that_is_silent_gets_four() {
    over_seeds(200, |seed| {
        let mut world = bound(seed);
        world.server().dials.silent = true;
        let begun = world.now;
        world.command(Input::Release);
        assert_eq!(world.state(), StateName::Releasing);
        world.run_until("at rest", seconds(20), |world| world.state() == StateName::Idle);
        let sent = world.client().sent(Release);
        assert_eq!(sent.len(), 4);
        let gaps: Vec<_> = sent.windows(2).map(|two| two[1].at.since(two[0].at)).collect();
        for (gap, (low, high)) in gaps.iter().zip([(900, 1100), (1700, 2320), (3220, 4880)]) {
            assert!((low..=high).contains(&gap.as_millis()), "{gaps:?}");
        }
        assert!(world.now.since(begun) >= seconds(10), "the last has its time to be answered");
        world.run_for(seconds(1000));
        assert_eq!(world.client().sent(Release).len(), 4);
        assert_at_rest(&world);
    });
}

#[test]
fn rel_05_what_was_excluded_from_a_prefix_goes_back_with_it() {
    over_seeds(50, |seed| {
        for exclude in [None, Some(64)] {
            let server = ServerConfig { exclude, ..ServerConfig::number(1) };
            let mut world = World::bound(seed, wants_both(), [server]);
            world.command(Input::Release);
            let message = &world.client().sent(Release)[0].message;
            let ia = message.ia_pds().next().expect("a prefix");
            let prefix = ia.prefixes().next().expect("a prefix");
            let expected = exclude.map(|length| vec![length, 0xff]);
            assert_eq!(prefix.pd_exclude().map(<[u8]>::to_vec), expected);
            let only = prefix.options.iter().map(DhcpOption::code);
            assert!(only.eq(exclude.map(|_| code::PD_EXCLUDE)));
        }
    });
}

#[test]
fn rel_03_whoever_stops_sends_two_at_most_and_is_gone_in_time() {
    over_seeds(100, |seed| {
        for silent in [false, true] {
            for up in [false, true] {
                let mut world = bound(seed);
                world.server().dials.silent = silent;
                if !up {
                    world.carrier(false);
                }
                let before = world.client().kept.clone();
                let begun = world.now;
                world.command(Input::Stop { release: true });
                assert!(world.client().kernel.is_empty());
                world.run_until("stopped", FAREWELL, |world| world.state() == StateName::Stopped);
                assert!(world.now.since(begun) <= FAREWELL);
                let releases = world.client().sent(Release).len();
                assert!((usize::from(up)..=2 * usize::from(up)).contains(&releases));
                assert!(silent || releases < 2);
                assert_eq!(world.client().told(&Event::Stopped), 1);
                if up {
                    assert!(!world.client().kept.as_ref().expect("kept").has_leases());
                } else {
                    assert_eq!(world.client().kept, before, "what could not be given back");
                }
                world.run_for(seconds(100));
            }
        }
    });
}

/// The limit on sending does not hold up the end.
#[test]
fn rel_03_whoever_stops_in_a_storm_is_gone_in_time() {
    over_seeds(100, |seed| {
        let mut world = bound(seed);
        world.server().dials.silent = true;
        for _ in 0..30 {
            world.command(Input::Renew);
        }
        let full = world.client().sent.len();
        world.command(Input::Stop { release: true });
        world.run_until("stopped", FAREWELL, |world| world.state() == StateName::Stopped);
        assert_eq!(world.client().sent.len(), full, "no room for another message");
    });
}

#[test]
fn rel_03_a_release_under_way_is_hastened_or_ended_by_a_stop() {
    over_seeds(100, |seed| {
        for release in [false, true] {
            let mut world = bound(seed);
            world.server().dials.silent = true;
            world.command(Input::Release);
            let wait = Duration::from_millis(world.rng().between(0, 12_000));
            world.run_for(wait);
            world.command(Input::Stop { release });
            if !release {
                assert_eq!(world.state(), StateName::Stopped);
            }
            world.run_until("stopped", FAREWELL, |world| world.state() == StateName::Stopped);
            world.run_for(seconds(100));
            assert!(world.client().sent(Release).len() <= 4);
            assert_eq!(world.client().told(&Event::Stopped), 1);
        }
    });
}

#[test]
fn rel_03_a_link_that_goes_away_ends_a_release() {
    over_seeds(50, |seed| {
        let mut world = bound(seed);
        world.server().dials.silent = true;
        world.command(Input::Release);
        world.carrier(false);
        assert_at_rest(&world);
        world.carrier(true);
        world.run_for(seconds(1000));
        assert_at_rest(&world);
        assert_eq!(world.client().sent(Release).len(), 1);
    });
}

#[test]
fn rel_04_a_stop_gives_nothing_back_unless_told_to() {
    over_seeds(50, |seed| {
        let mut world = bound(seed);
        world.stop();
        world.run_for(seconds(100));
        assert_eq!(world.client().sent(Release).len(), 0);
        assert_eq!(world.server().store.bindings().count(), 2);
        assert!(world.client().kept.as_ref().expect("kept").has_leases());
    });
}

#[test]
fn a_client_at_rest_sleeps_until_somebody_wakes_it() {
    over_seeds(50, |seed| {
        for wake in [Input::Renew, Input::Rebind, Input::Restart] {
            for up in [true, false] {
                let mut world = bound(seed);
                world.command(Input::Release);
                world.run_for(seconds(1));
                let sent = world.client().sent.len();
                for _ in 0..10 {
                    world.carrier(false);
                    world.run_for(seconds(20));
                    world.carrier(true);
                    world.run_for(seconds(20));
                }
                world.command(Input::Release);
                assert_eq!(world.client().sent.len(), sent);
                assert_at_rest(&world);
                world.carrier(up);
                world.command(wake.clone());
                world.run_for(seconds(1));
                world.carrier(true);
                world.run_until("ready", seconds(20), |world| world.snapshot().ready);
                assert_eq!(world.client().sent(Renew).len() + world.client().sent(Rebind).len(), 0);
            }
        }
    });
}

#[test]
fn a_renew_while_a_release_is_under_way_starts_over_after_it() {
    over_seeds(50, |seed| {
        for wake in [Input::Renew, Input::Rebind] {
            let mut world = bound(seed);
            world.server().dials.silent = true;
            world.command(Input::Release);
            world.command(wake);
            world.run_until_sent(Solicit, 2, seconds(20));
            assert_eq!(world.client().sent(Release).len(), 4);
            world.server().dials.silent = false;
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        }
    });
}

#[test]
fn fin_01_rel_01_a_restart_gives_everything_back_before_it_asks_anew() {
    over_seeds(100, |seed| {
        let mut world = bound(seed);
        world.server().dials.silent = seed % 2 == 0;
        world.command(Input::Restart);
        assert!(world.client().kernel.is_empty());
        world.run_until_sent(Solicit, 2, seconds(20));
        let kinds = world.client().conversation();
        let releases = kinds.iter().filter(|kind| **kind == Release).count();
        assert_eq!(releases, if seed % 2 == 0 { 4 } else { 1 });
        assert!(world.client().kernel.is_empty());
        world.server().dials.silent = false;
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    });
}

#[test]
fn rel_01_release_and_restart_are_harmless_at_any_step() {
    over_seeds(10, |seed| {
        for config in [wants_both, stateless] {
            for steps in 0..30 {
                let mut world = World::new(seed, config(), [ServerConfig::number(1)]);
                world.clients[0].kernel.taken.insert("2001:db8:1::1000".parse().unwrap());
                world.start();
                world.run_steps(steps);
                world.command(Input::Release);
                assert!(world.client().kernel.is_empty());
                let few = usize::try_from(world.rng().between(0, 4)).unwrap();
                world.run_steps(few);
                world.command(Input::Restart);
                world.run_until("ready", seconds(60), |world| world.snapshot().ready);
                world.command(Input::Release);
                world.run_for(seconds(100));
                assert_eq!(world.state(), StateName::Idle);
                assert!(world.client().kernel.is_empty());
            }
        }
    });
}

/// A narrower limit counts what was sent under the wider one.
#[test]
fn rel_03_a_limit_of_one_message_lets_a_release_go_when_there_is_time() {
    over_seeds(50, |seed| {
        let mut world = bound(seed);
        world.server().dials.silent = true;
        let limit = SendLimit::new(1, seconds(30));
        let config = dhc6c_core::engine::Config { limit, ..wants_both() };
        world.command(Input::Configure(Box::new(config)));
        world.command(Input::Release);
        assert!(world.client().kernel.is_empty());
        world.run_for(seconds(1000));
        let sent = world.client().sent(Release);
        assert_eq!(sent.len(), 4);
        assert!(sent.windows(2).all(|two| two[1].at.since(two[0].at) > seconds(30)));
        assert_at_rest(&world);
    });
}

/// A distinctly new lease: the old one is given back, and then another
/// association is asked for.
#[test]
fn iaid_03_a_new_lease_after_a_release_has_another_iaid() {
    over_seeds(20, |seed| {
        let mut world = bound(seed);
        world.command(Input::Release);
        world.run_for(seconds(1));
        let config = Config { address: Some(Iaid(7)), ..wants_both() };
        world.command(Input::Configure(Box::new(config)));
        world.command(Input::Restart);
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        let named = |kind| world.client().sent(kind).last().map(|sent| sent.message.clone());
        let iaids =
            |kind| named(kind).expect("sent").ia_nas().map(|ia| ia.iaid).collect::<Vec<_>>();
        assert_eq!((iaids(Release), iaids(Solicit)), (vec![NA], vec![Iaid(7)]));
        assert_eq!(world.client().usable().len(), 1);
    });
}
