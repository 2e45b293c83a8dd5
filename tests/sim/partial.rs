//! Servers that give a part of what is wanted: it is kept, and the rest is
//! asked for again (RFC 9915 §18.2.10.1, RFC 7550).

use dhc6c_core::engine::{Config, Event, PrefixRequest};
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{MessageType, StatusCode};

use crate::client::{PD, wants_address, wants_both, wants_prefixes};
use crate::oracle::leases;
use crate::seeds::over_seeds;
use crate::server::{Dials, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{Decline, Rebind, Renew, Request, Solicit};

const ANSWERED: Duration = Duration::from_millis(50);

fn honest() -> Dials {
    Dials::default()
}

/// How many addresses and prefixes the client has.
fn holds(world: &World) -> (usize, usize) {
    (world.client().addresses().len(), world.client().prefixes().len())
}

#[test]
fn sol_08_sol_13_an_address_without_a_prefix_is_kept_and_the_prefix_asked_for_again() {
    over_seeds(100, |seed| {
        let no_prefix = [
            Dials { refuse_prefixes: true, ..honest() },
            Dials { omit_prefixes: true, ..honest() },
            Dials { refuse_prefixes: true, refuse_without_status: true, ..honest() },
        ];
        for dials in no_prefix {
            let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
            world.server().dials = dials;
            world.start();
            world.run_until("bound", seconds(5), |world| world.client().has_told(&Event::Bound));
            assert_eq!(holds(&world), (1, 0));
            let request = &world.client().sent(Request)[0].message;
            assert_eq!(request.ia_pds().count(), 1, "what was not offered is asked for (REQ-01)");
            world.server().dials = honest();
            world.run_until_sent(Renew, 1, seconds(1801));
            assert_eq!(world.client().sent(Renew)[0].message.ia_pds().count(), 1, "REN-03");
            world.run_for(ANSWERED);
            assert_eq!(holds(&world), (1, 1));
            assert_eq!(world.client().sent(Solicit).len(), 1);
        }
    });
}

#[test]
fn sol_08_sol_13_a_prefix_without_an_address_is_kept_and_the_address_asked_for_again() {
    over_seeds(100, |seed| {
        let no_address = [
            Dials { refuse_addresses: true, ..honest() },
            Dials { omit_addresses: true, ..honest() },
            Dials { refuse_addresses: true, refuse_without_status: true, ..honest() },
        ];
        for dials in no_address {
            let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
            world.server().dials = dials;
            world.start();
            world.run_until("bound", seconds(5), |world| world.client().has_told(&Event::Bound));
            assert_eq!(holds(&world), (0, 1));
            world.server().dials = honest();
            world.run_until_sent(Renew, 1, seconds(1801));
            world.run_for(seconds(3));
            assert_eq!((world.client().usable().len(), holds(&world).1), (1, 1));
        }
    });
}

#[test]
fn sol_13_a_part_refused_and_a_part_given_is_ready() {
    over_seeds(100, |seed| {
        let refusals = [
            Dials { refuse_prefixes: true, ..honest() },
            Dials { refuse_addresses: true, ..honest() },
            Dials { refuse_prefixes: true, refuse_without_status: true, ..honest() },
            Dials { omit_prefixes: true, ..honest() },
        ];
        for dials in refusals {
            let said = format!("{dials:?}");
            let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
            world.server().dials = dials;
            world.start();
            world.note(said);
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
            assert_eq!(world.state(), StateName::Bound);
        }
    });
}

#[test]
fn sol_09_sol_13_a_refusal_at_the_top_of_an_advertisement() {
    over_seeds(100, |seed| {
        for code in [StatusCode::NO_ADDRS_AVAIL, StatusCode::UNSPEC_FAIL] {
            let mut world = World::new(seed, wants_address(), [ServerConfig::number(1)]);
            world.server().dials.advertise_status = Some(code);
            world.start();
            world.run_for(seconds(60));
            assert_eq!(world.client().sent(Request).len(), 0);
            assert!(world.snapshot().last_error.is_some(), "REP-10");
            world.server().dials = honest();
            world.run_until("ready", seconds(70), |world| world.snapshot().ready);
        }
    });
}

#[test]
fn rep_06_no_binding_in_renew_requests_again_with_all_associations() {
    over_seeds(200, |seed| {
        let forgotten = [
            Dials { forget_addresses: true, ..honest() },
            Dials { forget_prefixes: true, ..honest() },
            Dials { forget_addresses: true, forget_prefixes: true, ..honest() },
        ];
        for dials in forgotten {
            let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
            world.server().dials = dials;
            world.run_until_sent(Request, 2, seconds(1801));
            assert_eq!(holds(&world), (1, 1), "everything stays in use meanwhile");
            let renews = world.client().sent(Renew).len();
            assert_eq!(renews, 1, "no further Renew");
            let request = &world.client().sent(Request)[1].message;
            assert_eq!((request.ia_nas().count(), request.ia_pds().count()), (1, 1));
            world.run_for(ANSWERED);
            assert_eq!(world.state(), StateName::Bound);
            assert_eq!(world.client().told(&Event::Unbound), 0);
            assert!(world.snapshot().addresses[0].valid.0 >= 7199, "extended by the Request");
        }
    });
}

#[test]
fn rep_06_a_server_that_lost_its_leases_gives_them_again() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let before = world.client().kernel.actual.clone();
        world.server().forget();
        world.run_until_sent(Request, 2, seconds(1801));
        world.run_for(ANSWERED);
        let after = &world.client().kernel.actual;
        assert!(before.addresses.keys().eq(after.addresses.keys()), "hints are honoured");
        assert!(before.unreachable.keys().eq(after.unreachable.keys()));
        assert_eq!(world.server().store.bindings().count(), 2);
    });
}

