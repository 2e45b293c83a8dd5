//! A server asks its client to ask (RFC 9915 §18.2.11, §20.4; RFC 6644).

use std::collections::BTreeSet;

use dhc6c_core::engine::{Config, Event};
use dhc6c_core::reason::DropReason;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{Authentication, DhcpOption, MessageType, NtpSource, ReconfigureKey, code};

use crate::client::{stateless, wants_address, wants_both};
use crate::grammar::requested;
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{Restart, World, seconds};

use MessageType::{InformationRequest, Rebind, Reconfigure, Renew, Request, Solicit};

/// Longer than any answer takes here.
const ANSWERED: Duration = Duration::from_millis(50);

const KINDS: [MessageType; 3] = [Renew, Rebind, InformationRequest];

fn bound(seed: u64) -> World {
    World::bound(seed, wants_both(), [ServerConfig::number(1)])
}

fn dropped(world: &World, reason: DropReason) -> u64 {
    world.snapshot().counters.dropped.of(reason)
}

/// Hands the client this, which it has to drop for that reason; the next
/// honest Reconfigure is obeyed all the same.
fn assert_dropped(world: &mut World, reason: DropReason, octets: Vec<u8>) {
    let (before, sent) = (dropped(world, reason), world.client().sent.len());
    world.inject_from_server(octets);
    world.run_for(ANSWERED);
    assert_eq!(dropped(world, reason), before + 1, "{reason}");
    assert_eq!(world.client().sent.len(), sent, "nothing is asked");
    world.reconfigure(Renew);
    world.run_for(ANSWERED);
    assert_eq!(world.client().sent.len(), sent + 1, "the next one counts");
    assert_eq!(world.state(), StateName::Bound);
}

#[test]
fn rec_02_rec_03_rec_05_a_server_gets_the_message_that_it_asks_for() {
    over_seeds(100, |seed| {
        let mut world = bound(seed);
        for (number, kind) in (1..).zip(KINDS) {
            world.run_for(seconds(60));
            let held = world.client().kernel.actual.addresses.len();
            world.reconfigure(kind);
            world.run_for(ANSWERED);
            let sent = world.client().sent.last().expect("a message").message.clone();
            assert_eq!(sent.kind, kind);
            assert_eq!(world.client().sent(kind).len(), 1, "once");
            assert!(world.client().has_told(&Event::Reconfigured(kind)));
            // RFC 6644 §6, RFC 9915 §18.2.6: two name the server.
            assert_eq!(sent.server_ids().count(), usize::from(kind != Rebind));
            assert_eq!(world.state(), StateName::Bound);
            assert!(world.snapshot().ready);
            assert_eq!(world.client().kernel.actual.addresses.len(), held);
            assert_eq!(world.snapshot().counters.received[&Reconfigure], number);
        }
    });
}

#[test]
fn rec_05_what_an_information_request_brings_is_used_and_the_leases_go_on() {
    over_seeds(100, |seed| {
        let mut world = bound(seed);
        let ntp = NtpSource::Unicast("2001:db8:1::123".parse().unwrap());
        world.server().config.options.push(DhcpOption::NtpServer(vec![ntp]));
        world.reconfigure(InformationRequest);
        world.run_for(ANSWERED);
        assert_eq!(world.snapshot().options.ntp, ["2001:db8:1::123"]);
        world.run_until_sent(Renew, 1, seconds(1801));
        // A server that is silent does not keep the leases from being
        // extended.
        world.run_for(seconds(1700));
        world.server().dials.silent_to = BTreeSet::from([InformationRequest]);
        world.reconfigure(InformationRequest);
        world.run_until_sent(Renew, 2, seconds(200));
        world.run_for(ANSWERED);
        assert_eq!(world.state(), StateName::Bound);
        assert!(world.client().sent(InformationRequest).len() > 3);
    });
}

#[test]
fn rec_05_inf_01_a_stateless_client_asks_its_server_again() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, stateless(), [ServerConfig::number(1)]);
        world.reconfigure(InformationRequest);
        world.run_for(ANSWERED);
        let sent = world.client().sent(InformationRequest);
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[1].message.server_ids().count(), 1, "the server that asked");
        assert_eq!(world.state(), StateName::Informed);
        world.reconfigure(Renew);
        assert_eq!(dropped(&world, DropReason::State), 1, "there is nothing to renew");
    });
}

#[test]
fn rec_05_during_an_exchange_further_ones_are_ignored_and_later_ones_are_not() {
    over_seeds(50, |seed| {
        for kind in KINDS {
            let mut world = bound(seed);
            world.server().dials.silent = true;
            world.reconfigure(kind);
            for _ in 0..3 {
                world.run_for(seconds(2));
                world.reconfigure(Renew);
            }
            assert_eq!(dropped(&world, DropReason::State), 3);
            world.server().dials.silent = false;
            world.run_until("bound", seconds(30), |world| world.state() == StateName::Bound);
            let before = world.client().sent(Renew).len();
            world.reconfigure(Renew);
            assert_eq!(world.client().sent(Renew).len(), before + 1);
        }
    });
}

