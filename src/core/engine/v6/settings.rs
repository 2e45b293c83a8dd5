//! The options in effect: what a server told besides leases. They are
//! replaced as a whole by each answer, so that what is no longer sent is no
//! longer used (RFC 9915 §18.2.10.5).

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use crate::desired::Resolver;
use crate::ident::hex_octets;
use crate::snapshot;
use crate::wire::{DhcpOption, DomainName, Message, NtpSource, code, parameter, text};

/// The most entries kept of any list; more helps nobody and costs memory.
const MAX_ENTRIES: usize = 32;
/// The most octets kept of options that are only shown.
const MAX_RAW: usize = 16 * 1024;

/// Options that are shown by what they say alone; the rest by their octets
/// too.
const SAID: [u16; 2] = [code::AFTR_NAME, code::CAPTIVE_PORTAL];

/// Options in effect.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Settings {
    dns: Vec<Ipv6Addr>,
    domains: Vec<DomainName>,
    ntp: Vec<NtpSource>,
    sntp: Vec<Ipv6Addr>,
    raw: BTreeMap<u16, Vec<Vec<u8>>>,
}

impl Settings {
    /// What a message says; the options of the protocol itself are left out.
    /// Lists that come in several options are joined in order.
    pub(super) fn of(options: &[DhcpOption]) -> Self {
        let mut settings = Self::default();
        let mut room = MAX_RAW;
        for option in options {
            match option {
                DhcpOption::DnsServers(servers) => join(&mut settings.dns, servers, is_host),
                DhcpOption::DomainList(names) => join(&mut settings.domains, names, |_| true),
                DhcpOption::SntpServers(servers) => join(&mut settings.sntp, servers, is_host),
                DhcpOption::NtpServer(sources) => join(&mut settings.ntp, sources, |_| true),
                DhcpOption::Raw { code, payload } if payload.len() <= room => {
                    room -= payload.len();
                    let payloads = settings.raw.entry(*code).or_default();
                    if payloads.len() < MAX_ENTRIES {
                        payloads.push(payload.clone());
                    }
                }
                _ => {}
            }
        }
        settings
    }

    /// What is remembered of them: the options as they travel, in
    /// hexadecimal.
    pub(super) fn known(&self) -> String {
        let raw = self.raw.iter().flat_map(|(&code, payloads)| {
            payloads.iter().map(move |payload| DhcpOption::Raw { code, payload: payload.clone() })
        });
        let options = [
            DhcpOption::DnsServers(self.dns.clone()),
            DhcpOption::DomainList(self.domains.clone()),
            DhcpOption::SntpServers(self.sntp.clone()),
            DhcpOption::NtpServer(self.ntp.clone()),
        ];
        let mut octets = Vec::new();
        for option in options.into_iter().chain(raw) {
            // What came in a message fits one.
            let _ = option.encode(&mut octets);
        }
        text::hex(&octets)
    }

    /// What was remembered; nothing where that makes no sense.
    pub(super) fn resumed(known: &str) -> Self {
        // A message begins with its type and its transaction.
        let octets = hex_octets(known).map(|options| [&[7, 0, 0, 0], &options[..]].concat());
        let decoded = octets.and_then(|octets| Message::decode(&octets).ok());
        decoded.map_or_else(Self::default, |decoded| Self::of(&decoded.message.options))
    }

    /// What the resolver should be told, if anything.
    pub(super) fn resolver(&self) -> Option<Resolver> {
        (!self.dns.is_empty() || !self.domains.is_empty())
            .then(|| Resolver { servers: self.dns.clone(), domains: self.domains.clone() })
    }

    /// Where DHCPv4 messages are to be sent (RFC 7341 §7.2).
    pub(super) fn dhcp4o6_servers(&self) -> Option<Vec<Ipv6Addr>> {
        self.first(code::DHCP4_O_DHCP6_SERVER, parameter::dhcp4o6_servers)
    }

    /// The picture for people and programs.
    pub(super) fn view(&self) -> snapshot::Options {
        let hex = |payloads: &Vec<Vec<u8>>| payloads.iter().map(|p| text::hex(p)).collect();
        let rest = self.raw.iter().filter(|(code, _)| !SAID.contains(code));
        let mut encrypted_dns = self.every(code::V6_DNR, parameter::encrypted_dns);
        // The sort is stable.
        encrypted_dns.sort_by_key(|resolver| resolver.priority);
        snapshot::Options {
            dns: self.dns.clone(),
            domains: self.domains.clone(),
            ntp: self.ntp.iter().map(ToString::to_string).collect(),
            sntp: self.sntp.clone(),
            aftr: self.first(code::AFTR_NAME, parameter::aftr),
            captive_portal: self.first(code::CAPTIVE_PORTAL, parameter::captive_portal),
            encrypted_dns,
            fqdn: self.first(code::CLIENT_FQDN, parameter::fqdn),
            sip_domains: self.first(code::SIP_DOMAINS, parameter::names).unwrap_or_default(),
            sip_servers: self.first(code::SIP_SERVERS, parameter::addresses).unwrap_or_default(),
            pcp_servers: self.every(code::PCP_SERVER, parameter::addresses),
            timezone: self.first(code::TZDB_TIMEZONE, parameter::timezone),
            timezone_posix: self.first(code::POSIX_TIMEZONE, parameter::posix_timezone),
            boot_file: self.first(code::BOOTFILE_URL, parameter::uri),
            boot_parameters: self
                .first(code::BOOTFILE_PARAM, parameter::boot_parameters)
                .unwrap_or_default(),
            address_selection: self.first(code::ADDRSEL, parameter::address_selection),
            raw: rest.map(|(code, payloads)| (*code, hex(payloads))).collect(),
        }
    }

