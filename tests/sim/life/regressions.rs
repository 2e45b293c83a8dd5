//! What lives have found, each in the shortest scenario that shows it, and a
//! few lives.

use dhc6c_core::engine::{Config, Event, Input, Quirk};
use dhc6c_core::link::Link;
use dhc6c_core::snapshot::{Mode, StateName};
use dhc6c_core::wire::MessageType;

use crate::client::{wants_address, wants_both, wants_prefix};
use crate::history::Span;
use crate::router::Router;
use crate::seeds::over_seeds;
use crate::server::{Dials, ServerConfig};
use crate::world::{Restart, World, seconds};

use super::live;

#[test]
fn lives_find_nothing() {
    over_seeds(20, |seed| {
        live(seed, Span::Latest);
    });
}

/// What a seed draws changes with the engine and with what lives are made of,
/// so that the life that found something may be another one today: the
/// scenarios below are what is left of each finding, and these are the seeds.
#[test]
fn lives_that_found_something_find_nothing() {
    const SEEDS: [u64; 24] = [
        674, 905, 1006, 6167, 20_681, 21_100, 25_226, 65_521, 90_131, 107_249, 115_908, 117_775,
        153_149, 169_479, 180_229, 204_964, 223_940, 400_206, 433_276, 586_957, 615_444, 857_893,
        2_008_380, 2_013_970,
    ];
    for seed in SEEDS {
        live(seed, Span::Latest);
    }
}

/// Hooks knew the prefix until its end, and nobody told them that it was gone.
#[test]
fn a_lease_that_goes_beside_another_is_told() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.command(Input::Configure(Box::new(wants_address())));
        assert_eq!(world.client().told(&Event::Reduced), 1);
        assert_eq!(world.client().told(&Event::Unbound), 0);
    });
}

/// What an earlier process had left in use went without a word.
#[test]
fn leases_of_an_earlier_process_that_go_at_once_are_told_to_be_gone() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.restart(Restart::Killed);
        assert_eq!(world.client().told(&Event::Unbound), 0);
        world.command(Input::Release);
        assert_eq!(world.client().told(&Event::Unbound), 1);
    });
}

/// Releases and Declines went on after a suspend that the leases did not
/// outlast.
#[test]
fn what_has_ended_in_suspend_is_neither_released_nor_declined() {
    over_seeds(20, |seed| {
        for kind in [MessageType::Release, MessageType::Decline] {
            let server = ServerConfig::number(1).times(30, 50, 100, 150);
            let mut world = World::new(seed, wants_address(), [server]);
            world.server().dials.silent_to = [kind].into();
            if kind == MessageType::Decline {
                let first = "2001:db8:1::1000".parse().expect("an address");
                world.clients[0].kernel.taken.insert(first);
            }
            world.start();
            if kind == MessageType::Release {
                world.run_until("ready", seconds(20), |world| world.snapshot().ready);
                world.command(Input::Release);
            }
            world.run_until_sent(kind, 1, seconds(10));
            let sent = world.client().sent(kind).len();
            world.clients[0].kernel.taken.clear();
            world.sleep(seconds(1000));
            world.run_for(seconds(60));
            assert_eq!(world.client().sent(kind).len(), sent);
        }
    });
}

fn with_two_addresses(seed: u64) -> World {
    let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
    world.server().dials.extra_leases = 1;
    world.start();
    world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    world
}

/// Others use the first address, and a Decline of it waits until the question
/// about the link is answered.
fn find_duplicate_on_another_link(world: &mut World) {
    let (link, first) = (world.client().link, world.client().addresses()[0]);
    world.set_link(Link { index: link.index + 1, ..link });
    world.command(Input::AddressDuplicate(first));
}

/// An address that others use, and that its server gave again for a shorter time
/// before it was told of that, was declined after that time as well.
#[test]
fn an_address_that_is_given_again_for_a_shorter_time_is_not_declined_after_it() {
    over_seeds(20, |seed| {
        let mut world = with_two_addresses(seed);
        world.server().config = ServerConfig::number(1).times(2, 3, 4, 5);
        world.server().dials.silent_to = [MessageType::Decline].into();
        find_duplicate_on_another_link(&mut world);
        world.run_until_sent(MessageType::Decline, 1, seconds(20));
        world.run_for(seconds(60));
    });
}

