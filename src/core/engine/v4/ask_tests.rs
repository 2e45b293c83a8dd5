//! RFC 2131 table 4 and table 5 row by row, and what RFC 7341, 7618 and 8539
//! add to them.

use super::*;
use crate::engine::v4::lease::Times;
use crate::engine::{Config, Dhcp4o6};
use crate::ident::{Iaid, LinkAddress};
use crate::time::Until;
use crate::wire::text::hex;
use crate::wire::v4::code;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 18);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn settings() -> Settings {
    let duid = "000100012b2c3d4e021122334455".parse().unwrap();
    let hardware = LinkAddress { hardware_type: 1, octets: vec![2, 0x11, 0x22, 0x33, 0x44, 0x55] };
    let dhcp4o6 = Dhcp4o6 { binding: true, ..Dhcp4o6::new(hardware, Iaid(1)) };
    let config = Config { dhcp4o6: Some(Box::new(dhcp4o6)), ..Config::new("eth0", duid) };
    Settings::of(&config).unwrap()
}

fn ports() -> PortSet {
    PortSet::new(0, 8, 0x34).unwrap()
}

fn source() -> Ipv6Addr {
    "2001:db8:12:3400:0:c000:212:34".parse().unwrap()
}

fn lease() -> Lease {
    let times = Times { t1: Until::Forever, t2: Until::Forever, valid: Until::Forever };
    Lease {
        address: ADDRESS,
        server: SERVER,
        times,
        ports: Some(ports()),
        options: vec![],
        via: "fe80::2".parse().unwrap(),
        source: Some(source()),
        border_relays: vec![],
    }
}

/// Every question there is, by its state.
fn each(lease: &Lease) -> [(&'static str, Question<'_>); 8] {
    let former = Former { address: ADDRESS, ports: Some(ports()) };
    let select = Question::Select {
        address: ADDRESS,
        server: SERVER,
        ports: Some(ports()),
        source: Some(source()),
    };
    [
        ("init", Question::Discover(Some(former))),
        ("selecting", select),
        ("init-reboot", Question::Reboot(lease)),
        ("renewing", Question::Renew(lease)),
        ("rebinding", Question::Rebind(lease)),
        ("decline", Question::Decline(lease)),
        ("release", Question::Release(lease)),
        ("inform", Question::Inform(ADDRESS)),
    ]
}

fn asked(question: &Question<'_>) -> (Query, Message) {
    let query = query(&settings(), question, 0x3903_f326, 7);
    let decoded = Message::decode(&query.v4).unwrap();
    assert_eq!(decoded.malformed, []);
    (query, decoded.message)
}

fn has(message: &Message, code: u8) -> bool {
    message.options.iter().any(|option| option.code() == code)
}

/// The states whose message has an option.
fn states_with(code: u8) -> Vec<&'static str> {
    let lease = lease();
    let all = each(&lease);
    let with = all.iter().filter(|(_, question)| has(&asked(question).1, code));
    with.map(|(state, _)| *state).collect()
}

#[test]
fn dhcp_4o6_10_4o6_21_rfc_2131_table_4_row_by_row() {
    let lease = lease();
    let of = |state: &str| {
        let (_, question) = each(&lease).into_iter().find(|(name, _)| *name == state).unwrap();
        asked(&question)
    };
    // state, broadcast or unicast, server-ip, requested-ip, ciaddr
    let table = [
        ("init-reboot", false, false, true, Ipv4Addr::UNSPECIFIED),
        ("selecting", false, true, true, Ipv4Addr::UNSPECIFIED),
        ("renewing", true, false, false, ADDRESS),
        ("rebinding", false, false, false, ADDRESS),
    ];
    for (state, unicast, server, requested, ciaddr) in table {
        let (query, message) = of(state);
        assert_eq!(message.kind, Kind::Request, "{state}");
        assert_eq!(query.unicast, unicast, "broad/unicast of {state}");
        assert_eq!(has(&message, code::SERVER_ID), server, "server-ip of {state}");
        assert_eq!(has(&message, code::REQUESTED_ADDRESS), requested, "requested-ip of {state}");
        assert_eq!(message.ciaddr, ciaddr, "ciaddr of {state}");
    }
    // RFC 7341 §8 for the rest.
    for (state, unicast) in
        [("init", false), ("decline", false), ("release", true), ("inform", false)]
    {
        assert_eq!(of(state).0.unicast, unicast, "{state}");
    }
}

