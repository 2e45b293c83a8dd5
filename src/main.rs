//! `dhc6c`: a DHCPv6 client for Linux. Exit codes, nothing else.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod app;
mod os;

use std::process::ExitCode;

fn main() -> ExitCode {
    app::main()
}
