//! Kea's pair: IPv4 by DHCPv4 over DHCPv6.

use std::net::Ipv6Addr;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::client::{Client, Launch, Status, code};
use crate::kea4o6::{Kea4, start_pair};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{
    CLIENT_ID, DHCP4O6_SERVER, DHCPV4_MSG, DHCPV4_QUERY, DHCPV4_RESPONSE, Message, RELEASE, REPLY,
    SOLICIT, V4, hex,
};
use crate::poll;
use crate::servers::Kea;
use crate::world::{WAN_LINK_LOCAL, World};

pub(crate) const TESTS: &[(&str, fn())] = tests![
    dhcp_4o6_01_4o6_02_nobody_asks_who_does_not_want_it_and_nobody_is_asked_who_does_not_offer,
    dhcp_4o6_04_4o6_08_4o6_13_a_lease_from_all_servers_of_the_link,
    dhcp_4o6_02_4o6_04_an_empty_list_of_servers_is_the_group_of_all_servers,
    dhcp_4o6_05_4o6s_01_4o6s_02_a_shared_address_from_one_server,
    dhcp_4o6_10_4o6_22_a_lease_is_renewed_and_survives_a_server_without_memory,
    dhcp_4o6_24_a_lease_that_is_denied_is_left_for_another,
    dhcp_4o6_10_4o6_21_a_lease_is_given_back_before_the_ipv6_leases,
    dhcp_4o6_22_a_second_server_extends_the_lease_of_the_first,
    dhcp_4o6_20_a_relay_between_does_no_harm,
    an_ipv4_lease_outlives_a_client_that_is_killed,
    a_reload_begins_and_ends_ipv4,
    without_a_device_hooks_are_told,
    dry_run_asks_for_ipv4_and_changes_nothing,
];

pub(crate) const DISCOVER: u8 = 1;
pub(crate) const REQUEST: u8 = 3;
pub(crate) const ACK: u8 = 5;
const NAK: u8 = 6;
pub(crate) const RELEASE4: u8 = 7;

/// The U bit in the flags of a query.
pub(crate) const UNICAST: u32 = 0x80_0000;
/// Where the first server can be asked, and where all of them can.
pub(crate) const SERVER: &str = "2001:db8:0:1::1";
const ALL: &str = "ff02::1:2";

/// A configuration that puts the lease on `sw0`.
const ON_DEVICE: &str =
    "[[wan]]\ninterface = \"wan0\"\n[dhcp4o6]\nenable = true\ndevice = \"sw0\"\n";

/// A device for the lease, and a way to the provider's servers.
pub(crate) fn prepare(world: &World) {
    world.cpe().shell(
        "ip link add sw0 type veth peer name sw1; ip link set sw1 up; ip link set sw0 up
         ip -6 route add 2001:db8:0:1::/64 dev wan0 metric 2000",
    );
}

pub(crate) fn start(lab: &Lab) -> Client {
    Launch::new(lab.world()).with_file(ON_DEVICE).start()
}

/// Waits until there is a lease, applied.
pub(crate) fn wait_lease(client: &Client) -> Status {
    client.wait_status("an IPv4 lease", poll::BIND, |status| {
        status.0.pointer("/dhcp4o6/state").is_some_and(|state| state == "bound")
            && status.0["ready"] == true
    })
}

pub(crate) fn wait_address(lab: &Lab, address: &str) {
    poll::wait_for("the IPv4 address is on the device", poll::SOON, || {
        kernel::ipv4_addresses(&lab.world().cpe(), "sw0") == [address]
    });
}

/// What the client asked over DHCPv6, and how.
pub(crate) fn queries(messages: &[Message]) -> Vec<(&Message, V4)> {
    let carries = |kind| messages.iter().filter(move |message: &&Message| message.kind == kind);
    carries(DHCPV4_QUERY).map(|message| (message, message.v4().expect("one message"))).collect()
}

