//! The core of dhc6c: a DHCPv6 client (RFC 9915) as a deterministic value.
//!
//! Nothing in here opens a file or a socket, reads a clock, awaits or starts
//! a thread. Time, randomness and everything that happened come in as
//! arguments; messages to send and the wanted state of the system come out
//! as values. The shell around it (the binary) is the only caller; tests,
//! simulation and the lab server stand in its place.
//!
//! The floors, each importing only from those above it in this list:
//!
//! | floor | modules | what |
//! |---|---|---|
//! | values | [`time`], [`rng`], [`prefix`], [`port_set`], [`ident`], [`link`], [`reason`] | plain things |
//! | wire | [`wire`] | octets to typed messages and back |
//! | wants | [`desired`], [`record`], [`snapshot`] | what the engine wants, keeps and shows |
//! | engine | [`engine`] | the protocol |

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod desired;
pub mod engine;
pub mod ident;
pub mod link;
pub mod port_set;
pub mod prefix;
pub mod reason;
pub mod record;
pub mod rng;
pub mod snapshot;
pub mod time;
pub mod wire;
