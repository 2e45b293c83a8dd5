//! A server takes away a part of what it gave, or knows nothing of it any
//! more: the rest stays in use, the same server is asked for it at once, and
//! then all servers are (RFC 9915 §18.2.10.1, RFC 7550 §4).

use dhc6c_core::engine::{Config, Event, Input};
use dhc6c_core::prefix::Prefix;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{DhcpOption, Message, MessageType, StatusCode};

use crate::client::wants_both;
use crate::oracle::leases;
use crate::seeds::over_seeds;
use crate::server::{Dials, Lease, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{Decline, Rebind, Renew, Request, Solicit};

const ANSWERED: Duration = Duration::from_millis(50);
const HOUR: u64 = 3600;

/// The ways in which a server loses prefixes and gives none any more.
fn losses() -> [Dials; 2] {
    let none = Dials { refuse_prefixes: true, ..Dials::default() };
    [Dials { lose_prefixes: true, ..none.clone() }, Dials { forget_prefixes: true, ..none }]
}

/// The prefixes that a message names.
fn named(message: &Message) -> Vec<Prefix> {
    let prefix = |lease| match lease {
        Lease::Prefix(prefix) => Some(prefix),
        Lease::Address(_) => None,
    };
    message.ia_pds().flat_map(leases).filter_map(prefix).collect()
}

/// A client that has just learnt that its prefix is lost; and the prefix.
fn world_of_loss<const N: usize>(
    seed: u64,
    config: Config,
    servers: [ServerConfig; N],
    dials: &Dials,
) -> (World, Prefix) {
    let mut world = World::new(seed, config, servers);
    for server in &mut world.servers[1..] {
        server.unreachable = true;
    }
    world.start();
    world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    let lost = world.client().prefixes()[0];
    for server in &mut world.servers[1..] {
        server.unreachable = false;
    }
    world.note(format!("{dials:?}"));
    world.server().dials = dials.clone();
    world.run_until_sent(Renew, 1, seconds(1801));
    world.run_for(ANSWERED);
    (world, lost)
}

fn loses(seed: u64, dials: &Dials) -> (World, Prefix) {
    world_of_loss(seed, wants_both(), [ServerConfig::number(1)], dials)
}

#[test]
fn rep_02_a_prefix_that_is_taken_away_is_asked_for_at_once_and_the_address_stays() {
    over_seeds(100, |seed| {
        let dials = Dials { lose_prefixes: true, ..Dials::default() };
        let (world, lost) = loses(seed, &dials);
        let request = world.client().sent(Request)[1];
        assert_eq!(named(&request.message), [lost], "as a hint");
        assert_eq!(request.message.ia_nas().flat_map(leases).count(), 1, "all associations");
        assert_eq!(world.client().prefixes(), [lost], "and given again");
        assert_eq!(world.client().usable().len(), 1);
        assert_eq!(world.client().told(&Event::Unbound), 0);
        assert_eq!(world.state(), StateName::Bound);
    });
}

/// Elsewhere such a Reply left a network without IPv6 for twelve hours.
#[test]
fn rep_02_rep_06_what_its_server_does_not_give_again_is_looked_for_beside_the_rest() {
    over_seeds(50, |seed| {
        for dials in losses() {
            let (mut world, lost) = loses(seed, &dials);
            let known = world.now;
            let address = world.client().usable();
            world.run_until_sent(Solicit, 2, seconds(1));
            assert!(world.now.since(known) <= seconds(1));
            let solicit = &world.client().sent(Solicit)[1].message;
            assert_eq!(named(solicit), [lost], "as a hint");
            assert_eq!(solicit.ia_nas().flat_map(leases).count(), 1, "so that none is lost");
            assert_eq!(world.state(), StateName::Soliciting);
            world.run_for(seconds(24 * HOUR));
            assert_eq!(world.client().usable(), address);
            assert_eq!(world.client().prefixes(), []);
            assert_eq!(world.client().told(&Event::Unbound), 0);
            world.server().dials = Dials::default();
            let within = seconds(2 * HOUR);
            world.run_until("given again", within, |world| world.client().prefixes() == [lost]);
            assert_eq!(world.client().usable(), address);
        }
    });
}

#[test]
fn sol_04_rep_02_a_server_that_gives_no_prefix_is_not_stormed() {
    over_seeds(2, |seed| {
        for dials in losses() {
            for (t1, t2, preferred, valid) in [(5, 8, 40, 60), (1800, 2880, 3600, 7200)] {
                let server = ServerConfig::number(1).times(t1, t2, preferred, valid);
                let (mut world, _) = world_of_loss(seed, wants_both(), [server], &dials);
                world.run_for(seconds(6 * HOUR));
                let solicits = world.client().sent(Solicit).len();
                assert!(solicits < 14 * 6, "{solicits} in six hours");
                let requests = world.client().sent(Request).len();
                // One after every Renew, while the prefix that the server does
                // not know is used to its end.
                let most = 4 + usize::try_from(valid / t1).expect("a count");
                assert!(requests <= most, "{requests} Requests");
            }
        }
    });
}

#[test]
fn rep_02_sol_07_another_server_gives_what_ours_has_lost() {
    over_seeds(100, |seed| {
        for dials in losses() {
            let servers = [ServerConfig::number(1), ServerConfig::number(2)];
            let (mut world, _) = world_of_loss(seed, wants_both(), servers, &dials);
            let address = world.client().usable()[0];
            let theirs: Prefix = "2001:db8:2000::/56".parse().expect("a prefix");
            world.run_until("a prefix", seconds(3), |world| {
                world.client().prefixes().contains(&theirs)
            });
            assert!(world.client().usable().contains(&address), "it stays in use");
            assert_eq!(world.client().told(&Event::Unbound), 0);
            // One session with one server, which extends all that it gave.
            world.run_for(seconds(20_000));
            assert_eq!(world.client().prefixes(), [theirs]);
            assert_eq!(world.client().usable().len(), 1);
            assert_eq!(world.client().told(&Event::Unbound), 0);
            assert_eq!(
                world.snapshot().server.map(|server| server.duid),
                Some(world.servers[1].model.config.duid.clone())
            );
        }
    });
}

#[test]
fn rep_02_nobody_is_followed_who_would_not_give_the_rest() {
    over_seeds(50, |seed| {
        for dials in losses() {
            let servers = [ServerConfig::number(1), ServerConfig::number(2)];
            let mut world = World::new(seed, wants_both(), servers);
            world.servers[1].unreachable = true;
            world.servers[1].model.dials.refuse_addresses = true;
            world.start();
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
            world.servers[1].unreachable = false;
            let address = world.client().usable();
            world.server().dials = dials;
            world.run_for(seconds(10_000));
            assert_eq!(world.client().usable(), address);
            assert_eq!(world.client().prefixes(), []);
            assert_eq!(world.servers[1].model.store.bindings().count(), 0);
            // The first server stays the one that we deal with.
            assert_eq!(world.client().told(&Event::Unbound), 0);
        }
    });
}

#[test]
fn rep_02_req_05_a_server_that_advertises_and_refuses_is_passed_over() {
    over_seeds(50, |seed| {
        let servers = [
            ServerConfig::number(1),
            ServerConfig { preference: Some(200), ..ServerConfig::number(2) },
            ServerConfig::number(3),
        ];
        let mut world = World::new(seed, wants_both(), servers);
        for server in &mut world.servers[1..] {
            server.unreachable = true;
        }
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        for server in &mut world.servers[1..] {
            server.unreachable = false;
        }
        world.servers[1].model.dials.request_status = Some(StatusCode::NOT_ON_LINK);
        world.server().dials = losses()[0].clone();
        let theirs: Prefix = "2001:db8:3000::/56".parse().expect("a prefix");
        world.run_until("a prefix", seconds(1810), |world| {
            world.client().prefixes().contains(&theirs)
        });
        assert_eq!(world.client().told(&Event::Unbound), 0);
    });
}

#[test]
fn sol_02_rep_02_whoever_holds_leases_does_not_offer_rapid_commit() {
    over_seeds(20, |seed| {
        let config = Config { rapid_commit: true, ..wants_both() };
        let rapid = |number| ServerConfig { rapid_commit: true, ..ServerConfig::number(number) };
        let mut stingy = rapid(2);
        stingy.prefixes = None;
        let (mut world, _) = world_of_loss(seed, config, [rapid(1), stingy], &losses()[0]);
        world.run_for(seconds(10));
        let solicits = world.client().sent(Solicit);
        assert!(solicits[0].message.options.contains(&DhcpOption::RapidCommit));
        assert!(solicits.len() > 2);
        for solicit in &solicits[1..] {
            assert!(!solicit.message.options.contains(&DhcpOption::RapidCommit));
        }
        assert_eq!(world.servers[1].model.store.bindings().count(), 0);
    });
}

#[test]
fn ren_01_cnf_05_what_is_held_is_attended_to_while_discovery_goes_on() {
    over_seeds(30, |seed| {
        let searching = || {
            let (mut world, _) = loses(seed, &losses()[0]);
            world.run_for(seconds(100));
            assert_eq!(world.state(), StateName::Soliciting);
            world
        };
        let mut world = searching();
        world.run_until_sent(Renew, 2, seconds(1801));

        let mut world = searching();
        world.command(Input::Renew);
        world.run_until_sent(Renew, 2, seconds(1));

        let mut world = searching();
        world.reconfigure(Renew);
        world.run_until_sent(Renew, 2, seconds(1));

        let mut world = searching();
        world.carrier(false);
        world.run_for(seconds(1));
        world.carrier(true);
        world.run_until_sent(MessageType::Confirm, 1, seconds(2));
        assert_eq!(world.client().sent(Rebind).len(), 0);

        let mut world = searching();
        world.command(Input::Release);
        world.run_for(ANSWERED);
        assert!(world.client().kernel.is_empty());
        assert_eq!(world.state(), StateName::Idle);
    });
}

/// Without another lease there is nothing to look beside.
#[test]
fn rep_02_the_last_lease_that_is_taken_away_means_discovery() {
    over_seeds(50, |seed| {
        let config = crate::client::wants_prefix();
        let servers = [ServerConfig::number(1)];
        let (mut world, lost) = world_of_loss(seed, config, servers, &losses()[0]);
        assert_eq!(world.client().told(&Event::Unbound), 1);
        world.run_until_sent(Solicit, 2, seconds(1));
        assert_eq!(named(&world.client().sent(Request)[1].message), [lost]);
        assert_eq!(named(&world.client().sent(Solicit)[1].message), [lost]);
    });
}

/// However often its server was asked in vain before, and however long it is
/// left alone for that.
#[test]
fn reb_01_rep_06_a_server_that_knows_nothing_does_not_put_off_t2() {
    over_seeds(20, |seed| {
        let server = ServerConfig::number(1).times(300, 480, 600, 600);
        let mut world = World::bound(seed, wants_both(), [server]);
        let none = Dials { refuse_addresses: true, refuse_prefixes: true, ..Dials::default() };
        world.server().dials = Dials { forget_addresses: true, forget_prefixes: true, ..none };
        let bound = world.client().sent(Request)[0].at;
        world.run_until_sent(Rebind, 1, seconds(600));
        let rebind = world.client().sent(Rebind)[0].at.since(bound);
        assert!((seconds(480)..seconds(481)).contains(&rebind), "{rebind:?}");
    });
}

/// An address that is still to be declined has no lease, and its association
/// is asked for with the others.
#[test]
fn rep_06_dec_02_a_request_after_no_binding_is_for_all_associations() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.forget_prefixes = true;
        let address = world.client().addresses()[0];
        world.carrier(false);
        world.carrier(true);
        world.command(Input::AddressDuplicate(address));
        world.run_until_sent(Request, 2, seconds(3));
        let request = &world.client().sent(Request)[1].message;
        assert_eq!((request.ia_nas().count(), request.ia_pds().count()), (1, 1));
        assert_eq!(request.ia_nas().flat_map(leases).count(), 0);
        world.run_until_sent(Decline, 1, seconds(3));
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert!(!world.client().addresses().contains(&address));
    });
}

