//! Single options.

use super::*;

#[test]
fn v4_routes_have_as_many_octets_as_they_need() {
    // RFC 3442: 0/0, 10/8, 10.17/16, 10.27.129/24, 10.198.122.47/32.
    let octets = [
        &[0, 192, 0, 2, 1][..],
        &[8, 10, 192, 0, 2, 1],
        &[16, 10, 17, 192, 0, 2, 1],
        &[24, 10, 27, 129, 192, 0, 2, 1],
        &[32, 10, 198, 122, 47, 0, 0, 0, 0],
        &[7, 11, 192, 0, 2, 1],
    ]
    .concat();
    let read = routes(&octets).unwrap();
    let texts: Vec<_> = read.iter().map(|r| format!("{}/{}", r.destination, r.length)).collect();
    let expected = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.17.0.0/16",
        "10.27.129.0/24",
        "10.198.122.47/32",
        "10.0.0.0/7",
    ];
    assert_eq!(texts, expected);
    assert!(read[0].is_default() && !read[1].is_default());
    for cut in [
        &[][..],
        &[24, 10, 27],
        &[0, 192, 0, 2],
        &[33, 1, 2, 3, 4, 5, 1, 2, 3, 4],
        &[0, 192, 0, 2, 1, 8],
    ] {
        assert_eq!(routes(cut), None, "{cut:?}");
    }
    assert_eq!(routes(&[0, 1, 2, 3, 4].repeat(500)).map(|routes| routes.len()), Some(MOST_ENTRIES));
}

#[test]
fn dhcp_4o6s_08_port_parameters_of_the_vectors() {
    let of = |offset, length, psid| PortSet::new(offset, length, psid);
    let cases: [(&[u8; 4], _); 6] = [
        (&[0, 8, 0x34, 0], of(0, 8, 0x34)),
        (&[6, 8, 0x34, 0], of(6, 8, 0x34)),
        (&[6, 10, 0xff, 0xc0], of(6, 10, 0x3ff)),
        (&[0, 16, 0x1f, 0x90], of(0, 16, 0x1f90)),
        // Bits beyond the length do not count, and without one none do.
        (&[6, 8, 0x34, 0xff], of(6, 8, 0x34)),
        (&[6, 0, 0xff, 0xff], of(6, 0, 0)),
    ];
    for (octets, expected) in cases {
        assert_eq!(port_set(octets), expected, "{octets:?}");
    }
    let option = V4Option::PortParameters(of(6, 8, 0x34).unwrap());
    let mut octets = Vec::new();
    option.encode(&mut octets);
    assert_eq!(octets, [0x9f, 4, 6, 8, 0x34, 0]);
}

#[test]
fn v4_the_softwire_source_of_the_vectors() {
    let mut octets = Vec::new();
    V4Option::SourceAddress("2001:db8:12:3400:0:c000:212:34".parse().unwrap()).encode(&mut octets);
    let expected = "6d1020010db8001234000000c00002120034";
    assert_eq!(crate::wire::text::hex(&octets), expected);
}

#[test]
fn v4_masks_are_ones_and_then_zeros() {
    assert_eq!(mask_length([255, 255, 255, 0]), Some(24));
    assert_eq!([mask_length([0; 4]), mask_length([255; 4])], [Some(0), Some(32)]);
    assert_eq!(mask_length([255, 0, 255, 0]), None);
    for length in 0..=32 {
        assert_eq!(mask_length(mask(length).octets()), Some(length));
    }
}

#[test]
fn v4_names_may_end_in_zeros_and_hold_nothing_else() {
    let read = |octets: &[u8]| V4Option::decode(code::DOMAIN_NAME, octets);
    let expected = Some(V4Option::DomainName("example.net".parse().unwrap()));
    assert_eq!(read(b"example.net"), expected);
    assert_eq!(read(b"example.net\0\0"), expected);
    for evil in [&b"$(reboot)"[..], b"a b", b"", b"\0", b"a\0b", b"\xff", b"../x"] {
        assert_eq!(read(evil), None, "{evil:?}");
    }
}

#[test]
fn dhcp_4o6_27_option_108_is_read_by_its_own_code() {
    let read = |payload: &[u8]| V4Option::decode(108, payload);
    assert_eq!(read(&[0, 0, 1, 44]), Some(V4Option::Ipv6OnlyPreferred(300)));
    assert_eq!([read(&[]), read(&[0; 3]), read(&[0; 5])], [None, None, None]);
}
