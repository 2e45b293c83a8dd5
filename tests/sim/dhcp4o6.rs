//! DHCPv4 over DHCPv6: when it is spoken, with whom, and how long (RFC 7341).

use dhc6c_core::engine::{Event, Input};
use dhc6c_core::snapshot::{StateName, V4State};
use dhc6c_core::wire::v4::{Kind, V4Option};
use dhc6c_core::wire::{DhcpOption, MessageType, code};

use crate::client::{stateless, wants_address, wants_both, with_ipv4};
use crate::grammar::requested;
use crate::seeds::over_seeds;
use crate::server::{ServerConfig, V4Config};
use crate::world::{Restart, World, seconds};

const DAY: u64 = 86_400;

fn multicast() -> ServerConfig {
    ServerConfig::number(1).v4(V4Config::number(1))
}

fn unicast(addresses: &[&str]) -> ServerConfig {
    let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    ServerConfig::number(1).v4(V4Config { addresses, ..V4Config::number(1) })
}

/// A world in which the client has an IPv4 lease too.
fn leased(seed: u64, server: ServerConfig) -> World {
    let mut world = World::bound(seed, with_ipv4(wants_address()), [server]);
    world.run_until("leased", seconds(20), |world| world.client().ipv4().is_some());
    world
}

fn v4_state(world: &World) -> Option<V4State> {
    world.snapshot().dhcp4o6.map(|view| view.state)
}

#[test]
fn dhcp_4o6_01_option_88_is_asked_for_in_every_message_by_those_who_want_it() {
    over_seeds(5, |seed| {
        for wants in [true, false] {
            let config = if wants { with_ipv4(wants_both()) } else { wants_both() };
            let mut world = World::bound(seed, config, [multicast()]);
            world.run_for(seconds(1900));
            world.server().dials.silent = true;
            world.run_for(seconds(5000));
            world.server().dials.silent = false;
            for kind in [
                MessageType::Solicit,
                MessageType::Request,
                MessageType::Renew,
                MessageType::Rebind,
            ] {
                let sent = world.client().sent(kind);
                assert!(!sent.is_empty(), "no {kind}");
                let asks = |codes: Vec<u16>| codes.contains(&code::DHCP4_O_DHCP6_SERVER);
                assert!(sent.iter().all(|sent| asks(requested(&sent.message)) == wants), "{kind}");
            }
            assert_eq!(world.client().sent_v4.is_empty(), !wants);
        }
        let world = World::bound(seed, with_ipv4(stateless()), [multicast()]);
        let sent = world.client().sent(MessageType::InformationRequest);
        assert!(requested(&sent[0].message).contains(&code::DHCP4_O_DHCP6_SERVER));
    });
}

#[test]
fn dhcp_4o6_02_4o6_04_4o6_24_without_option_88_nothing_and_with_an_empty_one_a_lease() {
    over_seeds(10, |seed| {
        let mut world = World::bound(seed, with_ipv4(wants_address()), [ServerConfig::number(1)]);
        world.run_for(seconds(DAY));
        assert!(world.client().sent_v4.is_empty());
        assert_eq!(world.snapshot().dhcp4o6, None);
        let world = leased(seed, multicast());
        let sent = &world.client().sent_v4;
        assert!(
            sent.iter().all(|sent| sent.to == "ff02::1:2".parse::<std::net::Ipv6Addr>().unwrap())
        );
        assert!(sent.iter().all(|sent| Some(sent.source) == world.client().link.link_local));
        assert_eq!(world.client().told(&Event::Dhcp4o6Bound), 1);
        let counters = world.snapshot().counters;
        assert_eq!(counters.received[&MessageType::Dhcpv4Response], 2);
        assert_eq!(counters.sent[&MessageType::Dhcpv4Query], 2);
    });
}

#[test]
fn dhcp_4o6_05_every_listed_server_gets_one_copy_from_an_address_past_its_detection() {
    over_seeds(10, |seed| {
        let listed = ["2001:db8:1::547", "2001:db8:1::547", "2001:db8:1::548"];
        let world = leased(seed, unicast(&listed));
        let discover: Vec<_> =
            world.client().sent_v4(Kind::Discover).iter().map(|sent| sent.to.to_string()).collect();
        assert_eq!(discover, ["2001:db8:1::547", "2001:db8:1::548"]);
        let (at, _) =
            *world.client().events.iter().find(|(_, event)| *event == Event::Bound).expect("bound");
        // Detection takes a second at least.
        let first = world.client().sent_v4[0].at;
        assert!(first.since(at) >= seconds(1), "{:?}", first.since(at));
        let own = world.client().usable();
        assert!(world.client().sent_v4.iter().all(|sent| own.contains(&sent.source)));
    });
}

