//! The protocol, without clock, socket or runtime.
//!
//! An [`Interface`] is a value. The shell tells it what happened, with the
//! time it happened at ([`Interface::handle_input`]), and then drains it
//! ([`Interface::poll_output`]) until it has nothing more to say. Between
//! inputs it needs to be woken once: at [`Interface::poll_deadline`].
//!
//! **The law of the drain.** Every input is followed by a full drain before
//! the deadline is read or the next input is given. Outputs that were not
//! taken are not lost, but the deadline does not know of them.
//!
//! Deadlines are read from the state each time and never stored apart, so
//! one that has become pointless cannot fire. Waking early or late is
//! harmless: what is due is decided by `now` alone.
//!
//! ```text
//! loop {
//!     engine.handle_input(now, input);
//!     while let Some(output) = engine.poll_output(now) { act on it }
//!     input = whatever comes first: a datagram, a change of the link,
//!             a command, or Input::Tick at engine.poll_deadline()
//! }
//! ```

mod dhcp4o6;
mod iface;
mod limit;
mod ra;
pub mod retx;
mod v4;
pub mod v6;

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::desired::Desired;
use crate::link::{Datagram, Link, RouterMessage, V4Sent};
use crate::prefix::Prefix;
use crate::reason::DropReason;
use crate::record::Record;
use crate::time::Instant;
use crate::wire::v4::Kind;
use crate::wire::{MessageType, Status, TransactionId};

pub use iface::{
    ClientName, Config, Dhcp4o6, Interface, NameUpdate, PrefixRequest, Quirk, Restored,
};
pub use limit::SendLimit;

/// Something that happened outside.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Input {
    /// The link changed, or is described for the first time.
    Link(Link),
    /// The machine was suspended and goes on: perhaps on another link, and
    /// with less time left than was thought (RFC 9915 §18.2.12).
    Resumed,
    /// A datagram arrived at UDP port 546 on this interface.
    Datagram(Datagram),
    /// A router said something.
    Router(RouterMessage),
    /// The kernel finished duplicate address detection: the address is ours.
    AddressUsable(Ipv6Addr),
    /// The address is not there for the time being: the link went down, or
    /// somebody removed it. [`Input::AddressUsable`] follows when it is back.
    AddressMissing(Ipv6Addr),
    /// The kernel found that somebody else has the address.
    AddressDuplicate(Ipv6Addr),
    /// Somebody else has this IPv4 address of ours.
    Ipv4AddressDuplicate(Ipv4Addr),
    /// The last [`Output::Desired`] is in the kernel and the resolver.
    Applied,
    /// Extend the leases at their server now, or ask for options anew.
    Renew,
    /// Extend the leases at any server now.
    Rebind,
    /// Withdraw everything, give the leases back and rest (RFC 9915
    /// §18.2.7).
    Release,
    /// Withdraw everything, give the leases back and start over.
    Restart,
    /// Go on with another configuration; what is held and still wanted is
    /// kept.
    Configure(Box<Config>),
    /// Withdraw everything and end; the leases are given back only where
    /// that is said.
    Stop {
        /// Send a Release, and one more if it stays unanswered.
        release: bool,
    },
    /// Nothing happened but time.
    Tick,
}

/// Something the shell has to do.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Output {
    /// Send these octets to All_DHCP_Relay_Agents_and_Servers, port 547, from
    /// the link-local address (RFC 9915 §14).
    Transmit(Vec<u8>),
    /// Send these octets to port 547 of this address, from this address of
    /// ours: a message of DHCPv4 over DHCPv6 (RFC 7341 §9). What cannot be
    /// sent is lost, as on the way.
    TransmitTo {
        /// A server, or all of them.
        destination: Ipv6Addr,
        /// Our link-local address, or one that was said to be usable.
        source: Ipv6Addr,
        /// The message.
        octets: Vec<u8>,
    },
    /// Send a Router Solicitation to all routers of the link (RFC 4861 §6.3.7).
    SolicitRouters,
    /// Make the kernel and the resolver look like this, and say
    /// [`Input::Applied`] when it is done.
    Desired(Box<Desired>),
    /// Keep this for the next start, in place of what was kept before.
    Keep(Box<Record>),
    /// Something that people and programs may want to know.
    Event(Event),
}

