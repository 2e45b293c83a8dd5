//! From nothing to leases, or to options: the plain ways.

use dhc6c_core::engine::{Config, Event, PrefixRequest};
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{DhcpOption, MessageType, code};

use crate::client::{PD, stateless, wants_address, wants_both, wants_prefix, wants_prefixes};
use crate::grammar::requested;
use crate::seeds::over_seeds;
use crate::server::{Dials, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{Decline, InformationRequest, Renew, Request, Solicit};

#[test]
fn sol_01_req_01_four_messages_give_leases_and_options() {
    over_seeds(200, |seed| {
        for config in [wants_address(), wants_prefix(), wants_both()] {
            let (na, pd) = (config.address.is_some(), !config.prefixes.is_empty());
            let mut world = World::bound(seed, config, [ServerConfig::number(1)]);
            let client = world.client();
            assert_eq!(client.conversation(), [Solicit, Request]);
            assert_eq!(client.told(&Event::Bound), 1);
            assert_eq!(client.usable().len(), usize::from(na));
            assert_eq!(client.prefixes().len(), usize::from(pd));
            let resolver = client.kernel.actual.resolver.clone().expect("a resolver");
            assert_eq!(resolver.servers, ["2001:db8:1::53".parse::<std::net::Ipv6Addr>().unwrap()]);
            assert_eq!(resolver.domains.len(), 1);
            assert_eq!(world.state(), StateName::Bound);
            world.run_for(seconds(1000));
            assert_eq!(world.client().sent.len(), 2, "nothing is sent before T1");
        }
    });
}

#[test]
fn iaid_04_several_prefix_associations_get_a_prefix_each() {
    over_seeds(200, |seed| {
        let world = World::bound(seed, wants_prefixes(4), [ServerConfig::number(1)]);
        assert_eq!(world.client().prefixes().len(), 4);
        let snapshot = world.snapshot();
        let iaids: Vec<_> = snapshot.prefixes.iter().map(|prefix| prefix.iaid).collect();
        assert_eq!(iaids, (0..4).map(|index| PD.further(index)).collect::<Vec<_>>());
    });
}

#[test]
fn sol_02_the_first_solicit_is_delayed_by_up_to_a_second() {
    let delay = |seed, initial_delay| {
        let config = Config { initial_delay, ..wants_address() };
        let mut world = World::new(seed, config, [ServerConfig::number(1)]);
        world.start();
        world.run_until_sent(Solicit, 1, seconds(1));
        world.age()
    };
    let longest = std::cell::Cell::new(Duration::ZERO);
    over_seeds(200, |seed| {
        assert_eq!(delay(seed, false), Duration::ZERO);
        longest.set(longest.get().max(delay(seed, true)));
    });
    if std::env::var_os("SEED").is_none() {
        assert!(longest.get() > Duration::from_millis(800), "the whole second is used");
    }
}

#[test]
fn sol_14_two_messages_with_rapid_commit() {
    over_seeds(200, |seed| {
        let client = Config { rapid_commit: true, ..wants_both() };
        let server = ServerConfig { rapid_commit: true, ..ServerConfig::number(1) };
        let world = World::bound(seed, client, [server]);
        assert_eq!(world.client().conversation(), [Solicit]);
        assert_eq!((world.client().usable().len(), world.client().prefixes().len()), (1, 1));
    });
}

#[test]
fn sol_14_rapid_commit_offered_to_a_server_that_does_not_know_it() {
    over_seeds(200, |seed| {
        let client = Config { rapid_commit: true, ..wants_both() };
        let world = World::bound(seed, client, [ServerConfig::number(1)]);
        assert_eq!(world.client().conversation(), [Solicit, Request]);
    });
}

#[test]
fn sol_14_a_reply_to_solicit_without_rapid_commit_is_discarded() {
    over_seeds(200, |seed| {
        let client = Config { rapid_commit: true, ..wants_both() };
        let server = ServerConfig { rapid_commit: true, ..ServerConfig::number(1) };
        let mut world = World::new(seed, client, [server]);
        world.server().dials.hide_rapid_commit = true;
        world.start();
        world.run_for(seconds(30));
        assert_eq!(world.state(), StateName::Soliciting);
        world.server().dials = Dials::default();
        world.run_until("ready", seconds(40), |world| world.snapshot().ready);
    });
}

#[test]
fn inf_01_inf_02_a_stateless_client_asks_once_after_a_delay() {
    over_seeds(200, |seed| {
        let world = World::bound(seed, stateless(), [ServerConfig::number(1)]);
        let client = world.client();
        assert_eq!(client.conversation(), [InformationRequest]);
        assert!(client.has_told(&Event::Informed));
        assert!(client.kernel.actual.resolver.is_some());
        assert_eq!(world.state(), StateName::Informed);
        assert!(world.age() <= Duration::from_millis(1100), "{:?}", world.age());
    });
}

#[test]
fn inf_06_a_stateless_client_asks_again_on_a_new_link() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, stateless(), [ServerConfig::number(1)]);
        world.carrier(false);
        world.run_for(seconds(10));
        assert_eq!(world.client().sent.len(), 1);
        world.carrier(true);
        world.run_until_sent(InformationRequest, 2, Duration::from_millis(1001));
    });
}

