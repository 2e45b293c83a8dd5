//! Saying as little as possible of who we are (RFC 7844 §4).

use std::collections::BTreeSet;

use dhc6c_core::engine::{ClientName, Config, Event, NameUpdate, PrefixRequest};
use dhc6c_core::ident::Iaid;
use dhc6c_core::wire::{DhcpOption, Ia, MessageType, code};

use crate::client::{stateless, wants_both};
use crate::grammar::requested;
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{World, seconds};

use MessageType::{Confirm, InformationRequest, Rebind, Renew, Solicit};

fn anonymous(config: Config) -> Config {
    Config { anonymous: true, ..config }
}

/// A client that would have much to tell.
fn talkative() -> Config {
    let hint = Some("2001:db8:1ab0::/56".parse().expect("a prefix"));
    Config {
        address: Some(Iaid(0)),
        prefixes: vec![PrefixRequest { hint, length: Some(60), ..PrefixRequest::any(Iaid(0)) }],
        send: vec![(code::USER_CLASS, vec![0, 1, b'x']), (code::VENDOR_CLASS, vec![0; 7])],
        fqdn: Some(ClientName { name: b"\x04host".to_vec(), update: NameUpdate::Server }),
        ..wants_both()
    }
}

/// The codes of the options of the first Solicit, in order.
fn order(world: &World) -> Vec<u16> {
    world.client().sent(Solicit)[0].message.options.iter().map(DhcpOption::code).collect()
}

#[test]
fn prv_01_without_the_profile_everything_is_said_in_one_order() {
    let mut orders = BTreeSet::new();
    for seed in 0..20 {
        let world = World::bound(seed, talkative(), [ServerConfig::number(1)]);
        orders.insert(order(&world));
    }
    assert_eq!(orders.len(), 1);
    let said = orders.pop_first().unwrap();
    for code in [code::USER_CLASS, code::VENDOR_CLASS, code::CLIENT_FQDN, code::RECONF_ACCEPT] {
        assert!(said.contains(&code));
    }
}

#[test]
fn prv_02_prv_07_prv_08_little_is_said_and_in_any_order() {
    let mut orders = BTreeSet::new();
    let mut requests = BTreeSet::new();
    over_seeds(30, |seed| {
        let mut world = World::bound(seed, anonymous(talkative()), [ServerConfig::number(1)]);
        world.run_until_sent(Renew, 1, seconds(1801));
        for sent in &world.client().sent {
            let codes: Vec<_> = sent.message.options.iter().map(DhcpOption::code).collect();
            for code in [
                code::USER_CLASS,
                code::VENDOR_CLASS,
                code::CLIENT_FQDN,
                code::RECONF_ACCEPT,
                code::AUTH,
                code::IA_TA,
            ] {
                assert!(!codes.contains(&code), "{code} in {}", sent.message.kind);
            }
            let ias = sent.message.ia_nas().chain(sent.message.ia_pds());
            assert!(ias.into_iter().all(|ia| ia.iaid == Iaid(0)));
        }
        // What it has is named to the server that gave it, and no length.
        for sent in &world.client().sent {
            let named = sent.message.ia_pds().flat_map(Ia::prefixes);
            let lengths: Vec<_> = named.map(|lease| lease.prefix.length()).collect();
            let given: &[u8] = if sent.message.kind == Solicit { &[] } else { &[56] };
            assert_eq!(lengths, given, "no hint in {}", sent.message.kind);
        }
    });
    for seed in 0..30 {
        let world = World::bound(seed, anonymous(talkative()), [ServerConfig::number(1)]);
        orders.insert(order(&world));
        requests.insert(requested(&world.client().sent(Solicit)[0].message));
    }
    assert!(orders.len() > 10 && requests.len() > 10, "{orders:?}");
}

/// Not even the same link is told what ended or was taken away.
#[test]
fn prv_07_prv_08_what_was_held_is_no_hint() {
    over_seeds(20, |seed| {
        for lost in [false, true] {
            let mut world = World::bound(seed, anonymous(talkative()), [ServerConfig::number(1)]);
            world.server().dials.silent = !lost;
            world.server().dials.lose_prefixes = lost;
            world.server().dials.refuse_prefixes = lost;
            world.run_until_sent(Solicit, 2, seconds(7300));
            let again = &world.client().sent(Solicit)[1].message;
            assert_eq!(again.ia_pds().flat_map(Ia::prefixes).count(), 0);
        }
    });
}

#[test]
fn prv_04_prv_06_another_link_learns_nothing_of_the_one_before() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, anonymous(wants_both()), [ServerConfig::number(1)]);
        let said = world.client().sent.len();
        world.carrier(false);
        world.run_for(seconds(5));
        world.carrier(true);
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        let after = &world.client().sent[said..];
        assert_eq!(after[0].message.kind, Solicit, "neither Confirm nor Rebind");
        let leases = after[0].message.ia_nas().flat_map(Ia::addresses).count();
        assert_eq!(leases + after[0].message.ia_pds().flat_map(Ia::prefixes).count(), 0);
        assert_eq!(world.client().sent(Confirm).len() + world.client().sent(Rebind).len(), 0);
        assert!(world.client().has_told(&Event::Unbound));
    });
}

#[test]
fn prv_05_rx_04_who_asks_for_options_alone_does_not_say_who_it_is() {
    over_seeds(50, |seed| {
        let mut world = World::new(seed, anonymous(stateless()), [ServerConfig::number(1)]);
        world.start();
        world.run_until("informed", seconds(5), |world| world.snapshot().ready);
        let sent = &world.client().sent(InformationRequest)[0].message;
        assert_eq!(sent.client_ids().count(), 0);
        // An answer that says whom it is for is for somebody else.
        let mut world = World::new(seed, anonymous(stateless()), [ServerConfig::number(1)]);
        world.server().dials.unasked = vec![DhcpOption::ClientId(stateless().duid)];
        world.start();
        world.run_for(seconds(10));
        assert!(!world.snapshot().ready);
    });
}
