//! The decoder: total, bounded, and the inverse of the encoder.

use dhc6c_core::wire::frame::{MAX_DEPTH, MAX_OPTIONS};
use dhc6c_core::wire::{DhcpOption, Message};

/// Whatever decodes is bounded, and encodes to something that decodes to
/// the same, without anything malformed left.
pub fn check(octets: &[u8]) {
    let Ok(decoded) = Message::decode(octets) else { return };
    assert!(count(&decoded.message.options) <= MAX_OPTIONS);
    assert!(depth(&decoded.message.options) <= MAX_DEPTH);
    let again = decoded.message.encode().expect("what came in a datagram fits one");
    assert!(again.len() <= octets.len(), "decoding adds nothing");
    let again = Message::decode(&again).expect("what is encoded decodes");
    assert_eq!(again.message, decoded.message);
    assert_eq!(again.malformed, [] as [u16; 0]);
}

fn inner(option: &DhcpOption) -> &[DhcpOption] {
    match option {
        DhcpOption::IaNa(ia) | DhcpOption::IaPd(ia) => &ia.options,
        DhcpOption::IaAddress(lease) => &lease.options,
        DhcpOption::IaPrefix(lease) => &lease.options,
        _ => &[],
    }
}

fn count(options: &[DhcpOption]) -> usize {
    options.iter().map(|option| 1 + count(inner(option))).sum()
}

fn depth(options: &[DhcpOption]) -> usize {
    options.iter().map(|option| 1 + depth(inner(option))).max().unwrap_or(0)
}
