//! What is kept over a restart, and what is given back.

use crate::capture::dialogue;
use crate::client::{Client, Launch, code};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{
    ADVERTISE, CONFIRM, IA_NA, Message, REBIND, RELEASE, REPLY, REQUEST, SERVER_ID, SOLICIT, hex,
};
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    cnf_01_cnf_04_cnf_05_restart_confirms_the_stored_address,
    reb_04_restart_with_a_prefix_rebinds,
    fin_03_a_killed_client_goes_on_with_what_it_had,
    rel_01_rel_02_release_where_asked,
    rel_02_release_by_command_rests_and_restart_starts_over,
    keep_leaves_address_and_route_and_the_next_start_takes_them_over,
    dry_run_changes_nothing,
    wait_waits_for_the_client_and_the_interface,
    wait_waits_for_those_that_come_meanwhile,
];

/// Input: `--release`, then TERM.
/// Expected: exit 0 within 3 s; a Release to the server with both leases and no other option
/// than it may have; address and route are gone.
fn rel_01_rel_02_release_where_asked() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd", "--release"]);
    client.wait_ready();
    let reply = lab.capture().first_of(REPLY, poll::SOON);
    client.terminate();

    kernel::assert_clean(&lab.world().cpe());
    let release = lab.capture().first_of(RELEASE, poll::SOON);
    assert_eq!(release.option(SERVER_ID).map(hex), Some(kea.duid().to_owned()));
    assert_eq!(release.addresses(), reply.addresses());
    assert_eq!(prefixes(&release), prefixes(&reply));
    assert!(release.requested().is_empty());
    lab.finish(&[&kea]);
}

/// Input: `--keep`, then TERM, then another start.
/// Expected: exit 0 within 3 s; address and route stay, socket and lock are gone; the next
/// start goes on with both, and a plain end takes both back.
fn keep_leaves_address_and_route_and_the_next_start_takes_them_over() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd", "--keep"]);
    client.wait_ready();
    client.terminate();

    assert!(!client.stderr().contains("unbound"), "{}", client.stderr());
    let cpe = lab.world().cpe();
    let held = (kernel::addresses(&cpe)[0].address, kernel::unreachable(&cpe));
    assert_eq!(held.1.len(), 1);
    for name in ["wan0.sock", "wan0.lock"] {
        assert!(!client.launch().run_file(name).exists(), "{name} stayed");
    }
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    assert_eq!((kernel::addresses(&cpe)[0].address, kernel::unreachable(&cpe)), held);
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}

/// Input: a client with an address is stopped and started again.
/// Expected: its first message is a Confirm with that address, without server id and ORO and
/// with zero lifetimes; it is ready with the same address and no Solicit was sent again.
fn cnf_01_cnf_04_cnf_05_restart_confirms_the_stored_address() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let (client, before) = restarted(&lab, &[]);
    let status = client.wait_ready();

    let again = after(&lab, &before);
    assert_eq!(dialogue(&again), [CONFIRM, REPLY]);
    let confirm = &again[0];
    assert_eq!(confirm.addresses(), before[before.len() - 1].addresses());
    assert!(!confirm.has(SERVER_ID) && confirm.requested().is_empty(), "{confirm:?}");
    let lifetimes = &confirm.associations(IA_NA)[0].options[0].1[16..24];
    assert_eq!(lifetimes, [0; 8]);
    assert_eq!(status.text("/addresses/0/address"), confirm.addresses()[0].to_string());
    assert_eq!(kernel::addresses(&lab.world().cpe())[0].address, confirm.addresses()[0]);
    lab.finish(&[&kea]);
}

/// Input: a client with address and prefix is stopped and started again.
/// Expected: its first message is a Rebind with both; ready with the same prefix, without a
/// Solicit.
fn reb_04_restart_with_a_prefix_rebinds() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let (client, before) = restarted(&lab, &["--pd"]);
    client.wait_ready();

    let again = after(&lab, &before);
    assert_eq!(dialogue(&again), [REBIND, REPLY]);
    let leased = &before[before.len() - 1];
    assert_eq!(again[0].addresses(), leased.addresses());
    assert_eq!(prefixes(&again[0]), prefixes(leased));
    assert_eq!(kernel::unreachable(&lab.world().cpe()), prefixes(leased));
    lab.finish(&[&kea]);
}

/// A client that was ready, stopped, and started again, and the messages of its first run.
fn restarted(lab: &Lab, arguments: &[&str]) -> (Client, Vec<Message>) {
    let client = Client::start(lab.world(), arguments);
    client.wait_ready();
    client.terminate();
    let before = lab.capture().settled();
    (Client::start(lab.world(), arguments), before)
}

/// The messages of the second run.
fn after(lab: &Lab, before: &[Message]) -> Vec<Message> {
    lab.capture().settled().split_off(before.len())
}

/// The delegated prefixes that a message names.
fn prefixes(message: &Message) -> Vec<String> {
    message.prefixes().into_iter().map(|prefix| prefix.prefix).collect()
}

