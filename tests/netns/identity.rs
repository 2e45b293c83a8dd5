//! Who the client says it is: one DUID for all its interfaces, replaced by command alone.

use std::collections::BTreeSet;

use crate::client::{Launch, code};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{CLIENT_ID, IA_NA, SOLICIT, hex};
use crate::poll;
use crate::servers::Kea;
use crate::world::WAN_MAC;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    duid_03_replaced_by_command,
    duid_05_iaid_01_one_duid_for_two_interfaces,
    prv_03_prv_07_the_identity_of_the_moment,
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
