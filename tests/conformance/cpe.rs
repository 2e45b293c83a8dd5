//! Group 1.6: what RFC 7084 asks of the uplink of a router.

use dhc6c_core::engine::Config;
use dhc6c_core::snapshot::Mode;
use dhc6c_core::wire::{DhcpOption, MessageType, code};

use crate::case::{ANSWERED, Ask, SEEDS, bound, count, has, last, server};
use crate::client::wants_both;
use crate::router::Router;
use crate::seeds::over_seeds;
use crate::world::{World, seconds};

use MessageType::{Renew, Solicit};

/// A router that follows those of its uplink, and has heard this.
fn heard(seed: u64, router: &Router) -> World {
    let config = Config { mode: Mode::Auto, initial_delay: false, ..wants_both() };
    let mut world = World::new(seed, config, [server()]);
    world.start();
    world.run_for(seconds(2));
    assert!(world.client().sent.is_empty());
    world.hear(router);
    world.run_until_sent(Solicit, 1, seconds(2));
    world
}

#[test]
fn ce_1_6_1_routers_are_solicited() {
    over_seeds(SEEDS, |seed| {
        let config = Config { mode: Mode::Auto, ..wants_both() };
        let mut world = World::new(seed, config, [server()]);
        world.start();
        let begun = world.now;
        world.run_for(seconds(30));
        let asked = &world.client().solicited;
        assert!(asked.len() >= 3 && asked[0].since(begun) <= seconds(1), "{asked:?}");
    });
}

#[test]
fn ce_1_6_3_a_reconfigure_accept_in_solicit() {
    over_seeds(SEEDS, |seed| {
        let solicit = last(&bound(seed, Ask::Address), Solicit);
        assert!(has(&solicit, code::RECONF_ACCEPT));
    });
}

#[test]
fn ce_1_6_3_b_reconfigure_leads_to_renew() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, Ask::Address);
        world.reconfigure(Renew);
        world.run_for(ANSWERED);
        assert_eq!(count(&world, Renew), 1);
    });
}

/// A Reconfigure with other octets at its end is dropped.
fn unauthenticated(spoil: fn(&mut Vec<u8>)) {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, Ask::Address);
        let client = world.client().config.duid.clone();
        let mut octets = world.server().reconfigure(&client, Renew);
        spoil(&mut octets);
        world.inject_from_server(octets);
        world.run_for(seconds(20));
        assert_eq!(count(&world, Renew), 0);
    });
}

#[test]
fn ce_1_6_3_c_reconfigure_without_authentication_is_dropped() {
    // The option is the last one: 4 octets of header and 28.
    unauthenticated(|octets| octets.truncate(octets.len() - 32));
}

#[test]
fn ce_1_6_3_d_reconfigure_with_wrong_authentication_is_dropped() {
    unauthenticated(|octets| *octets.last_mut().expect("not empty") ^= 1);
}

#[test]
fn ce_1_6_4_the_managed_flag_leads_to_an_ia_na() {
    over_seeds(SEEDS, |seed| {
        let world = heard(seed, &Router::default().managed());
        assert!(has(&last(&world, Solicit), code::IA_NA));
    });
}

#[test]
fn ce_1_6_6_a_the_managed_flag_leads_to_an_ia_pd() {
    over_seeds(SEEDS, |seed| {
        let world = heard(seed, &Router::default().managed());
        assert!(has(&last(&world, Solicit), code::IA_PD));
    });
}

#[test]
fn ce_1_6_6_b_the_other_flag_leads_to_an_ia_pd() {
    over_seeds(SEEDS, |seed| {
        let world = heard(seed, &Router::default().other());
        let solicit = last(&world, Solicit);
        assert!(has(&solicit, code::IA_PD) && !has(&solicit, code::IA_NA));
        assert!(solicit.options.contains(&DhcpOption::ReconfigureAccept));
    });
}
