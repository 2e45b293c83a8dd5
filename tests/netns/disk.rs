//! A disk that takes nothing: full, or read-only.

use std::path::Path;

use crate::client::{Client, Launch};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{CLIENT_ID, REBIND, REPLY, SOLICIT, hex};
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    a_disk_that_is_full_costs_a_warning_and_not_the_lease,
    a_disk_that_is_full_at_first_is_written_when_there_is_room,
    a_state_directory_that_is_read_only_costs_two_warnings,
];

/// The DUID that is made from the link-layer address of wan0 alone.
const DUID_LL: &str = "0003000102000000c001";

/// Puts a file system of this many blocks of 4 kB in place of the state directory.
fn small_disk(lab: &Lab, state: &Path, blocks: u32, filled: bool) {
    let state = state.display();
    let cpe = lab.world().cpe();
    cpe.shell(&format!("mount -t tmpfs -o nr_blocks={blocks},mode=755 tmpfs {state}"));
    if filled {
        cpe.shell(&format!("dd if=/dev/zero of={state}/filler bs=4096 2>/dev/null || true"));
    }
}

/// What is in the state directory, as the client sees it.
fn files(lab: &Lab, state: &Path) -> Vec<String> {
    let printed = lab.world().cpe().shell(&format!("ls -A {}", state.display()));
    printed.lines().map(str::to_owned).collect()
}

/// The lines of the log that warn of what could not be written.
fn warnings(client: &Client) -> usize {
    client.stderr().lines().filter(|line| line.contains("cannot write")).count()
}

/// Input: a disk with room for the DUID alone; then the client is killed and started again.
/// Expected: an address and renewals all the same, one warning however often it is tried, no
/// half of a file; the DUID is the same after the start, and nothing is left at the end.
fn a_disk_that_is_full_costs_a_warning_and_not_the_lease() {
    let lab = Lab::new();
    let kea = Kea::new().short().start(lab.world());
    let launch = Launch::new(lab.world()).with(&["--pd"]);
    let state = launch.state();
    small_disk(&lab, &state, 1, false);
    let client = launch.start();
    let duid = client.wait_ready().text("/duid").to_owned();
    let before = client.resources();
    for _ in 0..3 {
        client.assert_renews();
    }
    assert_eq!(warnings(&client), 1, "{}", client.stderr());
    assert_eq!(files(&lab, &state), ["duid"]);
    before.assert_kept(&client);

    client.signal(nix::sys::signal::Signal::SIGKILL);
    client.wait_killed();
    let client = Client::start(lab.world(), &["--pd"]);
    assert_eq!(client.wait_ready().text("/duid"), duid);
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    client.terminate();
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[&kea]);
}

/// Input: a disk without any room; after a while there is some.
/// Expected: an address, with a DUID that needs no storage; the leases are written with one of
/// the next renewals, and the next start goes on with them, under the same DUID.
fn a_disk_that_is_full_at_first_is_written_when_there_is_room() {
    let lab = Lab::new();
    // The record is kept anew when half of the valid lifetime that it has is over.
    let kea = Kea::new().times([3, 6, 8, 10]).start(lab.world());
    let launch = Launch::new(lab.world()).with(&["--pd"]);
    let state = launch.state();
    small_disk(&lab, &state, 4, true);
    let client = launch.start();
    assert_eq!(client.wait_ready().text("/duid"), DUID_LL);
    client.assert_renews();
    let cpe = lab.world().cpe();
    cpe.shell(&format!("rm {}/filler", state.display()));
    poll::wait_for("the leases are written", poll::BIND, || {
        client.assert_alive();
        files(&lab, &state) == ["wan0.lease.json"]
    });

    client.signal(nix::sys::signal::Signal::SIGKILL);
    client.wait_killed();
    let before = lab.capture().settled().len();
    let client = Client::start(lab.world(), &["--pd"]);
    assert_eq!(client.wait_ready().text("/duid"), DUID_LL);
    let again = lab.capture().settled().split_off(before);
    assert!(again.iter().all(|message| message.kind != SOLICIT), "the leases were not found");
    assert!(again.iter().any(|message| message.kind == REBIND), "{again:?}");
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}

/// Input: a state directory that is read-only.
/// Expected: a DUID that needs no storage (RFC 9915 §11.2), an address, renewals, one warning
/// for the DUID and one for the leases.
fn a_state_directory_that_is_read_only_costs_two_warnings() {
    let lab = Lab::new();
    let kea = Kea::new().short().start(lab.world());
    let launch = Launch::new(lab.world()).with(&["--pd"]);
    let state = launch.state();
    small_disk(&lab, &state, 4, false);
    let cpe = lab.world().cpe();
    cpe.shell(&format!("mount -o remount,ro {}", state.display()));
    let client = launch.start();
    client.wait_ready();
    let before = client.resources();
    for _ in 0..3 {
        client.assert_renews();
    }
    let reply = lab.capture().first_of(REPLY, poll::SOON);
    assert_eq!(reply.option(CLIENT_ID).map(hex).as_deref(), Some(DUID_LL));
    assert_eq!(warnings(&client), 2, "{}", client.stderr());
    before.assert_kept(&client);
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}
