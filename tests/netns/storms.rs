//! Too much at once: more news than a socket holds, a carrier that comes and goes. The flood of
//! datagrams is in `kea_life`.

use nix::sys::signal::Signal;

use crate::client::Client;
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{Message, RELEASE, SOLICIT};
use crate::poll;
use crate::servers::Kea;
use crate::world::Space;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    news_that_was_lost_is_made_up_for,
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

/// Input: a client is stopped; addresses come and go, more than its socket holds the news of, and
/// then its address, the route of its prefix and the carrier go away; it goes on; the carrier
/// comes back in the middle of another storm.
/// Expected: the kernel says that news was lost; the client sees the link down, and later up
/// again; address and route are put back; it stays itself and still renews. So does the next
/// storm, during which it runs.
fn news_that_was_lost_is_made_up_for() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    let leased = client.wait_ready().text("/addresses/0/address").to_owned();
    let cpe = lab.world().cpe();
    let prefixes = kernel::unreachable(&cpe);
    let before = client.resources();
    let batch = lab.world().dir().join("batch");
    let changes: String = (1..=2500)
        .map(|n| {
            format!(
                "addr add 2001:db8:f::{n:x}/128 dev lo\naddr del 2001:db8:f::{n:x}/128 dev lo\n"
            )
        })
        .collect();
    std::fs::write(&batch, changes).expect("the changes");
    let storm = format!("ip -6 -batch {}", batch.display());

    client.signal(Signal::SIGSTOP);
    cpe.shell(&format!(
        "{storm}; ip -6 addr del {leased}/128 dev wan0; ip -6 route del unreachable {}",
        prefixes[0]
    ));
    lab.world().carrier(false);
    client.signal(Signal::SIGCONT);
    let loses_more = |before: u64| {
        let lost = lost_news(&cpe, &client);
        assert!(lost > before, "the socket held all of it:\n{}", cpe.proc("net/netlink"));
        lost
    };
    let lost = loses_more(0);
    client.wait_line("that the link is down", |line| line.contains("the link is down"));
    client.signal(Signal::SIGSTOP);
    cpe.shell(&storm);
    lab.world().carrier(true);
    client.signal(Signal::SIGCONT);
    loses_more(lost);
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
    for _ in 0..3 {
        cpe.shell(&storm);
    }
    mends("address and route are still there");
    client.assert_renews();
    before.assert_kept(&client);
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
    let held = || (kernel::addresses(&cpe).first().map(|a| a.address), kernel::unreachable(&cpe));
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
