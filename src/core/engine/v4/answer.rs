//! From octets to an answer that a state may act on. Whatever gets past here
//! is for us, answers our last question, and can be relied on.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::port_set::PortSet;
use crate::prefix::Prefix;
use crate::reason::DropReason;
use crate::time::Lifetime;
use crate::wire::dhcp4o6::Response;
use crate::wire::v4::{Kind, Message, Op, V4Option};

use super::lease;
use super::settings::Settings;
use super::source::ToBind;

/// What the open question lets in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) xid: u32,
    /// An offer is an answer; else a grant or a denial is.
    pub(super) offer: bool,
    /// The address that was asked for, where it was one: no other is granted.
    pub(super) address: Option<Ipv4Addr>,
    /// The only server that may answer, where one was asked.
    pub(super) server: Option<Ipv4Addr>,
    /// What is asked for comes without an address (DHCPINFORM).
    pub(super) options_alone: bool,
    /// The address asked for is shared, and stays so.
    pub(super) shared: bool,
}

/// An offer, a grant or a denial.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) kind: Kind,
    pub(super) xid: u32,
    pub(super) server: Ipv4Addr,
    pub(super) address: Ipv4Addr,
    pub(super) lease: Lifetime,
    pub(super) times: (Option<Lifetime>, Option<Lifetime>),
    /// Which ports are ours; all of them where there is no set.
    pub(super) ports: Option<PortSet>,
    /// The IPv6 address of ours that it was given to; the client enters it.
    pub(super) came_to: Ipv6Addr,
    /// The address that the server has bound the lease to (RFC 8539).
    pub(super) source: Option<Ipv6Addr>,
    /// For how many seconds IPv4 is not needed (RFC 8925).
    pub(super) ipv6_only: Option<u32>,
    /// The server's words, for people.
    pub(super) text: Option<String>,
    /// Options to pass on.
    pub(super) options: Vec<V4Option>,
    pub(super) border_relays: Vec<Ipv6Addr>,
    pub(super) binding_prefix: Option<Prefix>,
}

impl Answer {
    /// Who has said it, and in which words, in one line for people.
    pub(super) fn describe(&self) -> String {
        let words = self.text.iter().map(|text| format!(": {text}"));
        format!("{} from {}{}", self.kind, self.server, words.collect::<String>())
    }

    /// What an address of ours is to be found for.
    pub(super) fn to_bind(&self) -> ToBind<'_> {
        let Self { address, ports, binding_prefix: prefix, border_relays, .. } = self;
        ToBind { address: *address, ports: *ports, prefix: *prefix, border_relays }
    }
}

/// Lets a message in, or says why not; what was left out of it is counted in
/// `left_out`.
pub(super) fn admit(
    response: &Response,
    settings: &Settings,
    expected: Option<Expected>,
    left_out: &mut Vec<DropReason>,
) -> Result<Answer, DropReason> {
    let decoded = Message::decode(&response.v4)?;
    let message = decoded.message;
    let is_servers = matches!(message.kind, Kind::Offer | Kind::Ack | Kind::Nak);
    if message.op != Op::Reply || !is_servers || !is_for_us(&message, settings) {
        return Err(DropReason::V4Mismatch);
    }
    let expected = expected.ok_or(DropReason::State)?;
    if message.xid != expected.xid {
        return Err(DropReason::V4Mismatch);
    }
    if (message.kind == Kind::Offer) != expected.offer {
        return Err(DropReason::State);
    }
    let mut answer = read(&message, left_out);
    // Every answer names its server (RFC 2131 table 3).
    if answer.server.is_unspecified() {
        return Err(DropReason::V4Malformed);
    }
    if expected.server.is_some_and(|server| server != answer.server) {
        return Err(DropReason::V4Mismatch);
    }
    if message.kind != Kind::Nak && !expected.options_alone {
        check_grant(&mut answer, &message, &expected, settings, left_out)?;
    }
    left_out.extend(decoded.malformed.iter().map(|_| DropReason::V4Malformed));
    answer.border_relays.clone_from(&response.border_relays);
    answer.binding_prefix = response.binding_prefix;
    // RFC 8539 §7.1: without a far end there is no softwire.
    if answer.kind == Kind::Offer && settings.binding && answer.border_relays.is_empty() {
        return Err(DropReason::SoftwireInvalid);
    }
    Ok(answer)
}

