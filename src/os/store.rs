//! What outlives the process: for now the DUID, in one line of hexadecimal
//! (`STATE/duid`). It is made once and then kept, whatever becomes of the
//! interface it was made from (RFC 9915 §11.2, RFC 7084 W-5).

use std::path::{Path, PathBuf};

use dhc6c_core::ident::Duid;

use super::error::Error;
use super::file::{self, Durability};

/// The longest DUID file that is read: hexadecimal with separators.
const LONGEST: u64 = 1024;

/// The state directory.
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    /// A store in this directory, which need not exist yet.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// The stored DUID; `None` where there is none, with a warning where
    /// there is something that is none.
    pub(crate) fn duid(&self) -> (Option<Duid>, Option<Error>) {
        let path = self.duid_path();
        let what = || format!("ignoring {}", path.display());
        match file::read(&path, LONGEST) {
            Ok(None) => (None, None),
            Err(error) => (None, Some(Error::new(what(), error))),
            Ok(Some(octets)) => match String::from_utf8_lossy(&octets).trim().parse() {
                Ok(duid) => (Some(duid), None),
                Err(error) => (None, Some(Error::new(what(), error))),
            },
        }
    }

    /// Stores the DUID.
    pub(crate) fn set_duid(&self, duid: &Duid) -> Result<(), Error> {
        let path = self.duid_path();
        std::fs::create_dir_all(&self.directory)
            .and_then(|()| {
                file::replace(&path, format!("{duid}\n").as_bytes(), 0o600, Durability::Disk)
            })
            .map_err(|error| Error::new(format!("cannot write {}", path.display()), error))
    }

    fn duid_path(&self) -> PathBuf {
        self.directory.join("duid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::os::file::TestDirectory;

    /// A store in a directory that does not exist yet.
    fn store() -> (TestDirectory, Store) {
        let directory = TestDirectory::new();
        let store = Store::new(&directory.path().join("state"));
        (directory, store)
    }

    #[test]
    fn duid_07_what_was_stored_is_found_again() {
        let (_directory, store) = store();
        assert_eq!(store.duid(), (None, None));
        let duid: Duid = "000100012b2c3d4e021122334455".parse().unwrap();
        store.set_duid(&duid).unwrap();
        assert_eq!(store.duid(), (Some(duid), None));
    }

    #[test]
    fn a_file_that_is_no_duid_is_ignored_with_a_warning() {
        let (_directory, store) = store();
        std::fs::create_dir_all(&store.directory).unwrap();
        for content in ["", "00", "zz", &"ab".repeat(200), &"ab".repeat(4000)] {
            std::fs::write(store.duid_path(), content).unwrap();
            let (duid, warning) = store.duid();
            assert!(duid.is_none() && warning.is_some(), "{content}");
        }
    }
}
