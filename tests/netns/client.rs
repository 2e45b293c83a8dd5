//! The client under test: how it is started, asked, waited for and stopped.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::poll;
use crate::process::{Process, output};
use crate::world::{Space, World};

const BINARY: &str = env!("CARGO_BIN_EXE_dhc6c");

/// What `stop`, TERM and INT have to be done in.
pub(crate) const STOP: Duration = Duration::from_secs(3);

/// How a client is to be started.
pub(crate) struct Launch {
    space: Space,
    dir: PathBuf,
    binary: PathBuf,
    wrap: Vec<String>,
    arguments: Vec<String>,
    interface: String,
    /// A configuration file that names the interface in place of the command line.
    file: Option<PathBuf>,
}

impl Launch {
    /// `dhc6c … wan0` with state and runtime directories of its own, no initial delay and no
    /// resolver. Its PATH is one directory that holds what the test puts there.
    pub(crate) fn new(world: &World) -> Self {
        let launch = Self {
            space: world.cpe(),
            dir: world.dir().join("client"),
            binary: BINARY.into(),
            wrap: Vec::new(),
            arguments: ["--initial-delay", "never", "--no-dns"].map(Into::into).into(),
            interface: "wan0".to_owned(),
            file: None,
        };
        for name in ["state", "run", "bin"] {
            fs::create_dir_all(launch.dir.join(name)).expect("the client's directories");
        }
        launch
    }

    /// Adds options.
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Names another interface than wan0.
    pub(crate) fn on(mut self, interface: &str) -> Self {
        interface.clone_into(&mut self.interface);
        self
    }

    /// Names the interface in a configuration file, and not on the command line.
    pub(crate) fn with_file(mut self, text: &str) -> Self {
        let path = self.file();
        fs::write(&path, text).expect("the configuration file");
        self.file = Some(path);
        self
    }

    /// Where its configuration file is, if it has any.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join("dhc6c.toml")
    }

    /// Lets it use a resolver back end, of which there is one: a `resolvconf` that only writes
    /// down its arguments and its input.
    pub(crate) fn with_resolvconf(mut self) -> Self {
        self.arguments.retain(|argument| argument != "--no-dns");
        let program = self.dir.join("bin/resolvconf");
        let log = self.resolvconf_log();
        let script = format!(
            "#!/bin/sh\n{{ echo \"$@\"; case $1 in -a) /bin/cat;; esac; }} >> {}\n",
            log.display()
        );
        fs::write(&program, script).expect("the stand-in for resolvconf");
        executable(&program);
        self
    }

    /// Where the stand-in for resolvconf writes.
    pub(crate) fn resolvconf_log(&self) -> PathBuf {
        self.dir.join("resolvconf.log")
    }

    /// Runs it as nobody, in a place where nobody may do everything but use capabilities.
    pub(crate) fn unprivileged(mut self) -> Self {
        let copy = self.dir.join("dhc6c");
        fs::copy(BINARY, &copy).expect("a copy of the binary");
        executable(&copy);
        for name in ["state", "run"] {
            fs::set_permissions(self.dir.join(name), fs::Permissions::from_mode(0o777))
                .expect("chmod");
        }
        self.binary = copy;
        self.wrap = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
            .map(Into::into)
            .into();
        self
    }

    /// Lets it open fewer descriptors than it might wish for.
    pub(crate) fn with_descriptors(mut self, most: usize) -> Self {
        self.wrap = vec!["prlimit".to_owned(), format!("--nofile={most}"), "--".to_owned()];
        self
    }

    /// Runs it as nobody with the capabilities that it needs and no other.
    pub(crate) fn with_capabilities(self) -> Self {
        const NEEDED: &str = "+net_admin,+net_raw,+net_bind_service";
        let mut launch = self.unprivileged();
        let end = launch.wrap.iter().position(|word| word == "--").expect("the end of options");
        for option in ["--inh-caps", "--ambient-caps"] {
            launch.wrap.splice(end..end, [option.to_owned(), NEEDED.to_owned()]);
        }
        launch
    }

    /// Starts it.
    pub(crate) fn start(self) -> Client {
        let mut command = self.command();
        command.args(self.global()).arg("--state-dir").arg(self.state());
        command.args(&self.arguments);
        match &self.file {
            Some(file) => command.arg("--config").arg(file),
            None => command.arg(&self.interface),
        };
        let process = Process::spawn("dhc6c", &mut command);
        Client { process, launch: self }
    }

    /// Runs any command of the binary to its end, with nothing but its own arguments and the
    /// runtime directory.
    pub(crate) fn control(&self, arguments: &[&str]) -> Output {
        output(self.command().args(arguments).args(self.global()))
    }

    /// The same, left running.
    pub(crate) fn spawn_control(&self, arguments: &[&str]) -> Process {
        let name = format!("dhc6c {}", arguments.join(" "));
        Process::spawn(&name, self.command().args(arguments).args(self.global()))
    }

    /// A file of the runtime directory.
    pub(crate) fn run_file(&self, name: &str) -> PathBuf {
        self.dir.join("run").join(name)
    }

    /// The state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// A file of the state directory.
    pub(crate) fn state_file(&self, name: &str) -> PathBuf {
        self.state().join(name)
    }

    /// `env` stands last before the client, so that what runs the client is still found
    /// through our own PATH.
    fn command(&self) -> Command {
        let path = format!("PATH={}", self.dir.join("bin").display());
        let mut words = self.wrap.iter().map(String::as_str).chain(["env", &path]);
        let mut command = self.space.command(words.next().expect("env at least"));
        command.args(words).arg(&self.binary);
        command
    }

    fn global(&self) -> [std::ffi::OsString; 2] {
        ["--run-dir".into(), self.dir.join("run").into()]
    }
}

