//! Which objects in the kernel are ours, on disk before they are installed.
//!
//! Only [`apply`](super::apply) writes in here. What the journal holds, and
//! nothing else, may be changed or removed; so a process that was killed
//! leaves nothing behind that its successor does not know. The file serves
//! one boot: the kernel forgets its objects with the machine.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use dhc6c_core::prefix::Prefix;
use serde::{Deserialize, Serialize};

use super::file::{self, Durability};
use super::netlink::Ipv4Route;

/// The version of the file that is written and understood.
const VERSION: u32 = 1;
/// Far more than an uplink's objects ever take.
const LONGEST: u64 = 1 << 20;

/// The exact key of a kernel object.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Entry {
    /// An address on an interface.
    Address {
        /// The kernel's number for the interface.
        interface: u32,
        /// The address.
        address: Ipv6Addr,
        /// Its prefix length; ours have 128.
        length: u8,
    },
    /// An unreachable route.
    Unreachable {
        /// The routing table.
        table: u32,
        /// What it leads to nowhere.
        destination: Prefix,
        /// Its metric.
        metric: u32,
    },
    /// An IPv4 address on a device.
    Ipv4Address {
        /// The kernel's number for the device.
        interface: u32,
        /// The address.
        address: Ipv4Addr,
        /// The bits of its mask.
        length: u8,
    },
    /// A route that goes with it.
    Ipv4Route(Ipv4Route),
}

impl Entry {
    /// True for what belongs to an IPv4 lease.
    pub(crate) const fn is_ipv4(&self) -> bool {
        matches!(self, Self::Ipv4Address { .. } | Self::Ipv4Route(_))
    }

    /// True for a route.
    pub(crate) const fn is_route(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Ipv4Route(_))
    }
}

/// The journal of one uplink.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    boot: String,
    entries: BTreeSet<Entry>,
}

impl Journal {
    /// Reads the journal at `path`. One that cannot be used counts as empty
    /// and gives a warning; so does one of an earlier boot, without.
    pub(crate) fn open(path: &Path) -> (Self, Option<String>) {
        let boot = boot_id();
        let (entries, warning) = match read(path, &boot) {
            Ok(entries) => (entries, None),
            Err(why) => {
                let name = path.display();
                (BTreeSet::new(), Some(format!("ignored the journal {name}: {why}")))
            }
        };
        (Self { path: path.to_owned(), boot, entries }, warning)
    }

    /// True when the object is ours.
    pub(crate) fn contains(&self, entry: &Entry) -> bool {
        self.entries.contains(entry)
    }

    /// True when nothing is ours.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The objects that are ours.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.entries.iter().copied()
    }

    /// Enters an object that is about to be installed. It is entered in
    /// memory even when the file cannot be written.
    pub(crate) fn insert(&mut self, entry: Entry) -> io::Result<()> {
        if self.entries.insert(entry) { self.write() } else { Ok(()) }
    }

    /// Strikes out an object that is gone.
    pub(crate) fn remove(&mut self, entry: &Entry) -> io::Result<()> {
        if self.entries.remove(entry) { self.write() } else { Ok(()) }
    }

    /// Keeps only the objects that `keep` says; writes once at most.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) -> io::Result<()> {
        let before = self.entries.len();
        self.entries.retain(keep);
        if self.entries.len() == before { Ok(()) } else { self.write() }
    }

    /// Deletes the file if nothing is in it; for an orderly stop.
    pub(crate) fn close(&self) -> io::Result<()> {
        if self.entries.is_empty() { file::remove(&self.path) } else { Ok(()) }
    }

    fn write(&self) -> io::Result<()> {
        let document =
            Document { version: VERSION, boot: self.boot.clone(), objects: self.entries.clone() };
        let octets = serde_json::to_vec(&document)?;
        file::replace(&self.path, &octets, 0o600, Durability::Boot)
    }
}

/// The file.
#[derive(Deserialize, Serialize)]
struct Document {
    version: u32,
    boot: String,
    objects: BTreeSet<Entry>,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

fn read(path: &Path, boot: &str) -> Result<BTreeSet<Entry>, String> {
    let Some(octets) = file::read(path, LONGEST).map_err(|error| error.to_string())? else {
        return Ok(BTreeSet::new());
    };
    let head: Head = serde_json::from_slice(&octets).map_err(|error| error.to_string())?;
    if head.version != VERSION {
        return Err(format!("its version is {}, not {VERSION}", head.version));
    }
    let document: Document = serde_json::from_slice(&octets).map_err(|error| error.to_string())?;
    Ok(if document.boot == boot { document.objects } else { BTreeSet::new() })
}

/// What tells this boot from others; empty where the kernel does not say.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use dhc6c_core::wire::v4::Route;

