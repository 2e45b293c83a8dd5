//! Extending leases at the server that gave them (RFC 9915 §18.2.4).

use std::net::Ipv6Addr;

use dhc6c_core::engine::Event;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::{Duration, Lifetime};
use dhc6c_core::wire::{DhcpOption, MessageType, NtpSource, code};

use crate::client::{stateless, wants_address, wants_both, wants_prefixes};
use crate::oracle::leases;
use crate::seeds::over_seeds;
use crate::server::{Dials, ServerConfig, Times};
use crate::world::{World, seconds};

use MessageType::{InformationRequest, Rebind, Renew, Request, Solicit};

/// Longer than any answer takes here.
const ANSWERED: Duration = Duration::from_millis(50);

fn dns(text: &str) -> DhcpOption {
    DhcpOption::DnsServers(vec![text.parse().expect("an address")])
}

fn name_servers(world: &World) -> Vec<Ipv6Addr> {
    world.client().kernel.actual.resolver.clone().unwrap_or_default().servers
}

#[test]
fn ren_01_rep_02_ten_renewals_each_extend_all_leases_at_t1() {
    over_seeds(200, |seed| {
        let mut world = World::bound(seed, wants_prefixes(2), [ServerConfig::number(1)]);
        for renewal in 1..=10 {
            let before = world.client().kernel.actual.clone();
            world.run_until_sent(Renew, renewal, seconds(1801));
            let sent = world.client().sent.last().expect("a Renew").clone();
            let extended = sent.message.ia_nas().chain(sent.message.ia_pds()).flat_map(leases);
            assert_eq!(extended.count(), 3, "one exchange for everything");
            world.run_for(ANSWERED);
            let after = &world.client().kernel.actual;
            assert_eq!(world.client().told(&Event::Updated), renewal);
            assert!(before.addresses.keys().eq(after.addresses.keys()), "no address changes");
            for (address, lifetimes) in &after.addresses {
                let (old, new) = (before.addresses[address].valid, lifetimes.valid);
                assert!(old < new, "{address} is not extended");
                assert!(new.left(world.now) >= Lifetime(7199));
            }
            assert!(before.unreachable.keys().eq(after.unreachable.keys()));
        }
        let kinds = world.client().conversation();
        assert!(kinds[..2] == [Solicit, Request] && kinds[2..].iter().all(|kind| *kind == Renew));
        let first = world.client().sent(Renew)[0].at;
        let last = world.client().sent(Renew)[9].at;
        let period = last.since(first) / 9;
        assert!((seconds(1800)..seconds(1801)).contains(&period), "T1 is kept: {period:?}");
    });
}

#[test]
fn rep_08_rep_09_options_change_and_go_with_a_renewal() {
    over_seeds(100, |seed| {
        let ntp = NtpSource::Unicast("2001:db8:1::123".parse().expect("an address"));
        let server = ServerConfig::number(1).option(DhcpOption::NtpServer(vec![ntp]));
        let mut world = World::bound(seed, wants_both(), [server]);
        assert_eq!(world.snapshot().options.ntp, ["2001:db8:1::123"]);

        let config = world.server().config.clone().option(dns("2001:db8:1::54"));
        world.server().config = config;
        world.run_until_sent(Renew, 1, seconds(1801));
        world.run_for(ANSWERED);
        assert_eq!(name_servers(&world), ["2001:db8:1::54".parse::<Ipv6Addr>().unwrap()]);

        let all = [code::DNS_SERVERS, code::DOMAIN_LIST, code::NTP_SERVER];
        world.server().dials.withhold = all.into();
        world.run_until_sent(Renew, 2, seconds(1801));
        world.run_for(ANSWERED);
        assert_eq!(world.client().kernel.actual.resolver, None);
        assert_eq!(world.snapshot().options.ntp, [] as [&str; 0]);
        assert_eq!(world.client().usable().len(), 1, "leases are not options");
    });
}

