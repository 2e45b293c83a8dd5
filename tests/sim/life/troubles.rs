//! Every way in which a server of a life misbehaves, by name. Which trap of the
//! field each of them plays is listed in docs/dials.tsv.

use dhc6c_core::ident::Iaid;
use dhc6c_core::rng::Rng;
use dhc6c_core::wire::{DhcpOption, MessageType, StatusCode, code};

use crate::server::{Dials, Identifier, Times};
use crate::world::seconds;

use super::draw::{self, one_of};

/// A misbehaviour of a server and how to turn it on.
pub struct Trouble {
    /// What it does, in a word or two.
    pub name: &'static str,
    /// The questions whose answers it can change.
    pub about: &'static [MessageType],
    /// Turns it on.
    pub turn: fn(&mut Dials, &mut Rng),
}

macro_rules! troubles {
    ($($name:literal => $about:expr, |$dials:ident, $rng:pat_param| $turn:expr;)*) => {
        /// All of them.
        pub const TROUBLES: &[Trouble] = &[$(Trouble {
            name: $name,
            about: $about,
            turn: |$dials: &mut Dials, $rng: &mut Rng| { $turn; },
        },)*];
    };
}

troubles! {
    // Who answers what.
    "is silent" => ANY, |dials, _| dials.silent = true;
    "is silent to one" => ANY, |dials, rng| dials.silent_to = [one_of(rng, &QUESTIONS)].into();
    "is silent to several" => ANY, |dials, rng| dials.silent_to = several(rng);
    "answers late" => ANY, |dials, rng| dials.late = seconds(one_of(rng, &[1, 5, 60, 700]));
    "repeats itself" => ANY, |dials, rng| dials.repeat = one_of(rng, &[1, 3, 20]);
    "multicasts" => ANY, |dials, _| dials.to_multicast = true;
    "wrong transaction" => ANY, |dials, _| dials.wrong_transaction = true;
    "wrong client" => ANY, |dials, rng| dials.client_id = one_of(rng, &IDENTIFIERS);
    "wrong server" => ANY, |dials, rng| dials.server_id = one_of(rng, &IDENTIFIERS);
    "wrong type" => ANY, |dials, rng| dials.wrong_type = Some(one_of(rng, &TYPES).code());
    "unknown type" => ANY, |dials, rng| dials.wrong_type = Some(one_of(rng, &[0, 12, 13, 20, 36, 99, 255]));
    "hides rapid commit" => &[MessageType::Solicit], |dials, _| dials.hide_rapid_commit = true;

    // Refusals, and memory.
    "refuses addresses" => LEASES, |dials, _| dials.refuse_addresses = true;
    "refuses prefixes" => LEASES, |dials, _| dials.refuse_prefixes = true;
    "refuses without a word" => LEASES, |dials, _| (
        dials.refuse_addresses, dials.refuse_prefixes, dials.refuse_without_status
    ) = (true, true, true);
    "omits addresses" => LEASES, |dials, _| dials.omit_addresses = true;
    "omits prefixes" => LEASES, |dials, _| dials.omit_prefixes = true;
    "forgets addresses" => EXTENSIONS, |dials, _| dials.forget_addresses = true;
    "forgets prefixes" => EXTENSIONS, |dials, _| dials.forget_prefixes = true;
    "takes leases back" => EXTENSIONS, |dials, _| dials.zero_lifetimes = true;
    "takes prefixes back" => EXTENSIONS, |dials, _| dials.lose_prefixes = true;
    "renumbers" => EXTENSIONS, |dials, _| dials.renumbers = true;
    "gives what was declined" => &[MessageType::Decline], |dials, _| dials.reuse_declined = true;
    "ignores hints" => LEASES, |dials, _| dials.ignore_hints = true;
    "adds wished lengths" => EXTENSIONS, |dials, _| dials.adds_wished_lengths = true;

    // Status codes, on three levels.
    "status in Advertise" => &[MessageType::Solicit], |dials, rng| dials.advertise_status = Some(status(rng));
    "status for Request" => &[MessageType::Request], |dials, rng| dials.request_status = Some(status(rng));
    "status for Renew" => &[MessageType::Renew], |dials, rng| dials.renew_status = Some(status(rng));
    "status for Rebind" => &[MessageType::Rebind], |dials, rng| dials.rebind_status = Some(status(rng));
    "status for Confirm" => &[MessageType::Confirm], |dials, rng| dials.confirm_status = Some(status(rng));
    "status for Information-request" => &[MessageType::InformationRequest], |dials, rng| dials.inform_status = Some(status(rng));
    "status in associations" => LEASES, |dials, rng| dials.association_status = Some(status(rng));
    "status in leases" => LEASES, |dials, rng| dials.lease_status = Some(status(rng));
    "two statuses" => ANY, |dials, rng| dials.unasked = vec![said(rng), said(rng)];

    // Times.
    "strange times" => LEASES, |dials, rng| dials.times = Some(times(rng));
    "strange times of prefixes" => LEASES, |dials, rng| dials.prefix_times = Some(times(rng));
    "short times" => LEASES, |dials, _| dials.times = Some(Times::new(3, 5, 6, 10));
    "preferred over valid" => LEASES, |dials, _| dials.preferred_over_valid = true;
    "T1 over T2" => LEASES, |dials, _| dials.t1_over_t2 = true;

    // How much, and how often.
    "doubles associations" => LEASES, |dials, _| dials.doubles_associations = true;
    "doubles options" => OPTIONS, |dials, _| dials.doubles_options = true;
    "many leases" => LEASES, |dials, rng| dials.extra_leases = one_of(rng, &[1, 8, 15]);
    "a flood of leases" => LEASES, |dials, _| dials.extra_leases = 100;
    "doubles leases" => LEASES, |dials, _| dials.doubles_leases = true;
    "one prefix for all" => LEASES, |dials, _| dials.same_prefix = true;
    "associations of nobody" => ANY, |dials, rng| dials.first = strangers(rng);
    "pads to 64 KiB" => ANY, |dials, rng| dials.unasked = raw(65_000, one_of(rng, &[300, 8900, 60_000]));
    "six hundred options" => ANY, |dials, _| dials.unasked = vec![empty(65_000); 600];
    "withholds options" => OPTIONS, |dials, _| dials.withhold = (20..=32).collect();

    // Octets.
    "trailing octets" => ANY, |dials, rng| dials.trailing = vec![0; one_of(rng, &[1, 2, 3])];
    "overruns" => ANY, |dials, _| dials.trailing = vec![0, 3, 0xff, 0xff];
    "cuts short" => ANY, |dials, rng| dials.cut_after = Some(one_of(rng, &[0, 1, 3, 4, 7, 30, 60, 90]));
    "options of code zero" => ANY, |dials, rng| dials.first = raw(0, one_of(rng, &[0, 2]));
    "short associations" => ANY, |dials, rng| dials.first = raw(one_of(rng, &[3, 25]), one_of(rng, &[0, 4, 11]));
    "short leases" => LEASES, |dials, rng| dials.within_associations = raw(one_of(rng, &[5, 26]), one_of(rng, &[0, 16, 23]));
    "overrun in associations" => LEASES, |dials, rng| dials.within_associations = vec![lies(one_of(rng, &[5, 26, 13]))];
    "strange prefixes" => LEASES, |dials, rng| dials.within_associations = vec![prefix(one_of(rng, &[0, 1, 15, 129, 137, 200, 255]))];
    "strange addresses" => LEASES, |dials, rng| dials.within_associations = vec![address(one_of(rng, &ADDRESSES))];
    "strange exclusions" => LEASES, |dials, rng| dials.within_leases = vec![exclusion(rng)];
    "overrun in leases" => LEASES, |dials, _| dials.within_leases = vec![lies(13)];
    "short statuses" => ANY, |dials, rng| short_statuses(dials, one_of(rng, &[0, 1]));
    "nested deep" => ANY, |dials, _| dials.unasked = vec![nested()];
    "wrong lengths" => ANY, |dials, rng| dials.first = raw(one_of(rng, &[7, 8, 14, 20, 32, 82, 83]), one_of(rng, &[0, 3, 9]));
    "broken lists" => ANY, |dials, rng| dials.unasked = raw(one_of(rng, &[23, 24, 31, 39, 56, 64, 94, 95, 96]), one_of(rng, &[0, 1, 15, 17, 64]));
    "hostile portal" => ANY, |dials, rng| dials.unasked = vec![portal(rng)];
    "long lists" => ANY, |dials, rng| dials.unasked = raw(one_of(rng, &[23, 31]), 16 * 3000);
    "hostile status text" => ANY, |dials, rng| dials.unasked = vec![text(rng)];
    "hostile names" => ANY, |dials, rng| dials.unasked = vec![name(rng)];

    // Bounds, keys.
    "bounds of retransmission" => ANY, |dials, rng| dials.unasked = bounds(rng);
    "a short refresh time" => ANY, |dials, rng| dials.unasked = vec![value(code::INFORMATION_REFRESH_TIME, one_of(rng, &[0, 600, u32::MAX]))];
    "authentications" => ANY, |dials, rng| dials.unasked = authentications(rng);
}