#[test]
fn rep_06_not_on_link_after_no_binding_keeps_the_prefix() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let prefixes = world.client().prefixes();
        world.server().dials.forget_addresses = true;
        world.server().dials.request_status = Some(StatusCode::NOT_ON_LINK);
        world.run_until_sent(Request, 3, seconds(1801));
        assert!(world.client().addresses().is_empty(), "it does not fit the link");
        let [_, first, again] = world.client().sent(Request)[..] else { panic!("three") };
        assert_eq!(first.message.ia_nas().flat_map(leases).count(), 1);
        assert_eq!(again.message.ia_nas().flat_map(leases).count(), 0, "without addresses");
        assert_eq!(named(&again.message), prefixes);
        world.run_for(seconds(HOUR));
        assert_eq!(world.client().prefixes(), prefixes);
        assert_eq!(world.client().told(&Event::Unbound), 0);
        assert!(world.client().sent.len() < 40, "{} messages", world.client().sent.len());
        world.server().dials = Dials::default();
        world.run_until("given again", seconds(2 * HOUR), |world| {
            world.snapshot().ready && world.client().usable().len() == 1
        });
        assert_eq!(world.client().prefixes(), prefixes);
    });
}

#[test]
fn rep_06_not_on_link_where_the_server_stands_by_nothing_means_another_link() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.forget_addresses = true;
        world.server().dials.forget_prefixes = true;
        world.server().dials.request_status = Some(StatusCode::NOT_ON_LINK);
        world.run_until_sent(Solicit, 2, seconds(1801));
        assert!(world.client().kernel.is_empty());
        assert_eq!(named(&world.client().sent(Solicit)[1].message), []);
    });
}
