//! The command line: what may be written, and what it means.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};

use dhc6c_core::ident::Duid;

use crate::os::control::Command;
use crate::os::error::{Error, Kind};

use super::config::{self, DuidChoice, MOST_PREFIXES, MOST_SENT, PrefixWish, SentOption, Shared};
use super::log::{Colour, Format, Verbosity};
use super::pattern;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Cli {
    pub(crate) global: Global,
    pub(crate) task: Task,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Task {
    Run(Box<RunOptions>),
    Status {
        interface: Option<String>,
        json: bool,
    },
    Watch {
        interface: Option<String>,
        json: bool,
    },
    Wait {
        interfaces: Vec<String>,
        timeout: u32,
    },
    /// Something to be done by a running client.
    Order {
        command: Command,
        interfaces: Vec<String>,
    },
    Lease(LeaseTask),
    Duid(DuidTask),
    CheckConfig {
        file: Option<PathBuf>,
    },
    ShowConfig(Box<RunOptions>),
}

/// What to do with the leases that are kept.
#[derive(Debug)]
pub(crate) enum LeaseTask {
    Show { interface: Option<String>, json: bool },
    Flush { interface: Option<String> },
}

/// What to do with the DUID.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum DuidTask {
    /// Print the DUID that is stored
    Show,
    /// Store this DUID in place of the one there is
    Set {
        /// The DUID, in hexadecimal
        #[arg(value_name = "HEX")]
        duid: Duid,
    },
    /// Make a new DUID of link-layer address and time, and store it
    New,
}

/// Why there is nothing to do.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Help or version was asked for.
    Print(String),
    /// The command line is wrong.
    Error(Error),
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Settings; flags override them [default: /etc/dhc6c.toml, if it exists]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where leases and the DUID are kept [default: /var/lib/dhc6c]
    #[arg(long = "state-dir", global = true, value_name = "DIR")]
    pub(crate) given_state_dir: Option<PathBuf>,
    /// Where sockets, locks and resolver data are kept [default: /run/dhc6c]
    #[arg(long = "run-dir", global = true, value_name = "DIR")]
    pub(crate) given_run_dir: Option<PathBuf>,
    /// The directories in effect; see [`Self::take_directories`].
    #[arg(skip = PathBuf::from(config::STATE_DIRECTORY))]
    pub(crate) state_dir: PathBuf,
    #[arg(skip = PathBuf::from(config::RUN_DIRECTORY))]
    pub(crate) run_dir: PathBuf,
    /// Say more: -v every message, -vv every decision
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say only what is wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// How the log is written: pretty has the time, json is for programs [default: plain]
    #[arg(long, global = true, value_name = "FORMAT", value_enum)]
    pub(crate) log_format: Option<Format>,
    /// Whether the log has colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Colour::Auto)]
    pub(crate) color: Colour,
}

impl Global {
    /// How much is said, where a flag says so.
    pub(crate) fn given_verbosity(&self) -> Option<Verbosity> {
        match (self.quiet, self.verbose) {
            (true, _) => Some(Verbosity::Quiet),
            (false, 0) => None,
            (false, 1) => Some(Verbosity::Verbose),
            (false, _) => Some(Verbosity::All),
        }
    }

    /// How much is said by a command that goes by flags alone.
    pub(crate) fn verbosity(&self) -> Verbosity {
        self.given_verbosity().unwrap_or(Verbosity::Normal)
    }

    /// Sets the directories to those of the file and the flags together.
    pub(crate) fn take_directories(&mut self, shared: &Shared) {
        self.state_dir.clone_from(&shared.state_directory.value);
        self.run_dir.clone_from(&shared.run_directory.value);
    }
}

