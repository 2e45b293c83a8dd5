//! Options by the test vectors: decoded, and encoded back to the same octets.

use super::*;
use crate::wire::Message;

fn octets(hex: &str) -> Vec<u8> {
    crate::ident::hex_octets(hex).unwrap()
}

/// Decodes one option at the top level of a Reply.
fn decode(hex: &str) -> (Vec<DhcpOption>, Vec<u16>) {
    let decoded = Message::decode(&octets(&format!("07000000{hex}"))).unwrap();
    (decoded.message.options, decoded.malformed)
}

/// Decodes an option that is well formed and encodes to the same octets.
fn round_trip(hex: &str) -> DhcpOption {
    let (mut options, malformed) = decode(hex);
    assert_eq!(malformed, [], "{hex}");
    let option = options.remove(0);
    let mut encoded = Vec::new();
    option.encode(&mut encoded).unwrap();
    assert_eq!(encoded, octets(hex));
    option
}

/// An option that is left out for its form alone; what follows stays.
fn is_malformed(hex: &str) {
    let (options, malformed) = decode(&format!("{hex}00070001ff"));
    assert_eq!(options, [DhcpOption::Preference(255)], "{hex}");
    assert_eq!(malformed.len(), 1, "{hex}");
}

fn address(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

#[test]
fn tx_06_elapsed_time_vectors() {
    assert_eq!(round_trip("000800020000"), DhcpOption::ElapsedTime(0));
    assert_eq!(round_trip("00080002ffff"), DhcpOption::ElapsedTime(0xffff));
}

#[test]
fn ntp_01_vectors_by_address_and_by_name() {
    let by_address = round_trip("003800140001001020010db8000000000000000000000123");
    assert_eq!(
        by_address,
        DhcpOption::NtpServer(vec![NtpSource::Unicast(address("2001:db8::123"))])
    );
    let by_name = round_trip("0038001500030011036e7470076578616d706c6503636f6d00");
    let name = "ntp.example.com".parse().unwrap();
    assert_eq!(by_name, DhcpOption::NtpServer(vec![NtpSource::Name(name)]));
}

#[test]
fn ntp_01_unknown_suboptions_are_skipped_and_broken_ones_spoil_the_option() {
    let (options, _) = decode("0038001900090001aa0001001020010db8000000000000000000000123");
    assert!(matches!(&options[..], [DhcpOption::NtpServer(sources)] if sources.len() == 1));
    is_malformed("0038000401001000");
    is_malformed("00380000");
    is_malformed("0038000500090001aa");
}

#[test]
fn dns_01_sntp_01_servers_and_search_list() {
    let servers = round_trip("0017001020010db8000000000000000000000053");
    assert_eq!(servers, DhcpOption::DnsServers(vec![address("2001:db8::53")]));
    let names = round_trip("0018000d076578616d706c65036e657400");
    assert_eq!(names, DhcpOption::DomainList(vec!["example.net".parse().unwrap()]));
}

/// Lengths that no definition allows.
#[test]
fn wrong_lengths_cost_the_option_alone() {
    for code in ["0017", "001f"] {
        is_malformed(&format!("{code}0000"));
        is_malformed(&format!("{code}000f{}", "00".repeat(15)));
        is_malformed(&format!("{code}0011{}", "00".repeat(17)));
    }
    for code in ["0020", "0052", "0053"] {
        is_malformed(&format!("{code}0003000000"));
        is_malformed(&format!("{code}00050000000000"));
    }
    is_malformed("00070000");
    is_malformed("00070002ffff");
    is_malformed("0008000100");
    is_malformed("0014000100");
    is_malformed("0006000100");
    is_malformed("00010002ffff");
    is_malformed(&format!("00020083{}", "00".repeat(131)));
    is_malformed("00180002c000");
}

#[test]
fn status_and_associations_cut_short_are_left_out() {
    is_malformed("000d0000");
    is_malformed("000d000100");
    for length in 0..12_usize {
        for code in ["0003", "0019"] {
            is_malformed(&format!("{code}{length:04x}{}", "00".repeat(length)));
        }
    }
}

#[test]
fn t_05_t_09_leases_and_statuses_cut_short_are_left_out_wherever_they_stand() {
    let ia = |code: u16, inner: &str| {
        format!("{code:04x}{:04x}{}{inner}", 12 + inner.len() / 2, "00".repeat(12))
    };
    let cut = |code: u16, length: usize| format!("{code:04x}{length:04x}{}", "00".repeat(length));
    let leases = |hex: &str, malformed: &[u16]| {
        let (options, seen) = decode(&format!("{hex}0017001020010db8{}", "00".repeat(12)));
        assert_eq!(seen, malformed, "{hex}");
        assert!(matches!(options[1], DhcpOption::DnsServers(_)), "{hex}");
        match &options[0] {
            DhcpOption::IaNa(ia) | DhcpOption::IaPd(ia) => ia.options.len(),
            other => panic!("{other:?}"),
        }
    };
    for length in 0..24 {
        assert_eq!(leases(&ia(3, &cut(5, length)), &[5]), 0);
    }
    for length in 0..25 {
        assert_eq!(leases(&ia(25, &cut(26, length)), &[26]), 0);
    }
    for length in 0..2 {
        let status = cut(13, length);
        assert_eq!(leases(&ia(3, &status), &[13]), 0);
        let prefix = format!(
            "001a{:04x}{}38{}{status}",
            25 + 4 + length,
            "00".repeat(8),
            "20010db8000000000000000000000000"
        );
        assert_eq!(leases(&ia(25, &prefix), &[13]), 1, "the prefix is one all the same");
    }
}

/// The meaning is plain, so the option counts.
#[test]
fn sol_14_rapid_commit_with_content_is_taken_and_noted() {
    assert_eq!(decode("000e000100"), (vec![DhcpOption::RapidCommit], vec![14]));
}

/// Code 0 ends nothing.
#[test]
fn rx_01_unknown_options_are_kept_and_hide_nothing() {
    let (options, malformed) = decode("00000000 00000002aabb 00070001ff".replace(' ', "").as_str());
    assert_eq!(options.len(), 3);
    assert_eq!(options[2], DhcpOption::Preference(255));
    assert_eq!(malformed, []);
}

/// A prefix header that points beyond its association.
#[test]
fn rx_10_an_overrun_within_an_association_costs_the_association() {
    let ia = format!("00190010{}001a0019", "00".repeat(12));
    let (options, malformed) = decode(&format!("{ia}0017001020010db8{}", "00".repeat(12)));
    assert_eq!(malformed, [25]);
    assert!(matches!(options[..], [DhcpOption::DnsServers(_)]));
}

/// Prefix lengths and bits beyond them.
#[test]
fn rx_10_prefix_length_over_128_and_stray_bits() {
    let ia = |length: u8| {
        format!(
            "00190029{}001a0019{}{length:02x}{}",
            "00".repeat(12),
            "00".repeat(8),
            "ff".repeat(16)
        )
    };
    for length in [129, 137, 200, 255] {
        let (options, malformed) = decode(&ia(length));
        assert_eq!(malformed, [26], "{length}");
        assert!(matches!(&options[..], [DhcpOption::IaPd(ia)] if ia.options.is_empty()));
    }
    let (options, _) = decode(&ia(4));
    let DhcpOption::IaPd(ia) = &options[0] else { panic!("no IA_PD") };
    assert_eq!(ia.prefixes().next().unwrap().prefix.to_string(), "f000::/4");
}

#[test]
fn order_and_repetition_are_kept() {
    let hex = "001900 0c 00000002 0000000000000000 0019000c 00000001 0000000000000000 00070001ff";
    let (options, _) = decode(&hex.replace(' ', ""));
    let iaids: Vec<_> = options
        .iter()
        .filter_map(|o| if let DhcpOption::IaPd(ia) = o { Some(ia.iaid.0) } else { None })
        .collect();
    assert_eq!(iaids, [2, 1]);
}

#[test]
fn status_codes_are_named_and_their_text_escaped() {
    let status = Status { code: StatusCode(2), message: ServerText::new(b"no\nmore") };
    assert_eq!(status.to_string(), "NoAddrsAvail (no\\nmore)");
    assert_eq!(StatusCode(99).to_string(), "status 99");
}
