//! Do the leases still fit the link? Confirm, and Rebind in its place (RFC
//! 9915 §18.2.3, §18.2.10.3, §18.2.12).

use dhc6c_core::engine::{Config, Event};
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::{MessageType, StatusCode, code};

use crate::client::{Sent, stateless, wants_address, wants_both, wants_prefix};
use crate::grammar::requested;
use crate::oracle::leases;
use crate::seeds::over_seeds;
use crate::server::{Lease, ServerConfig};
use crate::world::{Restart, World, seconds};

use MessageType::{Confirm, InformationRequest, Rebind, Solicit};

/// CNF_MAX_DELAY and CNF_MAX_RD (RFC 9915 §7.6).
const MAX_DELAY: Duration = seconds(1);
const MAX_DURATION: Duration = seconds(10);
/// The machine was off for a minute, and knows it.
const REBOOTED: Restart = Restart::Rebooted { off: seconds(60), clock_is_trusted: true };

/// Bound, and then all servers fall silent.
fn deserted(seed: u64, config: Config) -> World {
    let mut world = World::bound(seed, config, [ServerConfig::number(1)]);
    world.server().dials.silent = true;
    world
}

/// Within windows of IRT 1 s and MRT 4 s, each with a tenth of jitter.
fn assert_windows(begun: Instant, sent: &[&Sent]) {
    assert!(sent[0].at.since(begun) <= MAX_DELAY, "the first is delayed by a second at most");
    let gaps: Vec<_> = sent.windows(2).map(|two| two[1].at.since(two[0].at)).collect();
    let windows = [(900, 1100), (1700, 2320), (3220, 4400), (3600, 4400)];
    assert!((3..=4).contains(&gaps.len()), "{gaps:?}");
    for (gap, (low, high)) in gaps.iter().zip(windows) {
        assert!((low..=high).contains(&gap.as_millis()), "{gaps:?}");
    }
    assert!(sent.iter().all(|one| one.at.since(sent[0].at) < MAX_DURATION));
}

#[test]
fn cnf_01_cnf_02_confirm_names_the_addresses_alone_and_keeps_its_windows() {
    over_seeds(200, |seed| {
        for how in [Restart::Killed, Restart::Stopped, REBOOTED] {
            let mut world = deserted(seed, wants_address());
            world.restart(how);
            let begun = world.now;
            world.run_for(seconds(30));
            let sent = world.client().sent(Confirm);
            assert_windows(begun, &sent);
            for Sent { message, .. } in sent {
                assert_eq!(message.server_ids().count() + message.ia_pds().count(), 0);
                assert_eq!(requested(message), [] as [u16; 0]);
                let named: Vec<_> = message.ia_nas().flat_map(leases).collect();
                assert_eq!(named, [Lease::Address("2001:db8:1::1000".parse().unwrap())]);
            }
        }
    });
}

#[test]
fn reb_04_fin_02_with_a_prefix_a_rebind_takes_its_place() {
    over_seeds(200, |seed| {
        for (config, associations) in [(wants_both(), 2), (wants_prefix(), 1)] {
            let mut world = deserted(seed, config);
            let before = world.client().kernel.actual.clone();
            world.restart(Restart::Killed);
            let begun = world.now;
            assert_eq!(world.state(), StateName::Confirming);
            world.run_for(seconds(30));
            let sent = world.client().sent(Rebind);
            assert_windows(begun, &sent);
            assert_eq!(world.client().sent(Confirm).len(), 0);
            for Sent { message, .. } in sent {
                let ias = message.ia_nas().chain(message.ia_pds());
                assert_eq!(ias.filter(|ia| leases(ia).next().is_some()).count(), associations);
            }
            assert_eq!(world.state(), StateName::Bound, "used on without an answer");
            assert_eq!(world.client().kernel.actual, before);
        }
    });
}

#[test]
fn cnf_03_without_an_answer_the_leases_are_used_on_to_their_last_known_end() {
    over_seeds(100, |seed| {
        for config in [wants_address(), wants_both()] {
            let mut world = deserted(seed, config);
            let before = world.client().kernel.actual.clone();
            world.restart(REBOOTED);
            let kind = if world.client().config.prefixes.is_empty() { Confirm } else { Rebind };
            world.run_until_sent(kind, 1, MAX_DELAY);
            world.run_for(MAX_DURATION - Duration::from_millis(1));
            assert!(world.client().kernel.is_empty(), "not before the wait is over");
            assert!(!world.snapshot().ready);
            world.run_for(Duration::from_millis(2));
            assert_eq!(world.client().kernel.actual, before, "no lifetime has changed");
            world.run_for(seconds(3));
            assert!(world.snapshot().ready);
            world.run_for(seconds(7200));
            assert!(world.client().kernel.is_empty(), "the end has come all the same");
        }
    });
}

#[test]
fn cnf_04_one_server_that_agrees_outweighs_one_that_does_not() {
    over_seeds(200, |seed| {
        // The second server calls the addresses of the first foreign.
        let servers = [ServerConfig::number(1), ServerConfig::number(2)];
        let mut world = World::new(seed, wants_address(), servers);
        world.servers[1].unreachable = true;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        world.servers[1].unreachable = false;
        let before = world.client().kernel.actual.clone();
        let how = [Restart::Killed, REBOOTED][usize::from(seed % 2 == 0)];
        world.restart(how);
        world.run_for(seconds(5));
        assert_eq!(world.client().kernel.actual, before);
        assert_eq!(world.client().sent(Solicit).len(), 1);
        assert!(world.snapshot().ready);
    });
}