/// An address that others use was declined after its server had taken it back.
#[test]
fn an_address_that_its_server_has_taken_back_is_not_declined() {
    over_seeds(20, |seed| {
        let mut world = with_two_addresses(seed);
        world.server().dials.renumbers = true;
        find_duplicate_on_another_link(&mut world);
        world.run_until("rebound", seconds(5), |world| world.client().has_told(&Event::Rebound));
        world.run_for(seconds(60));
        assert_eq!(world.client().sent(MessageType::Decline).len(), 0);
    });
}

/// A reload while the link was away forgot that an address was to be declined,
/// and refused it for ever after.
#[test]
fn a_decline_outlives_a_reload_without_a_link() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_address(), [ServerConfig::number(1)]);
        let address = world.client().addresses()[0];
        world.server().dials.silent_to = [MessageType::Decline].into();
        world.command(Input::AddressDuplicate(address));
        world.carrier(false);
        let config = Config { require_address: true, ..wants_address() };
        world.command(Input::Configure(Box::new(config)));
        world.server().dials.silent_to.clear();
        world.carrier(true);
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_ne!(world.client().addresses(), [address]);
    });
}

/// Hooks went on to use the prefix of a client whose link was down when it was
/// told to want something else.
#[test]
fn the_last_lease_that_goes_with_a_configuration_is_told_on_any_link() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_prefix(), [ServerConfig::number(1)]);
        world.carrier(false);
        world.command(Input::Configure(Box::new(wants_address())));
        assert_eq!(world.client().told(&Event::Unbound), 1);
        world.carrier(true);
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    });
}

/// What nobody had confirmed was held until T1, used by nobody and asked about
/// nowhere.
#[test]
fn leases_of_an_earlier_process_that_no_server_knows_are_looked_for_elsewhere() {
    over_seeds(20, |seed| {
        let servers = [ServerConfig::number(1), ServerConfig::number(2)];
        let mut world = World::bound(seed, wants_both(), servers);
        for server in &mut world.servers {
            server.model.dials.forget_addresses = true;
            server.model.dials.forget_prefixes = true;
            server.model.dials.refuse_addresses = true;
            server.model.dials.refuse_prefixes = true;
        }
        let solicits = world.client().sent(MessageType::Solicit).len();
        world.restart(Restart::Rebooted { off: seconds(60), clock_is_trusted: true });
        world.run_until_sent(MessageType::Solicit, solicits + 1, seconds(30));
    });
}

/// An address of another link stood in every Solicit, and every Advertise said
/// no more than that it does not fit.
#[test]
fn an_address_of_another_link_is_not_asked_for_again() {
    over_seeds(20, |seed| {
        let rapid_commit = seed.is_multiple_of(2);
        let config = Config { rapid_commit, ..wants_address() };
        let server = ServerConfig::number(1).times(30, 50, 100, 150);
        let mut world = World::bound(seed, config, [server]);
        world.carrier(false);
        world.run_for(seconds(200));
        let elsewhere = ServerConfig::number(2);
        let elsewhere = ServerConfig { strict_about_links: true, rapid_commit, ..elsewhere };
        world.servers[0].model.config = elsewhere;
        world.carrier(true);
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    });
}

/// The next Solicit, an hour later, would have been without it.
#[test]
fn an_address_of_another_link_is_dropped_without_an_hours_wait() {
    over_seeds(20, |seed| {
        let server = ServerConfig::number(1).times(30, 50, 100, 150);
        let mut world = World::bound(seed, wants_address(), [server]);
        world.servers[0].unreachable = true;
        world.run_for(seconds(20_000));
        let elsewhere = ServerConfig { strict_about_links: true, ..ServerConfig::number(2) };
        world.servers[0].model.config = elsewhere;
        world.servers[0].unreachable = false;
        let refused = |world: &World| {
            let events = &world.client().events;
            events.iter().any(|(_, event)| matches!(event, Event::Refused(..)))
        };
        world.run_until("refused", seconds(4000), refused);
        world.run_until("ready", seconds(10), |world| world.snapshot().ready);
    });
}

/// What one Renew had left out for a quirk was left out of every Solicit.
#[test]
fn what_a_quirk_leaves_out_of_a_renew_is_solicited() {
    over_seeds(20, |seed| {
        let quirks = vec![Quirk::RefusedSpoilsRenew];
        let config = Config { quirks, ..wants_both() };
        let server = ServerConfig { rapid_commit: true, ..ServerConfig::number(1) };
        let mut world = World::new(seed, config, [server.times(30, 50, 100, 150)]);
        world.server().dials.refuse_addresses = true;
        world.start();
        world.run_until_sent(MessageType::Renew, 2, seconds(200));
        world.server().dials = Dials::default();
        let config = Config { rapid_commit: true, ..wants_address() };
        world.command(Input::Configure(Box::new(config)));
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
    });
}

