//! The messages we send: fields and options of each (RFC 2131 §4.3.6 table 4,
//! §4.4 table 5; RFC 7618 §7; RFC 8539 §7), and whether IPv4 would send them
//! to one server alone (RFC 7341 §8).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::port_set::PortSet;
use crate::wire::code::{S46_BIND_IPV6_PREFIX, S46_BR};
use crate::wire::dhcp4o6::Query;
use crate::wire::v4::{Kind, Message, Op, V4Option};

use super::common::Former;
use super::lease::Lease;
use super::settings::Settings;

/// A question, in the state that asks it.
#[derive(Clone, Debug)]
pub(super) enum Question<'a> {
    /// INIT: who is there? What was held before would be welcome again.
    Discover(Option<Former>),
    /// SELECTING: this is what I choose.
    Select { address: Ipv4Addr, server: Ipv4Addr, ports: Option<PortSet>, source: Option<Ipv6Addr> },
    /// INIT-REBOOT: is this still mine?
    Reboot(&'a Lease),
    /// RENEWING: more time, from its server.
    Renew(&'a Lease),
    /// REBINDING: more time, from anybody.
    Rebind(&'a Lease),
    /// Somebody else has this.
    Decline(&'a Lease),
    /// I do not need this any more.
    Release(&'a Lease),
    /// Options for an address that I have.
    Inform(Ipv4Addr),
}

/// Builds a message.
pub(super) fn query(settings: &Settings, question: &Question<'_>, xid: u32, secs: u16) -> Query {
    use Question as Q;
    let (kind, unicast, ciaddr) = match question {
        Q::Discover(_) => (Kind::Discover, false, None),
        Q::Select { .. } | Q::Reboot(_) => (Kind::Request, false, None),
        Q::Renew(lease) => (Kind::Request, true, Some(lease.address)),
        Q::Rebind(lease) => (Kind::Request, false, Some(lease.address)),
        Q::Decline(_) => (Kind::Decline, false, None),
        Q::Release(lease) => (Kind::Release, true, Some(lease.address)),
        // Where the server is, we do not know.
        Q::Inform(address) => (Kind::Inform, false, Some(*address)),
    };
    let message = Message {
        op: Op::Request,
        hardware: settings.hardware.clone(),
        xid,
        // Zero in what gives something back (RFC 2131 table 5).
        secs: if matches!(kind, Kind::Decline | Kind::Release) { 0 } else { secs },
        ciaddr: ciaddr.unwrap_or(Ipv4Addr::UNSPECIFIED),
        yiaddr: Ipv4Addr::UNSPECIFIED,
        kind,
        options: options(settings, question),
    };
    // RFC 8539 §7.1: asked for where an offer is wanted.
    let asks_for_softwire = settings.binding && kind == Kind::Discover;
    let request = if asks_for_softwire { vec![S46_BR, S46_BIND_IPV6_PREFIX] } else { Vec::new() };
    Query { unicast, request, v4: message.encode() }
}

fn options(settings: &Settings, question: &Question<'_>) -> Vec<V4Option> {
    use Question as Q;
    let (requested, server) = match question {
        Q::Discover(former) => (former.map(|former| former.address), None),
        Q::Select { address, server, .. } => (Some(*address), Some(*server)),
        Q::Reboot(lease) => (Some(lease.address), None),
        Q::Decline(lease) => (Some(lease.address), Some(lease.server)),
        Q::Release(lease) => (None, Some(lease.server)),
        Q::Renew(_) | Q::Rebind(_) | Q::Inform(_) => (None, None),
    };
    let ports = match question {
        Q::Discover(former) => former.and_then(|former| former.ports).filter(|_| settings.share),
        Q::Select { ports, .. } => *ports,
        Q::Reboot(lease)
        | Q::Renew(lease)
        | Q::Rebind(lease)
        | Q::Decline(lease)
        | Q::Release(lease) => lease.ports,
        Q::Inform(_) => None,
    };
    // In every DHCPREQUEST, and nowhere else (RFC 8539 §7.1, §7.2, §7.3).
    let source = match question {
        Q::Select { source, .. } => *source,
        Q::Reboot(lease) | Q::Renew(lease) | Q::Rebind(lease) => lease.source,
        _ => None,
    };
    let asks = !matches!(question, Q::Decline(_) | Q::Release(_));
    let mut options = Vec::new();
    options.extend(requested.map(V4Option::RequestedAddress));
    options.extend(server.map(V4Option::ServerId));
    options.push(settings.client_id_option());
    options.extend(asks.then(|| settings.parameters()));
    options.extend(ports.map(V4Option::PortParameters));
    options.extend(source.filter(|_| settings.binding).map(V4Option::SourceAddress));
    options
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
