//! Asking for what the routers of the link say there is (RFC 4861 §4.2, RFC
//! 7084 WAA-6 and WPD-4, RFC 9762 §7).

use dhc6c_core::engine::{Config, Event, Input};
use dhc6c_core::reason::DropReason;
use dhc6c_core::snapshot::{Mode, StateName};
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{Ia, MessageType};

use crate::client::{wants_address, wants_both};
use crate::router::Router;
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{Restart, World, seconds};

use MessageType::{Confirm, InformationRequest, Rebind, Renew, Request, Solicit};

/// Longer than any answer takes here.
const ANSWERED: Duration = Duration::from_millis(50);

fn auto(config: Config) -> Config {
    Config { mode: Mode::Auto, initial_delay: false, ..config }
}

/// A client that follows the routers, and has heard nothing yet.
fn quiet(seed: u64, config: Config) -> World {
    let mut world = World::new(seed, auto(config), [ServerConfig::number(1)]);
    world.start();
    world.run_for(seconds(2));
    assert!(world.client().sent.is_empty(), "nobody has said that there is anything");
    world
}

/// The same, bound after a router has spoken.
fn bound(seed: u64, config: Config, router: &Router) -> World {
    let mut world = quiet(seed, config);
    world.hear(router);
    world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    assert_eq!(world.snapshot().mode, Mode::Auto);
    world
}

fn holds(world: &World) -> (usize, usize) {
    (world.client().addresses().len(), world.client().prefixes().len())
}

#[test]
fn ra_01_routers_are_asked_until_one_says_something() {
    over_seeds(100, |seed| {
        let mut world = quiet(seed, wants_address());
        world.run_for(seconds(600));
        let asked = world.client().solicited.clone();
        assert!(asked.len() >= 6, "{asked:?}");
        let gaps: Vec<_> = asked.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        assert!((seconds(3)..seconds(5)).contains(&gaps[0]), "{gaps:?}");
        assert!(gaps.windows(2).all(|pair| pair[1] > pair[0]), "slower and slower: {gaps:?}");
        world.hear(&Router::default());
        world.run_for(seconds(86_400));
        assert_eq!(world.client().solicited.len(), asked.len());
        assert!(world.client().sent.is_empty(), "there is nothing to ask for");
        assert_eq!(world.state(), StateName::Idle);
        // Another link perhaps: its routers are asked again.
        world.carrier(false);
        world.run_for(seconds(5));
        world.carrier(true);
        world.run_for(seconds(2));
        assert_eq!(world.client().solicited.len(), asked.len() + 1);
    });
}

#[test]
fn inf_07_the_flags_decide_what_is_asked_for() {
    over_seeds(50, |seed| {
        let (managed, other) = (Router::default().managed(), Router::default().other());
        // A host.
        let world = bound(seed, wants_address(), &managed);
        assert_eq!(holds(&world), (1, 0));
        let world = bound(seed, wants_address(), &other);
        assert_eq!(world.client().conversation(), [InformationRequest]);
        assert_eq!(world.state(), StateName::Informed);
        // A router: prefixes on either flag (RFC 7084 WPD-4), addresses on M.
        let world = bound(seed, wants_both(), &managed.clone().other());
        assert_eq!(holds(&world), (1, 1));
        let world = bound(seed, wants_both(), &other);
        assert_eq!(holds(&world), (0, 1));
        assert_eq!(world.client().conversation(), [Solicit, Request]);
    });
}