/// Waits for a DHCPv4 message of a kind in a message of DHCPv6 of that type.
pub(crate) fn wait_v4(lab: &Lab, carrier: u8, kind: u8, limit: Duration) -> (Message, V4) {
    let message = lab.capture().first(&format!("DHCPv4 {kind}"), limit, |message| {
        message.kind == carrier && message.v4().is_some_and(|v4| v4.kind() == kind)
    });
    let v4 = message.v4().expect("it was looked at");
    (message, v4)
}

/// Waits for a Request to extend a lease.
pub(crate) fn wait_renewal(lab: &Lab) -> (Message, V4) {
    poll::until("a Request to renew", poll::SOON, || {
        let messages = lab.capture().messages();
        let found = queries(&messages).into_iter().find(|(_, v4)| !v4.ciaddr.is_unspecified());
        found.map(|(message, v4)| (message.clone(), v4))
    })
}

/// Waits until a Request is granted.
pub(crate) fn wait_granted(lab: &Lab, request: &V4) {
    poll::wait_for("the Request is granted", poll::SOON, || {
        lab.capture().messages().iter().any(|answer| {
            answer.kind == DHCPV4_RESPONSE
                && answer.v4().is_some_and(|it| it.kind() == ACK && it.xid == request.xid)
        })
    });
}

pub(crate) fn assert_nothing_left(lab: &Lab) {
    let cpe = lab.world().cpe();
    kernel::assert_clean(&cpe);
    assert_eq!(kernel::ipv4_addresses(&cpe, "sw0"), [""; 0]);
    assert_eq!(kernel::ipv4_defaults(&cpe), [[""; 3]; 0]);
}

/// Input: `dhc6c wan0` where the server offers it; `dhc6c --dhcp4o6 wan0` where it does not.
/// Expected: option 88 is asked for in the second alone; neither sends a query.
fn dhcp_4o6_01_4o6_02_nobody_asks_who_does_not_want_it_and_nobody_is_asked_who_does_not_offer() {
    for (wants, kea) in [(false, Kea::new().carrying(SERVER)), (true, Kea::new())] {
        let lab = Lab::new();
        let kea = kea.start(lab.world());
        let options: &[&str] = if wants { &["--dhcp4o6"] } else { &[] };
        let client = Client::start(lab.world(), options);
        let status = client.wait_ready();
        assert!(status.at("/dhcp4o6").is_null(), "{:#}", status.0);
        client.terminate();
        let messages = lab.capture().settled();
        let asked = messages.iter().filter(|message| message.destination_port == 547);
        assert!(asked.clone().count() >= 2);
        for message in asked {
            assert_ne!(message.kind, DHCPV4_QUERY);
            assert_eq!(message.requested().contains(&DHCP4O6_SERVER), wants, "{message:?}");
        }
        lab.finish(&[&kea]);
    }
}

/// Input: a server whose list is the group of all servers; TERM.
/// Expected: the queries go from the link-local address to the group and have nothing in them
/// but one DHCPv4 message; its client identifier is made of our DUID; the address and the route
/// are on the device, and are gone after TERM.
fn dhcp_4o6_04_4o6_08_4o6_13_a_lease_from_all_servers_of_the_link() {
    let lab = Lab::new();
    prepare(lab.world());
    let (kea, _kea4) = start_pair(lab.world(), Kea::new(), &Kea4::new(), ALL);
    let client = start(&lab);
    let status = wait_lease(&client);
    let address = status.text("/dhcp4o6/address").to_owned();
    wait_address(&lab, &format!("{address}/24"));
    let default = ["192.0.2.1", "sw0", &address].map(str::to_owned);
    assert_eq!(kernel::ipv4_defaults(&lab.world().cpe()), [default]);
    assert_eq!(status.text("/dhcp4o6/servers/0"), ALL);
    assert!(status.at("/dhcp4o6/port_set").is_null());

    let messages = lab.capture().settled();
    let duid = hex(messages[0].option(CLIENT_ID).expect("a client identifier"));
    let own: Ipv6Addr = WAN_LINK_LOCAL.parse().expect("the EUI-64 address of wan0");
    let queries = queries(&messages);
    let kinds: Vec<_> = queries.iter().map(|(_, v4)| v4.kind()).collect();
    assert_eq!((kinds[0], kinds.last()), (DISCOVER, Some(&REQUEST)));
    for (message, v4) in &queries {
        assert_eq!((message.source, message.source_port), (own, 546));
        assert_eq!((message.destination.to_string().as_str(), message.xid), (ALL, 0));
        let codes: Vec<_> = message.options.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, [DHCPV4_MSG]);
        let identifier = hex(v4.option(61).expect("a client identifier"));
        assert_eq!((&identifier[..2], &identifier[10..]), ("ff", duid.as_str()));
    }
    client.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

