use super::*;
use crate::ident::hex_octets;

fn octets(hex: &str) -> Vec<u8> {
    hex_octets(hex).unwrap()
}

/// A name as it travels.
fn wire(name: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    name.parse::<DomainName>().unwrap().encode(&mut octets);
    octets
}

#[test]
fn dnr_01_the_vectors_are_read() {
    let dnr = octets(
        "0001001204646f6831076578616d706c6503636f6d00001020010db800000000000000000000005300010003\
         026832",
    );
    let resolver = encrypted_dns(&dnr).unwrap();
    assert_eq!((resolver.priority, resolver.name.as_str()), (1, "doh1.example.com"));
    assert_eq!(resolver.addresses, ["2001:db8::53".parse::<Ipv6Addr>().unwrap()]);
    assert_eq!((resolver.alpn, resolver.port, resolver.path), (vec!["h2".to_owned()], None, None));
    let alone = octets("0001001204646f6831076578616d706c6503636f6d00");
    let resolver = encrypted_dns(&alone).unwrap();
    assert!(resolver.addresses.is_empty() && resolver.alpn.is_empty());
}

/// Priority, name, addresses and parameters put together.
fn dnr(name: &[u8], addresses: &[&str], parameters: &str) -> Vec<u8> {
    let mut octets = vec![0, 1];
    octets.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
    octets.extend(name);
    octets.extend(u16::try_from(addresses.len() * 16).unwrap().to_be_bytes());
    for address in addresses {
        octets.extend(address.parse::<Ipv6Addr>().unwrap().octets());
    }
    octets.extend(self::octets(parameters));
    octets
}

#[test]
fn dnr_01_an_instance_that_breaks_a_rule_is_discarded() {
    let name = wire("doh1.example.com");
    let good = "2001:db8::53";
    let full = encrypted_dns(&dnr(
        &name,
        &["ff02::1", "::1", good, "fe80::53"],
        "00000004000100070001000302683200030002115c0007000c2f71756572797b3f646e737d",
    ));
    let full = full.unwrap();
    assert_eq!(full.addresses.len(), 2, "no group and not this host");
    assert_eq!((full.port, full.path.as_deref()), (Some(4444), Some("/query{?dns}")));
    let bad: [(&[u8], &[&str], &str); 12] = [
        (b"", &[good], ""),
        (b"\x04doh1", &[good], ""),
        (b"\x04d h1\0", &[good], ""),
        (&name, &[], ""),
        (&name, &["::1", "ff02::1"], ""),
        (&name, &[good], "00010003026832 00"),
        (&name, &[good], "0001000403683200"),
        (&name, &[good], "00030002115c00010003026832"),
        (&name, &[good], "0001000302683200010003026832"),
        (&name, &[good], "00040004c0000201"),
        (&name, &[good], "0006001020010db8000000000000000000000053"),
        (&name, &[good], "000000020005"),
    ];
    for (name, addresses, parameters) in bad {
        let payload = dnr(name, addresses, &parameters.replace(' ', ""));
        assert_eq!(encrypted_dns(&payload), None, "{addresses:?} {parameters}");
        assert!(!is_sound(code::V6_DNR, &payload));
    }
    let whole = dnr(&name, &[good], "00010003026832");
    for length in 0..whole.len() {
        // Of a part only the name alone is an instance, or all without the
        // parameters.
        let read = encrypted_dns(&whole[..length]);
        assert_eq!(read.is_some(), length == 4 + name.len() || length == 22 + name.len());
    }
}

#[test]
fn cap_01_boot_01_a_uri_is_one_line_of_what_a_uri_is_made_of() {
    let portal = octets("68747470733a2f2f6170692e6578616d706c652e6f72672f6370");
    assert_eq!(captive_portal(&portal).as_deref(), Some("https://api.example.org/cp"));
    for good in [&b"tftp://[2001:db8::1]/boot.efi"[..], b"http://h/?a=b&c=%20#f", b"urn:x:y"] {
        assert!(uri(good).is_some());
    }
    for bad in [
        &b""[..],
        b"x",
        b"://x",
        b"1http://x",
        b"http:",
        b"http://a b",
        b"http://x\0",
        b"http://x\n<3>fake",
        b"http://\xff",
        b"http://`id`",
        b"http://\"x",
        "http://ö".as_bytes(),
        &[b'a'; 2000],
    ] {
        assert_eq!(uri(bad), None, "{bad:?}");
        assert!(!is_sound(code::CAPTIVE_PORTAL, bad) && !is_sound(code::BOOTFILE_URL, bad));
    }
    assert_eq!(captive_portal(NO_PORTAL.as_bytes()), None, "there is none");
    assert!(is_sound(code::CAPTIVE_PORTAL, NO_PORTAL.as_bytes()));
}

