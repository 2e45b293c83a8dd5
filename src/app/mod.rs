//! The program: its command line, its one loop, and the commands that talk
//! to a running client.
//!
//! This is the only place where the engine and the system meet. Modules in
//! here may use everything below them; nothing below knows of them.

mod cli;
mod config;
mod ctl;
mod kept;
mod log;
mod narrate;
mod run;
mod status;
mod uplink;

use std::process::ExitCode;

use crate::os::error::{Error, Kind};

/// Runs the program and gives its exit code.
pub(crate) fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(cli::Stop::Print(text)) => {
            // A closed pipe, as in `dhc6c --help | head -1`, is no failure.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(cli::Stop::Error(error)) => return report("", &error),
    };
    log::start(cli.global.verbosity(), cli.global.log_format, cli.global.color);
    match cli.task {
        cli::Task::Run(options) => run::run(&cli.global, *options),
        cli::Task::Status { interface, json } => {
            ctl::status(&cli.global, interface.as_deref(), json)
        }
        cli::Task::Watch { interface, json } => ctl::watch(&cli.global, interface.as_deref(), json),
        cli::Task::Wait { interfaces, timeout } => ctl::wait(&cli.global, &interfaces, timeout),
        cli::Task::Order { command, interfaces } => ctl::order(&cli.global, command, &interfaces),
        cli::Task::Lease(task) => kept::lease(&cli.global, task).map_err(Into::into),
        cli::Task::Duid(task) => kept::duid(&cli.global, task).map_err(Into::into),
    }
    .map_or_else(|failure| report(&failure.about, &failure.error), |()| ExitCode::SUCCESS)
}

/// A failure and the interface it is about, if it is about one.
pub(crate) struct Failure {
    about: String,
    error: Error,
}

impl Failure {
    /// A failure on one interface.
    pub(crate) fn on(interface: &str, error: Error) -> Self {
        Self { about: format!("{interface}: "), error }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { about: String::new(), error }
    }
}

/// Says what failed on standard error and gives the exit code for it.
fn report(about: &str, error: &Error) -> ExitCode {
    eprintln!("dhc6c: {about}{error}");
    if let Some(hint) = &error.hint {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(match error.kind {
        Kind::Runtime => 1,
        Kind::Usage => 2,
        Kind::NoDaemon => 3,
        Kind::TimedOut => 4,
        Kind::Permission => 5,
    })
}
