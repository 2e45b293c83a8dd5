//! One process an interface: `RUN/<iface>.lock`, held as long as it runs.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::error::Error;

/// The lock of one interface; dropping it removes its file and lets the next
/// process in.
pub(crate) struct Lock {
    path: PathBuf,
    held: Flock<File>,
}

impl Lock {
    /// Takes the lock.
    pub(crate) fn take(run_directory: &Path, interface: &str) -> Result<Self, Error> {
        let path = run_directory.join(format!("{interface}.lock"));
        let what = format!("cannot lock {}", path.display());
        // The holder removes the file when it ends, so the one we opened may
        // be gone by the time we hold it: look again.
        for _ in 0..16 {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC)
                .open(&path)
                .map_err(|error| Error::new(&what, error))?;
            let held = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(held) => held,
                Err((file, _)) => return Err(taken(interface, file)),
            };
            if is_at(&held, &path) {
                let mut lock = Self { path, held };
                lock.sign().map_err(|error| Error::new(&what, error))?;
                return Ok(lock);
            }
        }
        Err(Error::new(what, "it keeps changing hands"))
    }

    /// Gives the lock up and removes its file.
    pub(crate) fn release(self) {
        drop(self);
    }

    /// Says in the file who holds it.
    fn sign(&mut self) -> std::io::Result<()> {
        self.held.set_len(0)?;
        writeln!(self.held, "{}", std::process::id())
    }
}

impl Drop for Lock {
    /// Removes the file while the lock is still held, so that it is never
    /// the next holder's: the lock itself goes with the field, afterwards.
    fn drop(&mut self) {
        if is_at(&self.held, &self.path) {
            // Gone already is as good.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// True when the file we hold is the one at the path.
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
        _ => false,
    }
}

fn taken(interface: &str, file: File) -> Error {
    let mut pid = String::new();
    let _ = file.take(16).read_to_string(&mut pid);
    let holder = match pid.trim().parse::<u32>() {
        Ok(pid) => format!("another dhc6c (pid {pid}) runs on this interface"),
        Err(_) => "another dhc6c runs on this interface".to_owned(),
    };
    Error::new("cannot start", holder)
        .hint(format!("`dhc6c status {interface}` shows it, `dhc6c stop {interface}` stops it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::file::TestDirectory;

    #[test]
    fn a_second_holder_is_refused_and_told_who_holds_it() {
        let directory = TestDirectory::new();
        let directory = directory.path();
        let first = Lock::take(directory, "eth0").unwrap();
        let Err(error) = Lock::take(directory, "eth0") else {
            panic!("two processes on one interface");
        };
        assert!(error.why.contains(&format!("(pid {})", std::process::id())), "{error}");
        assert!(Lock::take(directory, "eth1").is_ok());
        first.release();
        assert!(!directory.join("eth0.lock").exists());
        assert!(Lock::take(directory, "eth0").is_ok());
    }

    #[test]
    fn a_lock_that_is_dropped_leaves_no_file_but_never_takes_another_s() {
        let directory = TestDirectory::new();
        let path = directory.path().join("eth0.lock");
        let lock = Lock::take(directory.path(), "eth0").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
        drop(lock);
        assert!(!path.exists());
        let robbed = Lock::take(directory.path(), "eth0").unwrap();
        std::fs::remove_file(&path).unwrap();
        let next = Lock::take(directory.path(), "eth0").unwrap();
        drop(robbed);
        assert!(path.exists());
        drop(next);
        assert!(!path.exists());
    }
}