/// A started client.
pub(crate) struct Client {
    process: Process,
    launch: Launch,
}

impl Client {
    /// Starts a plain `dhc6c … wan0` with these options.
    pub(crate) fn start(world: &World, arguments: &[&str]) -> Self {
        Launch::new(world).with(arguments).start()
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// All it has written on standard output.
    pub(crate) fn stdout(&self) -> String {
        self.process.stdout()
    }

    /// All it has written on standard error.
    pub(crate) fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// How it was started: its files, and other commands beside it.
    pub(crate) fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Panics if it has ended.
    pub(crate) fn assert_alive(&self) {
        self.process.assert_alive();
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// What it holds of the machine.
    pub(crate) fn resources(&self) -> Resources {
        Resources::of(self.pid())
    }

    /// Has it renew now and waits for the answer: proof that it still works.
    pub(crate) fn assert_renews(&self) {
        let renewals = |status: &Status| status.0["counters"]["received"]["reply"].as_u64();
        let before = renewals(&self.status());
        let asked = self.launch.control(&["renew", "wan0"]);
        assert_eq!(code(asked.status), 0, "{}", String::from_utf8_lossy(&asked.stderr));
        self.wait_status("an answer to a Renew", poll::SOON, |status| {
            status.0["state"] == "bound" && renewals(status) > before
        });
    }

    /// Its exit code, within `limit`.
    pub(crate) fn exit_code(&self, limit: Duration) -> i32 {
        code(self.process.wait_exit(limit))
    }

    /// Waits until a SIGKILL has taken effect.
    pub(crate) fn wait_killed(&self) {
        self.process.wait_exit(poll::SOON);
    }

    /// Ends it by TERM, as a service manager does, and checks that it ended well and in time.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::SIGTERM);
        assert_eq!(self.exit_code(STOP), 0, "{}", self.stderr());
    }

    /// The interface's object of `status --json`, once its daemon answers.
    pub(crate) fn try_status(&self) -> Option<Status> {
        self.assert_alive();
        let output = self.launch.control(&["status", "wan0", "--json"]);
        output.status.success().then(|| Status::of(&output.stdout))
    }

    /// [`Client::try_status`] of a daemon that has to answer.
    pub(crate) fn status(&self) -> Status {
        poll::until("status answers", poll::SOON, || self.try_status())
    }

    /// Waits until the status fits.
    pub(crate) fn wait_status(
        &self,
        what: &str,
        limit: Duration,
        fits: impl Fn(&Status) -> bool,
    ) -> Status {
        poll::until(&format!("a status with {what}"), limit, || self.try_status().filter(&fits))
    }

    /// Waits until it is ready.
    pub(crate) fn wait_ready(&self) -> Status {
        self.wait_status("ready: true", poll::BIND, |status| status.0["ready"] == true)
    }

    /// Waits until a line of standard error fits, and returns it.
    pub(crate) fn wait_line(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        poll::until(&format!("a line with {what}"), poll::SOON, || {
            let found = self.stderr().lines().find(|line| fits(line)).map(ToOwned::to_owned);
            if found.is_none() {
                self.assert_alive();
            }
            found
        })
    }

    /// `dhc6c watch wan0 --json`, running.
    pub(crate) fn watch(&self) -> Process {
        self.launch.spawn_control(&["watch", "wan0", "--json"])
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let told = self.stderr();
        if std::thread::panicking() {
            eprintln!("--- dhc6c, its standard error:\n{told}");
            return;
        }
        // The client logs as an error only what cannot happen, and no test brings that about.
        let error = told.lines().find(|line| is_error(line));
        assert!(error.is_none(), "an error in the log of dhc6c:\n{told}");
    }
}

/// What a process holds of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resources {
    /// Open file descriptors.
    pub(crate) descriptors: usize,
    /// Resident memory in kB.
    pub(crate) resident: u64,
    /// Processor time used so far, in hundredths of a second.
    pub(crate) ticks: u64,
}

