//! Interfaces that are renamed, deleted and made anew, that fit a pattern, that join by a
//! reload, and several in one process.

use std::path::PathBuf;

use crate::capture::dialogue;
use crate::client::{Client, Launch, STOP, code};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{REBIND, RELEASE, RENEW, REPLY};
use crate::poll;
use crate::servers::Kea;
use crate::world::WAN_MAC;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    iaid_02_renamed_while_bound_it_keeps_its_lease,
    iaid_02_deleted_and_made_anew_it_keeps_its_leases,
    a_pattern_takes_what_comes_and_fits,
    a_reload_that_cannot_start_an_interface_leaves_the_others_alone,
    a_reload_that_fails_changes_nothing,
    an_interface_taken_out_and_put_back_while_it_stops_comes_back,
    once_ends_when_all_interfaces_are_ready,
    once_that_takes_too_long_on_one_interface_leaves_nothing_on_the_other,
    duid_02_two_processes_that_start_at_once_have_one_duid,
];

const WAN0: &str = "[[wan]]\ninterface = \"wan0\"\n";
const WAN1: &str = "[[wan]]\ninterface = \"wan1\"\n";

/// Whether wan1 has a leased address.
fn second_is_bound(lab: &Lab) -> bool {
    lab.world().cpe().shell("ip -6 addr show dev wan1 scope global").contains("/128")
}

/// Rewrites the file and has it read; the exit code and what was said.
fn reload(client: &Client, text: &str) -> (i32, String) {
    std::fs::write(client.launch().file(), text).expect("the file");
    let done = client.launch().control(&["reload"]);
    (code(done.status), String::from_utf8_lossy(&done.stderr).into_owned())
}

/// Input: wan0 is renamed while it is bound (down, renamed, up); then `renew wan0`.
/// Expected: the same address, under the new name; the Renew is answered; the status tells the
/// new name, and hooks are told it; commands and files go by the old one.
fn iaid_02_renamed_while_bound_it_keeps_its_lease() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    let out = lab.world().dir().join("hook.out");
    let hook = lab.world().dir().join("hook");
    std::fs::write(&hook, format!("#!/bin/sh\necho $1 $2 >> {}\n", out.display())).expect("a hook");
    cpe.shell(&format!("chmod 755 {}", hook.display()));
    let client = Client::start(lab.world(), &["--pd", "--hook", &hook.display().to_string()]);
    let leased = client.wait_ready().text("/addresses/0/address").to_owned();
    cpe.shell("ip link set wan0 down; ip link set wan0 name far7; ip link set far7 up");
    client.wait_line("its new name", |line| line.contains("is called far7 now"));
    lab.capture().first_of(REBIND, poll::BIND);
    let status = client.wait_status("bound and ready", poll::BIND, |status| {
        status.0["state"] == "bound" && status.0["ready"] == true
    });
    assert_eq!((status.text("/name"), status.text("/addresses/0/address")), ("far7", &*leased));
    assert!(cpe.shell("ip -6 addr show dev far7").contains(&leased));

    let renewed = client.launch().control(&["renew", "wan0"]);
    assert_eq!(code(renewed.status), 0);
    let renew = lab.capture().first_of(RENEW, poll::SOON);
    lab.capture().first("the answer", poll::SOON, |message| {
        message.kind == REPLY && message.xid == renew.xid
    });
    poll::wait_for("the hook's line", poll::SOON, || {
        std::fs::read_to_string(&out).is_ok_and(|told| told.contains("far7 updated"))
    });
    cpe.shell("ip link set far7 down; ip link set far7 name wan0; ip link set wan0 up");
    client.wait_line("its old name", |line| line.contains("is called wan0 now"));
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}

/// Input: wan0 is deleted while it is bound, and made anew, with another number.
/// Expected: nothing is released; Rebind, and the same leases.
fn iaid_02_deleted_and_made_anew_it_keeps_its_leases() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    let client = Client::start(lab.world(), &["--pd"]);
    let index = client.wait_ready().at("/ifindex").clone();
    let held = || {
        let addresses = kernel::addresses(&cpe).into_iter().map(|held| held.address.to_string());
        (addresses.collect::<Vec<_>>(), kernel::unreachable(&cpe))
    };
    let before = held();
    cpe.shell("ip link del wan0");
    client.wait_line("that it is gone", |line| line.contains("the interface is gone"));
    lab.world().plug_wan_anew();
    lab.capture().first_of(REBIND, poll::BIND);
    let status = client.wait_status("bound and ready", poll::BIND, |status| {
        status.0["state"] == "bound" && status.0["ready"] == true
    });
    assert_ne!(*status.at("/ifindex"), index);
    assert_eq!(held(), before);
    assert!(!dialogue(&lab.capture().settled()).contains(&RELEASE));
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}

/// Input: a file with the pattern `wan*`; wan0 is there, wan1 comes later, and `other` never
/// fits. Expected: an address on each of the two; TERM takes both back.
fn a_pattern_takes_what_comes_and_fits() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    cpe.shell("ip link add other type veth peer name other2; ip link set other up");
    let client = Launch::new(lab.world()).with_file("[[wan]]\ninterface = \"wan*\"\n").start();
    client.wait_ready();
    lab.world().second_wan();
    poll::wait_for("an address on wan1", poll::BIND, || second_is_bound(&lab));
    assert!(!client.launch().run_file("other.sock").exists());
    client.terminate();
    kernel::assert_clean(&cpe);
    assert!(!second_is_bound(&lab));
    lab.finish(&[&kea]);
}

