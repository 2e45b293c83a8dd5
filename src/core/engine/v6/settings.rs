//! The options in effect: what a server told besides leases. They are
//! replaced as a whole by each answer, so that what is no longer sent is no
//! longer used (RFC 9915 §18.2.10.5).

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use crate::desired::Resolver;
use crate::ident::hex_octets;
use crate::snapshot;
use crate::wire::{DhcpOption, DomainName, Message, NtpSource, text};

/// The most entries kept of any list; more helps nobody and costs memory.
const MAX_ENTRIES: usize = 32;
/// The most octets kept of options that are only shown.
const MAX_RAW: usize = 16 * 1024;

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

    /// The picture for people and programs.
    pub(super) fn view(&self) -> snapshot::Options {
        let hex = |payloads: &Vec<Vec<u8>>| payloads.iter().map(|p| text::hex(p)).collect();
        snapshot::Options {
            dns: self.dns.clone(),
            domains: self.domains.clone(),
            ntp: self.ntp.iter().map(ToString::to_string).collect(),
            sntp: self.sntp.clone(),
            aftr: None,
            captive_portal: None,
            raw: self.raw.iter().map(|(code, payloads)| (*code, hex(payloads))).collect(),
        }
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
    fn raw_options_do_not_exhaust_memory() {
        let huge = DhcpOption::Raw { code: 65000, payload: vec![0; 60_000] };
        assert!(Settings::of(&[huge]).raw.is_empty());
    }
}