#[test]
fn rep_08_inf_03_a_refresh_replaces_all_options() {
    over_seeds(100, |seed| {
        let refresh = DhcpOption::InformationRefreshTime(Lifetime(1200));
        let server = ServerConfig::number(1).option(refresh);
        let mut world = World::bound(seed, stateless(), [server]);
        let config = world.server().config.clone().option(dns("2001:db8:1::54"));
        world.server().config = config;
        world.server().dials.withhold = [code::DOMAIN_LIST].into();
        world.run_until_sent(InformationRequest, 2, seconds(1202));
        let sent = world.client().sent(InformationRequest);
        let pause = sent[1].at.since(sent[0].at);
        assert!((seconds(1200)..seconds(1202)).contains(&pause), "{pause:?}");
        world.run_for(ANSWERED);
        assert_eq!(name_servers(&world), ["2001:db8:1::54".parse::<Ipv6Addr>().unwrap()]);
        assert_eq!(world.snapshot().options.domains, []);
        assert_eq!(world.client().told(&Event::Informed), 2);
    });
}

#[test]
fn inf_03_the_refresh_time_has_a_default_a_minimum_and_a_never() {
    let cases = [
        (None, Some(86_400)),
        (Some(10), Some(600)),
        (Some(599), Some(600)),
        (Some(601), Some(601)),
        (Some(u32::MAX), None),
    ];
    over_seeds(50, |seed| {
        for (option, expected) in cases {
            let mut server = ServerConfig::number(1);
            if let Some(time) = option {
                server = server.option(DhcpOption::InformationRefreshTime(Lifetime(time)));
            }
            let mut world = World::bound(seed, stateless(), [server]);
            world.run_for(seconds(expected.unwrap_or(1_000_000)) + seconds(2));
            let sent = world.client().sent(InformationRequest);
            let Some(expected) = expected else {
                assert_eq!(sent.len(), 1, "infinite means never");
                continue;
            };
            let pause = sent[1].at.since(sent[0].at);
            let allowed = seconds(expected)..seconds(expected + 1) + ANSWERED;
            assert!(allowed.contains(&pause), "{option:?} gives {pause:?}");
        }
    });
}

#[test]
fn rep_12_an_infinite_lease_is_never_renewed() {
    over_seeds(50, |seed| {
        let server = ServerConfig::number(1).times(u32::MAX, u32::MAX, u32::MAX, u32::MAX);
        let mut world = World::bound(seed, wants_both(), [server]);
        world.run_for(seconds(10 * 365 * 86_400));
        assert_eq!(world.client().sent.len(), 2);
        assert_eq!((world.client().usable().len(), world.client().prefixes().len()), (1, 1));
        let snapshot = world.snapshot();
        assert_eq!(snapshot.addresses[0].valid, Lifetime::INFINITE);
        assert_eq!(snapshot.timers.expect("there are leases").t1, Lifetime::INFINITE);
    });
}

#[test]
fn rep_12_timers_of_infinity_and_finite_leases_end_with_the_leases() {
    over_seeds(50, |seed| {
        let server = ServerConfig::number(1).times(u32::MAX, u32::MAX, 3600, 7200);
        let mut world = World::bound(seed, wants_both(), [server]);
        world.run_for(seconds(7100));
        let sent = world.client().conversation();
        assert_eq!(sent, [Solicit, Request], "no Renew, no Rebind");
        world.run_for(seconds(120));
        assert_eq!(world.client().told(&Event::Bound), 2);
    });
}

#[test]
fn rep_13_timers_of_zero_are_the_clients_choice_but_one_for_all() {
    over_seeds(100, |seed| {
        let server = ServerConfig::number(1).times(0, 0, 1800, 3600);
        let mut world = World::bound(seed, wants_prefixes(3), [server]);
        world.run_until_sent(Renew, 1, seconds(1801));
        let (request, renew) = (world.client().sent[1].at, world.client().sent[2].at);
        assert!(renew.since(request) >= seconds(899), "not before half of the preferred lifetime");
        world.run_for(seconds(800));
        assert_eq!(world.client().sent(Renew).len(), 1, "all associations in one exchange");
    });
}