impl Resources {
    fn of(pid: u32) -> Self {
        let read = |file: &str| {
            fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the process is alive")
        };
        let status = read("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        let resident = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok());
        // The name in parentheses may hold blanks; utime and stime are the 14th and 15th.
        let stat = read("stat");
        let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
        let fields = fields.split_whitespace().skip(11).take(2);
        Self {
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count(),
            resident: resident.expect("a number"),
            ticks: fields.map(|ticks| ticks.parse::<u64>().expect("a number")).sum(),
        }
    }

    /// Panics if there is more of anything now but processor time; a few pages come and go, and
    /// so do the connections of those who asked for the status.
    pub(crate) fn assert_kept(self, client: &Client) {
        poll::wait_for("no more descriptors than before", poll::SOON, || {
            client.resources().descriptors <= self.descriptors
        });
        let now = client.resources();
        assert!(now.resident < self.resident + 256, "memory: {self:?}, then {now:?}");
    }
}

/// One interface's object of `status --json`.
#[derive(Clone, Debug)]
pub(crate) struct Status(pub(crate) Value);

impl Status {
    fn of(printed: &[u8]) -> Self {
        let status: Value = serde_json::from_slice(printed).unwrap_or_else(|error| {
            panic!("status --json is no JSON: {error}: {}", String::from_utf8_lossy(printed))
        });
        Self(status["interfaces"][0].clone())
    }

    /// The value at a JSON pointer, which has to exist.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("status has no {pointer}: {:#}", self.0))
    }

    /// The value at a JSON pointer as text.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("{pointer} is no text: {:#}", self.0))
    }

    /// The list at a JSON pointer.
    pub(crate) fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().unwrap_or_else(|| panic!("{pointer} is no list: {:#}", self.0))
    }
}

/// An error in the log, or the end of a thread.
fn is_error(line: &str) -> bool {
    line.starts_with("error: ") || line.starts_with("thread '") && line.contains("panicked at")
}

/// The exit code of a program that was not killed.
pub(crate) fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| panic!("ended by a signal: {status}"))
}

pub(crate) fn executable(file: &Path) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("chmod");
}