#[test]
fn dhcp_4o6_05_an_address_of_others_is_no_source_while_the_leased_one_is_tentative() {
    over_seeds(10, |seed| {
        let server = unicast(&["2001:db8:1::547"]);
        let mut world = World::new(seed, with_ipv4(wants_address()), [server]);
        world.start();
        for others in ["2001:db8:1::5:5", "fd00::5"] {
            world.command(Input::AddressUsable(others.parse().expect("an address")));
        }
        world.run_until("leased", seconds(20), |world| world.client().ipv4().is_some());
        world.run_for(seconds(4000));
        let own = world.client().addresses();
        assert!(world.client().sent_v4.iter().all(|sent| own.contains(&sent.source)));
    });
}

#[test]
fn dhcp_4o6_03_when_option_88_goes_nothing_is_asked_any_more_and_the_lease_ends_in_its_time() {
    over_seeds(10, |seed| {
        let mut world = leased(seed, multicast());
        world.server().dials.withhold.insert(code::DHCP4_O_DHCP6_SERVER);
        world.run_until_sent(MessageType::Renew, 1, seconds(1900));
        world.run_for(seconds(5));
        let sent = world.client().sent_v4.len();
        world.run_for(seconds(1700));
        assert!(world.client().ipv4().is_some(), "until its end");
        assert_eq!(v4_state(&world), Some(V4State::Idle));
        world.run_for(seconds(DAY));
        assert_eq!(world.client().sent_v4.len(), sent);
        assert_eq!((world.client().ipv4(), world.snapshot().dhcp4o6), (None, None));
        assert_eq!(world.client().told(&Event::Dhcp4o6Unbound), 1);
        assert_eq!(world.state(), StateName::Bound, "IPv6 is unharmed");
        // And it is asked for on.
        let renew = world.client().sent(MessageType::Renew);
        let last = renew.last().expect("a day has several");
        assert!(requested(&last.message).contains(&code::DHCP4_O_DHCP6_SERVER));
        world.server().dials.withhold.clear();
        world.run_until("leased again", seconds(2000), |world| world.client().ipv4().is_some());
    });
}

#[test]
fn dhcp_4o6_03_the_ipv4_lease_outlives_the_ipv6_lease_and_ends_in_its_time() {
    over_seeds(10, |seed| {
        let v4 = V4Config { lease: 20_000, ..V4Config::number(1) };
        let mut world = leased(seed, ServerConfig::number(1).v4(v4));
        world.servers[0].unreachable = true;
        world.run_until("unbound", seconds(7300), |world| world.client().addresses().is_empty());
        let sent = world.client().sent_v4.len();
        assert!(world.client().ipv4().is_some(), "the lease goes on");
        world.run_for(seconds(20_000 - 7000));
        assert_eq!((world.client().ipv4(), world.client().sent_v4.len()), (None, sent));
        world.servers[0].unreachable = false;
        world.run_until("leased again", seconds(8000), |world| world.client().ipv4().is_some());
    });
}

#[test]
fn dhcp_4o6_22_the_ipv6_lease_outlives_the_ipv4_lease_of_a_silent_server() {
    over_seeds(10, |seed| {
        let mut world = leased(seed, multicast());
        world.server().v4().dials.silent = true;
        world.run_for(seconds(3590));
        assert!(world.client().ipv4().is_some());
        world.run_for(seconds(20));
        assert_eq!((world.client().ipv4(), world.state()), (None, StateName::Bound));
        assert_eq!(v4_state(&world), Some(V4State::Selecting));
        world.server().v4().dials.silent = false;
        world.run_until("leased again", seconds(70), |world| world.client().ipv4().is_some());
    });
}

