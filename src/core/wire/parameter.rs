//! Configuration that a client does not use itself but passes on: read by the
//! rules of its RFC, so that nothing unsound reaches a hook or a status line.
//!
//! The options stay as they travel ([`super::DhcpOption::Raw`]); one that
//! breaks its rules is left out of the message when that is decoded
//! ([`is_sound`]). What is passed on is read here when it is shown.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use crate::prefix::Prefix;

use super::DomainName;
use super::code;
use super::frame::Options;

/// The longest text that is passed on.
const LONGEST_TEXT: usize = 1024;
/// The most servers that one DHCPv4 message goes to: each copy counts against
/// the send limit (RFC 9915 §14.1).
const MOST_DHCP4O6_SERVERS: usize = 8;
/// A captive portal that is none (RFC 8910 §2.4).
const NO_PORTAL: &str = "urn:ietf:params:capport:unrestricted";

/// A resolver that is asked under encryption (RFC 9463 §4.1).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EncryptedDns {
    /// Smaller is better (RFC 9460 §2.4.1).
    pub priority: u16,
    /// The name that its certificate has to be for.
    pub name: DomainName,
    /// Where it is; none where the name has to be resolved.
    pub addresses: Vec<Ipv6Addr>,
    /// The protocols that it speaks, such as `dot`, `h2`, `doq`.
    pub alpn: Vec<String>,
    /// Its port, where it is not the protocol's own.
    pub port: Option<u16>,
    /// The template of its path, for DNS over HTTPS (RFC 9461 §5).
    pub path: Option<String>,
}

/// A policy for the choice of addresses (RFC 7078 §2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AddressSelection {
    /// Rows may be added by the host itself: the A flag.
    pub automatic: bool,
    /// Temporary addresses are preferred as usual: the P flag.
    pub privacy: bool,
    /// The policy table, empty where only the flags are said.
    pub policies: Vec<Policy>,
}

/// A row of the policy table (RFC 6724 §2.1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Policy {
    /// The addresses it is about.
    pub prefix: Prefix,
    /// Greater is preferred.
    pub precedence: u8,
    /// Sources of the same label are preferred.
    pub label: u8,
}

/// False for an option that breaks the rules of its definition; what has no
/// rules here is sound.
pub(super) fn is_sound(code: u16, payload: &[u8]) -> bool {
    match code {
        code::SIP_DOMAINS => names(payload).is_some(),
        code::SIP_SERVERS | code::PCP_SERVER => addresses(payload).is_some(),
        code::CLIENT_FQDN => is_fqdn(payload),
        code::POSIX_TIMEZONE => posix_timezone(payload).is_some(),
        code::TZDB_TIMEZONE => timezone(payload).is_some(),
        code::BOOTFILE_URL | code::CAPTIVE_PORTAL => uri(payload).is_some(),
        code::BOOTFILE_PARAM => boot_parameters(payload).is_some(),
        code::AFTR_NAME => aftr(payload).is_some(),
        code::DHCP4_O_DHCP6_SERVER => dhcp4o6_servers(payload).is_some(),
        code::ADDRSEL => address_selection(payload).is_some(),
        code::V6_DNR => encrypted_dns(payload).is_some(),
        _ => true,
    }
}

/// Names in order of preference (RFC 3319 §3.1); at least one is usable.
#[must_use]
pub fn names(payload: &[u8]) -> Option<Vec<DomainName>> {
    let (names, _) = DomainName::list(payload).ok()?;
    (!names.is_empty()).then_some(names)
}

/// Addresses of hosts elsewhere, in order of preference (RFC 3319 §3.2, RFC
/// 7291 §4); groups and this host itself are left out, and something has to
/// be left.
#[must_use]
pub fn addresses(payload: &[u8]) -> Option<Vec<Ipv6Addr>> {
    let (chunks, []) = payload.as_chunks::<16>() else { return None };
    let all = chunks.iter().map(|octets| Ipv6Addr::from(*octets));
    let hosts: Vec<_> = all.filter(|address| is_elsewhere(*address)).collect();
    (!hosts.is_empty()).then_some(hosts)
}

