//! The simulation: clients and model servers on a virtual link, with a
//! virtual clock, everything seeded from one number.
//!
//! Each scenario runs over many seeds. Where one fails, the seed and the
//! history are printed, and `SEED=n cargo test --test sim NAME` plays
//! exactly that again; `SEEDS=n` runs more of them. Oracles judge every step
//! of every scenario, whatever it is about (`oracle.rs`).
//!
//! | file | what |
//! |---|---|
//! | `seeds.rs` | one scenario over many seeds |
//! | `world.rs` | nodes, clock and queue; `history.rs` what happened |
//! | `client.rs` `kernel.rs` | our engine with a model kernel below it |
//! | `hooks.rs` | what the programs of the administrator are told |
//! | `life/` | whole lives, drawn from a seed (docs/simulation.md) |
//! | `server/` | the model server with its dials |
//! | `router.rs` | what a router says |
//! | `link.rs` | delay, loss, duplication, reordering, corruption, a limit |
//! | `oracle.rs` `v4_oracle.rs` `grammar.rs` | what must hold at every step, in every message |
//! | all others | scenarios, one behaviour each |
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(unreachable_pub, reason = "some modules are shared with other test programs")]

mod client;
mod grammar;
mod history;
mod hooks;
mod kernel;
mod life;
mod link;
mod oracle;
mod router;
mod seeds;
mod server;
mod shown;
mod states;
mod v4_oracle;
mod world;

mod anonymous;
mod auto;
mod bind;
mod commands;
mod configure;
mod confirm;
mod dhcp4o6;
mod dhcp4o6_input;
mod dhcp4o6_shared;
mod dhcp4o6_softwire;
mod dhcp4o6_week;
mod door;
mod duplicate;
mod expiry;
mod healed;
mod hints;
mod inputs;
mod limits;
mod loss;
mod lost;
mod partial;
mod rebind;
mod reconfigure;
mod refused;
mod release;
mod renew;
mod reorder;
mod restart;
mod retransmission;
mod sleep;
mod stop;
mod two_servers;
