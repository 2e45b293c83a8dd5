//! What happened in a world, to be printed where a scenario fails.

use std::collections::VecDeque;
use std::fmt;
use std::net::Ipv6Addr;

use dhc6c_core::desired::Desired;
use dhc6c_core::engine::{Event, Why};
use dhc6c_core::time::Instant;
use dhc6c_core::wire::dhcp4o6::{Query, Response};
use dhc6c_core::wire::{DhcpOption, Message, v4};

/// How many of the latest lines are kept where nothing else is said.
const KEPT: usize = 400;

/// How much of a history is kept.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Span {
    /// Nothing: for runs of many worlds, which are played again to be read.
    Nothing,
    /// The latest.
    #[default]
    Latest,
    /// Everything.
    All,
}

impl Span {
    const fn lines(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Latest => KEPT,
            Self::All => usize::MAX,
        }
    }
}

/// One line of history.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A client sent a message.
    Sent(usize, Vec<u8>),
    /// A client sent a message of DHCPv4 over DHCPv6.
    SentV4(usize, Ipv6Addr, Vec<u8>),
    /// A message of a client reached a server.
    Reached(usize, Vec<u8>),
    /// A server sent an answer.
    Answered(usize, Vec<u8>),
    /// An answer reached a client.
    Delivered(usize, Vec<u8>),
    /// A datagram got lost on the link.
    Lost,
    /// A client's deadline came.
    Woken(usize, Why),
    /// A client told something.
    Told(usize, Event),
    /// A client wants this of its kernel.
    Wanted(usize, Box<Desired>),
    /// Anything else.
    Note(String),
}

/// The history of a world.
#[derive(Debug, Default)]
pub struct History {
    span: Span,
    entries: VecDeque<(Instant, Entry)>,
    dropped: usize,
}

impl History {
    /// A history of which so much is kept.
    #[must_use]
    pub fn of(span: Span) -> Self {
        Self { span, ..Self::default() }
    }

    /// Adds a line, which is made only where it is kept.
    pub fn add(&mut self, now: Instant, entry: impl FnOnce() -> Entry) {
        if self.span == Span::Nothing {
            return;
        }
        if self.entries.len() == self.span.lines() {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back((now, entry()));
    }

    /// All of it, with times counted from `start`.
    #[must_use]
    pub fn text(&self, start: Instant) -> String {
        if self.span == Span::Nothing {
            return String::new();
        }
        let mut text = format!("({} earlier lines left out)\n", self.dropped);
        for (at, entry) in &self.entries {
            let since = at.since(start);
            text += &format!("{:>9}.{:03} {entry}\n", since.as_secs(), since.subsec_millis());
        }
        text
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(client, octets) => write!(f, "client {client} sends {}", line(octets)),
            Self::SentV4(client, to, octets) => {
                write!(f, "client {client} sends {} to {to}", v4_line(octets))
            }
            Self::Reached(server, octets) => {
                write!(f, "server {server} gets {}", headline(octets))
            }
            Self::Answered(server, octets) => write!(f, "server {server} sends {}", line(octets)),
            Self::Delivered(client, octets) => {
                write!(f, "client {client} gets {}", headline(octets))
            }
            Self::Lost => f.write_str("a datagram is lost"),
            Self::Woken(client, why) => write!(f, "client {client} wakes to {}", why.as_str()),
            Self::Told(client, event) => write!(f, "client {client} tells {event:?}"),
            Self::Wanted(client, desired) => write!(f, "client {client} wants {}", wants(desired)),
            Self::Note(note) => write!(f, "-- {note}"),
        }
    }
}

fn wants(desired: &Desired) -> String {
    let addresses = desired.addresses.keys().map(ToString::to_string);
    let prefixes = desired.unreachable.keys().map(ToString::to_string);
    let leases: Vec<_> = addresses.chain(prefixes).collect();
    let servers = desired.resolver.iter().flat_map(|resolver| &resolver.servers);
    let servers: Vec<_> = servers.map(ToString::to_string).collect();
    format!("[{}], name servers [{}]", leases.join(", "), servers.join(", "))
}

/// A DHCPv4 message with its options, as it is carried.
fn v4_line(octets: &[u8]) -> String {
    let query = Query::decode(octets).map(|query| query.v4);
    let carried = query.or_else(|_| Response::decode(octets).map(|response| response.v4));
    match carried.and_then(|octets| v4::Message::decode(&octets)) {
        Ok(decoded) => {
            let v4::Message { kind, xid, ciaddr, yiaddr, options, .. } = decoded.message;
            format!("{kind} {xid:08x} ciaddr {ciaddr} yiaddr {yiaddr} {options:?}")
        }
        Err(reason) => format!("DHCPv4 ({reason:?})"),
    }
}

fn headline(octets: &[u8]) -> String {
    if matches!(octets.first(), Some(20 | 21)) {
        return v4_line(octets);
    }
    match Message::decode(octets) {
        Ok(decoded) => format!("{} {}", decoded.message.kind, decoded.message.transaction),
        Err(reason) => format!("{} octets ({reason:?})", octets.len()),
    }
}

fn line(octets: &[u8]) -> String {
    let options = Message::decode(octets).map(|decoded| decoded.message.options);
    let options: Vec<_> = options.iter().flatten().map(brief).collect();
    format!("{} [{}]", headline(octets), options.join(", "))
}

fn brief(option: &DhcpOption) -> String {
    match option {
        DhcpOption::IaNa(ia) | DhcpOption::IaPd(ia) => {
            let kind = if matches!(option, DhcpOption::IaNa(_)) { "na" } else { "pd" };
            let inner: Vec<_> = ia.options.iter().map(brief).collect();
            format!("{kind} {} {}/{} [{}]", ia.iaid, ia.t1.0, ia.t2.0, inner.join(", "))
        }
        DhcpOption::IaAddress(lease) => {
            format!("{} {}/{}", lease.address, lease.preferred.0, lease.valid.0)
        }
        DhcpOption::IaPrefix(lease) => {
            format!("{} {}/{}", lease.prefix, lease.preferred.0, lease.valid.0)
        }
        DhcpOption::Status(status) => status.code.to_string(),
        other => format!("{other:?}"),
    }
}
