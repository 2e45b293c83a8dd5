//! The DHCPv4 options this client understands, typed; all others stay raw.

use core::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::port_set::PortSet;
use crate::time::Lifetime;
use crate::wire::{DomainName, ServerText, parameter};

use super::{code, names};

/// The longest payload of one part of an option (RFC 3396 §5).
const LONGEST_PART: usize = 255;
/// The smallest MTU of IPv4 (RFC 2132 §5.1).
const SMALLEST_MTU: u16 = 68;
/// The most entries that are kept of a list.
const MOST_ENTRIES: usize = 32;

/// One option of a DHCPv4 message, but for its kind and where others are.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum V4Option {
    /// The bits of the subnet mask.
    SubnetMask(u8),
    /// Routers, best first.
    Routers(Vec<Ipv4Addr>),
    /// Name servers, best first.
    DnsServers(Vec<Ipv4Addr>),
    /// Our name.
    HostName(DomainName),
    /// Our domain.
    DomainName(DomainName),
    /// The MTU of the interface, at least 68.
    Mtu(u16),
    /// The broadcast address.
    Broadcast(Ipv4Addr),
    /// Time servers, best first.
    NtpServers(Vec<Ipv4Addr>),
    /// The address wished for.
    RequestedAddress(Ipv4Addr),
    /// How long the address may be used.
    LeaseTime(Lifetime),
    /// The server.
    ServerId(Ipv4Addr),
    /// Codes of what is asked for.
    ParameterRequest(Vec<u8>),
    /// The server's words.
    Text(ServerText),
    /// The longest message that is taken.
    MaxSize(u16),
    /// T1.
    RenewalTime(Lifetime),
    /// T2.
    RebindingTime(Lifetime),
    /// Who the client is; two octets at least.
    ClientId(Vec<u8>),
    /// For how many seconds IPv4 is not needed.
    Ipv6OnlyPreferred(u32),
    /// The near end of a softwire.
    SourceAddress(Ipv6Addr),
    /// Where a captive portal is.
    CaptivePortal(String),
    /// Search list, first first.
    DomainSearch(Vec<DomainName>),
    /// Routes, in place of routers.
    Routes(Vec<Route>),
    /// Which ports of the address are ours.
    PortParameters(PortSet),
    /// Any other option, as it came.
    Raw {
        /// The option's code.
        code: u8,
        /// Its payload.
        payload: Vec<u8>,
    },
}

/// A route (RFC 3442).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Route {
    /// Where it leads to; nothing is set beyond its length.
    pub destination: Ipv4Addr,
    /// The bits of the destination that count, 0 to 32.
    pub length: u8,
    /// By way of this router; `0.0.0.0` where it is on the link itself.
    pub router: Ipv4Addr,
}

impl Route {
    /// The route to everywhere by way of a router.
    #[must_use]
    pub const fn default_by(router: Ipv4Addr) -> Self {
        Self { destination: Ipv4Addr::UNSPECIFIED, length: 0, router }
    }

    /// True for the route to everywhere.
    #[must_use]
    pub const fn is_default(self) -> bool {
        self.length == 0
    }
}

/// As people write it: `0.0.0.0/0 by 192.0.2.1`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.destination, self.length)?;
        if self.router.is_unspecified() { Ok(()) } else { write!(f, " by {}", self.router) }
    }
}

