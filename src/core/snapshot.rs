//! The one picture of an interface that everybody outside gets: `status`,
//! its JSON (schema 1), and whatever will be made from it. Field names and
//! their order are the contract; a part that is absent is `null` or empty,
//! never missing.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use crate::ident::{Duid, Iaid};
use crate::prefix::Prefix;
use crate::reason::DropCounts;
use crate::time::Lifetime;
use crate::wire::parameter::{AddressSelection, EncryptedDns};
use crate::wire::{DomainName, MessageType};

/// An interface at one moment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Snapshot {
    /// The interface's name.
    pub name: String,
    /// The kernel's number for it; 0 while it does not exist.
    pub ifindex: u32,
    /// What the client is doing.
    pub state: StateName,
    /// Everything asked for is there or refused, and applied.
    pub ready: bool,
    /// How configuration is asked for.
    pub mode: Mode,
    /// Our own DUID.
    pub duid: Duid,
    /// The IAID of the address association, or of the first prefix one.
    pub iaid: Option<Iaid>,
    /// The server that holds our leases or answered last.
    pub server: Option<Server>,
    /// Addresses held.
    pub addresses: Vec<Address>,
    /// Prefixes held.
    pub prefixes: Vec<DelegatedPrefix>,
    /// When leases are extended; absent without a lease.
    pub timers: Option<Timers>,
    /// Options in effect.
    pub options: Options,
    /// The DHCPv4-over-DHCPv6 lease; absent until that engine exists.
    pub dhcp4o6: Option<()>,
    /// The softwire; absent until that engine exists.
    pub softwire: Option<()>,
    /// What was sent, received and dropped.
    pub counters: Counters,
    /// The last thing that went wrong, in one sentence.
    pub last_error: Option<String>,
}

/// What the client is doing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it; the contract lists them")]
pub enum StateName {
    Idle,
    Soliciting,
    Requesting,
    Bound,
    Renewing,
    Rebinding,
    Confirming,
    Declining,
    Releasing,
    Informing,
    Informed,
    Stopped,
}

impl StateName {
    /// The name as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Soliciting => "soliciting",
            Self::Requesting => "requesting",
            Self::Bound => "bound",
            Self::Renewing => "renewing",
            Self::Rebinding => "rebinding",
            Self::Confirming => "confirming",
            Self::Declining => "declining",
            Self::Releasing => "releasing",
            Self::Informing => "informing",
            Self::Informed => "informed",
            Self::Stopped => "stopped",
        }
    }
}

/// How configuration is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Leases and options (RFC 9915 §18.2.1).
    #[default]
    Stateful,
    /// Options alone (RFC 9915 §18.2.6).
    Stateless,
    /// As much as the routers of the link have something for.
    Auto,
}

/// A server as a client sees it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Server {
    /// Its DUID.
    pub duid: Duid,
    /// Where its answer came from, a relay's address perhaps.
    pub address: Ipv6Addr,
    /// The preference it advertised.
    pub preference: u8,
}

/// An address held.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Address {
    /// The address.
    pub address: Ipv6Addr,
    /// The association it belongs to.
    pub iaid: Iaid,
    /// Seconds left of the preferred lifetime.
    pub preferred: Lifetime,
    /// Seconds left of the valid lifetime.
    pub valid: Lifetime,
    /// How far it may be used.
    pub state: AddressState,
}

/// How far an address may be used.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressState {
    /// Duplicate address detection goes on.
    Tentative,
    /// Fit for everything.
    Preferred,
    /// Past its preferred lifetime: for old connections only.
    Deprecated,
    /// Somebody else has it.
    Duplicate,
}

/// A prefix held.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DelegatedPrefix {
    /// The prefix.
    pub prefix: Prefix,
    /// The association it belongs to.
    pub iaid: Iaid,
    /// Seconds left of the preferred lifetime.
    pub preferred: Lifetime,
    /// Seconds left of the valid lifetime.
    pub valid: Lifetime,
    /// The part that stays with the provider (RFC 6603).
    pub excluded: Option<Prefix>,
    /// The parts given to our own networks.
    pub assignments: Vec<Assignment>,
}

/// A part of a delegated prefix on a network of ours.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Assignment {
    /// The interface of that network.
    pub interface: String,
    /// The part.
    pub prefix: Prefix,
    /// Our address in it.
    pub address: Ipv6Addr,
}

/// When leases are extended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Timers {
    /// Seconds until Renew.
    pub t1: Lifetime,
    /// Seconds until Rebind.
    pub t2: Lifetime,
    /// What comes next; nothing while a lease lasts for ever.
    pub next: Option<Next>,
}

/// What comes next.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Next {
    /// One word for it.
    pub what: String,
    /// Seconds until then.
    #[serde(rename = "in")]
    pub seconds: Lifetime,
}

/// Options in effect.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Options {
    /// Name servers (23).
    pub dns: Vec<Ipv6Addr>,
    /// Search list (24).
    pub domains: Vec<DomainName>,
    /// NTP servers, addresses and names (56).
    pub ntp: Vec<String>,
    /// SNTP servers (31).
    pub sntp: Vec<Ipv6Addr>,
    /// The DS-Lite tunnel end (64).
    pub aftr: Option<DomainName>,
    /// The captive portal's address (103).
    pub captive_portal: Option<String>,
    // Those from here on to `raw` are there only where a server has given them.
    /// Resolvers under encryption, the best first (144).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encrypted_dns: Vec<EncryptedDns>,
    /// Our name as the server has it (39).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<DomainName>,
    /// SIP servers by name, to be preferred to those by address (21).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sip_domains: Vec<DomainName>,
    /// SIP servers by address (22).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sip_servers: Vec<Ipv6Addr>,
    /// The addresses of each server for port control (86).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pcp_servers: Vec<Vec<Ipv6Addr>>,
    /// The time zone by its name, to be preferred to the other (42).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The time zone in the words of POSIX (41).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone_posix: Option<String>,
    /// What to boot (59).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_file: Option<String>,
    /// With which parameters, in order (60).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boot_parameters: Vec<String>,
    /// The policy for the choice of addresses (84).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_selection: Option<AddressSelection>,
    /// All options but those above the resolvers under encryption: their
    /// payloads in hexadecimal, by code.
    pub raw: BTreeMap<u16, Vec<String>>,
}

/// What was sent, received and dropped since the start.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Counters {
    /// Messages sent, by type.
    pub sent: BTreeMap<MessageType, u64>,
    /// Messages received and taken, by type.
    pub received: BTreeMap<MessageType, u64>,
    /// Messages and options dropped, by reason.
    pub dropped: DropCounts,
}