#[test]
fn tx_12_nothing_is_sent_before_the_link_local_address_is_there() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        let link_local = world.clients[0].link.link_local.take();
        world.start();
        world.run_for(seconds(100));
        assert_eq!(world.client().sent.len(), 0);
        world.clients[0].link.link_local = link_local;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    });
}

#[test]
fn rep_03_an_address_is_used_once_duplicate_detection_has_passed_it() {
    over_seeds(200, |seed| {
        let mut world = World::new(seed, wants_address(), [ServerConfig::number(1)]);
        world.start();
        world.run_until("bound", seconds(10), |world| world.client().has_told(&Event::Bound));
        assert!(!world.snapshot().ready, "ready before the detection");
        assert_eq!(world.client().addresses().len(), 1, "the kernel has it, tentative");
        world.run_for(seconds(3));
        assert!(world.snapshot().ready);
    });
}

#[test]
fn rep_03_dec_01_a_duplicate_address_is_declined_and_another_one_asked_for() {
    over_seeds(200, |seed| {
        for config in [wants_address(), wants_both()] {
            let prefixes = config.prefixes.len();
            let mut world = World::new(seed, config, [ServerConfig::number(1)]);
            let taken = "2001:db8:1::1000".parse().expect("an address");
            world.clients[0].kernel.taken.insert(taken);
            world.start();
            world.run_until("ready", seconds(30), |world| world.snapshot().ready);
            let client = world.client();
            assert!(client.has_told(&Event::DadFailed(taken)));
            let declined = client.sent(Decline);
            let mut leases = declined[0].message.ia_nas().flat_map(|ia| ia.addresses());
            assert_eq!(leases.next().map(|lease| lease.address), Some(taken));
            assert!(!client.addresses().contains(&taken));
            assert_eq!(client.usable().len(), 1);
            assert_eq!(client.prefixes().len(), prefixes, "DEC-02: other leases stay");
        }
    });
}

#[test]
fn dec_01_a_decline_goes_out_four_times_at_most() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.clients[0].kernel.taken.insert("2001:db8:1::1000".parse().expect("an address"));
        world.server().dials.silent_to = [Decline].into();
        world.start();
        world.run_until("asking again", seconds(60), |world| {
            world.client().sent(Request).len() == 2
        });
        let declines = world.client().sent(Decline);
        assert_eq!(declines.len(), 4);
        assert!(declines.iter().all(|sent| sent.message.ia_pds().next().is_none()));
        assert_eq!(world.client().prefixes().len(), 1);
    });
}

#[test]
fn sol_03_hints_for_a_length_and_for_a_prefix() {
    over_seeds(100, |seed| {
        let hint = Some("2001:db8:1ab0::/56".parse().expect("a prefix"));
        for (wish, expected) in [
            (PrefixRequest { length: Some(60), ..PrefixRequest::any(PD) }, "2001:db8:1000::/60"),
            (PrefixRequest { hint, ..PrefixRequest::any(PD) }, "2001:db8:1ab0::/56"),
        ] {
            let prefixes = vec![wish];
            let client = Config { prefixes, ..wants_prefix() };
            let world = World::bound(seed, client, [ServerConfig::number(1)]);
            assert_eq!(world.client().prefixes(), [expected.parse().expect("a prefix")]);
        }
    });
}

