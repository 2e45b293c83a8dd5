//! What outlives the process, in the state directory: the DUID, in one line
//! of hexadecimal (`duid`), and the leases of each interface
//! (`<iface>.lease.json`).
//!
//! The DUID is made once and then kept, whatever becomes of the interface it
//! was made from (RFC 9915 §11.2, RFC 7084 W-5). A file that cannot be used
//! is a warning and a clean start.

use std::path::{Path, PathBuf};

use dhc6c_core::ident::Duid;
use dhc6c_core::record::{self, Record};
use dhc6c_core::time::Instant;
use serde::{Deserialize, Serialize};

use super::clock;
use super::error::Error;
use super::file::{self, Durability};
use super::journal::boot_id;

/// The version of the lease file that is written and understood.
const VERSION: u32 = 1;
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
        let present = Moment { boot: boot_id(), now, wall: clock::unix_seconds() };
        match read(&path, &present) {
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
        let (boot, wall) = (boot_id(), clock::unix_seconds());
        let document = Document { version: VERSION, boot, wall, duid: duid.clone(), record };
        // Our own types always have a JSON form.
        (self.leases_path(interface), serde_json::to_vec(&document).unwrap_or_default())
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
        names.sort();
        names
    }

    fn leases_path(&self, interface: &str) -> PathBuf {
        self.directory.join(format!("{interface}.lease.json"))
    }

    fn duid_path(&self) -> PathBuf {
        self.directory.join("duid")
    }
}

/// Leases that were kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    /// Whose they are.
    pub(crate) duid: Duid,
    /// What was held, in the time of this boot.
    pub(crate) record: Record,
    /// Its ends can be relied on: no reboot lies between, or the clock knows
    /// how long that took.
    pub(crate) times_are_known: bool,
}

/// The lease file.
#[derive(Deserialize, Serialize)]
struct Document {
    version: u32,
    /// Which boot the record's instants belong to.
    boot: String,
    /// When it was made, in seconds since the Unix epoch.
    wall: u64,
    /// The client that holds the leases.
    duid: Duid,
    record: Record,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// Now, in all three ways.
struct Moment {
    boot: String,
    now: Instant,
    wall: u64,
}

fn read(path: &Path, present: &Moment) -> Result<Option<Kept>, String> {
    let Some(octets) = file::read(path, LONGEST_LEASES).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let head: Head = serde_json::from_slice(&octets).map_err(|error| error.to_string())?;
    if head.version != VERSION {
        return Err(format!("its version is {}, not {VERSION}", head.version));
    }
    let document: Document = serde_json::from_slice(&octets).map_err(|error| error.to_string())?;
    Ok(Some(kept(document, present)))
}

/// Leases of this boot are read as they are: its clock never steps. Those of
/// another are as much older as the wall clock says, unless that cannot be
/// right.
fn kept(document: Document, present: &Moment) -> Kept {
    let Document { boot, wall, duid, record, .. } = document;
    if boot == present.boot {
        return Kept { duid, record, times_are_known: true };
    }
    let elapsed = record::time_off(wall, present.wall);
    let record = record.moved(present.now, elapsed.unwrap_or_default());
    Kept { duid, record, times_are_known: elapsed.is_some() }
}

#[cfg(test)]
mod tests {
    use dhc6c_core::time::Duration;

    use super::*;

    use crate::os::file::TestDirectory;

    /// 2026-12-01 UTC: a clock that is set.
    const SET: u64 = 1_796_083_200;

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

    /// A record with something in it, made 100 s after boot.
    fn record() -> Record {
        let text = r#"{"at":100000,"server":null,"associations":[{"kind":"prefix","iaid":7,
            "t1":{"At":150000},"t2":{"At":180000},"leases":[{"lease":"2001:db8:8000::/56",
            "exclude":null,"preferred":{"At":200000},"valid":{"At":300000}}]}],
            "sol_max_rt":null,"inf_max_rt":null,"options":""}"#;
        serde_json::from_str(text).unwrap()
    }

    fn ours() -> Duid {
        "000100012b2c3d4e021122334455".parse().unwrap()
    }

    fn document(boot: &str, wall: u64) -> Document {
        let boot = boot.to_owned();
        Document { version: VERSION, boot, wall, duid: ours(), record: record() }
    }

    fn present(wall: u64) -> Moment {
        Moment { boot: "now".to_owned(), now: Instant::from_millis(5000), wall }
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
    fn fin_03_a_reboot_costs_the_time_that_it_took() {
        let same = kept(document("now", 5), &present(0));
        assert_eq!(same, Kept { duid: ours(), record: record(), times_are_known: true });
        let wall = SET;
        let later = kept(document("before", wall), &present(wall + 60));
        assert!(later.times_are_known);
        let moved = record().moved(Instant::from_millis(5000), Duration::from_secs(61));
        assert_eq!(later.record, moved);
    }

    #[test]
    fn fin_03_a_clock_that_cannot_be_right_knows_no_times() {
        let wall = SET;
        // It runs backwards; it has not been set since 1970, then or now.
        for (then, now) in [(wall, wall - 1), (wall, 5), (3, 5), (3, wall)] {
            assert!(!kept(document("before", then), &present(now)).times_are_known);
        }
    }

    /// What was kept in this boot needs no wall clock; what was kept in
    /// another keeps its times only where that clock has not stepped, and the
    /// leases themselves whatever it says.
    #[test]
    fn fin_03_a_wall_clock_that_steps_by_fifty_years() {
        const FIFTY_YEARS: i64 = 50 * 365 * 86_400;
        let steps = [-FIFTY_YEARS, 0, FIFTY_YEARS];
        for (then, now) in steps.into_iter().flat_map(|then| steps.map(|now| (then, now))) {
            let (made, present) =
                (SET.saturating_add_signed(then), present((SET + 60).saturating_add_signed(now)));
            let same = kept(document("now", made), &present);
            assert_eq!(same, Kept { duid: ours(), record: record(), times_are_known: true });

            let other = kept(document("before", made), &present);
            // A clock that is wrong by the same then and now still counts
            // seconds, unless it says that it was never set.
            let is_known = then == now && then >= 0;
            assert_eq!(other.times_are_known, is_known, "{then} then, {now} now");
            let off = Duration::from_secs(if is_known { 61 } else { 0 });
            assert_eq!(other.record, record().moved(Instant::from_millis(5000), off));
            assert!(other.record.leases().all(|lease| !lease.valid.is_over(present.now)));
        }
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

    /// The file is a contract: what this version wrote, every later one reads.
    #[test]
    fn the_format_of_the_lease_file_is_pinned() {
        let text = serde_json::to_string(&document("b", 7)).unwrap();
        assert!(
            text.starts_with("{\"version\":1,\"boot\":\"b\",\"wall\":7,\"duid\":\"0001"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Document>(&text).unwrap().record, record());
    }
}
