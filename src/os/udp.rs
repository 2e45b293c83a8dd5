//! The socket at UDP port 546: datagrams in from servers, out to
//! All_DHCP_Relay_Agents_and_Servers (RFC 9915 §7.1, §7.2), or to one server
//! where that is asked for (RFC 7341 §9).
//!
//! One socket per interface, bound to it, never connected: some servers
//! answer from another port than 547. Address reuse is never set, or another
//! client could take half of our answers. Nothing in here reads a payload.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket as StdSocket};
use std::os::fd::AsRawFd as _;

use dhc6c_core::link::Datagram;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::error::Error;
use super::owner;
use super::socket::{self, Marks, Received};

/// Where clients listen (RFC 9915 §7.2).
const CLIENT_PORT: u16 = 546;
/// Where servers and relay agents listen (RFC 9915 §7.2).
const SERVER_PORT: u16 = 547;
/// All_DHCP_Relay_Agents_and_Servers (RFC 9915 §7.1).
pub(crate) const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// Longer than any UDP payload, so that nothing is ever cut.
const LONGEST: usize = 1 << 16;

/// UDP port 546 on one interface.
pub(crate) struct Socket {
    socket: UdpSocket,
    index: u32,
    /// Allocated once; its pages come into being with the first datagrams.
    buffer: Box<[u8]>,
}

impl Socket {
    /// Opens the port on an interface. Needs a runtime with I/O.
    pub(crate) fn open(interface: &str, index: u32, marks: Marks) -> Result<Self, Error> {
        Self::open_at(interface, index, CLIENT_PORT, marks)
    }

    /// Waits for the next datagram that arrived on our interface. Dropping
    /// the wait loses nothing. An empty datagram is one too.
    pub(crate) async fn receive(&mut self) -> io::Result<Datagram> {
        loop {
            let descriptor = self.socket.as_raw_fd();
            let buffer = &mut self.buffer;
            let receive = || socket::receive(descriptor, buffer);
            let received = self.socket.async_io(Interest::READABLE, receive).await?;
            if received.index == self.index {
                let Received { source, destination, octets, .. } = received;
                return Ok(Datagram { source, destination, octets });
            }
        }
    }

    /// Sends to the port of servers and relay agents at `destination`, from
    /// `source`. Never blocks: a full queue is an error.
    pub(crate) fn send(
        &self,
        destination: Ipv6Addr,
        source: Ipv6Addr,
        octets: &[u8],
    ) -> io::Result<()> {
        self.send_to(SocketAddrV6::new(destination, SERVER_PORT, 0, self.index), source, octets)
    }

    fn open_at(interface: &str, index: u32, port: u16, marks: Marks) -> Result<Self, Error> {
        let what = format!("cannot open UDP port {port}");
        let failed = |error: io::Error| Error::new(&what, error);
        let kind = Type::DGRAM.cloexec().nonblocking();
        let socket =
            socket2::Socket::new(Domain::IPV6, kind, Some(Protocol::UDP)).map_err(failed)?;
        socket.set_only_v6(true).map_err(failed)?;
        socket::bind_device(&socket, interface, &what)?;
        marks.put_on(&socket, &what)?;
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true).map_err(|e| failed(e.into()))?;
        socket.set_multicast_if_v6(index).map_err(failed)?;
        // The hop limit of multicast stays at the kernel's 1: what we send is
        // for the link, relay agents carry it on.
        socket.set_multicast_loop_v6(false).map_err(failed)?;
        let address = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0);
        socket.bind(&address.into()).map_err(|error| refused(&what, port, index, error))?;
        Ok(Self {
            socket: UdpSocket::from_std(StdSocket::from(socket)).map_err(failed)?,
            index,
            buffer: vec![0; LONGEST].into(),
        })
    }

    fn send_to(&self, to: SocketAddrV6, source: Ipv6Addr, octets: &[u8]) -> io::Result<()> {
        socket::send(self.socket.as_raw_fd(), self.index, source, to, octets)
    }
}

/// Why the port is not to be had on the interface of that index.
fn refused(what: &str, port: u16, index: u32, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Error::permission(what, "CAP_NET_BIND_SERVICE"),
        io::ErrorKind::AddrInUse => match owner::of_udp_port(port, index) {
            Some(owner) => Error::new(what, format!("in use by {owner}"))
                .hint(format!("stop {}: two DHCPv6 clients cannot share an interface", owner.name)),
            None => Error::new(what, "in use by another process")
                .hint(format!("stop the program that `ss -6ulnp sport = :{port}` shows")),
        },
        _ => Error::new(what, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::error::Kind;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future)
    }

    /// A socket on the loopback interface at a free port.
    fn loopback() -> (Socket, u16) {
        let socket = Socket::open_at("lo", 1, 0, Marks::default()).unwrap();
        let port = socket.socket.local_addr().unwrap().port();
        (socket, port)
    }

    #[test]
    fn tx_10_datagrams_from_any_port_arrive_whole_with_source_and_destination() {
        run(async {
            let (mut receiver, port) = loopback();
            let (sender, _) = loopback();
            let to = SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0);
            let longest = vec![7; 65_527];
            for octets in [&b"one"[..], b"", &longest] {
                sender.send_to(to, Ipv6Addr::LOCALHOST, octets).unwrap();
                let datagram = receiver.receive().await.unwrap();
                assert_eq!(datagram.octets, octets);
                assert_eq!(datagram.source, Ipv6Addr::LOCALHOST);
                assert_eq!(datagram.destination, Ipv6Addr::LOCALHOST);
            }
        });
    }

    #[test]
    fn a_source_that_is_not_ours_is_refused() {
        run(async {
            let (sender, port) = loopback();
            let to = SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0);
            assert!(sender.send_to(to, "2001:db8::1".parse().unwrap(), b"x").is_err());
        });
    }

    #[test]
    fn a_port_in_use_names_its_owner() {
        run(async {
            let (_first, port) = loopback();
            let Err(error) = Socket::open_at("lo", 1, port, Marks::default()) else {
                panic!("two sockets at one port");
            };
            let pid = std::process::id();
            assert!(
                error.to_string().starts_with(&format!("cannot open UDP port {port}: in use by "))
            );
            assert!(error.why.ends_with(&format!("(pid {pid})")), "{error}");
            assert!(error.hint.is_some());
            assert_eq!(error.kind, Kind::Runtime);
        });
    }

    #[test]
    fn an_interface_that_is_absent_is_named_as_such() {
        run(async {
            let Err(error) = Socket::open_at("nosuchlink0", 9999, 0, Marks::default()) else {
                panic!("opened on an absent interface");
            };
            assert_eq!(error.why, "no such interface");
        });
    }
}
