//! Who the client says it is: one DUID for all its interfaces, replaced by command alone.

use std::collections::BTreeSet;

use crate::client::{Launch, code};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{CLIENT_ID, IA_NA, SOLICIT, hex};
use crate::poll;
use crate::process::Process;
use crate::servers::Kea;
use crate::world::WAN_MAC;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    duid_03_replaced_by_command,
    duid_05_iaid_01_one_duid_for_two_interfaces,
    prv_03_prv_07_the_identity_of_the_moment,
    prv_03_ra_01_a_link_without_an_address_of_its_own_learns_no_other,
];

/// Input: `duid new` and `duid set`, each before a run.
/// Expected: the run uses the new DUID-LLT, then the one set; `duid show` says the same.
fn duid_03_replaced_by_command() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let given = "00030001020000001234";
    let mut used = Vec::new();
    for words in [&["duid", "new"][..], &["duid", "set", given]] {
        let launch = Launch::new(lab.world());
        let state = launch.state_file("").display().to_string();
        let ask = |words: &[&str]| {
            let output = launch.control(&[words, &["--state-dir", &state]].concat());
            assert_eq!(code(output.status), 0, "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        let made = ask(words);
        assert_eq!(ask(&["duid", "show"]), made);
        let client = launch.start();
        assert_eq!(client.wait_ready().text("/duid"), made);
        client.terminate();
        used.push(made);
    }
    let address = WAN_MAC.replace(':', "");
    assert!(used[0].starts_with("00010001") && used[0].ends_with(&address), "{used:?}");
    assert_eq!(used[1], given);
    lab.finish(&[&kea]);
}

/// Input: a file with `anonymous = true`; the link gets another hardware address.
/// Expected: the DUID is that of the address of the moment, the IAID is 0, nothing is stored.
fn prv_03_prv_07_the_identity_of_the_moment() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let file = "[[wan]]\ninterface = \"wan0\"\nanonymous = true\n";
    let client = Launch::new(lab.world()).with_file(file).start();
    let duid = |address: &str| format!("00030001{}", address.replace(':', ""));
    assert_eq!(client.wait_ready().text("/duid"), duid(WAN_MAC));
    let other = "02:00:00:00:c0:77";
    let cpe = lab.world().cpe();
    cpe.shell(&format!(
        "ip link set wan0 down; ip link set wan0 address {other}; ip link set wan0 up"
    ));
    let status = client.wait_status("another DUID, bound", poll::BIND, |status| {
        status.0["duid"] == duid(other) && status.0["ready"] == true
    });
    assert_eq!(*status.at("/iaid"), serde_json::json!(0));
    let known = client.launch().state_file("wan0.lease.json");
    assert!(!known.exists() && !client.launch().state_file("duid").exists());
    let said: Vec<_> = lab.capture().settled();
    let clients: BTreeSet<_> =
        said.iter().filter_map(|message| message.option(CLIENT_ID)).map(hex).collect();
    assert_eq!(clients.len(), 2, "{clients:?}");
    lab.finish(&[&kea]);
}

/// The program behind tun0: what leaves by the interface it prints in hexadecimal, a line a packet.
/// The numbers are TUNSETIFF, and IFF_TUN with IFF_NO_PI.
const TUNNEL: &str = r#"$| = 1; open(T, "+<", "/dev/net/tun") or die;
    $name = pack("a16sx22", "tun0", 0x1001); ioctl(T, 0x400454ca, $name) or die; print "ready\n";
    while (sysread(T, $packet, 2000)) { print unpack("H*", $packet), "\n" }"#;

