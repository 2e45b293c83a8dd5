//! Cases 1.1.1 to 1.1.6: every exchange once, the form of what is sent, and
//! that a client stays who it is.

use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::{DhcpOption, Ia, MessageType, code};

use crate::case::{
    ANSWERED, Ask, SEEDS, assert_common, bound, count, exchange, has, last, reach, server, times,
};
use crate::client::stateless;
use crate::grammar::requested;
use crate::oracle::messages::elapsed;
use crate::seeds::over_seeds;
use crate::world::{Restart, World, seconds};

use MessageType::{Confirm, Decline, InformationRequest, Rebind, Release, Renew, Request, Solicit};

/// An exchange ends with its Reply: nothing of the kind follows.
fn is_answered(kind: MessageType) {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, kind, true);
        world.run_for(seconds(20));
        assert_eq!(exchange(&world, kind).len(), 1, "{kind}");
    });
}

#[test]
fn ce_1_1_1_a_request_and_reply() {
    is_answered(Request);
}

#[test]
fn ce_1_1_1_b_confirm_and_reply() {
    is_answered(Confirm);
}

#[test]
fn ce_1_1_1_c_renew_and_reply() {
    is_answered(Renew);
}

#[test]
fn ce_1_1_1_d_rebind_and_reply() {
    is_answered(Rebind);
}

#[test]
fn ce_1_1_1_e_release_and_reply() {
    is_answered(Release);
}

#[test]
fn ce_1_1_1_f_decline_and_reply() {
    is_answered(Decline);
}

#[test]
fn ce_1_1_3_a_client_identifier_format() {
    over_seeds(SEEDS, |seed| {
        let world = bound(seed, Ask::Address);
        for sent in &world.client().sent {
            let ids: Vec<_> = sent.message.client_ids().collect();
            assert_eq!(ids, [&world.client().config.duid]);
        }
    });
}

#[test]
fn ce_1_1_3_b_ia_na_format() {
    over_seeds(SEEDS, |seed| {
        let solicit = last(&bound(seed, Ask::Address), Solicit);
        let [ia] = solicit.ia_nas().collect::<Vec<_>>()[..] else { panic!("one IA_NA") };
        assert_eq!((ia.t1, ia.t2), (Lifetime::ZERO, Lifetime::ZERO));
    });
}

#[test]
fn ce_1_1_3_c_server_identifier_format() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, Ask::Address);
        let request = last(&world, Request);
        let config = world.server().config.clone();
        assert_eq!(request.server_ids().collect::<Vec<_>>(), [&config.duid]);
    });
}

#[test]
fn ce_1_1_3_d_ia_address_format() {
    over_seeds(SEEDS, |seed| {
        let request = last(&bound(seed, Ask::Address), Request);
        let leases: Vec<_> = request.ia_nas().flat_map(Ia::addresses).collect();
        assert_eq!(leases.len(), 1);
        assert_eq!(leases[0].address.to_string(), "2001:db8:1::1000");
        assert_eq!((leases[0].preferred, leases[0].valid), (Lifetime::ZERO, Lifetime::ZERO));
    });
}

/// Solicit, Request, Renew and Rebind ask for an option.
fn is_requested(code: u16) {
    over_seeds(SEEDS, |seed| {
        for kind in [Solicit, Request, Renew, Rebind] {
            let message = last(&reach(seed, Ask::Address, kind, true), kind);
            assert!(requested(&message).contains(&code), "{kind}");
        }
    });
}

#[test]
fn ce_1_1_3_e_dns_servers_are_requested() {
    is_requested(code::DNS_SERVERS);
}

#[test]
fn ce_1_1_3_f_the_domain_list_is_requested() {
    is_requested(code::DOMAIN_LIST);
}

#[test]
fn ce_1_1_4_a_duid_format() {
    over_seeds(SEEDS, |seed| {
        let solicit = last(&bound(seed, Ask::Address), Solicit);
        let duid = solicit.client_ids().next().expect("one").octets().to_vec();
        assert!(matches!(duid[..2], [0, 1..=3]), "LLT, EN or LL: {duid:?}");
    });
}

