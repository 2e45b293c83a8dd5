//! What gets in and what does not (RFC 9915 §16): while a server misbehaves
//! so, nothing of what it says counts; each drop is counted by its reason.

use dhc6c_core::engine::Event;
use dhc6c_core::reason::DropReason;
use dhc6c_core::wire::{DhcpOption, MessageType};

use crate::client::{stateless, wants_both};
use crate::seeds::over_seeds;
use crate::server::{Dials, Identifier, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{InformationRequest, Renew, Request, Solicit};

/// Misbehaviours that make every answer worthless, and what they count as.
fn worthless() -> Vec<(Dials, DropReason)> {
    let dials = Dials::default;
    let client = |client_id| Dials { client_id, ..dials() };
    let server = |server_id| Dials { server_id, ..dials() };
    let kind = |kind: MessageType| Dials { wrong_type: Some(kind.code()), ..dials() };
    vec![
        (Dials { wrong_transaction: true, ..dials() }, DropReason::TransactionId),
        (Dials { to_multicast: true, ..dials() }, DropReason::Destination),
        (client(Identifier::Missing), DropReason::ClientId),
        (client(Identifier::Wrong), DropReason::ClientId),
        (client(Identifier::Double), DropReason::ClientId),
        (server(Identifier::Missing), DropReason::ServerId),
        (server(Identifier::Double), DropReason::ServerId),
        (kind(Solicit), DropReason::Role),
        (kind(InformationRequest), DropReason::Role),
        (kind(MessageType::Reconfigure), DropReason::Authentication),
        (Dials { cut_after: Some(0), ..dials() }, DropReason::TooShort),
        (Dials { cut_after: Some(3), ..dials() }, DropReason::TooShort),
        (Dials { cut_after: Some(24), ..dials() }, DropReason::OptionMalformed),
        (Dials { trailing: vec![0, 3, 0xff, 0xff], ..dials() }, DropReason::OptionMalformed),
    ]
}

fn drops(world: &World, reason: DropReason) -> usize {
    assert_eq!(
        u64::try_from(world.client().told(&Event::Dropped(reason))).ok(),
        Some(world.snapshot().counters.dropped.of(reason)),
        "told and counted are the same"
    );
    world.client().told(&Event::Dropped(reason))
}

#[test]
fn rx_03_rx_04_rx_06_worthless_answers_to_solicit_and_information_request() {
    over_seeds(20, |seed| {
        for (dials, reason) in worthless() {
            for (config, kind) in [(wants_both(), Solicit), (stateless(), InformationRequest)] {
                let mut world = World::new(seed, config, [ServerConfig::number(1)]);
                world.note(format!("{dials:?}"));
                world.server().dials = dials.clone();
                world.start();
                world.run_for(seconds(60));
                let sent = world.client().sent(kind).len();
                assert_eq!(sent, world.client().sent.len(), "no answer counts");
                assert_eq!(drops(&world, reason), sent, "all are dropped for {reason:?}");
                assert!(world.client().kernel.is_empty() && !world.snapshot().ready);
                world.server().dials = Dials::default();
                world.run_until("ready", seconds(80), |world| world.snapshot().ready);
            }
        }
    });
}

#[test]
fn rx_04_rx_06_worthless_answers_to_request_and_renew() {
    over_seeds(20, |seed| {
        for (dials, reason) in worthless() {
            let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
            world.note(format!("{dials:?}"));
            world.start();
            world.run_until_sent(Request, 1, seconds(5));
            world.server().dials = dials.clone();
            world.run_for(seconds(40));
            let requests = world.client().sent(Request).len();
            assert_eq!(drops(&world, reason), requests);
            assert!(world.client().kernel.is_empty());
            world.server().dials = Dials::default();
            world.run_until("ready", seconds(60), |world| world.snapshot().ready);

            let before = world.client().kernel.actual.clone();
            world.server().dials = dials;
            world.run_until_sent(Renew, 4, seconds(2000));
            assert_eq!(world.client().kernel.actual, before, "nothing is extended");
            assert!(drops(&world, reason) >= requests + 3);
        }
    });
}

#[test]
fn rx_03_an_advertise_counts_only_for_a_solicit_and_a_reply_for_the_rest() {
    over_seeds(20, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.wrong_type = Some(MessageType::Reply.code());
        world.start();
        world.run_for(seconds(30));
        assert_eq!(world.client().sent(Request).len(), 0);
        world.server().dials.wrong_type = Some(MessageType::Advertise.code());
        world.run_until_sent(Request, 3, seconds(60));
        assert!(world.client().kernel.is_empty());
        assert!(drops(&world, DropReason::State) > 3);
    });
}

/// Unknown options, long and empty ones, octets after the last option, and
/// the obsolete IA_TA and Server Unicast (RFC 9915 §21.5, §21.12).
#[test]
fn rx_01_padding_and_unknown_options_do_not_spoil_an_answer() {
    over_seeds(20, |seed| {
        let raw = |code, payload: &[u8]| DhcpOption::Raw { code, payload: payload.to_vec() };
        let strange = vec![raw(0, &[]), raw(4, &[0; 4]), raw(12, &[1; 16]), raw(65_000, &[9; 999])];
        for trailing in 0..4 {
            let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
            world.server().dials.trailing = vec![0; trailing];
            world.server().dials.unasked = strange.clone();
            world.start();
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        }
    });
}

/// An unreachable route for it would cut off half of the Internet.
#[test]
fn rx_10_a_prefix_too_short_is_refused_and_the_rest_is_taken() {
    over_seeds(30, |seed| {
        for length in [3, 15, 16] {
            let prefixes = Some("2000::/3".parse().expect("a prefix"));
            let number_1 = ServerConfig::number(1);
            let server = ServerConfig { prefixes, prefix_length: length, ..number_1 };
            let mut world = World::bound(seed, wants_both(), [server]);
            world.run_for(seconds(4000));
            assert_eq!(world.client().usable().len(), 1);
            assert_eq!(world.client().prefixes().len(), usize::from(length == 16), "/{length}");
            let dropped = world.snapshot().counters.dropped.of(DropReason::OptionMalformed);
            assert_eq!(dropped > 0, length < 16, "/{length}");
            assert!(world.client().sent.len() < 10, "{} messages", world.client().sent.len());
        }
    });
}