const QUESTIONS: [MessageType; 8] = [
    MessageType::Solicit,
    MessageType::Request,
    MessageType::Renew,
    MessageType::Rebind,
    MessageType::Confirm,
    MessageType::Release,
    MessageType::Decline,
    MessageType::InformationRequest,
];

const ANY: &[MessageType] = &QUESTIONS;

/// Answered with leases.
const LEASES: &[MessageType] =
    &[MessageType::Solicit, MessageType::Request, MessageType::Renew, MessageType::Rebind];

/// Answered with leases that the client has already.
const EXTENSIONS: &[MessageType] = &[MessageType::Renew, MessageType::Rebind];

/// Answered with options beside leases or without.
const OPTIONS: &[MessageType] = &[
    MessageType::Solicit,
    MessageType::Request,
    MessageType::Renew,
    MessageType::Rebind,
    MessageType::InformationRequest,
];

const TYPES: [MessageType; 4] =
    [MessageType::Advertise, MessageType::Reply, MessageType::Reconfigure, MessageType::Solicit];

const IDENTIFIERS: [Identifier; 7] = [
    Identifier::Missing,
    Identifier::Wrong,
    Identifier::Double,
    Identifier::Contradicts,
    Identifier::Empty,
    Identifier::Short,
    Identifier::Long,
];

