//! `dhc6c status` for people: the snapshot as text.

use std::fmt::Write as _;

use dhc6c_core::snapshot::{
    Address, AddressState, DelegatedPrefix, Dhcp4o6, Mode, PortSetView, Snapshot,
};
use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::code;
use dhc6c_core::wire::parameter::EncryptedDns;

/// The text for one interface, several lines with a line break at the end.
pub(crate) fn text(snapshot: &Snapshot) -> String {
    let mut page = Page(String::new());
    page.heading(snapshot);
    if let Some(server) = &snapshot.server {
        let preference = server.preference;
        page.row("Server", &format!("{}  preference {preference}", server.address));
        page.row("", &format!("DUID {}", server.duid));
    }
    page.rows("Address", snapshot.addresses.iter().map(address));
    page.rows("Prefix", snapshot.prefixes.iter().map(prefix));
    let options = &snapshot.options;
    page.list("DNS", &options.dns);
    page.list("Domains", &options.domains);
    page.list("NTP", &options.ntp);
    page.list("SNTP", &options.sntp);
    page.rows("Encrypted", options.encrypted_dns.iter().map(resolver));
    page.list("Name", options.fqdn.as_slice());
    page.list("Portal", options.captive_portal.as_slice());
    page.list("AFTR", options.aftr.as_slice());
    page.list("SIP", &options.sip_domains);
    page.list("SIP", &options.sip_servers);
    page.list("PCP", &options.pcp_servers.concat());
    page.list("Time zone", options.timezone.as_slice());
    page.list("Time zone", options.timezone_posix.as_slice());
    page.list("Boot", options.boot_file.as_slice());
    // The line of DHCPv4 over DHCPv6 has the servers.
    let is_said = |number: u16| number == code::DHCP4_O_DHCP6_SERVER && snapshot.dhcp4o6.is_some();
    for (number, payloads) in options.raw.iter().filter(|(number, _)| !is_said(**number)) {
        let name = code::name(*number).unwrap_or("unknown");
        page.rows("Option", payloads.iter().map(|hex| format!("{number} {name}  {hex}")));
    }
    snapshot.dhcp4o6.iter().for_each(|dhcp4o6| page.ipv4(dhcp4o6));
    if let Some(timers) = &snapshot.timers {
        let next = timers.next.as_ref();
        let next =
            next.map_or_else(String::new, |n| format!("   next {} in {}", n.what, span(n.seconds)));
        page.row("Timers", &format!("T1 in {}   T2 in {}{next}", span(timers.t1), span(timers.t2)));
    }
    page.counters(snapshot);
    page.row("DUID", &snapshot.duid.to_string());
    if let Some(iaid) = snapshot.iaid {
        page.row("IAID", &iaid.to_string());
    }
    if let Some(error) = &snapshot.last_error {
        page.row("Last error", error);
    }
    page.0
}

struct Page(String);

impl Page {
    fn heading(&mut self, snapshot: &Snapshot) {
        let mode = match snapshot.mode {
            Mode::Stateful => "stateful",
            Mode::Stateless => "stateless",
            Mode::Auto => "auto",
        };
        let ready = if snapshot.ready { "ready" } else { "not ready" };
        let state = snapshot.state.as_str();
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(self.0, "{}  {state} ({mode}), {ready}", snapshot.name);
    }

    fn row(&mut self, label: &str, text: &str) {
        let _ = writeln!(self.0, "{label:>12}  {text}");
    }

    fn rows(&mut self, label: &str, texts: impl Iterator<Item = String>) {
        for (index, text) in texts.enumerate() {
            self.row(if index == 0 { label } else { "" }, &text);
        }
    }

    fn list<T: ToString>(&mut self, label: &str, entries: &[T]) {
        if !entries.is_empty() {
            let texts: Vec<_> = entries.iter().map(ToString::to_string).collect();
            self.row(label, &texts.join(" "));
        }
    }

    fn ipv4(&mut self, ipv4: &Dhcp4o6) {
        let servers: Vec<_> = ipv4.servers.iter().map(ToString::to_string).collect();
        let servers = if servers.is_empty() { "none".to_owned() } else { servers.join(" ") };
        self.row("DHCP4o6", &format!("{}  servers {servers}", ipv4.state.as_str()));
        if let (Some(address), Some(lease)) = (ipv4.address, ipv4.lease) {
            let length = ipv4.prefix_length.unwrap_or(32);
            let server = ipv4.server.map(|server| format!("  from {server}"));
            let server = server.unwrap_or_default();
            self.row("IPv4", &format!("{address}/{length}  valid {}{server}", span(lease)));
        }
        self.rows("Ports", ipv4.port_set.iter().map(ports));
        self.rows("Bound to", ipv4.source.iter().map(ToString::to_string));
        self.list("Far ends", &ipv4.border_relays);
        self.rows("IPv4 routes", ipv4.routes.iter().map(ToString::to_string));
        self.list("IPv4 DNS", &ipv4.dns);
        self.list("IPv4 domains", &[ipv4.domain.as_slice(), &ipv4.domains].concat());
        self.list("IPv4 NTP", &ipv4.ntp);
    }

