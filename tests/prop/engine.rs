//! The engine under arbitrary datagrams, in any state.
//!
//! Every datagram runs through the world, whose oracles watch what the
//! client sends and holds. What matters afterwards is that the client is
//! not stuck: an honest server binds it again.

use std::net::Ipv6Addr;

use dhc6c_core::engine::{Config, Event};
use dhc6c_core::link::Datagram;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{DhcpOption, Message, MessageType};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use crate::client::{stateless, wants_both};
use crate::config;
use crate::messages::{Mutation, message, mutate, mutations, option};
use crate::server::{Dials, ModelServer, ServerConfig};
use crate::world::{World, seconds};

/// Where a client is when the datagrams come.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Soliciting,
    Requesting,
    Bound,
    Renewing,
    Rebinding,
    Declining,
    Informing,
    Informed,
    Stopped,
}

const STAGES: [Stage; 9] = [
    Stage::Soliciting,
    Stage::Requesting,
    Stage::Bound,
    Stage::Renewing,
    Stage::Rebinding,
    Stage::Declining,
    Stage::Informing,
    Stage::Informed,
    Stage::Stopped,
];

/// A client in this state, and a server that answers nothing until told to.
fn at(stage: Stage, seed: u64) -> World {
    use MessageType as T;
    let rapid_commit = seed.is_multiple_of(2);
    let config = match stage {
        Stage::Informing | Stage::Informed => stateless(),
        _ => Config { rapid_commit, ..wants_both() },
    };
    let mut world = World::new(seed, config, [ServerConfig::number(1)]);
    let long = seconds(4000);
    match stage {
        Stage::Soliciting => {
            world.server().dials.silent = true;
            world.start();
            world.run_until_sent(T::Solicit, 1, long);
        }
        Stage::Informing => {
            world.server().dials.silent = true;
            world.start();
            world.run_until_sent(T::InformationRequest, 1, long);
        }
        Stage::Requesting => {
            world.server().dials.silent_to = [T::Request].into();
            world.start();
            world.run_until_sent(T::Request, 1, long);
        }
        Stage::Declining => {
            let taken = "2001:db8:1::1000".parse().expect("an address");
            world.clients[0].kernel.taken.insert(taken);
            world.server().dials.silent_to = [T::Decline].into();
            world.start();
            world.run_until_sent(T::Decline, 1, long);
        }
        Stage::Bound | Stage::Informed | Stage::Renewing | Stage::Rebinding | Stage::Stopped => {
            world.start();
            world.run_until("ready", long, |world| world.snapshot().ready);
            world.server().dials.silent = true;
        }
    }
    match stage {
        Stage::Renewing => world.run_until_sent(T::Renew, 1, long),
        Stage::Rebinding => world.run_until_sent(T::Rebind, 1, long),
        Stage::Stopped => world.stop(),
        _ => {}
    }
    world.server().dials.silent = true;
    world
}

/// What a datagram starts from.
#[derive(Clone, Debug)]
enum Seed {
    /// Octets of no meaning.
    Octets(Vec<u8>),
    /// A message of no exchange.
    Message(Message),
    /// The honest answer to the last question, with options put in.
    Answer(Vec<DhcpOption>),
}

/// A datagram that arrives.
#[derive(Clone, Debug)]
struct Hostile {
    seed: Seed,
    mutations: Vec<Mutation>,
    to_us: bool,
    after: u64,
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let seed = prop_oneof![
        1 => vec(any::<u8>(), 0..200).prop_map(Seed::Octets),
        1 => message().prop_map(Seed::Message),
        4 => vec(option(), 0..3).prop_map(Seed::Answer),
    ];
    let mutations = prop_oneof![1 => Just(vec![]), 2 => mutations()];
    (seed, mutations, proptest::bool::weighted(0.9), 0..100_000_u64)
        .prop_map(|(seed, mutations, to_us, after)| Hostile { seed, mutations, to_us, after })
}

impl Hostile {
    fn datagram(&self, world: &World) -> Datagram {
        let link_local = world.client().link.link_local.expect("it is up");
        let octets = match &self.seed {
            Seed::Octets(octets) => octets.clone(),
            Seed::Message(message) => message.encode().expect("short options fit"),
            Seed::Answer(options) => answer(world, link_local, options),
        };
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
        Datagram {
            source: "fe80::5e:1".parse().expect("an address"),
            destination: if self.to_us { link_local } else { group },
            octets: mutate(octets, &self.mutations),
        }
    }
}

/// What an honest server would say to the last message, and some more.
fn answer(world: &World, client: Ipv6Addr, more: &[DhcpOption]) -> Vec<u8> {
    let Some(last) = world.client().sent.last() else { return vec![] };
    let question = last.message.encode().expect("it was sent");
    let mut server = ModelServer::new(ServerConfig::number(1));
    server.store = world.servers[0].model.store.clone();
    server.dials.unasked = more.to_vec();
    let answers = server.handle(world.now, client, &question);
    answers.into_iter().next().map(|answer| answer.octets).unwrap_or_default()
}

/// Messages that the client took as answers.
fn taken(world: &World) -> usize {
    let is_taken = |event: &Event| matches!(event, Event::Received(..));
    world.client().events.iter().filter(|(_, event)| is_taken(event)).count()
}

fn hit(world: &mut World, datagrams: &[Hostile]) {
    for hostile in datagrams {
        let datagram = hostile.datagram(world);
        world.inject(datagram);
        world.run_for(Duration::from_millis(hostile.after));
    }
}

/// The server answers again, and the client has what it wants in the end.
fn heal(world: &mut World, stage: Stage) {
    world.note("heals");
    world.server().dials = Dials::default();
    let longest = seconds(3600 + 360 + 240);
    match stage {
        Stage::Stopped => assert!(world.client().kernel.is_empty()),
        Stage::Informing | Stage::Informed => {
            world.run_until("informed", longest, |world| world.snapshot().ready);
        }
        _ => world.run_until("bound", longest, |world| {
            world.snapshot().ready && !world.client().usable().is_empty()
        }),
    }
}

proptest! {
    #![proptest_config(config())]

    /// Anything may come, an answer that was tampered with included; the
    /// client neither panics nor breaks a rule that an oracle knows. Where
    /// none of it was taken as an answer, an honest server binds it as if
    /// nothing had been.
    #[test]
    fn no_datagram_breaks_a_rule_and_what_is_dropped_changes_nothing(
        stage in proptest::sample::select(&STAGES[..]),
        seed in any::<u64>(),
        datagrams in vec(hostile(), 1..8),
    ) {
        let mut world = at(stage, seed);
        let before = taken(&world);
        hit(&mut world, &datagrams);
        if taken(&world) == before {
            heal(&mut world, stage);
        } else {
            // What it took may be a lease for ever; it still has to live
            // by the rules, and to leave nothing behind.
            world.server().dials = Dials::default();
            world.run_for(seconds(20_000));
            world.stop();
            assert!(world.client().kernel.is_empty());
        }
    }
}