#[test]
fn rep_07_an_association_missing_in_the_reply_keeps_its_leases() {
    over_seeds(200, |seed| {
        let omissions =
            [Dials { omit_addresses: true, ..honest() }, Dials { omit_prefixes: true, ..honest() }];
        for dials in omissions {
            let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
            world.server().dials = dials;
            world.run_until_sent(Renew, 2, seconds(1900));
            assert_eq!(holds(&world), (1, 1));
            let renews = world.client().sent(Renew);
            let pause = renews[1].at.since(renews[0].at);
            // As if the Reply had not come (RFC 9915 §18.2.10.1).
            assert!((seconds(9)..=seconds(11)).contains(&pause), "{pause:?}");
            world.run_for(seconds(600));
            assert!(world.client().sent(Renew).len() <= 8, "the rate is limited");
            world.server().dials = honest();
            world.run_until("complete", seconds(700), |world| world.state() == StateName::Bound);
            assert!(world.snapshot().addresses[0].valid.0 >= 7199);
            assert!(world.snapshot().prefixes[0].valid.0 >= 7199);
        }
    });
}

#[test]
fn rep_07_what_is_left_out_for_ever_ends_when_its_time_comes() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.omit_prefixes = true;
        world.run_for(seconds(7100));
        assert_eq!(holds(&world), (1, 1));
        world.run_for(seconds(1000));
        assert_eq!(holds(&world), (1, 0));
        assert_eq!(world.client().told(&Event::Unbound), 0);
        world.run_for(seconds(20_000));
        assert_eq!(holds(&world), (1, 0), "the address is kept going");
        assert!(world.client().sent.len() < 200, "{} messages", world.client().sent.len());
    });
}

/// The failure counts, whatever lifetimes stand beside it.
#[test]
fn rep_02_a_status_within_a_lease_ends_that_lease() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.lease_status = Some(StatusCode::NO_PREFIX_AVAIL);
        world.run_until_sent(Renew, 1, seconds(1801));
        world.run_for(ANSWERED);
        assert_eq!(holds(&world), (0, 0));
        world.server().dials = honest();
        world.run_until("ready again", seconds(60), |world| world.snapshot().ready);
        assert_eq!(holds(&world), (1, 1));
    });
}