/// An address was never asked for once the last prefix had gone that stood for
/// delegation (RFC 9762 §7.1).
#[test]
fn addresses_are_asked_for_when_delegation_has_ended() {
    over_seeds(20, |seed| {
        let config = Config { mode: Mode::Auto, ..wants_address() };
        let mut world = World::new(seed, config, [ServerConfig::number(1)]);
        world.start();
        let delegating = Router::default().managed().delegating("2001:db8:77::/64", 100);
        world.hear(&delegating);
        world.run_for(seconds(50));
        assert!(world.client().addresses().is_empty());
        world.run_until("ready", seconds(100), |world| !world.client().usable().is_empty());
    });
}

/// T2 came while a Renew waited for the send limit, and was not seen.
#[test]
fn t2_comes_while_a_renew_waits_for_the_send_limit() {
    over_seeds(20, |seed| {
        let server = ServerConfig::number(1).times(3, 5, 600, 900);
        let config = Config { initial_delay: false, ..wants_address() };
        let mut world = World::new(seed, config, [server]);
        world.start();
        for _ in 0..17 {
            world.command(Input::Restart);
        }
        world.run_until("ready", seconds(40), |world| world.snapshot().ready);
        world.servers[0].unreachable = true;
        world.run_for(seconds(30));
        // The oracle sees that T2 is acted on in time.
        assert!(!world.client().sent(MessageType::Rebind).is_empty());
    });
}

/// A Confirm without an address asks for nothing, and is answered by nobody.
#[test]
fn a_prefix_that_is_not_wanted_any_more_is_not_confirmed() {
    over_seeds(20, |seed| {
        let config = Config { mode: Mode::Auto, ..wants_address() };
        let mut world = World::new(seed, config, [ServerConfig::number(1)]);
        world.start();
        world.hear(&Router::default().delegating("2001:db8:b::/64", 3600));
        world.run_until("delegated", seconds(30), |world| !world.client().prefixes().is_empty());
        world.restart(Restart::Rebooted { off: seconds(60), clock_is_trusted: true });
        world.hear(&Router::default().managed());
        world.run_until("ready", seconds(20), |world| !world.client().usable().is_empty());
        assert_eq!(world.client().sent(MessageType::Confirm).len(), 0);
    });
}

/// A client with an address, which is returned, and a prefix that is asked
/// about no more; its only server is silent.
fn with_a_prefix_that_is_asked_about_no_more(seed: u64) -> (World, std::net::Ipv6Addr) {
    let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
    let mut retired = wants_both();
    retired.prefixes[0].retired = true;
    world.command(Input::Configure(Box::new(retired)));
    world.server().dials.silent = true;
    let address = world.client().addresses()[0];
    world.clients[0].kernel.taken.insert(address);
    (world, address)
}

/// Another address comes, and the prefix is used on.
fn assert_replaced(world: &mut World, duplicate: std::net::Ipv6Addr) {
    world.server().dials.silent = false;
    world.run_until("another address", seconds(2000), |world| {
        world.client().usable().iter().any(|address| *address != duplicate)
    });
    assert!(!world.client().prefixes().is_empty(), "the prefix is used on");
}

/// Seed 223940: the Confirm was repeated without an address.
#[test]
fn a_confirm_is_over_when_no_address_is_left_to_be_confirmed() {
    over_seeds(20, |seed| {
        let (mut world, duplicate) = with_a_prefix_that_is_asked_about_no_more(seed);
        world.carrier(false);
        world.carrier(true);
        world.run_until_sent(MessageType::Confirm, 1, seconds(5));
        world.lose(duplicate);
        world.run_for(seconds(20));
        assert_replaced(&mut world, duplicate);
    });
}

/// Seed 400206: a Rebind had nothing to ask about.
#[test]
fn nothing_is_verified_where_no_lease_is_left_to_be_asked_about() {
    over_seeds(20, |seed| {
        let (mut world, duplicate) = with_a_prefix_that_is_asked_about_no_more(seed);
        world.carrier(false);
        world.lose(duplicate);
        world.run_for(seconds(5));
        world.carrier(true);
        world.run_for(seconds(20));
        assert_replaced(&mut world, duplicate);
    });
}