/// The client identifier says whom a message is for (RFC 6842 §3); a server
/// that leaves it out echoes the hardware address at least.
fn is_for_us(message: &Message, settings: &Settings) -> bool {
    let stated = message.options.iter().find_map(|option| match option {
        V4Option::ClientId(id) => Some(id),
        _ => None,
    });
    match stated {
        Some(id) => *id == settings.client_id,
        None => message.hardware.octets == settings.hardware_octets(),
    }
}

/// An address with its lease, as an offer and a grant have to have it.
fn check_grant(
    answer: &mut Answer,
    message: &Message,
    expected: &Expected,
    settings: &Settings,
    left_out: &mut Vec<DropReason>,
) -> Result<(), DropReason> {
    let is_timed = message.options.iter().any(|o| matches!(o, V4Option::LeaseTime(_)));
    if !is_timed || !is_assignable(answer.address) {
        return Err(DropReason::V4Malformed);
    }
    if answer.lease.is_zero() {
        return Err(DropReason::Lifetime);
    }
    if expected.address.is_some_and(|address| address != answer.address) {
        return Err(DropReason::V4Mismatch);
    }
    // Who takes a part of an address for the whole takes what is others'
    // (RFC 7618 §8: a set comes only to those who ask for it).
    let was_not_asked_for = answer.ports.is_some() && !settings.share;
    if was_not_asked_for || expected.shared && answer.ports.is_none() {
        return Err(DropReason::V4Mismatch);
    }
    let (t1, t2) = answer.times;
    answer.times = lease::stated(answer.lease, t1, t2).unwrap_or_else(|()| {
        left_out.push(DropReason::Lifetime);
        (None, None)
    });
    Ok(())
}

fn read(message: &Message, left_out: &mut Vec<DropReason>) -> Answer {
    let mut answer = Answer {
        kind: message.kind,
        xid: message.xid,
        server: Ipv4Addr::UNSPECIFIED,
        address: message.yiaddr,
        lease: Lifetime::ZERO,
        times: (None, None),
        ports: None,
        came_to: Ipv6Addr::UNSPECIFIED,
        source: None,
        ipv6_only: None,
        text: None,
        options: Vec::new(),
        border_relays: Vec::new(),
        binding_prefix: None,
    };
    for option in &message.options {
        match option {
            V4Option::ServerId(server) => answer.server = *server,
            V4Option::LeaseTime(lease) => answer.lease = *lease,
            V4Option::RenewalTime(t1) => answer.times.0 = Some(*t1),
            V4Option::RebindingTime(t2) => answer.times.1 = Some(*t2),
            V4Option::PortParameters(set) => answer.ports = Some(*set).filter(|s| !s.is_whole()),
            V4Option::SourceAddress(source) => answer.source = Some(*source),
            V4Option::Ipv6OnlyPreferred(seconds) => answer.ipv6_only = Some(*seconds),
            V4Option::Text(text) => answer.text = Some(text.escaped()),
            V4Option::ClientId(_)
            | V4Option::RequestedAddress(_)
            | V4Option::ParameterRequest(_)
            | V4Option::MaxSize(_) => {}
            option if passed_on(option) => answer.options.push(option.clone()),
            _ => left_out.push(DropReason::TooManyOptions),
        }
    }
    answer
}

/// The most octets of an option that is only shown.
const LONGEST_RAW: usize = 1024;

const fn passed_on(option: &V4Option) -> bool {
    match option {
        V4Option::Raw { payload, .. } => payload.len() <= LONGEST_RAW,
        _ => true,
    }
}

/// An address that a server can sensibly lease. Never one of 169.254/16
/// (RFC 7618 §7.1).
pub(super) fn is_assignable(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_link_local()
        || address.octets()[0] == 0
        || address.octets()[0] >= 240)
}
