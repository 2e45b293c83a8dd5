//! The decoder: total, bounded, and the inverse of the encoder.

use dhc6c_core::reason::DropReason;
use dhc6c_core::wire::frame::MAX_DEPTH;
use dhc6c_core::wire::{Message, code};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use crate::checks::decoder::check;
use crate::config;
use crate::messages::{message, mutate, mutations};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_octets_give_a_message_or_a_reason(octets in vec(any::<u8>(), 0..300)) {
        check(&octets);
    }

    #[test]
    fn any_octets_after_a_good_header(octets in vec(any::<u8>(), 0..300), kind in 1..=11_u8) {
        check(&[&[kind, 1, 2, 3], &octets[..]].concat());
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same(message in message()) {
        let octets = message.encode().expect("short options fit");
        let decoded = Message::decode(&octets).expect("a valid message decodes");
        prop_assert_eq!(&decoded.message, &message);
        prop_assert!(decoded.malformed.is_empty());
        prop_assert_eq!(decoded.message.encode().expect("as before"), octets);
    }

    #[test]
    fn a_mutated_message_gives_a_message_or_a_reason(
        message in message(),
        mutations in mutations(),
    ) {
        let octets = message.encode().expect("short options fit");
        check(&mutate(octets, &mutations));
    }

    #[test]
    fn every_beginning_of_a_message_gives_a_message_or_a_reason(message in message()) {
        let octets = message.encode().expect("short options fit");
        for end in 0..octets.len() {
            check(&octets[..end]);
        }
    }
}

/// Containers around containers, outermost first, until 64 KiB are full;
/// `header` is what stands before the options of each.
fn nest(containers: &[(u16, usize)], depth: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    for (code, fixed) in containers.iter().cycle().take(depth).collect::<Vec<_>>().iter().rev() {
        let length = u16::try_from(fixed + octets.len()).expect("it fits");
        let header = [code.to_be_bytes(), length.to_be_bytes()].concat();
        octets = [&header[..], &vec![0; *fixed], &octets].concat();
    }
    [&[7, 1, 2, 3], &octets[..]].concat()
}

#[test]
fn a_nest_eight_thousand_deep_is_refused() {
    let ta = nest(&[(code::IA_TA, 4)], 8000);
    assert_eq!(ta.len(), 64_004);
    assert_eq!(Message::decode(&ta), Err(DropReason::TooDeep));
    let pd = nest(&[(code::IA_PD, 12), (code::IAPREFIX, 25)], 2 * 65_000 / 45);
    assert!(pd.len() > 64_000);
    assert_eq!(Message::decode(&pd), Err(DropReason::TooDeep));
    let na = nest(&[(code::IA_NA, 12), (code::IAADDR, 24)], 2 * 65_000 / 44);
    assert_eq!(Message::decode(&na), Err(DropReason::TooDeep));
}

#[test]
fn the_deepest_nest_that_is_allowed_decodes() {
    for depth in 0..8 {
        let octets = nest(&[(code::IA_PD, 12), (code::IAPREFIX, 25)], depth);
        assert_eq!(Message::decode(&octets).is_ok(), depth <= MAX_DEPTH, "{depth}");
        check(&octets);
    }
}

#[test]
fn sixty_four_kibibytes_of_smallest_options_are_refused() {
    let octets = [vec![7, 1, 2, 3], vec![0; 65_500]].concat();
    assert_eq!(Message::decode(&octets), Err(DropReason::TooManyOptions));
}
