//! ISC's programs: its pair of servers for our client, and its pair of clients beside ours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use crate::client::code;
use crate::dhcp4o6::{
    ACK, DISCOVER, RELEASE4, REQUEST, SERVER, UNICAST, assert_nothing_left, prepare, queries,
    start, wait_address, wait_granted, wait_lease, wait_renewal, wait_v4,
};
use crate::isc_pair::{Clients, Servers};
use crate::kea4o6::{Kea4, start_pair};
use crate::lab::Lab;
use crate::pcap::{CLIENT_ID, DHCPV4_QUERY, DHCPV4_RESPONSE, IA_NA, Message, V4, hex};
use crate::poll;
use crate::servers::Kea;
use crate::world::WAN_LINK_LOCAL;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    dhcp_4o6_10_4o6s_01_4o6s_02_a_shared_address_of_iscs_servers_from_begin_to_end,
    dhcp_4o6_08_4o6_10_4o6_21_our_queries_beside_those_of_iscs_client,
];

/// PSID 52 of 8 bits behind 6 (RFC 7618 §9).
const PORTS: [u8; 4] = [6, 8, 52, 0];

/// Input: ISC's pair of servers, T1 6 s; `dhc6c release wan0` after the first renewal.
/// Expected: an address and its ports, asked for at the address in option 88; a Request with the
/// U bit at T1, which is granted; a release that the server understands.
fn dhcp_4o6_10_4o6s_01_4o6s_02_a_shared_address_of_iscs_servers_from_begin_to_end() {
    let lab = Lab::new();
    prepare(lab.world());
    let servers = Servers::start(lab.world());
    let client = start(&lab);
    let status = wait_lease(&client);
    let address = status.text("/dhcp4o6/address").to_owned();
    assert!(address.starts_with("192.0.2.1"), "{address}");
    assert_eq!(status.at("/dhcp4o6/port_set/psid"), 52);
    wait_address(&lab, &format!("{address}/32"));

    let (granted, _) = wait_v4(&lab, DHCPV4_RESPONSE, ACK, poll::SOON);
    let (message, renewal) = wait_renewal(&lab);
    assert!(message.at - granted.at > 5.0, "before T1: {}", message.at - granted.at);
    assert_eq!((message.destination.to_string().as_str(), message.xid), (SERVER, UNICAST));
    assert_eq!((renewal.kind(), renewal.ciaddr.to_string()), (REQUEST, address.clone()));
    assert_eq!(renewal.option(159), Some(&PORTS[..]));
    wait_granted(&lab, &renewal);

    assert_eq!(code(client.launch().control(&["release", "wan0"]).status), 0);
    let (message, release) = wait_v4(&lab, DHCPV4_QUERY, RELEASE4, poll::SOON);
    assert_eq!((message.xid, release.ciaddr.to_string()), (UNICAST, address.clone()));
    assert_eq!(release.option(159), Some(&PORTS[..]));
    poll::wait_for("the server has the address back", poll::SOON, || {
        servers.assert_alive();
        let released = format!("DHCPRELEASE of {address} ");
        servers.v6.log().lines().any(|line| line.contains(&released) && line.contains("(found)"))
    });
    client.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&servers.v6]);
}

/// What a query has, by name.
type Parts = BTreeMap<String, String>;

