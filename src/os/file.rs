//! Files that are replaced whole or read within bounds.
//!
//! A reader sees the old content or the new one, never half of either, and a
//! symbolic link that somebody laid in the way is never followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};

/// Whether a file has to survive the machine's sudden end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Durability {
    /// It serves this boot only; a process that is killed loses nothing.
    Boot,
    /// It is on the disk when the call returns, and so is its name.
    Disk,
}

/// Replaces the file at `path`, with the permissions `mode`.
pub(crate) fn replace(
    path: &Path,
    octets: &[u8],
    mode: u32,
    durability: Durability,
) -> io::Result<()> {
    let temporary = beside(path);
    let written = write(&temporary, octets, mode, durability)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| match durability {
            Durability::Boot => Ok(()),
            Durability::Disk => File::open(directory(path))?.sync_all(),
        });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Makes the file at `path`, on the disk when the call returns; false where
/// there is one already, whoever made it. Processes that are at it at the same
/// time do it one after the other.
pub(crate) fn create(path: &Path, octets: &[u8], mode: u32) -> io::Result<bool> {
    let turn = Flock::lock(File::open(directory(path))?, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)?;
    if path.symlink_metadata().is_ok() {
        return Ok(false);
    }
    replace(path, octets, mode, Durability::Disk)?;
    drop(turn);
    Ok(true)
}

/// The content of a regular file of at most `limit` octets; `None` when there
/// is no file.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    // Without O_NONBLOCK a named pipe would hold us here for ever.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut octets = Vec::new();
    let length = file.take(limit.saturating_add(1)).read_to_end(&mut octets)?;
    if u64::try_from(length).is_ok_and(|length| length <= limit) {
        Ok(Some(octets))
    } else {
        Err(io::Error::other("the file is too long"))
    }
}

/// Removes the file at `path`; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write(path: &Path, octets: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    // One that a killed process left behind; a new file is made in any case.
    remove(path)?;
    let flags = OFlag::O_NOFOLLOW.bits();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .custom_flags(flags)
        .open(path)?;
    // The umask may have taken bits away.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(octets)?;
    match durability {
        Durability::Boot => Ok(()),
        Durability::Disk => file.sync_all(),
    }
}

/// The temporary name, in the same directory so that renaming is atomic.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A directory of a test's own, gone when the test ends.
#[cfg(test)]
pub(crate) struct TestDirectory(PathBuf);

#[cfg(test)]
impl TestDirectory {
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dhc6c-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn put(path: &Path, octets: &[u8]) -> io::Result<()> {
        replace(path, octets, 0o600, Durability::Disk)
    }

    #[test]
    fn what_is_written_is_read_and_nothing_is_left_beside_it() {
        let directory = TestDirectory::new();
        let path = directory.path().join("x");
        assert_eq!(read(&path, 9).unwrap(), None);
        put(&path, b"first").unwrap();
        put(&path, b"second").unwrap();
        assert_eq!(read(&path, 9).unwrap().unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
    }

    #[test]
    fn symbolic_links_are_not_followed() {
        let directory = TestDirectory::new();
        let victim = directory.path().join("victim");
        let path = directory.path().join("x");
        fs::write(&victim, b"precious").unwrap();
        symlink(&victim, &path).unwrap();
        symlink(&victim, beside(&path)).unwrap();
        assert!(read(&path, 100).is_err());
        put(&path, b"new").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert_eq!(read(&path, 100).unwrap().unwrap(), b"new");
    }

    #[test]
    fn pipes_directories_and_files_that_are_too_long_are_refused() {
        let directory = TestDirectory::new();
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read(&pipe, 100).is_err());
        assert!(read(directory.path(), 100).is_err());
        let path = directory.path().join("x");
        put(&path, &[0; 11]).unwrap();
        assert!(read(&path, 10).is_err());
        assert!(read(&path, 11).is_ok());
    }

    #[test]
    fn a_failure_leaves_the_old_content_and_no_temporary_file() {
        let directory = TestDirectory::new();
        let path = directory.path().join("x");
        fs::create_dir(&path).unwrap();
        assert!(put(&path, b"new").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(put(&directory.path().join("absent/x"), b"new").is_err());
    }
}
