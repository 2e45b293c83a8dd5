//! One check for each thing that others may hand us.
//!
//! | check | the octets are |
//! |---|---|
//! | `decoder` | a DHCPv6 message |
//! | `router` | a Router Advertisement |
//! | `engine` | a state, a configuration, and what happens to it (`script.rs`) |
//! | `ipv4` | the same for DHCPv4 over DHCPv6 |
//! | `lease` | a lease file |
//! | `control` | a line on the control socket |
//!
//! Those that reach the engine go through `subject.rs`, which judges every
//! step. None returns anything: a breach is a panic that says which.

pub mod control;
pub mod decoder;
pub mod engine;
pub mod ipv4;
pub mod lease;
pub mod router;
pub mod script;
pub mod subject;
