//! Why something received was dropped: one closed list, counted by reason.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why a datagram, or a part of one, was dropped. The names are those of
/// `dropped` in the status object.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// Fewer than the four octets of a header (RFC 9915 §8).
    TooShort,
    /// It arrived on another interface than the exchange's.
    Interface,
    /// It was not sent to us alone: multicast, or an address that is not for
    /// this type of message (RFC 9915 §16).
    Destination,
    /// A type that nobody sends to a client, or an unknown one.
    MessageType,
    /// Not the transaction id of the message we wait for an answer to.
    TransactionId,
    /// The client identifier is missing, double or not ours.
    ClientId,
    /// The server identifier is missing, double or not the chosen server's.
    ServerId,
    /// An option breaks its format; the option is dropped, or the message
    /// where its end cannot be found.
    OptionMalformed,
    /// Options are nested deeper than any specification nests them.
    TooDeep,
    /// More options than a client has use for.
    TooManyOptions,
    /// The authentication is missing or wrong (RFC 9915 §20).
    Authentication,
    /// A replay of an earlier authenticated message.
    Replay,
    /// A type that is not expected in this state.
    State,
    /// A message for another role: a client's, a relay's or a server's.
    Role,
    /// Lifetimes or timers contradict each other.
    Lifetime,
    /// The status code makes the answer unusable.
    Status,
    /// Too many messages in too short a time.
    RateLimit,
    /// The DHCPv4 message inside is malformed.
    V4Malformed,
    /// The DHCPv4 message inside answers nothing of ours.
    V4Mismatch,
    /// A softwire option contradicts itself or the rest.
    SoftwireInvalid,
}

impl DropReason {
    /// The name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too-short",
            Self::Interface => "interface",
            Self::Destination => "destination",
            Self::MessageType => "message-type",
            Self::TransactionId => "transaction-id",
            Self::ClientId => "client-id",
            Self::ServerId => "server-id",
            Self::OptionMalformed => "option-malformed",
            Self::TooDeep => "too-deep",
            Self::TooManyOptions => "too-many-options",
            Self::Authentication => "authentication",
            Self::Replay => "replay",
            Self::State => "state",
            Self::Role => "role",
            Self::Lifetime => "lifetime",
            Self::Status => "status",
            Self::RateLimit => "rate-limit",
            Self::V4Malformed => "v4-malformed",
            Self::V4Mismatch => "v4-mismatch",
            Self::SoftwireInvalid => "softwire-invalid",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How often something was dropped, by reason; reasons that never occurred
/// are absent.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct DropCounts(BTreeMap<DropReason, u64>);

impl DropCounts {
    /// Counts one more drop.
    pub fn count(&mut self, reason: DropReason) {
        let count = self.0.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// How often this reason occurred.
    #[must_use]
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// All drops together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        self.0.iter().map(|(&reason, &count)| (reason, count))
    }
}
