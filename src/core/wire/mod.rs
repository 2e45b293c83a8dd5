//! Octets to typed messages and back (RFC 9915 §8, §10 and §21).
//!
//! Only the engines call in here; nothing in here knows of states, time or
//! interfaces. The decoder is total: any octets give a message or a reason.
//! It is bounded (at most [`frame::MAX_OPTIONS`] options, at most
//! [`frame::MAX_DEPTH`] levels), does not recurse, and keeps the order of
//! options, which is a preference in several of them.
//!
//! A malformed option costs itself, not the message. Only where the end of
//! an option at the top level cannot be found is the message dropped.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation
    )
)]

pub mod auth;
pub mod code;
pub mod dhcp4o6;
mod encode;
pub mod frame;
pub mod message;
pub mod name;
pub mod option;
pub mod parameter;
pub mod ra;
pub mod text;
pub mod v4;

pub use auth::{Authentication, ReconfigureKey};
pub use encode::TooLong;
pub use message::{Decoded, Message, MessageType, TransactionId};
pub use name::{DomainName, NameError};
pub use option::{DhcpOption, Ia, IaAddress, IaPrefix, NtpSource, Status, StatusCode};
pub use text::ServerText;