#[test]
fn ce_1_1_4_b_duid_consistency_over_a_reboot() {
    over_seeds(SEEDS, |seed| {
        let mut world = bound(seed, Ask::Address);
        world.restart(Restart::Rebooted { off: seconds(3600), clock_is_trusted: true });
        world.run_until("bound", seconds(30), |world| world.snapshot().ready);
        let ids = world.client().sent.iter().flat_map(|sent| sent.message.client_ids());
        assert!(ids.collect::<Vec<_>>().windows(2).all(|pair| pair[0] == pair[1]));
    });
}

/// Zero in the first message, and its age in hundredths in the next.
fn tells_its_age(kind: MessageType, from: f64, to: f64) {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, kind, false);
        world.run_until_sent(kind, 2, seconds(20));
        let sent = exchange(&world, kind);
        assert_eq!(elapsed(&sent[0].message), 0, "{kind}");
        let second = f64::from(elapsed(&sent[1].message)) / 100.0;
        assert!((from - 0.01..=to + 0.01).contains(&second), "{kind}: {second}");
        assert!((second - times(&sent)[0]).abs() < 0.011);
    });
}

#[test]
fn ce_1_1_5_a_elapsed_time_of_solicit() {
    tells_its_age(Solicit, 1.0, 1.1);
}

#[test]
fn ce_1_1_5_b_elapsed_time_of_request() {
    tells_its_age(Request, 0.9, 1.1);
}

#[test]
fn ce_1_1_5_c_elapsed_time_of_confirm() {
    tells_its_age(Confirm, 0.9, 1.1);
}

#[test]
fn ce_1_1_5_d_elapsed_time_of_renew() {
    tells_its_age(Renew, 9.0, 11.0);
}

#[test]
fn ce_1_1_5_e_elapsed_time_of_rebind() {
    tells_its_age(Rebind, 9.0, 11.0);
}

#[test]
fn ce_1_1_5_f_elapsed_time_of_release() {
    tells_its_age(Release, 0.9, 1.1);
}

#[test]
fn ce_1_1_5_g_elapsed_time_of_decline() {
    tells_its_age(Decline, 0.9, 1.1);
}

#[test]
fn ce_1_1_5_h_elapsed_time_ends_at_all_ones() {
    over_seeds(SEEDS, |seed| {
        let mut world = reach(seed, Ask::Address, Solicit, false);
        world.run_for(seconds(4000));
        let sent = exchange(&world, Solicit);
        let old = sent.iter().filter(|one| one.at.since(sent[0].at) > seconds(656));
        let old: Vec<_> = old.map(|one| elapsed(&one.message)).collect();
        assert!(!old.is_empty() && old.iter().all(|time| *time == 0xffff), "{old:?}");
    });
}

#[test]
fn ce_1_1_6_iaid_consistency_over_a_restart() {
    over_seeds(SEEDS, |seed| {
        for ask in [Ask::Address, Ask::Prefix] {
            let mut world = bound(seed, ask);
            world.restart(Restart::Stopped);
            world.run_until("bound", seconds(30), |world| world.snapshot().ready);
            let messages = world.client().sent.iter().map(|sent| &sent.message);
            let iaids = messages.flat_map(|m| m.ia_nas().chain(m.ia_pds()).map(|ia| ia.iaid));
            assert!(iaids.collect::<Vec<_>>().windows(2).all(|pair| pair[0] == pair[1]));
        }
    });
}

#[test]
fn every_message_has_what_all_have() {
    over_seeds(SEEDS, |seed| {
        for kind in [Solicit, Request, Confirm, Renew, Rebind, Release, Decline] {
            let message = last(&reach(seed, Ask::Address, kind, true), kind);
            assert_common(&message);
            assert!(has(&message, code::IA_NA), "{kind}");
        }
        let mut world = World::new(seed, stateless(), [server()]);
        world.start();
        world.run_until_sent(InformationRequest, 1, seconds(2));
        world.run_for(ANSWERED);
        assert_common(&last(&world, InformationRequest));
        assert_eq!(count(&world, InformationRequest), 1);
        let accepts = |option: &DhcpOption| *option == DhcpOption::ReconfigureAccept;
        assert!(last(&world, InformationRequest).options.iter().any(accepts));
    });
}