/// A server that gives the same duplicate again and again is not asked for it
/// again and again, though there is nothing else to wait for.
#[test]
fn duplicates_beside_a_prefix_that_is_asked_about_no_more_make_no_storm() {
    over_seeds(5, |seed| {
        let (mut world, duplicate) = with_a_prefix_that_is_asked_about_no_more(seed);
        world.server().dials = Dials { reuse_declined: true, ..Dials::default() };
        world.lose(duplicate);
        world.run_for(seconds(1000));
        let declines = world.client().sent(MessageType::Decline).len();
        assert!((2..40).contains(&declines), "{declines} in a thousand seconds");
    });
}

/// A client that has a prefix because routers have asked for that; the server
/// that gave it has gone, and another is not there yet.
fn abandoned_with_a_prefix(seed: u64) -> World {
    let config = Config { mode: Mode::Auto, ..wants_address() };
    let servers = [ServerConfig::number(1), ServerConfig::number(2)];
    let mut world = World::new(seed, config, servers);
    world.servers[1].unreachable = true;
    world.start();
    world.hear(&Router::default().delegating("2001:db8:b::/64", 3600));
    world.run_until("delegated", seconds(30), |world| !world.client().prefixes().is_empty());
    world.servers[0].unreachable = true;
    world
}

/// What the routers of one link had said of a prefix does not hold on another:
/// it is asked about, by all servers of the link.
#[test]
fn a_prefix_that_was_asked_about_no_more_is_verified_on_another_link() {
    over_seeds(20, |seed| {
        let mut world = abandoned_with_a_prefix(seed);
        world.hear(&Router::default().managed().delegating("2001:db8:b::/64", 0));
        world.run_for(seconds(5));
        world.carrier(false);
        world.run_for(seconds(5));
        world.servers[1].unreachable = false;
        let before = world.client().sent(MessageType::Rebind).len();
        world.carrier(true);
        world.run_for(seconds(2));
        let rebinds = world.client().sent(MessageType::Rebind);
        assert!(rebinds.len() > before, "the leases are verified");
        assert!(rebinds[before].message.ia_pds().next().is_some(), "the prefix as well");
        world.run_until("an address", seconds(60), |world| !world.client().usable().is_empty());
    });
}

/// A client that has an address, and a prefix because its router stands for
/// delegation, for a thousand seconds; and the router when it does not any more.
fn with_a_router_that_delegates(seed: u64) -> (World, Router) {
    let config = Config { mode: Mode::Auto, ..wants_address() };
    let mut world = World::new(seed, config, [ServerConfig::number(1)]);
    world.start();
    let router = Router::default().managed().prefix("2001:db8:c::/64", 90_000);
    world.hear(&router.clone().delegating("2001:db8:b::/64", 90_000));
    world.run_until("ready", seconds(30), |world| world.snapshot().ready);
    world.run_for(seconds(1000));
    (world, router.delegating("2001:db8:b::/64", 0))
}

/// The routers stopped to stand for delegation while a Renew was under way, and
/// what its answer said of the prefix was not heard: neither that it is
/// extended nor that it is gone. Seed 433276.
#[test]
fn what_was_asked_of_a_prefix_before_it_was_asked_about_no_more_is_heard() {
    over_seeds(20, |seed| {
        for is_gone in [false, true] {
            let (mut world, router) = with_a_router_that_delegates(seed);
            world.server().dials.zero_lifetimes = is_gone;
            world.command(Input::Renew);
            world.hear(&router);
            world.run_for(seconds(1));
            let prefixes = world.snapshot().prefixes;
            assert_eq!(prefixes.len(), usize::from(!is_gone));
            assert!(prefixes.iter().all(|prefix| prefix.valid.0 > 7100), "it was extended");
        }
    });
}

/// An address that is refused rides along with a prefix that is extended, but
/// not with one that is asked about no more: it is asked for again, and of all
/// servers in the end (RFC 9915 §18.2.4, §18.2.5).
#[test]
fn an_address_does_not_ride_along_with_a_prefix_that_is_asked_about_no_more() {
    over_seeds(20, |seed| {
        let sent = |world: &World, kind| world.client().sent(kind).len();
        // The prefix was extended after that.
        let (mut world, router) = with_a_router_that_delegates(seed);
        world.server().dials.refuse_addresses = true;
        world.command(Input::Renew);
        world.hear(&router);
        world.run_for(seconds(100));
        assert!(sent(&world, MessageType::Renew) > 2);
        world.run_until_sent(MessageType::Rebind, 1, seconds(3000));
        // And before it.
        let (mut world, router) = with_a_router_that_delegates(seed);
        world.server().dials.refuse_addresses = true;
        world.command(Input::Renew);
        world.run_for(seconds(10));
        assert_eq!((world.state(), sent(&world, MessageType::Renew)), (StateName::Bound, 1));
        world.hear(&router);
        // Its own T1 and T2 count, of which the first is 790 s away.
        world.run_until_sent(MessageType::Renew, 2, seconds(800));
        assert_eq!(sent(&world, MessageType::Rebind), 0);
        world.run_until_sent(MessageType::Rebind, 1, seconds(1081));
        assert_eq!(world.client().usable().len(), 1);
    });
}