#[test]
fn rec_06_rec_08_a_server_that_asks_and_falls_silent_costs_nothing() {
    over_seeds(50, |seed| {
        for kind in [Renew, Rebind] {
            let mut world = bound(seed);
            let leases = world.client().kernel.actual.clone();
            world.server().dials.silent = true;
            world.reconfigure(kind);
            world.run_for(seconds(7000));
            assert_eq!(world.client().addresses().len(), leases.addresses.len());
            assert_eq!(world.client().prefixes().len(), leases.unreachable.len());
            assert_eq!(world.client().told(&Event::Unbound), 0);
            assert!(world.client().sent(kind).len() > 3, "it is repeated");
            world.run_until_sent(Solicit, 2, seconds(300));
            world.server().dials.silent = false;
            world.run_until("bound again", seconds(120), |world| world.snapshot().ready);
        }
    });
}

#[test]
fn rec_07_what_the_server_would_like_to_be_asked_for_is_asked_for() {
    over_seeds(20, |seed| {
        let mut world = bound(seed);
        let client = world.client().config.duid.clone();
        let wish = vec![code::AUTH, code::INFORMATION_REFRESH_TIME, 15, 103, 17];
        let options = vec![DhcpOption::ReconfigureMessage(Rebind), DhcpOption::OptionRequest(wish)];
        let octets = world.server().reconfigure_with(&client, options);
        world.inject_from_server(octets);
        world.run_for(ANSWERED);
        let sent = world.client().sent.last().expect("a Rebind").message.clone();
        assert_eq!(sent.kind, Rebind);
        let codes = requested(&sent);
        assert!(codes.contains(&103) && codes.contains(&17) && codes.contains(&code::SOL_MAX_RT));
        assert!(!codes.contains(&15), "what must not be asked for is not");
        assert_eq!(sent.ia_nas().count() + sent.ia_pds().count(), 2, "with all associations");
        world.run_for(seconds(1));
        world.command(dhc6c_core::engine::Input::Renew);
        let sent = world.client().sent.last().expect("a Renew").message.clone();
        assert!(!requested(&sent).contains(&103), "once");
    });
}

#[test]
fn rec_07_a_client_that_rebinds_anyhow_ignores_it() {
    over_seeds(20, |seed| {
        let mut world = bound(seed);
        world.server().dials.silent = true;
        world.run_until_sent(Rebind, 1, seconds(2881));
        let sent = world.client().sent.len();
        world.reconfigure(Renew);
        assert_eq!(dropped(&world, DropReason::State), 1);
        assert_eq!(world.client().sent.len(), sent);
        assert_eq!(world.state(), StateName::Rebinding);
    });
}

#[test]
fn rx_05_identifiers_and_what_is_asked_for_have_to_be_right() {
    over_seeds(5, |seed| {
        let mut world = bound(seed);
        let us = world.client().config.duid.clone();
        let ask = |kind| DhcpOption::ReconfigureMessage(kind);
        let raw = |payload: &[u8]| DhcpOption::Raw { code: 19, payload: payload.to_vec() };
        let nobody = ServerConfig::number(9).duid;

        let octets = world.server().reconfigure(&nobody, Renew);
        assert_dropped(&mut world, DropReason::ClientId, octets);
        let double = vec![DhcpOption::ClientId(us.clone()), ask(Renew)];
        let octets = world.server().reconfigure_with(&us, double);
        assert_dropped(&mut world, DropReason::ClientId, octets);

        for id in [nobody.clone(), world.server().config.duid.clone()] {
            let double = vec![DhcpOption::ServerId(id), ask(Renew)];
            let octets = world.server().reconfigure_with(&us, double);
            assert_dropped(&mut world, DropReason::ServerId, octets);
        }
        let mut other = world.server().clone();
        other.config.duid = nobody;
        let octets = other.reconfigure(&us, Renew);
        assert_dropped(&mut world, DropReason::ServerId, octets);

        let wrong: [Vec<DhcpOption>; 7] = [
            vec![],
            vec![raw(&[])],
            vec![raw(&[5, 5])],
            vec![raw(&[4])],
            vec![raw(&[7])],
            vec![ask(Renew), ask(Rebind)],
            vec![ask(Renew), raw(&[4])],
        ];
        for options in wrong {
            let octets = world.server().reconfigure_with(&us, options);
            assert_dropped(&mut world, DropReason::OptionMalformed, octets);
        }
    });
}

