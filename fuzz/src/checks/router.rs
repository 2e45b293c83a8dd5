//! Router Advertisements: octets give what a router says or a reason, and
//! whatever it says, a client that follows it lives by the rules.

use std::net::Ipv6Addr;

use dhc6c_core::engine::{Config, Input, Interface};
use dhc6c_core::link::RouterMessage;
use dhc6c_core::snapshot::Mode;
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::ra::RouterAdvertisement;

use super::subject::{DUID, Subject, wants_all};

const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// Where M and O stand (RFC 4861 §4.2), and both of them.
const FLAGS: (usize, u8) = (5, 0xc0);

/// The message comes again and again, every second time with M and O turned
/// over.
pub fn check(octets: &[u8]) {
    if let Ok(advertisement) = RouterAdvertisement::decode(ROUTER, 255, octets) {
        let most = octets.len() / 32;
        assert!(advertisement.prefixes.len() <= most, "more prefixes than fit");
    }
    let config = Config { mode: Mode::Auto, ..wants_all(DUID.parse().expect("a DUID")) };
    let now = Instant::from_millis(1);
    let mut subject = Subject::of(Interface::new(config.clone(), [3; 32]), config, now);
    subject.is_answered = true;
    subject.link(true);
    let mut turned = octets.to_vec();
    if let Some(flags) = turned.get_mut(FLAGS.0) {
        *flags ^= FLAGS.1;
    }
    for round in 0..8_u64 {
        let octets = if round.is_multiple_of(2) { octets } else { &turned };
        let message = RouterMessage { source: ROUTER, hop_limit: 255, octets: octets.to_vec() };
        subject.input(Input::Router(message));
        subject.advance(Duration::from_secs(1 << (2 * round)));
    }
    subject.finish();
}
