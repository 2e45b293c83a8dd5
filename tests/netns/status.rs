//! What `status` and `watch` show of a bound client.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::{Client, code};
use crate::lab::Lab;
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    status_text_names_state_address_and_prefix,
    status_json_has_exactly_the_keys_of_the_contract,
    watch_shows_the_bound_event,
];

/// Input: `dhc6c status wan0` and `dhc6c status` beside a client with address and prefix.
/// Expected: exit 0 and a text with interface, state, address and prefix.
fn status_text_names_state_address_and_prefix() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    let status = client.wait_ready();

    for arguments in [["status", "wan0"].as_slice(), &["status"]] {
        let output = client.launch().control(arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(code(output.status), 0, "{text}");
        let shown = [
            "wan0",
            "bound",
            status.text("/addresses/0/address"),
            status.text("/prefixes/0/prefix"),
        ];
        assert!(shown.iter().all(|word| text.contains(word)), "{shown:?} in:\n{text}");
    }
    client.assert_alive();
    lab.finish(&[&kea]);
}

/// Input: `dhc6c status --json` beside a client with address and prefix.
/// Expected: at every place exactly the keys of schema 1, none missing, none more; values of
/// the types the contract gives them.
fn status_json_has_exactly_the_keys_of_the_contract() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let output = client.launch().control(&["status", "--json"]);
    let whole: Value = serde_json::from_slice(&output.stdout).expect("status --json is JSON");

    assert_keys(&whole, "", &["schema", "version", "interfaces"]);
    assert_eq!(whole["schema"], 1);
    assert_eq!(whole["interfaces"].as_array().map(Vec::len), Some(1));
    let interface = &whole["interfaces"][0];
    assert_keys(
        interface,
        "",
        &[
            "name",
            "ifindex",
            "state",
            "ready",
            "mode",
            "duid",
            "iaid",
            "server",
            "addresses",
            "prefixes",
            "timers",
            "options",
            "dhcp4o6",
            "softwire",
            "counters",
            "last_error",
        ],
    );
    assert_keys(interface, "/server", &["duid", "address", "preference"]);
    assert_keys(interface, "/addresses/0", &["address", "iaid", "preferred", "valid", "state"]);
    let prefix = ["prefix", "iaid", "preferred", "valid", "excluded", "assignments"];
    assert_keys(interface, "/prefixes/0", &prefix);
    assert_keys(interface, "/timers", &["t1", "t2", "next"]);
    assert_keys(interface, "/timers/next", &["what", "in"]);
    let options = ["dns", "domains", "ntp", "sntp", "aftr", "captive_portal", "raw"];
    assert_keys(interface, "/options", &options);
    assert_keys(interface, "/counters", &["sent", "received", "dropped"]);
    assert_values(interface);
    lab.finish(&[&kea]);
}

/// The values that are known beforehand: a client that is bound, and absent parts.
fn assert_values(interface: &Value) {
    let known = [
        ("/name", json!("wan0")),
        ("/state", json!("bound")),
        ("/ready", json!(true)),
        ("/mode", json!("stateful")),
        ("/server/address", json!("fe80::1")),
        ("/server/preference", json!(0)),
        ("/addresses/0/state", json!("preferred")),
        ("/prefixes/0/excluded", Value::Null),
        ("/prefixes/0/assignments", json!([])),
        ("/timers/next/what", json!("renew")),
        ("/options/aftr", Value::Null),
        ("/options/captive_portal", Value::Null),
        ("/dhcp4o6", Value::Null),
        ("/softwire", Value::Null),
        ("/last_error", Value::Null),
    ];
    for (pointer, value) in known {
        assert_eq!(interface.pointer(pointer), Some(&value), "{pointer} in {interface:#}");
    }
    // Whole seconds left of T1 1000 and T2 1600.
    let number =
        |pointer: &str| interface.pointer(pointer).and_then(Value::as_u64).expect("a whole number");
    assert!((900..=1000).contains(&number("/timers/t1")), "{interface:#}");
    assert!((1500..=1600).contains(&number("/timers/t2")), "{interface:#}");
    assert!(number("/counters/sent/request") > 0 && number("/counters/received/reply") > 0);
    assert!(number("/timers/next/in") <= 1000 && number("/ifindex") > 0, "{interface:#}");
}

/// Input: `dhc6c watch wan0 --json`, running before there is a server.
/// Expected: packet events of the Solicits, and a bound event once a server has answered;
/// every line is an object with time, interface, event and text.
fn watch_shows_the_bound_event() {
    let lab = Lab::new();
    let client = Client::start(lab.world(), &[]);
    client.status();
    let watch = client.watch();
    let shows = |event: &str| events(&watch.stdout()).iter().any(|shown| shown["event"] == event);
    poll::wait_for("a packet event", poll::SOON, || {
        watch.assert_alive();
        shows("packet")
    });
    let kea = Kea::new().start(lab.world());
    poll::wait_for("a bound event", poll::BIND, || {
        watch.assert_alive();
        shows("bound")
    });

    for event in events(&watch.stdout()) {
        assert_eq!(event["interface"], "wan0", "{event}");
        assert!(event["event"].is_string() && event["text"].is_string(), "{event}");
        let time = event["time"].as_str().unwrap_or_default();
        // 2026-01-31T12:34:56.789Z
        assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{event}");
    }
    client.assert_alive();
    lab.finish(&[&kea]);
}

/// The whole lines written so far.
fn events(printed: &str) -> Vec<Value> {
    let whole = printed.rfind('\n').map_or("", |end| &printed[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

fn assert_keys(value: &Value, pointer: &str, expected: &[&str]) {
    let object = value.pointer(pointer).and_then(Value::as_object);
    let object = object.unwrap_or_else(|| panic!("{pointer} is no object in {value:#}"));
    let found: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(found, expected.iter().copied().collect(), "at {pointer}");
}