#[test]
fn rep_14_the_earliest_timers_of_all_associations_count() {
    over_seeds(100, |seed| {
        let mut world =
            World::new(seed, wants_both(), [ServerConfig::number(1).times(3600, 5760, 7200, 9000)]);
        // RFC 7550 §4.3 has these numbers.
        world.server().dials.prefix_times = Some(Times::new(0, 1800, 7200, 9000));
        world.start();
        world.run_until_sent(Request, 1, seconds(10));
        world.run_for(ANSWERED);
        world.server().dials.silent = true;
        let bound = world.client().sent(Request)[0].at;
        world.run_until_sent(Rebind, 1, seconds(1801));
        let renew = world.client().sent(Renew).first().map(|sent| sent.at.since(bound));
        assert!(renew.is_none_or(|renew| renew <= seconds(1801)));
        let rebind = world.client().sent(Rebind)[0].at.since(bound);
        assert!((seconds(1799)..=seconds(1801)).contains(&rebind), "{rebind:?}");
    });
}

#[test]
fn rep_14_a_renew_at_the_earliest_t1_names_all_associations() {
    over_seeds(100, |seed| {
        for (na, pd) in [((1800, 2880), (900, 2880)), ((900, 2880), (1800, 2880))] {
            let server = ServerConfig::number(1).times(na.0, na.1, 3600, 7200);
            let mut world = World::new(seed, wants_both(), [server]);
            world.server().dials.prefix_times = Some(Times::new(pd.0, pd.1, 3600, 7200));
            world.start();
            world.run_until_sent(Renew, 1, seconds(2000));
            let [_, request, renew] = &world.client().sent[..] else { panic!("three messages") };
            let t1 = renew.at.since(request.at);
            assert!((seconds(900)..seconds(901)).contains(&t1), "{t1:?}");
            assert_eq!(renew.message.ia_nas().chain(renew.message.ia_pds()).count(), 2);
        }
    });
}

#[test]
fn rep_15_timers_beyond_the_lease_do_not_lose_it() {
    over_seeds(30, |seed| {
        for times in [(120, 192, 20, 30), (30, 30, 30, 30), (100, 0, 20, 30), (0, 100, 20, 30)] {
            let (t1, t2, preferred, valid) = times;
            let server = ServerConfig::number(1).times(t1, t2, preferred, valid);
            let mut world = World::bound(seed, wants_both(), [server]);
            world.run_for(seconds(600));
            let client = world.client();
            assert_eq!(client.told(&Event::Unbound), 0, "{times:?} loses the lease");
            let extended = client.told(&Event::Updated) + client.told(&Event::Rebound);
            assert!((19..=60).contains(&extended), "{times:?}: {extended} in 20 lifetimes");
        }
    });
}

#[test]
fn rep_15_a_lifetime_of_seconds_does_not_make_a_storm() {
    over_seeds(10, |seed| {
        for times in [(0, 0, 1, 2), (1, 1, 1, 1), (0, 0, 0, 3600), (1, 2, 3600, 7200)] {
            let (t1, t2, preferred, valid) = times;
            let server = ServerConfig::number(1).times(t1, t2, preferred, valid);
            let mut world = World::new(seed, wants_both(), [server]);
            world.start();
            // The send limit is judged at every step.
            world.run_for(seconds(300));
            assert!(world.client().sent.len() <= 301, "{times:?}");
        }
    });
}

#[test]
fn ren_04_an_unanswered_renew_goes_on_until_t2_and_no_further() {
    over_seeds(200, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let bound = world.client().sent(Request)[0].at;
        world.server().dials.silent = true;
        world.run_for(seconds(7000));
        let last_renew = world.client().sent(Renew).last().expect("a Renew").at;
        let first_rebind = world.client().sent(Rebind)[0].at;
        assert!(last_renew < first_rebind);
        let t2 = first_rebind.since(bound);
        assert!((seconds(2880)..seconds(2881)).contains(&t2), "T2 is kept: {t2:?}");
        assert!(world.client().sent(Renew).len() >= 5);
        assert_eq!(world.client().usable().len(), 1, "the lease is used meanwhile");
    });
}