    /// Every instance of an option, as its definition reads it.
    fn every<T>(&self, code: u16, read: fn(&[u8]) -> Option<T>) -> Vec<T> {
        let payloads = self.raw.get(&code).into_iter().flatten();
        payloads.filter_map(|payload| read(payload)).collect()
    }

    /// The first one: what may stand once is never joined (RFC 9915 §21).
    fn first<T>(&self, code: u16, read: fn(&[u8]) -> Option<T>) -> Option<T> {
        self.raw.get(&code)?.first().and_then(|payload| read(payload))
    }
}

/// Appends what is new and usable, up to the bound.
fn join<T: Clone + PartialEq>(list: &mut Vec<T>, more: &[T], usable: impl Fn(&T) -> bool) {
    for entry in more {
        if list.len() < MAX_ENTRIES && usable(entry) && !list.contains(entry) {
            list.push(entry.clone());
        }
    }
}

/// An address that a single host can have.
fn is_host(address: &Ipv6Addr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rep_08_options_that_are_absent_are_absent() {
        let dns = DhcpOption::DnsServers(vec!["2001:db8::53".parse().unwrap()]);
        let settings = Settings::of(std::slice::from_ref(&dns));
        assert!(settings.resolver().is_some());
        assert_eq!(Settings::of(&[]), Settings::default());
        assert_eq!(Settings::of(&[]).resolver(), None);
    }

    #[test]
    fn fin_03_what_is_remembered_is_what_was_in_effect() {
        let settings = Settings::of(&[
            DhcpOption::DnsServers(vec!["2001:db8::53".parse().unwrap()]),
            DhcpOption::DomainList(vec!["example.net".parse().unwrap()]),
            DhcpOption::NtpServer(vec![NtpSource::Unicast("2001:db8::123".parse().unwrap())]),
            DhcpOption::Raw { code: 17, payload: vec![1, 2] },
            DhcpOption::Raw { code: 17, payload: vec![3] },
        ]);
        assert_eq!(Settings::resumed(&settings.known()), settings);
        assert_eq!(Settings::resumed(&Settings::default().known()), Settings::default());
        for broken in ["x", "001", "0017", "0017ffff"] {
            assert_eq!(Settings::resumed(broken), Settings::default(), "{broken}");
        }
    }

    #[test]
    fn lists_are_joined_without_doubles_and_bounded() {
        let server = |n: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n);
        let many = DhcpOption::DnsServers((1..=4000).map(server).collect());
        let again = DhcpOption::DnsServers(vec![server(1), Ipv6Addr::UNSPECIFIED]);
        let settings = Settings::of(&[again, many]);
        assert_eq!(settings.dns.len(), MAX_ENTRIES);
        assert_eq!(settings.dns[..2], [server(1), server(2)]);
    }

    #[test]
    fn unknown_options_are_kept_raw_and_shown() {
        let raw = |octet| DhcpOption::Raw { code: 17, payload: vec![0, octet] };
        let view = Settings::of(&[raw(1), raw(0xab)]).view();
        assert_eq!(view.raw.get(&17), Some(&vec!["0001".to_owned(), "00ab".to_owned()]));
    }

    #[test]
    fn opt_01_dnr_02_what_is_passed_on_is_shown_as_its_definition_reads_it() {
        let raw = |code, hex: &str| DhcpOption::Raw { code, payload: hex_octets(hex).unwrap() };
        let resolver = |priority: u8| {
            let name = "04646f6831076578616d706c6503636f6d00";
            raw(code::V6_DNR, &format!("00{priority:02x}0012{name}"))
        };
        let view = Settings::of(&[
            resolver(9),
            resolver(2),
            raw(code::CAPTIVE_PORTAL, "68747470733a2f2f61"),
            raw(code::TZDB_TIMEZONE, "455354"),
            raw(code::TZDB_TIMEZONE, "555443"),
            raw(code::PCP_SERVER, "20010db8000000000000000000000001"),
            raw(code::PCP_SERVER, "20010db8000000000000000000000002"),
            raw(145, "016100"),
        ])
        .view();
        let priorities: Vec<_> = view.encrypted_dns.iter().map(|r| r.priority).collect();
        assert_eq!(priorities, [2, 9], "the best first");
        assert_eq!(view.captive_portal.as_deref(), Some("https://a"));
        assert_eq!(view.timezone.as_deref(), Some("EST"), "the first of what may stand once");
        assert_eq!(view.pcp_servers.len(), 2, "each instance is a server");
        assert_eq!(view.raw.keys().copied().collect::<Vec<_>>(), [42, 86, 144, 145]);
    }

    #[test]
    fn home_01_rds_01_what_nothing_here_uses_is_shown_by_its_octets() {
        let raw = |code, payload: &[u8]| DhcpOption::Raw { code, payload: payload.to_vec() };
        let view = Settings::of(&[
            raw(74, &[1; 17]),
            raw(145, b"\x01a\0"),
            raw(146, b"\0\x01\x01b\0"),
            raw(147, b"\0\x01\x01c\0"),
        ])
        .view();
        assert_eq!(view.raw.keys().copied().collect::<Vec<_>>(), [74, 145, 146, 147]);
        assert_eq!(view.raw[&146], ["0001016200"]);
    }

    #[test]
    fn raw_options_do_not_exhaust_memory() {
        let huge = DhcpOption::Raw { code: 65000, payload: vec![0; 60_000] };
        assert!(Settings::of(&[huge]).raw.is_empty());
    }
}
