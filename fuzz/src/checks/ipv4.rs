//! DHCPv4 over DHCPv6: any response in any state of the DHCPv4 client. The
//! octets say which state it is brought to and what happens to it then.

use std::net::Ipv4Addr;

use dhc6c_core::engine::{Config, Dhcp4o6, Input, Interface, Restored};
use dhc6c_core::ident::{Iaid, LinkAddress};
use dhc6c_core::snapshot::V4State;
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::dhcp4o6::{Query, Response};
use dhc6c_core::wire::frame::Options;
use dhc6c_core::wire::v4::{Kind, Message, V4Option};
use dhc6c_core::wire::{MessageType, code};

use super::script::{Happening, Script, append};
use super::subject::{DUID, Subject, wants_all};
use crate::server::{ModelServer, ServerConfig, V4Config};

/// As many deadlines pass at most until a state is reached.
const WAKES: usize = 400;
/// As many things happen at most; more would only be slower.
const MOST_HAPPENINGS: usize = 16;
/// Where the transaction is in a DHCPv4 message (RFC 2131 §2), where its
/// options are, and the code of the client's identifier.
const XID: usize = 4;
const OPTIONS: usize = 240;
const CLIENT_ID: u8 = 61;

/// The states that a client is brought to. Seeds name them by their place:
/// further ones come last.
pub const STATES: [V4State; 11] = [
    V4State::Selecting,
    V4State::Requesting,
    V4State::Bound,
    V4State::Renewing,
    V4State::Rebinding,
    V4State::Rebooting,
    V4State::Waiting,
    V4State::Attaching,
    V4State::Informing,
    V4State::Informed,
    V4State::Idle,
];
/// What of the choices is about the client.
const SHARE: u8 = 1;
const BINDING: u8 = 2;
const IPV6_ONLY: u8 = 4;
const HAS_ADDRESS: u8 = 8;

/// Brings a client to a state, which the first octet chooses, lets things
/// happen, makes it send, ends it.
/// What arrives is bounded, and means the same when it is written again.
pub fn check(octets: &[u8]) {
    let Some((&[state, choices, seed], rest)) = octets.split_first_chunk::<3>() else { return };
    let state = STATES[usize::from(state) % STATES.len()];
    let mut subject = at(state, choices, seed);
    for happening in Script::new(rest).take(MOST_HAPPENINGS) {
        happen(&mut subject, happening);
    }
    subject.finish();
}

fn decode(octets: &[u8]) {
    let Ok(response) = Response::decode(octets) else { return };
    assert!(response.v4.len() <= octets.len(), "more than there is");
    let Ok(decoded) = Message::decode(&response.v4) else { return };
    assert!(decoded.message.options.len() <= octets.len(), "more options than octets");
    let again = Message::decode(&decoded.message.encode()).expect("what was read can be written");
    assert_eq!(again.message, decoded.message);
}

/// A client in this state, whose server is silent from now on.
pub fn at(state: V4State, choices: u8, seed: u8) -> Subject {
    let choices = match state {
        V4State::Attaching => choices & !HAS_ADDRESS | BINDING,
        V4State::Informing | V4State::Informed => choices | HAS_ADDRESS,
        _ => choices & !HAS_ADDRESS,
    };
    let config = config(choices);
    let interface = Interface::new(config.clone(), [seed; 32]);
    let start = Instant::from_millis(u64::from(seed) * 1000);
    let mut subject = Subject::of(interface, config, start);
    subject.server = server(choices);
    let v4 = subject.server.v4();
    match state {
        V4State::Selecting | V4State::Informing => v4.dials.silent = true,
        V4State::Requesting => v4.dials.silent_to = [Kind::Request].into(),
        _ => {}
    }
    subject.is_answered = true;
    subject.link(true);
    let comes_after_bound =
        [V4State::Renewing, V4State::Rebinding, V4State::Rebooting, V4State::Idle];
    if comes_after_bound.contains(&state) {
        reach(&mut subject, V4State::Bound);
        subject.server.v4().dials.silent = true;
    }
    match state {
        V4State::Rebooting => subject = restarted(&subject, seed),
        // Option 88 goes, and the lease stays.
        V4State::Idle => {
            subject.server.dials.withhold.insert(code::DHCP4_O_DHCP6_SERVER);
            subject.input(Input::Renew);
        }
        _ => {}
    }
    reach(&mut subject, state);
    subject.server.dials.withhold.clear();
    subject.server.v4().dials.silent = false;
    subject.server.v4().dials.silent_to.clear();
    subject.is_answered = false;
    subject
}

/// Another process, which goes on with what the first one has kept.
fn restarted(former: &Subject, seed: u8) -> Subject {
    let record = former.kept.clone().expect("leases are kept");
    let restored = Restored { record, in_use: true, times_are_known: true };
    let config = former.config.clone();
    let interface = Interface::restore(config.clone(), [seed; 32], restored, former.now);
    let mut subject = Subject::of(interface, config, former.now);
    subject.server = former.server.clone();
    subject.is_answered = true;
    subject.link(true);
    subject
}

fn reach(subject: &mut Subject, state: V4State) {
    for _ in 0..WAKES {
        if state != V4State::Attaching {
            make_usable(subject);
        }
        if subject.v4_state() == Some(state) || !subject.wake() {
            break;
        }
    }
    assert_eq!(subject.v4_state(), Some(state), "it does not get there");
}