#[test]
fn inf_07_a_flag_that_comes_later_adds_and_one_that_goes_takes_nothing() {
    over_seeds(50, |seed| {
        let mut world = bound(seed, wants_both(), &Router::default().other());
        world.hear(&Router::default().managed());
        world.run_until("address", seconds(20), |world| holds(world) == (1, 1));
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(world.client().told(&Event::Unbound), 0);
        let said = world.client().sent.len();
        world.hear(&Router::default());
        world.run_for(seconds(1700));
        assert_eq!(world.client().sent.len(), said);
        world.run_until_sent(Renew, 2, seconds(2000));
        world.run_for(ANSWERED);
        assert_eq!(holds(&world), (1, 1));
        // A stateless client becomes one with leases, and keeps its options
        // until it has some.
        let mut world = bound(seed, wants_address(), &Router::default().other());
        world.hear(&Router::default().managed());
        assert!(world.client().kernel.actual.resolver.is_some());
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(holds(&world), (1, 0));
    });
}

/// A prefix of the link ends at the instant of the stop.
#[test]
fn ra_01_nothing_is_told_after_the_stop() {
    over_seeds(20, |seed| {
        let router = Router::default().managed().prefix("2001:db8:a::/64", 1000);
        let mut world = bound(seed, wants_both(), &router);
        let heard = world.client().events.iter().find(|(_, told)| *told == Event::RouterUpdated);
        let end = heard.expect("a router was heard").0 + seconds(1000);
        world.run_for(end.since(world.now).saturating_sub(Duration::from_millis(1)));
        world.now = end;
        world.stop();
        world.run_for(seconds(100));
        assert_eq!(world.client().events.last().map(|(_, told)| told), Some(&Event::Stopped));
    });
}

#[test]
fn ra_01_a_storm_of_advertisements_asks_for_nothing_and_takes_no_room() {
    over_seeds(3, |seed| {
        let mut world = bound(seed, wants_both(), &Router::default().managed());
        let sent = world.client().sent.len();
        for number in 0..30_000_u32 {
            let mut router = Router::default();
            if number % 2 == 0 {
                router = router.managed();
            }
            if number % 3 == 0 {
                router = router.other();
            }
            // Every one brings a prefix that nobody has seen, and the end of
            // a route.
            let router = router.prefix(&format!("2001:db8:{:x}::/64", number % 0xfff0), 600);
            world.hear(&router.route(&format!("2001:db8:{:x}::/48", number % 0xfff0), 0));
        }
        assert!(world.client().sent.len() <= sent + 1, "one change at most");
        world.run_for(seconds(60));
        assert!(world.client().sent.len() <= sent + 4);
        assert_eq!(holds(&world), (1, 1));
    });
}

#[test]
fn ra_01_what_is_no_advertisement_of_this_link_is_counted_and_ignored() {
    over_seeds(5, |seed| {
        let mut world = quiet(seed, wants_address());
        let good = Router::default().managed().message();
        let mut forged = good.clone();
        forged.hop_limit = 254;
        world.command(Input::Router(forged));
        let mut foreign = good.clone();
        foreign.source = "2001:db8::1".parse().unwrap();
        world.command(Input::Router(foreign));
        let mut endless = good;
        endless.octets.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        world.command(Input::Router(endless));
        world.run_for(seconds(20));
        assert!(world.client().sent.is_empty());
        let dropped = world.snapshot().counters.dropped;
        assert_eq!(dropped.of(DropReason::Destination), 2);
        assert_eq!(dropped.of(DropReason::OptionMalformed), 1);
    });
}

#[test]
fn pf_01_pf_02_a_prefix_that_stands_for_delegation_starts_and_ends_it() {
    over_seeds(50, |seed| {
        let delegating = Router::default().delegating("2001:db8:f::/64", 1800);
        let mut world = bound(seed, wants_address(), &delegating);
        assert_eq!(holds(&world), (0, 1), "a prefix, and no address");
        // A link-local one, and one without a preferred lifetime, say nothing.
        let mut other = quiet(seed, wants_address());
        other.hear(&Router::default().delegating("fe80::/64", 1800));
        other.hear(&Router::default().delegating("2001:db8:f::/64", 0));
        other.run_for(seconds(20));
        assert!(other.client().sent.is_empty());
        // The last one goes: the prefix is used to its end and not extended.
        let held = world.client().prefixes();
        world.hear(&Router::default().delegating("2001:db8:f::/64", 0));
        let said = world.client().sent.len();
        world.run_for(seconds(7000));
        assert_eq!(world.client().sent.len(), said, "neither Renew nor Rebind");
        assert_eq!(world.client().prefixes(), held);
        world.run_for(seconds(300));
        assert_eq!(holds(&world), (0, 0));
        assert_eq!((world.client().sent.len(), world.state()), (said, StateName::Idle));
        // It comes back.
        world.hear(&delegating);
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(world.client().prefixes(), held, "what it had before");
    });
}

