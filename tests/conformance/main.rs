//! The DHCPv6 cases of the IPv6 Ready CE Router conformance suite (version
//! 1.0.0), one test a case, its id in the name: `ce_1_1_16_a` is case
//! CERouter.1.1.16 part A. On the virtual clock, so that a day costs
//! milliseconds; the windows are those that the suite prints.
//!
//! Where RFC 9915 overrules the suite, the test holds the RFC's verdict, and
//! both stand in `docs/verdicts.tsv`.
//!
//! | file | cases |
//! |---|---|
//! | `case.rs` | how a client comes to send each kind of message |
//! | `format.rs` | 1.1.1 to 1.1.6: exchanges, formats, elapsed time, identity |
//! | `timing.rs` | 1.1.7 to 1.1.14: retransmission, message by message |
//! | `reply.rs` | 1.1.15 to 1.1.17, 1.1.21: what answers do |
//! | `validation.rs` | 1.1.18 to 1.1.20: what is no answer |
//! | `delegation.rs` | 1.2: delegated prefixes |
//! | `cpe.rs` | 1.6: what RFC 7084 asks of a router |
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(unreachable_pub, dead_code, reason = "the modules of the simulation are shared")]

#[path = "../sim/client.rs"]
mod client;
#[path = "../sim/grammar.rs"]
mod grammar;
#[path = "../sim/history.rs"]
mod history;
#[path = "../sim/hooks.rs"]
mod hooks;
#[path = "../sim/kernel.rs"]
mod kernel;
#[path = "../sim/link.rs"]
mod link;
#[path = "../sim/oracle.rs"]
mod oracle;
#[path = "../sim/router.rs"]
mod router;
#[path = "../sim/seeds.rs"]
mod seeds;
#[path = "../sim/server/mod.rs"]
mod server;
#[path = "../sim/v4_oracle.rs"]
mod v4_oracle;
#[path = "../sim/world.rs"]
mod world;

mod case;
mod cpe;
mod delegation;
mod format;
mod reply;
mod timing;
mod validation;