/// Unspecified, loopback, multicast, link-local, IPv4-mapped.
const ADDRESSES: [&str; 5] = ["::", "::1", "ff02::1", "fe80::99", "::ffff:192.0.2.1"];

fn several(rng: &mut Rng) -> std::collections::BTreeSet<MessageType> {
    QUESTIONS.into_iter().filter(|_| rng.chance(50)).collect()
}

fn status(rng: &mut Rng) -> StatusCode {
    StatusCode(one_of(rng, &[0, 1, 2, 3, 4, 5, 6, 7, 77]))
}

fn said(rng: &mut Rng) -> DhcpOption {
    crate::server::status(status(rng))
}

/// Times that make little sense, or much of all of them together.
fn times(rng: &mut Rng) -> Times {
    const SOME: [u32; 8] = [0, 1, 2, 30, 600, 3600, 86_400, u32::MAX];
    let mut any = || one_of(rng, &SOME);
    Times::new(any(), any(), any(), any())
}

fn raw(code: u16, length: usize) -> Vec<DhcpOption> {
    vec![DhcpOption::Raw { code, payload: vec![0x61; length] }]
}

const fn empty(code: u16) -> DhcpOption {
    DhcpOption::Raw { code, payload: Vec::new() }
}

fn value(code: u16, value: u32) -> DhcpOption {
    DhcpOption::Raw { code, payload: value.to_be_bytes().to_vec() }
}

/// Associations that no client has asked for: an IA_PD and an IA_NA with a
/// lease, and an IA_TA.
fn strangers(rng: &mut Rng) -> Vec<DhcpOption> {
    let iaid = Iaid(one_of(rng, &[0, 77, u32::MAX]));
    let with = |code, lease| {
        let header = [&iaid.0.to_be_bytes()[..], &[0; 8]].concat();
        DhcpOption::Raw { code, payload: [header, encoded(&lease)].concat() }
    };
    let temporary = DhcpOption::Raw { code: code::IA_TA, payload: vec![0; 4] };
    vec![with(25, prefix(56)), with(3, address("2001:db8:bad::1")), temporary]
}

fn encoded(option: &DhcpOption) -> Vec<u8> {
    let mut octets = Vec::new();
    option.encode(&mut octets).expect("a short option");
    octets
}

