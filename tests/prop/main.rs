//! Properties: the decoder takes any octets, and the engine any datagrams,
//! in any state.
//!
//! `PROPTEST_CASES=n` runs more of each. The engine runs in the simulation's
//! world, with its oracles. The checks of the fuzz targets run here too, on
//! their corpus.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(unreachable_pub, dead_code, reason = "the modules of the simulation are shared")]

#[path = "../../fuzz/src/checks/mod.rs"]
mod checks;
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
#[path = "../sim/server/mod.rs"]
mod server;
#[path = "../sim/shown.rs"]
mod shown;
#[path = "../sim/v4_oracle.rs"]
mod v4_oracle;
#[path = "../sim/world.rs"]
mod world;

mod corpus;
mod decoder;
mod engine;
mod ipv4;
mod messages;

use proptest::test_runner::Config;

/// As many cases as `PROPTEST_CASES` says. A failure prints its smallest
/// input, which belongs into a test of its own; no file is written.
fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}