#[test]
fn dhcp_4o6_22_a_lease_is_renewed_for_a_week_over_a_bad_link() {
    over_seeds(3, |seed| {
        let mut world = leased(seed, unicast(&["2001:db8:1::547"]));
        (world.link.loss, world.link.duplication, world.link.reordering) = (10, 5, 5);
        let address = world.client().ipv4();
        for day in 0..7 {
            match day {
                2 => world.restart(Restart::Killed),
                3 => world.carrier(false),
                4 => world.restart(Restart::Stopped),
                _ => {}
            }
            world.run_for(seconds(5));
            world.carrier(true);
            world.run_for(seconds(DAY));
            assert_eq!(world.client().ipv4(), address, "day {day}");
            assert_eq!(
                v4_state(&world).map(|s| matches!(s, V4State::Bound | V4State::Renewing)),
                Some(true)
            );
        }
        assert!(world.client().sent_v4(Kind::Request).len() > 300);
        assert_eq!(world.client().sent_v4(Kind::Discover).len(), 1, "never lost");
    });
}

#[test]
fn dhcp_4o6_24_a_denial_in_every_state_leads_to_a_new_lease() {
    over_seeds(5, |seed| {
        for state in ["selecting", "renewing", "rebinding", "rebooting"] {
            let mut world = leased(seed, multicast());
            let before = world.client().told(&Event::Dhcp4o6Unbound);
            let dials = &mut world.server().v4().dials;
            match state {
                "renewing" => dials.deny_renew = true,
                "rebinding" => {
                    dials.deny_rebind = true;
                    dials.silent_to.insert(Kind::Request);
                }
                "rebooting" => dials.deny_reboot = true,
                _ => dials.deny_select = true,
            }
            match state {
                "selecting" => {
                    world.command(Input::Restart);
                    world.run_for(seconds(120));
                    assert!(world.client().sent_v4(Kind::Discover).len() < 12, "not without end");
                    let shown = world.snapshot().last_error;
                    assert!(shown.is_some_and(|error| error.starts_with("dhcpnak from ")));
                }
                "rebooting" => world.restart(Restart::Stopped),
                "renewing" => world.run_for(seconds(1802)),
                _ => {
                    world.run_for(seconds(3150));
                    world.server().v4().dials.silent_to.clear();
                    world.run_for(seconds(300));
                }
            }
            world.run_for(seconds(20));
            world.server().v4().dials = crate::server::V4Dials::default();
            world.run_until("leased again", seconds(200), |world| world.client().ipv4().is_some());
            assert!(world.client().told(&Event::Dhcp4o6Unbound) > before, "{state}");
            assert_eq!(world.snapshot().last_error, None, "{state}");
            assert_eq!(world.state(), StateName::Bound, "{state}: IPv6 is unharmed");
        }
    });
}

#[test]
fn dhcp_4o6_17_a_list_that_changes_is_used_from_the_next_message_on() {
    over_seeds(5, |seed| {
        let mut world = leased(seed, unicast(&["2001:db8:1::547"]));
        let address = world.client().ipv4();
        let other = V4Config {
            addresses: vec!["2001:db8:1::999".parse().expect("an address")],
            ..V4Config::number(1)
        };
        let option = other.option();
        let server = world.server();
        server.config = server.config.clone().option(option);
        server.config.v4 = Some(other);
        world.run_until_sent(MessageType::Renew, 1, seconds(1900));
        world.run_for(seconds(5));
        let last = world.client().sent_v4.last().expect("it asks").to.to_string();
        assert_eq!((last.as_str(), world.client().ipv4()), ("2001:db8:1::999", address));
        // The stateless learn of it when they refresh.
        let mut world = World::bound(seed, with_ipv4(stateless()), [multicast()]);
        world.run_until("leased", seconds(20), |world| world.client().ipv4().is_some());
        world.server().dials.withhold.insert(code::DHCP4_O_DHCP6_SERVER);
        world.run_for(seconds(DAY + 10));
        assert_eq!(v4_state(&world), Some(V4State::Idle), "refreshed after a day");
    });
}

#[test]
fn dhcp_4o6_05_a_renumbering_under_the_lease_changes_its_source_and_not_the_address() {
    over_seeds(5, |seed| {
        let mut world = leased(seed, unicast(&["2001:db8:1::547"]));
        let address = world.client().ipv4();
        let before = world.client().addresses();
        world.server().config.addresses = "2001:db8:77::/64".parse().expect("a prefix");
        world.server().store = crate::server::Store::default();
        world.run_for(seconds(3000));
        let after = world.client().usable();
        assert_ne!(before, after);
        world.run_for(seconds(6000));
        let last = world.client().sent_v4.last().expect("it renews");
        assert!(
            after.contains(&last.source) && world.client().ipv4() == address,
            "{}",
            last.source
        );
    });
}

