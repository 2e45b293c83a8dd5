//! The environment of a hook: the status object, one variable a field.
//!
//! `DHC6C_` and the names of the fields on the way, upper case, joined by
//! underscores. A list is its entries with spaces between. A list of objects
//! is one list a field, aligned by place, `-` where a field is absent; the
//! list of the field it is named after has the list's own name. A list within
//! such an object is joined by commas:
//! `DHC6C_ADDRESSES="a b"`, `DHC6C_ADDRESSES_VALID="30 40"`. What is absent is
//! not set.

use serde_json::{Map, Value};

/// Every variable of a status object, in no particular order.
pub(super) fn variables(status: &Value) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    add("DHC6C", status, &mut variables);
    variables
}

/// The one gate into an environment. Whatever a server has said, a variable
/// is one line of printable ASCII; a shell that forgets its quotes still has
/// no line break, escape or NUL to trip over.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

fn add(name: &str, value: &Value, variables: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                add(&format!("{name}_{}", upper(field)), value, variables);
            }
        }
        Value::Array(entries) if entries.iter().any(Value::is_object) => {
            let objects: Vec<_> = entries.iter().filter_map(Value::as_object).collect();
            add_table(name, &objects, variables);
        }
        value => variables.extend(scalars(value).map(|text| (name.to_owned(), text))),
    }
}

fn add_table(name: &str, objects: &[&Map<String, Value>], variables: &mut Vec<(String, String)>) {
    let fields = objects.first().into_iter().flat_map(|object| object.keys());
    for field in fields {
        let value = |object: &&Map<String, Value>| {
            let text = object.get(field).and_then(scalars);
            // A list within a row is one word.
            let word = text.map(|text| text.replace(' ', ","));
            word.filter(|word| !word.is_empty()).unwrap_or_else(|| "-".to_owned())
        };
        let column: Vec<_> = objects.iter().map(value).collect();
        // DHC6C_ADDRESSES is the list of what each entry calls its address.
        let is_main = name.ends_with(&format!("_{}ES", upper(field)));
        let name = if is_main { name.to_owned() } else { format!("{name}_{}", upper(field)) };
        variables.push((name, column.join(" ")));
    }
}

/// The text of a value that is no object; none of what is absent.
fn scalars(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(harmless(text)),
        Value::Array(entries) => {
            let texts: Vec<_> = entries.iter().filter_map(scalars).collect();
            Some(texts.join(" "))
        }
    }
}