#[test]
fn a_prefix_of_another_length_than_wished_is_taken() {
    over_seeds(50, |seed| {
        let prefixes = vec![PrefixRequest { length: Some(48), ..PrefixRequest::any(PD) }];
        let config = Config { prefixes, ..wants_prefix() };
        let mut world = World::new(seed, config, [ServerConfig::number(1)]);
        world.server().dials.ignore_hints = true;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(world.client().prefixes()[0].length(), 56);
    });
}

/// RFC 6603 §4.2, and its example of a /64 in a /59 with another prefix.
#[test]
fn an_excluded_prefix_is_asked_for_shown_and_sent_back_as_it_came() {
    over_seeds(50, |seed| {
        for (exclude, payload) in
            [(64, vec![64, 0xff]), (57, vec![57, 0x80]), (72, vec![72, 0xff, 0xff])]
        {
            let server = ServerConfig { exclude: Some(exclude), ..ServerConfig::number(1) };
            let mut world = World::bound(seed, wants_prefix(), [server]);
            let snapshot = world.snapshot();
            let excluded = snapshot.prefixes[0].excluded.expect("a part is excluded");
            assert_eq!(excluded.length(), exclude);
            assert!(snapshot.prefixes[0].prefix.covers(excluded));
            world.run_until_sent(Renew, 1, seconds(1801));
            for kind in [Request, Renew] {
                let sent = &world.client().sent(kind)[0].message;
                let prefix = sent.ia_pds().flat_map(|ia| ia.prefixes()).next().expect("a prefix");
                assert_eq!(prefix.pd_exclude(), Some(&payload[..]), "in {kind}");
            }
        }
    });
}

#[test]
fn dec_01_several_duplicates_of_one_association_are_declined_together() {
    over_seeds(50, |seed| {
        let mut world = World::new(seed, wants_address(), [ServerConfig::number(1)]);
        world.server().dials.extra_leases = 2;
        world.start();
        world.run_until_sent(Request, 1, seconds(5));
        world.run_for(Duration::from_millis(50));
        let addresses = world.client().addresses();
        assert_eq!(addresses.len(), 3);
        world.clients[0].kernel.taken = addresses.into_iter().collect();
        world.server().dials.extra_leases = 0;
        world.run_until("ready", seconds(60), |world| world.snapshot().ready);
        assert_eq!(world.client().usable().len(), 1);
    });
}

#[test]
fn sol_01_every_question_asks_for_what_the_configuration_says() {
    over_seeds(50, |seed| {
        let world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        for sent in &world.client().sent {
            let codes = requested(&sent.message);
            let wanted = [
                code::DNS_SERVERS,
                code::DOMAIN_LIST,
                code::SNTP_SERVERS,
                code::NTP_SERVER,
                code::PD_EXCLUDE,
                code::SOL_MAX_RT,
            ];
            assert_eq!(codes, wanted, "in {}", sent.message.kind);
            assert!(sent.message.options.contains(&DhcpOption::ReconfigureAccept));
        }
    });
}

#[test]
fn two_clients_on_one_link_do_not_get_in_each_others_way() {
    over_seeds(100, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        let duid = "0003000102000000c002".parse().expect("a DUID");
        world.add_client(Config { duid, ..wants_both() });
        world.start();
        world.run_for(seconds(10));
        let addresses: Vec<_> = world.clients.iter().flat_map(|client| client.usable()).collect();
        assert_eq!(addresses.len(), 2);
        assert_ne!(addresses[0], addresses[1]);
        let prefixes: Vec<_> = world.clients.iter().flat_map(|client| client.prefixes()).collect();
        assert_eq!(prefixes.len(), 2);
        assert_ne!(prefixes[0], prefixes[1]);
    });
}