/// Something worth telling.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Event {
    /// The first leases, or new ones after a loss.
    Bound,
    /// A Renew was answered.
    Updated,
    /// A Rebind was answered.
    Rebound,
    /// Leases are gone before the end that was told of them, and others are
    /// held on.
    Reduced,
    /// Options without leases arrived or changed.
    Informed,
    /// An address turned out to be in use by another host.
    DadFailed(Ipv6Addr),
    /// The last lease is gone, or the client stops.
    Unbound,
    /// Leases are being given back to their server.
    Releasing,
    /// The client has ended; nothing follows.
    Stopped,
    /// A message was sent: its type, its exchange and the how-manieth time.
    Sent(MessageType, TransactionId, u32),
    /// A message was received and taken.
    Received(MessageType, TransactionId, Ipv6Addr),
    /// An IPv4 lease, or one that says something else than before. Whoever
    /// runs DHCPv4 on the interface has to stop (RFC 7341 §9).
    Dhcp4o6Bound,
    /// The IPv4 lease is gone.
    Dhcp4o6Unbound,
    /// A DHCPv4 message was sent over DHCPv6.
    SentV4(Kind, V4Sent),
    /// A DHCPv4 message was received over DHCPv6 and taken: its transaction.
    ReceivedV4(Kind, u32),
    /// Something received was dropped.
    Dropped(DropReason),
    /// A quirk of the configuration acted.
    QuirkActed(Quirk),
    /// The routers of the link say something new.
    RouterUpdated,
    /// A server delegated a prefix that is longer than the length wished for,
    /// so that there is less room in it (RFC 7084 WPD-3).
    PrefixTooLong(Prefix, u8),
    /// Our server asked us to send this message to it (RFC 9915 §18.2.11).
    Reconfigured(MessageType),
    /// A server answered with a status that is no success.
    Refused(MessageType, Status),
    /// A server that was asked stays silent or does not give; the next one
    /// that advertised is asked, or none is left.
    ServerGivenUp,
}

impl Event {
    /// Its name for hooks; none where they are not told.
    #[must_use]
    pub const fn hook_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Bound => "bound",
            // The list of events is closed, and this is the one that tells how
            // leases are that go on. A hook that is told nothing of a loss would
            // go on to use what is not ours any more.
            Self::Updated | Self::Reduced => "updated",
            Self::Rebound => "rebound",
            Self::Informed => "informed",
            Self::RouterUpdated => "ra-updated",
            Self::DadFailed(_) => "dad-failed",
            Self::Unbound => "unbound",
            Self::Stopped => "stopped",
            Self::Dhcp4o6Bound => "dhcp4o6-bound",
            Self::Dhcp4o6Unbound => "dhcp4o6-unbound",
            Self::SentV4(..)
            | Self::ReceivedV4(..)
            | Self::Sent(..)
            | Self::Received(..)
            | Self::Reconfigured(_)
            | Self::QuirkActed(_)
            | Self::PrefixTooLong(..)
            | Self::Refused(..)
            | Self::ServerGivenUp
            | Self::Releasing
            | Self::Dropped(_) => return None,
        })
    }
}

/// How the prefixes of a link have changed, the weightier last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum PrefixChange {
    /// One was added or deprecated (RFC 9915 §18.2.12).
    OnLink,
    /// One that stands for delegation was (RFC 9762 §7.1).
    Delegating,
}

/// When to wake the engine if nothing else happens, and what for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Deadline {
    /// The instant to wake at.
    pub at: Instant,
    /// What will be due then.
    pub why: Why,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The first or next transmission of a message.
    Transmit,
    /// Advertisements were collected long enough (RFC 9915 §18.2.1).
    Choose,
    /// T1 (RFC 9915 §18.2.4).
    Renew,
    /// T2 (RFC 9915 §18.2.5).
    Rebind,
    /// A valid lifetime ends.
    Expire,
    /// The information refresh time (RFC 9915 §21.23).
    Refresh,
    /// The exchange is given up (MRC or MRD, RFC 9915 §15).
    GiveUp,
    /// The send limit allows the next message.
    Limit,
}

impl Why {
    /// One lower-case word or two with a hyphen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transmit => "transmit",
            Self::Choose => "choose",
            Self::Renew => "renew",
            Self::Rebind => "rebind",
            Self::Expire => "expire",
            Self::Refresh => "refresh",
            Self::GiveUp => "give-up",
            Self::Limit => "limit",
        }
    }
}

impl Deadline {
    /// The sooner of two deadlines, either of which may be absent.
    #[must_use]
    pub fn soonest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.at < one.at { other } else { one }),
            (one, other) => one.or(other),
        }
    }
}

/// True where both addresses are unique local ones, or neither is (RFC 4193).
const fn is_same_kind(one: Ipv6Addr, other: Ipv6Addr) -> bool {
    one.is_unique_local() == other.is_unique_local()
}
