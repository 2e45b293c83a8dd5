//! The options this client understands, typed; all others stay raw.
//!
//! Decoding keeps the order in which options came and never fails as a
//! whole: what is malformed is left out and its code is noted.

use core::fmt;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use crate::ident::{Duid, Iaid};
use crate::prefix::Prefix;
use crate::time::Lifetime;

use super::auth::Authentication;
use super::encode::{self, TooLong};
use super::frame::{Options, RawOption};
use super::message::MessageType;
use super::name::DomainName;
use super::{ServerText, code, parameter};

/// One option of a DHCPv6 message.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum DhcpOption {
    /// The client's DUID (RFC 9915 §21.2).
    ClientId(Duid),
    /// The server's DUID (RFC 9915 §21.3).
    ServerId(Duid),
    /// Addresses (RFC 9915 §21.4).
    IaNa(Ia),
    /// Delegated prefixes (RFC 9915 §21.21).
    IaPd(Ia),
    /// One address, only within [`DhcpOption::IaNa`] (RFC 9915 §21.6).
    IaAddress(IaAddress),
    /// One prefix, only within [`DhcpOption::IaPd`] (RFC 9915 §21.22).
    IaPrefix(IaPrefix),
    /// Codes of the options a client wants (RFC 9915 §21.7).
    OptionRequest(Vec<u16>),
    /// 0 to 255, 255 ends the wait for others (RFC 9915 §21.8).
    Preference(u8),
    /// Hundredths of a second since the exchange began, at most 0xffff
    /// (RFC 9915 §21.9).
    ElapsedTime(u16),
    /// Who says so (RFC 9915 §21.11).
    Authentication(Authentication),
    /// Outcome of an operation (RFC 9915 §21.13).
    Status(Status),
    /// Two-message exchange (RFC 9915 §21.14).
    RapidCommit,
    /// What a Reconfigure asks for: Renew, Rebind or Information-request
    /// (RFC 9915 §21.19).
    ReconfigureMessage(MessageType),
    /// Willing to accept Reconfigure (RFC 9915 §21.20).
    ReconfigureAccept,
    /// Recursive name servers in order of preference (RFC 3646 §3).
    DnsServers(Vec<Ipv6Addr>),
    /// Search list (RFC 3646 §4).
    DomainList(Vec<DomainName>),
    /// SNTP servers in order of preference (RFC 4075 §4).
    SntpServers(Vec<Ipv6Addr>),
    /// Time sources; honest servers send one an option (RFC 5908 §4).
    NtpServer(Vec<NtpSource>),
    /// Seconds until the next Information-request (RFC 9915 §21.23).
    InformationRefreshTime(Lifetime),
    /// Seconds, unchecked (RFC 9915 §21.24).
    SolMaxRt(u32),
    /// Seconds, unchecked (RFC 9915 §21.25).
    InfMaxRt(u32),
    /// Any other option, as it came.
    Raw {
        /// The option's code.
        code: u16,
        /// Its payload.
        payload: Vec<u8>,
    },
}

/// An identity association with what it holds (RFC 9915 §21.4, §21.21).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ia {
    /// Names the association within its type.
    pub iaid: Iaid,
    /// Seconds until Renew; zero leaves it to the client (RFC 9915 §14.2).
    pub t1: Lifetime,
    /// Seconds until Rebind; zero leaves it to the client.
    pub t2: Lifetime,
    /// Leases, status and whatever else, in order.
    pub options: Vec<DhcpOption>,
}

impl Ia {
    /// An association that asks: timers zero, as a client SHOULD send them
    /// (RFC 9915 §21.4).
    #[must_use]
    pub const fn asking(iaid: Iaid, options: Vec<DhcpOption>) -> Self {
        Self { iaid, t1: Lifetime::ZERO, t2: Lifetime::ZERO, options }
    }

    /// The addresses in it.
    pub fn addresses(&self) -> impl Iterator<Item = &IaAddress> {
        self.options.iter().filter_map(|option| match option {
            DhcpOption::IaAddress(address) => Some(address),
            _ => None,
        })
    }

    /// The prefixes in it.
    pub fn prefixes(&self) -> impl Iterator<Item = &IaPrefix> {
        self.options.iter().filter_map(|option| match option {
            DhcpOption::IaPrefix(prefix) => Some(prefix),
            _ => None,
        })
    }

    /// The association's own status.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        first_status(&self.options)
    }
}

