//! A DHCPv6 server for labs and demonstrations: the model server of the
//! simulation (`tests/sim/server`) on real sockets.
//!
//! ```text
//! lab-server IFACE [--ra] [--dhcp4o6] …            serves until it is killed
//! lab-server ping ADDRESS [--from ADDRESS] [--count N]
//! ```
//!
//! It delegates as a real router does: a delegated prefix gets a route to
//! the client that holds it. With `--ra` it advertises itself as a default
//! router, so that a client's kernel has a way out; with `--dhcp4o6` it gives
//! IPv4 too, over IPv6. `ping` is there because
//! a bare machine has none. All of it needs root.
#![allow(missing_docs, unreachable_pub, reason = "a program, not a library")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a lab may panic")]

#[path = "lab/advertise.rs"]
mod advertise;
#[path = "lab/ping.rs"]
mod ping;
#[path = "lab/routes.rs"]
mod routes;
#[path = "lab/serve.rs"]
mod serve;
#[path = "../tests/sim/server/mod.rs"]
mod server;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A DHCPv6 server for labs.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(flatten)]
    serve: Option<serve::Serve>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Send ICMPv6 echo requests and print the replies
    Ping(ping::Ping),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match (arguments.command, arguments.serve) {
        (Some(Command::Ping(arguments)), _) => ping::run(&arguments),
        (None, Some(arguments)) => serve::run(&arguments).map(|()| true),
        (None, None) => unreachable!("clap asks for an interface or a command"),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lab-server: {error}");
            ExitCode::FAILURE
        }
    }
}