impl V4Option {
    /// Reads an option whose parts are joined; `None` where it breaks its
    /// form.
    pub(super) fn decode(code: u8, payload: &[u8]) -> Option<Self> {
        Some(match code {
            code::SUBNET_MASK => Self::SubnetMask(mask_length(only(payload)?)?),
            code::ROUTERS => Self::Routers(addresses(payload)?),
            code::DNS_SERVERS => Self::DnsServers(addresses(payload)?),
            code::HOST_NAME => Self::HostName(name(payload)?),
            code::DOMAIN_NAME => Self::DomainName(name(payload)?),
            code::MTU => {
                let mtu = u16::from_be_bytes(only(payload)?);
                Self::Mtu((mtu >= SMALLEST_MTU).then_some(mtu)?)
            }
            code::BROADCAST => Self::Broadcast(Ipv4Addr::from(only::<4>(payload)?)),
            code::NTP_SERVERS => Self::NtpServers(addresses(payload)?),
            code::REQUESTED_ADDRESS => Self::RequestedAddress(only::<4>(payload)?.into()),
            code::LEASE_TIME => Self::LeaseTime(Lifetime(word(payload)?)),
            code::SERVER_ID => Self::ServerId(host(only::<4>(payload)?.into())?),
            code::PARAMETER_REQUEST => {
                Self::ParameterRequest((!payload.is_empty()).then(|| payload.to_vec())?)
            }
            code::TEXT => Self::Text(ServerText::new(payload)),
            code::MAX_SIZE => Self::MaxSize(u16::from_be_bytes(only(payload)?)),
            code::RENEWAL_TIME => Self::RenewalTime(Lifetime(word(payload)?)),
            code::REBINDING_TIME => Self::RebindingTime(Lifetime(word(payload)?)),
            code::CLIENT_ID => Self::ClientId((payload.len() >= 2).then(|| payload.to_vec())?),
            code::IPV6_ONLY_PREFERRED => Self::Ipv6OnlyPreferred(word(payload)?),
            code::SOURCE_ADDRESS => Self::SourceAddress(Ipv6Addr::from(only::<16>(payload)?)),
            code::CAPTIVE_PORTAL => Self::CaptivePortal(parameter::uri(payload)?),
            code::DOMAIN_SEARCH => Self::DomainSearch(names::expand(payload)?),
            code::ROUTES => Self::Routes(routes(payload)?),
            code::PORT_PARAMETERS => Self::PortParameters(port_set(payload)?),
            code => Self::Raw { code, payload: payload.to_vec() },
        })
    }

    /// The option's code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::SubnetMask(_) => code::SUBNET_MASK,
            Self::Routers(_) => code::ROUTERS,
            Self::DnsServers(_) => code::DNS_SERVERS,
            Self::HostName(_) => code::HOST_NAME,
            Self::DomainName(_) => code::DOMAIN_NAME,
            Self::Mtu(_) => code::MTU,
            Self::Broadcast(_) => code::BROADCAST,
            Self::NtpServers(_) => code::NTP_SERVERS,
            Self::RequestedAddress(_) => code::REQUESTED_ADDRESS,
            Self::LeaseTime(_) => code::LEASE_TIME,
            Self::ServerId(_) => code::SERVER_ID,
            Self::ParameterRequest(_) => code::PARAMETER_REQUEST,
            Self::Text(_) => code::TEXT,
            Self::MaxSize(_) => code::MAX_SIZE,
            Self::RenewalTime(_) => code::RENEWAL_TIME,
            Self::RebindingTime(_) => code::REBINDING_TIME,
            Self::ClientId(_) => code::CLIENT_ID,
            Self::Ipv6OnlyPreferred(_) => code::IPV6_ONLY_PREFERRED,
            Self::SourceAddress(_) => code::SOURCE_ADDRESS,
            Self::CaptivePortal(_) => code::CAPTIVE_PORTAL,
            Self::DomainSearch(_) => code::DOMAIN_SEARCH,
            Self::Routes(_) => code::ROUTES,
            Self::PortParameters(_) => code::PORT_PARAMETERS,
            Self::Raw { code, .. } => *code,
        }
    }

    /// Appends the option as it travels, in parts where it is long
    /// (RFC 3396 §5).
    pub fn encode(&self, octets: &mut Vec<u8>) {
        let payload = self.payload();
        let parts: Vec<&[u8]> = match payload.is_empty() {
            true => vec![&[]],
            false => payload.chunks(LONGEST_PART).collect(),
        };
        for part in parts {
            // A part is at most as long as its length can say.
            octets.extend([self.code(), u8::try_from(part.len()).unwrap_or(u8::MAX)]);
            octets.extend_from_slice(part);
        }
    }

    fn payload(&self) -> Vec<u8> {
        match self {
            Self::SubnetMask(length) => mask(*length).octets().to_vec(),
            Self::Routers(list) | Self::DnsServers(list) | Self::NtpServers(list) => {
                list.iter().flat_map(Ipv4Addr::octets).collect()
            }
            Self::HostName(name) | Self::DomainName(name) => name.as_str().as_bytes().to_vec(),
            Self::Mtu(number) | Self::MaxSize(number) => number.to_be_bytes().to_vec(),
            Self::Broadcast(address)
            | Self::RequestedAddress(address)
            | Self::ServerId(address) => address.octets().to_vec(),
            Self::LeaseTime(Lifetime(seconds))
            | Self::RenewalTime(Lifetime(seconds))
            | Self::RebindingTime(Lifetime(seconds))
            | Self::Ipv6OnlyPreferred(seconds) => seconds.to_be_bytes().to_vec(),
            Self::ParameterRequest(octets) | Self::ClientId(octets) => octets.clone(),
            Self::Text(text) => text.octets().to_vec(),
            Self::SourceAddress(address) => address.octets().to_vec(),
            Self::CaptivePortal(uri) => uri.as_bytes().to_vec(),
            Self::DomainSearch(names) => {
                let mut octets = Vec::new();
                names.iter().for_each(|name| name.encode(&mut octets));
                octets
            }
            Self::Routes(routes) => routes.iter().flat_map(encoded_route).collect(),
            Self::PortParameters(set) => encoded_port_set(*set),
            Self::Raw { payload, .. } => payload.clone(),
        }
    }
}

