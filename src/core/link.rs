//! What is seen of a link: its state, and what arrives on it.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

/// What matters of a link.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Link {
    /// The kernel's number for the interface.
    pub index: u32,
    /// The link is up and has a carrier.
    pub up: bool,
    /// Our link-local address, once duplicate address detection has passed
    /// it; without one nothing is sent (RFC 9915 §14, RFC 7084 W-2).
    pub link_local: Option<Ipv6Addr>,
}

impl Link {
    /// True when something can be sent: the link is up and our link-local
    /// address has passed duplicate address detection (RFC 7084 W-2).
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        self.up && self.link_local.is_some()
    }
}

/// An ICMPv6 message received from a router.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RouterMessage {
    /// Who sent it.
    pub source: Ipv6Addr,
    /// What was left of its hop limit: 255 unless it has passed a router.
    pub hop_limit: u8,
    /// The message, with its checksum checked.
    pub octets: Vec<u8>,
}

/// A datagram received at UDP port 546.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Datagram {
    /// Who sent it.
    pub source: Ipv6Addr,
    /// Whom it was sent to.
    pub destination: Ipv6Addr,
    /// The payload.
    pub octets: Vec<u8>,
}

/// A DHCPv4 message that was sent (RFC 2131 §2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct V4Sent {
    /// Its transaction.
    pub xid: u32,
    /// The how-manieth time it was sent.
    pub number: u32,
}
