//! DHCPv4 messages (RFC 2131 §2): octets to typed messages and back, total
//! and bounded as the rest of the wire.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the message: fields, where its options are, what is refused |
//! | `code.rs` | the codes of the options that are read or written |
//! | `option.rs` | the options, typed |
//! | `names.rs` | domain names with their compression (RFC 3397) |
//!
//! An option that breaks its form costs itself, but for those that say what
//! the message is and whose address it gives: without them it is dropped.

pub mod code;
mod names;
mod option;

use core::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::ident::LinkAddress;
use crate::reason::DropReason;

pub use option::{Route, V4Option};

/// The magic cookie before the options (RFC 2131 §3).
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// `sname` and `file` together (RFC 2131 §2).
const SNAME: usize = 64;
/// See [`SNAME`].
const FILE: usize = 128;
/// The longest hardware address: the room of `chaddr` (RFC 2131 §2).
const LONGEST_HARDWARE: usize = 16;
/// The most options in one message; honest ones have a few dozen.
const MOST_OPTIONS: usize = 512;

/// Who says it (RFC 2131 §2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    /// A client.
    Request,
    /// A server.
    Reply,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $name:literal;)*) => {
        /// What a message is (RFC 2132 §9.6).
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// The kind with this code.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$kind),)* _ => None }
            }

            /// The code on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$kind => $code,)* }
            }

            /// The name as in the RFC, in lower case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// A client looks for servers.
    Discover = 1, "dhcpdiscover";
    /// A server offers an address.
    Offer = 2, "dhcpoffer";
    /// A client asks for an address, or for more time.
    Request = 3, "dhcprequest";
    /// A client found an address in use.
    Decline = 4, "dhcpdecline";
    /// A server grants what was asked for.
    Ack = 5, "dhcpack";
    /// A server denies it.
    Nak = 6, "dhcpnak";
    /// A client gives an address back.
    Release = 7, "dhcprelease";
    /// A client has an address and wants options.
    Inform = 8, "dhcpinform";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A DHCPv4 message. `hops`, `giaddr`, `sname` and `file` are for others than
/// clients: they are not read, and zero where we write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Who says it.
    pub op: Op,
    /// The client's hardware address, 16 octets at most.
    pub hardware: LinkAddress,
    /// Pairs answers with questions.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// The client's address, where it has one.
    pub ciaddr: Ipv4Addr,
    /// The address that a server gives.
    pub yiaddr: Ipv4Addr,
    /// What it is. It travels as the first option.
    pub kind: Kind,
    /// The other options, each once: what comes in parts is joined (RFC 3396).
    pub options: Vec<V4Option>,
}

/// A decoded message and what was left out of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decoded {
    /// The message without its malformed options.
    pub message: Message,
    /// The codes of malformed options, in order.
    pub malformed: Vec<u8>,
}

impl Message {
    /// Reads a message, from `op` on.
    ///
    /// # Errors
    /// [`DropReason::V4Malformed`] where it is none, or cannot be relied on.
    pub fn decode(octets: &[u8]) -> Result<Decoded, DropReason> {
        read(octets).ok_or(DropReason::V4Malformed)
    }

    /// The message as it travels, from `op` to the end option (RFC 7341 §9).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let hardware = self.hardware.octets.as_slice();
        // A longer one does not travel at all (RFC 4390 §2.1).
        let hardware = if hardware.len() > LONGEST_HARDWARE { &[] } else { hardware };
        let mut chaddr = [0; LONGEST_HARDWARE];
        chaddr.iter_mut().zip(hardware).for_each(|(field, octet)| *field = *octet);
        let op = match self.op {
            Op::Request => 1,
            Op::Reply => 2,
        };
        let kind = u8::try_from(self.hardware.hardware_type).unwrap_or(0);
        let length = u8::try_from(hardware.len()).unwrap_or(0);
        let mut octets = vec![op, kind, length, 0];
        octets.extend(self.xid.to_be_bytes());
        octets.extend(self.secs.to_be_bytes());
        octets.extend([0; 2]);
        octets.extend(self.ciaddr.octets());
        octets.extend(self.yiaddr.octets());
        octets.extend([0; 8]);
        octets.extend(chaddr);
        octets.extend([0; SNAME]);
        octets.extend([0; FILE]);
        octets.extend(COOKIE);
        octets.extend([code::MESSAGE_TYPE, 1, self.kind.code()]);
        self.options.iter().for_each(|option| option.encode(&mut octets));
        octets.push(code::END);
        octets
    }
}

/// The fields before the options.
struct Header<'a> {
    op: Op,
    hardware: LinkAddress,
    xid: u32,
    secs: u16,
    ciaddr: Ipv4Addr,
    yiaddr: Ipv4Addr,
    sname: &'a [u8],
    file: &'a [u8],
}

