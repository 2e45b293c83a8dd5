//! What a client would like: a length, the prefix of before, everything or
//! nothing (RFC 8168; RFC 9915 §18.2.1).

use dhc6c_core::engine::{Config, Event, PrefixRequest, Quirk};
use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{Ia, MessageType, StatusCode};

use crate::client::{PD, Sent, wants_both, wants_prefix};
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::world::{Restart, World, seconds};

use MessageType::{Advertise, Rebind, Renew, Request, Solicit};

/// Longer than any answer takes here.
const ANSWERED: Duration = Duration::from_millis(50);

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

fn wish() -> PrefixRequest {
    PrefixRequest::any(PD)
}

fn wants(wish: PrefixRequest) -> Config {
    Config { prefixes: vec![wish], ..wants_prefix() }
}

/// The prefixes in the IA_PD of the latest message of this type.
fn named(world: &World, kind: MessageType) -> Vec<String> {
    let sent = world.client().sent(kind);
    let message = &sent.last().expect("it was sent").message;
    let prefixes = message.ia_pds().flat_map(Ia::prefixes);
    prefixes.map(|lease| lease.prefix.to_string()).collect()
}

fn addresses(world: &World, kind: MessageType) -> usize {
    let sent = world.client().sent(kind);
    sent.last().map_or(0, |sent| sent.message.ia_nas().flat_map(Ia::addresses).count())
}

#[test]
fn sol_16_a_length_a_prefix_or_either() {
    over_seeds(50, |seed| {
        let hint = Some(prefix("2001:db8:1ab0::/56"));
        let cases = [
            (wish(), vec![]),
            (PrefixRequest { length: Some(60), ..wish() }, vec!["::/60"]),
            (PrefixRequest { hint, ..wish() }, vec!["2001:db8:1ab0::/56"]),
            (
                PrefixRequest { hint, length: Some(60), ..wish() },
                vec!["2001:db8:1ab0::/56", "::/60"],
            ),
        ];
        for (wish, expected) in cases {
            let world = World::bound(seed, wants(wish), [ServerConfig::number(1)]);
            assert_eq!(named(&world, Solicit), expected);
        }
        // What another client has is not to be had; its length is.
        let wish =
            PrefixRequest { hint: Some(prefix("2001:db9::/56")), length: Some(60), ..wish() };
        let world = World::bound(seed, wants(wish), [ServerConfig::number(1)]);
        assert_eq!(world.client().prefixes()[0].length(), 60);
    });
}

#[test]
fn sol_17_a_shorter_prefix_is_better_than_a_longer_one_and_a_close_one_than_another() {
    over_seeds(50, |seed| {
        let sizes = |lengths: [u8; 3]| {
            let server = |(number, prefix_length)| ServerConfig {
                prefix_length,
                ..ServerConfig::number(number)
            };
            let config = wants(PrefixRequest { length: Some(56), ..wish() });
            let [one, two, three] = lengths;
            let servers = [server((1, one)), server((2, two)), server((3, three))];
            let mut world = World::new(seed, config, servers);
            for server in &mut world.servers {
                server.model.dials.ignore_hints = true;
            }
            world.start();
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
            let length = world.client().prefixes()[0].length();
            let still_wished = named(&world, Request).contains(&"::/56".to_owned());
            assert_eq!(still_wished, length != 56, "the wish stays");
            length
        };
        assert_eq!(sizes([60, 52, 48]), 52);
        assert_eq!(sizes([64, 60, 57]), 57);
        assert_eq!(sizes([48, 56, 52]), 56);
    });
}

#[test]
fn sol_17_a_prefix_that_is_of_no_use_is_passed_over_and_the_rest_is_taken() {
    over_seeds(50, |seed| {
        let short = ServerConfig { prefix_length: 60, ..ServerConfig::number(1) };
        let strict = PrefixRequest { length: Some(56), longest: Some(56), require: true, ..wish() };
        let mut world = World::new(seed, wants(strict), [short.clone()]);
        world.server().dials.ignore_hints = true;
        world.start();
        world.run_for(seconds(86_400));
        assert!(!world.client().has_told(&Event::Bound));
        let solicits = world.client().sent(Solicit).len();
        assert!((10..=40).contains(&solicits), "at the pace of SOL_MAX_RT: {solicits}");
        assert_eq!(world.client().sent(Request).len(), 0);
        assert!(world.snapshot().counters.received[&Advertise] > 10, "it advertises");
        // One that has the length is taken as soon as it is heard of.
        world.server().dials.ignore_hints = false;
        world.run_until("ready", seconds(4000), |world| world.snapshot().ready);
        assert_eq!(world.client().prefixes()[0].length(), 56);
    });
}