/// The servers that DHCPv4 messages go to, each once (RFC 7341 §7.2, §12);
/// groups are among them. An empty list is one too, and means all servers of
/// the link. What nobody can be reached at is left out, and what is beyond the
/// bound as well.
#[must_use]
pub fn dhcp4o6_servers(payload: &[u8]) -> Option<Vec<Ipv6Addr>> {
    let (chunks, []) = payload.as_chunks::<16>() else { return None };
    let mut servers = Vec::new();
    for address in chunks.iter().map(|octets| Ipv6Addr::from(*octets)) {
        let is_usable = !(address.is_loopback() || address.is_unspecified());
        if is_usable && !servers.contains(&address) && servers.len() < MOST_DHCP4O6_SERVERS {
            servers.push(address);
        }
    }
    // Addresses of which none is of use are not the empty list.
    (chunks.is_empty() || !servers.is_empty()).then_some(servers)
}

/// Flags and a name, or a part of one that has no root at its end (RFC 4704
/// §4.2).
fn is_fqdn(payload: &[u8]) -> bool {
    let Some((_flags, name)) = payload.split_first() else { return false };
    name.is_empty() || only_name(name).is_some() || only_name(&[name, &[0]].concat()).is_some()
}

/// Our name as the server has it (RFC 4704 §4); only whole ones are of use.
#[must_use]
pub fn fqdn(payload: &[u8]) -> Option<DomainName> {
    let (_flags, name) = payload.split_first()?;
    only_name(name)
}

/// The end of a DS-Lite tunnel (RFC 6334 §3): the first of several names.
#[must_use]
pub fn aftr(payload: &[u8]) -> Option<DomainName> {
    let (name, _) = DomainName::split(payload).ok()?;
    name.ok()
}

/// A time zone in the words of POSIX (RFC 4833 §2).
#[must_use]
pub fn posix_timezone(payload: &[u8]) -> Option<String> {
    printable(payload)
}

/// A name of the time zone database (RFC 4833 §3). It may become a part of a
/// path, so it has the characters of such a name alone and never leads out.
#[must_use]
pub fn timezone(payload: &[u8]) -> Option<String> {
    let text = printable(payload)?;
    let is_usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '-');
    let leads_out = text.starts_with('/') || text.ends_with('/') || text.contains("//");
    (text.chars().all(is_usual) && !leads_out).then_some(text)
}

/// A URI with a scheme, of the characters that one has (RFC 3986 §2).
#[must_use]
pub fn uri(payload: &[u8]) -> Option<String> {
    let text = printable(payload)?;
    let (scheme, rest) = text.split_once(':')?;
    let names_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let is_uri = |c: char| !matches!(c, ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
    (names_scheme && !rest.is_empty() && text.chars().all(is_uri)).then_some(text)
}

/// The address of a captive portal (RFC 8910 §2.2), if there is one.
#[must_use]
pub fn captive_portal(payload: &[u8]) -> Option<String> {
    uri(payload).filter(|uri| uri != NO_PORTAL)
}

/// The parameters of a boot file, in order (RFC 5970 §3.2).
#[must_use]
pub fn boot_parameters(payload: &[u8]) -> Option<Vec<String>> {
    let mut parameters = Vec::new();
    let mut rest = payload;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (text, after) = after.split_at_checked(length)?;
        parameters.push(printable(text)?);
        rest = after;
    }
    (rest.is_empty() && !parameters.is_empty()).then_some(parameters)
}

/// The policy for the choice of addresses; a row with a prefix longer than an
/// address spoils all (RFC 7078 §2).
#[must_use]
pub fn address_selection(payload: &[u8]) -> Option<AddressSelection> {
    let (&flags, rows) = payload.split_first()?;
    let mut policies = Vec::new();
    for option in Options::new(rows) {
        let option = option.ok()?;
        if option.code == code::ADDRSEL_TABLE {
            policies.push(policy(option.payload)?);
        }
    }
    Some(AddressSelection { automatic: flags & 2 != 0, privacy: flags & 1 != 0, policies })
}