#[test]
fn pf_02_its_own_end_removes_a_prefix_and_configured_delegation_goes_on() {
    over_seeds(20, |seed| {
        let router = Router::default().delegating("2001:db8:f::/64", 900);
        let mut world = bound(seed, wants_address(), &router);
        world.run_for(seconds(1900));
        assert_eq!(world.client().sent(Renew).len(), 0, "the list is empty since 900 s");
        let mut world = bound(seed, wants_both(), &router);
        world.run_until_sent(Renew, 1, seconds(1900));
        world.run_for(ANSWERED);
        assert_eq!(holds(&world), (0, 1), "somebody has asked for it besides");
    });
}

#[test]
fn pf_03_a_change_of_the_list_rebinds_but_for_an_empty_one() {
    over_seeds(50, |seed| {
        let router = Router::default().delegating("2001:db8:f::/64", 1800);
        let mut world = bound(seed, wants_address(), &router);
        world.run_for(seconds(40));
        world.hear(&router);
        world.run_for(seconds(40));
        assert_eq!(world.client().sent(Rebind).len(), 0, "nothing has changed");
        let more = router.clone().delegating("2001:db8:e::/64", 1800);
        world.hear(&more);
        world.run_for(seconds(2));
        assert_eq!(world.client().sent(Rebind).len(), 1);
        // Several changes are one question in 30 s.
        for number in 0..10 {
            world.hear(&more.clone().delegating(&format!("2001:db8:{number}::/64"), 1800));
            world.run_for(seconds(1));
        }
        world.run_for(seconds(60));
        assert_eq!(world.client().sent(Rebind).len(), 2);
        assert_eq!(holds(&world), (0, 1));
        let gone =
            |router: Router, number: u32| router.delegating(&format!("2001:db8:{number}::/64"), 0);
        let all = (0..10).fold(Router::default(), gone);
        let all = all.delegating("2001:db8:e::/64", 0).delegating("2001:db8:f::/64", 0);
        world.hear(&all);
        world.run_for(seconds(60));
        assert_eq!(world.client().sent(Rebind).len(), 2, "not about an empty list");
        // Neither where somebody has asked for prefixes besides.
        let mut world = bound(seed, wants_both(), &router);
        world.run_for(seconds(40));
        world.hear(&Router::default().delegating("2001:db8:f::/64", 0));
        world.run_for(seconds(60));
        assert_eq!(world.client().sent(Rebind).len() + world.client().sent(Renew).len(), 0);
    });
}

#[test]
fn pf_04_the_length_asked_for_and_taken_is_one_that_hosts_can_use() {
    over_seeds(20, |seed| {
        let router = Router::default().delegating("2001:db8:f::/64", 1800);
        let world = bound(seed, wants_address(), &router);
        let solicit = &world.client().sent(Solicit)[0].message;
        let lengths: Vec<_> =
            solicit.ia_pds().flat_map(Ia::prefixes).map(|lease| lease.prefix.length()).collect();
        assert_eq!(lengths, [64]);
        let mut world = quiet(seed, wants_address());
        world.server().dials.ignore_hints = true;
        world.server().config.prefix_length = 80;
        world.hear(&router);
        world.run_for(seconds(600));
        assert_eq!(holds(&world), (0, 0), "too long to be of use");
        assert!(!world.client().has_told(&Event::Bound));
    });
}