/// Options of a running client.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct RunOptions {
    /// Interfaces to configure; without any, all of the file
    #[arg(value_name = "IFACE")]
    pub(crate) interfaces: Vec<String>,
    /// Ask for a delegated prefix; repeat for several
    #[arg(long, value_name = "LEN|PREFIX/LEN", num_args = 0..=1, require_equals = true,
          default_missing_value = "any")]
    pub(crate) pd: Vec<PrefixWish>,
    /// Ask for no address
    #[arg(long)]
    pub(crate) no_na: bool,
    /// Ask for options only, by Information-request
    #[arg(long, conflicts_with_all = ["pd", "no_na", "rapid_commit", "iaid"])]
    pub(crate) stateless: bool,
    /// Ask for what the routers of the link say there is
    #[arg(long, conflicts_with = "stateless")]
    pub(crate) auto: bool,
    /// Offer the exchange of two messages instead of four
    #[arg(long)]
    pub(crate) rapid_commit: bool,
    /// Ask for an option too; repeat for several
    #[arg(long, value_name = "CODE|NAME", value_parser = super::config::requested_code)]
    pub(crate) request: Vec<u16>,
    /// Send an option with every question; repeat for several
    #[arg(long, value_name = "CODE:HEX")]
    pub(crate) send: Vec<SentOption>,
    /// Our identifier: hexadecimal, or how to make it
    #[arg(long, value_name = "HEX|llt|ll|uuid")]
    pub(crate) duid: Option<DuidChoice>,
    /// Identifier of the first association instead of one made from the name
    #[arg(long, value_name = "N")]
    pub(crate) iaid: Option<u32>,
    /// Ask for IPv4 too, by DHCPv4 over DHCPv6
    #[arg(long)]
    pub(crate) dhcp4o6: bool,
    /// Random delay of up to a second before the first Solicit
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(crate) initial_delay: Option<InitialDelay>,
    /// Stop once configured, and leave the configuration in place
    #[arg(long)]
    pub(crate) once: bool,
    /// With --once: give up after this many seconds
    #[arg(long, value_name = "S", requires = "once",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) timeout: Option<u32>,
    /// Do not tell the system's resolver
    #[arg(long)]
    pub(crate) no_dns: bool,
    /// Run a program when something happens; repeat for several
    #[arg(long, value_name = "PATH")]
    pub(crate) hook: Vec<PathBuf>,
    /// Give the leases back when stopped
    #[arg(long, conflicts_with_all = ["keep", "once"])]
    pub(crate) release: bool,
    /// Leave addresses, routes and resolver data in place when stopped
    #[arg(long, conflicts_with = "once")]
    pub(crate) keep: bool,
    /// Wait for an interface that does not exist yet
    #[arg(long)]
    pub(crate) wait_iface: bool,
    /// Talk to servers, change nothing, and print what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// When the first Solicit is delayed (RFC 9915 section 18.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum InitialDelay {
    /// When the carrier or the machine came up a moment ago
    Auto,
    /// Every time
    Always,
    /// Never
    Never,
}

/// DHCPv6 client for Linux (RFC 9915).
///
/// `dhc6c eth0` gets an address and resolver data for eth0 and keeps them
/// fresh until it is stopped.
#[derive(Debug, Parser)]
#[command(
    name = "dhc6c",
    version,
    disable_help_subcommand = true,
    max_term_width = 90,
    subcommand_precedence_over_arg = true
)]
struct Words {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    run: RunOptions,
    #[command(subcommand)]
    command: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the client in the foreground (the same as `dhc6c IFACE`)
    Run(Box<RunOptions>),
    /// Show what a running client has and does
    Status {
        /// The interface; all without one
        #[arg(value_name = "IFACE")]
        interface: Option<String>,
        /// Print JSON, schema 1
        #[arg(long)]
        json: bool,
    },
    /// Print a line for everything that happens
    Watch {
        /// The interface; needed where several run
        #[arg(value_name = "IFACE")]
        interface: Option<String>,
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Wait until everything that was asked for is there
    Wait {
        #[command(flatten)]
        on: Interfaces,
        /// Give up after this many seconds
        #[arg(long, value_name = "S", default_value_t = 60,
              value_parser = clap::value_parser!(u32).range(1..))]
        timeout: u32,
    },
    /// Extend the leases at their server now
    Renew(Interfaces),
    /// Extend the leases at any server now
    Rebind(Interfaces),
    /// Withdraw everything and give the leases back, then rest
    Release(Interfaces),
    /// Withdraw everything and give the leases back, then start over
    Restart(Interfaces),
    /// Read the configuration file again
    Reload,
    /// Stop a running client: withdraw everything, release nothing
    Stop(Interfaces),
    /// Show or forget the leases that are kept for the next start
    Lease {
        #[command(subcommand)]
        task: Option<LeaseWords>,
        #[command(flatten)]
        show: ShowLease,
    },
    /// Check the configuration file, or show what is in effect
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show or replace the DUID that is stored
    Duid {
        #[command(subcommand)]
        task: Option<DuidTask>,
    },
}

/// The interfaces that a command is for.
#[derive(Args, Debug)]
struct Interfaces {
    /// Interfaces; all that run without one
    #[arg(value_name = "IFACE")]
    interfaces: Vec<String>,
}

