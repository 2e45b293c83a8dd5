//! The two messages that carry DHCPv4 over DHCPv6 (RFC 7341 §6). Where other
//! messages have a transaction id they have flags; which answer belongs to
//! which question is up to the DHCPv4 messages in them.

use std::net::Ipv6Addr;

use crate::prefix::Prefix;
use crate::reason::DropReason;

use super::encode::{self, TooLong};
use super::frame::{self, Options};
use super::{DhcpOption, MessageType, code};

/// The U bit: the message would be unicast if it were sent over IPv4
/// (RFC 7341 §6.3).
const UNICAST: u8 = 0x80;
/// The most far ends of a softwire that are kept.
const MOST_BORDER_RELAYS: usize = 8;

/// A client's DHCPv4 message on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    /// Over IPv4 it would go to one server alone (RFC 7341 §8).
    pub unicast: bool,
    /// Codes of DHCPv6 options that the client wants beside the answer
    /// (RFC 8539 §7.1); no option request where there are none.
    pub request: Vec<u16>,
    /// The DHCPv4 message from `op` on, without IP and UDP headers.
    pub v4: Vec<u8>,
}

impl Query {
    /// The message as it travels.
    ///
    /// # Errors
    /// [`TooLong`] where the DHCPv4 message does not fit its option.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let flags = if self.unicast { UNICAST } else { 0 };
        let mut octets = vec![MessageType::Dhcpv4Query.code(), flags, 0, 0];
        if !self.request.is_empty() {
            DhcpOption::OptionRequest(self.request.clone()).encode(&mut octets)?;
        }
        carry(&mut octets, &self.v4)?;
        Ok(octets)
    }

    /// Reads one, as a server does.
    ///
    /// # Errors
    /// Why it is none.
    pub fn decode(octets: &[u8]) -> Result<Self, DropReason> {
        let (flags, options) = split(octets, MessageType::Dhcpv4Query)?;
        let mut request = Vec::new();
        for option in Options::new(options).flatten().filter(|option| option.code == code::ORO) {
            let codes = option.payload.as_chunks::<2>().0.iter();
            request.extend(codes.map(|code| u16::from_be_bytes(*code)));
        }
        Ok(Self { unicast: flags & UNICAST != 0, request, v4: only_v4(options)?.to_vec() })
    }
}

/// A server's DHCPv4 message on its way, with what stands beside it. The flags
/// say nothing (RFC 7341 §6.4).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response {
    /// The DHCPv4 message.
    pub v4: Vec<u8>,
    /// Far ends of a softwire, usable ones alone (RFC 8539 §7.1).
    pub border_relays: Vec<Ipv6Addr>,
    /// The prefix that the near end should be in, if there is a valid one
    /// (RFC 8539 §7.4).
    pub binding_prefix: Option<Prefix>,
    /// Codes of options that break their form and were left out.
    pub malformed: Vec<u16>,
}

impl Response {
    /// Reads one.
    ///
    /// # Errors
    /// Why the datagram is dropped: it is broken, or does not carry exactly
    /// one DHCPv4 message (RFC 7341 §9).
    pub fn decode(octets: &[u8]) -> Result<Self, DropReason> {
        let (_flags, options) = split(octets, MessageType::Dhcpv4Response)?;
        let mut response = Self { v4: only_v4(options)?.to_vec(), ..Self::default() };
        for option in Options::new(options).flatten() {
            let is_sound = match option.code {
                code::S46_BR => response.add_border_relay(option.payload),
                code::S46_BIND_IPV6_PREFIX => response.add_binding_prefix(option.payload),
                _ => true,
            };
            if !is_sound {
                response.malformed.push(option.code);
            }
        }
        Ok(response)
    }

    /// The message as it travels, from a server.
    ///
    /// # Errors
    /// [`TooLong`] where the DHCPv4 message does not fit its option.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let mut octets = vec![MessageType::Dhcpv4Response.code(), 0, 0, 0];
        carry(&mut octets, &self.v4)?;
        for relay in &self.border_relays {
            let payload = relay.octets().to_vec();
            DhcpOption::Raw { code: code::S46_BR, payload }.encode(&mut octets)?;
        }
        if let Some(prefix) = self.binding_prefix {
            let bits = prefix.address().octets();
            let needed = usize::from(prefix.length()).div_ceil(8);
            let bits = bits.get(..needed).unwrap_or_default();
            let payload = [&[prefix.length()], bits].concat();
            DhcpOption::Raw { code: code::S46_BIND_IPV6_PREFIX, payload }.encode(&mut octets)?;
        }
        Ok(octets)
    }

    /// False where the payload is no address of a host (RFC 7598 §4.2).
    fn add_border_relay(&mut self, payload: &[u8]) -> bool {
        let Ok(octets) = <[u8; 16]>::try_from(payload) else { return false };
        let relay = Ipv6Addr::from(octets);
        let is_host = !(relay.is_unspecified()
            || relay.is_loopback()
            || relay.is_multicast()
            || relay.is_unicast_link_local());
        if is_host && self.border_relays.len() < MOST_BORDER_RELAYS {
            self.border_relays.push(relay);
        }
        is_host
    }

    /// False where the payload is no prefix: one octet of length, at most
    /// 128, and exactly the octets that it needs (RFC 8539 §7.4). Bits beyond
    /// the length do not count. Of several the first counts.
    fn add_binding_prefix(&mut self, payload: &[u8]) -> bool {
        let read = || {
            let (&length, bits) = payload.split_first()?;
            let mut octets = [0; 16];
            (bits.len() == usize::from(length).div_ceil(8)).then_some(())?;
            octets.get_mut(..bits.len())?.copy_from_slice(bits);
            Prefix::new(Ipv6Addr::from(octets), length)
        };
        let prefix: Option<Prefix> = read();
        self.binding_prefix = self.binding_prefix.or(prefix);
        prefix.is_some()
    }
}

/// The first octet of flags, and the options.
fn split(octets: &[u8], expected: MessageType) -> Result<(u8, &[u8]), DropReason> {
    let (&[kind, flags, _, _], options) =
        octets.split_first_chunk::<4>().ok_or(DropReason::TooShort)?;
    if kind != expected.code() {
        return Err(DropReason::MessageType);
    }
    frame::survey(options)?;
    Ok((flags, options))
}

/// The one DHCPv4 message (RFC 7341 §9: exactly one).
fn only_v4(options: &[u8]) -> Result<&[u8], DropReason> {
    let mut carried =
        Options::new(options).flatten().filter(|option| option.code == code::DHCPV4_MSG);
    match (carried.next(), carried.next()) {
        (Some(option), None) => Ok(option.payload),
        _ => Err(DropReason::V4Malformed),
    }
}

fn carry(octets: &mut Vec<u8>, v4: &[u8]) -> Result<(), TooLong> {
    encode::option(octets, code::DHCPV4_MSG, |octets| {
        octets.extend_from_slice(v4);
        Ok(())
    })
}

#[cfg(test)]
#[path = "dhcp4o6_tests.rs"]
mod tests;