#[test]
fn pf_05_addresses_are_asked_for_unless_all_prefixes_stand_for_delegation() {
    over_seeds(20, |seed| {
        let all = Router::default().managed().delegating("2001:db8:f::/64", 1800);
        let mut world = bound(seed, wants_address(), &all);
        assert_eq!(holds(&world), (0, 1));
        let sent = world.client().sent.iter().all(|sent| sent.message.ia_nas().next().is_none());
        assert!(sent, "no IA_NA");
        world.hear(&all.prefix("2001:db8:1::/64", 1800));
        world.run_until("address", seconds(60), |world| holds(world) == (1, 1));
    });
}

#[test]
fn pf_06_any_of_the_three_flags_means_that_there_is_dhcpv6() {
    over_seeds(20, |seed| {
        for router in [
            Router::default().managed(),
            Router::default().other(),
            Router::default().delegating("2001:db8:f::/64", 60),
        ] {
            bound(seed, wants_both(), &router);
        }
    });
}

#[test]
fn cnf_06_a_change_of_the_links_prefixes_is_asked_about_twice_a_minute_at_most() {
    over_seeds(50, |seed| {
        let first = Router::default().managed().other().prefix("2001:db8:1::/64", 1800);
        let second = first.clone().prefix("2001:db8:2::/64", 1800);
        let deprecated = first.clone().prefix("2001:db8:2::/64", 0);
        for (config, kind) in [(wants_both(), Renew), (wants_address(), Confirm)] {
            let mut world = bound(seed, config, &first);
            world.run_for(seconds(60));
            assert_eq!(world.client().sent(kind).len(), 0, "the first ones are no change");
            world.hear(&second);
            world.run_for(seconds(3));
            assert_eq!(world.client().sent(kind).len(), 1, "{kind}");
            world.hear(&deprecated);
            world.run_for(seconds(20));
            assert_eq!(world.client().sent(kind).len(), 1, "not yet");
            world.run_for(seconds(20));
            assert_eq!(world.client().sent(kind).len(), 2);
            assert_eq!(world.client().told(&Event::Unbound), 0);
        }
        let stateless = Router::default().other().prefix("2001:db8:1::/64", 1800);
        let mut world = bound(seed, wants_address(), &stateless);
        world.run_for(seconds(60));
        world.hear(&stateless.prefix("2001:db8:2::/64", 1800));
        world.run_for(seconds(3));
        assert_eq!(world.client().sent(InformationRequest).len(), 2);
    });
}

#[test]
fn what_is_held_is_confirmed_after_a_restart_before_any_router_has_spoken() {
    over_seeds(50, |seed| {
        let routers = [
            Router::default().managed(),
            Router::default().other(),
            Router::default().delegating("2001:db8:f::/64", 1800),
        ];
        for (router, config) in routers.iter().zip([wants_address(), wants_both(), wants_address()])
        {
            let mut world = bound(seed, config, router);
            let held = (world.client().addresses(), world.client().prefixes());
            world.restart(Restart::Stopped);
            world.run_until("confirmed", seconds(20), |world| world.snapshot().ready);
            assert_eq!((world.client().addresses(), world.client().prefixes()), held);
            world.hear(router);
            world.run_for(seconds(60));
            assert_eq!((world.client().addresses(), world.client().prefixes()), held);
        }
    });
}

#[test]
fn a_client_told_to_follow_the_routers_asks_them_and_keeps_what_it_has() {
    over_seeds(20, |seed| {
        let config = Config { initial_delay: false, ..wants_address() };
        let mut world = World::bound(seed, config.clone(), [ServerConfig::number(1)]);
        world.command(Input::Configure(Box::new(auto(config))));
        world.run_for(seconds(3));
        assert_eq!(world.client().solicited.len(), 1);
        assert_eq!(holds(&world), (1, 0), "until a router says otherwise it goes on");
    });
}