/// Duplicate address detection passes what is on the interface.
fn make_usable(subject: &mut Subject) {
    let addresses: Vec<_> = subject.desired.addresses.keys().copied().collect();
    addresses.into_iter().for_each(|address| subject.input(Input::AddressUsable(address)));
}

fn config(choices: u8) -> Config {
    let chosen = |what: u8| choices & what != 0;
    let hardware = LinkAddress { hardware_type: 1, octets: vec![2, 0, 0, 0, 0, 0xc0] };
    let dhcp4o6 = Dhcp4o6 {
        share: chosen(SHARE),
        binding: chosen(BINDING),
        ipv6_only: chosen(IPV6_ONLY),
        address: chosen(HAS_ADDRESS).then_some(Ipv4Addr::new(198, 51, 100, 7)),
        longest_delay: Duration::from_secs(1000),
        device: Some("sw0".to_owned()),
        ..Dhcp4o6::new(hardware, Iaid(1))
    };
    Config { dhcp4o6: Some(Box::new(dhcp4o6)), ..wants_all(DUID.parse().expect("a DUID")) }
}

fn server(choices: u8) -> ModelServer {
    let v4 = V4Config {
        share: (choices & SHARE != 0).then_some((6, 8)),
        border_relay: (choices & BINDING != 0)
            .then(|| "2001:db8:ffff::1".parse().expect("an address")),
        ..V4Config::number(1)
    };
    ModelServer::new(ServerConfig::number(1).v4(v4))
}

fn happen(subject: &mut Subject, happening: Happening<'_>) {
    match happening {
        Happening::Datagram(octets) => arrive(subject, octets.to_vec()),
        Happening::Answer(octets) => {
            let octets = past_the_door(octets, subject);
            arrive(subject, octets);
        }
        Happening::Honest(honest) => subject.is_answered = honest,
        Happening::Wait(span) => subject.advance(span),
        Happening::Deadline => _ = subject.wake(),
        Happening::Carrier(up) => subject.link(up),
        Happening::Command(number) => command(subject, number),
    }
}

fn arrive(subject: &mut Subject, octets: Vec<u8>) {
    decode(&octets);
    subject.datagram(octets);
}

/// What people, the kernel and the configuration may say.
fn command(subject: &mut Subject, number: u8) {
    let address = subject.desired.addresses.keys().next().copied();
    let ipv4 = subject.desired.ipv4.as_ref().map(|ipv4| ipv4.address);
    let input = match (number % 8, address, ipv4) {
        (0, ..) => Input::Renew,
        (1, ..) => Input::Rebind,
        (2, ..) => Input::Restart,
        (3, Some(address), _) => Input::AddressUsable(address),
        (4, Some(address), _) => Input::AddressMissing(address),
        (5, Some(address), _) => Input::AddressDuplicate(address),
        (6, _, Some(address)) => Input::Ipv4AddressDuplicate(address),
        (7, ..) => {
            let mut config = config(number >> 3);
            config.dhcp4o6 = config.dhcp4o6.filter(|_| number & 0x80 == 0);
            subject.config = config.clone();
            Input::Configure(Box::new(config))
        }
        _ => Input::Tick,
    };
    subject.input(input);
}

/// The response with our transaction and our identifier in its DHCPv4
/// message. Everything else stays.
pub fn past_the_door(octets: &[u8], subject: &Subject) -> Vec<u8> {
    let asked = subject.last_query.as_ref().and_then(|octets| Query::decode(octets).ok());
    let asked = asked.and_then(|query| Message::decode(&query.v4).ok());
    let (Some(asked), Some((&[kind, ..], options))) = (asked, octets.split_first_chunk::<4>())
    else {
        return octets.to_vec();
    };
    if kind != MessageType::Dhcpv4Response.code() {
        return octets.to_vec();
    }
    let mut message = octets[..4].to_vec();
    let mut walked = 0;
    for option in Options::new(options).map_while(Result::ok) {
        walked += 4 + option.payload.len();
        let is_message = option.code == code::DHCPV4_MSG;
        let payload = is_message.then(|| put_right(option.payload, &asked.message));
        append(&mut message, option.code, payload.as_deref().unwrap_or(option.payload));
    }
    message.extend_from_slice(&options[walked..]);
    message
}

/// The DHCPv4 message with the transaction and the identifier of a question.
fn put_right(octets: &[u8], asked: &Message) -> Vec<u8> {
    let mut v4 = octets.to_vec();
    if let Some(place) = v4.get_mut(XID..XID + 4) {
        place.copy_from_slice(&asked.xid.to_be_bytes());
    }
    let own = asked.options.iter().find_map(|option| match option {
        V4Option::ClientId(id) => Some(id),
        _ => None,
    });
    let mut at = OPTIONS;
    while let Some(&[code, length]) = v4.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
        let end = at + 2 + usize::from(length);
        if code == CLIENT_ID
            && let Some(own) = own
            && end <= v4.len()
        {
            v4.splice(at + 2..end, own.iter().copied());
            v4[at + 1] = u8::try_from(own.len()).expect("an identifier");
            break;
        }
        at = if code == 0 { at + 1 } else { end };
    }
    // It may have grown, and an option has its limit.
    v4.truncate(usize::from(u16::MAX));
    v4
}
