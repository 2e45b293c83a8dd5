//! Name servers and search list: written to a file of ours, then handed to
//! whatever manages the system's resolver.
//!
//! Only [`apply`](super::apply) calls in here. The programs of others run
//! beside the protocol, one at a time and with a time limit; of several
//! changes that wait, only the latest is handed on.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use dhc6c_core::desired::Resolver as Wanted;
use dhc6c_core::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::child::{search_path, within};
use super::error::Error;
use super::file::{self, Durability};

/// How long a program may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);
/// How long an orderly stop waits for the last one.
const FINISH_LIMIT: Duration = Duration::from_secs(2);

/// Which program the resolver's data are handed to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Choice {
    /// The first that is found.
    Auto,
    /// `resolvectl`.
    Resolved,
    /// `resolvconf`.
    Resolvconf,
    /// None; our file is all.
    None,
}

/// What one uplink tells the resolver.
pub(crate) struct Resolver {
    path: PathBuf,
    interface: String,
    choice: Choice,
    worker: Option<Worker>,
}

struct Worker {
    latest: watch::Sender<Option<Wanted>>,
    task: JoinHandle<()>,
}

impl Resolver {
    /// For `RUN/<interface>.resolv.conf` and the program of this choice.
    pub(crate) fn new(run_directory: &Path, interface: &str, choice: Choice) -> Self {
        let path = run_directory.join(format!("{interface}.resolv.conf"));
        Self { path, interface: interface.to_owned(), choice, worker: None }
    }

    /// Chooses another program; what the old one was told is taken back.
    /// True when it is another one.
    pub(crate) fn choose(&mut self, choice: Choice) -> bool {
        let is_other = choice != self.choice;
        if is_other {
            self.take_back();
            self.choice = choice;
        }
        is_other
    }

    /// The interface has another name: what was told under the old one is
    /// taken back. The file stays where it is.
    pub(crate) fn rename(&mut self, interface: &str) {
        self.take_back();
        interface.clone_into(&mut self.interface);
    }

    /// True when a former process of ours told something.
    pub(crate) fn was_told(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// Tells the resolver; it takes effect some time later. The system's
    /// resolver is told even when our file cannot be written. Needs a runtime.
    pub(crate) fn set(&mut self, wanted: &Wanted) -> Result<(), Error> {
        self.hand_on(Some(wanted.clone()));
        let text = text(&self.interface, wanted);
        file::replace(&self.path, text.as_bytes(), 0o644, Durability::Boot)
            .map_err(|error| Error::new(format!("cannot write {}", self.path.display()), error))
    }

    /// Takes back what the resolver was told. Needs a runtime.
    pub(crate) fn clear(&mut self) -> Result<(), Error> {
        self.hand_on(None);
        file::remove(&self.path)
            .map_err(|error| Error::new(format!("cannot remove {}", self.path.display()), error))
    }

    /// Waits until the last change is handed on, for a bounded time.
    pub(crate) async fn finish(&mut self) {
        let Some(Worker { latest, mut task }) = self.worker.take() else {
            return;
        };
        // The worker ends once nothing can come any more.
        drop(latest);
        if within(FINISH_LIMIT, &mut task).await.is_none() {
            task.abort();
        }
    }

    /// Takes back what the program was told; the next one is told by another
    /// worker.
    fn take_back(&mut self) {
        if self.worker.is_some() {
            self.hand_on(None);
        }
        // It ends when that is done.
        self.worker = None;
    }

    fn hand_on(&mut self, wanted: Option<Wanted>) {
        if self.choice == Choice::None {
            return;
        }
        let worker = self.worker.get_or_insert_with(|| {
            let (latest, changes) = watch::channel(None);
            let task = tokio::spawn(work(self.interface.clone(), self.choice, changes));
            Worker { latest, task }
        });
        // Marks a change even where the value is the one it starts with.
        worker.latest.send_replace(wanted);
    }
}

/// The file, as the C library reads it.
fn text(interface: &str, wanted: &Wanted) -> String {
    let mut text = format!("# made by dhc6c for {interface}\n");
    for &server in &wanted.servers {
        // Writing to a string does not fail.
        let _ = writeln!(text, "nameserver {}", scoped(server, interface));
    }
    if !wanted.domains.is_empty() {
        let _ = writeln!(text, "search {}", domains(wanted).join(" "));
    }
    text
}

/// A link-local address means nothing without its link.
fn scoped(server: Ipv6Addr, interface: &str) -> String {
    if server.is_unicast_link_local() {
        format!("{server}%{interface}")
    } else {
        server.to_string()
    }
}

fn domains(wanted: &Wanted) -> Vec<String> {
    wanted.domains.iter().map(|name| name.as_str().to_owned()).collect()
}

/// Hands on the latest change until no more can come.
async fn work(interface: String, choice: Choice, mut changes: watch::Receiver<Option<Wanted>>) {
    // What was told to one program has to be taken back from the same.
    let mut used = None;
    while changes.changed().await.is_ok() {
        let wanted = changes.borrow_and_update().clone();
        let Some(back_end) = used.take().or_else(|| BackEnd::find(choice)) else {
            continue;
        };
        for call in back_end.calls(&interface, wanted.as_ref()) {
            if let Err(why) = run(&call).await {
                tracing::warn!("{interface}: {}: {why}", call.program.display());
            }
        }
        used = wanted.map(|_| back_end);
    }
}

/// A program that manages the system's resolver.
#[derive(Clone, Debug, Eq, PartialEq)]
enum BackEnd {
    Resolved(PathBuf),
    Resolvconf(PathBuf),
}

/// One call of a program.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Call {
    program: PathBuf,
    arguments: Vec<String>,
    input: String,
}