/// Input: tun0, which has no link-layer address, beside wan0, which has one: a client that asks
/// routers; then an anonymous one, whose link goes and comes back.
/// Expected: Router Solicitations without the option of an address; DUIDs of nobody, another one
/// for each time; nothing on tun0 ever tells the address of wan0.
fn prv_03_ra_01_a_link_without_an_address_of_its_own_learns_no_other() {
    let lab = Lab::new();
    let cpe = lab.world().cpe();
    let tunnel = Process::spawn("the tunnel", cpe.command("perl").args(["-e", TUNNEL]));
    let said = || tunnel.stdout();
    poll::wait_for("tun0", poll::SOON, || said().starts_with("ready"));
    // The kernel is to ask no router itself.
    cpe.shell("echo 0 > /proc/sys/net/ipv6/conf/tun0/accept_ra; ip link set tun0 up");
    let router_client = Launch::new(lab.world()).on("tun0").with(&["--auto"]).start();
    // Behind the header of IPv6: ICMPv6, 8 octets, type 133, no option.
    let solicitations = || -> Vec<String> {
        let is_one =
            |line: &&str| line.len() > 82 && &line[12..14] == "3a" && &line[80..82] == "85";
        said().lines().filter(is_one).map(str::to_owned).collect()
    };
    poll::wait_for("a Router Solicitation", poll::BIND, || !solicitations().is_empty());
    router_client.terminate();
    assert!(solicitations().iter().all(|packet| packet.len() == 96), "{:?}", solicitations());

    let file = "[[wan]]\ninterface = \"tun0\"\nanonymous = true\n";
    let client = Launch::new(lab.world()).on("tun0").with_file(file).start();
    // Client identifiers in Solicits: 14 octets of a DUID-LLT.
    let duids = || -> BTreeSet<String> {
        let text = said();
        let solicits = text.lines().filter(|line| line.len() > 98 && &line[96..98] == "01");
        let starts = solicits.filter_map(|line| line.split_once("0001000e00010001"));
        starts.map(|(_, rest)| rest[..20].to_owned()).collect()
    };
    poll::wait_for("a Solicit", poll::BIND, || !duids().is_empty());
    let before = duids();
    cpe.shell("ip link set tun0 down; ip link set tun0 up");
    poll::wait_for("a Solicit of somebody else", poll::BIND, || !duids().is_subset(&before));
    client.terminate();
    let address = WAN_MAC.replace(':', "");
    assert!(!said().contains(&address), "{}", said());
    tunnel.assert_alive();
    lab.finish(&[]);
}

/// Input: a file with two interfaces.
/// Expected: one process leases an address for each, with one DUID and two IAIDs; `status` has
/// both, and TERM takes both back.
fn duid_05_iaid_01_one_duid_for_two_interfaces() {
    let lab = Lab::new();
    lab.world().second_wan();
    let kea = Kea::new().start(lab.world());
    let file = "[[wan]]\ninterface = \"wan0\"\n[[wan]]\ninterface = \"wan1\"\n";
    let client = Launch::new(lab.world()).with_file(file).start();
    let waited = client.launch().control(&["wait", "--timeout", "40"]);
    assert_eq!(code(waited.status), 0, "{}", String::from_utf8_lossy(&waited.stderr));
    let cpe = lab.world().cpe();
    let second = || cpe.shell("ip -6 addr show dev wan1 scope global");
    assert_eq!(kernel::addresses(&cpe).len(), 1);
    poll::wait_for("an address on wan1", poll::SOON, || second().contains("/128"));

    let messages = lab.capture().settled();
    let solicits = messages.iter().filter(|message| message.kind == SOLICIT);
    let (duids, iaids): (BTreeSet<_>, BTreeSet<_>) = solicits
        .map(|solicit| (solicit.option(CLIENT_ID).map(hex), solicit.associations(IA_NA)[0].iaid))
        .unzip();
    assert_eq!((duids.len(), iaids.len()), (1, 2), "{duids:?} {iaids:?}");
    let status = client.launch().control(&["status"]);
    let told = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(["wan0  bound", "wan1  bound"].iter().all(|line| told.contains(line)), "{told}");

    client.terminate();
    kernel::assert_clean(&cpe);
    assert!(!second().contains("/128"), "{}", second());
    lab.finish(&[&kea]);
}