fn upper(field: &str) -> String {
    field.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use dhc6c_core::snapshot::Snapshot;

    use super::*;

    #[test]
    fn every_field_has_a_variable() {
        let status = json!({
            "name": "eth0", "ready": true, "server": {"duid": "0001", "preference": 0},
            "addresses": [{"address": "2001:db8::1", "valid": 30, "state": "preferred"},
                          {"address": "2001:db8::2", "valid": 40, "state": null}],
            "prefixes": [{"prefix": "2001:db8::/56", "excluded": null, "assignments": []}],
            "timers": null,
            "options": {"dns": ["2001:db8::53", "2001:db8::54"], "ntp": [], "aftr": null,
                        "raw": {"17": ["00", "01"]}},
            "counters": {"sent": {"solicit": 1}, "dropped": {"transaction-id": 0}},
            "last_error": null,
        });
        let mut variables = variables(&status);
        variables.sort();
        let lines: Vec<_> = variables.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(
            lines,
            [
                "DHC6C_ADDRESSES=2001:db8::1 2001:db8::2",
                "DHC6C_ADDRESSES_STATE=preferred -",
                "DHC6C_ADDRESSES_VALID=30 40",
                "DHC6C_COUNTERS_DROPPED_TRANSACTION_ID=0",
                "DHC6C_COUNTERS_SENT_SOLICIT=1",
                "DHC6C_NAME=eth0",
                "DHC6C_OPTIONS_DNS=2001:db8::53 2001:db8::54",
                "DHC6C_OPTIONS_NTP=",
                "DHC6C_OPTIONS_RAW_17=00 01",
                "DHC6C_PREFIXES=2001:db8::/56",
                "DHC6C_PREFIXES_ASSIGNMENTS=-",
                "DHC6C_PREFIXES_EXCLUDED=-",
                "DHC6C_READY=true",
                "DHC6C_SERVER_DUID=0001",
                "DHC6C_SERVER_PREFERENCE=0",
            ]
        );
    }

    /// The status of a client with an address and a prefix, whole.
    #[test]
    fn the_environment_of_a_bound_client_is_pinned() {
        let status: Snapshot = serde_json::from_value(json!({
            "name": "eth0", "ifindex": 2, "state": "bound", "ready": true, "mode": "stateful",
            "duid": "00030001021122334455", "iaid": 1,
            "server": { "duid": "00030001020000005e01", "address": "fe80::1", "preference": 0 },
            "addresses": [{ "address": "2001:db8:1::1000", "iaid": 1, "preferred": 20,
                            "valid": 30, "state": "preferred" }],
            "prefixes": [{ "prefix": "2001:db8:8000::/56", "iaid": 1, "preferred": 20,
                           "valid": 4_294_967_295_u32, "excluded": "2001:db8:8000:ff::/64",
                           "assignments": [] }],
            "timers": { "t1": 10, "t2": 16, "next": { "what": "renew", "in": 9 } },
            "options": { "dns": ["2001:db8:1::53"], "domains": ["example.net", "a.example"],
                         "ntp": [], "sntp": [], "aftr": null, "captive_portal": null,
                         "raw": { "17": ["0000"] } },
            "dhcp4o6": { "state": "bound", "servers": ["2001:db8::1", "2001:db8::2"],
                         "address": "192.0.2.18", "server": "192.0.2.1", "lease": 3600,
                         "port_set": { "offset": 6, "psid_len": 8, "psid": 52,
                                       "ranges": ["1232-1235", "2256-2259"] },
                         "prefix_length": 32, "source": "2001:db8:1::1000",
                         "border_relays": ["2001:db8:ffff::1"],
                         "routes": [{ "destination": "0.0.0.0", "length": 0,
                                      "router": "192.0.2.1" }],
                         "dns": ["192.0.2.53"], "domain": "example.net",
                         "domains": ["example.net"], "host_name": "cpe", "ntp": ["192.0.2.123"],
                         "mtu": 1460, "broadcast": "192.0.2.255",
                         "captive_portal": "https://example.net/", "raw": { "43": "00ff" } },
            "softwire": null,
            "counters": { "sent": { "solicit": 1 }, "received": { "advertise": 1 },
                          "dropped": { "transaction-id": 3 } },
            "last_error": null,
        }))
        .unwrap();
        let mut variables = variables(&serde_json::to_value(status).unwrap());
        variables.sort();
        let lines: Vec<_> = variables.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(lines.join("\n"), include_str!("environment.golden").trim_end());
    }

    #[test]
    fn dnr_02_resolvers_under_encryption_are_aligned_lists() {
        let status = json!({ "options": { "encrypted_dns": [
            { "priority": 1, "name": "a.example", "addresses": ["2001:db8::1", "2001:db8::2"],
              "alpn": ["dot", "h2"], "port": 853, "path": null },
            { "priority": 2, "name": "b.example", "addresses": [], "alpn": [], "port": null,
              "path": "/dns{?dns}" },
        ]}});
        let mut lines: Vec<_> =
            variables(&status).into_iter().map(|(n, v)| format!("{n}={v}")).collect();
        lines.sort();
        assert_eq!(
            lines,
            [
                "DHC6C_OPTIONS_ENCRYPTED_DNS_ADDRESSES=2001:db8::1,2001:db8::2 -",
                "DHC6C_OPTIONS_ENCRYPTED_DNS_ALPN=dot,h2 -",
                "DHC6C_OPTIONS_ENCRYPTED_DNS_NAME=a.example b.example",
                "DHC6C_OPTIONS_ENCRYPTED_DNS_PATH=- /dns{?dns}",
                "DHC6C_OPTIONS_ENCRYPTED_DNS_PORT=853 -",
                "DHC6C_OPTIONS_ENCRYPTED_DNS_PRIORITY=1 2",
            ]
        );
    }

    #[test]
    fn nothing_but_one_line_of_printable_ascii_gets_through() {
        for hostile in ["a\nb", "a\r", "\x1b[2J", "\0", "\u{9b}1m", "\u{202e}x", "() { :;};\n"] {
            let text = harmless(hostile);
            assert!(text.bytes().all(|octet| (0x20..0x7f).contains(&octet)), "{text:?}");
        }
    }
}
