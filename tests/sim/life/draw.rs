//! What a life begins with, drawn from its seed: what the client wants, which
//! servers there are, how the link is.

use dhc6c_core::engine::{ClientName, Config, NameUpdate, PrefixRequest, Quirk};
use dhc6c_core::ident::Duid;
use dhc6c_core::rng::Rng;
use dhc6c_core::snapshot::Mode;
use dhc6c_core::time::Duration;

use crate::client::{NA, PD, wants_address};
use crate::link::Netem;
use crate::server::{ServerConfig, Times};
use crate::world::seconds;

/// One of several.
pub fn one_of<T: Clone>(rng: &mut Rng, several: &[T]) -> T {
    let last = u64::try_from(several.len()).expect("a few").saturating_sub(1);
    let index = usize::try_from(rng.between(0, last)).expect("a few");
    several[index].clone()
}

/// Sixty-four random octets.
pub fn octets(rng: &mut Rng) -> [u8; 64] {
    rng.octets()
}

/// A time around the usual one: a tenth of it at least, three times of it at
/// most, each order of magnitude as likely.
pub fn around(rng: &mut Rng, usual: Duration) -> Duration {
    let tenths = one_of(rng, &[1, 2, 3, 5, 8, 12, 20, 30]);
    usual * tenths / 10 + rng.delay(usual / 10)
}

/// What a client wants. Honest servers have it.
pub fn config(rng: &mut Rng) -> Config {
    let mode = match rng.between(0, 9) {
        0 => Mode::Stateless,
        1 => Mode::Auto,
        _ => Mode::Stateful,
    };
    let prefixes = match (mode, rng.between(0, 5)) {
        (Mode::Stateless, _) | (_, 0 | 1) => 0,
        (_, 2..=4) => 1,
        _ => 3,
    };
    let any = request(rng, prefixes == 1);
    let prefixes: Vec<_> =
        (0..prefixes).map(|index| PrefixRequest { iaid: PD.further(index), ..any }).collect();
    let wants_address = mode != Mode::Stateless && (prefixes.is_empty() || rng.chance(80));
    Config {
        mode,
        address: wants_address.then_some(NA),
        require_address: wants_address && rng.chance(10),
        prefixes,
        patience: if rng.chance(10) { seconds(30) } else { Duration::ZERO },
        rapid_commit: rng.chance(20),
        reconfigure_accept: rng.chance(80),
        fqdn: rng.chance(10).then(|| name(rng)),
        send: if rng.chance(10) { vec![(15, b"\0\x03abc".to_vec())] } else { Vec::new() },
        anonymous: rng.chance(5),
        quirks: [Quirk::RefusedSpoilsRenew, Quirk::LengthSpoilsLease]
            .into_iter()
            .filter(|_| rng.chance(10))
            .collect(),
        initial_delay: rng.chance(50),
        ..self::wants_address()
    }
}

fn name(rng: &mut Rng) -> ClientName {
    let update = one_of(rng, &[NameUpdate::Server, NameUpdate::Client, NameUpdate::None]);
    ClientName { name: b"\x04host\x07example\x00".to_vec(), update }
}

fn request(rng: &mut Rng, hints: bool) -> PrefixRequest {
    PrefixRequest {
        hint: (hints && rng.chance(10)).then(|| "2001:db8:1040::/56".parse().expect("a prefix")),
        length: rng.chance(20).then(|| one_of(rng, &[48, 56, 60, 64])),
        longest: rng.chance(5).then_some(64),
        require: rng.chance(5),
        ..PrefixRequest::any(PD)
    }
}

/// Honest servers: one to three.
pub fn servers(rng: &mut Rng) -> Vec<ServerConfig> {
    let times = one_of(
        rng,
        &[
            Times::new(30, 50, 100, 150),
            Times::new(300, 480, 600, 900),
            Times::new(1800, 2880, 3600, 7200),
            Times::new(43_200, 69_120, 86_400, 172_800),
            Times::new(302_400, 483_840, 604_800, 2_592_000),
            Times::new(0, 0, 3600, 7200),
        ],
    );
    let count = u8::try_from(one_of(rng, &[1, 1, 1, 2, 2, 3])).expect("three at most");
    (1..=count).map(|number| server(rng, number, times)).collect()
}

fn server(rng: &mut Rng, number: u8, times: Times) -> ServerConfig {
    let honest = ServerConfig::number(number);
    let long = Duid::new(&[&[0, 2], &[number; 128][..]].concat()).expect("130 octets are a DUID");
    ServerConfig {
        duid: if rng.chance(5) { long } else { honest.duid },
        preference: one_of(rng, &[None, None, Some(0), Some(7), Some(255)]),
        rapid_commit: rng.chance(30),
        creates_on_renew: rng.chance(30),
        strict_about_links: rng.chance(10),
        exclude: rng.chance(20).then_some(64),
        prefix_length: one_of(rng, &[48, 56, 56, 60, 62, 64]),
        reconfigure_key: honest.reconfigure_key.filter(|_| rng.chance(80)),
        times,
        ..honest
    }
}

/// How a link is; a good one every other time.
pub fn link(rng: &mut Rng) -> Netem {
    let mut link = Netem::default();
    if rng.chance(50) {
        return link;
    }
    match rng.between(0, 7) {
        0 => link.loss = one_of(rng, &[5, 30, 70]),
        1 => link.duplication = one_of(rng, &[10, 100]),
        2 => (link.reordering, link.held_back) = (50, seconds(one_of(rng, &[1, 10, 100]))),
        3 => link.corruption = one_of(rng, &[5, 50, 100]),
        4 => link.longest = one_of(rng, &[200, 600, 1232]),
        5 => link.cut = true,
        6 => (link.delay, link.jitter) = (seconds(one_of(rng, &[1, 3, 20])), seconds(2)),
        _ => (link.loss, link.duplication, link.reordering, link.corruption) = (20, 20, 20, 5),
    }
    link
}
