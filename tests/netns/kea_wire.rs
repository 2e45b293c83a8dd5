//! Kea: what the client's own messages look like on the wire.

use std::net::Ipv6Addr;

use serde_json::json;

use crate::client::Client;
use crate::lab::Lab;
use crate::pcap::{
    ADVERTISE, CLIENT_ID, ELAPSED_TIME, IA_NA, IA_PD, Message, ORO, REPLY, REQUEST, SERVER_ID,
    SOLICIT, hex,
};
use crate::poll;
use crate::servers::Kea;
use crate::world::WAN_LINK_LOCAL;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    ce_1_1_2_a_ce_1_1_2_b_tx_01_from_the_link_local_to_all_servers,
    sol_01_oro_and_options_of_a_bare_run,
    tx_06_tx_07_req_01_request_is_a_new_exchange,
    tx_05_tx_06_tx_07_solicit_is_retransmitted,
    sol_05_waits_for_further_advertises,
    sol_01_vso_01_request_and_send_options,
    duid_06_iaid_01_given_on_the_command_line,
    duid_02_iaid_02_same_after_a_restart,
];

/// The Reconfigure Accept option.
const RECONFIGURE_ACCEPT: u16 = 20;

/// How late a loaded machine may make a message, in seconds.
const LATE: f64 = 0.4;

/// Input: `dhc6c wan0`, started while the link-local address is tentative.
/// Expected: every message goes from that address, port 546, to ff02::1:2, port 547.
fn ce_1_1_2_a_ce_1_1_2_b_tx_01_from_the_link_local_to_all_servers() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &[]);
    client.wait_ready();

    let own: Ipv6Addr = WAN_LINK_LOCAL.parse().expect("the EUI-64 address of wan0");
    let sent = from_client(lab.capture().settled());
    assert!(sent.len() >= 2);
    for message in &sent {
        assert_eq!((message.source, message.source_port), (own, 546));
        assert_eq!(message.destination.to_string(), "ff02::1:2");
        assert_eq!(message.destination_port, 547);
        assert_ne!(message.hop_limit, 0);
    }
    lab.finish(&[&kea]);
}

/// Input: `dhc6c wan0`.
/// Expected: the Solicit asks for 23, 24, 31, 56 and 82 and carries nothing but client id,
/// IA_NA, ORO, elapsed time 0 and Reconfigure Accept; the IA_NA is empty, T1 and T2 are 0.
fn sol_01_oro_and_options_of_a_bare_run() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &[]);
    client.wait_ready();

    let solicit = lab.capture().first_of(SOLICIT, poll::SOON);
    assert_eq!(solicit.requested(), [23, 24, 31, 56, 82]);
    let mut codes: Vec<_> = solicit.options.iter().map(|(code, _)| *code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [CLIENT_ID, IA_NA, ORO, ELAPSED_TIME, RECONFIGURE_ACCEPT]);
    assert_eq!(solicit.option(ELAPSED_TIME), Some([0, 0].as_slice()));
    let [association] = &solicit.associations(IA_NA)[..] else { panic!("one IA_NA: {solicit:?}") };
    assert_eq!((association.t1, association.t2), (0, 0));
    assert_eq!(association.options, []);
    lab.finish(&[&kea]);
}

/// Input: a bind in four messages.
/// Expected: the Request has a transaction id of its own, starts with elapsed time 0, names
/// the server, asks for the offered address, and still asks for the options.
fn tx_06_tx_07_req_01_request_is_a_new_exchange() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &[]);
    client.wait_ready();

    let solicit = lab.capture().first_of(SOLICIT, poll::SOON);
    let offer = lab.capture().first_of(ADVERTISE, poll::SOON);
    let request = lab.capture().first_of(REQUEST, poll::SOON);
    assert_ne!(request.xid, solicit.xid);
    assert_eq!(request.option(ELAPSED_TIME), Some([0, 0].as_slice()));
    assert_eq!(request.option(SERVER_ID).map(hex), Some(kea.duid().to_owned()));
    assert_eq!(request.addresses(), offer.addresses());
    assert_eq!(request.requested(), solicit.requested());
    lab.finish(&[&kea]);
}

