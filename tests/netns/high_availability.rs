//! Two Kea servers that know each other's leases; one of them dies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use crate::client::{Client, Launch, code};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{ELAPSED_TIME, Message, REBIND, RENEW, REPLY, SOLICIT};
use crate::poll;
use crate::process::Process;
use crate::servers::{Kea, Server};
use crate::world::Space;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    ha_02_ha_04_the_standby_takes_over_and_no_packet_is_lost,
    ha_05_a_client_that_finds_the_primary_dead_is_served_by_the_standby,
    ha_07_sixteen_clients_of_two_servers_of_which_one_dies,
];

/// The servers find each other, and one that died is missed, within this time.
const FAILOVER: Duration = Duration::from_secs(100);

/// Both servers, once they work together.
fn pair(lab: &Lab, mode: &str) -> [Server; 2] {
    let [first, second] = Kea::pair(mode);
    let servers = [
        first.start_in(lab.world(), &lab.world().isp()),
        second.start_in(lab.world(), &lab.world().isp2()),
    ];
    let state = format!("to {}", mode.to_uppercase());
    poll::wait_for("the servers work together", FAILOVER, || {
        servers.iter().all(|server| server.log().contains(&state))
    });
    servers
}

/// Hundredths of a second, as a message says.
fn elapsed(octets: Option<&[u8]>) -> u16 {
    octets.map_or(0, |octets| octets.iter().fold(0, |value, o| value << 8 | u16::from(*o)))
}

/// Input: bound, T1 10 s and T2 50 s; the primary is killed while somebody pings the address.
/// Expected: Renews with a growing elapsed time, a Rebind that the standby answers, and it is the
/// client's server then; address and prefix stay; no echo is lost.
fn ha_02_ha_04_the_standby_takes_over_and_no_packet_is_lost() {
    let lab = Lab::paired();
    let [primary, standby] = pair(&lab, "hot-standby");
    let client = Client::start(lab.world(), &["--pd"]);
    let status = client.wait_ready();
    assert_eq!(status.text("/server/duid"), primary.duid());
    let address = status.text("/addresses/0/address").to_owned();
    let prefix = status.text("/prefixes/0/prefix").to_owned();
    // What a router would tell the kernel, which listens to none here.
    lab.world().cpe().shell("ip -6 route add 2001:db8:0:1::/64 dev wan0");
    let ping = ping(&lab.world().isp2(), &address);
    primary.kill();
    let status = client.wait_status("the standby is the server", FAILOVER, |status| {
        status.0["server"]["duid"] == standby.duid() && status.0["state"] == "bound"
    });
    assert_eq!(status.text("/addresses/0/address"), address);
    assert_eq!(status.text("/prefixes/0/prefix"), prefix);
    assert_nothing_lost(&ping);
    let messages = lab.capture().settled();
    assert!(elapsed_grows(&messages));
    let rebind = messages.iter().find(|message| message.kind == REBIND).expect("a Rebind");
    assert!(messages.iter().any(|it| it.kind == REPLY && it.xid == rebind.xid));
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    lab.finish(&[&primary, &standby]);
}

/// Input: the primary is killed before a client starts.
/// Expected: Solicits with a growing elapsed time, by which the standby sees that it is needed;
/// then bound.
fn ha_05_a_client_that_finds_the_primary_dead_is_served_by_the_standby() {
    let lab = Lab::paired();
    let [primary, standby] = pair(&lab, "hot-standby");
    primary.kill();
    let client = Client::start(lab.world(), &[]);
    let status = client.wait_status("bound", FAILOVER, |status| status.0["ready"] == true);
    assert_eq!(status.text("/server/duid"), standby.duid());
    let solicits = lab.capture().settled().into_iter().filter(|message| message.kind == SOLICIT);
    let ages: Vec<_> = solicits.map(|it| elapsed(it.option(ELAPSED_TIME))).collect();
    assert!(ages[0] == 0 && ages.windows(2).all(|pair| pair[0] < pair[1]), "{ages:?}");
    lab.finish(&[&standby]);
}

