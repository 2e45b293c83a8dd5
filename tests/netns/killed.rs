//! SIGKILL at any moment of a client's life, and what the next one finds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv6Addr;
use std::thread;
use std::time::Duration;

use dhc6c_core::rng::Rng;
use nix::sys::signal::Signal;

use crate::client::{Client, Launch};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{CLIENT_ID, Message, REBIND, RENEW, REQUEST, SOLICIT};
use crate::poll;
use crate::servers::Kea;
use crate::world::WAN_LINK_LOCAL;

pub(crate) const TESTS: &[(&str, fn())] = tests![two_hundred_kills_lose_nothing];

/// Clients of their own worlds, and how often each is killed.
const CLIENTS: u64 = 8;
const KILLS: u64 = 25;
/// So many live at the same time.
const AT_ONCE: usize = 4;
/// The milliseconds that a life lasts: half of them are over before the first answer, and the
/// longest have seen a renewal. One in twenty has a server that does not answer any more, and
/// lasts until the leases are to be extended at any server (T2).
const SHORT: u64 = 300;
const LONG: u64 = 3000;
const LONGEST: (u64, u64) = (8500, 11_000);

/// What is left of a client that was killed.
#[derive(Debug, Default)]
struct Remains {
    duid: Option<String>,
    /// Whether leases are on the disk.
    is_kept: bool,
    addresses: Vec<Ipv6Addr>,
    prefixes: Vec<String>,
}

impl Remains {
    fn of(launch: &Launch, cpe: &crate::world::Space) -> Self {
        let leases = fs::read_to_string(launch.state_file("wan0.lease.json")).unwrap_or_default();
        Self {
            duid: fs::read_to_string(launch.state_file("duid")).ok(),
            is_kept: leases.contains("2001:db8:"),
            addresses: kernel::addresses(cpe).iter().map(|held| held.address).collect(),
            prefixes: kernel::unreachable(cpe),
        }
    }

    /// Nothing that was there is lost, and there is nothing that was not leased.
    fn assert_follows(&self, before: &Self) {
        if before.duid.is_some() {
            assert_eq!(self.duid, before.duid, "another DUID");
        }
        assert!(self.is_kept || !before.is_kept, "the leases are gone from the disk");
        assert!(self.addresses.len() <= 1 && self.prefixes.len() <= 1, "{self:?}");
        for (now, then) in self.addresses.iter().zip(&before.addresses) {
            assert_eq!(now, then, "another address");
        }
        for (now, then) in self.prefixes.iter().zip(&before.prefixes) {
            assert_eq!(now, then, "another prefix");
        }
        if before.is_kept && !before.addresses.is_empty() {
            assert_eq!((self.addresses.len(), self.prefixes.len()), (1, 1), "a lease is lost");
        }
    }

    /// Beside what was there before any client, there is nothing in the kernel but this.
    fn assert_all(&self, untouched: &BTreeSet<String>, everything: &BTreeSet<String>) {
        let addresses = self.addresses.iter().map(ToString::to_string);
        let leases: Vec<_> = addresses.chain(self.prefixes.iter().cloned()).collect();
        let is_leased = |line: &&String| leases.iter().any(|lease| line.contains(lease));
        let strange: Vec<_> = everything.difference(untouched).filter(|l| !is_leased(l)).collect();
        assert!(strange.is_empty(), "beside {leases:?} there is {strange:?}");
        let gone: Vec<_> = untouched.difference(everything).collect();
        assert!(gone.is_empty(), "what was there before is gone: {gone:?}");
    }
}

/// All that clients have ever said, they have said by one name.
fn assert_one_client(messages: &[Message]) {
    let said = messages.iter().filter(|message| message.destination_port == 547);
    let names: BTreeSet<_> = said.map(|message| message.option(CLIENT_ID)).collect();
    assert!(names.len() <= 1 && !names.contains(&None), "several DUIDs: {names:?}");
}

