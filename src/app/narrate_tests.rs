//! What people read and programs parse.

use dhc6c_core::engine::{Config, Input, Interface};
use dhc6c_core::ident::Iaid;
use dhc6c_core::snapshot::{Address, AddressState, Snapshot};
use dhc6c_core::time::{Instant, Lifetime};
use dhc6c_core::wire::{MessageType, ServerText, Status, StatusCode, TransactionId};

use super::*;

fn snapshot() -> Snapshot {
    let config = Config::new("eth0", "00030001021122334455".parse().unwrap());
    let mut engine = Interface::new(config, [0; 32]);
    engine.handle_input(Instant::BOOT, Input::Tick);
    let mut snapshot = engine.snapshot(Instant::BOOT);
    snapshot.addresses.push(Address {
        address: "2001:db8::1000".parse().unwrap(),
        iaid: Iaid(1),
        preferred: Lifetime::INFINITE,
        valid: Lifetime::INFINITE,
        state: AddressState::Preferred,
    });
    snapshot
}

#[test]
fn a_lease_is_told_with_its_end() {
    assert_eq!(text(&Event::Bound, &snapshot()), "bound 2001:db8::1000/128 until forever");
}

#[test]
fn rep_10_a_refusal_is_told_in_one_escaped_line() {
    let message = ServerText::new(b"no\n<3>leases");
    let status = Status { code: StatusCode::NO_ADDRS_AVAIL, message };
    let told = text(&Event::Refused(MessageType::Reply, status), &snapshot());
    assert_eq!(told, "reply says NoAddrsAvail (no\\n<3>leases)");
}

#[test]
fn a_line_of_watch_has_the_fields_of_the_contract() {
    let event = Event::Sent(MessageType::Solicit, TransactionId([1, 2, 3]), 1);
    let line = line(&event, &snapshot());
    let object: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(object["event"], "packet");
    assert_eq!(object["interface"], "eth0");
    assert_eq!(object["type"], "solicit");
    assert_eq!(object["xid"], "010203");
    assert!(object["time"].as_str().unwrap().ends_with('Z'));
    assert!(object["text"].is_string());
}
