//! The program: its command line, its one loop, and the commands that talk
//! to a running client.
//!
//! This is the only place where the engine and the system meet. Modules in
//! here may use everything below them; nothing below knows of them.

mod anonymous;
mod cli;
mod config;
mod ctl;
mod kept;
mod log;
mod narrate;
mod nearest;
mod pattern;
mod run;
mod status;
mod uplink;

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::os::error::{Error, Kind};

use self::log::Format;

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
    let cli::Cli { mut global, task } = cli;
    // The one that reads the file in earnest tells what is wrong with it, and
    // starts the log that it asks for.
    if !matches!(task, cli::Task::Run(_)) {
        config::find_daemon(&mut global);
        log::start(global.verbosity(), global.log_format.unwrap_or(Format::Plain), global.color);
    }
    match task {
        cli::Task::Run(options) => run::run(global, *options),
        cli::Task::Status { interface, json } => ctl::status(&global, interface.as_deref(), json),
        cli::Task::Watch { interface, json } => ctl::watch(&global, interface.as_deref(), json),
        cli::Task::Wait { interfaces, timeout } => ctl::wait(&global, &interfaces, timeout),
        cli::Task::Order { command, interfaces } => ctl::order(&global, command, &interfaces),
        cli::Task::Lease(task) => kept::lease(&global, task).map_err(Into::into),
        cli::Task::Duid(task) => kept::duid(&global, task).map_err(Into::into),
        cli::Task::CheckConfig { file } => config::check_file(&global, file),
        cli::Task::ShowConfig(options) => config::show_effective(&global, &options),
    }
    .map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// What everything that waits runs on: one thread, without the runtime's own
/// timers, which stop in suspend.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Error::new("cannot start", error))
}

/// What failed, and the interface it is about, if it is about one.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Failure {
    about: String,
    /// One at least; a configuration file gives several at once.
    errors: Vec<Error>,
}

impl Failure {
    /// A failure on one interface.
    pub(crate) fn on(interface: &str, error: Error) -> Self {
        Self { about: format!("{interface}: "), errors: vec![error] }
    }

    /// The same on an interface, where it is not about one already.
    fn about(self, interface: &str) -> Self {
        let about = if self.about.is_empty() { format!("{interface}: ") } else { self.about };
        Self { about, ..self }
    }

    /// Says all of it on standard error and gives the exit code for it.
    fn report(&self) -> ExitCode {
        // Each is told; what fails together is of one kind.
        self.errors.iter().fold(ExitCode::FAILURE, |_, error| report(&self.about, error))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let errors: Vec<_> = self.errors.iter().map(ToString::to_string).collect();
        write!(f, "{}{}", self.about, errors.join("; "))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        vec![error].into()
    }
}

impl From<Vec<Error>> for Failure {
    fn from(errors: Vec<Error>) -> Self {
        Self { about: String::new(), errors }
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