#[derive(Args, Debug)]
struct ShowLease {
    /// The interface; all without one
    #[arg(value_name = "IFACE")]
    interface: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum LeaseWords {
    /// Show the leases that are kept
    Show(ShowLease),
    /// Forget the leases that are kept
    Flush {
        /// The interface; all without one
        #[arg(value_name = "IFACE")]
        interface: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say everything that is wrong with a file
    Check {
        /// The file [default: /etc/dhc6c.toml]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the settings in effect, each with where it comes from
    Show(Box<RunOptions>),
}

/// Reads the command line.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, Stop> {
    let Words { global, run, command } = Words::try_parse_from(words).map_err(explain)?;
    if command.is_some() && !run.interfaces.is_empty() {
        let hint = "write the command first: `dhc6c status eth0`; \
                    for an interface named like a command: `dhc6c run NAME`";
        return Err(Stop::Error(usage("an interface stands before the command").hint(hint)));
    }
    if command.is_some() && run != RunOptions::default() {
        return Err(Stop::Error(
            usage("an option of a running client stands before a command")
                .hint("only `run` and `config show` have such options, after their name"),
        ));
    }
    let task = match command {
        None => Task::Run(Box::new(run)),
        Some(verb) => verb.task(),
    };
    if let Task::Run(options) | Task::ShowConfig(options) = &task {
        check(options).map_err(Stop::Error)?;
    }
    Ok(Cli { global, task })
}

impl Verb {
    fn task(self) -> Task {
        let order = |command, on: Interfaces| Task::Order { command, interfaces: on.interfaces };
        let show = |ShowLease { interface, json }| Task::Lease(LeaseTask::Show { interface, json });
        match self {
            Self::Run(options) => Task::Run(options),
            Self::Status { interface, json } => Task::Status { interface, json },
            Self::Watch { interface, json } => Task::Watch { interface, json },
            Self::Wait { on, timeout } => Task::Wait { interfaces: on.interfaces, timeout },
            Self::Renew(on) => order(Command::Renew, on),
            Self::Rebind(on) => order(Command::Rebind, on),
            Self::Release(on) => order(Command::Release, on),
            Self::Restart(on) => order(Command::Restart, on),
            Self::Reload => Task::Order { command: Command::Reload, interfaces: Vec::new() },
            Self::Stop(on) => order(Command::Stop, on),
            Self::Lease { task: None, show: wanted }
            | Self::Lease { task: Some(LeaseWords::Show(wanted)), .. } => show(wanted),
            Self::Lease { task: Some(LeaseWords::Flush { interface }), .. } => {
                Task::Lease(LeaseTask::Flush { interface })
            }
            Self::Duid { task } => Task::Duid(task.unwrap_or(DuidTask::Show)),
            Self::Config(ConfigCommand::Check { file }) => Task::CheckConfig { file },
            Self::Config(ConfigCommand::Show(options)) => Task::ShowConfig(options),
        }
    }
}

/// What the parser cannot see: options that do not go together.
fn check(options: &RunOptions) -> Result<(), Error> {
    let RunOptions { interfaces, pd, send, .. } = options;
    let mut names: Vec<_> = interfaces.iter().collect();
    names.sort_unstable();
    names.dedup();
    let is_impossible = |name: &&&String| !pattern::is_possible(name) || pattern::is_one(name);
    if let Some(name) = names.iter().find(is_impossible) {
        let name = name.escape_debug();
        Err(usage(format!("`{name}` cannot be the name of an interface"))
            .hint("patterns are for the configuration file"))
    } else if names.len() < interfaces.len() {
        Err(usage("an interface is named twice").hint("name each interface once"))
    } else if pd.len() > MOST_PREFIXES {
        Err(usage(format!("--pd is given more than {MOST_PREFIXES} times"))
            .hint("more do not fit one message; ask for shorter prefixes"))
    } else if send.iter().map(SentOption::length).sum::<usize>() > MOST_SENT {
        Err(usage(format!("the options to send have more than {MOST_SENT} octets"))
            .hint("a message has to fit an unfragmented packet on any link"))
    } else {
        Ok(())
    }
}

fn usage(why: impl std::fmt::Display) -> Error {
    Error::new("command line", why).kind(Kind::Usage)
}

/// Puts what the parser says into one line and a hint.
fn explain(error: clap::Error) -> Stop {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Stop::Print(error.to_string());
    }
    let text = error.to_string();
    // The first paragraph says it; what follows is usage.
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    let failure = usage(paragraph.strip_prefix("error: ").unwrap_or(&paragraph));
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| error.get(kind))
        .map(|suggestion| format!("did you mean {suggestion}?"));
    Stop::Error(failure.hint(suggested.unwrap_or_else(|| "see `dhc6c --help`".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Cli, Stop> {
        parse(std::iter::once("dhc6c").chain(line.split_whitespace()).map(OsString::from))
    }

    fn run(line: &str) -> RunOptions {
        match read(line) {
            Ok(Cli { task: Task::Run(options), .. }) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refused(line: &str) -> Error {
        match read(line) {
            Err(Stop::Error(error)) => error,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_bare_interface_runs_the_client() {
        assert_eq!(run("eth0").interfaces, ["eth0"]);
        assert_eq!(run("run eth0 eth1").interfaces, ["eth0", "eth1"]);
        assert_eq!(run("run status").interfaces, ["status"]);
        assert!(matches!(read("status").unwrap().task, Task::Status { .. }));
        assert!(matches!(read("--run-dir /x status eth0").unwrap().task, Task::Status { .. }));
        for line in ["-c /x eth0", "-c /x status", "config check -c /x", "-c /x config show"] {
            assert_eq!(read(line).unwrap().global.config.unwrap(), PathBuf::from("/x"), "{line}");
        }
    }

    #[test]
    fn prefixes_are_wished_for_in_three_ways() {
        assert_eq!(run("--pd --pd=56 --pd=2001:db8::/48 eth0").pd.len(), 3);
        assert_eq!(run("--pd eth0").interfaces, ["eth0"]);
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_with_a_hint() {
        let lines = [
            "--nonsense eth0",
            "--pd=200 eth0",
            "--pd=x eth0",
            "--request nothing eth0",
            "--send 17 eth0",
            "--duid zz eth0",
            "--timeout 3 eth0",
            "--once --timeout 0 eth0",
            "--stateless --pd eth0",
            "eth0 status",
            "--pd status",
            "--hook /x run eth0",
            "-v -q eth0",
            "eth0 eth0",
            "--pd --pd --pd --pd --pd --pd --pd --pd --pd eth0",
        ];
        for line in lines {
            let error = refused(line);
            assert_eq!(error.kind, Kind::Usage, "{line}");
            assert_eq!(error.to_string().lines().count(), 1, "{line}: {error}");
            assert!(error.hint.is_some(), "{line}");
        }
        assert!(refused("--timeout 3 eth0").why.contains("--once"));
        if cfg!(feature = "suggestions") {
            let hint = refused("--rapid-comit eth0").hint;
            assert_eq!(hint.as_deref(), Some("did you mean --rapid-commit?"));
        }
    }

    /// Every line of a document that starts with our name, as one would type
    /// it; a comment after it is cut off.
    fn commands_in(document: &str) -> impl Iterator<Item = &str> {
        document.lines().filter_map(|line| {
            let line = line.trim().trim_start_matches("$ ").trim_start_matches("sudo ");
            let line = line.split(['#', '|', '>']).next().unwrap_or(line);
            line.starts_with("dhc6c ").then(|| line.split("   ").next().unwrap_or(line))
        })
    }

    #[test]
    fn the_commands_of_the_documents_are_understood() {
        let manual = include_str!("../../man/dhc6c.8").replace('\\', "");
        let examples = manual.split(".SH EXAMPLES").nth(1).unwrap().to_owned();
        let readme = include_str!("../../README.md");
        let mut count = 0;
        for line in commands_in(&examples).chain(commands_in(readme)) {
            let words = line.strip_prefix("dhc6c ").unwrap();
            assert!(!matches!(read(words), Err(Stop::Error(_))), "{line}");
            count += 1;
        }
        assert!(count > 8, "only {count} examples found");
    }

    #[test]
    fn the_manual_names_every_option_and_no_other() {
        use clap::CommandFactory as _;
        let manual = include_str!("../../man/dhc6c.8").replace('\\', "");
        let command = Words::command();
        let subcommands = command.get_subcommands().flat_map(clap::Command::get_arguments);
        let known: std::collections::BTreeSet<_> =
            command.get_arguments().chain(subcommands).filter_map(clap::Arg::get_long).collect();
        for option in &known {
            assert!(manual.contains(&format!("--{option}")), "--{option} is not in the manual");
        }
        for (at, _) in manual.match_indices("--") {
            let word = manual[at + 2..].split(|c: char| c != '-' && !c.is_ascii_alphanumeric());
            let word = word.into_iter().next().unwrap();
            let ours = known.contains(word) || matches!(word, "help" | "version" | "");
            assert!(ours, "--{word} is in the manual and nowhere else");
        }
    }
}
