//! An IPv4 lease that is held through whatever happens to its servers.
//!
//! `HOLD=600 cargo test --test netns held -- --include-ignored --nocapture` holds it for ten
//! minutes and shows what the client said meanwhile.

use std::time::Duration;

use dhc6c_core::wire::MessageType;
use dhc6c_core::wire::v4::Kind;

use crate::client::{Client, Launch};
use crate::dhcp4o6::{
    ACK, SERVER, assert_nothing_left, prepare, queries, wait_address, wait_lease,
};
use crate::kea4o6::{Kea4, start_pair};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{DHCPV4_RESPONSE, Message, SOLICIT};
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] =
    tests![dhcp_4o6_10_4o6_22_a_lease_is_held_through_renewals_a_restart_and_a_renumbering];

const FILE: &str = "[[wan]]
interface = \"wan0\"
prefix = [56]
[dhcp4o6]
enable = true
device = \"sw0\"
";

/// So often the lease is extended, all in all.
const RENEWALS: usize = 10;

/// Input: a pair of servers that can be asked at their own address; a prefix and an IPv4 lease.
/// After three renewals of the IPv4 lease both servers are killed and started without a memory;
/// after six, the one for IPv6 has other addresses and prefixes.
/// Expected: at every look the same IPv4 address is on the device, and the default route; it is
/// extended ten times, in the end from the new IPv6 address; nobody looks for a server again.
fn dhcp_4o6_10_4o6_22_a_lease_is_held_through_renewals_a_restart_and_a_renumbering() {
    let hold = std::env::var("HOLD").ok().and_then(|hold| hold.parse().ok()).unwrap_or(50);
    let t1 = hold / 10;
    let lab = Lab::new();
    prepare(lab.world());
    lab.world().isp().shell("ip -6 route add 2001:db8:0:5::/64 dev isp0");
    let kea4 = Kea4::new().times([t1, 3 * t1, 6 * t1]);
    let kea6 = || Kea::new().times([2 * t1, 3 * t1, 5 * t1, 6 * t1]);
    let (kea, first4) = start_pair(lab.world(), kea6(), &kea4, SERVER);
    let client = Launch::new(lab.world()).with(&["-v"]).with_file(FILE).start();
    let address = wait_lease(&client).text("/dhcp4o6/address").to_owned();
    wait_address(&lab, &format!("{address}/24"));
    let t1 = Duration::from_secs(t1.into());
    let mut held = Held { lab: &lab, client: &client, address: &address, t1, notes: Vec::new() };

    held.until_renewed(3);
    held.note("both servers are killed, and start again without what they knew");
    kea.kill_and_forget();
    first4.kill_and_forget();
    let _second4 = kea4.start(lab.world());
    let kea = kea6().carrying(SERVER).start(lab.world());
    held.until_renewed(6);
    held.note("the server has other addresses and prefixes");
    kea.kill_and_forget();
    let kea = kea6().renumbered().carrying(SERVER).start(lab.world());
    held.until_renewed(RENEWALS);

    let status = client.wait_ready();
    let leased = status.text("/addresses/0/address").to_owned();
    assert!(leased.starts_with("2001:db8:0:5::"), "{:#}", status.0);
    assert!(status.text("/prefixes/0/prefix").starts_with("2001:db8:9000"), "{:#}", status.0);
    let messages = lab.capture().settled();
    let asked = queries(&messages);
    let (last, _) = asked.last().expect("queries");
    assert_eq!(last.source.to_string(), leased);
    assert_eq!(messages.iter().filter(|message| message.kind == SOLICIT).count(), 1);
    client.terminate();
    held.print();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

/// A client with an IPv4 lease.
struct Held<'a> {
    lab: &'a Lab,
    client: &'a Client,
    address: &'a str,
    /// How long it takes to the next renewal.
    t1: Duration,
    /// What was done to the servers, after so many messages.
    notes: Vec<(usize, &'static str)>,
}

impl Held<'_> {
    /// Waits until the lease has been extended so often, and looks meanwhile.
    fn until_renewed(&self, times: usize) {
        let limit = self.t1 * 8 + poll::BIND;
        poll::wait_for("the lease is extended", limit, || {
            let cpe = self.lab.world().cpe();
            let address = format!("{}/24", self.address);
            assert_eq!(kernel::ipv4_addresses(&cpe, "sw0"), [address], "{}", self.client.stderr());
            assert_eq!(kernel::ipv4_defaults(&cpe).len(), 1);
            self.renewals() >= times
        });
    }

    /// How often a Request to extend it was granted.
    fn renewals(&self) -> usize {
        let messages = self.lab.capture().messages();
        let grants = messages.iter().filter(|message| message.kind == DHCPV4_RESPONSE);
        let grants = grants.filter_map(|message| message.v4());
        grants.filter(|v4| v4.kind() == ACK && !v4.ciaddr.is_unspecified()).count()
    }

    fn note(&mut self, what: &'static str) {
        self.notes.push((self.lab.capture().messages().len(), what));
    }

    /// Shows every message in its time, with what happened in between.
    fn print(&self) {
        let messages = self.lab.capture().settled();
        let begun = messages.first().map_or(0.0, |message| message.at);
        for (number, message) in messages.iter().enumerate() {
            for (_, note) in self.notes.iter().filter(|(after, _)| *after == number) {
                eprintln!("         --- {note}");
            }
            let Message { at, source, destination, .. } = message;
            let kind = MessageType::from_code(message.kind).expect("Kea and we know it");
            let carried = message.v4().map(|v4| {
                let address = if v4.yiaddr.is_unspecified() { v4.ciaddr } else { v4.yiaddr };
                format!(": {} {address}", Kind::from_code(v4.kind()).expect("likewise"))
            });
            let carried = carried.unwrap_or_default();
            eprintln!("{:8.3} {source} > {destination} {kind}{carried}", at - begun);
        }
        eprintln!("{}", self.client.stderr());
    }
}
