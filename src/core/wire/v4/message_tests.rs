//! Whole messages: the vectors, what is refused, and a second opinion.

use super::*;
use crate::ident::hex_octets;
use crate::port_set::PortSet;
use crate::rng::Rng;
use crate::time::Lifetime;
use crate::wire::dhcp4o6::{Query, Response};

const CLIENT_ID: &str = "ff00000001000100012b2c3d4e021122334455";
const PARAMETERS: [u8; 9] = [1, 3, 6, 15, 51, 54, 58, 59, 159];

fn hex(text: &str) -> Vec<u8> {
    hex_octets(text).unwrap()
}

fn message(op: Op, kind: Kind, options: Vec<V4Option>) -> Message {
    Message {
        op,
        hardware: LinkAddress { hardware_type: 1, octets: hex("021122334455") },
        xid: 0x3903_f326,
        secs: 0,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        kind,
        options,
    }
}

fn client_id() -> V4Option {
    V4Option::ClientId(hex(CLIENT_ID))
}

fn ports(offset: u8, length: u8, psid: u16) -> V4Option {
    V4Option::PortParameters(PortSet::new(offset, length, psid).unwrap())
}

/// The octets from the cookie on.
fn options_area(message: &Message) -> Vec<u8> {
    message.encode()[236..].to_vec()
}

/// A message with these octets after the cookie.
fn with_options(options: &[u8]) -> Vec<u8> {
    let mut octets = message(Op::Reply, Kind::Ack, vec![]).encode();
    octets.truncate(240);
    octets.extend_from_slice(options);
    octets
}

fn decoded(options: &[u8]) -> Option<Decoded> {
    Message::decode(&with_options(options)).ok()
}

#[test]
fn dhcp_4o6_08_4o6_13_4o6s_01_discover_of_the_vectors() {
    let discover = message(
        Op::Request,
        Kind::Discover,
        vec![client_id(), V4Option::ParameterRequest(PARAMETERS.to_vec()), ports(0, 0, 0)],
    );
    let v4 = discover.encode();
    assert_eq!(v4.len(), 282);
    let area = "638253633501013d13ff00000001000100012b2c3d4e0211223344553709\
                0103060f33363a3b9f9f0400000000ff";
    assert_eq!(options_area(&discover), hex(&area.replace(' ', "")));
    let query = Query { unicast: false, request: vec![90, 137], v4: v4.clone() }.encode().unwrap();
    assert_eq!(query.len(), 298);
    assert_eq!(query[..16], hex("1400000000060004005a00890057011a"));
    let fixed = format!(
        "010106003903f326{}02112233445500000000000000000000{}",
        "00".repeat(20),
        "00".repeat(192)
    );
    assert_eq!(query[16..16 + 236], hex(&fixed));
    assert_eq!(Message::decode(&v4).unwrap().message, discover);
}

#[test]
fn dhcp_4o6s_02_offer_request_renew_and_release_of_the_vectors() {
    let mut offer = message(
        Op::Reply,
        Kind::Offer,
        vec![
            V4Option::ServerId(Ipv4Addr::new(192, 0, 2, 1)),
            V4Option::LeaseTime(Lifetime(3600)),
            client_id(),
            ports(0, 8, 0x34),
        ],
    );
    offer.yiaddr = Ipv4Addr::new(192, 0, 2, 18);
    let area = "638253633501023604c0000201330400000e103d13ff00000001000100012b2c3d4e\
                0211223344559f0400083400ff";
    assert_eq!(options_area(&offer), hex(area));
    let response = Response {
        v4: offer.encode(),
        border_relays: vec!["2001:db8:ffff::1".parse().unwrap()],
        binding_prefix: "2001:db8:12:3400::/56".parse().ok(),
        malformed: vec![],
    };
    let octets = response.encode().unwrap();
    assert_eq!((octets.len(), &octets[..8]), (323, &hex("150000000057011b")[..]));
    assert!(
        octets.ends_with(&hex("005a001020010db8ffff00000000000000000001008900083820010db8001234"))
    );
    assert_eq!(Message::decode(&Response::decode(&octets).unwrap().v4).unwrap().message, offer);

    let source = V4Option::SourceAddress("2001:db8:12:3400:0:c000:212:34".parse().unwrap());
    let asks = V4Option::ParameterRequest(PARAMETERS.to_vec());
    let request = message(
        Op::Request,
        Kind::Request,
        vec![
            V4Option::RequestedAddress(Ipv4Addr::new(192, 0, 2, 18)),
            V4Option::ServerId(Ipv4Addr::new(192, 0, 2, 1)),
            client_id(),
            asks.clone(),
            ports(0, 8, 0x34),
            source.clone(),
        ],
    );
    let area = "638253633501033204c00002123604c00002013d13ff00000001000100012b2c3d4e\
                02112233445537090103060f33363a3b9f9f04000834006d1020010db80012340000\
                00c00002120034ff";
    assert_eq!(options_area(&request), hex(area));
    let renew =
        message(Op::Request, Kind::Request, vec![client_id(), asks, ports(0, 8, 0x34), source]);
    let area = "638253633501033d13ff00000001000100012b2c3d4e02112233445537090103060f\
                33363a3b9f9f04000834006d1020010db8001234000000c00002120034ff";
    assert_eq!(options_area(&renew), hex(area));
    let server = V4Option::ServerId(Ipv4Addr::new(192, 0, 2, 1));
    let release = message(Op::Request, Kind::Release, vec![server, client_id(), ports(0, 8, 0x34)]);
    let area = "638253633501073604c00002013d13ff00000001000100012b2c3d4e021122334455\
                9f0400083400ff";
    assert_eq!(options_area(&release), hex(area));
}

