//! The one picture of an interface that everybody outside gets: `status`,
//! its JSON (schema 1), and whatever will be made from it. Field names and
//! their order are the contract; a part that is absent is `null` or empty,
//! never missing.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::ident::{Duid, Iaid};
use crate::port_set::PortSet;
use crate::prefix::Prefix;
use crate::reason::DropCounts;
use crate::time::Lifetime;
use crate::wire::parameter::{AddressSelection, EncryptedDns};
use crate::wire::v4::Route;
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
    /// DHCPv4 over DHCPv6; absent while no server offers it (RFC 7341 §9) and
    /// no lease is held. While it is there, nobody may run DHCPv4 on the
    /// interface.
    pub dhcp4o6: Option<Dhcp4o6>,
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
    /// All of them, in the order of a lease's life.
    pub const ALL: [Self; 12] = [
        Self::Idle,
        Self::Soliciting,
        Self::Requesting,
        Self::Bound,
        Self::Renewing,
        Self::Rebinding,
        Self::Confirming,
        Self::Declining,
        Self::Releasing,
        Self::Informing,
        Self::Informed,
        Self::Stopped,
    ];

    /// Those of a client that is at work on a link.
    #[must_use]
    pub const fn at_work() -> &'static [Self] {
        let [Self::Idle, at_work @ .., Self::Stopped] = &Self::ALL else { return &[] };
        at_work
    }

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

/// DHCPv4 over DHCPv6 (RFC 7341).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Dhcp4o6 {
    /// What the DHCPv4 client is doing.
    pub state: V4State,
    /// Where its messages go; empty while there is no way to a server.
    pub servers: Vec<Ipv6Addr>,
    /// The address leased.
    pub address: Option<Ipv4Addr>,
    /// The server that gave it, as it calls itself.
    pub server: Option<Ipv4Addr>,
    /// Seconds left of the lease.
    pub lease: Option<Lifetime>,
    /// Which ports of the address are ours; absent where all of them are.
    pub port_set: Option<PortSetView>,
    // Those from here on are there only where a server has given them.
    /// The bits of the subnet mask.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prefix_length: Option<u8>,
    /// The IPv6 address that the lease is bound to (RFC 8539).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<Ipv6Addr>,
    /// The far ends of the softwire (RFC 8539).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub border_relays: Vec<Ipv6Addr>,
    /// Routes, all that the server gave (121, else by 3).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub routes: Vec<Route>,
    /// Name servers (6).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dns: Vec<Ipv4Addr>,
    /// Our domain (15).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub domain: Option<DomainName>,
    /// Search list (119).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub domains: Vec<DomainName>,
    /// Our name (12).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host_name: Option<DomainName>,
    /// NTP servers (42).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ntp: Vec<Ipv4Addr>,
    /// The MTU of the link (26).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mtu: Option<u16>,
    /// The broadcast address (28).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub broadcast: Option<Ipv4Addr>,
    /// The captive portal's address (114).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub captive_portal: Option<String>,
    /// All other options: their payloads in hexadecimal, by code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub raw: BTreeMap<u8, String>,
}

/// What the DHCPv4 client is doing (RFC 2131 figure 5).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the RFC's own but for these")]
pub enum V4State {
    /// No server can be asked; a lease is used to its end.
    #[default]
    Idle,
    /// About to begin, after a while.
    Waiting,
    Selecting,
    /// The IPv6 address is made that the lease is to be bound to.
    Attaching,
    Requesting,
    Rebooting,
    Bound,
    Renewing,
    Rebinding,
    Informing,
    Informed,
}

impl V4State {
    /// Those of a client that wants a lease and can ask servers for it.
    pub const LEASING: [Self; 6] = [
        Self::Selecting,
        Self::Requesting,
        Self::Bound,
        Self::Renewing,
        Self::Rebinding,
        Self::Rebooting,
    ];

    /// The name, as in the status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Selecting => "selecting",
            Self::Attaching => "attaching",
            Self::Requesting => "requesting",
            Self::Rebooting => "rebooting",
            Self::Bound => "bound",
            Self::Renewing => "renewing",
            Self::Rebinding => "rebinding",
            Self::Informing => "informing",
            Self::Informed => "informed",
        }
    }
}

/// The ports of a shared address that are ours.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PortSetView {
    /// The bits before the PSID.
    pub offset: u8,
    /// The bits of the PSID.
    pub psid_len: u8,
    /// The PSID.
    pub psid: u16,
    /// The ranges as `FIRST-LAST`, ascending.
    pub ranges: Vec<String>,
}

/// The most ranges of ports that are shown; a set with more is described by
/// its three numbers alone.
const MOST_RANGES: usize = 1024;

impl PortSetView {
    /// A port set for people and programs.
    #[must_use]
    pub fn of(set: PortSet) -> Self {
        let text =
            |range: core::ops::RangeInclusive<u16>| format!("{}-{}", range.start(), range.end());
        let ranges = set.ranges().take(MOST_RANGES).map(text).collect();
        Self { offset: set.offset(), psid_len: set.length(), psid: set.psid(), ranges }
    }
}