#[test]
fn rx_05_rec_03_without_the_right_digest_nothing_happens() {
    over_seeds(5, |seed| {
        let mut world = bound(seed);
        let us = world.client().config.duid.clone();
        let good = world.server().reconfigure(&us, Renew);
        for place in [1, 3, good.len() - 20, good.len() - 1] {
            let mut octets = good.clone();
            octets[place] ^= 1;
            assert_dropped(&mut world, DropReason::Authentication, octets);
        }
        let unsigned = good[..good.len() - 32].to_vec();
        assert_dropped(&mut world, DropReason::Authentication, unsigned);
        let mut stranger = world.server().clone();
        stranger.config.reconfigure_key = Some(ReconfigureKey::new([9; 16]));
        stranger.replay += 100;
        let octets = stranger.reconfigure(&us, Renew);
        assert_dropped(&mut world, DropReason::Authentication, octets);
    });
}

#[test]
fn rx_09_two_authentications_are_one_too_many() {
    over_seeds(5, |seed| {
        let mut world = bound(seed);
        let us = world.client().config.duid.clone();
        let key = ReconfigureKey::new([1; 16]);
        let second = DhcpOption::Authentication(Authentication::of_key(&key, u64::MAX));
        let options = vec![second.clone(), DhcpOption::ReconfigureMessage(Renew)];
        let mut server = world.server().clone();
        server.config.reconfigure_key = None;
        let octets = server.reconfigure_with(&us, options);
        assert_dropped(&mut world, DropReason::Authentication, octets);
        // In a Reply too: it is dropped whole, and asked for again.
        world.server().dials.unasked = vec![second.clone(), second];
        world.reconfigure(Renew);
        world.run_for(ANSWERED);
        assert_eq!(world.state(), StateName::Renewing);
        world.server().dials.unasked = Vec::new();
        world.run_until("bound", seconds(15), |world| world.state() == StateName::Bound);
    });
}

#[test]
fn rec_04_a_replay_is_ignored_also_by_a_client_that_has_restarted() {
    over_seeds(50, |seed| {
        for how in [Restart::Killed, Restart::Stopped] {
            let mut world = bound(seed);
            let us = world.client().config.duid.clone();
            let first = world.server().reconfigure(&us, Renew);
            let captured = world.server().reconfigure(&us, Renew);
            world.inject_from_server(captured.clone());
            world.run_for(ANSWERED);
            assert_eq!(world.client().sent(Renew).len(), 1);
            world.inject_from_server(captured.clone());
            world.inject_from_server(first);
            assert_eq!(dropped(&world, DropReason::Replay), 2, "equal and lower");
            world.restart(how);
            world.run_until("confirmed", seconds(20), |world| {
                world.state() == StateName::Bound && world.snapshot().ready
            });
            world.inject_from_server(captured);
            assert_eq!(dropped(&world, DropReason::Replay), 1);
            let renews = world.client().sent(Renew).len();
            world.reconfigure(Renew);
            assert_eq!(world.client().sent(Renew).len(), renews + 1, "the key is kept");
        }
    });
}

#[test]
fn rec_02_no_key_that_comes_later_replaces_the_one_that_came_with_the_leases() {
    over_seeds(20, |seed| {
        for kind in KINDS {
            let mut world = bound(seed);
            let foreign = ReconfigureKey::new([9; 16]);
            let newer = Authentication::of_key(&foreign, u64::MAX);
            world.reconfigure(kind);
            let known = world.server().config.reconfigure_key.take();
            world.server().dials.unasked = vec![DhcpOption::Authentication(newer)];
            world.run_for(ANSWERED);
            assert_eq!(world.client().sent(kind).len(), 1);
            assert_eq!(world.state(), StateName::Bound, "it was answered");
            world.server().dials.unasked = Vec::new();
            world.server().config.reconfigure_key = known;
            world.reconfigure(Rebind);
            world.run_for(ANSWERED);
            let rebinds = 1 + usize::from(kind == Rebind);
            assert_eq!(world.client().sent(Rebind).len(), rebinds, "the first key still counts");
            assert_eq!(dropped(&world, DropReason::Authentication), 0);
        }
    });
}

/// A server that has forgotten the leases has forgotten the key as well.
#[test]
fn rec_02_a_new_key_comes_with_new_leases() {
    over_seeds(20, |seed| {
        let mut world = bound(seed);
        world.server().forget();
        world.server().config.reconfigure_key = Some(ReconfigureKey::new([9; 16]));
        world.run_until_sent(Request, 2, seconds(1801));
        world.run_for(ANSWERED);
        world.reconfigure(Rebind);
        world.run_for(ANSWERED);
        assert_eq!(world.client().sent(Rebind).len(), 1);
    });
}

