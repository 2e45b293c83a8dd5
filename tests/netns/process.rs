//! A child process whose output is collected, and which never outlives its test.

use std::cell::RefCell;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::poll;

/// A running (or ended) child process with all it has written so far.
pub(crate) struct Process {
    name: String,
    pid: u32,
    child: RefCell<Child>,
    stdout: Collected,
    stderr: Collected,
}

impl Process {
    /// Starts `command`; `name` is what failure messages call it.
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let stdout = Collected::from(child.stdout.take().expect("stdout is piped"));
        let stderr = Collected::from(child.stderr.take().expect("stderr is piped"));
        Self { name: name.to_owned(), pid: child.id(), child: RefCell::new(child), stdout, stderr }
    }

    /// The process id. nsenter and setpriv exec in place, so this is the program itself.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has written on standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.child.borrow_mut().try_wait().expect("waitpid on our own child")
    }

    /// Panics if it has ended: called by everything that waits for it or looks for an absence.
    pub(crate) fn assert_alive(&self) {
        if let Some(status) = self.ended() {
            panic!("{} has ended ({status}); it wrote:\n{}", self.name, self.stderr());
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid).expect("a pid fits an i32"));
        signal::kill(pid, signal)
            .unwrap_or_else(|error| panic!("{signal} to {}: {error}", self.name));
    }

    /// Waits for its end and for the last of its output.
    pub(crate) fn wait_exit(&self, limit: Duration) -> ExitStatus {
        let status = poll::until(&format!("{} ends", self.name), limit, || self.ended());
        poll::wait_for("its output ends", poll::SOON, || {
            self.stdout.complete() && self.stderr.complete()
        });
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        // Both fail only where the process is already gone and reaped.
        child.kill().ok();
        child.wait().ok();
    }
}

/// One output stream, read by a thread of its own so that the pipe never fills.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Collected {
    fn from(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                sink.lock().expect("no reader panics").extend_from_slice(&buffer[..length]);
            }
        });
        Self { bytes, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no reader panics")).into_owned()
    }

    fn complete(&self) -> bool {
        self.reader.is_finished()
    }
}

/// Runs a command that must succeed and returns its standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command to its end, whatever that is.
pub(crate) fn output(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}