#[test]
fn v4_messages_that_are_cut_or_foreign_are_refused() {
    let whole = message(Op::Reply, Kind::Ack, vec![]).encode();
    for length in [0, 1, 239, 240, 242] {
        assert_eq!(Message::decode(&whole[..length]), Err(DropReason::V4Malformed), "{length}");
    }
    assert!(Message::decode(&whole[..243]).is_ok(), "the end option is missing, and that is all");
    let spoilt = |place: usize, octet| {
        let mut octets = whole.clone();
        octets[place] = octet;
        Message::decode(&octets)
    };
    for (place, octet) in
        [(0, 0), (0, 3), (2, 17), (2, 255), (236, 98), (239, 0), (242, 0), (242, 9)]
    {
        assert_eq!(spoilt(place, octet), Err(DropReason::V4Malformed), "{octet} at {place}");
    }
    assert!(spoilt(2, 16).is_ok() && spoilt(3, 200).is_ok(), "hops are for relays");
}

#[test]
fn v4_options_have_to_tile_and_to_say_what_the_message_is() {
    assert!(decoded(&[53, 1, 5, 255]).is_some());
    assert!(
        decoded(&[0, 0, 53, 1, 5, 0, 255, 7, 7]).is_some(),
        "padding, and what follows the end"
    );
    assert!(decoded(&[53, 1, 5]).is_some(), "no end option");
    for bad in [
        &[][..],
        &[255],
        &[53, 0, 255],
        &[53, 2, 5, 5, 255],
        &[53],
        &[53, 1],
        &[53, 1, 5, 54, 9, 1],
    ] {
        assert_eq!(decoded(bad), None, "{bad:?}");
    }
    let many = [&[53, 1, 5][..], &[200, 0].repeat(600)].concat();
    assert_eq!(decoded(&many), None, "too many options");
}

#[test]
fn v4_vital_options_that_break_their_form_lose_the_message_and_others_themselves() {
    let kind = [53, 1, 5];
    let vital: [&[u8]; 9] = [
        &[54, 3, 1, 2, 3],
        &[54, 4, 0, 0, 0, 0],
        &[51, 3, 0, 0, 1],
        &[61, 1, 255],
        &[109, 4, 1, 2, 3, 4],
        &[159, 3, 0, 8, 0x34],
        &[159, 4, 16, 0, 0, 0],
        &[159, 4, 6, 11, 0, 0],
        &[159, 4, 0, 17, 0, 0],
    ];
    for option in vital {
        assert_eq!(decoded(&[&kind, option].concat()), None, "{option:?}");
    }
    let others: [&[u8]; 9] = [
        &[1, 4, 255, 0, 255, 0],
        &[1, 3, 255, 255, 255],
        &[3, 3, 1, 2, 3],
        &[6, 0],
        &[15, 2, b'$', b'('],
        &[26, 2, 0, 67],
        &[108, 3, 0, 0, 0],
        &[119, 2, 0xc0, 0],
        &[121, 5, 33, 10, 0, 0, 0],
    ];
    for option in others {
        let decoded = decoded(&[&kind, option].concat()).unwrap();
        assert_eq!((decoded.malformed, decoded.message.options), (vec![option[0]], vec![]));
    }
}