/// A part in which a query of ours is not as dhclient's: its name, ours, and dhclient's.
type Difference = [&'static str; 3];

/// What a query does not have.
const ABSENT: &str = "absent";

/// Who asks at a global address does it from an address of that scope (RFC 7341 §9).
const SOURCE: Difference = ["source", "leased", "link-local"];
/// A client says who it is by its DUID (RFC 4361 §6.1), which servers then repeat (RFC 6842 §3).
const IDENTIFIER: Difference = ["option 61", "ff, IAID, DUID", ABSENT];
/// What is asked for is what each can use: ours knows routes (121), names (119), times (58, 59)
/// and portals (114), and has no use for the time zone (2). Both ask for the ports (159, RFC 7618
/// §7).
const PARAMETERS: Difference =
    ["option 55", "017903060c0f1a1c2a33363a3b72779f", "011c02030f060c9f"];

/// In a DHCPDISCOVER. dhclient fills up to the 300 octets of BOOTP (RFC 1542 §2.1), which no
/// relay of IPv4 needs here: what is carried is a message, not a datagram (RFC 7341 §9).
const IN_DISCOVER: [Difference; 4] = [PARAMETERS, IDENTIFIER, ["padding", "0", "46"], SOURCE];

/// In a DHCPREQUEST. RFC 7618 §7 wants the ports repeated, which dhclient does not do; the
/// order of options means nothing in RFC 2131.
const IN_REQUEST: [Difference; 6] = [
    ["option 159", "06083400", ABSENT],
    PARAMETERS,
    IDENTIFIER,
    ["order", "53 50 54 55", "53 54 50 55"],
    ["padding", "0", "34"],
    SOURCE,
];

/// In the DHCPREQUEST that extends the lease; flags and addresses are the same.
const IN_RENEWAL: [Difference; 5] =
    [["option 159", "06083400", ABSENT], PARAMETERS, IDENTIFIER, ["padding", "0", "46"], SOURCE];

/// Input: our client, then ISC's, for the same reservation of the same servers, with a T1 of 4 s.
/// Expected: in DHCPDISCOVER, in DHCPREQUEST, in the one that extends the lease, and in what
/// carries them, both have the same but for what is named above.
fn dhcp_4o6_08_4o6_10_4o6_21_our_queries_beside_those_of_iscs_client() {
    let lab = Lab::new();
    prepare(lab.world());
    let kea4 = Kea4::new().shared().times([4, 30, 60]);
    let (kea, _kea4) = start_pair(lab.world(), Kea::new(), &kea4, SERVER);
    let client = start(&lab);
    let leased = wait_lease(&client).text("/addresses/0/address").parse().expect("an address");
    let renewed = |messages: &[Message]| {
        messages.iter().any(|message| message.v4().is_some_and(|v4| is_granted_renewal(&v4)))
    };
    poll::wait_for("our client extends its lease", poll::SOON, || {
        renewed(&lab.capture().messages())
    });
    client.terminate();
    let ours = lab.capture().settled();
    let clients = Clients::start(lab.world());
    poll::wait_for("ISC's client extends its lease", poll::SOON, || {
        clients.assert_alive();
        renewed(&lab.capture().messages()[ours.len()..])
    });
    let theirs = lab.capture().settled().split_off(ours.len());
    for (place, expected) in [&IN_DISCOVER[..], &IN_REQUEST, &IN_RENEWAL].iter().enumerate() {
        let [one, other] = [&ours, &theirs].map(|messages| parts(messages, place, leased));
        let expected: Vec<_> = expected.iter().map(|it| it.map(str::to_owned)).collect();
        assert_eq!(differences(one, other), expected, "in query {place}");
    }
    for (messages, is_ours) in [(ours, true), (theirs, false)] {
        let queries = queries(&messages);
        let [discover, request, renewal] = [0, 1, 2].map(|place| &queries[place].1);
        let kinds = [discover, request, renewal].map(V4::kind);
        assert_eq!(kinds, [DISCOVER, REQUEST, REQUEST]);
        assert_eq!(discover.xid, request.xid, "a Request is of the transaction of its Discover");
        // dhclient goes on with the one it has.
        assert_eq!(request.xid != renewal.xid, is_ours, "and a renewal of ours of one of its own");
    }
    lab.finish(&[&kea]);
}

/// A server's answer to a client that extends its lease: it repeats the client's address.
fn is_granted_renewal(v4: &V4) -> bool {
    v4.kind() == ACK && !v4.ciaddr.is_unspecified()
}

/// The parts of a query, the first of which is number 0, but for the transaction, which is
/// random.
fn parts(messages: &[Message], number: usize, leased: Ipv6Addr) -> Parts {
    let queries = queries(messages);
    let (message, v4) = &queries[number];
    let source = match message.source {
        source if source == leased => "leased".to_owned(),
        source if source.to_string() == WAN_LINK_LOCAL => "link-local".to_owned(),
        other => other.to_string(),
    };
    let carried: Vec<_> = message.options.iter().map(|(code, _)| *code).collect();
    let mut parts = Parts::from([
        ("source".to_owned(), source),
        ("destination".to_owned(), message.destination.to_string()),
        ("ports".to_owned(), format!("{} to {}", message.source_port, message.destination_port)),
        ("hop limit".to_owned(), message.hop_limit.to_string()),
        ("flags of the query".to_owned(), format!("{:06x}", message.xid)),
        ("options of the query".to_owned(), format!("{carried:?}")),
        ("padding".to_owned(), v4.padding.to_string()),
        ("order".to_owned(), order(v4)),
    ]);
    let fields = v4.fields().filter(|(name, _)| *name != "xid");
    parts.extend(fields.map(|(name, field)| (name.to_owned(), hex(field))));
    let identity = identity(messages);
    parts.extend(v4.options.iter().map(|(code, payload)| {
        (format!("option {code}"), hex(payload).replace(&identity, ", IAID, DUID"))
    }));
    parts
}

/// The order of the options that both clients send.
fn order(v4: &V4) -> String {
    let codes = v4.options.iter().map(|(code, _)| *code).filter(|code| ![61, 159].contains(code));
    codes.map(|code| code.to_string()).collect::<Vec<_>>().join(" ")
}

/// IAID and DUID of the client that sent the first message.
fn identity(messages: &[Message]) -> String {
    let solicit = messages.first().expect("a Solicit");
    let association = &solicit.associations(IA_NA)[0];
    let duid = hex(solicit.option(CLIENT_ID).expect("a client identifier"));
    format!("{:08x}{duid}", association.iaid)
}

/// The parts that are not the same, in the order of their names.
fn differences(mut ours: Parts, mut theirs: Parts) -> Vec<[String; 3]> {
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).cloned().collect();
    let take =
        |parts: &mut Parts, name: &str| parts.remove(name).unwrap_or_else(|| ABSENT.to_owned());
    let pairs = names.into_iter().map(|name| {
        let (one, other) = (take(&mut ours, &name), take(&mut theirs, &name));
        [name, one, other]
    });
    pairs.filter(|[_, one, other]| one != other).collect()
}