#[test]
fn ren_02_a_prefix_that_was_only_wished_for_is_not_renewed() {
    over_seeds(50, |seed| {
        let hint = Some("2001:db8:1ab0::/56".parse().expect("a prefix"));
        let prefixes = vec![PrefixRequest { hint, ..PrefixRequest::any(PD) }];
        let config = Config { prefixes, ..wants_both() };
        let mut world = World::new(seed, config, [ServerConfig::number(1)]);
        world.server().dials.refuse_prefixes = true;
        world.start();
        world.run_until("bound", seconds(5), |world| world.client().has_told(&Event::Bound));
        // The oracle refuses leases in Renew and Rebind that nobody gave.
        world.run_until_sent(Renew, 1, seconds(1801));
        world.server().dials.silent = true;
        world.run_until_sent(Rebind, 1, seconds(5000));
        let rebind = &world.client().sent.last().expect("a Rebind").message;
        assert!(rebind.ia_pds().flat_map(leases).all(|lease| lease.is_hint()));
    });
}

#[test]
fn rep_11_dec_02_after_a_duplicate_the_prefix_stays_and_the_address_is_asked_for() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.clients[0].kernel.taken.insert("2001:db8:1::1000".parse().expect("an address"));
        world.server().dials.silent_to = [MessageType::Decline].into();
        world.start();
        world.run_until("bound", seconds(5), |world| world.client().has_told(&Event::Bound));
        world.run_for(seconds(5));
        assert_eq!(holds(&world), (0, 1));
        world.server().dials = honest();
        world.run_until("ready", seconds(60), |world| world.snapshot().ready);
        assert_eq!(holds(&world), (1, 1));
    });
}

/// What is held comes first; and its answer does not give the address again
/// that the server has not been told of.
#[test]
fn dec_01_cnf_05_a_decline_that_a_flap_interrupts_goes_on_after_it() {
    over_seeds(50, |seed| {
        for config in [wants_both(), wants_address()] {
            let has_prefix = !config.prefixes.is_empty();
            let mut world = World::new(seed, config, [ServerConfig::number(1)]);
            let taken = "2001:db8:1::1000".parse().expect("an address");
            world.clients[0].kernel.taken.insert(taken);
            world.server().dials.silent_to = [Decline].into();
            world.start();
            world.run_until_sent(Decline, 1, seconds(10));
            let from = world.client().sent.len();
            world.carrier(false);
            world.run_for(seconds(1));
            world.server().dials = honest();
            world.carrier(true);
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
            let said: Vec<_> = world.client().conversation().split_off(from);
            let next = if has_prefix { Request } else { Solicit };
            let expected = if has_prefix { &[Rebind, Decline, next][..] } else { &[Decline, next] };
            assert_eq!(said[..expected.len()], *expected);
            for sent in world.client().sent[from..].iter().filter(|s| s.message.kind == Rebind) {
                assert_eq!(sent.message.ia_nas().count(), 0);
            }
            let told = world.client().events.iter();
            let duplicates = told.filter(|(_, event)| matches!(event, Event::DadFailed(_)));
            assert_eq!(duplicates.count(), 1, "the same address is not given again");
            assert_eq!(world.client().usable().len(), 1);
        }
    });
}

#[test]
fn rep_02_a_prefix_given_to_two_associations_is_held_once() {
    over_seeds(50, |seed| {
        let mut world = World::new(seed, wants_prefixes(2), [ServerConfig::number(1)]);
        world.server().dials.same_prefix = true;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(world.snapshot().prefixes.len(), 1);
        world.run_until_sent(Renew, 3, seconds(3 * 1801));
        for renew in world.client().sent(Renew) {
            assert_eq!(renew.message.ia_pds().count(), 2);
            assert_eq!(renew.message.ia_pds().flat_map(leases).count(), 1);
        }
        assert_eq!(world.client().conversation()[2..], [Renew; 3]);
        world.server().dials = honest();
        world.run_until("complete", seconds(2 * 1801), |world| holds(world) == (1, 2));
    });
}
