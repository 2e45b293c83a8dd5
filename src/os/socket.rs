//! What the sockets to a link have in common: they are bound to it, say which
//! address they send from, and learn whom a message was for.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddrV6};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{c_int, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, SockaddrIn6, recvmsg, sendmsg,
    setsockopt, sockopt,
};

use super::error::Error;

/// How what we send is marked; absent is left to the kernel.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Marks {
    /// The class in the network, 0 to 63 (RFC 2474 §3).
    pub(crate) dscp: Option<u8>,
    /// The priority within this machine (SO_PRIORITY).
    pub(crate) priority: Option<u8>,
}

impl Marks {
    /// Has a socket mark what it sends; `what` is said of a failure.
    pub(super) fn put_on(self, socket: &socket2::Socket, what: &str) -> Result<(), Error> {
        if let Some(dscp) = self.dscp {
            // The lower two bits are for congestion.
            socket.set_tclass_v6(u32::from(dscp) << 2).map_err(|error| Error::new(what, error))?;
        }
        if let Some(priority) = self.priority {
            setsockopt(socket, sockopt::Priority, &i32::from(priority))
                .map_err(|error| Error::new(what, error))?;
        }
        Ok(())
    }
}

/// A message from a link.
pub(super) struct Received {
    /// The interface it arrived on; 0 where the kernel does not say, which is
    /// no interface.
    pub(super) index: u32,
    pub(super) source: Ipv6Addr,
    pub(super) destination: Ipv6Addr,
    /// What was left of its hop limit, where that was asked for; else 0.
    pub(super) hop_limit: u8,
    pub(super) octets: Vec<u8>,
}

/// Lets a socket hear and speak on one interface alone; `what` is said of a
/// failure.
pub(super) fn bind_device(
    socket: &socket2::Socket,
    interface: &str,
    what: &str,
) -> Result<(), Error> {
    socket.bind_device(Some(interface.as_bytes())).map_err(|error| {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EPERM) => Error::permission(what, "CAP_NET_RAW"),
            Some(Errno::ENODEV) => Error::new(what, "no such interface"),
            _ => Error::new(what, error),
        }
    })
}

/// Sends from an address of ours. The kernel would choose among all; answers
/// come to the one that a message came from, and it has to be link-local.
/// Never blocks: a full queue is an error.
pub(super) fn send(
    descriptor: i32,
    index: u32,
    source: Ipv6Addr,
    to: SocketAddrV6,
    octets: &[u8],
) -> io::Result<()> {
    let pinned =
        in6_pktinfo { ipi6_addr: in6_addr { s6_addr: source.octets() }, ipi6_ifindex: index };
    sendmsg(
        descriptor,
        &[IoSlice::new(octets)],
        &[ControlMessage::Ipv6PacketInfo(&pinned)],
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        Some(&SockaddrIn6::from(to)),
    )?;
    Ok(())
}

/// Takes one message from the queue.
pub(super) fn receive(descriptor: i32, buffer: &mut [u8]) -> io::Result<Received> {
    let mut space = cmsg_space!(in6_pktinfo, c_int);
    let mut slices = [IoSliceMut::new(buffer)];
    let message: RecvMsg<'_, '_, SockaddrIn6> =
        recvmsg(descriptor, &mut slices, Some(&mut space), MsgFlags::MSG_DONTWAIT)?;
    let (mut index, mut destination, mut hop_limit) = (0, Ipv6Addr::UNSPECIFIED, 0);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                (index, destination) = (info.ipi6_ifindex, info.ipi6_addr.s6_addr.into());
            }
            // Any that is no octet is none of a message that came by IPv6.
            ControlMessageOwned::Ipv6HopLimit(hops) => {
                hop_limit = u8::try_from(hops).unwrap_or_default();
            }
            _ => {}
        }
    }
    let source = message.address.map_or(Ipv6Addr::UNSPECIFIED, |address| address.ip());
    let length = message.bytes;
    let octets = buffer.get(..length).unwrap_or_default().to_vec();
    Ok(Received { index, source, destination, hop_limit, octets })
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::getsockopt;
    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn marks_are_on_the_socket_and_absent_ones_are_not() {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, None).unwrap();
        let usual = getsockopt(&socket, sockopt::Priority).unwrap();
        Marks::default().put_on(&socket, "").unwrap();
        assert_eq!(socket.tclass_v6().unwrap(), 0);
        assert_eq!(getsockopt(&socket, sockopt::Priority).unwrap(), usual);
        Marks { dscp: Some(46), priority: Some(6) }.put_on(&socket, "").unwrap();
        assert_eq!(socket.tclass_v6().unwrap(), 46 << 2);
        assert_eq!(getsockopt(&socket, sockopt::Priority).unwrap(), 6);
    }
}
