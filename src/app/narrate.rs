//! Events in words: the log for people, the stream of `watch` for programs.

use dhc6c_core::engine::{Deadline, Event};
use dhc6c_core::link::V4Sent;
use dhc6c_core::snapshot::Snapshot;
use serde_json::{Value, json};
use tracing::{debug, info, trace, warn};

use crate::os::clock;

/// An event's name in `watch`: a hook event or one of packet, dropped,
/// deadline, command.
fn name(event: &Event) -> &'static str {
    event.hook_name().unwrap_or(match event {
        Event::Dropped(_) => "dropped",
        _ => "packet",
    })
}

/// An event in one line, without the interface's name.
fn text(event: &Event, snapshot: &Snapshot) -> String {
    match event {
        Event::Bound => format!("bound {}", holdings(snapshot)),
        Event::Updated => format!("renewed {}", holdings(snapshot)),
        Event::Rebound => format!("rebound {}", holdings(snapshot)),
        Event::Reduced => format!("left with {}", holdings(snapshot)),
        Event::Informed => format!("informed {}", options(snapshot)),
        Event::DadFailed(address) => format!("{address} is in use by another host, declining it"),
        Event::RouterUpdated => "the routers of the link say something new".to_owned(),
        Event::Unbound => "unbound, no lease is left".to_owned(),
        Event::Releasing => "giving the leases back".to_owned(),
        Event::Stopped => "stopped".to_owned(),
        Event::Sent(kind, transaction, number) => format!("sent {kind} {transaction} #{number}"),
        Event::Received(kind, transaction, source) => {
            format!("received {kind} {transaction} from {source}")
        }
        Event::Dhcp4o6Bound => format!("IPv4 {}", ipv4(snapshot)),
        Event::Dhcp4o6Unbound => "no IPv4 lease is left".to_owned(),
        Event::SentV4(kind, V4Sent { xid, number }) => format!("sent {kind} {xid:08x} #{number}"),
        Event::ReceivedV4(kind, xid) => format!("received {kind} {xid:08x}"),
        Event::Dropped(reason) => format!("dropped a datagram: {reason}"),
        Event::PrefixTooLong(prefix, wished) => {
            format!("{prefix} was delegated where a /{wished} was asked for")
        }
        Event::QuirkActed(quirk) => format!("the quirk {} acts", quirk.as_str()),
        Event::Reconfigured(kind) => format!("the server asks for a {kind}"),
        Event::Refused(kind, status) => format!("{kind} says {status}"),
        Event::ServerGivenUp => "turning to another server".to_owned(),
    }
}

/// Addresses and prefixes, each with the end of its valid lifetime.
fn holdings(snapshot: &Snapshot) -> String {
    let addresses = snapshot.addresses.iter().map(|a| (format!("{}/128", a.address), a.valid));
    let prefixes = snapshot.prefixes.iter().map(|p| (p.prefix.to_string(), p.valid));
    let texts: Vec<_> = addresses
        .chain(prefixes)
        .map(|(what, valid)| format!("{what} until {}", clock::wall_after(valid)))
        .collect();
    texts.join(", ")
}

/// The IPv4 address with its ports and the end of its lease.
fn ipv4(snapshot: &Snapshot) -> String {
    let Some(lease) = &snapshot.dhcp4o6 else { return "without a lease".to_owned() };
    let ports = lease.port_set.as_ref();
    let ports = ports.map(|set| format!(" (PSID {} of {} bits)", set.psid, set.psid_len));
    format!(
        "{}{} until {}",
        lease.address.map(|address| address.to_string()).unwrap_or_default(),
        ports.unwrap_or_default(),
        clock::wall_after(lease.lease.unwrap_or_default())
    )
}

fn options(snapshot: &Snapshot) -> String {
    let options = &snapshot.options;
    let dns: Vec<_> = options.dns.iter().map(ToString::to_string).collect();
    let domains: Vec<_> = options.domains.iter().map(ToString::to_string).collect();
    match (dns.is_empty(), domains.is_empty()) {
        (true, true) => "without name servers".to_owned(),
        (false, true) => format!("name servers {}", dns.join(" ")),
        (true, false) => format!("domains {}", domains.join(" ")),
        (false, false) => format!("name servers {}, domains {}", dns.join(" "), domains.join(" ")),
    }
}

/// Writes an event to the log.
pub(crate) fn log(event: &Event, snapshot: &Snapshot) {
    let (name, text) = (&snapshot.name, text(event, snapshot));
    match event {
        Event::DadFailed(_) | Event::PrefixTooLong(..) => warn!("{name}: {text}"),
        Event::Bound
        | Event::Rebound
        | Event::Reduced
        | Event::Informed
        | Event::RouterUpdated
        | Event::Unbound
        | Event::Releasing
        | Event::Stopped
        | Event::Reconfigured(_)
        | Event::QuirkActed(_)
        | Event::Refused(..)
        | Event::Dhcp4o6Bound
        | Event::Dhcp4o6Unbound
        | Event::ServerGivenUp => info!("{name}: {text}"),
        Event::Updated
        | Event::Sent(..)
        | Event::Received(..)
        | Event::SentV4(..)
        | Event::ReceivedV4(..)
        | Event::Dropped(_) => {
            debug!("{name}: {text}");
        }
    }
}

/// An event as one line of `watch --json`.
pub(crate) fn line(event: &Event, snapshot: &Snapshot) -> String {
    let mut object = object(&snapshot.name, name(event), text(event, snapshot));
    let details = match event {
        Event::Sent(kind, transaction, number) => json!({
            "direction": "sent", "type": kind, "xid": transaction.to_string(), "number": number
        }),
        Event::Received(kind, transaction, source) => json!({
            "direction": "received", "type": kind, "xid": transaction.to_string(), "source": source
        }),
        Event::SentV4(kind, V4Sent { xid, number }) => json!({
            "direction": "sent", "type": kind.name(), "xid": format!("{xid:08x}"), "number": number
        }),
        Event::ReceivedV4(kind, xid) => json!({
            "direction": "received", "type": kind.name(), "xid": format!("{xid:08x}")
        }),
        Event::PrefixTooLong(prefix, wished) => json!({ "prefix": prefix, "wished": wished }),
        Event::QuirkActed(quirk) => json!({ "quirk": quirk }),
        Event::Reconfigured(kind) => json!({ "type": kind }),
        Event::Refused(kind, status) => json!({ "type": kind, "status": status.code.0 }),
        Event::Dropped(reason) => json!({ "reason": reason }),
        Event::DadFailed(address) => json!({ "address": address }),
        _ => json!({}),
    };
    if let (Value::Object(object), Value::Object(details)) = (&mut object, details) {
        object.extend(details);
    }
    object.to_string()
}

/// The line of a command that somebody gave.
pub(crate) fn command_line(interface: &str, command: &str) -> String {
    object(interface, "command", format!("{command} was asked for")).to_string()
}

/// The line of a deadline that came.
pub(crate) fn deadline_line(interface: &str, deadline: Deadline) -> String {
    let why = deadline.why.as_str();
    trace!("{interface}: due: {why}");
    object(interface, "deadline", format!("due: {why}")).to_string()
}

fn object(interface: &str, event: &str, text: String) -> Value {
    json!({ "time": clock::wall_now(), "interface": interface, "event": event, "text": text })
}

#[cfg(test)]
#[path = "narrate_tests.rs"]
mod tests;
