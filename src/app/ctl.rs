//! The commands that talk to a running client over its control socket.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use dhc6c_core::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::os::control::{self, Command, Request};
use crate::os::error::{Error, Kind};

use super::cli::Global;
use super::{Failure, status};

/// The version of the JSON that we speak.
const SCHEMA: u32 = 1;

/// What `status --json` prints, and what each interface answers with. The
/// interfaces are passed on as they are: whoever asks need not understand them.
#[derive(Deserialize, Serialize)]
struct Status<Interface> {
    schema: u32,
    version: String,
    interfaces: Vec<Interface>,
}

impl<Interface> Status<Interface> {
    fn of(interfaces: Vec<Interface>) -> Self {
        Self { schema: SCHEMA, version: env!("CARGO_PKG_VERSION").to_owned(), interfaces }
    }
}

/// The answer to a request for the status.
pub(crate) fn status_line(snapshot: &Snapshot) -> String {
    json(&Status::of(vec![snapshot]))
}

/// The answer to a request for the status as a page.
pub(crate) fn page_line(snapshot: &Snapshot) -> String {
    serde_json::json!({ "page": status::text(snapshot) }).to_string()
}

/// The answer when something was done, or will be.
pub(crate) fn done_line() -> String {
    serde_json::json!({ "ok": true }).to_string()
}

/// The answer when something cannot be done.
pub(crate) fn failed_line(failure: &Failure) -> String {
    serde_json::json!({ "error": failure.to_string(), "failure": failure }).to_string()
}

/// `dhc6c status [IFACE] [--json]`
pub(crate) fn status(
    global: &Global,
    interface: Option<&str>,
    as_json: bool,
) -> Result<(), Failure> {
    let command = if as_json { Command::Status } else { Command::Page };
    let mut interfaces = Vec::new();
    let mut pages = Vec::new();
    for name in running(&global.run_dir, interface)? {
        let failed = |error| Failure::on(&name, error);
        let line = ask(&global.run_dir, &name, command)
            .and_then(|mut lines| lines.next().unwrap_or_else(|| Err(hung_up())))
            .map_err(failed)?;
        if let Some(refused) = refusal(&line) {
            return Err(refused.about(&name));
        }
        let garbled = |error| failed(Error::new("cannot read the status", error));
        if as_json {
            let answer: Status<Box<RawValue>> = serde_json::from_str(&line).map_err(garbled)?;
            interfaces.extend(answer.interfaces);
        } else {
            let answer: Value = serde_json::from_str(&line).map_err(garbled)?;
            pages.extend(answer["page"].as_str().map(str::to_owned));
        }
    }
    let text = if as_json { json(&Status::of(interfaces)) } else { pages.join("\n") };
    print(text.trim_end()).map_err(Into::into)
}

/// `dhc6c watch [IFACE] [--json]`
pub(crate) fn watch(
    global: &Global,
    interface: Option<&str>,
    as_json: bool,
) -> Result<(), Failure> {
    let names = running(&global.run_dir, interface)?;
    let [name] = &names[..] else {
        let which = Error::new("watch", format!("several interfaces run: {}", names.join(" ")));
        return Err(which.kind(Kind::Usage).hint("name one: `dhc6c watch IFACE`").into());
    };
    for line in ask(&global.run_dir, name, Command::Watch)? {
        let line = line.map_err(|error| Failure::on(name, error))?;
        let line = if as_json { line } else { plain(&line) };
        print(&line)?;
    }
    Ok(())
}

/// `dhc6c renew|rebind|release|restart|stop [IFACE]...` and `dhc6c reload`
pub(crate) fn order(
    global: &Global,
    command: Command,
    interfaces: &[String],
) -> Result<(), Failure> {
    let names = match interfaces {
        [] => running(&global.run_dir, None)?,
        names => names.to_vec(),
    };
    // All are told before any is waited for.
    let asked: Vec<_> =
        names.iter().map(|name| (name, ask(&global.run_dir, name, command))).collect();
    let mut outcome = Ok(());
    for (name, lines) in asked {
        outcome = outcome.and(carried_out(name, lines));
    }
    outcome
}

/// The answer to a stop comes when all has ended; a connection that ends
/// without one says the same.
fn carried_out(
    name: &str,
    lines: Result<impl Iterator<Item = Result<String, Error>>, Error>,
) -> Result<(), Failure> {
    for line in lines.map_err(|error| Failure::on(name, error))? {
        let line = line.map_err(|error| Failure::on(name, error))?;
        refusal(&line).map_or(Ok(()), |refused| Err(refused.about(name)))?;
    }
    Ok(())
}