/// Octets that are exactly so many.
fn only<const N: usize>(payload: &[u8]) -> Option<[u8; N]> {
    payload.try_into().ok()
}

fn word(payload: &[u8]) -> Option<u32> {
    only(payload).map(u32::from_be_bytes)
}

/// An address that one host can have.
fn host(address: Ipv4Addr) -> Option<Ipv4Addr> {
    let is_host = !(address.is_unspecified() || address.is_multicast() || address.is_broadcast());
    is_host.then_some(address)
}

/// Addresses of hosts; others are left out, and one has to be left.
fn addresses(payload: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let (chunks, []) = payload.as_chunks::<4>() else { return None };
    let hosts = chunks.iter().filter_map(|octets| host(Ipv4Addr::from(*octets)));
    let hosts: Vec<_> = hosts.take(MOST_ENTRIES).collect();
    (!hosts.is_empty()).then_some(hosts)
}

/// A name as text; some servers end it with a zero, which is not a part of it
/// (RFC 2132 §2).
fn name(payload: &[u8]) -> Option<DomainName> {
    let text = core::str::from_utf8(payload).ok()?;
    text.trim_end_matches('\0').parse().ok()
}

/// The number of ones, where they all come first.
const fn mask_length(octets: [u8; 4]) -> Option<u8> {
    let bits = u32::from_be_bytes(octets);
    let ones = bits.leading_ones();
    // At most 32.
    #[allow(clippy::cast_possible_truncation)]
    if bits.count_ones() == ones { Some(ones as u8) } else { None }
}

/// So many ones and then zeros.
fn mask(length: u8) -> Ipv4Addr {
    let zeros = 32_u32.saturating_sub(u32::from(length));
    Ipv4Addr::from_bits(u32::MAX.checked_shl(zeros).unwrap_or(0))
}

/// Destinations in as many octets as they need, each with a router
/// (RFC 3442); one that is cut spoils all.
fn routes(payload: &[u8]) -> Option<Vec<Route>> {
    let mut routes = Vec::new();
    let mut rest = payload;
    while let Some((&length, after)) = rest.split_first() {
        let significant = usize::from(length).div_ceil(8);
        let (bits, after) = after.split_at_checked(significant)?;
        let (router, after) = after.split_first_chunk::<4>()?;
        let mut octets = [0; 4];
        octets.get_mut(..significant)?.copy_from_slice(bits);
        if length > 32 {
            return None;
        }
        let destination = Ipv4Addr::from_bits(u32::from_be_bytes(octets) & mask(length).to_bits());
        if routes.len() < MOST_ENTRIES {
            routes.push(Route { destination, length, router: Ipv4Addr::from(*router) });
        }
        rest = after;
    }
    (!routes.is_empty()).then_some(routes)
}

fn encoded_route(route: &Route) -> Vec<u8> {
    let significant = usize::from(route.length).div_ceil(8);
    let destination = route.destination.octets();
    let destination = destination.get(..significant).unwrap_or(&destination);
    [&[route.length], destination, &route.router.octets()].concat()
}

/// Offset, length, and the PSID in the first bits of two octets (RFC 7618 §9).
/// Without a length the PSID is not looked at.
fn port_set(payload: &[u8]) -> Option<PortSet> {
    let [offset, length, high, low] = only(payload)?;
    let zeros = 16_u32.checked_sub(u32::from(length))?;
    let psid = u16::from_be_bytes([high, low]).checked_shr(zeros).unwrap_or(0);
    PortSet::new(offset, length, psid)
}

fn encoded_port_set(set: PortSet) -> Vec<u8> {
    let zeros = 16_u32.saturating_sub(u32::from(set.length()));
    let [high, low] = set.psid().checked_shl(zeros).unwrap_or(0).to_be_bytes();
    vec![set.offset(), set.length(), high, low]
}

#[cfg(test)]
#[path = "option_tests.rs"]
mod tests;