/// An address with its lifetimes (RFC 9915 §21.6).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct IaAddress {
    /// The address.
    pub address: Ipv6Addr,
    /// How long it is fit for new connections.
    pub preferred: Lifetime,
    /// How long it may be used at all.
    pub valid: Lifetime,
    /// A status at most.
    pub options: Vec<DhcpOption>,
}

impl IaAddress {
    /// The status of this address.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        first_status(&self.options)
    }
}

/// A delegated prefix with its lifetimes (RFC 9915 §21.22).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct IaPrefix {
    /// The prefix, cleared beyond its length.
    pub prefix: Prefix,
    /// How long addresses from it are fit for new connections.
    pub preferred: Lifetime,
    /// How long it may be used at all.
    pub valid: Lifetime,
    /// Status and PD_EXCLUDE.
    pub options: Vec<DhcpOption>,
}

impl IaPrefix {
    /// The status of this prefix.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        first_status(&self.options)
    }

    /// The payload of PD_EXCLUDE, unchecked (RFC 6603 §4.2).
    #[must_use]
    pub fn pd_exclude(&self) -> Option<&[u8]> {
        self.options.iter().find_map(|option| match option {
            DhcpOption::Raw { code: code::PD_EXCLUDE, payload } => Some(payload.as_slice()),
            _ => None,
        })
    }
}

fn first_status(options: &[DhcpOption]) -> Option<&Status> {
    options.iter().find_map(|option| match option {
        DhcpOption::Status(status) => Some(status),
        _ => None,
    })
}

/// A status code with the server's words (RFC 9915 §21.13).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Status {
    /// The code.
    pub code: StatusCode,
    /// For people to read.
    pub message: ServerText,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.message.is_empty() {
            write!(f, " ({})", self.message.escaped())?;
        }
        Ok(())
    }
}

/// A status code of the registry "Status Codes"; an absent option means
/// success (RFC 9915 §21.13).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct StatusCode(pub u16);

#[allow(missing_docs, reason = "the names are the registry's own")]
impl StatusCode {
    pub const SUCCESS: Self = Self(0);
    pub const UNSPEC_FAIL: Self = Self(1);
    pub const NO_ADDRS_AVAIL: Self = Self(2);
    pub const NO_BINDING: Self = Self(3);
    pub const NOT_ON_LINK: Self = Self(4);
    pub const USE_MULTICAST: Self = Self(5);
    pub const NO_PREFIX_AVAIL: Self = Self(6);
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SUCCESS => f.write_str("Success"),
            Self::UNSPEC_FAIL => f.write_str("UnspecFail"),
            Self::NO_ADDRS_AVAIL => f.write_str("NoAddrsAvail"),
            Self::NO_BINDING => f.write_str("NoBinding"),
            Self::NOT_ON_LINK => f.write_str("NotOnLink"),
            Self::USE_MULTICAST => f.write_str("UseMulticast"),
            Self::NO_PREFIX_AVAIL => f.write_str("NoPrefixAvail"),
            Self(code) => write!(f, "status {code}"),
        }
    }
}

/// A time source (RFC 5908 §4).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum NtpSource {
    /// A server to ask.
    Unicast(Ipv6Addr),
    /// A group to listen to.
    Multicast(Ipv6Addr),
    /// A server by name.
    Name(DomainName),
}

