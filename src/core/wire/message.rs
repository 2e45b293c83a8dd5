//! Whole messages between client and server (RFC 9915 §8).

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ident::Duid;
use crate::reason::DropReason;

use super::encode::TooLong;
use super::frame;
use super::option::{self, DhcpOption, Ia, Status};

/// A message of the format that clients and servers share.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Message {
    /// What the message is.
    pub kind: MessageType,
    /// Which exchange it belongs to.
    pub transaction: TransactionId,
    /// The options, in the order they stand in.
    pub options: Vec<DhcpOption>,
}

/// The 24 bits that pair answers with questions (RFC 9915 §16.1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct TransactionId(pub [u8; 3]);

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}")
    }
}

macro_rules! message_types {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// The type of a message (IANA registry "Message Types").
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum MessageType { $($(#[$doc])* $variant,)* }

        impl MessageType {
            /// The type with this code, if a client knows it.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The code on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The name in lower case with hyphens.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

message_types! {
    /// A client looks for servers (RFC 9915 §16.2).
    Solicit = 1, "solicit";
    /// A server offers itself (RFC 9915 §16.3).
    Advertise = 2, "advertise";
    /// A client asks one server for leases (RFC 9915 §16.4).
    Request = 3, "request";
    /// A client asks whether its addresses fit the link (RFC 9915 §16.5).
    Confirm = 4, "confirm";
    /// A client extends its leases at their server (RFC 9915 §16.6).
    Renew = 5, "renew";
    /// A client extends its leases at any server (RFC 9915 §16.7).
    Rebind = 6, "rebind";
    /// A server's answer to anything but Solicit (RFC 9915 §16.10).
    Reply = 7, "reply";
    /// A client gives leases back (RFC 9915 §16.9).
    Release = 8, "release";
    /// A client found an address in use (RFC 9915 §16.8).
    Decline = 9, "decline";
    /// A server asks a client to ask (RFC 9915 §16.11).
    Reconfigure = 10, "reconfigure";
    /// A client wants options without leases (RFC 9915 §16.12).
    InformationRequest = 11, "information-request";
    /// A client sends a DHCPv4 message (RFC 7341 §6.1); see
    /// [`super::dhcp4o6`] for its form.
    Dhcpv4Query = 20, "dhcpv4-query";
    /// A server answers one (RFC 7341 §6.1).
    Dhcpv4Response = 21, "dhcpv4-response";
}

impl MessageType {
    /// True for the messages that have flags in the place of a transaction
    /// id (RFC 7341 §6.2), which [`Message`] does not stand for.
    #[must_use]
    pub const fn carries_v4(self) -> bool {
        matches!(self, Self::Dhcpv4Query | Self::Dhcpv4Response)
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A decoded message and what was left out of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decoded {
    /// The message without its malformed options.
    pub message: Message,
    /// The codes of malformed options, in order.
    pub malformed: Vec<u16>,
}

impl Message {
    /// Decodes the payload of a UDP datagram.
    ///
    /// # Errors
    /// The reason to drop the whole datagram: too short, a type that is not
    /// between client and server, a broken frame, too many options or levels.
    ///
    /// ```
    /// use dhc6c_core::wire::{Message, MessageType};
    /// let decoded = Message::decode(&[7, 1, 2, 3, 0, 7, 0, 1, 255]).unwrap();
    /// assert_eq!(decoded.message.kind, MessageType::Reply);
    /// ```
    pub fn decode(octets: &[u8]) -> Result<Decoded, DropReason> {
        let (header, rest) = octets.split_first_chunk::<4>().ok_or(DropReason::TooShort)?;
        let [kind, transaction @ ..] = *header;
        let kind = MessageType::from_code(kind).filter(|kind| !kind.carries_v4());
        let kind = kind.ok_or(DropReason::MessageType)?;
        frame::survey(rest)?;
        let mut malformed = Vec::new();
        let options = option::decode_message(rest, &mut malformed);
        let message = Self { kind, transaction: TransactionId(transaction), options };
        Ok(Decoded { message, malformed })
    }

    /// Encodes the message; options stay in their order.
    ///
    /// # Errors
    /// [`TooLong`] where an option does not fit its length field.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let mut octets = vec![self.kind.code()];
        octets.extend_from_slice(&self.transaction.0);
        self.options.iter().try_for_each(|option| option.encode(&mut octets))?;
        Ok(octets)
    }

    /// The DUIDs of all client identifiers, none or one in an honest message.
    pub fn client_ids(&self) -> impl Iterator<Item = &Duid> {
        self.options.iter().filter_map(|option| match option {
            DhcpOption::ClientId(duid) => Some(duid),
            _ => None,
        })
    }

    /// The DUIDs of all server identifiers, none or one in an honest message.
    pub fn server_ids(&self) -> impl Iterator<Item = &Duid> {
        self.options.iter().filter_map(|option| match option {
            DhcpOption::ServerId(duid) => Some(duid),
            _ => None,
        })
    }

    /// The status of the message as a whole; absent means success.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        self.options.iter().find_map(|option| match option {
            DhcpOption::Status(status) => Some(status),
            _ => None,
        })
    }

    /// The associations for addresses.
    pub fn ia_nas(&self) -> impl Iterator<Item = &Ia> {
        self.options.iter().filter_map(|option| match option {
            DhcpOption::IaNa(ia) => Some(ia),
            _ => None,
        })
    }

    /// The associations for prefixes.
    pub fn ia_pds(&self) -> impl Iterator<Item = &Ia> {
        self.options.iter().filter_map(|option| match option {
            DhcpOption::IaPd(ia) => Some(ia),
            _ => None,
        })
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