/// Input: another process runs on wan1; the file of the first gets wan1 too, and `reload`.
/// Expected: exit 1 with the reason; wan0 keeps its address, and its process.
fn a_reload_that_cannot_start_an_interface_leaves_the_others_alone() {
    let lab = Lab::new();
    lab.world().second_wan();
    let kea = Kea::new().start(lab.world());
    let client = Launch::new(lab.world()).with_file(WAN0).start();
    client.wait_ready();
    let second = Launch::new(lab.world()).on("wan1").start();
    poll::wait_for("an address on wan1", poll::BIND, || second_is_bound(&lab));
    let (exit, why) = reload(&client, &format!("{WAN0}{WAN1}"));
    assert_eq!(exit, 1, "{why}");
    assert!(why.contains("wan1") && why.contains("another dhc6c"), "{why}");
    assert_eq!(client.wait_ready().text("/state"), "bound");
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    second.terminate();
    let (exit, why) = reload(&client, &format!("{WAN0}{WAN1}"));
    assert_eq!(exit, 0, "{why}");
    poll::wait_for("an address on wan1", poll::BIND, || second_is_bound(&lab));
    client.terminate();
    lab.finish(&[&kea]);
}

/// Input: the file asks for a prefix on wan0, and for a DUID of another kind than the stored
/// one on wan1; `reload`. Expected: exit 2; wan0 asks for nothing new.
fn a_reload_that_fails_changes_nothing() {
    let lab = Lab::new();
    lab.world().second_wan();
    let kea = Kea::new().start(lab.world());
    let client = Launch::new(lab.world()).with_file(WAN0).start();
    client.wait_ready();
    let (exit, why) = reload(&client, &format!("{WAN0}prefix = 56\n{WAN1}duid = \"uuid\"\n"));
    assert_eq!(exit, 2, "{why}");
    assert!(why.contains("wan1"), "{why}");
    let before = lab.capture().settled().len();
    let status = client.status();
    assert_eq!((status.text("/state"), status.list("/prefixes").len()), ("bound", 0));
    assert_eq!(lab.capture().settled().len(), before);
    client.terminate();
    lab.finish(&[&kea]);
}

/// Input: wan1 is taken out of the file and put back while a hook holds up its end.
/// Expected: it has an address again.
fn an_interface_taken_out_and_put_back_while_it_stops_comes_back() {
    let lab = Lab::new();
    lab.world().second_wan();
    let kea = Kea::new().start(lab.world());
    let hook = lab.world().dir().join("slow");
    std::fs::write(&hook, "#!/bin/sh\n[ $2 != unbound ] || exec sleep 600\n").expect("a hook");
    lab.world().cpe().shell(&format!("chmod 755 {}", hook.display()));
    let client = Launch::new(lab.world())
        .with_file(&format!("{WAN0}{WAN1}"))
        .with(&["--hook", &hook.display().to_string()])
        .start();
    poll::wait_for("an address on wan1", poll::BIND, || second_is_bound(&lab));
    assert_eq!(reload(&client, WAN0).0, 0);
    assert_eq!(reload(&client, &format!("{WAN0}{WAN1}")).0, 0);
    client.wait_line("that wan1 stops", |line| line.contains("wan1: stopped"));
    poll::wait_for("an address on wan1", poll::BIND, || second_is_bound(&lab));
    lab.finish(&[&kea]);
}

/// Input: `--once wan0 wan1`. Expected: exit 0; an address on each.
fn once_ends_when_all_interfaces_are_ready() {
    let lab = Lab::new();
    lab.world().second_wan();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--once", "wan1"]);
    assert_eq!(client.exit_code(poll::BIND), 0, "{}", client.stderr());
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    assert!(second_is_bound(&lab));
    lab.finish(&[&kea]);
}

/// Input: `--once --timeout 20 wan0 wan1`, and wan1 has no carrier.
/// Expected: exit 4; nothing is left on wan0 either.
fn once_that_takes_too_long_on_one_interface_leaves_nothing_on_the_other() {
    let lab = Lab::new();
    lab.world().second_wan();
    lab.world().cpe().shell("ip link set wan1 down");
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--once", "--timeout", "20", "wan1"]);
    poll::wait_for("an address on wan0", poll::BIND, || {
        !kernel::addresses(&lab.world().cpe()).is_empty()
    });
    assert_eq!(client.exit_code(poll::BIND), 4, "{}", client.stderr());
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[&kea]);
}

/// Input: two processes, for wan0 and wan1, start at once in an empty state directory.
/// Expected: one DUID-LLT for both, and it is the one that is stored.
fn duid_02_two_processes_that_start_at_once_have_one_duid() {
    let lab = Lab::new();
    lab.world().second_wan();
    let kea = Kea::new().start(lab.world());
    let clients = ["wan0", "wan1"].map(|name| Launch::new(lab.world()).on(name).start());
    poll::wait_for("both are bound", poll::BIND, || {
        second_is_bound(&lab) && !kernel::addresses(&lab.world().cpe()).is_empty()
    });
    let duid = |name: &str| {
        let asked = clients[0].launch().control(&["status", name, "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&asked.stdout).expect("JSON");
        status["interfaces"][0]["duid"].as_str().expect("a DUID").to_owned()
    };
    let stored: PathBuf = clients[0].launch().state_file("duid");
    let stored = std::fs::read_to_string(stored).expect("a stored DUID");
    assert_eq!([&*duid("wan0"), &*duid("wan1")], [stored.trim(); 2]);
    assert!(stored.starts_with("0001") && WAN_MAC.len() == 17);
    for client in clients {
        assert!(!client.stderr().contains("cannot write"), "{}", client.stderr());
        client.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(client.exit_code(STOP), 0);
    }
    lab.finish(&[&kea]);
}