#[test]
fn ren_01_a_server_that_comes_back_before_t2_extends_the_leases() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.silent = true;
        world.run_until_sent(Renew, 3, seconds(2000));
        world.server().dials = Dials::default();
        world.run_until("extended", seconds(200), |world| world.client().has_told(&Event::Updated));
        assert_eq!(world.client().sent(Rebind).len(), 0);
        assert_eq!(world.state(), StateName::Bound);
    });
}

#[test]
fn ren_05_a_new_link_local_address_renews_at_once() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.run_for(seconds(100));
        world.clients[0].link.link_local = Some("fe80::c0:ffee".parse().expect("an address"));
        world.start();
        world.run_until_sent(Renew, 1, seconds(2));
        world.run_until("extended", ANSWERED, |world| world.client().has_told(&Event::Updated));
    });
}

/// What the shell says of the link-local address, one after the other.
fn link_local_becomes(world: &mut World, steps: &[Option<Ipv6Addr>]) {
    for step in steps {
        world.note(format!("link-local address {step:?}"));
        world.clients[0].link.link_local = *step;
        world.start();
        world.run_for(seconds(2));
    }
}

#[test]
fn ren_05_a_new_link_local_address_after_none_renews_once() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let new = "fe80::c0:ffee".parse().expect("an address");
        world.run_for(seconds(100));
        link_local_becomes(&mut world, &[None]);
        assert_eq!(world.client().sent(Renew).len(), 0, "there is nothing to send it from");
        link_local_becomes(&mut world, &[Some(new), Some(new)]);
        world.run_for(seconds(600));
        assert_eq!(world.client().sent(Renew).len(), 1);
        assert_eq!(world.client().told(&Event::Updated), 1);
        assert_eq!(world.client().told(&Event::Unbound), 0);
    });
}

#[test]
fn ren_05_a_link_local_address_that_stays_or_comes_back_does_not_renew() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let old = world.client().link.link_local;
        world.run_for(seconds(100));
        link_local_becomes(&mut world, &[None, old]);
        // Another one beside it: the shell goes on naming the old one.
        link_local_becomes(&mut world, &[old]);
        world.run_for(seconds(600));
        assert_eq!(world.client().conversation(), [Solicit, Request]);
        assert_eq!(world.state(), StateName::Bound);
    });
}

#[test]
fn rep_02_a_lease_with_a_valid_lifetime_of_zero_is_gone_at_once() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.zero_lifetimes = true;
        world.run_until_sent(Renew, 1, seconds(1801));
        world.run_for(ANSWERED);
        assert!(world.client().addresses().is_empty() || world.client().sent.len() > 3);
        world.server().dials = Dials::default();
        world.run_until("ready again", seconds(60), |world| world.snapshot().ready);
        assert_eq!((world.client().usable().len(), world.client().prefixes().len()), (1, 1));
    });
}

#[test]
fn rx_07_rx_08_contradictory_times_in_a_renewal_change_nothing() {
    over_seeds(100, |seed| {
        let dials = [
            Dials { t1_over_t2: true, ..Dials::default() },
            Dials { preferred_over_valid: true, ..Dials::default() },
        ];
        for dials in dials {
            let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
            let before = world.client().kernel.actual.clone();
            world.server().dials = dials;
            world.run_until_sent(Renew, 3, seconds(1900));
            assert_eq!(world.client().kernel.actual.addresses, before.addresses);
            assert_eq!(world.client().kernel.actual.unreachable, before.unreachable);
            world.server().dials = Dials::default();
            world.run_until("extended", seconds(1100), |world| {
                world.client().kernel.actual.addresses != before.addresses
            });
        }
    });
}

#[test]
fn rx_07_rx_08_contradictory_times_in_a_first_answer_bind_nothing() {
    over_seeds(50, |seed| {
        let dials = [
            Dials { t1_over_t2: true, ..Dials::default() },
            Dials { preferred_over_valid: true, ..Dials::default() },
        ];
        for dials in dials {
            let mut world = World::new(seed, wants_address(), [ServerConfig::number(1)]);
            world.server().dials = dials;
            world.start();
            world.run_for(seconds(60));
            assert!(world.client().addresses().is_empty());
            world.server().dials = Dials::default();
            world.run_until("ready", seconds(130), |world| world.snapshot().ready);
        }
    });
}
