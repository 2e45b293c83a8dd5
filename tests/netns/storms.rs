//! Too much at once: more news than a socket holds, a carrier that comes and goes. The flood of
//! datagrams is in `kea_life`.

use nix::sys::signal::Signal;

use crate::client::Client;
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{Message, REBIND, RELEASE, REPLY, SOLICIT};
use crate::poll;
use crate::servers::Kea;
use crate::world::Space;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    news_that_was_lost_is_made_up_for,
    cnf_01_a_carrier_that_goes_and_comes_unheard_is_seen,
    a_hundred_carrier_flaps_in_ten_seconds_start_no_storm,
];

/// RFC 9915 §14.1: at most so many messages in so many seconds, of all kinds.
const LIMIT: (usize, f64) = (20, 20.0);

/// How many messages the kernel had no room for in a process's netlink sockets, by
/// /proc/net/netlink: the first socket has the process id for its address, the inode is last.
fn lost_news(cpe: &Space, client: &Client) -> u64 {
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", client.pid())).expect("alive");
    let links = descriptors.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let sockets: Vec<_> = links.map(|link| link.display().to_string()).collect();
    let table = cpe.proc("net/netlink");
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = fields.filter_map(|fields| {
        let (&inode, &drops) = (fields.get(9)?, fields.get(8)?);
        sockets.contains(&format!("socket:[{inode}]")).then(|| drops.parse::<u64>().ok())?
    });
    ours.sum()
}

/// 2,500 addresses that come and go: more news than a socket holds.
struct Storm(String);

impl Storm {
    fn new(lab: &Lab) -> Self {
        let batch = lab.world().dir().join("batch");
        let change = |n: u32| {
            let address = format!("2001:db8:f::{n:x}/128 dev lo");
            format!("addr add {address}\naddr del {address}\n")
        };
        let changes: String = (1..=2500).map(change).collect();
        std::fs::write(&batch, changes).expect("the changes");
        Self(format!("ip -6 -batch {}", batch.display()))
    }

    fn rage(&self, cpe: &Space) {
        cpe.shell(&self.0);
    }

    /// What happens behind the back of a client: it is stopped, and has no room for the news.
    fn hide(&self, cpe: &Space, client: &Client, happens: impl FnOnce()) {
        let before = lost_news(cpe, client);
        client.signal(Signal::SIGSTOP);
        self.rage(cpe);
        happens();
        client.signal(Signal::SIGCONT);
        let lost = lost_news(cpe, client) > before;
        assert!(lost, "the socket held all of it:\n{}", cpe.proc("net/netlink"));
    }
}

/// Input: a client's address and the route of its prefix go away, and the news of it is lost; then
/// there are three more storms of news, during which it runs.
/// Expected: address and route are put back, and stay; it still renews and holds no more than
/// before.
fn news_that_was_lost_is_made_up_for() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    let leased = client.wait_ready().text("/addresses/0/address").to_owned();
    let cpe = lab.world().cpe();
    let prefixes = kernel::unreachable(&cpe);
    let before = client.resources();
    let storm = Storm::new(&lab);

    storm.hide(&cpe, &client, || {
        cpe.shell(&format!(
            "ip -6 addr del {leased}/128 dev wan0; ip -6 route del unreachable {}",
            prefixes[0]
        ));
    });
    let mends = |what: &str| {
        poll::wait_for(what, poll::SOON, || {
            client.assert_alive();
            let held = kernel::addresses(&cpe);
            let is_ours = |held: &kernel::Address| held.address.to_string() == leased;
            held.len() == 1 && is_ours(&held[0]) && kernel::unreachable(&cpe) == prefixes
        });
    };
    mends("address and route are back");
    client.wait_ready();
    (0..3).for_each(|_| storm.rage(&cpe));
    mends("address and route are still there");
    client.assert_renews();
    before.assert_kept(&client);
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}

/// Input: the carrier goes, later it comes back, and the news of either is lost; then it goes and
/// comes back while no news arrives at all, so that the link looks as before.
/// Expected: the client sees the link down; it asks whether its leases still fit the link once
/// that is back, both times, keeps them and still renews.
fn cnf_01_a_carrier_that_goes_and_comes_unheard_is_seen() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let cpe = lab.world().cpe();
    let held = || kernel::held(&cpe);
    let leased = held();
    let storm = Storm::new(&lab);
    let change = |there: bool| {
        lab.world().carrier(there);
        // The kernel itself takes a moment to notice, and tells it then.
        poll::wait_for("another carrier", poll::SOON, || {
            cpe.shell("ip link show dev wan0").contains("state UP") == there
        });
    };
    let asks = |since: usize| {
        poll::wait_for("a Rebind is answered", poll::BIND, || {
            let said = lab.capture().settled().split_off(since);
            let rebind = said.iter().find(|message| message.kind == REBIND).map(|it| it.xid);
            said.iter().any(|message| message.kind == REPLY && Some(message.xid) == rebind)
        });
        client.wait_ready();
        assert_eq!(held(), leased);
    };

    let bound = lab.capture().settled().len();
    storm.hide(&cpe, &client, || change(false));
    client.wait_line("that the link is down", |line| line.contains("the link is down"));
    storm.hide(&cpe, &client, || change(true));
    asks(bound);
    let rebound = lab.capture().settled().len();
    storm.hide(&cpe, &client, || [false, true].into_iter().for_each(change));
    asks(rebound);
    client.assert_renews();
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}

/// Input: the carrier of a bound client comes and goes a hundred times in ten seconds.
/// Expected: no more than twenty messages in any twenty seconds, no Release, no Solicit; address
/// and prefix are there all the time and in the end; it still renews and holds no more than
/// before.
fn a_hundred_carrier_flaps_in_ten_seconds_start_no_storm() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let cpe = lab.world().cpe();
    let held = || kernel::held(&cpe);
    let (leased, before) = (held(), client.resources());
    let bound = lab.capture().settled().len();

    let changes = || -> u32 {
        let count = cpe.shell("cat /sys/class/net/wan0/carrier_changes");
        count.trim().parse().expect("a number")
    };
    let changes_before = changes();
    let flaps = lab.world().flap_carrier(100, "0.05");
    poll::wait_for("the flaps are over", poll::BIND, || {
        assert_eq!(held(), leased);
        flaps.ended().is_some()
    });
    assert!(changes() - changes_before >= 200, "the carrier did not come and go");
    client.wait_ready();
    assert_eq!(held(), leased);
    client.wait_status("bound", poll::BIND, |status| status.0["state"] == "bound");
    let messages = lab.capture().settled().split_off(bound);
    let sent: Vec<_> = messages.iter().filter(|message| message.destination_port == 547).collect();
    assert!(!sent.is_empty(), "nobody asked whether the leases still fit the link");
    assert_limited(&sent);
    for message in sent {
        assert!(![SOLICIT, RELEASE].contains(&message.kind), "{message:?}");
    }
    client.assert_renews();
    before.assert_kept(&client);
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}

fn assert_limited(sent: &[&Message]) {
    let (count, seconds) = LIMIT;
    for window in sent.windows(count + 1) {
        let took = window[count].at - window[0].at;
        // The capture's clock is that of the wire.
        assert!(took > seconds - 0.1, "{} messages in {took:.2} s", count + 1);
    }
}