/// A prefix of this length, be it one or not, with bits set below it.
fn prefix(length: u8) -> DhcpOption {
    let address = [0x20, 1, 0xd, 0xb8, 0xba, 0xd0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    let times = [0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10];
    DhcpOption::Raw {
        code: code::IAPREFIX,
        payload: [&times[..], &[length], &address[..]].concat(),
    }
}

fn address(text: &str) -> DhcpOption {
    let address: std::net::Ipv6Addr = text.parse().expect("an address");
    let times = [0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10];
    let payload = [&address.octets()[..], &times].concat();
    DhcpOption::Raw { code: code::IAADDR, payload }
}

/// An option whose last inner one points beyond its end.
fn lies(code: u16) -> DhcpOption {
    let lengths: usize = match code {
        5 => 24,
        26 => 25,
        _ => 2,
    };
    let inner = [0, 13, 0xff, 0xf0];
    DhcpOption::Raw { code, payload: [&vec![0x20; lengths][..], &inner].concat() }
}

fn exclusion(rng: &mut Rng) -> DhcpOption {
    let payloads: [&[u8]; 8] = [
        &[],
        &[64],
        &[64, 0x40],
        &[56, 0],
        &[57, 0x80],
        &[0, 0],
        &[129, 0xff],
        &[255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
    ];
    let payload = one_of(rng, &payloads).to_vec();
    DhcpOption::Raw { code: code::PD_EXCLUDE, payload }
}

fn short_statuses(dials: &mut Dials, length: usize) {
    let short = raw(code::STATUS_CODE, length);
    dials.unasked.clone_from(&short);
    dials.within_leases.clone_from(&short);
    dials.within_associations = short;
}

/// Associations within leases within associations, and so on.
fn nested() -> DhcpOption {
    // Code, length, and as many octets of its own: IA_PD and IAPREFIX.
    let levels = || [(25_u16, 12_usize), (26, 25)].into_iter().cycle();
    let room = 60_000;
    let ends = levels().scan(0, |end, (_, own)| {
        *end += 4 + own;
        (*end <= room).then_some(*end)
    });
    let count = ends.clone().count();
    let all = ends.last().unwrap_or_default();
    let mut octets = Vec::with_capacity(all);
    for (code, own) in levels().take(count) {
        let length = u16::try_from(all - octets.len() - 4).expect("below 60,000");
        octets.extend(code.to_be_bytes().into_iter().chain(length.to_be_bytes()));
        octets.resize(octets.len() + own, 0);
    }
    let payload = octets.split_off(4);
    DhcpOption::Raw { code: code::IA_PD, payload }
}

fn text(rng: &mut Rng) -> DhcpOption {
    let texts: [&[u8]; 5] = [
        b"\x1b[2J\x9b1m",
        b"\n<3>kernel: fake",
        b"a\0b\xff\xfe",
        "\u{202e}txet".as_bytes(),
        &[b'x'; 60_000],
    ];
    let text = one_of(rng, &texts);
    let payload = [&[0, 1], text].concat();
    DhcpOption::Raw { code: code::STATUS_CODE, payload }
}

/// Names that are none, and names that mean something to a shell.
fn name(rng: &mut Rng) -> DhcpOption {
    let names: [&[u8]; 8] = [
        b"\x06$(id)x\x00",
        b"\x04`id`\x00",
        b"\x05a;b|c\x00",
        b"\x03../\x02..\x00",
        b"\x06() { :\x00",
        b"\xc0\x00",
        b"\x40aaaa\x00",
        b"\x03abc",
    ];
    let code = one_of(rng, &[code::DOMAIN_LIST, code::CLIENT_FQDN, code::AFTR_NAME, 103]);
    DhcpOption::Raw { code, payload: one_of(rng, &names).to_vec() }
}

/// A captive portal that is nowhere.
fn portal(rng: &mut Rng) -> DhcpOption {
    let portals: [&[u8]; 6] = [
        b"",
        b"h",
        b"https://\x1b[2J\r\n",
        b"https://example.net/\xff\xfe",
        b"https://example.net/$(id)`id`;'",
        &[b'a'; 4000],
    ];
    DhcpOption::Raw { code: code::CAPTIVE_PORTAL, payload: one_of(rng, &portals).to_vec() }
}

fn bounds(rng: &mut Rng) -> Vec<DhcpOption> {
    let seconds = one_of(rng, &[0, 59, 60, 300, 7200, 86_401, u32::MAX]);
    vec![value(code::SOL_MAX_RT, seconds), value(code::INF_MAX_RT, seconds)]
}

/// One or two authentications that are none: of any length and content, or a
/// key of another form, or the key of somebody else, which a client takes where
/// it may (RFC 9915 §20.4).
fn authentications(rng: &mut Rng) -> Vec<DhcpOption> {
    let length = one_of(rng, &[0, 10, 11, 12, 27, 28, 28, 28, 29]);
    let mut octets = [&[3, 1, 0][..], &draw::octets(rng)].concat();
    // Replay detection is 8 octets, then comes what it is: a key or a digest.
    octets[11] = one_of(rng, &[1, 1, 2, 0, 3]);
    let payload: Vec<u8> = octets.into_iter().take(length).collect();
    vec![DhcpOption::Raw { code: code::AUTH, payload }; one_of(rng, &[1, 2])]
}