#[test]
fn dhcp_4o6_25_options_come_in_parts_and_in_the_fields_of_the_boot_file() {
    // RFC 3396: parts of one option are joined in order.
    let split = [53, 1, 5, 6, 2, 192, 0, 51, 4, 0, 0, 1, 0, 6, 2, 2, 53, 255];
    let options = decoded(&split).unwrap().message.options;
    let server = Ipv4Addr::new(192, 0, 2, 53);
    assert_eq!(options, [V4Option::DnsServers(vec![server]), V4Option::LeaseTime(Lifetime(256))]);
    // RFC 2132 §9.3: and in `file` (1), in `sname` (2), or in both (3). An
    // overload within them leads nowhere.
    let overloaded = |overload: u8| {
        let mut octets = with_options(&[53, 1, 5, 52, 1, overload, 255]);
        octets[44..54].copy_from_slice(&[52, 1, 3, 6, 4, 192, 0, 2, 2, 255]);
        octets[108..118].copy_from_slice(&[52, 1, 3, 6, 4, 192, 0, 2, 1, 255]);
        Message::decode(&octets).ok().map(|decoded| decoded.message.options)
    };
    let dns = |last: &[u8]| {
        let servers = last.iter().map(|last| Ipv4Addr::new(192, 0, 2, *last)).collect();
        Some(vec![V4Option::DnsServers(servers)])
    };
    // The overload in the field spoils the one that stands at its place.
    assert_eq!(overloaded(1), dns(&[1]));
    assert_eq!(overloaded(2), dns(&[2]));
    assert_eq!(overloaded(3), dns(&[1, 2]), "first the file");
    assert_eq!(overloaded(0), None);
    assert_eq!(overloaded(4), None);
    // A long one is written in parts and read as one.
    let text = V4Option::Raw { code: 224, payload: vec![7; 700] };
    let octets = message(Op::Reply, Kind::Ack, vec![text.clone()]).encode();
    assert_eq!(Message::decode(&octets).unwrap().message.options, [text]);
}

#[test]
fn v4_messages_are_read_as_the_crate_dhcproto_reads_them() {
    use dhcproto::{Decodable as _, v4};
    let ours = message(
        Op::Reply,
        Kind::Ack,
        vec![
            V4Option::SubnetMask(24),
            V4Option::Routers(vec![Ipv4Addr::new(192, 0, 2, 1)]),
            V4Option::LeaseTime(Lifetime(3600)),
            V4Option::RenewalTime(Lifetime(1800)),
            client_id(),
            V4Option::Routes(vec![Route::default_by(Ipv4Addr::new(192, 0, 2, 1))]),
        ],
    );
    let octets = ours.encode();
    let theirs = v4::Message::from_bytes(&octets).unwrap();
    assert_eq!((theirs.xid(), theirs.hlen()), (ours.xid, 6));
    let options = theirs.opts();
    assert_eq!(options.msg_type(), Some(v4::MessageType::Ack));
    let is = |code, expected| assert_eq!(options.get(code), Some(&expected));
    is(v4::OptionCode::SubnetMask, v4::DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)));
    is(v4::OptionCode::AddressLeaseTime, v4::DhcpOption::AddressLeaseTime(3600));
    is(v4::OptionCode::Renewal, v4::DhcpOption::Renewal(1800));
    is(v4::OptionCode::ClientIdentifier, v4::DhcpOption::ClientIdentifier(hex(CLIENT_ID)));
    let Some(v4::DhcpOption::ClasslessStaticRoute(routes)) =
        options.get(v4::OptionCode::ClasslessStaticRoute)
    else {
        panic!("no routes");
    };
    assert_eq!(
        (routes[0].0.to_string(), routes[0].1.to_string()),
        ("0.0.0.0/0".into(), "192.0.2.1".into())
    );
}

/// What is read is written so that it is read again; whatever the octets,
/// there is an answer.
#[test]
fn v4_any_octets_give_a_message_or_a_reason() {
    let mut rng = Rng::from_number(4);
    let seeds = [
        message(Op::Reply, Kind::Ack, vec![client_id(), ports(6, 8, 0x34)]).encode(),
        with_options(&[53, 1, 5, 52, 1, 3, 121, 5, 0, 192, 0, 2, 1, 119, 3, 1, b'a', 0, 255]),
    ];
    for round in 0..20_000_usize {
        let mut octets = seeds[round % seeds.len()].clone();
        for _ in 0..rng.between(1, 6) {
            let place = usize::try_from(rng.between(0, octets.len() as u64 - 1)).unwrap();
            octets[place] = rng.octets::<1>()[0];
        }
        octets.truncate(usize::try_from(rng.between(200, 320)).unwrap());
        if let Ok(Decoded { message, .. }) = Message::decode(&octets) {
            let again = Message::decode(&message.encode()).unwrap();
            assert_eq!((again.message, again.malformed), (message, vec![]), "round {round}");
        }
    }
}
