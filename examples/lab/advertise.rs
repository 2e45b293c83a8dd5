//! Router advertisements (RFC 4861 §4.2): a default router that says "use
//! DHCPv6" and announces no prefix, as access networks do.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ROUTER_ADVERTISEMENT: u8 = 134;
const HOP_LIMIT: u8 = 64;
/// M: addresses by DHCPv6.
const MANAGED: u8 = 0x80;
/// O: other configuration by DHCPv6.
const OTHER: u8 = 0x40;
/// Seconds that we stay a default router without a word.
const ROUTER_LIFETIME: u16 = 1800;
const EVERY: Duration = Duration::from_secs(3);
/// Our link-local address may still be tentative.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Advertises from now on, in a thread of its own.
pub fn start(interface: &str, index: u32) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    socket.bind_device(Some(interface.as_bytes()))?;
    // Another hop limit is a forgery to the receiver (RFC 4861 §6.1.2).
    socket.set_multicast_hops_v6(255)?;
    let all_nodes = SocketAddrV6::new(ALL_NODES, 0, 0, index).into();
    thread::spawn(move || {
        loop {
            let sent = socket.send_to(&advertisement(), &all_nodes);
            thread::sleep(if sent.is_ok() { EVERY } else { TRY_AGAIN });
        }
    });
    Ok(())
}

/// The message without its checksum, which the kernel fills in.
fn advertisement() -> Vec<u8> {
    let mut octets = vec![ROUTER_ADVERTISEMENT, 0, 0, 0, HOP_LIMIT, MANAGED | OTHER];
    octets.extend_from_slice(&ROUTER_LIFETIME.to_be_bytes());
    // Reachable time and retransmission timer: unspecified.
    octets.extend_from_slice(&[0; 8]);
    octets
}