/// `dhc6c wait [IFACE]... [--timeout S]`
pub(crate) fn wait(global: &Global, interfaces: &[String], timeout: u32) -> Result<(), Failure> {
    let end = std::time::Instant::now() + Duration::from_secs(timeout.into());
    let late = || Error::new("not ready", format!("{timeout} s have passed")).kind(Kind::TimedOut);
    let names_now = || match interfaces {
        [] => running(&global.run_dir, None).map_err(Failure::from),
        named => Ok(named.to_vec()),
    };
    let wait_for_all = || -> Result<bool, Failure> {
        let names = names_now()?;
        for name in &names {
            let left = end.saturating_duration_since(std::time::Instant::now());
            wait_for(&global.run_dir, name, left.max(SHORTEST_WAIT))?;
        }
        // Of a daemon that has just come, the first interface may be there before the others are.
        Ok(names_now()? == names)
    };
    loop {
        match wait_for_all() {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(failure) => match &failure.errors[..] {
                // The client may still come, or come back.
                [Error { kind: Kind::NoDaemon, .. }] => {}
                [error] if *error == hung_up() => {}
                [Error { kind: Kind::TimedOut, .. }] => return Err(late().into()),
                _ => return Err(failure),
            },
        }
        if std::time::Instant::now() >= end {
            return Err(late().into());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// How often a client that does not run is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// A socket cannot wait for no time at all.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

fn wait_for(run_directory: &Path, name: &str, limit: Duration) -> Result<(), Failure> {
    let mut lines = ask_within(run_directory, name, Command::Wait, Some(limit))?;
    let line = lines.next().unwrap_or_else(|| Err(hung_up()))?;
    refusal(&line).map_or(Ok(()), Err)
}

/// What a running client cannot do, or does not understand.
fn refusal(line: &str) -> Option<Failure> {
    let reply: Value = serde_json::from_str(line).unwrap_or_default();
    let why = reply.get("error")?.as_str()?;
    let failure = reply.get("failure").and_then(|failure| Failure::deserialize(failure).ok());
    Some(failure.unwrap_or_else(|| Error::new("the running client refuses", why).into()))
}

/// One line of `watch` for people.
fn plain(line: &str) -> String {
    let object: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let field =
        |name: &str| object.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    format!("{}  {}  {:<9} {}", field("time"), field("interface"), field("event"), field("text"))
}

/// The interfaces with a control socket, or the one that was named.
fn running(run_directory: &Path, interface: Option<&str>) -> Result<Vec<String>, Error> {
    if let Some(name) = interface {
        return Ok(vec![name.to_owned()]);
    }
    let entries = std::fs::read_dir(run_directory).into_iter().flatten().flatten();
    let name = |entry: std::fs::DirEntry| {
        entry.file_name().to_str()?.strip_suffix(".sock").map(str::to_owned)
    };
    let mut names: Vec<_> = entries.filter_map(name).collect();
    // A process that was killed leaves its socket behind.
    names.retain(|name| match UnixStream::connect(control::path(run_directory, name)) {
        Ok(_) => true,
        // It is there; whoever asks it is told why that cannot be.
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    });
    names.sort_unstable();
    if names.is_empty() { Err(not_running()) } else { Ok(names) }
}

/// Sends a request; gives the lines that come back.
fn ask(
    run_directory: &Path,
    interface: &str,
    command: Command,
) -> Result<impl Iterator<Item = Result<String, Error>>, Error> {
    ask_within(run_directory, interface, command, patience(command))
}

/// The same, waiting no longer than `limit` for each line.
fn ask_within(
    run_directory: &Path,
    interface: &str,
    command: Command,
    limit: Option<Duration>,
) -> Result<impl Iterator<Item = Result<String, Error>> + use<>, Error> {
    let path = control::path(run_directory, interface);
    let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => not_running(),
        ErrorKind::PermissionDenied => {
            Error::new("cannot reach the running client", "permission denied")
                .kind(Kind::Permission)
                .hint("run as root or as a member of the group dhc6c")
        }
        _ => Error::new(format!("cannot connect to {}", path.display()), error),
    })?;
    stream
        .set_read_timeout(limit)
        .map_err(|error| Error::new("cannot limit the wait for an answer", error))?;
    writeln!(stream, "{}", json(&Request { command })).map_err(|_| hung_up())?;
    let lines = BufReader::new(stream).lines();
    Ok(lines.map_while(|line| match line {
        Ok(line) => Some(Ok(line)),
        Err(error) => is_time_out(&error).then(|| Err(no_answer())),
    }))
}

/// How long a client that is well may take for an answer.
fn patience(command: Command) -> Option<Duration> {
    match command {
        // Answered when the interface has stopped.
        Command::Stop => Some(Duration::from_secs(10)),
        Command::Watch | Command::Wait => None,
        _ => Some(Duration::from_secs(5)),
    }
}

/// A read that took too long comes back as one that would block.
fn is_time_out(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn not_running() -> Error {
    Error::new("no client is running", "nothing listens at its control socket")
        .kind(Kind::NoDaemon)
        .hint("start one: `dhc6c IFACE`")
}

fn hung_up() -> Error {
    Error::new("the running client", "closed the connection")
}

fn no_answer() -> Error {
    Error::new("the running client", "does not answer").kind(Kind::TimedOut)
}

/// Our own types always have a JSON form.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Prints a line; a reader that went away is no failure.
pub(super) fn print(line: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Error::new("cannot print", error)),
        Ok(()) => Ok(()),
    }
}
