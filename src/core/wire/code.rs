//! Option codes by name (IANA registry "DHCP Option Codes").
//!
//! The constants are those that this client reads or writes; [`NAMES`] names
//! every assigned code as the registry does, without `OPTION_`, in lower case
//! with hyphens.

/// DUID of the client (RFC 9915 §21.2).
pub const CLIENTID: u16 = 1;
/// DUID of the server (RFC 9915 §21.3).
pub const SERVERID: u16 = 2;
/// Identity association for addresses (RFC 9915 §21.4).
pub const IA_NA: u16 = 3;
/// Identity association for temporary addresses, obsolete (RFC 9915 §21.5).
pub const IA_TA: u16 = 4;
/// An address in an IA_NA (RFC 9915 §21.6).
pub const IAADDR: u16 = 5;
/// Option request (RFC 9915 §21.7).
pub const ORO: u16 = 6;
/// Preference of the server (RFC 9915 §21.8).
pub const PREFERENCE: u16 = 7;
/// Time since the exchange began (RFC 9915 §21.9).
pub const ELAPSED_TIME: u16 = 8;
/// Authentication (RFC 9915 §21.11).
pub const AUTH: u16 = 11;
/// Status (RFC 9915 §21.13).
pub const STATUS_CODE: u16 = 13;
/// Two-message exchange (RFC 9915 §21.14).
pub const RAPID_COMMIT: u16 = 14;
/// What a Reconfigure asks for (RFC 9915 §21.19).
pub const RECONF_MSG: u16 = 19;
/// Willing to be reconfigured (RFC 9915 §21.20).
pub const RECONF_ACCEPT: u16 = 20;
/// SIP servers by name (RFC 3319 §3.1).
pub const SIP_DOMAINS: u16 = 21;
/// SIP servers by address (RFC 3319 §3.2).
pub const SIP_SERVERS: u16 = 22;
/// Recursive name servers (RFC 3646 §3).
pub const DNS_SERVERS: u16 = 23;
/// Domain search list (RFC 3646 §4).
pub const DOMAIN_LIST: u16 = 24;
/// Identity association for prefix delegation (RFC 9915 §21.21).
pub const IA_PD: u16 = 25;
/// A prefix in an IA_PD (RFC 9915 §21.22).
pub const IAPREFIX: u16 = 26;
/// SNTP servers (RFC 4075 §4).
pub const SNTP_SERVERS: u16 = 31;
/// When to ask again (RFC 9915 §21.23).
pub const INFORMATION_REFRESH_TIME: u16 = 32;
/// Our name and who tells the DNS (RFC 4704 §4).
pub const CLIENT_FQDN: u16 = 39;
/// Time zone in the words of POSIX (RFC 4833 §2).
pub const POSIX_TIMEZONE: u16 = 41;
/// Time zone by its name (RFC 4833 §3).
pub const TZDB_TIMEZONE: u16 = 42;
/// A time source (RFC 5908 §4).
pub const NTP_SERVER: u16 = 56;
/// What to boot (RFC 5970 §3.1).
pub const BOOTFILE_URL: u16 = 59;
/// With which parameters (RFC 5970 §3.2).
pub const BOOTFILE_PARAM: u16 = 60;
/// The end of a DS-Lite tunnel (RFC 6334 §3).
pub const AFTR_NAME: u16 = 64;
/// Part of a delegated prefix that stays with the provider (RFC 6603 §4.2).
pub const PD_EXCLUDE: u16 = 67;
/// Upper bound for Solicit (RFC 9915 §21.24).
pub const SOL_MAX_RT: u16 = 82;
/// Upper bound for Information-request (RFC 9915 §21.25).
pub const INF_MAX_RT: u16 = 83;

/// Options of the protocol itself: neither asked for nor sent by hand (RFC 9915 §21.7, §21.23 and
/// appendix B).
#[must_use]
pub const fn is_protocol(code: u16) -> bool {
    matches!(code, 0..=14 | 18..=20 | 25 | 26 | 32 | 82 | 83)
}