#[test]
fn dhcp_4o6_21_rfc_2131_table_5_fields_row_by_row() {
    let lease = lease();
    for (state, question) in each(&lease) {
        let (query, message) = asked(&question);
        let fixed = &query.v4[..236];
        let gives_back = matches!(message.kind, Kind::Decline | Kind::Release);
        assert_eq!((message.op, message.xid), (Op::Request, 0x3903_f326), "{state}");
        assert_eq!(hex(&fixed[..4]), "01010600", "op, htype, hlen, hops of {state}");
        assert_eq!(message.secs, if gives_back { 0 } else { 7 }, "secs of {state}");
        assert_eq!(hex(&fixed[10..12]), "0000", "flags of {state}: nothing is broadcast to us");
        let has_ciaddr = matches!(state, "renewing" | "rebinding" | "release" | "inform");
        let ciaddr = if has_ciaddr { ADDRESS } else { Ipv4Addr::UNSPECIFIED };
        assert_eq!(message.ciaddr, ciaddr, "ciaddr of {state}");
        assert_eq!(hex(&fixed[16..28]), "00".repeat(12), "yiaddr, siaddr, giaddr of {state}");
        assert_eq!(hex(&fixed[28..44]), "02112233445500000000000000000000", "chaddr of {state}");
        assert_eq!(hex(&fixed[44..]), "00".repeat(192), "sname and file of {state}");
    }
}

#[test]
fn dhcp_4o6_21_rfc_2131_table_5_options_row_by_row() {
    let every = [
        "init",
        "selecting",
        "init-reboot",
        "renewing",
        "rebinding",
        "decline",
        "release",
        "inform",
    ];
    assert_eq!(
        states_with(code::REQUESTED_ADDRESS),
        ["init", "selecting", "init-reboot", "decline"],
        "MAY in DISCOVER, MUST in SELECTING, INIT-REBOOT and DECLINE, nowhere else"
    );
    assert_eq!(states_with(code::LEASE_TIME), [""; 0], "never wished for");
    assert_eq!(states_with(code::OVERLOAD), [""; 0]);
    assert_eq!(states_with(code::CLIENT_ID), every, "RFC 4361: in all of them");
    assert_eq!(states_with(60), [""; 0], "vendor class");
    assert_eq!(states_with(code::SERVER_ID), ["selecting", "decline", "release"]);
    assert_eq!(
        states_with(code::PARAMETER_REQUEST),
        ["init", "selecting", "init-reboot", "renewing", "rebinding", "inform"],
        "MUST NOT in DECLINE and RELEASE"
    );
    assert_eq!(states_with(code::MAX_SIZE), [""; 0]);
    assert_eq!(states_with(code::TEXT), [""; 0]);
    let lease = lease();
    for (state, question) in each(&lease) {
        let message = asked(&question).1;
        let lists: Vec<_> =
            message.options.iter().filter(|o| matches!(o, V4Option::ParameterRequest(_))).collect();
        assert!(lists.iter().all(|list| **list == settings().parameters()), "the same in {state}");
    }
}

#[test]
fn dhcp_4o6s_02_4o6s_01_port_parameters_are_in_every_message_about_a_shared_address() {
    let about = ["init", "selecting", "init-reboot", "renewing", "rebinding", "decline", "release"];
    assert_eq!(states_with(code::PORT_PARAMETERS), about);
    let V4Option::ParameterRequest(codes) = settings().parameters() else { panic!("no list") };
    assert!(codes.contains(&159));
    let whole = Settings { share: false, ..settings() };
    let V4Option::ParameterRequest(codes) = whole.parameters() else { panic!("no list") };
    assert!(!codes.contains(&159), "only by those who can do with a part");
    let first = asked(&Question::Discover(None)).1;
    assert!(has(&first, code::CLIENT_ID) && !has(&first, code::REQUESTED_ADDRESS));
}

#[test]
fn dhcp_4o6b_06_the_softwires_address_is_in_every_request_and_nowhere_else() {
    let requests = ["selecting", "init-reboot", "renewing", "rebinding"];
    assert_eq!(states_with(code::SOURCE_ADDRESS), requests);
}

#[test]
fn dhcp_4o6b_01_4o6_09_only_a_discover_asks_for_options_of_dhcpv6() {
    let lease = lease();
    for (state, question) in each(&lease) {
        let expected: &[u16] = if state == "init" { &[90, 137] } else { &[] };
        assert_eq!(asked(&question).0.request, expected, "{state}");
    }
    let unbound = Settings { binding: false, ..settings() };
    let plain = query(&unbound, &Question::Discover(None), 1, 0);
    assert_eq!(plain.request, [0; 0]);
}

#[test]
fn dhcp_4o6_27_ipv6_only_is_asked_for_by_those_who_can_do_without_ipv4() {
    let asks = |ipv6_only| {
        let settings = Settings { ipv6_only, ..settings() };
        let V4Option::ParameterRequest(codes) = settings.parameters() else { panic!("no list") };
        codes.contains(&108)
    };
    assert_eq!([asks(false), asks(true)], [false, true]);
}

#[test]
fn routes_are_asked_for_before_routers() {
    let V4Option::ParameterRequest(codes) = settings().parameters() else { panic!("no list") };
    let place = |code| codes.iter().position(|other| *other == code);
    assert!(place(code::ROUTES) < place(code::ROUTERS), "RFC 3442");
}