/// Whoever holds no leases is given a key with options alone.
#[test]
fn rec_02_a_stateless_client_takes_a_newer_key() {
    over_seeds(20, |seed| {
        let mut world = World::new(seed, stateless(), [ServerConfig::number(1)]);
        world.start();
        world.run_until("informed", seconds(5), |world| world.snapshot().ready);
        world.server().config.reconfigure_key = Some(ReconfigureKey::new([9; 16]));
        world.run_until_sent(InformationRequest, 2, seconds(86_402));
        world.run_for(ANSWERED);
        world.reconfigure(InformationRequest);
        world.run_for(ANSWERED);
        assert_eq!(world.client().sent(InformationRequest).len(), 3);
    });
}

/// Nothing is held that could be extended, and no key is known.
#[test]
fn rec_04_nobody_is_obeyed_before_there_is_anything() {
    over_seeds(20, |seed| {
        for (state, kind) in [(StateName::Soliciting, Solicit), (StateName::Requesting, Request)] {
            for asked in KINDS {
                let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
                world.server().dials.silent_to = BTreeSet::from([kind]);
                world.start();
                world.run_until_sent(kind, 1, seconds(5));
                let sent = world.client().sent.len();
                world.reconfigure(asked);
                assert_eq!(dropped(&world, DropReason::Authentication), 1);
                assert_eq!((world.state(), world.client().sent.len()), (state, sent));
                world.server().dials.silent_to.clear();
                world.run_until("ready", seconds(20), |world| world.snapshot().ready);
            }
        }
    });
}

/// The key is known, but something is being asked already (RFC 9915
/// §18.2.11).
#[test]
fn rec_04_rec_05_nobody_is_obeyed_during_a_request_for_what_was_lost() {
    over_seeds(20, |seed| {
        for asked in KINDS {
            let mut world = bound(seed);
            world.server().forget();
            world.server().dials.silent_to = BTreeSet::from([Request]);
            world.run_until_sent(Request, 2, seconds(1801));
            let sent = world.client().sent.len();
            world.reconfigure(asked);
            assert_eq!(dropped(&world, DropReason::State), 1);
            assert_eq!(world.client().sent.len(), sent);
            assert_eq!(world.state(), StateName::Requesting);
            world.server().dials.silent_to.clear();
            world.run_until("bound", seconds(5), |world| world.state() == StateName::Bound);
        }
    });
}

#[test]
fn rec_01_who_does_not_accept_it_says_so_and_obeys_nobody() {
    over_seeds(20, |seed| {
        let config = Config { reconfigure_accept: false, ..wants_address() };
        let mut world = World::bound(seed, config, [ServerConfig::number(1)]);
        let accepts = |option: &DhcpOption| *option == DhcpOption::ReconfigureAccept;
        assert!(!world.client().sent.iter().any(|sent| sent.message.options.iter().any(accepts)));
        world.reconfigure(Renew);
        assert_eq!(dropped(&world, DropReason::Authentication), 1);
        // Not even one that gives its key unasked.
        let key = ReconfigureKey::new([1; 16]);
        world.server().dials.unasked =
            vec![DhcpOption::Authentication(Authentication::of_key(&key, 500))];
        world.server().replay = 500;
        world.command(dhc6c_core::engine::Input::Restart);
        world.run_until("bound", seconds(20), |world| world.snapshot().ready);
        world.server().dials.unasked = Vec::new();
        world.reconfigure(Renew);
        assert_eq!(dropped(&world, DropReason::Authentication), 2);
    });
}

#[test]
fn rec_01_who_accepts_it_says_so_in_every_message_that_may() {
    over_seeds(20, |seed| {
        let mut world = bound(seed);
        world.reconfigure(Renew);
        world.run_for(ANSWERED);
        world.reconfigure(Rebind);
        world.run_for(ANSWERED);
        world.reconfigure(InformationRequest);
        world.run_for(ANSWERED);
        assert_eq!(world.client().sent.len(), 5);
        for sent in &world.client().sent {
            assert!(sent.message.options.contains(&DhcpOption::ReconfigureAccept));
        }
    });
}

#[test]
fn rec_09_rx_05_any_unicast_address_of_ours_will_do_but_no_group() {
    over_seeds(20, |seed| {
        let mut world = bound(seed);
        let us = world.client().config.duid.clone();
        let address = world.client().usable()[0];
        let source = "fe80::5e:1".parse().unwrap();
        let send = |world: &mut World, destination| {
            let octets = world.server().reconfigure(&us, Renew);
            world.inject(dhc6c_core::link::Datagram { source, destination, octets });
            world.run_for(ANSWERED);
            world.client().sent(Renew).len()
        };
        assert_eq!(send(&mut world, address), 1);
        assert_eq!(send(&mut world, "ff02::1:2".parse().unwrap()), 1);
        assert_eq!(dropped(&world, DropReason::Destination), 1);
    });
}