#[test]
fn cnf_04_fin_01_when_no_server_agrees_discovery_starts_with_nothing_in_use() {
    over_seeds(200, |seed| {
        let servers = [ServerConfig::number(1), ServerConfig::number(2)];
        let mut world = World::bound(seed, wants_address(), servers);
        for server in &mut world.servers {
            server.model.dials.confirm_status = Some(StatusCode::NOT_ON_LINK);
        }
        world.restart(Restart::Killed);
        assert!(!world.client().kernel.is_empty());
        world.run_until_sent(Solicit, 2, seconds(3));
        assert!(world.client().kernel.is_empty(), "addresses and name servers");
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    });
}

/// Which came too late for another transmission, and the addresses were used on.
#[test]
fn cnf_04_the_last_word_counts_as_well() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_address(), [ServerConfig::number(1)]);
        world.server().dials.silent_to = [Confirm].into();
        world.server().dials.confirm_status = Some(StatusCode::NOT_ON_LINK);
        world.carrier(false);
        world.carrier(true);
        world.run_until_sent(Confirm, 3, seconds(10));
        world.run_for(seconds(1));
        world.server().dials.silent_to.clear();
        let address = world.client().addresses()[0];
        world.run_for(seconds(8));
        let solicits = world.client().sent(Solicit).len();
        let is_told = world.client().has_told(&Event::Unbound);
        assert!(
            solicits > 1 && is_told,
            "{address} is used on: {:?}",
            world.client().conversation()
        );
    });
}

#[test]
fn cnf_04_a_failure_of_another_kind_counts_as_no_answer() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_address(), [ServerConfig::number(1)]);
        world.server().dials.confirm_status = Some(StatusCode::UNSPEC_FAIL);
        let before = world.client().kernel.actual.clone();
        world.restart(Restart::Killed);
        world.run_for(seconds(15));
        assert_eq!(world.client().kernel.actual, before);
        assert_eq!(world.state(), StateName::Bound);
    });
}

#[test]
fn cnf_05_cnf_04_a_carrier_that_was_away_asks_and_leaves_everything_in_use() {
    over_seeds(100, |seed| {
        for (config, kind) in [(wants_address(), Confirm), (wants_both(), Rebind)] {
            let mut world = World::bound(seed, config, [ServerConfig::number(1)]);
            let before = world.client().kernel.actual.clone();
            world.carrier(false);
            let away = seconds(world.rng().between(0, 600));
            world.run_for(away);
            assert_eq!(world.client().kernel.actual, before);
            world.carrier(true);
            assert_eq!(world.state(), StateName::Confirming);
            world.run_for(seconds(4));
            assert_eq!(world.client().sent(kind).len(), 1);
            assert_eq!(world.state(), StateName::Bound);
            let after = &world.client().kernel.actual;
            assert_eq!(after.resolver, before.resolver, "name servers stay");
            assert!(after.addresses.keys().eq(before.addresses.keys()));
            assert!(after.unreachable.keys().eq(before.unreachable.keys()));
            assert_eq!(world.client().told(&Event::Unbound), 0);
        }
    });
}

#[test]
fn fin_02_a_client_without_leases_asks_for_options_again() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, stateless(), [ServerConfig::number(1)]);
        world.carrier(false);
        world.carrier(true);
        world.run_for(seconds(2));
        assert_eq!(world.client().conversation(), [InformationRequest; 2]);
        assert!(
            world
                .client()
                .sent(InformationRequest)
                .iter()
                .all(|sent| { requested(&sent.message).contains(&code::INF_MAX_RT) })
        );
    });
}

/// The oracle holds the limit of 20 messages in 20 seconds against it.
#[test]
fn cnf_05_reb_04_a_hundred_flaps_in_ten_seconds_lose_nothing() {
    over_seeds(50, |seed| {
        for config in [wants_address(), wants_both()] {
            let mut world = World::bound(seed, config, [ServerConfig::number(1)]);
            let before = world.client().addresses();
            let sent = world.client().sent.len();
            for _ in 0..100 {
                world.carrier(false);
                let away = Duration::from_millis(world.rng().between(0, 90));
                world.run_for(away);
                world.carrier(true);
                world.run_for(Duration::from_millis(100) - away);
            }
            assert!(world.client().sent.len() - sent <= 20);
            world.run_until("settled", seconds(30), |world| {
                world.snapshot().ready && world.state() == StateName::Bound
            });
            assert_eq!(world.client().addresses(), before);
            assert_eq!(world.client().sent(Solicit).len(), 1);
        }
    });
}

/// Replacing what one server forgot, the link goes away: what is held is
/// looked at first.
#[test]
fn cnf_05_a_carrier_that_was_away_during_a_request_asks_too() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.forget_prefixes = true;
        world.server().dials.silent_to.insert(MessageType::Request);
        world.run_until_sent(MessageType::Request, 2, seconds(1900));
        world.carrier(false);
        world.carrier(true);
        assert_eq!(world.state(), StateName::Confirming);
        world.server().dials = Default::default();
        world.run_for(seconds(4));
        assert_eq!(world.client().sent(Rebind).len(), 1);
        assert!(world.snapshot().ready);
    });
}
