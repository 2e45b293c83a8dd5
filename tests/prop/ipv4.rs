//! The DHCPv4 client under arbitrary answers, in any state, over the carrier
//! that brings them.
//!
//! The oracles of the world watch what it sends and holds. What matters
//! afterwards is that IPv6 is as it was, and that an honest server gives it a
//! lease again.

use std::net::Ipv6Addr;

use dhc6c_core::snapshot::{StateName, V4State};
use dhc6c_core::wire::dhcp4o6::Response;
use dhc6c_core::wire::v4::Kind;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use crate::client::{wants_both, with_ipv4, with_softwire};
use crate::config;
use crate::messages::{Mutation, mutate, mutations};
use crate::server::{ServerConfig, V4Config, V4Dials, V4Server};
use crate::world::{Restart, World, seconds};

/// A client in this state, and a server that answers nothing until told to.
fn at(stage: V4State, seed: u64) -> World {
    let binds = seed.is_multiple_of(3);
    let v4 = V4Config {
        share: seed.is_multiple_of(2).then_some((6, 8)),
        border_relay: binds.then(|| "2001:db8:ffff::1".parse().expect("an address")),
        ..V4Config::number(1)
    };
    let config = if binds { with_softwire(wants_both()) } else { with_ipv4(wants_both()) };
    let mut world = World::new(seed, config, [ServerConfig::number(1).v4(v4)]);
    let dials = &mut world.server().v4().dials;
    match stage {
        V4State::Selecting => dials.silent = true,
        V4State::Requesting => dials.silent_to = [Kind::Request].into(),
        _ => {}
    }
    world.start();
    if !matches!(stage, V4State::Selecting | V4State::Requesting) {
        world.run_until("leased", seconds(40), |world| world.client().ipv4().is_some());
        world.server().v4().dials.silent = true;
    }
    if stage == V4State::Rebooting {
        world.restart(Restart::Stopped);
    }
    world.run_until("there", seconds(4000), |world| state(world) == Some(stage));
    world.run_for(seconds(1));
    world.server().v4().dials.silent = true;
    world
}

/// The IPv6 addresses that a server has leased.
fn leased(world: &World) -> Vec<Ipv6Addr> {
    world.snapshot().addresses.iter().map(|address| address.address).collect()
}

fn state(world: &World) -> Option<V4State> {
    world.snapshot().dhcp4o6.map(|view| view.state)
}

/// What an answer starts from.
#[derive(Clone, Debug)]
enum Seed {
    /// Octets of no meaning in the place of the DHCPv4 message.
    Octets(Vec<u8>),
    /// The honest answer to the last question, as another kind perhaps.
    Answer(Option<Kind>),
}

/// An answer that arrives.
#[derive(Clone, Debug)]
struct Hostile {
    seed: Seed,
    mutations: Vec<Mutation>,
    after: u64,
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let kind = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Kind::Ack)),
        1 => Just(Some(Kind::Offer)),
    ];
    let seed = prop_oneof![
        1 => vec(any::<u8>(), 0..300).prop_map(Seed::Octets),
        4 => kind.prop_map(Seed::Answer),
    ];
    let mutations = prop_oneof![1 => Just(vec![]), 3 => mutations()];
    (seed, mutations, 0..100_u64).prop_map(|(seed, mutations, after)| Hostile {
        seed,
        mutations,
        after,
    })
}

impl Hostile {
    fn octets(&self, world: &mut World) -> Vec<u8> {
        let octets = match &self.seed {
            Seed::Octets(v4) => {
                let response = Response { v4: v4.clone(), ..Response::default() };
                response.encode().expect("a short message")
            }
            Seed::Answer(kind) => honest(world, *kind),
        };
        mutate(octets, &self.mutations)
    }
}

/// What the server would answer to the last question.
fn honest(world: &mut World, kind: Option<Kind>) -> Vec<u8> {
    let now = world.now;
    let asked = world.client().sent_v4.last().map(|sent| sent.query.encode());
    let mut server: V4Server = world.server().v4().clone();
    server.dials = V4Dials { wrong_kind: kind, ..V4Dials::default() };
    let answer = asked.and_then(|query| server.handle(now, &query.expect("it was sent")));
    answer.unwrap_or_else(|| vec![21, 0, 0, 0])
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn dhcp_4o6_24_no_answer_harms_a_client_in_any_state(
        seed in any::<u64>(),
        stage in 0..V4State::LEASING.len(),
        answers in vec(hostile(), 1..8),
    ) {
        let mut world = at(V4State::LEASING[stage], seed % 1000);
        let addresses = leased(&world);
        for hostile in answers {
            world.run_for(seconds(hostile.after));
            let octets = hostile.octets(&mut world);
            world.inject_from_server(octets);
        }
        assert_eq!(leased(&world), addresses, "IPv6 addresses are lost");
        assert!(matches!(world.state(), StateName::Bound | StateName::Renewing));
        // An honest server, which knows nothing of what was claimed.
        world.server().v4().dials = V4Dials::default();
        world.run_for(seconds(8000));
        world.run_until("leased", seconds(8000), |world| {
            state(world) == Some(V4State::Bound) && world.client().ipv4().is_some()
        });
    }
}
