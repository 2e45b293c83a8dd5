//! The carrier goes and comes back, in every state of the client.

use crate::client::{Client, Launch};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{
    CONFIRM, DECLINE, INFORMATION_REQUEST, REBIND, RELEASE, RENEW, REPLY, REQUEST, SOLICIT,
};
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    cnf_01_while_soliciting,
    cnf_01_while_requesting,
    cnf_01_bound_with_an_address,
    cnf_01_reb_05_bound_with_a_prefix,
    cnf_01_reb_05_while_renewing,
    cnf_01_reb_05_while_rebinding,
    cnf_01_while_confirming,
    dec_01_while_declining,
    rel_04_while_releasing,
    cnf_01_inf_02_with_options_alone,
];

/// The carrier of wan0 goes; the server answers again; the carrier comes back.
fn flap(lab: &Lab, client: &Client, answer_again: impl FnOnce()) {
    lab.world().carrier(false);
    client.wait_line("that the link is down", |line| line.contains("the link is down"));
    answer_again();
    lab.world().carrier(true);
}

fn wait_state(client: &Client, state: &str) {
    client.wait_status(state, poll::BIND, |status| status.0["state"] == state);
}

/// After the flap the client holds what it held before, or something where it held nothing,
/// and has released none of it.
fn assert_holds(lab: &Lab, client: &Client, before: &[String], with_prefix: bool) {
    client.wait_status("bound and ready", poll::BIND, |status| {
        status.0["state"] == "bound" && status.0["ready"] == true
    });
    let held = kernel::held(&lab.world().cpe());
    assert_eq!(held.len(), if with_prefix { 2 } else { 1 }, "{held:?}");
    assert!(before.iter().all(|lease| held.contains(lease)), "{before:?}, then {held:?}");
    let said = lab.capture().settled();
    assert!(!said.iter().any(|message| message.kind == RELEASE), "something was released");
    client.terminate();
    kernel::assert_clean(&lab.world().cpe());
}

/// Input: nobody answers the Solicit. Expected: leases once somebody does.
fn cnf_01_while_soliciting() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    kea.pause();
    let client = Client::start(lab.world(), &["--pd"]);
    lab.capture().first_of(SOLICIT, poll::BIND);
    wait_state(&client, "soliciting");
    flap(&lab, &client, || kea.resume());
    assert_holds(&lab, &client, &[], true);
    lab.finish(&[&kea]);
}

/// Input: the server is silent after its Advertise. Expected: leases in the end.
fn cnf_01_while_requesting() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    lab.world().be_deaf_for(&[REQUEST]);
    let client = Client::start(lab.world(), &["--pd"]);
    lab.capture().first_of(REQUEST, poll::BIND);
    wait_state(&client, "requesting");
    flap(&lab, &client, || lab.world().listen());
    assert_holds(&lab, &client, &[], true);
    lab.finish(&[&kea]);
}

/// Input: a client with an address alone. Expected: Confirm, and the same address.
fn cnf_01_bound_with_an_address() {
    bound(&[], CONFIRM);
}

/// Input: a client with a prefix too. Expected: Rebind, and the same leases.
fn cnf_01_reb_05_bound_with_a_prefix() {
    bound(&["--pd"], REBIND);
}

fn bound(arguments: &[&str], verified_by: u8) {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), arguments);
    client.wait_ready();
    let before = kernel::held(&lab.world().cpe());
    flap(&lab, &client, || {});
    let question = lab.capture().first_of(verified_by, poll::BIND);
    lab.capture().first("the answer", poll::SOON, |message| {
        message.kind == REPLY && message.xid == question.xid
    });
    assert_holds(&lab, &client, &before, !arguments.is_empty());
    lab.finish(&[&kea]);
}

/// Input: the server does not answer the Renew. Expected: Rebind, and the same leases.
fn cnf_01_reb_05_while_renewing() {
    extending(&[RENEW], "renewing");
}

/// Input: the server answers neither Renew nor Rebind. Expected: the same leases.
fn cnf_01_reb_05_while_rebinding() {
    extending(&[RENEW, REBIND], "rebinding");
}

fn extending(unheard: &[u8], state: &str) {
    let lab = Lab::new();
    let kea = Kea::new().short().start(lab.world());
    lab.world().be_deaf_for(unheard);
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let before = kernel::held(&lab.world().cpe());
    for kind in unheard {
        lab.capture().first_of(*kind, poll::BIND);
    }
    wait_state(&client, state);
    flap(&lab, &client, || lab.world().listen());
    assert_holds(&lab, &client, &before, true);
    lab.finish(&[&kea]);
}

/// Input: a client that was stopped begins again, and nobody answers its Confirm.
/// Expected: the address of before.
fn cnf_01_while_confirming() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let first = Client::start(lab.world(), &[]);
    first.wait_ready();
    let before = kernel::held(&lab.world().cpe());
    first.terminate();
    kea.pause();
    let client = Launch::new(lab.world()).start();
    lab.capture().first_of(CONFIRM, poll::BIND);
    wait_state(&client, "confirming");
    flap(&lab, &client, || kea.resume());
    assert_holds(&lab, &client, &before, false);
    lab.finish(&[&kea]);
}

/// Input: the address is taken, and nobody answers the Decline. Expected: another address.
fn dec_01_while_declining() {
    const TAKEN: &str = "2001:db8:0:1::1000";
    let lab = Lab::new();
    lab.world().isp().shell(&format!("ip -6 addr add {TAKEN}/128 dev isp0 nodad"));
    let kea = Kea::new().start(lab.world());
    lab.world().be_deaf_for(&[DECLINE]);
    let client = Client::start(lab.world(), &[]);
    lab.capture().first_of(DECLINE, poll::BIND);
    wait_state(&client, "declining");
    flap(&lab, &client, || lab.world().listen());
    client.wait_status("another address", poll::BIND, |status| {
        status.0["ready"] == true && status.text("/addresses/0/address") != TAKEN
    });
    assert_holds(&lab, &client, &[], false);
    lab.finish(&[&kea]);
}

/// Input: `release`, and nobody answers. Expected: idle, and nothing held.
fn rel_04_while_releasing() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    kea.pause();
    let done = client.launch().control(&["release", "wan0"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    lab.capture().first_of(RELEASE, poll::BIND);
    wait_state(&client, "releasing");
    flap(&lab, &client, || kea.resume());
    wait_state(&client, "idle");
    kernel::assert_clean(&lab.world().cpe());
    client.terminate();
    lab.finish(&[&kea]);
}

/// Input: a client with options alone. Expected: it asks again (RFC 9915 Section 18.2.12).
fn cnf_01_inf_02_with_options_alone() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--stateless"]);
    client.wait_ready();
    let before = lab.capture().settled().len();
    flap(&lab, &client, || {});
    poll::wait_for("another Information-request and its answer", poll::BIND, || {
        let said = lab.capture().messages();
        said[before..].iter().any(|message| message.kind == INFORMATION_REQUEST)
            && said[before..].iter().any(|message| message.kind == REPLY)
    });
    wait_state(&client, "informed");
    client.terminate();
    lab.finish(&[&kea]);
}
