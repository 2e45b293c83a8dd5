//! What the fuzz targets check. Each target is one function over octets, so
//! that the property tests of the main package run the same checks on the
//! corpus, with the stable compiler and without libFuzzer.
//!
//! Grammar and model server are those of the simulation.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a target fails")]

pub mod checks;
#[path = "../../tests/sim/grammar.rs"]
mod grammar;
#[path = "../../tests/sim/server/mod.rs"]
mod server;
#[path = "../../tests/sim/shown.rs"]
mod shown;