impl BackEnd {
    /// The first of the choice that is there and speaks for our network.
    fn find(choice: Choice) -> Option<Self> {
        let path = search_path();
        if matches!(choice, Choice::Auto | Choice::Resolved)
            && let Some(program) = executable("resolvectl", &path)
            && Path::new("/run/systemd/resolve").is_dir()
            && is_hosts_network()
        {
            return Some(Self::Resolved(program));
        }
        if !matches!(choice, Choice::Auto | Choice::Resolvconf) {
            return None;
        }
        let program = executable("resolvconf", &path)?;
        // Some systems have resolvectl under this name.
        let real = program.canonicalize().ok()?;
        (real.file_name()? != "resolvectl").then_some(Self::Resolvconf(program))
    }

    fn calls(&self, interface: &str, wanted: Option<&Wanted>) -> Vec<Call> {
        match (self, wanted) {
            (Self::Resolved(program), Some(wanted)) => {
                let servers = wanted.servers.iter().map(|&server| scoped(server, interface));
                let call = |what: &str, mut values: Vec<String>| {
                    if values.is_empty() {
                        // Empties the list; without it the list is printed.
                        values.push(String::new());
                    }
                    let first = [what.to_owned(), interface.to_owned()];
                    Call::new(program, first.into_iter().chain(values), String::new())
                };
                vec![call("dns", servers.collect()), call("domain", domains(wanted))]
            }
            (Self::Resolved(program), None) => {
                let arguments = ["revert", interface].map(str::to_owned);
                vec![Call::new(program, arguments, String::new())]
            }
            (Self::Resolvconf(program), _) => {
                let how = if wanted.is_some() { "-a" } else { "-d" };
                let arguments = [how.to_owned(), format!("{interface}.ip6.dhc6c")];
                let input = wanted.map(|wanted| text(interface, wanted)).unwrap_or_default();
                vec![Call::new(program, arguments, input)]
            }
        }
    }
}

impl Call {
    fn new(program: &Path, arguments: impl IntoIterator<Item = String>, input: String) -> Self {
        Self { program: program.to_owned(), arguments: arguments.into_iter().collect(), input }
    }
}

/// Runs a program with nothing of ours but the search path.
async fn run(call: &Call) -> Result<(), String> {
    let mut child = Command::new(&call.program)
        .args(&call.arguments)
        .env_clear()
        .env("PATH", search_path())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let input = child.stdin.take();
    let end = async {
        if let Some(mut input) = input {
            // A program that does not read its input says so with its status.
            let _ = input.write_all(call.input.as_bytes()).await;
        }
        child.wait().await
    };
    match within(COMMAND_LIMIT, end).await {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(status)) => Err(status.to_string()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err(format!("killed, it took more than {} s", COMMAND_LIMIT.as_secs())),
    }
}

fn executable(name: &str, path: &OsString) -> Option<PathBuf> {
    env::split_paths(path).filter(|directory| directory.is_absolute()).map(|d| d.join(name)).find(
        |file| {
            fs::metadata(file).is_ok_and(|is| is.is_file() && is.permissions().mode() & 0o111 != 0)
        },
    )
}

