//! One thread that writes files to disk, so that the protocol never waits
//! for a slow flash. Of several contents for one file only the latest is
//! written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use super::error::Error;
use super::file::{self, Durability};

/// How long an orderly end waits for the disk.
const FINISH_LIMIT: Duration = Duration::from_secs(1);
/// It calls a few functions that keep nothing on the stack.
const STACK: usize = 64 * 1024;

/// The thread, and the way to it. Files have mode 0600.
pub(crate) struct Writer {
    contents: Sender<(PathBuf, Vec<u8>)>,
    ended: Receiver<()>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start() -> Result<Self, Error> {
        let (contents, receiver) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        thread::Builder::new()
            .name("writer".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                work(&receiver);
                // Nobody waits where this fails.
                let _ = end.send(());
            })
            .map_err(|error| Error::new("cannot start a thread", error))?;
        Ok(Self { contents, ended })
    }

    /// Has the file replaced by and by. The directory it lies in is made if
    /// it is missing; a failure is one warning.
    pub(crate) fn write(&self, path: PathBuf, octets: Vec<u8>) {
        // The thread lives as long as the sender does.
        let _ = self.contents.send((path, octets));
    }

    /// Waits, for a bounded time, until everything is on the disk.
    pub(crate) fn finish(self) {
        let Self { contents, ended } = self;
        drop(contents);
        if ended.recv_timeout(FINISH_LIMIT).is_err() {
            tracing::warn!("the disk is slow: not everything may be stored");
        }
    }
}

/// Writes the latest of each file until no more can come.
fn work(contents: &Receiver<(PathBuf, Vec<u8>)>) {
    let mut failing = BTreeSet::new();
    while let Ok(first) = contents.recv() {
        let latest: BTreeMap<_, _> = std::iter::once(first).chain(contents.try_iter()).collect();
        for (path, octets) in latest {
            match store(&path, &octets) {
                Ok(()) => _ = failing.remove(&path),
                Err(error) => {
                    if failing.insert(path) {
                        tracing::warn!("{error}; leases are lost with this process");
                    }
                }
            }
        }
    }
}

fn store(path: &Path, octets: &[u8]) -> Result<(), Error> {
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| file::replace(path, octets, 0o600, Durability::Disk))
        .map_err(|error| Error::new(format!("cannot write {}", path.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::file::TestDirectory;

    #[test]
    fn the_latest_content_is_on_the_disk_when_all_is_finished() {
        let directory = TestDirectory::new();
        let path = |name: u32| directory.path().join(format!("state/{name}"));
        let writer = Writer::start().unwrap();
        for number in 0..1000_u32 {
            writer.write(path(number % 3), number.to_string().into_bytes());
        }
        writer.finish();
        let content = |name| std::fs::read_to_string(path(name)).unwrap();
        assert_eq!([content(0), content(1), content(2)], ["999", "997", "998"]);
        assert_eq!(std::fs::read_dir(directory.path().join("state")).unwrap().count(), 3);
    }

    #[test]
    fn what_cannot_be_written_stops_nothing() {
        let directory = TestDirectory::new();
        std::fs::write(directory.path().join("file"), b"").unwrap();
        let writer = Writer::start().unwrap();
        writer.write(directory.path().join("file/x"), b"lost".to_vec());
        writer.write(directory.path().join("y"), b"kept".to_vec());
        writer.finish();
        assert_eq!(std::fs::read(directory.path().join("y")).unwrap(), b"kept");
    }
}