/// A client that looked for the address that it had been refused, beside a
/// prefix that is asked about no more, began that search anew when a prefix of
/// the link had ended, but at another wake-up only. Seeds 615444 and 857893.
#[test]
fn a_search_that_begins_anew_with_the_end_of_a_routers_prefix_begins_at_once() {
    over_seeds(20, |seed| {
        let config = Config { mode: Mode::Auto, ..wants_address() };
        let mut world = World::new(seed, config, [ServerConfig::number(1)]);
        world.server().dials.refuse_addresses = true;
        world.start();
        let router = Router::default().managed().prefix("2001:db8:c::/64", 100);
        world.hear(&router.clone().delegating("2001:db8:b::/64", 3600));
        let end = world.now + seconds(100);
        world.run_until("delegated", seconds(30), |world| !world.client().prefixes().is_empty());
        world.hear(&Router::default().delegating("2001:db8:b::/64", 0));
        world.run_for(seconds(50));
        assert_eq!(world.state(), StateName::Soliciting);
        world.run_for(seconds(100));
        let solicits = world.client().sent(MessageType::Solicit);
        assert!(solicits.iter().any(|solicit| solicit.at == end), "none at {end:?}");
    });
}

/// The only address was a duplicate, nobody answered, and a prefix was held
/// that is asked about no more: there was no T1 to wait for, and the client
/// waited for the end of the prefix.
#[test]
fn whoever_holds_nothing_to_extend_looks_for_what_is_wanted() {
    over_seeds(20, |seed| {
        let mut world = abandoned_with_a_prefix(seed);
        world.servers[1].unreachable = false;
        world.hear(&Router::default().managed().delegating("2001:db8:b::/64", 0));
        world.run_until("an address", seconds(30), |world| !world.client().usable().is_empty());
        assert!(!world.client().prefixes().is_empty(), "the prefix is used on");
    });
}

/// A flap came between a duplicate and its Decline, and the server gave the
/// address once more beside another: it was declined while it was in use.
#[test]
fn an_address_that_is_to_be_declined_is_not_taken_again() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let duplicate = world.client().addresses()[0];
        world.server().dials.silent_to = [MessageType::Decline].into();
        world.server().dials.extra_leases = 1;
        world.command(Input::Renew);
        world.run_until("several", seconds(5), |world| world.client().addresses().len() == 2);
        world.clients[0].kernel.taken.insert(duplicate);
        world.lose(duplicate);
        world.run_until_sent(MessageType::Decline, 1, seconds(5));
        world.carrier(false);
        world.carrier(true);
        world.run_until_sent(MessageType::Decline, 2, seconds(20));
        assert!(!world.client().addresses().contains(&duplicate));
    });
}

/// Another configuration made the share of each association smaller, and a
/// restart cut what was held to it. Seed 905.
#[test]
fn a_restart_loses_nothing_where_associations_were_added() {
    over_seeds(20, |seed| {
        let mut world = World::new(seed, wants_prefix(), [ServerConfig::number(1)]);
        world.server().dials.extra_leases = 20;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        let held = world.client().prefixes();
        assert_eq!(held.len(), 21);
        world.command(Input::Configure(Box::new(wants_both())));
        world.restart(Restart::Killed);
        assert_eq!(world.client().prefixes(), held);
    });
}

/// Leases that never end were rebound for ever, and neither was the address
/// declined that others use nor another asked for. Seed 169479.
#[test]
fn a_rebind_that_nobody_answers_does_not_hold_up_a_decline() {
    over_seeds(20, |seed| {
        let server = ServerConfig::number(1).times(1000, 1600, u32::MAX, u32::MAX);
        let mut world = World::bound(seed, wants_both(), [server]);
        world.server().dials.silent_to = [MessageType::Renew, MessageType::Rebind].into();
        let address = world.client().addresses()[0];
        world.sleep(seconds(5000));
        world.command(Input::AddressDuplicate(address));
        world.run_until_sent(MessageType::Decline, 1, seconds(60));
        world.run_for(seconds(60));
        assert_ne!(world.client().addresses(), [address], "another is asked for");
        assert_eq!(world.client().addresses().len(), 1);
    });
}