/// Input: clients with leases of fifty seconds are killed two hundred times, at moments that a
/// seed decides (`SEED`), and started again each time.
/// Expected: once leases are on the disk, they are in the kernel at every moment, the same ones,
/// and nobody looks for a server any more, whatever was asked last (Renew and Rebind too, each
/// answered or not); the DUID is the same from its first moment; in the
/// end a plain stop leaves nothing, neither in the kernel nor in the directories.
fn two_hundred_kills_lose_nothing() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    eprintln!("SEED={seed}");
    let mut moments = BTreeMap::<Vec<u8>, usize>::new();
    for round in (0..CLIENTS).collect::<Vec<_>>().chunks(AT_ONCE) {
        let lives: Vec<_> = round
            .iter()
            .map(|client| seed * CLIENTS + client)
            .map(|seed| thread::spawn(move || live_on(seed)))
            .collect();
        for life in lives {
            for moment in life.join().expect("a client that lost nothing") {
                *moments.entry(moment).or_default() += 1;
            }
        }
    }
    eprintln!("killed after: {moments:?}");
    assert_eq!(moments.values().sum::<usize>(), usize::try_from(CLIENTS * KILLS).expect("200"));
    // A Rebind is the first word of those that go on with a prefix, and the last at T2.
    for last in [&[SOLICIT][..], &[REQUEST], &[REBIND], &[RENEW], &[RENEW, REBIND]] {
        let is_met = moments.keys().any(|said| said.ends_with(last));
        assert!(is_met, "nobody was killed with {last:?} as the last words: {moments:?}");
    }
}

/// The lives of one client; what each had said when it was killed.
fn live_on(seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng::from_number(seed);
    let lab = Lab::new();
    let kea = Kea::new().times([2, 8, 40, 50]).start(lab.world());
    let cpe = lab.world().cpe();
    // A route to it is there once detection is over.
    let is_route = |line: &String| line.contains("local") && line.contains(WAN_LINK_LOCAL);
    poll::wait_for("the link-local address", poll::SOON, || {
        kernel::everything(&cpe).iter().any(is_route)
    });
    let untouched = kernel::everything(&cpe);
    let mut moments = Vec::new();
    let mut before = Remains::default();
    let (mut kept_since, mut heard) = (None, 0);
    for _ in 0..KILLS {
        let is_left_alone = kept_since.is_some() && rng.chance(5);
        let (shortest, longest) = match (is_left_alone, rng.chance(50)) {
            (true, _) => LONGEST,
            (false, true) => (0, SHORT),
            (false, false) => (0, LONG),
        };
        let life = Duration::from_millis(rng.between(shortest, longest));
        let client = Client::start(lab.world(), &["--pd"]);
        if is_left_alone {
            client.wait_ready();
            kea.pause();
        }
        thread::sleep(life);
        client.signal(Signal::SIGKILL);
        client.wait_killed();
        kea.resume();
        assert!(!client.stderr().contains("panicked"), "{}", client.stderr());
        let after = Remains::of(client.launch(), &cpe);
        after.assert_follows(&before);
        after.assert_all(&untouched, &kernel::everything(&cpe));
        before = after;
        let messages = lab.capture().settled();
        assert_one_client(&messages);
        let since = *kept_since.get_or_insert(messages.len());
        assert!(messages[since..].iter().all(|message| message.kind != SOLICIT), "it starts over");
        if !before.is_kept {
            kept_since = None;
        }
        moments.push(said(&messages[heard..]));
        heard = messages.len();
    }
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    Remains::of(client.launch(), &cpe).assert_follows(&before);
    client.assert_renews();
    client.terminate();
    assert_eq!(kernel::everything(&cpe), untouched, "something stayed, or went");
    assert_one_client(&lab.capture().settled());
    // Whoever is killed while it writes leaves what it wrote beside the file.
    let mut left = names(&client.launch().state());
    left.retain(|name| !name.contains(".new"));
    assert_eq!(left, ["duid", "wan0.lease.json"]);
    assert_eq!(names(&client.launch().run_file("")), [] as [&str; 0]);
    lab.finish(&[&kea]);
    moments
}

/// What a client has said in its life.
fn said(messages: &[Message]) -> Vec<u8> {
    let own = |message: &&Message| message.destination_port == 547;
    let mut kinds: Vec<_> = messages.iter().filter(own).map(|message| message.kind).collect();
    kinds.dedup();
    kinds
}

fn names(directory: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory").flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