    fn counters(&mut self, snapshot: &Snapshot) {
        let counters = &snapshot.counters;
        let list = |counts: &std::collections::BTreeMap<_, u64>| {
            let texts: Vec<_> = counts.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
            if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
        };
        self.row("Sent", &list(&counters.sent));
        self.row("Received", &list(&counters.received));
        if counters.dropped.total() > 0 {
            let texts: Vec<_> =
                counters.dropped.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
            self.row("Dropped", &texts.join(", "));
        }
    }
}

fn resolver(resolver: &EncryptedDns) -> String {
    let words = resolver.addresses.iter().map(ToString::to_string).chain(resolver.alpn.clone());
    let words: Vec<_> = std::iter::once(resolver.name.to_string()).chain(words).collect();
    words.join(" ")
}

/// The first of the ranges, and how many there are.
fn ports(set: &PortSetView) -> String {
    const SHOWN: usize = 3;
    let first: Vec<_> = set.ranges.iter().take(SHOWN).map(String::as_str).collect();
    let more = match set.ranges.len() {
        count if count > SHOWN => format!(" … {count} ranges"),
        _ => String::new(),
    };
    let PortSetView { offset, psid_len, psid, .. } = set;
    format!("{}{more}  PSID {psid} of {psid_len} bits, offset {offset}", first.join(" "))
}

fn address(address: &Address) -> String {
    let note = match address.state {
        AddressState::Tentative => "  tentative",
        AddressState::Preferred => "",
        AddressState::Deprecated => "  deprecated",
        AddressState::Duplicate => "  duplicate",
    };
    let times = lifetimes(address.preferred, address.valid);
    format!("{}/128  {times}{note}", address.address)
}

fn prefix(prefix: &DelegatedPrefix) -> String {
    let times = lifetimes(prefix.preferred, prefix.valid);
    let excluded = prefix.excluded.map_or_else(String::new, |p| format!("  (excluded {p})"));
    format!("{}  {times}{excluded}", prefix.prefix)
}

fn lifetimes(preferred: Lifetime, valid: Lifetime) -> String {
    format!("preferred {}  valid {}", span(preferred), span(valid))
}

/// A lifetime in the largest two units that it fills.
fn span(lifetime: Lifetime) -> String {
    if lifetime == Lifetime::INFINITE {
        return "for ever".to_owned();
    }
    let seconds = lifetime.0;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ipv4_lease_stands_on_lines_of_its_own() {
        let ipv4: Dhcp4o6 = serde_json::from_value(serde_json::json!({
            "state": "bound", "servers": ["2001:db8::1"], "address": "192.0.2.18",
            "server": "192.0.2.1", "lease": 3600, "prefix_length": 32,
            "port_set": { "offset": 6, "psid_len": 8, "psid": 52,
                          "ranges": ["1232-1235", "2256-2259", "3280-3283", "4304-4307"] },
            "routes": [{ "destination": "0.0.0.0", "length": 0, "router": "192.0.2.1" }],
            "dns": ["192.0.2.53"],
        }))
        .unwrap();
        let mut page = Page(String::new());
        page.ipv4(&ipv4);
        let expected = [
            "     DHCP4o6  bound  servers 2001:db8::1",
            "        IPv4  192.0.2.18/32  valid 1h00m  from 192.0.2.1",
            "       Ports  1232-1235 2256-2259 3280-3283 … 4 ranges  PSID 52 of 8 bits, offset 6",
            " IPv4 routes  0.0.0.0/0 by 192.0.2.1",
            "    IPv4 DNS  192.0.2.53",
        ];
        assert_eq!(page.0.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn spans_are_short_and_exact_enough() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m00s"),
            (3599, "59m59s"),
            (3600, "1h00m"),
            (86_399, "23h59m"),
            (90_000, "1d01h"),
            (u32::MAX, "for ever"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(span(Lifetime(seconds)), expected);
        }
    }
}