/// Input: option 88 without data.
/// Expected: it allows to ask, and who is asked is the group of all servers, from the link-local
/// address.
fn dhcp_4o6_02_4o6_04_an_empty_list_of_servers_is_the_group_of_all_servers() {
    let lab = Lab::new();
    prepare(lab.world());
    let (kea, _kea4) = start_pair(lab.world(), Kea::new(), &Kea4::new(), "");
    let client = start(&lab);
    let status = wait_lease(&client);
    wait_address(&lab, &format!("{}/24", status.text("/dhcp4o6/address")));
    let messages = lab.capture().settled();
    let reply = messages.iter().find(|message| message.kind == REPLY).expect("a Reply");
    assert_eq!(reply.option(DHCP4O6_SERVER), Some(&[][..]), "sent, and empty");
    for (message, _) in queries(&messages) {
        assert_eq!(message.destination.to_string(), ALL);
        assert!(message.source.is_unicast_link_local(), "{message:?}");
    }
    client.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

/// Input: a server of its own address, with a reservation of a part of an address.
/// Expected: the queries go to that address from our leased one; option 159 is asked for, and in the Request as it was offered; the status has the
/// ports.
fn dhcp_4o6_05_4o6s_01_4o6s_02_a_shared_address_from_one_server() {
    let lab = Lab::new();
    prepare(lab.world());
    let (kea, _kea4) = start_pair(lab.world(), Kea::new(), &Kea4::new().shared(), SERVER);
    let client = start(&lab);
    let status = wait_lease(&client);
    assert_eq!(status.text("/dhcp4o6/address"), "192.0.2.18");
    let set = status.at("/dhcp4o6/port_set");
    assert_eq!(
        (&set["offset"], &set["psid_len"], &set["psid"]),
        (&6.into(), &8.into(), &52.into())
    );
    assert_eq!(set["ranges"][0], "1232-1235");
    assert_eq!(set["ranges"].as_array().map(Vec::len), Some(63));
    wait_address(&lab, "192.0.2.18/32");

    let leased: Ipv6Addr = status.text("/addresses/0/address").parse().expect("an address");
    let messages = lab.capture().settled();
    for (message, v4) in queries(&messages) {
        assert_eq!((message.source, message.destination.to_string().as_str()), (leased, SERVER));
        assert!(v4.option(55).expect("a list").contains(&159));
        if v4.kind() == REQUEST {
            assert_eq!(v4.option(159), Some(&[6, 8, 52, 0][..]), "{v4:?}");
        }
    }
    let answers = messages.iter().filter(|message| message.kind == DHCPV4_RESPONSE);
    assert!(answers.count() >= 2);
    client.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

/// Input: a lease of T1 6, and a server that loses its leases before that.
/// Expected: a Request with the U bit and the address in its header and nowhere else, at T1; the
/// lease is held on.
fn dhcp_4o6_10_4o6_22_a_lease_is_renewed_and_survives_a_server_without_memory() {
    let lab = Lab::new();
    prepare(lab.world());
    let kea4 = Kea4::new().times([6, 30, 60]);
    let (kea, first) = start_pair(lab.world(), Kea::new(), &kea4, ALL);
    let client = start(&lab);
    let address = wait_lease(&client).text("/dhcp4o6/address").to_owned();
    first.kill_and_forget();
    let _second = kea4.start(lab.world());
    let (_, granted) = wait_v4(&lab, DHCPV4_RESPONSE, ACK, poll::SOON);
    let (message, v4) = wait_renewal(&lab);
    assert_eq!((v4.kind(), message.xid), (REQUEST, UNICAST));
    assert_eq!(
        (v4.ciaddr.to_string(), v4.option(50), v4.option(54)),
        (address.clone(), None, None)
    );
    assert_eq!(v4.ciaddr, granted.yiaddr);
    wait_granted(&lab, &v4);
    let status = wait_lease(&client);
    assert_eq!(status.text("/dhcp4o6/address"), address);
    assert!(status.at("/dhcp4o6/lease").as_u64() > Some(40), "{:#}", status.0);
    client.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

/// Input: a client that is killed with a lease, and a server that has other addresses when the
/// next one asks for it.
/// Expected: it denies the lease; the address is taken from the device, and another one found.
fn dhcp_4o6_24_a_lease_that_is_denied_is_left_for_another() {
    let lab = Lab::new();
    prepare(lab.world());
    let kea4 = Kea4::new().times([6, 30, 60]);
    let (kea, first) = start_pair(lab.world(), Kea::new(), &kea4, ALL);
    let client = start(&lab);
    wait_lease(&client);
    client.signal(Signal::SIGKILL);
    client.wait_killed();
    first.kill_and_forget();
    let _second = kea4.renumbered().start(lab.world());
    let client = start(&lab);
    wait_v4(&lab, DHCPV4_RESPONSE, NAK, poll::SOON);
    let status = client.wait_status("another IPv4 address", poll::BIND, |status| {
        let address = status.0.pointer("/dhcp4o6/address").and_then(|address| address.as_str());
        address.is_some_and(|address| address.starts_with("198.51.100."))
    });
    wait_address(&lab, &format!("{}/24", status.text("/dhcp4o6/address")));
    client.wait_status("the IPv6 leases", poll::BIND, |status| status.0["state"] == "bound");
    client.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

/// Input: `dhc6c release wan0`.
/// Expected: a DHCPRELEASE with the U bit, the address and the server, and after it the Release
/// of the IPv6 leases; nothing is left.
fn dhcp_4o6_10_4o6_21_a_lease_is_given_back_before_the_ipv6_leases() {
    let lab = Lab::new();
    prepare(lab.world());
    let (kea, _kea4) = start_pair(lab.world(), Kea::new(), &Kea4::new(), ALL);
    let client = start(&lab);
    let address = wait_lease(&client).text("/dhcp4o6/address").to_owned();
    let asked = client.launch().control(&["release", "wan0"]);
    assert_eq!(code(asked.status), 0);
    let (message, v4) = wait_v4(&lab, DHCPV4_QUERY, RELEASE4, poll::SOON);
    assert_eq!((message.xid, v4.ciaddr.to_string()), (UNICAST, address));
    assert_eq!(v4.option(54), Some(&[192, 0, 2, 1][..]));
    assert_eq!(v4.option(50), None);
    let released = lab.capture().first_of(RELEASE, poll::SOON);
    assert!(released.at >= message.at);
    poll::wait_for("nothing is left", poll::SOON, || {
        kernel::ipv4_addresses(&lab.world().cpe(), "sw0").is_empty()
    });
    client.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

/// Input: two servers in the list, of which the first dies after it has given a lease.
/// Expected: the second one extends the lease after T2.
fn dhcp_4o6_22_a_second_server_extends_the_lease_of_the_first() {
    let lab = Lab::paired();
    prepare(lab.world());
    let kea4 = Kea4::new().times([4, 10, 90]);
    let list = "2001:db8:0:1::1, 2001:db8:0:1::2";
    let (kea, first) = start_pair(lab.world(), Kea::new(), &kea4, list);
    let client = start(&lab);
    let address = wait_lease(&client).text("/dhcp4o6/address").to_owned();
    first.kill_and_forget();
    let second = Kea::new().second().carrying(list).start_in(lab.world(), &lab.world().isp2());
    let _second4 = kea4.second().start(lab.world());
    // What it says of itself proves that it was the second one.
    poll::wait_for("the second server grants it", Duration::from_secs(60), || {
        lab.capture().messages().iter().any(|answer| {
            answer.kind == DHCPV4_RESPONSE
                && answer.v4().is_some_and(|v4| {
                    v4.kind() == ACK && v4.option(54) == Some(&[192, 0, 2, 2][..])
                })
        })
    });
    let status = wait_lease(&client);
    assert_eq!(status.text("/dhcp4o6/address"), address);
    assert_eq!(status.text("/dhcp4o6/server"), "192.0.2.2");
    client.terminate();
    assert_nothing_left(&lab);
    drop(second);
    lab.finish(&[&kea]);
}

/// Input: dhcrelay between client and server, which knows nothing of these messages.
/// Expected: a lease.
fn dhcp_4o6_20_a_relay_between_does_no_harm() {
    let lab = Lab::relayed();
    prepare(lab.world());
    let relay = lab.start_relay();
    let kea = Kea::new().relayed();
    let (kea, _kea4) = start_pair(lab.world(), kea, &Kea4::new(), ALL);
    let client = start(&lab);
    let status = wait_lease(&client);
    wait_address(&lab, &format!("{}/24", status.text("/dhcp4o6/address")));
    relay.assert_alive();
    client.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

/// Input: SIGKILL with a lease; a start with the same file, then TERM; then one without IPv4.
/// Expected: the address stays on the device, is confirmed (INIT-REBOOT) and used on; whoever
/// wants no IPv4 takes away what a killed one has left.
fn an_ipv4_lease_outlives_a_client_that_is_killed() {
    let lab = Lab::new();
    prepare(lab.world());
    let (kea, _kea4) = start_pair(lab.world(), Kea::new(), &Kea4::new(), ALL);
    let killed = start(&lab);
    let address = wait_lease(&killed).text("/dhcp4o6/address").to_owned();
    let held = format!("{address}/24");
    wait_address(&lab, &held);
    killed.signal(Signal::SIGKILL);
    killed.wait_killed();
    assert_eq!(kernel::ipv4_addresses(&lab.world().cpe(), "sw0"), std::slice::from_ref(&held));
    let before = queries(&lab.capture().settled()).len();

    let next = start(&lab);
    let status = wait_lease(&next);
    assert_eq!(status.text("/dhcp4o6/address"), address);
    let messages = lab.capture().settled();
    let asked: Vec<_> = queries(&messages).into_iter().skip(before).collect();
    assert!(asked.iter().all(|(_, v4)| v4.kind() == REQUEST), "{asked:?}");
    let kept = next.launch().control(&[
        "lease",
        "--state-dir",
        &next.launch().state().display().to_string(),
    ]);
    let kept = String::from_utf8_lossy(&kept.stdout).into_owned();
    assert!(kept.contains(&format!("  {address} until 2")), "{kept}");
    assert_eq!(asked[0].1.option(50), Some(&status_octets(&address)[..]));
    assert_eq!(kernel::ipv4_addresses(&lab.world().cpe(), "sw0"), [held]);
    next.signal(Signal::SIGKILL);
    next.wait_killed();

    let other = Client::start(lab.world(), &[]);
    other.wait_ready();
    assert_eq!(kernel::ipv4_addresses(&lab.world().cpe(), "sw0"), [""; 0]);
    other.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

fn status_octets(address: &str) -> [u8; 4] {
    address.parse::<std::net::Ipv4Addr>().expect("an address").octets()
}

/// Input: a file without IPv4, one with it, and the first again, each read with `reload`.
/// Expected: the IPv4 lease comes and goes; the IPv6 lease stays, and nobody solicits anew.
fn a_reload_begins_and_ends_ipv4() {
    let lab = Lab::new();
    prepare(lab.world());
    let (kea, _kea4) = start_pair(lab.world(), Kea::new(), &Kea4::new(), ALL);
    let without = "[[wan]]\ninterface = \"wan0\"\n";
    let client = Launch::new(lab.world()).with_file(without).start();
    let before = client.wait_ready().text("/addresses/0/address").to_owned();
    let reload = |text: &str| {
        std::fs::write(client.launch().file(), text).expect("the file");
        assert_eq!(code(client.launch().control(&["reload"]).status), 0, "{}", client.stderr());
    };
    reload(ON_DEVICE);
    // Option 88 comes with the next answer.
    assert_eq!(code(client.launch().control(&["renew", "wan0"]).status), 0);
    let status = wait_lease(&client);
    wait_address(&lab, &format!("{}/24", status.text("/dhcp4o6/address")));
    reload(without);
    poll::wait_for("the IPv4 address is gone", poll::SOON, || {
        kernel::ipv4_addresses(&lab.world().cpe(), "sw0").is_empty()
    });
    let status = client.status();
    assert!(status.at("/dhcp4o6").is_null());
    assert_eq!(status.text("/addresses/0/address"), before);
    let messages = lab.capture().settled();
    assert_eq!(messages.iter().filter(|message| message.kind == SOLICIT).count(), 1);
    client.terminate();
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}

/// Input: `--dhcp4o6` with a hook, and TERM.
/// Expected: the hook hears of the lease and of its end, with its address; no device has it.
fn without_a_device_hooks_are_told() {
    let lab = Lab::new();
    prepare(lab.world());
    let (kea, _kea4) = start_pair(lab.world(), Kea::new(), &Kea4::new().shared(), ALL);
    let told = lab.world().dir().join("told");
    let lines = format!(
        "echo \"$2 $DHC6C_DHCP4O6_ADDRESS $DHC6C_DHCP4O6_PORT_SET_PSID\" >> {}",
        told.display()
    );
    let hook = crate::hooks::program(&lab, &lines);
    let client = Client::start(lab.world(), &["--dhcp4o6", "--hook", &hook]);
    wait_lease(&client);
    let read = || std::fs::read_to_string(&told).unwrap_or_default();
    poll::wait_for("dhcp4o6-bound is told", poll::SOON, || {
        read().contains("dhcp4o6-bound 192.0.2.18 52\n")
    });
    assert_eq!(kernel::ipv4_addresses(&lab.world().cpe(), "sw0"), [""; 0]);
    client.terminate();
    let text = read();
    let events: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap_or("")).collect();
    let place = |event| events.iter().position(|told| *told == event);
    assert!(place("dhcp4o6-unbound") > place("dhcp4o6-bound"), "{text}");
    assert!(place("stopped") > place("dhcp4o6-unbound"), "{text}");
    lab.finish(&[&kea]);
}

/// Input: `--dry-run` with a device for IPv4 in the file; TERM.
/// Expected: the whole dialogue, from the link-local address; the steps for the device on
/// standard output; nothing in the kernel, nothing in the state directory.
fn dry_run_asks_for_ipv4_and_changes_nothing() {
    let lab = Lab::new();
    prepare(lab.world());
    let (kea, _kea4) = start_pair(lab.world(), Kea::new(), &Kea4::new(), ALL);
    let client = Launch::new(lab.world()).with_file(ON_DEVICE).with(&["--dry-run"]).start();
    let address = wait_lease(&client).text("/dhcp4o6/address").to_owned();
    assert_nothing_left(&lab);
    assert!(!client.launch().state_file("wan0.lease.json").exists());
    client.terminate();
    let printed = client.stdout();
    let step = format!(
        "wan0: would set address {address}/24 on sw0, with a route to 0.0.0.0/0 by 192.0.2.1"
    );
    assert!(printed.contains(&step), "{printed}");
    assert_nothing_left(&lab);
    lab.finish(&[&kea]);
}