/// True for a code that may stand in an Option Request beside those that the
/// protocol puts there: the classes of a client are for servers alone
/// (RFC 9915 §21.7).
#[must_use]
pub const fn may_be_requested(code: u16) -> bool {
    !is_protocol(code) && !matches!(code, USER_CLASS | VENDOR_CLASS)
}

/// Policy for the choice of addresses (RFC 7078 §2).
pub const ADDRSEL: u16 = 84;
/// A row of it (RFC 7078 §2).
pub const ADDRSEL_TABLE: u16 = 85;
/// Servers for port control (RFC 7291 §4).
pub const PCP_SERVER: u16 = 86;
/// A DHCPv4 message (RFC 7341 §7.1).
pub const DHCPV4_MSG: u16 = 87;
/// Where DHCPv4 messages are to be sent (RFC 7341 §7.2).
pub const DHCP4_O_DHCP6_SERVER: u16 = 88;
/// The far end of a softwire (RFC 7598 §4.2); at the top level only beside a
/// DHCPv4 message (RFC 8539 §4.1).
pub const S46_BR: u16 = 90;
/// The prefix that a softwire's near end should be in (RFC 8539 §6.1).
pub const S46_BIND_IPV6_PREFIX: u16 = 137;
/// A captive portal (RFC 8910 §2.2).
pub const CAPTIVE_PORTAL: u16 = 103;
/// Resolvers under encryption (RFC 9463 §4.1).
pub const V6_DNR: u16 = 144;

/// Options of the classes of clients, which a client sends and never asks for
/// (RFC 9915 §21.15, §21.16).
pub const USER_CLASS: u16 = 15;
/// See [`USER_CLASS`].
pub const VENDOR_CLASS: u16 = 16;

/// The registry's name of a code, if it is assigned.
///
/// ```
/// use dhc6c_core::wire::code;
/// assert_eq!(code::name(23), Some("dns-servers"));
/// assert_eq!(code::name(10), None);
/// ```
#[must_use]
pub fn name(code: u16) -> Option<&'static str> {
    let index = NAMES.binary_search_by_key(&code, |&(code, _)| code).ok()?;
    NAMES.get(index).map(|&(_, name)| name)
}

/// The code that a person wrote: a number or a name of the registry.
#[must_use]
pub fn parse(text: &str) -> Option<u16> {
    let name = text.to_ascii_lowercase().replace('_', "-");
    let by_name = NAMES.iter().find(|(_, known)| *known == name).map(|&(code, _)| code);
    by_name.or_else(|| text.parse().ok())
}

