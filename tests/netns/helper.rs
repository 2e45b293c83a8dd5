//! What the test binary itself does when a test starts it again inside a namespace. No
//! language or tool beyond the tier's own has to be installed for it.

use std::env;
use std::fs;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::pcap::hex;
use crate::poll;
use crate::world::Space;

/// Names the helper's task; absent in an ordinary run.
const TASK: &str = "DHC6C_NETNS_HELPER";

/// The message type of a marker: no DHCPv6 message has type 0.
pub(crate) const MARKER: u8 = 0;

/// Where rubbish comes from, so that nobody else has to make sense of it.
pub(crate) const RUBBISH_PORT: u16 = 9999;

/// A command that sends one marker from wan0 to where clients send.
pub(crate) fn mark(space: &Space, xid: u32) -> Command {
    start(space, &format!("mark {xid}"))
}

/// A command that holds UDP port 546 on all interfaces and prints `ready`.
pub(crate) fn hold_port(space: &Space) -> Command {
    start(space, "hold-port")
}

/// A command that says this to all hosts on isp0, as a router would, every second.
pub(crate) fn advertise(space: &Space, hop_limit: u8, octets: &[u8]) -> Command {
    start(space, &format!("advertise {hop_limit} {}", hex(octets)))
}

/// A command that sends `count` datagrams that mean nothing from isp0 to a client's port.
pub(crate) fn flood(space: &Space, client: Ipv6Addr, count: u32) -> Command {
    start(space, &format!("flood {client} {count}"))
}

fn start(space: &Space, task: &str) -> Command {
    // Not by its path: a build may put another file there while this one runs.
    let mut command = space.command(format!("/proc/{}/exe", process::id()));
    command.env(TASK, task);
    command
}

/// Does the task this process was started for, if it was; then the process is done.
pub(crate) fn ran() -> bool {
    let Ok(task) = env::var(TASK) else { return false };
    match task.split_once(' ') {
        Some(("mark", xid)) => send_marker(xid.parse().expect("a transaction id")),
        Some(("advertise", what)) => send_advertisements(what),
        Some(("flood", what)) => send_rubbish(what),
        _ => hold_client_port(),
    }
    true
}

fn send_marker(xid: u32) {
    let index = fs::read_to_string("/sys/class/net/wan0/ifindex").expect("wan0 exists");
    let index = index.trim().parse().expect("an interface index");
    let servers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("a UDP socket");
    let message = (u32::from(MARKER) << 24 | xid).to_be_bytes();
    // Refused for as long as the link-local address is tentative.
    poll::wait_for("the marker is sent", poll::SOON, || {
        socket.send_to(&message, SocketAddrV6::new(servers, 547, 0, index)).is_ok()
    });
}

/// So many datagrams of rubbish are sent in a second.
const A_SECOND: u64 = 10_000;

fn send_rubbish(what: &str) {
    let (client, count) = what.split_once(' ').expect("an address and a number");
    let index = fs::read_to_string("/sys/class/net/isp0/ifindex").expect("isp0 exists");
    let to = SocketAddrV6::new(
        client.parse().expect("an address"),
        546,
        0,
        index.trim().parse().expect("an interface index"),
    );
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, RUBBISH_PORT)).expect("a UDP socket");
    let rubbish: [&[u8]; 10] = [
        b"",
        b"\x07",
        b"\x07\x01\x02",
        b"\x63\x01\x02\x03",
        b"\x0d\x01\x02\x03",
        b"\x01\x01\x02\x03",
        b"\x07\x01\x02\x03",
        b"\x07\x01\x02\x03\0\x03\xff\xff",
        b"\x07\x01\x02\x03\0\x19\xff\xf0\0\0\0\0",
        b"\x0a\0\0\0\0\x13\0\x01\x05",
    ];
    // What a late wake-up has cost is made up for: it is so many a second on the whole.
    let begun = Instant::now();
    let count: u32 = count.parse().expect("a number");
    for number in 0..count {
        // A full queue is not ours to mend.
        let _ = socket.send_to(rubbish[number as usize % rubbish.len()], to);
        let due = begun + Duration::from_micros(u64::from(number) * 1_000_000 / A_SECOND);
        let early = due.saturating_duration_since(Instant::now());
        if early > Duration::from_millis(1) {
            thread::sleep(early);
        }
    }
}

fn send_advertisements(what: &str) {
    let (hop_limit, octets) = what.split_once(' ').expect("a hop limit and octets");
    let digits: Vec<char> = octets.chars().collect();
    let octet = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
    let octets: Vec<u8> = digits.chunks(2).map(|pair| octet(pair).expect("an octet")).collect();
    let index = fs::read_to_string("/sys/class/net/isp0/ifindex").expect("isp0 exists");
    let index = index.trim().parse().expect("an interface index");
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).expect("a socket");
    let hops = hop_limit.parse().expect("a number");
    socket.set_multicast_hops_v6(hops).expect("the hop limit of what it sends");
    let nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    loop {
        // The kernel fills in the checksum; an error is one of a tentative address.
        let _ = socket.send_to(&octets, &SocketAddrV6::new(nodes, 0, 0, index).into());
        thread::sleep(Duration::from_secs(1));
    }
}

fn hold_client_port() {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 546)).expect("port 546 is free");
    println!("ready");
    loop {
        thread::park();
        // Keeps the socket open past every wake-up.
        socket.local_addr().ok();
    }
}
