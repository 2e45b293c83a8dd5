//! Two Kea servers that know each other's leases; one of them dies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::client::{Client, Launch, code};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{ELAPSED_TIME, REBIND, RENEW, REPLY, SOLICIT};
use crate::poll;
use crate::process::Process;
use crate::servers::{Kea, Server};

pub(crate) const TESTS: &[(&str, fn())] = tests![
    ha_02_ha_04_the_standby_takes_over_and_no_packet_is_lost,
    ha_05_a_client_that_finds_the_primary_dead_is_served_by_the_standby,
    ha_07_sixteen_clients_of_two_servers_of_which_one_dies,
];

/// The servers find each other, and one that died is missed, within this time.
const FAILOVER: Duration = Duration::from_secs(60);

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

/// Input: bound, T1 10 s and T2 16 s; the primary is killed while somebody pings the address.
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
    let ping = Process::spawn(
        "ping",
        lab.world().isp2().command("ping").args(["-6", "-n", "-i", "0.2", "-W", "2", &address]),
    );
    primary.kill();
    let status = client.wait_status("the standby is the server", FAILOVER, |status| {
        status.0["server"]["duid"] == standby.duid() && status.0["state"] == "bound"
    });
    assert_eq!(status.text("/addresses/0/address"), address);
    assert_eq!(status.text("/prefixes/0/prefix"), prefix);
    ping.signal(nix::sys::signal::Signal::SIGINT);
    ping.wait_exit(poll::SOON);
    let said = ping.stdout();
    assert!(said.contains(" 0% packet loss"), "{said}");
    let messages = lab.capture().settled();
    let renews: Vec<_> = messages.iter().filter(|message| message.kind == RENEW).collect();
    let grows = renews.windows(2).all(|pair| {
        pair[0].xid != pair[1].xid
            || elapsed(pair[0].option(ELAPSED_TIME)) < elapsed(pair[1].option(ELAPSED_TIME))
    });
    assert!(grows && !renews.is_empty());
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

/// Input: sixteen interfaces with a DUID each, load balancing; then one server is killed.
/// Expected: either server has some of the clients; after its death all are the other one's, and
/// every address is the same all the time.
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
             duid = \"000100012b2c3d4e0211223344{number:02x}\"\n"
        )
        .expect("text");
    }
    let client = Launch::new(lab.world()).with_file(&file).start();
    let waited = client.launch().control(&["wait", "--timeout", "60"]);
    assert_eq!(code(waited.status), 0, "{}", String::from_utf8_lossy(&waited.stderr));
    let before = held(&client);
    assert_eq!(before.len(), 16);
    for server in &servers {
        let clients = before.values().filter(|(duid, _)| duid == server.duid()).count();
        assert!(clients > 0, "{} has no client", server.name());
    }
    let [first, second] = &servers;
    let (dead, alive) =
        if before["wan0"].0 == first.duid() { (first, second) } else { (second, first) };
    dead.kill();
    poll::wait_for("all are with the other one", FAILOVER, || {
        let now = held(&client);
        let same = |(name, (_, address)): (&String, &(String, String))| {
            now.get(name).is_some_and(|(_, held)| held == address)
        };
        assert!(before.iter().all(same), "an address was lost: {before:?} {now:?}");
        now.values().all(|(duid, _)| duid == alive.duid())
    });
    lab.finish(&[first, second]);
}

/// The server and the address of each interface.
fn held(client: &Client) -> BTreeMap<String, (String, String)> {
    let output = client.launch().control(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let interfaces = status["interfaces"].as_array().expect("a list").iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    interfaces
        .map(|one| {
            let held = (text(&one["server"]["duid"]), text(&one["addresses"][0]["address"]));
            (text(&one["name"]), held)
        })
        .collect()
}
