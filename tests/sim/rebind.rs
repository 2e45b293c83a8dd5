//! Extending leases at any server (RFC 9915 §18.2.5).

use dhc6c_core::engine::{Event, Input};
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::MessageType;

use crate::client::wants_both;
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{World, seconds};

use MessageType::{Decline, Rebind, Renew, Request, Solicit};

const ANSWERED: Duration = Duration::from_millis(50);

/// Two servers; the client is bound to the first, which then is gone.
fn orphaned(seed: u64, second: ServerConfig) -> World {
    let first = ServerConfig { preference: Some(255), ..ServerConfig::number(1) };
    let mut world = World::bound(seed, wants_both(), [first, second]);
    world.servers[0].unreachable = true;
    world
}

#[test]
fn reb_01_another_server_that_shares_the_leases_answers_and_is_ours_then() {
    over_seeds(200, |seed| {
        let mut world = orphaned(seed, ServerConfig::number(2));
        let before = world.client().kernel.actual.clone();
        world.servers[1].model.store = world.servers[0].model.store.clone();
        world.run_until("rebound", seconds(3000), |world| world.client().has_told(&Event::Rebound));
        let client = world.client();
        assert_eq!(client.sent(Rebind).len(), 1);
        assert!(before.addresses.keys().eq(client.kernel.actual.addresses.keys()));
        assert!(before.unreachable.keys().eq(client.kernel.actual.unreachable.keys()));
        let standby = world.servers[1].model.config.duid.clone();
        assert_eq!(world.snapshot().server.expect("a server").duid, standby);

        let renewals = world.client().sent(Renew).len();
        world.run_until_sent(Renew, renewals + 1, seconds(1801));
        let renew = world.client().sent.last().expect("a Renew").message.clone();
        assert!(renew.server_ids().eq([&standby]), "the next Renew is for the new server");
        assert_eq!(world.client().told(&Event::Unbound), 0);
    });
}

#[test]
fn reb_01_a_rebind_begins_at_t2_and_is_a_new_exchange() {
    over_seeds(200, |seed| {
        let mut world = orphaned(seed, ServerConfig::number(2));
        world.servers[1].unreachable = true;
        world.run_until_sent(Rebind, 1, seconds(2900));
        let sent = &world.client().sent;
        let (request, rebind) = (&sent[1], sent.last().expect("a Rebind"));
        let t2 = rebind.at.since(request.at);
        assert!((seconds(2880)..seconds(2881)).contains(&t2), "{t2:?}");
        let renew = world.client().sent(Renew)[0];
        assert_ne!(renew.message.transaction, rebind.message.transaction);
        assert_eq!(world.state(), StateName::Rebinding);
    });
}

#[test]
fn reb_02_rebind_until_all_valid_lifetimes_end_then_solicit() {
    over_seeds(200, |seed| {
        let mut world = orphaned(seed, ServerConfig::number(2));
        world.servers[1].unreachable = true;
        world.run_until_sent(Rebind, 1, seconds(2900));
        let end = world.snapshot().addresses[0].valid;
        world.run_for(seconds(u64::from(end.0)) - seconds(2));
        assert_eq!(world.client().usable().len(), 1, "used to the end");
        world.run_until_sent(Solicit, 2, seconds(5));
        assert_eq!(world.client().told(&Event::Unbound), 1);
        assert!(world.client().kernel.is_empty());
        let rebinds = world.client().sent(Rebind).len();
        world.run_for(seconds(10_000));
        assert_eq!(world.client().sent(Rebind).len(), rebinds, "no Rebind after the end");
    });
}

#[test]
fn reb_01_a_server_that_knows_nothing_stays_silent_and_nothing_is_lost() {
    over_seeds(100, |seed| {
        let mut world = orphaned(seed, ServerConfig::number(2));
        world.run_until_sent(Rebind, 3, seconds(3000));
        assert_eq!(world.client().told(&Event::Unbound), 0);
        world.servers[0].unreachable = false;
        world.run_until("rebound", seconds(300), |world| world.client().has_told(&Event::Rebound));
    });
}

#[test]
fn rep_06_no_binding_in_rebind_requests_from_the_server_that_said_so() {
    over_seeds(100, |seed| {
        let mut world = orphaned(seed, ServerConfig::number(2));
        world.servers[1].model.dials.forget_addresses = true;
        world.servers[1].model.dials.forget_prefixes = true;
        world.run_until_sent(Request, 2, seconds(3000));
        let request = world.client().sent.last().expect("a Request").message.clone();
        assert!(request.server_ids().eq([&world.servers[1].model.config.duid]));
        assert_eq!((request.ia_nas().count(), request.ia_pds().count()), (1, 1));
        assert_eq!(world.client().usable().len(), 1, "the old address is still good");
        world.run_for(ANSWERED);
        assert_eq!(world.client().told(&Event::Unbound), 0);
        let new = "2001:db8:2::1000".parse().expect("an address");
        assert!(world.client().addresses().contains(&new), "what the new server gave");
    });
}

#[test]
fn reb_01_a_server_that_creates_bindings_gives_new_leases_beside_the_old() {
    over_seeds(100, |seed| {
        let second = ServerConfig { creates_on_renew: true, ..ServerConfig::number(2) };
        let mut world = orphaned(seed, second);
        world.run_until("rebound", seconds(3000), |world| world.client().has_told(&Event::Rebound));
        world.run_for(seconds(3));
        let addresses = world.client().usable();
        assert_eq!(addresses.len(), 2, "unmentioned leases stay to their end");
        world.run_for(seconds(7200));
        let addresses = world.client().usable();
        assert_eq!(addresses, ["2001:db8:2::1000".parse::<std::net::Ipv6Addr>().unwrap()]);
        assert_eq!(world.client().prefixes().len(), 1);
    });
}

#[test]
fn reb_01_a_server_that_calls_the_addresses_foreign_ends_them() {
    over_seeds(100, |seed| {
        let second = ServerConfig { strict_about_links: true, ..ServerConfig::number(2) };
        let mut world = orphaned(seed, second);
        world.run_until_sent(Rebind, 1, seconds(3000));
        world.run_for(ANSWERED);
        let old = "2001:db8:1::1000".parse().expect("an address");
        assert!(!world.client().addresses().contains(&old), "lifetimes of zero end a lease");
        world.run_until("another address", seconds(60), |world| {
            world.client().usable() == ["2001:db8:2::1000".parse::<std::net::Ipv6Addr>().unwrap()]
        });
    });
}

/// A duplicate is as if it had not been given; what comes in its place is.
#[test]
fn rep_02_dec_02_a_new_address_beside_one_that_is_to_be_declined_is_taken() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.renumbers = true;
        let address = world.client().addresses()[0];
        world.carrier(false);
        world.carrier(true);
        world.run_until_sent(Rebind, 1, seconds(1));
        world.command(Input::AddressDuplicate(address));
        world.run_until("rebound", ANSWERED, |world| world.client().has_told(&Event::Rebound));
        let client = world.client();
        assert_eq!(client.addresses().len(), 1);
        assert_ne!(client.addresses(), [address]);
    });
}

/// What a Decline is due for waits until the question is answered that is due
/// after the carrier was away.
#[test]
fn reb_04_fin_02_dec_02_a_duplicate_does_not_end_the_question_about_the_link() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let address = world.client().addresses()[0];
        world.carrier(false);
        world.carrier(true);
        world.command(Input::AddressDuplicate(address));
        world.run_until_sent(Decline, 1, seconds(3));
        assert_eq!(world.client().conversation()[..4], [Solicit, Request, Rebind, Decline]);
    });
}
