//! Every misbehaviour ends some day, and then the client has what it wants
//! within bounded time: no dial, for however long, leaves it stuck.

use dhc6c_core::snapshot::StateName;
use dhc6c_core::wire::{DhcpOption, MessageType, StatusCode};

use crate::client::{stateless, wants_both};
use crate::seeds::over_seeds;
use crate::server::{Dials, Identifier, ServerConfig, Times};
use crate::world::{World, seconds};

/// SOL_MAX_RT and its tenth, and a whole exchange.
const LONGEST: u64 = 3600 + 360 + 240;

/// Every way to be dishonest, with a name.
fn dials() -> Vec<(&'static str, Dials)> {
    let honest = Dials::default;
    let refusal = |code| Some(code);
    let mut dials = vec![
        ("silent", Dials { silent: true, ..honest() }),
        ("refuses addresses", Dials { refuse_addresses: true, ..honest() }),
        ("refuses prefixes", Dials { refuse_prefixes: true, ..honest() }),
        ("refuses everything", Dials { refuse_addresses: true, refuse_prefixes: true, ..honest() }),
        (
            "refuses without a word",
            Dials {
                refuse_addresses: true,
                refuse_prefixes: true,
                refuse_without_status: true,
                ..honest()
            },
        ),
        ("omits addresses", Dials { omit_addresses: true, ..honest() }),
        ("omits prefixes", Dials { omit_prefixes: true, ..honest() }),
        ("omits everything", Dials { omit_addresses: true, omit_prefixes: true, ..honest() }),
        ("forgets addresses", Dials { forget_addresses: true, ..honest() }),
        ("forgets prefixes", Dials { forget_prefixes: true, ..honest() }),
        ("takes leases back", Dials { zero_lifetimes: true, ..honest() }),
        ("preferred over valid", Dials { preferred_over_valid: true, ..honest() }),
        ("T1 over T2", Dials { t1_over_t2: true, ..honest() }),
        (
            "minutes for prefixes",
            Dials { prefix_times: Some(Times::new(120, 192, 240, 360)), ..honest() },
        ),
        ("many leases", Dials { extra_leases: 10, ..honest() }),
        (
            "status in leases",
            Dials { lease_status: refusal(StatusCode::NO_PREFIX_AVAIL), ..honest() },
        ),
        ("advertises a status", Dials { advertise_status: refusal(StatusCode(77)), ..honest() }),
        ("withholds options", Dials { withhold: (20..=32).collect(), ..honest() }),
        ("wrong transaction", Dials { wrong_transaction: true, ..honest() }),
        ("Reply for all", Dials { wrong_type: Some(MessageType::Reply.code()), ..honest() }),
        (
            "Advertise for all",
            Dials { wrong_type: Some(MessageType::Advertise.code()), ..honest() },
        ),
        (
            "Reconfigure for all",
            Dials { wrong_type: Some(MessageType::Reconfigure.code()), ..honest() },
        ),
        ("echoes Solicit", Dials { wrong_type: Some(MessageType::Solicit.code()), ..honest() }),
        ("multicasts", Dials { to_multicast: true, ..honest() }),
        ("repeats itself", Dials { repeat: 3, ..honest() }),
        ("pads with three octets", Dials { trailing: vec![0; 3], ..honest() }),
        ("overruns", Dials { trailing: vec![0, 3, 0xff, 0xff], ..honest() }),
        ("cuts in half", Dials { cut_after: Some(60), ..honest() }),
        ("cuts to nothing", Dials { cut_after: Some(0), ..honest() }),
        (
            "IA of nobody",
            Dials { unasked: vec![DhcpOption::Raw { code: 4, payload: vec![0; 4] }], ..honest() },
        ),
    ];
    for code in 1..=7 {
        let status = refusal(StatusCode(code));
        dials.push((
            "fails everything",
            Dials {
                request_status: status,
                renew_status: status,
                rebind_status: status,
                inform_status: status,
                ..honest()
            },
        ));
    }
    for identifier in [Identifier::Missing, Identifier::Double] {
        dials.push(("client identifier", Dials { client_id: identifier, ..honest() }));
        dials.push(("server identifier", Dials { server_id: identifier, ..honest() }));
    }
    dials.push(("client identifier", Dials { client_id: Identifier::Wrong, ..honest() }));
    dials
}

fn heal(world: &mut World, limit: u64) {
    world.note("heals");
    world.server().dials = Dials::default();
    world.run_until("ready with everything", seconds(limit), |world| {
        let client = world.client();
        let complete = (client.usable().len(), client.prefixes().len()) >= (1, 1);
        world.snapshot().ready && world.state() == StateName::Bound && complete
    });
}

#[test]
fn sol_06_tx_03_from_the_beginning() {
    over_seeds(10, |seed| {
        for (name, dials) in dials() {
            let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
            world.note(name);
            world.server().dials = dials;
            world.start();
            let trouble = world.rng().between(1, 10_000);
            world.run_for(seconds(trouble));
            heal(&mut world, LONGEST);
        }
    });
}

#[test]
fn rep_07_tx_03_during_the_lease() {
    over_seeds(10, |seed| {
        for (name, dials) in dials() {
            let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
            world.note(name);
            world.server().dials = dials;
            let trouble = world.rng().between(1, 20_000);
            world.run_for(seconds(trouble));
            heal(&mut world, LONGEST);
        }
    });
}

#[test]
fn inf_02_rx_04_without_leases() {
    over_seeds(10, |seed| {
        for (name, dials) in dials() {
            let mut world = World::new(seed, stateless(), [ServerConfig::number(1)]);
            world.note(name);
            world.server().dials = dials;
            world.start();
            let trouble = world.rng().between(1, 10_000);
            world.run_for(seconds(trouble));
            world.note("heals");
            world.server().dials = Dials::default();
            world.run_until("ready", seconds(LONGEST), |world| world.snapshot().ready);
        }
    });
}