/// Input: a client with address and prefix is killed (SIGKILL) and started again.
/// Expected: its address never leaves the kernel; a Rebind, no Solicit; the same leases; a
/// plain end then leaves nothing.
fn fin_03_a_killed_client_goes_on_with_what_it_had() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let held = (kernel::addresses(&cpe)[0].address, kernel::unreachable(&cpe));
    client.signal(nix::sys::signal::Signal::SIGKILL);
    client.wait_killed();
    let before = lab.capture().settled();
    assert_eq!((kernel::addresses(&cpe)[0].address, kernel::unreachable(&cpe)), held);

    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let addresses = kernel::addresses(&cpe);
    assert!(addresses.len() == 1 && !addresses[0].tentative, "{addresses:?}");
    assert_eq!((addresses[0].address, kernel::unreachable(&cpe)), held);
    assert_eq!(dialogue(&after(&lab, &before)), [REBIND, REPLY]);
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}

/// Input: `release`, then `restart`, beside a client with address and prefix.
/// Expected: a Release, and nothing in the kernel; the client is idle, sends nothing and keeps
/// no lease; then four messages and leases again.
fn rel_02_release_by_command_rests_and_restart_starts_over() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let before = lab.capture().settled();
    order(&client, &["release", "wan0"]);
    client.wait_status("idle", poll::SOON, |status| status.text("/state") == "idle");

    assert_eq!(dialogue(&after(&lab, &before)), [RELEASE, REPLY]);
    kernel::assert_clean(&lab.world().cpe());
    let kept = std::fs::read_to_string(client.launch().state_file("wan0.lease.json"));
    assert!(!kept.expect("a lease file").contains("2001:db8:"), "a lease is kept");

    let before = lab.capture().settled();
    order(&client, &["restart", "wan0"]);
    order(&client, &["wait", "wan0"]);
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    assert_eq!(dialogue(&after(&lab, &before)), [SOLICIT, ADVERTISE, REQUEST, REPLY]);
    client.terminate();
    lab.finish(&[&kea]);
}

/// Input: `--dry-run` with a prefix.
/// Expected: the whole dialogue; the steps on standard output; nothing in the kernel, nothing
/// in the state directory.
fn dry_run_changes_nothing() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd", "--dry-run"]);
    client.wait_ready();
    kernel::assert_clean(&lab.world().cpe());
    for name in ["duid", "wan0.lease.json"] {
        assert!(!client.launch().state_file(name).exists(), "{name} was written");
    }
    client.terminate();
    let printed = client.stdout();
    for step in ["would add address 2001:db8:", "would add unreachable route 2001:db8:"] {
        assert!(printed.contains(step), "{printed}");
    }
    lab.finish(&[&kea]);
}

/// Input: `wait` before the client runs, a client with `--wait-iface` before its interface is
/// there; then the interface comes.
/// Expected: the client says that it waits; `wait` ends with 0 once there is an address.
fn wait_waits_for_the_client_and_the_interface() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    cpe.shell("ip link set wan0 down; ip link set wan0 name wan9");
    let client = Client::start(lab.world(), &["--wait-iface"]);
    client.wait_line("that it waits", |line| line.contains("waiting for it"));
    let late = client.launch().control(&["wait", "wan0", "--timeout", "1"]);
    assert_eq!(code(late.status), 4);
    cpe.shell("ip link set wan9 name wan0; ip link set wan0 up");
    order(&client, &["wait", "wan0"]);
    assert_eq!(kernel::addresses(&cpe).len(), 1);
    client.terminate();
    lab.finish(&[&kea]);
}

/// Input: `wait` without a name while one client runs; a second one starts, on a link without
/// carrier; the first one becomes ready, then the second.
/// Expected: `wait` ends with 0 when the second one has its address.
fn wait_waits_for_those_that_come_meanwhile() {
    let lab = Lab::new();
    let cpe = lab.world().cpe();
    lab.world().second_wan();
    cpe.shell("ip link set wan1 down");
    let first = Client::start(lab.world(), &[]);
    first.status();
    let wait = first.launch().spawn_control(&["wait", "--timeout", "600"]);
    let socket = first.launch().run_file("wan0.sock").display().to_string();
    // One end of a connection has the path of the listener, which itself is in state 01.
    let is_connected = |line: &str| line.contains(" 03 ") && line.ends_with(&socket);
    poll::wait_for("somebody waits", poll::SOON, || cpe.proc("net/unix").lines().any(is_connected));
    let second = Launch::new(lab.world()).on("wan1").start();
    let socket = second.launch().run_file("wan1.sock");
    poll::wait_for("the second one listens", poll::SOON, || socket.exists());

    let kea = Kea::new().start(lab.world());
    order(&first, &["wait", "wan0", "--timeout", "600"]);
    wait.assert_alive();
    cpe.shell("ip link set wan1 up");
    assert_eq!(code(wait.wait_exit(poll::BIND)), 0, "{}", wait.stderr());
    assert!(cpe.shell("ip -6 addr show dev wan1 scope global").contains("/128"));
    first.terminate();
    second.terminate();
    lab.finish(&[&kea]);
}

fn order(client: &Client, words: &[&str]) {
    let output = client.launch().control(words);
    assert_eq!(code(output.status), 0, "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