/// Input: no server.
/// Expected: the second Solicit follows after more than 1 s, the third after about twice as
/// long; the transaction id stays and the elapsed time rises with the clock.
fn tx_05_tx_06_tx_07_solicit_is_retransmitted() {
    let lab = Lab::new();
    let client = Client::start(lab.world(), &[]);
    let solicits = poll::until("three Solicits", poll::SOON, || {
        client.assert_alive();
        Some(lab.capture().messages()).filter(|messages| messages.len() >= 3)
    });

    let gap = |index: usize| solicits[index].at - solicits[index - 1].at;
    assert!((1.0..1.1 + LATE).contains(&gap(1)), "{}", gap(1));
    assert!((1.9 * 1.0..2.1 * 1.1 + LATE).contains(&gap(2)), "{}", gap(2));
    for solicit in &solicits[..3] {
        assert_eq!((solicit.kind, solicit.xid), (SOLICIT, solicits[0].xid));
        let elapsed = u16::from_be_bytes(solicit.option(ELAPSED_TIME).unwrap().try_into().unwrap());
        let expected = solicit.at - solicits[0].at;
        assert!((f64::from(elapsed) / 100.0 - expected).abs() < LATE, "{elapsed} at {expected}");
    }
    lab.finish(&[]);
}

/// Input: a server without a preference.
/// Expected: the client waits out the first retransmission time (more than 1 s) before the
/// Request.
fn sol_05_waits_for_further_advertises() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &[]);
    client.wait_ready();

    let offer = lab.capture().first_of(ADVERTISE, poll::SOON);
    let request = lab.capture().first_of(REQUEST, poll::SOON);
    let first = lab.capture().first_of(SOLICIT, poll::SOON);
    // On a slow machine the offer answers a retransmission, and is then taken at once.
    if offer.at - first.at < 1.0 {
        assert!(request.at - first.at >= 1.0, "{:.3} s", request.at - first.at);
    }
    lab.finish(&[&kea]);
}

/// Input: `--request 65001 --request aftr-name --send 65002:c0ffee`.
/// Expected: both codes in the ORO and option 65002 in Solicit and Request; what the server
/// answered is in status under `raw`.
fn sol_01_vso_01_request_and_send_options() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let options = ["--request", "65001", "--request", "aftr-name", "--send", "65002:c0ffee"];
    let client = Client::start(lab.world(), &options);
    let status = client.wait_ready();

    for kind in [SOLICIT, REQUEST] {
        let message = lab.capture().first_of(kind, poll::SOON);
        let requested = message.requested();
        assert!(requested.contains(&65001) && requested.contains(&64), "{requested:?}");
        assert_eq!(message.option(65002).map(hex), Some("c0ffee".to_owned()));
    }
    assert_eq!(*status.at("/options/raw/65001"), json!(["c0ffee"]));
    lab.finish(&[&kea]);
}

/// Input: `--duid 0003… --iaid 305419896 --pd`.
/// Expected: this DUID in every message, this IAID in IA_NA and IA_PD, both in status.
fn duid_06_iaid_01_given_on_the_command_line() {
    const DUID: &str = "00030001020000001234";
    const IAID: u32 = 0x1234_5678;
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd", "--duid", DUID, "--iaid", &IAID.to_string()]);
    let status = client.wait_ready();

    for message in from_client(lab.capture().settled()) {
        assert_eq!(message.option(CLIENT_ID).map(hex), Some(DUID.to_owned()));
        for code in [IA_NA, IA_PD] {
            assert_eq!(message.associations(code)[0].iaid, IAID, "option {code}");
        }
    }
    assert_eq!(status.text("/duid"), DUID);
    assert_eq!(*status.at("/iaid"), json!(IAID));
    lab.finish(&[&kea]);
}

/// Input: a run, and another one with the same state directory.
/// Expected: a DUID-LLT made from wan0's hardware address, the same on the wire, in the file
/// and in status, in both runs; the same IAID.
fn duid_02_iaid_02_same_after_a_restart() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &[]);
    let first = client.wait_ready();
    client.terminate();
    let client = Client::start(lab.world(), &[]);
    let second = client.wait_ready();

    let duid = first.text("/duid");
    assert!(duid.starts_with("00010001") && duid.ends_with("02000000c001"), "{duid}");
    assert_eq!(second.text("/duid"), duid);
    assert_eq!(first.at("/iaid"), second.at("/iaid"));
    let stored =
        std::fs::read_to_string(client.launch().state_file("duid")).expect("the DUID's file");
    assert_eq!(stored.trim_end(), duid);
    let sent = from_client(lab.capture().settled());
    assert!(sent.iter().all(|message| message.option(CLIENT_ID).map(hex).as_deref() == Some(duid)));
    let iaid = sent[0].associations(IA_NA)[0].iaid;
    assert!(sent.iter().all(|message| message.associations(IA_NA)[0].iaid == iaid));
    lab.finish(&[&kea]);
}

fn from_client(mut messages: Vec<Message>) -> Vec<Message> {
    messages.retain(|message| ![ADVERTISE, REPLY].contains(&message.kind));
    messages
}
