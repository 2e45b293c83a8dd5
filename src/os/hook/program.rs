//! One program: whether it may be run, and the running of it.

use std::io::{ErrorKind, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use dhc6c_core::time::Duration;
use dhc6c_core::wire::ServerText;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tracing::{info, warn};

use super::environment::{harmless, variables};
use crate::os::child::{search_path, within};

/// How long a program that was told to end has before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long the output of a program that has ended is still read, where
/// something that it has started keeps it open.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// As much of what a program says is logged; the rest is read and dropped.
const MOST_SAID: usize = 8 * 1024;
/// Likewise, in lines.
const MOST_LINES: usize = 64;

/// The programs of a directory, in byte order, and those that are not run,
/// each with the reason. A directory that is not there has none; one that
/// cannot be read is refused as a whole.
pub(crate) fn scan(directory: &Path) -> (Vec<PathBuf>, Vec<(PathBuf, &'static str)>) {
    let mut refused = Vec::new();
    let entries = std::fs::read_dir(directory);
    if entries.as_ref().is_err_and(|error| error.kind() != ErrorKind::NotFound) {
        refused.push((directory.to_owned(), "the directory cannot be read"));
    }
    let mut paths: Vec<_> =
        entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths.retain(|path| match refusal(path) {
        None => true,
        Some(why) => {
            refused.push((path.clone(), why));
            false
        }
    });
    (paths, refused)
}

/// Why a program of the directory is not run. What others could write would
/// run with our rights.
fn refusal(path: &Path) -> Option<&'static str> {
    let name = path.file_name().map_or(&b""[..], |name| name.as_bytes());
    if !name.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-')) {
        return Some("its name has other characters than letters, digits, - and _");
    }
    let Ok(metadata) = std::fs::metadata(path) else {
        return Some("it cannot be read");
    };
    // Ours is root, but for tests.
    let owners = [0, nix::unistd::geteuid().as_raw()];
    if !metadata.is_file() {
        Some("it is no regular file")
    } else if !owners.contains(&metadata.uid()) {
        Some("it does not belong to root")
    } else if metadata.mode() & 0o022 != 0 {
        Some("others may write it")
    } else if metadata.mode() & 0o111 == 0 {
        Some("it is not executable")
    } else {
        None
    }
}

/// A program that runs, in a process group of its own. Dropping it kills the
/// group.
pub(super) struct Running {
    child: Child,
    group: Option<Pid>,
}

/// The longest variable that the kernel hands to a program, its name, the
/// equals sign and the final zero included (MAX_ARG_STRLEN of execve(2)).
const LONGEST_VARIABLE: usize = 128 * 1024;

/// Starts a program with the status in its environment and as its input, and
/// nothing else of ours. A variable that is too long for the kernel is left
/// out rather than the program not run: the input has it.
pub(super) fn start(
    path: &Path,
    interface: &str,
    event: &str,
    status: &serde_json::Value,
    besides: &[(&'static str, String)],
) -> Result<Running, String> {
    let input = sealed(status.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let besides = besides.iter().map(|(name, value)| (*name, harmless(value)));
    let child = Command::new(path)
        .arg(interface)
        .arg(event)
        .env_clear()
        .env("PATH", search_path())
        .env("DHC6C_EVENT", event)
        .envs(variables(status).into_iter().filter(|(name, value)| fits(name, value)))
        .envs(besides)
        .current_dir("/")
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    Ok(Running { child, group })
}

/// True for a variable that the kernel hands over.
const fn fits(name: &str, value: &str) -> bool {
    name.len() + value.len() + 2 <= LONGEST_VARIABLE
}

/// A file in memory that nobody can change any more.
fn sealed(octets: &[u8]) -> std::io::Result<std::fs::File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = std::fs::File::from(memfd_create(c"dhc6c-status", flags)?);
    file.write_all(octets)?;
    file.rewind()?;
    let seals = SealFlag::F_SEAL_SEAL
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file)
}

impl Running {
    /// Waits for the end, and brings it about after `limit`: politely first.
    pub(super) async fn end(mut self, interface: &str, limit: Duration) -> Result<(), String> {
        if let Some(ended) = within(limit, self.wait(interface)).await {
            return ended;
        }
        self.signal(Signal::SIGTERM);
        if within(GRACE, self.child.wait()).await.is_none() {
            self.signal(Signal::SIGKILL);
            let _ = self.child.wait().await;
        }
        Err(format!("ended after {} s", limit.as_secs_f32()))
    }

    /// Waits for the program itself; children that it leaves behind with its
    /// output are not waited for.
    async fn wait(&mut self, interface: &str) -> Result<(), String> {
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let mut said = std::pin::pin!(async {
            tokio::join!(log(interface, out), log(interface, err));
        });
        let mut all_said = false;
        let status = loop {
            tokio::select! {
                status = self.child.wait() => break status,
                () = &mut said, if !all_said => all_said = true,
            }
        };
        if !all_said {
            let _ = within(LAST_WORDS, said).await;
        }
        // Whatever it has left running is its own matter now.
        self.group = None;
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // A group that is gone needs no signal.
            let _ = killpg(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// Logs what a program says, line by line, as far as there is room; the rest
/// is read all the same, so that it is not held up.
async fn log(interface: &str, output: Option<impl AsyncRead + Unpin>) {
    let Some(mut output) = output else { return };
    let mut buffer = [0; 1024];
    let (mut line, mut said, mut lines) = (Vec::new(), 0, 0);
    while let Ok(read @ 1..) = output.read(&mut buffer).await {
        for &octet in buffer.iter().take(read) {
            said += 1;
            if lines >= MOST_LINES || said > MOST_SAID {
                if lines != usize::MAX {
                    warn!("{interface}: a hook says too much, the rest is dropped");
                }
                (lines, said) = (usize::MAX, MOST_SAID);
            } else if octet == b'\n' {
                info!("{interface}: hook: {}", ServerText::new(&line).escaped());
                line.clear();
                lines += 1;
            } else {
                line.push(octet);
            }
        }
    }
    if !line.is_empty() && lines != usize::MAX {
        info!("{interface}: hook: {}", ServerText::new(&line).escaped());
    }
}