#[test]
fn boot_01_parameters_keep_their_order() {
    let payload = [&b"\0\x04root"[..], b"\0\x03a=b"].concat();
    assert_eq!(boot_parameters(&payload).unwrap(), ["root", "a=b"]);
    for bad in [&b""[..], b"\0", b"\0\x05root", b"\0\x04root\0", b"\0\x01\n", b"\0\0"] {
        assert_eq!(boot_parameters(bad), None, "{bad:?}");
    }
}

#[test]
fn tz_01_a_time_zone_never_leads_out_of_its_directory() {
    assert_eq!(timezone(b"Europe/Zurich").as_deref(), Some("Europe/Zurich"));
    assert_eq!(posix_timezone(b"EST5EDT4,M3.2.0/02:00").as_deref(), Some("EST5EDT4,M3.2.0/02:00"));
    for bad in ["", "/etc/passwd", "../x", "a//b", "a/", "a b", "$(id)", "a\0", "é"] {
        assert_eq!(timezone(bad.as_bytes()), None, "{bad}");
    }
    for bad in [&b""[..], b"EST\n", b"EST\0", b"\xff"] {
        assert_eq!(posix_timezone(bad), None);
    }
}

#[test]
fn sip_01_pcp_01_names_and_addresses_of_others() {
    let list = [wire("sip1.example.com"), wire("sip2.example.com")].concat();
    assert_eq!(names(&list).unwrap().len(), 2);
    assert_eq!(names(&list[..list.len() - 1]), None);
    assert_eq!(names(&[]), None);
    let many = ["2001:db8::1", "ff02::1", "::1", "::", "::ffff:192.0.2.1"];
    let many: Vec<u8> =
        many.iter().flat_map(|text| text.parse::<Ipv6Addr>().unwrap().octets()).collect();
    let read = addresses(&many).unwrap();
    let expected =
        ["2001:db8::1", "::ffff:192.0.2.1"].map(|text| text.parse::<Ipv6Addr>().unwrap());
    assert_eq!(read, expected, "an IPv4 server is one too");
    assert_eq!(addresses(&many[..15]), None);
    assert_eq!(addresses(&many[16..48]), None, "nobody is left");
}

#[test]
fn asel_01_a_row_with_too_long_a_prefix_spoils_the_table() {
    let row = |hex: &str| {
        let payload = octets(hex);
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 85, 0, length][..], &payload].concat()
    };
    let good = [vec![3], row("01283c20010db800000000"), row("0205 00".replace(' ', "").as_str())];
    let table = address_selection(&good.concat()).unwrap();
    assert!(table.automatic && table.privacy);
    assert_eq!(table.policies[0].prefix.to_string(), "2001:db8::/60");
    assert_eq!((table.policies[0].label, table.policies[0].precedence), (1, 40));
    assert_eq!(table.policies[1].prefix.length(), 0);
    assert_eq!(address_selection(&[0]).unwrap().policies, []);
    for bad in ["012881", "01283c20010db8", "01", "01288120010db80000000000000000000000000000"] {
        assert_eq!(address_selection(&[vec![3], row(bad)].concat()), None, "{bad}");
    }
    assert_eq!(address_selection(&[]), None);
}

#[test]
fn dsl_01_fqdn_01_names_of_tunnel_and_host() {
    let vector = octets("04616674 72076578616d706c6503636f6d00".replace(' ', "").as_str());
    assert_eq!(aftr(&vector).unwrap().as_str(), "aftr.example.com");
    let two = [wire("one.example.com"), wire("two.example.com")].concat();
    assert_eq!(aftr(&two).unwrap().as_str(), "one.example.com", "the first");
    for bad in [&b""[..], b"\0", b"\x04aftr", b"\x04af r\0"] {
        assert_eq!(aftr(bad), None);
    }
    let answer = octets("01037063 65076578616d706c6503636f6d00".replace(' ', "").as_str());
    assert_eq!(fqdn(&answer).unwrap().as_str(), "pce.example.com");
    assert_eq!(fqdn(&octets("0103637065")), None, "a part of a name is of no use");
    assert_eq!(fqdn(&[]), None);
    for (hex, sound) in [("0103637065", true), ("00", true), ("", false), ("01ff", false)] {
        assert_eq!(is_sound(code::CLIENT_FQDN, &octets(hex)), sound, "{hex}");
    }
}