#[test]
fn sol_18_any_length_is_taken_and_the_request_names_what_was_advertised() {
    over_seeds(50, |seed| {
        for given in [48, 60, 64] {
            let server = ServerConfig { prefix_length: given, ..ServerConfig::number(1) };
            let config = wants(PrefixRequest { length: Some(56), ..wish() });
            let mut world = World::new(seed, config, [server]);
            world.server().dials.ignore_hints = true;
            world.start();
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
            let held = world.client().prefixes()[0];
            assert_eq!(held.length(), given);
            assert_eq!(named(&world, Request), [held.to_string(), "::/56".to_owned()]);
            let told = world.client().told(&Event::PrefixTooLong(held, 56));
            assert_eq!(told, usize::from(given > 56));
            world.run_until_sent(Renew, 2, seconds(4000));
            world.run_for(ANSWERED);
            assert_eq!(world.client().told(&Event::PrefixTooLong(held, 56)), told, "once");
        }
    });
}

#[test]
fn reb_05_a_length_that_is_still_wished_for_stands_beside_the_prefix_that_is_held() {
    over_seeds(50, |seed| {
        let server = ServerConfig { prefix_length: 60, ..ServerConfig::number(1) };
        let config = wants(PrefixRequest { length: Some(56), ..wish() });
        let mut world = World::new(seed, config, [server]);
        world.server().dials.ignore_hints = true;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        let held = world.client().prefixes()[0];
        world.run_until_sent(Renew, 1, seconds(1801));
        world.run_for(ANSWERED);
        assert_eq!(named(&world, Renew), [held.to_string(), "::/56".to_owned()]);
        assert_eq!(world.client().prefixes(), [held], "extended, and kept");
        world.server().dials.silent_to = [Renew].into();
        world.run_until_sent(Rebind, 1, seconds(2881));
        world.run_for(ANSWERED);
        assert_eq!(named(&world, Rebind), [held.to_string(), "::/56".to_owned()]);
        world.server().dials.silent_to.clear();
        world.server().dials.adds_wished_lengths = true;
        let renews = world.client().sent(Renew).len();
        world.run_until_sent(Renew, renews + 1, seconds(1801));
        world.run_for(ANSWERED);
        let lengths: Vec<_> = world.client().prefixes().iter().map(|p| p.length()).collect();
        assert!(lengths.contains(&56) && lengths.contains(&60), "both for a while: {lengths:?}");
        let renews = world.client().sent(Renew).len();
        world.run_until_sent(Renew, renews + 1, seconds(1801));
        assert!(!named(&world, Renew).contains(&"::/56".to_owned()), "the wish is fulfilled");
    });
}

#[test]
fn a_quirk_keeps_the_length_out_of_all_but_solicit_and_says_so() {
    over_seeds(20, |seed| {
        let server = ServerConfig { prefix_length: 60, ..ServerConfig::number(1) };
        let quirks = vec![Quirk::LengthSpoilsLease];
        let config = Config { quirks, ..wants(PrefixRequest { length: Some(56), ..wish() }) };
        let mut world = World::new(seed, config, [server]);
        world.server().dials.ignore_hints = true;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        let held = world.client().prefixes()[0].to_string();
        world.run_until_sent(Renew, 1, seconds(1801));
        assert_eq!(named(&world, Solicit), ["::/56"]);
        assert_eq!(
            (named(&world, Request), named(&world, Renew)),
            (vec![held.clone()], vec![held])
        );
        assert!(world.client().has_told(&Event::QuirkActed(Quirk::LengthSpoilsLease)));
    });
}

#[test]
fn a_quirk_asks_for_what_was_refused_once_an_hour_and_never_gives_it_up() {
    over_seeds(20, |seed| {
        let quirks = vec![Quirk::RefusedSpoilsRenew];
        let config = Config { quirks, ..wants_both() };
        let server = ServerConfig::number(1).times(600, 960, 1200, 1800);
        let mut world = World::new(seed, config, [server]);
        world.server().dials.refuse_prefixes = true;
        world.start();
        world.run_for(seconds(4 * 3600));
        let renews = world.client().sent(Renew);
        let asks = |sent: &&&Sent| sent.message.ia_pds().next().is_some();
        let asking = renews.iter().filter(asks).count();
        assert!((3..=5).contains(&asking) && renews.len() > 20, "{asking} of {}", renews.len());
        assert!(world.snapshot().ready, "what was left out is no failure");
        assert!(world.client().has_told(&Event::QuirkActed(Quirk::RefusedSpoilsRenew)));
        // It comes to be had.
        world.server().dials.refuse_prefixes = false;
        world.run_for(seconds(3700));
        assert_eq!(world.client().prefixes().len(), 1);
    });
}

