//! Descriptors exhausted: what is open goes on, and what cannot be opened is opened later.

use std::fs;
use std::time::Duration;

use crate::client::{Client, Launch};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{RENEW, REPLY};
use crate::poll;
use crate::process::run;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    a_client_without_a_descriptor_left_renews_and_does_not_spin,
    a_start_with_too_few_descriptors_says_so_and_leaves_nothing,
];

/// T1 of these tests.
const T1: f64 = 3.0;

/// Lets a running client open so many descriptors and no more; the hard limit stays.
fn limit(client: &Client, most: usize) {
    let pid = client.pid().to_string();
    run(std::process::Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={most}:")]));
}

/// Input: a bound client may open nothing more, while somebody asks for its status again and
/// again and its record is taken away, until four renewals are over; then it may again.
/// Expected: the Renews leave at T1; nobody is answered, nothing is written, and no processor time
/// is burnt over that; afterwards it answers, writes its leases, and holds no more than before.
fn a_client_without_a_descriptor_left_renews_and_does_not_spin() {
    let lab = Lab::new();
    // The record is kept anew when half of the valid lifetime that it has is over.
    let kea = Kea::new().times([3, 6, 8, 10]).start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let reply = lab.capture().first_of(REPLY, poll::SOON);
    let before = client.resources();
    let record = client.launch().state_file("wan0.lease.json");
    poll::wait_for("the leases are written", poll::SOON, || record.exists());
    // A limit below what is open closes nothing.
    limit(&client, 3);
    fs::remove_file(&record).expect("the record");
    // It connects, and waits for an answer that does not come.
    let mut asking = client.watch();
    let renew = lab.capture().first_of(RENEW, Duration::from_secs(40));
    let elapsed = renew.at - reply.at;
    assert!((elapsed - T1).abs() <= 1.0, "the Renew came after {elapsed:.2} s");
    lab.capture().first("the Renew's Reply", poll::SOON, |message| {
        message.kind == REPLY && message.xid == renew.xid
    });
    poll::wait_for("four renewals", poll::SOON, || {
        lab.capture().messages().iter().filter(|message| message.kind == RENEW).count() >= 4
    });
    asking.assert_alive();
    assert!(!record.exists(), "it was written without a descriptor");
    let burnt = client.resources().ticks - before.ticks;
    assert!(burnt < 20, "{burnt} hundredths of a second of processor time in twelve seconds");

    limit(&client, 1024);
    client.assert_renews();
    poll::wait_for("the leases are written again", poll::SOON, || record.exists());
    asking = client.watch();
    drop(asking);
    client.wait_status("bound", poll::SOON, |status| status.0["state"] == "bound");
    before.assert_kept(&client);
    client.terminate();
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[&kea]);
}

/// Input: starts with fewer descriptors than a client needs, and one with just enough.
/// Expected: it says what is wrong, exits with 1 and leaves nothing; the last one gets an
/// address, renews and ends in good order.
fn a_start_with_too_few_descriptors_says_so_and_leaves_nothing() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    for most in [4, 6, 9, 14, 20, 31] {
        let client = Launch::new(lab.world()).with_descriptors(most).start();
        assert_eq!(client.exit_code(poll::SOON), 1, "{most}: {}", client.stderr());
        let said = client.stderr();
        assert!(said.contains("dhc6c: cannot start") && said.contains("hint: "), "{most}: {said}");
    }
    kernel::assert_clean(&cpe);
    let client = Launch::new(lab.world()).with_descriptors(32).start();
    client.wait_ready();
    client.assert_renews();
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}
