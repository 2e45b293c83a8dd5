//! Strange sizes: nothing at all, and far more than fits a packet; and
//! PD_EXCLUDE in all the shapes that have brought clients down.

use dhc6c_core::engine::Event;
use dhc6c_core::link::Datagram;
use dhc6c_core::reason::DropReason;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::wire::MessageType;

use crate::client::{wants_both, wants_prefix};
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::states::in_state;
use crate::world::{World, seconds};

use MessageType::{Renew, Request};

/// Row D1: elsewhere a datagram without content was the end of the file.
#[test]
fn rx_01_an_empty_datagram_in_any_state_is_dropped() {
    over_seeds(5, |seed| {
        for &state in StateName::at_work() {
            let mut world = in_state(seed, state);
            let destination = world.client().link.link_local.expect("an address");
            let source = "fe80::5e:1".parse().expect("an address");
            let (sent, wanted) = (world.client().sent.len(), world.client().desired.clone());
            for number in 1..=3 {
                world.inject(Datagram { source, destination, octets: Vec::new() });
                let dropped = world.snapshot().counters.dropped;
                assert_eq!(dropped.of(DropReason::TooShort), number);
            }
            assert_eq!(world.state(), state);
            assert_eq!((world.client().sent.len(), &world.client().desired), (sent, &wanted));
            // The next good answer counts.
            world.run_for(seconds(700));
            let ends = world.snapshot().ready || state.as_str() == "releasing";
            assert!(ends, "{state:?} ends in {:?}", world.state());
        }
    });
}

/// Row D7: what a buffer of 1500 octets would cut off.
#[test]
fn rx_01_an_answer_of_any_length_is_taken_whole() {
    over_seeds(5, |seed| {
        for length in [1452, 9000, 65_487] {
            let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
            world.server().dials.padded_to = Some(length);
            world.start();
            world.run_until("ready", seconds(20), |world| world.snapshot().ready);
            world.run_until_sent(Renew, 1, seconds(1801));
            world.run_until("extended", seconds(1), |world| {
                world.client().has_told(&Event::Updated)
            });
            let dropped = world.snapshot().counters.dropped;
            assert_eq!(dropped.of(DropReason::OptionMalformed), 0);
        }
    });
}

/// The first Request of a client whose server delegates prefixes with this
/// PD_EXCLUDE, and how many prefixes it has then.
fn exclude(seed: u64, pool: &str, payload: &[u8]) -> (Vec<u8>, World) {
    let pool: dhc6c_core::prefix::Prefix = pool.parse().expect("a prefix");
    let prefix_length = pool.length();
    let server = ServerConfig { prefixes: Some(pool), prefix_length, ..ServerConfig::number(1) };
    let mut world = World::new(seed, wants_prefix(), [server]);
    world.server().dials.pd_exclude = Some(payload.to_vec());
    world.start();
    world.run_for(seconds(5));
    let sent = world.client().sent(Request);
    let octets = sent.first().map(|sent| sent.message.encode().expect("it was encoded before"));
    (octets.unwrap_or_default(), world)
}

/// The option as it stands in a message.
fn option(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short payload");
    [&67_u16.to_be_bytes(), &length.to_be_bytes(), payload].concat()
}

fn holds(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

/// Rows T7 and T8: octet by octet, the longest included.
#[test]
fn pdx_02_a_pd_exclude_that_is_right_stands_in_the_request_as_it_came() {
    over_seeds(5, |seed| {
        let longest = [&[0x80_u8][..], &[0xa5; 14]].concat();
        let cases: [(&str, &[u8]); 3] = [
            ("2001:db8:1000::/62", &[0x40, 0x00]),
            ("2001::/16", &longest),
            ("2001:db8:1000::/56", &[0x40, 0xff]),
        ];
        for (pool, payload) in cases {
            let (request, world) = exclude(seed, pool, payload);
            assert!(holds(&request, &option(payload)), "{request:02x?}");
            let prefixes = world.snapshot().prefixes;
            assert_eq!(prefixes[0].excluded.map(|excluded| excluded.length()), Some(payload[0]));
        }
        let (_, world) = exclude(seed, "2001:db8:1000::/62", &[0x40, 0x00]);
        let excluded = world.snapshot().prefixes[0].excluded;
        assert_eq!(excluded, "2001:db8:1000::/64".parse().ok());
    });
}

/// Row T7: seventeen octets are the most there can be, for a prefix of no use.
#[test]
fn pdx_02_rx_10_a_pd_exclude_of_seventeen_octets_belongs_to_a_prefix_that_is_refused() {
    over_seeds(5, |seed| {
        let payload = [&[0x80_u8][..], &[0xa5; 16]].concat();
        let (request, world) = exclude(seed, "2000::/3", &payload);
        assert_eq!(request, [] as [u8; 0]);
        assert!(world.snapshot().counters.dropped.of(DropReason::OptionMalformed) > 0);
        assert!(world.client().prefixes().is_empty());
    });
}

#[test]
fn pdx_02_a_pd_exclude_that_is_wrong_is_left_out_and_the_prefix_taken() {
    over_seeds(5, |seed| {
        let wrong: [&[u8]; 9] = [
            &[],
            &[0x40],
            &[0x40, 0xff, 0xff],
            &[0x5a; 18],
            &[56, 0],
            &[56],
            &[40, 0],
            &[129, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[255, 0xff],
        ];
        for payload in wrong {
            let (request, world) = exclude(seed, "2001:db8:1000::/56", payload);
            assert!(!holds(&request, &option(payload)), "{payload:02x?}");
            let prefixes = world.snapshot().prefixes;
            assert_eq!((prefixes.len(), prefixes[0].excluded), (1, None), "{payload:02x?}");
            assert!(world.snapshot().counters.dropped.of(DropReason::OptionMalformed) > 0);
        }
    });
}