fn read(octets: &[u8]) -> Option<Decoded> {
    let (header, options) = read_header(octets)?;
    let mut parts = Parts::default();
    parts.add_all(options)?;
    // RFC 2132 §9.3; RFC 3396 §5 has the order. An overload within them would
    // lead in circles and is not looked at.
    let overload = match parts.payload(code::OVERLOAD) {
        None => 0,
        Some(&[overload @ 1..=3]) => overload,
        Some(_) => return None,
    };
    if overload & 1 != 0 {
        parts.add_all(header.file)?;
    }
    if overload & 2 != 0 {
        parts.add_all(header.sname)?;
    }
    let kind = match parts.payload(code::MESSAGE_TYPE) {
        Some(&[kind]) => Kind::from_code(kind)?,
        // A message of BOOTP, or nonsense.
        _ => return None,
    };
    let (options, malformed) = parts.decode()?;
    let Header { op, hardware, xid, secs, ciaddr, yiaddr, .. } = header;
    let message = Message { op, hardware, xid, secs, ciaddr, yiaddr, kind, options };
    Some(Decoded { message, malformed })
}

fn read_header(octets: &[u8]) -> Option<(Header<'_>, &[u8])> {
    let (&[op, kind, length, _hops], rest) = octets.split_first_chunk::<4>()?;
    let (xid, rest) = rest.split_first_chunk::<4>()?;
    let (&[s1, s0, _, _], rest) = rest.split_first_chunk::<4>()?;
    let (ciaddr, rest) = rest.split_first_chunk::<4>()?;
    let (yiaddr, rest) = rest.split_first_chunk::<4>()?;
    let (_siaddr_and_giaddr, rest) = rest.split_first_chunk::<8>()?;
    let (hardware, rest) = rest.split_first_chunk::<LONGEST_HARDWARE>()?;
    let (sname, rest) = rest.split_at_checked(SNAME)?;
    let (file, rest) = rest.split_at_checked(FILE)?;
    let (cookie, options) = rest.split_first_chunk::<4>()?;
    let header = Header {
        op: match op {
            1 => Op::Request,
            2 => Op::Reply,
            _ => return None,
        },
        hardware: LinkAddress {
            hardware_type: u16::from(kind),
            octets: hardware.get(..usize::from(length))?.to_vec(),
        },
        xid: u32::from_be_bytes(*xid),
        secs: u16::from_be_bytes([s1, s0]),
        ciaddr: Ipv4Addr::from(*ciaddr),
        yiaddr: Ipv4Addr::from(*yiaddr),
        sname,
        file,
    };
    (*cookie == COOKIE).then_some((header, options))
}

/// The options of a message with their parts joined, in the order of the
/// first of each (RFC 3396 §7).
#[derive(Default)]
struct Parts {
    joined: Vec<(u8, Vec<u8>)>,
    count: usize,
}

impl Parts {
    /// Adds what stands in one field; `None` where the options do not tile
    /// it or are too many. The end option ends them; without it the end of
    /// the field does.
    fn add_all(&mut self, mut field: &[u8]) -> Option<()> {
        while let Some((&code, rest)) = field.split_first() {
            field = rest;
            match code {
                code::PAD => continue,
                code::END => break,
                _ => {}
            }
            let (&length, rest) = field.split_first()?;
            let (payload, rest) = rest.split_at_checked(usize::from(length))?;
            field = rest;
            self.count = self.count.checked_add(1).filter(|count| *count <= MOST_OPTIONS)?;
            match self.joined.iter_mut().find(|(known, _)| *known == code) {
                Some((_, joined)) => joined.extend_from_slice(payload),
                None => self.joined.push((code, payload.to_vec())),
            }
        }
        Some(())
    }

    fn payload(&self, wanted: u8) -> Option<&[u8]> {
        let found = self.joined.iter().find(|(code, _)| *code == wanted);
        found.map(|(_, payload)| payload.as_slice())
    }

    /// The options but those that only this file reads, and the codes of
    /// those that are malformed; `None` where one of them matters too much.
    fn decode(&self) -> Option<(Vec<V4Option>, Vec<u8>)> {
        let (mut options, mut malformed) = (Vec::new(), Vec::new());
        for (code, payload) in &self.joined {
            if matches!(*code, code::MESSAGE_TYPE | code::OVERLOAD) {
                continue;
            }
            match V4Option::decode(*code, payload) {
                Some(option) => options.push(option),
                None if code::is_vital(*code) => return None,
                None => malformed.push(*code),
            }
        }
        Some((options, malformed))
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