#[test]
fn dhcp_4o6_15_the_offer_is_shown_before_there_is_a_lease_and_told_when_there_is_one() {
    over_seeds(5, |seed| {
        // From the first word of servers on, whether they can be reached yet or not.
        let mut far = World::new(seed, with_ipv4(wants_address()), [unicast(&["2001:db8:1::547"])]);
        far.start();
        far.run_until("bound", seconds(20), |world| world.state() == StateName::Bound);
        let view = far.snapshot().dhcp4o6.expect("DHCPv4 has to stop on this interface");
        assert!(far.client().usable().is_empty(), "it is tentative");
        assert_eq!((view.state, view.servers.len()), (V4State::Idle, 1));
        let mut server = multicast();
        server.times = crate::server::Times::new(1800, 2880, 3600, 7200);
        let mut world = World::new(seed, with_ipv4(wants_address()), [server]);
        world.server().v4().dials.silent = true;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        world.run_for(seconds(10));
        let view = world.snapshot().dhcp4o6.expect("DHCPv4 has to stop on this interface");
        assert_eq!((view.state, view.address), (V4State::Selecting, None));
        assert!(!world.client().has_told(&Event::Dhcp4o6Bound));
        world.server().v4().dials.silent = false;
        world.run_until("leased", seconds(70), |world| world.client().ipv4().is_some());
        assert!(world.client().has_told(&Event::Dhcp4o6Bound));
        world.stop();
        assert!(
            world.client().has_told(&Event::Dhcp4o6Unbound) && world.client().kernel.is_empty()
        );
    });
}

#[test]
fn dhcp_4o6_10_a_release_comes_before_that_of_ipv6_while_its_source_is_there() {
    over_seeds(10, |seed| {
        for input in [Input::Release, Input::Restart, Input::Stop { release: true }] {
            let mut world = leased(seed, unicast(&["2001:db8:1::547"]));
            let restarts = input == Input::Restart;
            world.command(input);
            let release = world.client().sent_v4(Kind::Release)[0].at;
            assert_eq!(release, world.now, "at once");
            assert_eq!(world.client().ipv4(), None);
            world.run_for(seconds(30));
            assert!(world.client().sent(MessageType::Release)[0].at >= release);
            assert!(world.server().v4().heard.contains(&Kind::Release));
            let given_back = world.server().v4().bindings.is_empty();
            assert_eq!(world.client().ipv4().is_some(), restarts);
            assert_eq!(given_back, !restarts);
        }
    });
}

#[test]
fn dhcp_4o6_21_after_a_restart_the_lease_is_asked_about_and_not_looked_for() {
    over_seeds(10, |seed| {
        for how in [
            Restart::Stopped,
            Restart::Killed,
            Restart::Rebooted { off: seconds(60), clock_is_trusted: true },
            Restart::Rebooted { off: seconds(60), clock_is_trusted: false },
        ] {
            let mut world = leased(seed, multicast());
            let address = world.client().ipv4();
            world.run_for(seconds(100));
            world.restart(how);
            world.run_until("leased", seconds(60), |world| world.client().ipv4() == address);
            world.run_for(seconds(20));
            assert_eq!(world.client().sent_v4(Kind::Discover).len(), 1, "{how:?}");
            let last = world.client().sent_v4(Kind::Request).pop().expect("INIT-REBOOT");
            assert!(last.message.ciaddr.is_unspecified(), "{how:?}");
            assert!(matches!(last.message.options[0], V4Option::RequestedAddress(_)), "{how:?}");
        }
    });
}

#[test]
fn dhcp_4o6_21_after_a_disconnection_the_lease_is_asked_about_once_ipv6_has_its_answer() {
    over_seeds(10, |seed| {
        for (is_asleep, is_denied) in [(true, false), (true, true), (false, false), (false, true)] {
            let mut world = leased(seed, multicast());
            let (address, asked) = (world.client().ipv4(), world.client().sent_v4.len());
            world.server().v4().dials.deny_reboot = is_denied;
            if is_asleep {
                world.sleep(seconds(60));
            } else {
                world.carrier(false);
                world.run_for(seconds(5));
                world.carrier(true);
            }
            assert_eq!(world.client().ipv4(), address, "it is used meanwhile");
            world.run_for(seconds(20));
            let reboot = &world.client().sent_v4[asked];
            assert!(matches!(reboot.message.options[0], V4Option::RequestedAddress(_)));
            assert!(reboot.at > world.client().sent(MessageType::Confirm)[0].at);
            assert_eq!(world.client().told(&Event::Dhcp4o6Unbound), usize::from(is_denied));
            assert!(world.client().ipv4().is_some());
        }
    });
}