/// resolved serves the network of the first process. Told of an interface of
/// ours, it would set the host's interface with the same number.
fn is_hosts_network() -> bool {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net"));
    // Namespaces belong to threads.
    match (namespace("thread-self"), namespace("1")) {
        (Ok(ours), Ok(hosts)) => ours == hosts,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::file::TestDirectory;

    fn wanted(servers: &[&str], domains: &[&str]) -> Wanted {
        Wanted {
            servers: servers.iter().map(|server| server.parse().unwrap()).collect(),
            domains: domains.iter().map(|domain| domain.parse().unwrap()).collect(),
        }
    }

    fn run_async<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    /// A program that writes down its arguments, environment and input.
    fn script(directory: &Path, body: &str) -> PathBuf {
        let path = directory.join("program");
        file::replace(&path, format!("#!/bin/sh\n{body}\n").as_bytes(), 0o755, Durability::Boot)
            .unwrap();
        path
    }

    #[test]
    fn the_file_is_that_of_the_c_library() {
        let wanted = wanted(&["2001:db8::53", "fe80::1"], &["example.net", "example.org"]);
        assert_eq!(
            text("eth0", &wanted),
            "# made by dhc6c for eth0\nnameserver 2001:db8::53\nnameserver fe80::1%eth0\n\
             search example.net example.org\n"
        );
        assert_eq!(text("eth0", &Wanted::default()), "# made by dhc6c for eth0\n");
    }

    #[test]
    fn the_file_comes_and_goes() {
        let directory = TestDirectory::new();
        let mut resolver = Resolver::new(directory.path(), "eth0", Choice::None);
        assert!(!resolver.was_told());
        resolver.set(&wanted(&["2001:db8::53"], &[])).unwrap();
        assert!(resolver.was_told());
        let path = directory.path().join("eth0.resolv.conf");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        resolver.clear().unwrap();
        resolver.clear().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn resolved_is_told_lists_even_when_they_are_empty() {
        let back_end = BackEnd::Resolved("/r".into());
        let arguments = |wanted: Option<&Wanted>| -> Vec<String> {
            back_end.calls("eth0", wanted).iter().map(|call| call.arguments.join(" ")).collect()
        };
        let full = wanted(&["2001:db8::53", "fe80::1"], &["example.net"]);
        assert_eq!(
            arguments(Some(&full)),
            ["dns eth0 2001:db8::53 fe80::1%eth0", "domain eth0 example.net"]
        );
        let none = wanted(&["2001:db8::53"], &[]);
        assert_eq!(arguments(Some(&none)), ["dns eth0 2001:db8::53", "domain eth0 "]);
        assert_eq!(arguments(None), ["revert eth0"]);
    }

    #[test]
    fn resolvconf_gets_the_file_on_its_input() {
        let back_end = BackEnd::Resolvconf("/r".into());
        let full = wanted(&["2001:db8::53"], &[]);
        let [set] = &back_end.calls("eth0", Some(&full))[..] else { panic!() };
        assert_eq!(set.arguments, ["-a", "eth0.ip6.dhc6c"]);
        assert_eq!(set.input, text("eth0", &full));
        let [clear] = &back_end.calls("eth0", None)[..] else { panic!() };
        assert_eq!(clear.arguments, ["-d", "eth0.ip6.dhc6c"]);
    }

    #[test]
    fn programs_run_with_their_input_and_without_our_environment() {
        let directory = TestDirectory::new();
        let out = directory.path().join("out");
        let body = format!("{{ echo \"$1|$HOME|$USER\"; cat; }} > {}", out.display());
        let program = script(directory.path(), &body);
        let call = Call::new(&program, ["a b; c".to_owned()], "input\n".to_owned());
        run_async(run(&call)).unwrap();
        assert_eq!(fs::read_to_string(out).unwrap(), "a b; c||\ninput\n");
    }

    #[test]
    fn a_program_that_fails_or_is_absent_is_reported() {
        let directory = TestDirectory::new();
        let program = script(directory.path(), "exit 3");
        let failed = run_async(run(&Call::new(&program, [], "x".repeat(1 << 20))));
        assert_eq!(failed, Err("exit status: 3".to_owned()));
        assert!(run_async(run(&Call::new(Path::new("/nonexistent"), [], String::new()))).is_err());
    }

    #[test]
    fn what_takes_too_long_is_cut_off() {
        run_async(async {
            let short = Duration::from_millis(10);
            assert_eq!(within(short, std::future::pending::<()>()).await, None);
            assert_eq!(within(short, async { 7 }).await, Some(7));
        });
    }

    #[test]
    fn executables_are_found_by_name_and_permission() {
        let directory = TestDirectory::new();
        let program = script(directory.path(), "");
        let path = OsString::from(format!("relative:{}", directory.path().display()));
        assert_eq!(executable("program", &path), Some(program.clone()));
        file::replace(&program, b"", 0o644, Durability::Boot).unwrap();
        assert_eq!(executable("program", &path), None);
    }
}