fn policy(payload: &[u8]) -> Option<Policy> {
    let (&[label, precedence, length], prefix) = payload.split_first_chunk::<3>()?;
    if prefix.len() != usize::from(length).div_ceil(8) {
        return None;
    }
    let mut octets = [0; 16];
    octets.get_mut(..prefix.len())?.copy_from_slice(prefix);
    let prefix = Prefix::new(Ipv6Addr::from(octets), length)?;
    Some(Policy { prefix, precedence, label })
}

/// A resolver under encryption. One whose name is missing, that has no usable
/// address beside its parameters, or whose parameters make no sense is none
/// (RFC 9463 §3.1.8, §4.2).
#[must_use]
pub fn encrypted_dns(payload: &[u8]) -> Option<EncryptedDns> {
    let (priority, rest) = payload.split_first_chunk::<2>()?;
    let priority = u16::from_be_bytes(*priority);
    let (name, rest) = counted(rest)?;
    let name = only_name(name)?;
    let mut resolver = EncryptedDns {
        priority,
        name,
        addresses: Vec::new(),
        alpn: Vec::new(),
        port: None,
        path: None,
    };
    if rest.is_empty() {
        return Some(resolver);
    }
    let (listed, parameters) = counted(rest)?;
    resolver.addresses = addresses(listed)?;
    read_parameters(parameters, &mut resolver)?;
    Some(resolver)
}

/// Octets with their number in two octets before them, and what follows.
fn counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;
const DOH_PATH: u16 = 7;

/// Service parameters: keys in strictly ascending order, and none that the
/// addresses stand in for (RFC 9460 §2.2, RFC 9463 §3.1.5).
fn read_parameters(mut octets: &[u8], resolver: &mut EncryptedDns) -> Option<()> {
    let mut last = None;
    while let Some((key, rest)) = octets.split_first_chunk::<2>() {
        let key = u16::from_be_bytes(*key);
        let (value, rest) = counted(rest)?;
        if last.is_some_and(|last| key <= last) {
            return None;
        }
        match key {
            MANDATORY => check_mandatory(value)?,
            ALPN => resolver.alpn = protocols(value)?,
            PORT => resolver.port = Some(u16::from_be_bytes(value.try_into().ok()?)),
            DOH_PATH => resolver.path = Some(printable(value)?),
            IPV4_HINT | IPV6_HINT => return None,
            _ => {}
        }
        last = Some(key);
        octets = rest;
    }
    octets.is_empty().then_some(())
}

/// Keys without which the rest is of no use; all have to be known to us.
fn check_mandatory(value: &[u8]) -> Option<()> {
    let (keys, []) = value.as_chunks::<2>() else { return None };
    let is_known = |key: &[u8; 2]| {
        matches!(u16::from_be_bytes(*key), ALPN | NO_DEFAULT_ALPN | PORT | DOH_PATH)
    };
    (!keys.is_empty() && keys.iter().all(is_known)).then_some(())
}

fn protocols(value: &[u8]) -> Option<Vec<String>> {
    let mut protocols = Vec::new();
    let mut rest = value;
    while let Some((&length, after)) = rest.split_first() {
        let (protocol, after) = after.split_at_checked(usize::from(length))?;
        protocols.push(printable(protocol)?);
        rest = after;
    }
    (!protocols.is_empty()).then_some(protocols)
}

/// One name and nothing after it.
fn only_name(octets: &[u8]) -> Option<DomainName> {
    match DomainName::split(octets) {
        Ok((Ok(name), [])) => Some(name),
        _ => None,
    }
}

/// A line of printable ASCII, not empty and not endless.
fn printable(octets: &[u8]) -> Option<String> {
    let fits = (1..=LONGEST_TEXT).contains(&octets.len());
    let is_line = fits && octets.iter().all(|octet| matches!(octet, b' '..=b'~'));
    is_line.then(|| String::from_utf8_lossy(octets).into_owned())
}

/// An address of a host that is not this one.
const fn is_elsewhere(address: Ipv6Addr) -> bool {
    !(address.is_multicast() || address.is_loopback() || address.is_unspecified())
}

#[cfg(test)]
#[path = "parameter_tests.rs"]
mod tests;