#[test]
fn dhcp_4o6_24_a_server_that_has_forgotten_gives_a_new_lease_in_time() {
    over_seeds(5, |seed| {
        let mut world = leased(seed, multicast());
        world.server().v4().bindings.clear();
        world.run_for(seconds(1900));
        // It denies what it does not know to whoever renews.
        assert!(world.client().ipv4().is_some());
        assert!(world.client().sent_v4(Kind::Discover).len() > 1);
    });
}

#[test]
fn dhcp_4o6_29_the_first_message_waits_a_second_at_most() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, with_ipv4(wants_address()), [multicast()]);
        world.run_for(seconds(2));
        let replies = world.client().events.iter().filter(|(_, event)| *event == Event::Bound);
        let bound = replies.map(|(at, _)| *at).next().expect("bound");
        let first = world.client().sent_v4[0].at;
        assert!(first.since(bound) <= seconds(1), "{:?}", first.since(bound));
    });
}

#[test]
fn dhcp_4o6_18_the_lease_is_for_the_device_that_was_named_before() {
    over_seeds(3, |seed| {
        let world = leased(seed, multicast());
        let ipv4 = world.client().kernel.actual.ipv4.clone().expect("a lease");
        assert_eq!((ipv4.device.as_str(), ipv4.length, ipv4.routes.len()), ("sw0", 24, 1));
        assert!(ipv4.routes[0].is_default());
    });
}

#[test]
fn ipv4_is_wanted_and_not_wanted_while_the_client_runs() {
    over_seeds(5, |seed| {
        let mut world = World::bound(seed, wants_address(), [multicast()]);
        world.run_for(seconds(60));
        world.command(Input::Configure(Box::new(with_ipv4(wants_address()))));
        world.run_until("leased", seconds(30), |world| world.client().ipv4().is_some());
        world.command(Input::Configure(Box::new(wants_address())));
        assert_eq!((world.client().ipv4(), world.snapshot().dhcp4o6), (None, None));
        assert_eq!(world.client().told(&Event::Dhcp4o6Unbound), 1);
        let sent = world.client().sent_v4.len();
        world.run_for(seconds(DAY));
        assert_eq!(world.client().sent_v4.len(), sent);
    });
}

#[test]
fn tx_03_the_send_limit_holds_over_many_servers_and_both_protocols() {
    over_seeds(10, |seed| {
        let listed: Vec<_> = (1..=50).map(|n| format!("2001:db8:1::5:{n:x}")).collect();
        let listed: Vec<_> = listed.iter().map(String::as_str).collect();
        let mut world = World::bound(seed, with_ipv4(wants_address()), [unicast(&listed)]);
        world.server().v4().dials.silent = true;
        for _ in 0..30 {
            // The oracle counts.
            world.command(Input::Renew);
            world.run_for(seconds(7));
        }
        let discovers = world.client().sent_v4(Kind::Discover);
        let servers: std::collections::BTreeSet<_> = discovers.iter().map(|sent| sent.to).collect();
        assert_eq!(servers.len(), 8, "no more than that are asked");
        assert_eq!(world.state(), StateName::Bound);
    });
}

#[test]
fn an_option_88_of_a_wrong_length_is_none() {
    over_seeds(3, |seed| {
        for length in [15, 17, 1, 33] {
            let option =
                DhcpOption::Raw { code: code::DHCP4_O_DHCP6_SERVER, payload: vec![0x20; length] };
            let mut world =
                World::bound(seed, with_ipv4(wants_address()), [multicast().option(option)]);
            world.run_for(seconds(600));
            assert!(world.client().sent_v4.is_empty(), "{length}");
            let dropped = world.snapshot().counters.dropped;
            assert!(dropped.of(dhc6c_core::reason::DropReason::OptionMalformed) > 0);
        }
    });
}

#[test]
fn dhcp_4o6_25_options_in_parts_and_by_overload_are_understood() {
    over_seeds(3, |seed| {
        let mut world = World::new(seed, with_ipv4(wants_address()), [multicast()]);
        let dials = &mut world.server().v4().dials;
        (dials.in_parts, dials.overload) = (true, true);
        world.start();
        world.run_until("leased", seconds(40), |world| world.client().ipv4().is_some());
        let raw = world.snapshot().dhcp4o6.expect("a lease").raw;
        assert_eq!(raw[&224], "07".repeat(600));
    });
}
