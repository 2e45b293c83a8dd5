//! What the kernel says, read back with `ip -j`.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use serde_json::Value;

use crate::process::run;
use crate::world::Space;

/// A global address of wan0.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) address: Ipv6Addr,
    pub(crate) length: u64,
    pub(crate) tentative: bool,
    /// The kernel was told to make no prefix route.
    pub(crate) no_prefix_route: bool,
    /// Seconds left.
    pub(crate) preferred: u64,
    /// Seconds left.
    pub(crate) valid: u64,
}

/// A route of any table.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// `unicast`, `unreachable`, `local`, …
    pub(crate) kind: String,
    pub(crate) destination: String,
}

/// The global addresses of wan0.
pub(crate) fn addresses(cpe: &Space) -> Vec<Address> {
    let links = json(cpe, &["-j", "-6", "addr", "show", "dev", "wan0", "scope", "global"]);
    list(&links)
        .iter()
        .flat_map(|link| list(&link["addr_info"]))
        // `ip` prints an empty object for a link without a match.
        .filter(|entry| entry["local"].is_string())
        .map(|entry| Address {
            address: text(&entry["local"]).parse().expect("an IPv6 address"),
            length: entry["prefixlen"].as_u64().expect("a prefix length"),
            tentative: entry["tentative"] == true,
            no_prefix_route: entry["noprefixroute"] == true,
            preferred: entry["preferred_life_time"].as_u64().expect("a lifetime"),
            valid: entry["valid_life_time"].as_u64().expect("a lifetime"),
        })
        .collect()
}

/// The routes of all tables.
pub(crate) fn routes(cpe: &Space) -> Vec<Route> {
    list(&json(cpe, &["-j", "-6", "route", "show", "table", "all"]))
        .iter()
        .map(|entry| Route {
            kind: entry["type"].as_str().unwrap_or("unicast").to_owned(),
            destination: text(&entry["dst"]),
        })
        .collect()
}

/// The IPv4 addresses of a device, each with its prefix length.
pub(crate) fn ipv4_addresses(cpe: &Space, device: &str) -> Vec<String> {
    let links = json(cpe, &["-j", "-4", "addr", "show", "dev", device]);
    let entries = list(&links).iter().flat_map(|link| list(&link["addr_info"]));
    entries
        .filter(|entry| entry["local"].is_string())
        .map(|entry| format!("{}/{}", text(&entry["local"]), entry["prefixlen"]))
        .collect()
}

/// The IPv4 default routes: each with its router, its device and its source.
pub(crate) fn ipv4_defaults(cpe: &Space) -> Vec<[String; 3]> {
    let routes = json(cpe, &["-j", "-4", "route", "show", "default"]);
    let fields = |entry: &Value| ["gateway", "dev", "prefsrc"].map(|name| text(&entry[name]));
    list(&routes).iter().map(fields).collect()
}

/// The destinations of the unreachable routes: what stands for a delegated prefix.
pub(crate) fn unreachable(cpe: &Space) -> Vec<String> {
    let mut routes = routes(cpe);
    routes.retain(|route| route.kind == "unreachable");
    routes.into_iter().map(|route| route.destination).collect()
}

/// What is held: the addresses of wan0 and the destinations of the unreachable routes.
pub(crate) fn held(cpe: &Space) -> Vec<String> {
    let addresses = addresses(cpe).into_iter().map(|held| held.address.to_string());
    addresses.chain(unreachable(cpe)).collect()
}

/// Every IPv6 address, route and rule of the namespace, a line each, without what changes by
/// itself.
pub(crate) fn everything(space: &Space) -> BTreeSet<String> {
    let links = json(space, &["-j", "-6", "addr", "show"]);
    let addresses = list(&links).iter().flat_map(|link| {
        let entries = list(&link["addr_info"]).iter().filter(|entry| entry["local"].is_string());
        entries.map(|entry| format!("{} of {}", text(&entry["local"]), text(&link["ifname"])))
    });
    let routes = json(space, &["-j", "-6", "route", "show", "table", "all"]);
    let rules = json(space, &["-j", "-6", "rule", "show"]);
    let fields = |entry: &Value, names: &[&str]| {
        names.iter().map(|name| format!("{name} {} ", entry[*name])).collect::<String>()
    };
    let routes = list(&routes).iter().map(|route| {
        fields(route, &["type", "dst", "from", "gateway", "dev", "table", "protocol"])
    });
    let rules = list(&rules)
        .iter()
        .map(|rule| fields(rule, &["priority", "src", "dst", "iif", "oif", "table", "action"]));
    addresses.chain(routes).chain(rules).collect()
}

/// Panics unless wan0 has no global address and no unreachable route exists.
pub(crate) fn assert_clean(cpe: &Space) {
    assert!(addresses(cpe).is_empty(), "an address stayed: {:?}", addresses(cpe));
    assert!(unreachable(cpe).is_empty(), "a route stayed: {:?}", unreachable(cpe));
}

fn json(space: &Space, arguments: &[&str]) -> Value {
    let printed = run(space.command("ip").args(arguments));
    // Nothing at all is printed where there is nothing to show.
    if printed.trim().is_empty() {
        return Value::Array(Vec::new());
    }
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("ip -j: {error}: {printed}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