    use super::*;
    use crate::os::file::TestDirectory;

    fn address() -> Entry {
        Entry::Address { interface: 2, address: "2001:db8::1".parse().unwrap(), length: 128 }
    }

    fn route() -> Entry {
        let destination = "2001:db8:8000::/56".parse().unwrap();
        Entry::Unreachable { table: 254, destination, metric: 1024 }
    }

    fn ipv4_address() -> Entry {
        Entry::Ipv4Address { interface: 3, address: Ipv4Addr::new(192, 0, 2, 18), length: 32 }
    }

    fn ipv4_route() -> Entry {
        Entry::Ipv4Route(Ipv4Route {
            table: 254,
            interface: 3,
            route: Route::default_by(Ipv4Addr::UNSPECIFIED),
            source: Ipv4Addr::new(192, 0, 2, 18),
            metric: 1024,
        })
    }

    #[test]
    fn entries_outlive_the_process() {
        let directory = TestDirectory::new();
        let path = directory.path().join("eth0.journal");
        let (mut journal, warning) = Journal::open(&path);
        assert_eq!(warning, None);
        journal.insert(address()).unwrap();
        journal.insert(route()).unwrap();
        let (mut journal, warning) = Journal::open(&path);
        assert_eq!(warning, None);
        assert_eq!(journal.entries().collect::<Vec<_>>(), [address(), route()]);
        journal.close().unwrap();
        assert!(path.exists(), "a journal with entries stays");
        journal.remove(&address()).unwrap();
        assert!(!journal.contains(&address()));
        journal.retain(|_| false).unwrap();
        journal.close().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn the_format_is_pinned() {
        let objects = [address(), route(), ipv4_address(), ipv4_route()].into();
        let document = Document { version: 1, boot: "b".to_owned(), objects };
        assert_eq!(
            serde_json::to_string(&document).unwrap(),
            "{\"version\":1,\"boot\":\"b\",\"objects\":[\
             {\"address\":{\"interface\":2,\"address\":\"2001:db8::1\",\"length\":128}},\
             {\"unreachable\":{\"table\":254,\"destination\":\"2001:db8:8000::/56\",\
             \"metric\":1024}},\
             {\"ipv4-address\":{\"interface\":3,\"address\":\"192.0.2.18\",\"length\":32}},\
             {\"ipv4-route\":{\"table\":254,\"interface\":3,\"route\":{\
             \"destination\":\"0.0.0.0\",\"length\":0,\"router\":\"0.0.0.0\"},\
             \"source\":\"192.0.2.18\",\"metric\":1024}}]}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_used_is_an_empty_journal_and_a_warning() {
        let directory = TestDirectory::new();
        let path = directory.path().join("eth0.journal");
        let (mut journal, _) = Journal::open(&path);
        journal.insert(address()).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let (journal, warning) = Journal::open(&path);
            assert_eq!(journal.entries().count(), 0, "cut to {length}");
            assert!(warning.is_some(), "cut to {length}");
        }
        let future = br#"{"version":2,"things":[]}"#;
        for content in [&future[..], b"\xff\xfe", &[b'['; 100_000], &vec![b' '; 2 << 20]] {
            fs::write(&path, content).unwrap();
            let (mut journal, warning) = Journal::open(&path);
            assert!(warning.is_some());
            journal.insert(route()).unwrap();
        }
    }

    #[test]
    fn a_journal_of_an_earlier_boot_is_empty_without_a_warning() {
        let directory = TestDirectory::new();
        let path = directory.path().join("eth0.journal");
        fs::write(&path, r#"{"version":1,"boot":"another","objects":[]}"#).unwrap();
        assert_eq!(Journal::open(&path).1, None);
        let (mut journal, _) = Journal::open(&path);
        journal.boot = "another".to_owned();
        journal.insert(address()).unwrap();
        let (journal, warning) = Journal::open(&path);
        assert_eq!((journal.entries().count(), warning), (0, None));
    }

    #[test]
    fn what_cannot_be_written_is_still_known() {
        let (mut journal, _) = Journal::open(Path::new("/nonexistent/eth0.journal"));
        assert!(journal.insert(address()).is_err());
        assert!(journal.contains(&address()));
    }
}
