//! The ICMPv6 socket: Router Advertisements in, Router Solicitations out
//! (RFC 4861 §4.1, §4.2). Kernels that forward hide the flags of an
//! advertisement, and nothing that is read here changes what the kernel does
//! with it.
//!
//! Nothing else gets past the filter of the socket, so that the neighbours of
//! a link do not wake anybody. Nothing in here reads a payload.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket as StdSocket};
use std::os::fd::AsRawFd as _;

use dhc6c_core::ident::LinkAddress;
use dhc6c_core::link::RouterMessage;
use dhc6c_core::wire::ra::ROUTER_ADVERTISEMENT;
use nix::libc::{BPF_ABS, BPF_B, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockFilter, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::error::Error;
use super::socket::{self, Marks};

/// All routers of a link (RFC 4291 §2.7.1).
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// The ICMPv6 type of a Router Solicitation (RFC 4861 §4.1).
const ROUTER_SOLICITATION: u8 = 133;
/// The option with the sender's link-layer address (RFC 4861 §4.6.1).
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
/// What a message has that has not passed a router (RFC 4861 §6.1).
const HOP_LIMIT: u32 = 255;
/// Longer than any that fits a link.
const LONGEST: usize = 1 << 16;

/// ICMPv6 with the routers of one interface.
pub(crate) struct RouterSocket {
    /// A raw socket; to the runtime it is one like any other of datagrams.
    socket: UdpSocket,
    index: u32,
    buffer: Box<[u8]>,
}

impl RouterSocket {
    /// Opens the socket on an interface. Needs a runtime with I/O, and
    /// CAP_NET_RAW.
    pub(crate) fn open(interface: &str, index: u32, marks: Marks) -> Result<Self, Error> {
        const WHAT: &str = "cannot listen to routers";
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied => Error::permission(WHAT, "CAP_NET_RAW"),
            _ => Error::new(WHAT, error),
        };
        let kind = Type::RAW.cloexec().nonblocking();
        let socket =
            socket2::Socket::new(Domain::IPV6, kind, Some(Protocol::ICMPV6)).map_err(failed)?;
        socket.attach_filter(&advertisements()).map_err(failed)?;
        socket::bind_device(&socket, interface, WHAT)?;
        marks.put_on(&socket, WHAT)?;
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true).map_err(|e| failed(e.into()))?;
        socket.set_recv_hoplimit_v6(true).map_err(failed)?;
        socket.set_multicast_if_v6(index).map_err(failed)?;
        socket.set_multicast_hops_v6(HOP_LIMIT).map_err(failed)?;
        socket.set_multicast_loop_v6(false).map_err(failed)?;
        Ok(Self {
            socket: UdpSocket::from_std(StdSocket::from(socket)).map_err(failed)?,
            index,
            buffer: vec![0; LONGEST].into(),
        })
    }

    /// Waits for the next advertisement. Dropping the wait loses nothing.
    pub(crate) async fn receive(&mut self) -> io::Result<RouterMessage> {
        loop {
            let descriptor = self.socket.as_raw_fd();
            let buffer = &mut self.buffer;
            let receive = || socket::receive(descriptor, buffer);
            let received = self.socket.async_io(Interest::READABLE, receive).await?;
            if received.index == self.index {
                let socket::Received { source, hop_limit, octets, .. } = received;
                return Ok(RouterMessage { source, hop_limit, octets });
            }
        }
    }

    /// Asks all routers of the link to say something, from the link-local
    /// address `source`.
    pub(crate) fn solicit(
        &self,
        source: Ipv6Addr,
        link_address: Option<&LinkAddress>,
    ) -> io::Result<()> {
        // The kernel fills in the checksum.
        let mut octets = vec![ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
        if let Some(LinkAddress { octets: address, .. }) = link_address
            && address.len() == 6
        {
            octets.extend([SOURCE_LINK_LAYER_ADDRESS, 1]);
            octets.extend(address);
        }
        let to = SocketAddrV6::new(ROUTERS, 0, 0, self.index);
        socket::send(self.socket.as_raw_fd(), self.index, source, to, &octets)
    }
}

/// Lets Router Advertisements through whole, and nothing else.
fn advertisements() -> [SockFilter; 4] {
    let step = |code: u32, jt: u8, jf: u8, k: u32| {
        // The codes are small numbers in all kernels.
        SockFilter::new(u16::try_from(code).unwrap_or_default(), jt, jf, k)
    };
    [
        step(BPF_LD | BPF_B | BPF_ABS, 0, 0, 0),
        step(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, ROUTER_ADVERTISEMENT.into()),
        step(BPF_RET | BPF_K, 0, 0, u32::MAX),
        step(BPF_RET | BPF_K, 0, 0, 0),
    ]
}