#[test]
fn a_server_that_does_not_give_what_is_required_is_passed_over() {
    over_seeds(50, |seed| {
        let strict = Config {
            require_address: true,
            prefixes: vec![PrefixRequest { require: true, ..wish() }],
            ..wants_both()
        };
        let better = |number, preference| ServerConfig {
            preference: Some(preference),
            ..ServerConfig::number(number)
        };
        let mut world = World::new(seed, strict, [better(1, 200), better(2, 255), better(3, 0)]);
        world.servers[0].model.dials.refuse_prefixes = true;
        world.servers[1].model.dials.refuse_addresses = true;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        let server = world.snapshot().server.expect("a server").duid;
        assert_eq!(server, world.servers[2].model.config.duid);
        // One that advertises everything and then gives a part is left again.
        world.servers[2].model.dials.refuse_prefixes = true;
        world.servers[2].model.forget();
        world.command(dhc6c_core::engine::Input::Restart);
        world.run_for(seconds(3000));
        assert!(world.client().addresses().is_empty());
    });
}

#[test]
fn a_part_is_passed_over_for_as_long_as_there_is_patience() {
    over_seeds(50, |seed| {
        let patience = seconds(30);
        let config = Config { patience, ..wants_both() };
        let mut world = World::new(seed, config.clone(), [ServerConfig::number(1)]);
        world.server().dials.refuse_prefixes = true;
        world.start();
        world.run_until("bound", seconds(60), |world| world.client().has_told(&Event::Bound));
        let waited = world.client().sent[0].at;
        let waited = world.now.since(waited);
        assert!((seconds(30)..seconds(31)).contains(&waited), "{waited:?}");
        // Another one that has everything ends the wait.
        let mut world = World::new(seed, config, [1, 2].map(ServerConfig::number));
        world.server().dials.refuse_prefixes = true;
        world.servers[1].unreachable = true;
        world.start();
        world.run_for(seconds(10));
        world.servers[1].unreachable = false;
        world.run_until("ready", seconds(12), |world| world.snapshot().ready);
        assert_eq!(world.client().prefixes().len(), 1);
    });
}

#[test]
fn what_was_held_before_is_asked_for_again() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let held = (world.client().addresses(), world.client().prefixes());
        world.server().dials.silent = true;
        world.run_until_sent(Solicit, 2, seconds(7300));
        assert_eq!(named(&world, Solicit), [held.1[0].to_string()], "the prefix that ended");
        assert_eq!(addresses(&world, Solicit), 1);
        // The server comes back without memory and gives the same again.
        world.server().dials.silent = false;
        world.server().forget();
        let (address, length) = (world.server().config.addresses, 56);
        world.server().config.prefix_length = length;
        world.run_until("ready", seconds(120), |world| world.snapshot().ready);
        assert!(address.contains(held.0[0]));
        assert_eq!((world.client().addresses(), world.client().prefixes()), held);
    });
}

#[test]
fn what_ended_while_the_machine_was_off_is_asked_for_again() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let held = world.client().prefixes();
        let off = seconds(86_400);
        world.restart(Restart::Rebooted { off, clock_is_trusted: true });
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(named(&world, Solicit), [held[0].to_string()]);
        assert_eq!(world.client().prefixes(), held);
    });
}

#[test]
fn what_was_given_back_or_belongs_to_another_link_is_not_asked_for_again() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.command(dhc6c_core::engine::Input::Restart);
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!((named(&world, Solicit), addresses(&world, Solicit)), (vec![], 0));

        let config = crate::client::wants_address();
        let mut world = World::bound(seed, config, [ServerConfig::number(1)]);
        world.server().dials.confirm_status = Some(StatusCode::NOT_ON_LINK);
        world.carrier(false);
        world.run_for(seconds(5));
        world.carrier(true);
        world.run_until_sent(Solicit, 2, seconds(20));
        assert_eq!(addresses(&world, Solicit), 0);
    });
}