/// True where a Renew was sent more than once within an exchange, two repetitions at least among
/// all of them, each with a larger elapsed time than the one before.
fn elapsed_grows(messages: &[Message]) -> bool {
    let mut exchanges: BTreeMap<u32, Vec<u16>> = BTreeMap::new();
    for renew in messages.iter().filter(|message| message.kind == RENEW) {
        exchanges.entry(renew.xid).or_default().push(elapsed(renew.option(ELAPSED_TIME)));
    }
    let repetitions: usize = exchanges.values().map(|ages| ages.len() - 1).sum();
    let grows = |ages: &Vec<u16>| ages[0] == 0 && ages.windows(2).all(|pair| pair[0] < pair[1]);
    repetitions >= 2 && exchanges.values().all(grows)
}

/// Input: sixteen interfaces with a DUID each, an address and a prefix, load balancing; then one
/// server is killed while somebody pings every address.
/// Expected: either server has some of the clients; after its death all are the other one's, every
/// address and prefix is the same all the time, Renews say how long they have tried, and no echo
/// is lost.
fn ha_07_sixteen_clients_of_two_servers_of_which_one_dies() {
    let lab = Lab::paired();
    let servers = pair(&lab, "load-balancing");
    let mut file = String::new();
    for number in 0..16 {
        if number > 0 {
            lab.world().further_wan(number);
        }
        // The DUIDs of RFC 3074's hash differ in their last octet.
        write!(
            file,
            "[[wan]]\ninterface = \"wan{number}\"\n\
             duid = \"000100012b2c3d4e0211223344{number:02x}\"\nprefix = \"any\"\n"
        )
        .expect("text");
    }
    let client = Launch::new(lab.world()).with_file(&file).start();
    let waited = client.launch().control(&["wait", "--timeout", "60"]);
    assert_eq!(code(waited.status), 0, "{}", String::from_utf8_lossy(&waited.stderr));
    let before = held(&client);
    assert_eq!(before.len(), 16);
    for server in &servers {
        let clients = before.values().filter(|held| held.server == server.duid()).count();
        assert!(clients > 0, "{} has no client", server.name());
    }
    let [first, second] = &servers;
    assert!(before.values().all(|held| held.prefix.ends_with("/56")), "{before:?}");
    let prefixes: BTreeSet<_> = before.values().map(|held| &held.prefix).collect();
    assert_eq!(prefixes.len(), 16, "each has one of its own: {before:?}");
    let (dead, alive) =
        if before["wan0"].server == first.duid() { (first, second) } else { (second, first) };
    // What a router would tell the kernel, which listens to none here.
    lab.world().cpe().shell("ip -6 route add 2001:db8:0:1::/64 dev wan0");
    let other = if dead.duid() == first.duid() { lab.world().isp2() } else { lab.world().isp() };
    let pings: Vec<_> = before.values().map(|held| ping(&other, &held.address)).collect();
    dead.kill();
    poll::wait_for("all are with the other one", FAILOVER, || {
        let now = held(&client);
        let same = |(name, then): (&String, &Held)| {
            now.get(name)
                .is_some_and(|now| (&now.address, &now.prefix) == (&then.address, &then.prefix))
        };
        assert!(before.iter().all(same), "a lease was lost: {before:?} {now:?}");
        now.values().all(|held| held.server == alive.duid())
    });
    pings.iter().for_each(assert_nothing_lost);
    assert!(elapsed_grows(&lab.capture().settled()));
    lab.finish(&[first, second]);
}

/// Asks for an echo of this address five times a second.
fn ping(space: &Space, address: &str) -> Process {
    let options = ["-6", "-n", "-i", "0.2", "-W", "2", address];
    Process::spawn("ping", space.command("ping").args(options))
}

/// Ends the pings, every one of which had its echo.
fn assert_nothing_lost(ping: &Process) {
    ping.signal(nix::sys::signal::Signal::SIGINT);
    ping.wait_exit(poll::SOON);
    let said = ping.stdout();
    assert!(said.contains(" 0% packet loss"), "{said}");
}

/// What an interface has, and of whom.
#[derive(Debug)]
struct Held {
    server: String,
    address: String,
    prefix: String,
}

/// What each interface has.
fn held(client: &Client) -> BTreeMap<String, Held> {
    let output = client.launch().control(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let interfaces = status["interfaces"].as_array().expect("a list").iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    interfaces
        .map(|one| {
            let held = Held {
                server: text(&one["server"]["duid"]),
                address: text(&one["addresses"][0]["address"]),
                prefix: text(&one["prefixes"][0]["prefix"]),
            };
            (text(&one["name"]), held)
        })
        .collect()
}