impl fmt::Display for NtpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unicast(address) | Self::Multicast(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

const NTP_UNICAST: u16 = 1;
const NTP_MULTICAST: u16 = 2;
const NTP_NAME: u16 = 3;

/// The codes of options that were left out because their form is wrong.
pub(super) type Malformed = Vec<u16>;

/// The option is not as its definition says; it is left out.
pub(super) struct BadForm;

/// Decodes the options of a message.
pub(super) fn decode_message(octets: &[u8], malformed: &mut Malformed) -> Vec<DhcpOption> {
    decode_each(octets, malformed, |option, malformed| match option.code {
        code::IA_NA => decode_ia(option.payload, malformed, decode_in_ia_na).map(DhcpOption::IaNa),
        code::IA_PD => decode_ia(option.payload, malformed, decode_in_ia_pd).map(DhcpOption::IaPd),
        _ => decode_leaf(option, malformed),
    })
    // An overrun here was refused by the survey.
    .unwrap_or_default()
}

type DecodeOne = fn(RawOption<'_>, &mut Malformed) -> Result<DhcpOption, BadForm>;

fn decode_each(
    octets: &[u8],
    malformed: &mut Malformed,
    decode: DecodeOne,
) -> Result<Vec<DhcpOption>, BadForm> {
    let mut options = Vec::new();
    for option in Options::new(octets) {
        let option = option.map_err(|_| BadForm)?;
        match decode(option, malformed) {
            Ok(decoded) => options.push(decoded),
            Err(BadForm) => malformed.push(option.code),
        }
    }
    Ok(options)
}

fn decode_ia(payload: &[u8], malformed: &mut Malformed, decode: DecodeOne) -> Result<Ia, BadForm> {
    let ([iaid, t1, t2], rest) = words::<3>(payload)?;
    Ok(Ia {
        iaid: Iaid(iaid),
        t1: Lifetime(t1),
        t2: Lifetime(t2),
        options: decode_each(rest, malformed, decode)?,
    })
}

fn decode_in_ia_na(
    option: RawOption<'_>,
    malformed: &mut Malformed,
) -> Result<DhcpOption, BadForm> {
    if option.code != code::IAADDR {
        return decode_leaf(option, malformed);
    }
    let (address, rest) = option.payload.split_first_chunk::<16>().ok_or(BadForm)?;
    let ([preferred, valid], rest) = words::<2>(rest)?;
    Ok(DhcpOption::IaAddress(IaAddress {
        address: Ipv6Addr::from(*address),
        preferred: Lifetime(preferred),
        valid: Lifetime(valid),
        options: decode_each(rest, malformed, decode_leaf)?,
    }))
}

fn decode_in_ia_pd(
    option: RawOption<'_>,
    malformed: &mut Malformed,
) -> Result<DhcpOption, BadForm> {
    if option.code != code::IAPREFIX {
        return decode_leaf(option, malformed);
    }
    let ([preferred, valid], rest) = words::<2>(option.payload)?;
    let (&[length], rest) = rest.split_first_chunk::<1>().ok_or(BadForm)?;
    let (address, rest) = rest.split_first_chunk::<16>().ok_or(BadForm)?;
    Ok(DhcpOption::IaPrefix(IaPrefix {
        prefix: Prefix::new(Ipv6Addr::from(*address), length).ok_or(BadForm)?,
        preferred: Lifetime(preferred),
        valid: Lifetime(valid),
        options: decode_each(rest, malformed, decode_leaf)?,
    }))
}

/// Decodes an option that holds no other options.
fn decode_leaf(option: RawOption<'_>, malformed: &mut Malformed) -> Result<DhcpOption, BadForm> {
    let payload = option.payload;
    Ok(match option.code {
        code::CLIENTID => DhcpOption::ClientId(Duid::new(payload).ok_or(BadForm)?),
        code::SERVERID => DhcpOption::ServerId(Duid::new(payload).ok_or(BadForm)?),
        code::ORO => DhcpOption::OptionRequest(codes(payload)?),
        code::PREFERENCE => match payload {
            &[preference] => DhcpOption::Preference(preference),
            _ => return Err(BadForm),
        },
        code::ELAPSED_TIME => match payload {
            &[high, low] => DhcpOption::ElapsedTime(u16::from_be_bytes([high, low])),
            _ => return Err(BadForm),
        },
        code::AUTH => DhcpOption::Authentication(Authentication::decode(payload).ok_or(BadForm)?),
        code::STATUS_CODE => DhcpOption::Status(status(payload)?),
        code::RAPID_COMMIT => {
            if !payload.is_empty() {
                // Some servers pad it; the meaning is plain.
                malformed.push(option.code);
            }
            DhcpOption::RapidCommit
        }
        code::RECONF_MSG => DhcpOption::ReconfigureMessage(reconfigure_message(payload)?),
        code::RECONF_ACCEPT if payload.is_empty() => DhcpOption::ReconfigureAccept,
        code::RECONF_ACCEPT => return Err(BadForm),
        code::DNS_SERVERS => DhcpOption::DnsServers(addresses(payload)?),
        code::SNTP_SERVERS => DhcpOption::SntpServers(addresses(payload)?),
        code::DOMAIN_LIST => {
            let (names, unusable) = DomainName::list(payload).map_err(|_| BadForm)?;
            malformed.extend(core::iter::repeat_n(option.code, unusable));
            DhcpOption::DomainList(names)
        }
        code::NTP_SERVER => DhcpOption::NtpServer(ntp_sources(payload)?),
        code::INFORMATION_REFRESH_TIME => {
            DhcpOption::InformationRefreshTime(Lifetime(only_word(payload)?))
        }
        code::SOL_MAX_RT => DhcpOption::SolMaxRt(only_word(payload)?),
        code::INF_MAX_RT => DhcpOption::InfMaxRt(only_word(payload)?),
        code if parameter::is_sound(code, payload) => {
            DhcpOption::Raw { code, payload: payload.to_vec() }
        }
        _ => return Err(BadForm),
    })
}

/// The first `N` 32-bit numbers and what follows them.
fn words<const N: usize>(payload: &[u8]) -> Result<([u32; N], &[u8]), BadForm> {
    let mut words = [0; N];
    let mut rest = payload;
    for word in &mut words {
        let (octets, after) = rest.split_first_chunk::<4>().ok_or(BadForm)?;
        *word = u32::from_be_bytes(*octets);
        rest = after;
    }
    Ok((words, rest))
}

fn only_word(payload: &[u8]) -> Result<u32, BadForm> {
    match words::<1>(payload)? {
        ([word], []) => Ok(word),
        _ => Err(BadForm),
    }
}

/// The messages that a server may ask for (RFC 9915 §21.19).
fn reconfigure_message(payload: &[u8]) -> Result<MessageType, BadForm> {
    let &[code] = payload else { return Err(BadForm) };
    match MessageType::from_code(code) {
        Some(
            kind @ (MessageType::Renew | MessageType::Rebind | MessageType::InformationRequest),
        ) => Ok(kind),
        _ => Err(BadForm),
    }
}

fn codes(payload: &[u8]) -> Result<Vec<u16>, BadForm> {
    let (codes, []) = payload.as_chunks::<2>() else {
        return Err(BadForm);
    };
    Ok(codes.iter().map(|code| u16::from_be_bytes(*code)).collect())
}

/// One address or more; an empty list says nothing (RFC 3646 §3).
fn addresses(payload: &[u8]) -> Result<Vec<Ipv6Addr>, BadForm> {
    match payload.as_chunks::<16>() {
        ([], _) => Err(BadForm),
        (addresses, []) => Ok(addresses.iter().map(|a| Ipv6Addr::from(*a)).collect()),
        _ => Err(BadForm),
    }
}

fn status(payload: &[u8]) -> Result<Status, BadForm> {
    let (code, message) = payload.split_first_chunk::<2>().ok_or(BadForm)?;
    Ok(Status { code: StatusCode(u16::from_be_bytes(*code)), message: ServerText::new(message) })
}

/// Reads the suboptions; unknown ones are skipped (RFC 5908 §4), none that is
/// known makes the option useless.
fn ntp_sources(payload: &[u8]) -> Result<Vec<NtpSource>, BadForm> {
    let mut sources = Vec::new();
    for suboption in Options::new(payload) {
        let RawOption { code, payload } = suboption.map_err(|_| BadForm)?;
        let address = || Ok(Ipv6Addr::from(<[u8; 16]>::try_from(payload).map_err(|_| BadForm)?));
        match code {
            NTP_UNICAST => sources.push(NtpSource::Unicast(address()?)),
            NTP_MULTICAST => sources.push(NtpSource::Multicast(address()?)),
            NTP_NAME => match DomainName::split(payload) {
                Ok((Ok(name), [])) => sources.push(NtpSource::Name(name)),
                _ => return Err(BadForm),
            },
            _ => {}
        }
    }
    if sources.is_empty() { Err(BadForm) } else { Ok(sources) }
}

impl DhcpOption {
    /// The option's code.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::ClientId(_) => code::CLIENTID,
            Self::ServerId(_) => code::SERVERID,
            Self::IaNa(_) => code::IA_NA,
            Self::IaPd(_) => code::IA_PD,
            Self::IaAddress(_) => code::IAADDR,
            Self::IaPrefix(_) => code::IAPREFIX,
            Self::OptionRequest(_) => code::ORO,
            Self::Preference(_) => code::PREFERENCE,
            Self::ElapsedTime(_) => code::ELAPSED_TIME,
            Self::Authentication(_) => code::AUTH,
            Self::Status(_) => code::STATUS_CODE,
            Self::RapidCommit => code::RAPID_COMMIT,
            Self::ReconfigureMessage(_) => code::RECONF_MSG,
            Self::ReconfigureAccept => code::RECONF_ACCEPT,
            Self::DnsServers(_) => code::DNS_SERVERS,
            Self::DomainList(_) => code::DOMAIN_LIST,
            Self::SntpServers(_) => code::SNTP_SERVERS,
            Self::NtpServer(_) => code::NTP_SERVER,
            Self::InformationRefreshTime(_) => code::INFORMATION_REFRESH_TIME,
            Self::SolMaxRt(_) => code::SOL_MAX_RT,
            Self::InfMaxRt(_) => code::INF_MAX_RT,
            Self::Raw { code, .. } => *code,
        }
    }

    /// Appends the option as it travels.
    ///
    /// # Errors
    /// [`TooLong`] where the payload does not fit; nothing is appended then.
    pub fn encode(&self, octets: &mut Vec<u8>) -> Result<(), TooLong> {
        match self {
            Self::IaNa(ia) | Self::IaPd(ia) => encode::option(octets, self.code(), |octets| {
                for word in [ia.iaid.0, ia.t1.0, ia.t2.0] {
                    octets.extend_from_slice(&word.to_be_bytes());
                }
                ia.options.iter().try_for_each(|option| option.encode_lease(octets))
            }),
            _ => self.encode_lease(octets),
        }
    }

    /// Appends an option that stands within an association.
    fn encode_lease(&self, octets: &mut Vec<u8>) -> Result<(), TooLong> {
        match self {
            Self::IaAddress(lease) => encode::option(octets, self.code(), |octets| {
                octets.extend_from_slice(&lease.address.octets());
                for word in [lease.preferred.0, lease.valid.0] {
                    octets.extend_from_slice(&word.to_be_bytes());
                }
                lease.options.iter().try_for_each(|option| option.encode_leaf(octets))
            }),
            Self::IaPrefix(lease) => encode::option(octets, self.code(), |octets| {
                for word in [lease.preferred.0, lease.valid.0] {
                    octets.extend_from_slice(&word.to_be_bytes());
                }
                octets.push(lease.prefix.length());
                octets.extend_from_slice(&lease.prefix.address().octets());
                lease.options.iter().try_for_each(|option| option.encode_leaf(octets))
            }),
            _ => self.encode_leaf(octets),
        }
    }

    /// Appends an option that holds no other options.
    fn encode_leaf(&self, octets: &mut Vec<u8>) -> Result<(), TooLong> {
        encode::option(octets, self.code(), |octets| {
            match self {
                Self::ClientId(duid) | Self::ServerId(duid) => {
                    octets.extend_from_slice(duid.octets());
                }
                Self::OptionRequest(codes) => {
                    octets.extend(codes.iter().flat_map(|code| code.to_be_bytes()));
                }
                Self::Preference(preference) => octets.push(*preference),
                Self::ElapsedTime(time) => octets.extend_from_slice(&time.to_be_bytes()),
                Self::Authentication(authentication) => authentication.encode(octets),
                Self::ReconfigureMessage(kind) => octets.push(kind.code()),
                Self::Status(status) => {
                    octets.extend_from_slice(&status.code.0.to_be_bytes());
                    octets.extend_from_slice(status.message.octets());
                }
                // Containers within a leaf's place have no form of their own.
                Self::RapidCommit
                | Self::ReconfigureAccept
                | Self::IaNa(_)
                | Self::IaPd(_)
                | Self::IaAddress(_)
                | Self::IaPrefix(_) => {}
                Self::DnsServers(addresses) | Self::SntpServers(addresses) => {
                    octets.extend(addresses.iter().flat_map(Ipv6Addr::octets));
                }
                Self::DomainList(names) => names.iter().for_each(|name| name.encode(octets)),
                Self::NtpServer(sources) => {
                    sources.iter().try_for_each(|source| encode_ntp_source(source, octets))?;
                }
                Self::InformationRefreshTime(Lifetime(seconds))
                | Self::SolMaxRt(seconds)
                | Self::InfMaxRt(seconds) => octets.extend_from_slice(&seconds.to_be_bytes()),
                Self::Raw { payload, .. } => octets.extend_from_slice(payload),
            }
            Ok(())
        })
    }
}

fn encode_ntp_source(source: &NtpSource, octets: &mut Vec<u8>) -> Result<(), TooLong> {
    let code = match source {
        NtpSource::Unicast(_) => NTP_UNICAST,
        NtpSource::Multicast(_) => NTP_MULTICAST,
        NtpSource::Name(_) => NTP_NAME,
    };
    encode::option(octets, code, |octets| {
        match source {
            NtpSource::Unicast(address) | NtpSource::Multicast(address) => {
                octets.extend_from_slice(&address.octets());
            }
            NtpSource::Name(name) => name.encode(octets),
        }
        Ok(())
    })
}

#[cfg(test)]
#[path = "option_tests.rs"]
mod tests;
