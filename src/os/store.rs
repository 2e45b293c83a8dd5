//! What outlives the process, in the state directory: the DUID, in one line
//! of hexadecimal (`duid`), and the leases of each interface
//! (`<iface>.lease.json`).
//!
//! The DUID is made once and then kept, whatever becomes of the interface it
//! was made from (RFC 9915 §11.2, RFC 7084 W-5). A file that cannot be used
//! is a warning and a clean start. What stands in a lease file is the business
//! of `leases`.

mod leases;

use std::path::{Path, PathBuf};

use dhc6c_core::ident::Duid;
use dhc6c_core::record::Record;
use dhc6c_core::time::Instant;

pub(crate) use leases::Kept;
use leases::Moment;

use super::clock;
use super::error::Error;
use super::file::{self, Durability};
use super::journal::boot_id;

/// Far more than the leases of an interface ever take.
const LONGEST_LEASES: u64 = 1 << 20;
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

    /// Stores the DUID in place of any other.
    pub(crate) fn set_duid(&self, duid: &Duid) -> Result<(), Error> {
        self.store_duid(duid, |path, octets| file::replace(path, octets, 0o600, Durability::Disk))
    }

    /// Stores the first DUID; false where another process was first.
    pub(crate) fn add_duid(&self, duid: &Duid) -> Result<bool, Error> {
        self.store_duid(duid, |path, octets| file::create(path, octets, 0o600))
    }

    fn store_duid<T>(
        &self,
        duid: &Duid,
        store: impl FnOnce(&Path, &[u8]) -> std::io::Result<T>,
    ) -> Result<T, Error> {
        let path = self.duid_path();
        std::fs::create_dir_all(&self.directory)
            .and_then(|()| store(&path, format!("{duid}\n").as_bytes()))
            .map_err(|error| Error::new(format!("cannot write {}", path.display()), error))
    }

    /// The leases that this client (`duid`) has of an interface, in the time
    /// of this boot. What another identity got is nothing to go on with.
    pub(crate) fn leases(
        &self,
        interface: &str,
        duid: &Duid,
        now: Instant,
    ) -> (Option<Kept>, Option<Error>) {
        let (kept, warning) = self.all_leases(interface, now);
        (kept.filter(|kept| kept.duid == *duid), warning)
    }

    /// The leases kept of an interface, whoever got them.
    pub(crate) fn all_leases(
        &self,
        interface: &str,
        now: Instant,
    ) -> (Option<Kept>, Option<Error>) {
        let path = self.leases_path(interface);
        match read(&path, &present(now)) {
            Ok(kept) => (kept, None),
            Err(why) => (None, Some(Error::new(format!("ignoring {}", path.display()), why))),
        }
    }

    /// The file for the leases of an interface, and what to write in it.
    pub(crate) fn leases_file(
        &self,
        interface: &str,
        duid: &Duid,
        record: Record,
    ) -> (PathBuf, Vec<u8>) {
        let octets = leases::write(duid, record, &present(clock::now()));
        (self.leases_path(interface), octets)
    }

    /// Forgets the leases of an interface; true when there were any.
    pub(crate) fn forget_leases(&self, interface: &str) -> Result<bool, Error> {
        let path = self.leases_path(interface);
        let there = path.symlink_metadata().is_ok();
        file::remove(&path)
            .map_err(|error| Error::new(format!("cannot remove {}", path.display()), error))?;
        Ok(there)
    }

    /// The interfaces that leases are kept of, in order.
    pub(crate) fn interfaces(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let name = |entry: std::fs::DirEntry| {
            entry.file_name().to_str()?.strip_suffix(".lease.json").map(str::to_owned)
        };
        let mut names: Vec<_> = entries.filter_map(name).collect();
        names.sort_unstable();
        names
    }

    fn leases_path(&self, interface: &str) -> PathBuf {
        self.directory.join(format!("{interface}.lease.json"))
    }

    fn duid_path(&self) -> PathBuf {
        self.directory.join("duid")
    }
}

fn read(path: &Path, present: &Moment) -> Result<Option<Kept>, String> {
    let octets = file::read(path, LONGEST_LEASES).map_err(|error| error.to_string())?;
    octets.map(|octets| leases::read(&octets, present)).transpose()
}

/// Now, in all three ways.
fn present(now: Instant) -> Moment {
    Moment { boot: boot_id(), now, wall: clock::unix_seconds() }
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
    fn duid_02_of_two_processes_that_make_one_the_first_counts() {
        let (_directory, store) = store();
        let [one, other]: [Duid; 2] =
            ["000100012b2c3d4e021122334455", "0003000102112233"].map(|hex| hex.parse().unwrap());
        assert_eq!(store.add_duid(&one), Ok(true));
        assert_eq!(store.add_duid(&other), Ok(false));
        assert_eq!(store.duid(), (Some(one), None));
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

    fn record() -> Record {
        Record { sol_max_rt: Some(60), ..Record::default() }
    }

    fn ours() -> Duid {
        "000100012b2c3d4e021122334455".parse().unwrap()
    }

    #[test]
    fn fin_03_leases_are_found_again_as_they_were() {
        let (_directory, store) = store();
        assert_eq!(store.leases("eth0", &ours(), clock::now()), (None, None));
        let (path, octets) = store.leases_file("eth0", &ours(), record());
        std::fs::create_dir_all(&store.directory).unwrap();
        std::fs::write(path, octets).unwrap();
        let kept = Kept { duid: ours(), record: record(), times_are_known: true };
        assert_eq!(store.leases("eth0", &ours(), clock::now()), (Some(kept), None));
        let other = "00030001021122334455".parse().unwrap();
        assert_eq!(store.leases("eth0", &other, clock::now()), (None, None));
        assert_eq!(store.interfaces(), ["eth0"]);
        assert_eq!(store.forget_leases("eth0"), Ok(true));
        assert_eq!(store.forget_leases("eth0"), Ok(false));
    }

    #[test]
    fn a_torn_or_foreign_lease_file_is_a_clean_start_and_a_warning() {
        let (_directory, store) = store();
        let (path, whole) = store.leases_file("eth0", &ours(), record());
        std::fs::create_dir_all(&store.directory).unwrap();
        let torn = (0..whole.len()).map(|length| whole[..length].to_vec());
        let future = br#"{"version":2,"things":[]}"#.to_vec();
        let foreign = [future, b"\xff\xfe".to_vec(), vec![b'['; 100_000], vec![b' '; 2 << 20]];
        for content in torn.chain(foreign) {
            std::fs::write(&path, &content).unwrap();
            let (kept, warning) = store.leases("eth0", &ours(), clock::now());
            assert!(kept.is_none() && warning.is_some(), "{} octets", content.len());
        }
    }
}