/// Every assigned code with its name, by code.
pub const NAMES: &[(u16, &str)] = &[
    (1, "clientid"),
    (2, "serverid"),
    (3, "ia-na"),
    (4, "ia-ta"),
    (5, "iaaddr"),
    (6, "oro"),
    (7, "preference"),
    (8, "elapsed-time"),
    (9, "relay-msg"),
    (11, "auth"),
    (12, "unicast"),
    (13, "status-code"),
    (14, "rapid-commit"),
    (15, "user-class"),
    (16, "vendor-class"),
    (17, "vendor-opts"),
    (18, "interface-id"),
    (19, "reconf-msg"),
    (20, "reconf-accept"),
    (21, "sip-server-d"),
    (22, "sip-server-a"),
    (23, "dns-servers"),
    (24, "domain-list"),
    (25, "ia-pd"),
    (26, "iaprefix"),
    (27, "nis-servers"),
    (28, "nisp-servers"),
    (29, "nis-domain-name"),
    (30, "nisp-domain-name"),
    (31, "sntp-servers"),
    (32, "information-refresh-time"),
    (33, "bcmcs-server-d"),
    (34, "bcmcs-server-a"),
    (36, "geoconf-civic"),
    (37, "remote-id"),
    (38, "subscriber-id"),
    (39, "client-fqdn"),
    (40, "pana-agent"),
    (41, "new-posix-timezone"),
    (42, "new-tzdb-timezone"),
    (43, "ero"),
    (44, "lq-query"),
    (45, "client-data"),
    (46, "clt-time"),
    (47, "lq-relay-data"),
    (48, "lq-client-link"),
    (49, "mip6-hnidf"),
    (50, "mip6-vdinf"),
    (51, "v6-lost"),
    (52, "capwap-ac-v6"),
    (53, "relay-id"),
    (54, "ipv6-address-mos"),
    (55, "ipv6-fqdn-mos"),
    (56, "ntp-server"),
    (57, "v6-access-domain"),
    (58, "sip-ua-cs-list"),
    (59, "opt-bootfile-url"),
    (60, "opt-bootfile-param"),
    (61, "client-arch-type"),
    (62, "nii"),
    (63, "geolocation"),
    (64, "aftr-name"),
    (65, "erp-local-domain-name"),
    (66, "rsoo"),
    (67, "pd-exclude"),
    (68, "vss"),
    (69, "mip6-idinf"),
    (70, "mip6-udinf"),
    (71, "mip6-hnp"),
    (72, "mip6-haa"),
    (73, "mip6-haf"),
    (74, "rdnss-selection"),
    (75, "krb-principal-name"),
    (76, "krb-realm-name"),
    (77, "krb-default-realm-name"),
    (78, "krb-kdc"),
    (79, "client-linklayer-addr"),
    (80, "link-address"),
    (81, "radius"),
    (82, "sol-max-rt"),
    (83, "inf-max-rt"),
    (84, "addrsel"),
    (85, "addrsel-table"),
    (86, "v6-pcp-server"),
    (87, "dhcpv4-msg"),
    (88, "dhcp4-o-dhcp6-server"),
    (89, "s46-rule"),
    (90, "s46-br"),
    (91, "s46-dmr"),
    (92, "s46-v4v6bind"),
    (93, "s46-portparams"),
    (94, "s46-cont-mape"),
    (95, "s46-cont-mapt"),
    (96, "s46-cont-lw"),
    (97, "4rd"),
    (98, "4rd-map-rule"),
    (99, "4rd-non-map-rule"),
    (100, "lq-base-time"),
    (101, "lq-start-time"),
    (102, "lq-end-time"),
    (103, "dhcp-captive-portal"),
    (104, "mpl-parameters"),
    (105, "ani-att"),
    (106, "ani-network-name"),
    (107, "ani-ap-name"),
    (108, "ani-ap-bssid"),
    (109, "ani-operator-id"),
    (110, "ani-operator-realm"),
    (111, "s46-priority"),
    (112, "mud-url-v6"),
    (113, "v6-prefix64"),
    (114, "f-binding-status"),
    (115, "f-connect-flags"),
    (116, "f-dns-removal-info"),
    (117, "f-dns-host-name"),
    (118, "f-dns-zone-name"),
    (119, "f-dns-flags"),
    (120, "f-expiration-time"),
    (121, "f-max-unacked-bndupd"),
    (122, "f-mclt"),
    (123, "f-partner-lifetime"),
    (124, "f-partner-lifetime-sent"),
    (125, "f-partner-down-time"),
    (126, "f-partner-raw-clt-time"),
    (127, "f-protocol-version"),
    (128, "f-keepalive-time"),
    (129, "f-reconfigure-data"),
    (130, "f-relationship-name"),
    (131, "f-server-flags"),
    (132, "f-server-state"),
    (133, "f-start-time-of-state"),
    (134, "f-state-expiration-time"),
    (135, "relay-port"),
    (136, "v6-sztp-redirect"),
    (137, "s46-bind-ipv6-prefix"),
    (138, "ia-ll"),
    (139, "lladdr"),
    (140, "slap-quad"),
    (141, "v6-dots-ri"),
    (142, "v6-dots-address"),
    (143, "ipv6-address-andsf"),
    (144, "v6-dnr"),
    (145, "registered-domain"),
    (146, "forward-dist-manager"),
    (147, "reverse-dist-manager"),
    (148, "addr-reg-enable"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_so_that_the_search_finds_them() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.iter().all(|&(code, text)| name(code) == Some(text)));
    }

    #[test]
    fn names_and_numbers_are_read() {
        assert_eq!(parse("ntp-server"), Some(56));
        assert_eq!(parse("NTP_SERVER"), Some(56));
        assert_eq!(parse("88"), Some(88));
        assert_eq!(parse("65535"), Some(65535));
        assert_eq!(parse("65536"), None);
        assert_eq!(parse("dns"), None);
    }
}
