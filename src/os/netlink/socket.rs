//! Sockets to the parts of the kernel that speak netlink (netlink(7)): one to
//! ask, and one that brings news.
//!
//! Nothing in here knows what a message says.

use std::cell::Cell;
use std::io;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, NetlinkAddr, bind, connect, recv, send, setsockopt};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What a header's flags say, as netlink numbers them.
pub(crate) mod flag {
    pub(super) const REQUEST: u16 = 0x1;
    pub(crate) const ACK: u16 = 0x4;
    /// A dump was disturbed by a change.
    pub(super) const DUMP_INTR: u16 = 0x10;
    pub(crate) const REPLACE: u16 = 0x100;
    pub(crate) const EXCL: u16 = 0x200;
    pub(crate) const CREATE: u16 = 0x400;
    /// Also NLM_F_ROOT and NLM_F_MATCH.
    pub(crate) const DUMP: u16 = 0x300;
}

/// The message that ends an answer without a dump: zero, or an errno.
const NLMSG_ERROR: u16 = 2;
/// The one that ends a dump, likewise.
const NLMSG_DONE: u16 = 3;
/// The length of a header (struct nlmsghdr).
const HEADER: usize = 16;
/// The kernel makes no longer part of an answer.
const LONGEST_ANSWER: usize = 1 << 15;
/// Longer than any news.
const LONGEST_NEWS: usize = 1 << 16;
/// The kernel works a request off while it is sent; nobody is to wait for it
/// if it ever does not.
const PATIENCE: Duration = Duration::from_secs(5);

/// Requests are looked at closely, filters in them too (Linux 4.20).
#[derive(Clone, Copy, Debug)]
struct StrictCheck;

nix::setsockopt_impl!(
    StrictCheck,
    libc::SOL_NETLINK,
    libc::NETLINK_GET_STRICT_CHK,
    bool,
    nix::sys::socket::sockopt::SetBool
);

/// A socket for requests to one part of the kernel.
pub(crate) struct Asking {
    socket: Socket,
    sequence: Cell<u32>,
}

impl Asking {
    /// Opens a socket for requests of this protocol (NETLINK_*).
    pub(crate) fn open(protocol: i32) -> io::Result<Self> {
        let socket = connected(protocol, Type::RAW, 0)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        // Lets the kernel filter dumps; before Linux 4.20 we filter alone.
        let _ = setsockopt(&socket, StrictCheck, &true);
        Ok(Self { socket, sequence: Cell::new(0) })
    }

    /// Sends a request and hands on each message of the answer, its kind and
    /// its payload. False where the kernel says that a change disturbed it.
    pub(crate) fn ask(
        &self,
        kind: u16,
        flags: u16,
        payload: &[u8],
        mut take: impl FnMut(u16, &[u8]),
    ) -> Result<bool, Errno> {
        let sequence = self.sequence.get().wrapping_add(1);
        self.sequence.set(sequence);
        let request = message(kind, flag::REQUEST | flags, sequence, payload);
        let descriptor = self.socket.as_raw_fd();
        send(descriptor, &request, MsgFlags::empty())?;
        let mut buffer = vec![0; LONGEST_ANSWER];
        let mut is_whole = true;
        loop {
            let length = recv(descriptor, &mut buffer, MsgFlags::empty())?;
            let parts = Parts(buffer.get(..length).unwrap_or_default());
            // What is left of an answer that was given up is nothing to us.
            for part in parts.filter(|part| part.sequence == sequence) {
                is_whole &= part.flags & flag::DUMP_INTR == 0;
                match part.kind {
                    NLMSG_ERROR | NLMSG_DONE => return outcome(part.payload).map(|()| is_whole),
                    kind => take(kind, part.payload),
                }
            }
        }
    }
}

/// A socket that brings news.
pub(crate) struct Listening {
    /// To the runtime it is one like any other of datagrams.
    socket: UdpSocket,
    buffer: Box<[u8]>,
}

/// News came faster than they were read, and some are gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Lost;

impl Listening {
    /// Opens a socket for the news of these groups, as bits, that pass the
    /// filter. Needs a runtime with I/O.
    pub(crate) fn open(protocol: i32, groups: u32, filter: &[SockFilter]) -> io::Result<Self> {
        let socket = connected(protocol, Type::RAW.nonblocking(), groups)?;
        socket.attach_filter(filter)?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self { socket, buffer: vec![0; LONGEST_NEWS].into() })
    }

    /// Waits for the next datagram of news. Dropping the wait loses nothing.
    pub(crate) async fn next(&mut self) -> io::Result<Result<Parts<'_>, Lost>> {
        let Self { socket, buffer } = self;
        let receive = || match receive(socket, buffer) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::ENOBUFS) => {
                // What is still in the queue is older than what was lost, and
                // older than what will be read of the kernel instead.
                while receive(socket, buffer).is_ok() {}
                Ok(None)
            }
            Err(errno) => Err(errno.into()),
        };
        let length = socket.async_io(Interest::READABLE, receive).await?;
        let octets = length.and_then(|length| buffer.get(..length));
        Ok(octets.map(Parts).ok_or(Lost))
    }
}

/// A socket that hears the kernel alone.
fn connected(protocol: i32, kind: Type, groups: u32) -> Result<Socket, io::Error> {
    let protocol = Protocol::from(protocol);
    let socket = Socket::new(Domain::from(libc::AF_NETLINK), kind.cloexec(), Some(protocol))?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(socket)
}

/// The length of the next datagram, which may be more than there was room for.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Result<usize, Errno> {
    recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_TRUNC)
}

/// A whole message (struct nlmsghdr and what follows).
fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    // Ours are a hundred octets long at most.
    let length = u32::try_from(HEADER + payload.len()).unwrap_or(u32::MAX);
    let mut octets = length.to_ne_bytes().to_vec();
    octets.extend([kind, flags].map(u16::to_ne_bytes).as_flattened());
    // From whom it is, the kernel knows.
    octets.extend([sequence, 0].map(u32::to_ne_bytes).as_flattened());
    octets.extend(payload);
    octets
}

/// What the last message of an answer says.
fn outcome(payload: &[u8]) -> Result<(), Errno> {
    match payload.first_chunk().copied().map_or(0, i32::from_ne_bytes) {
        0 => Ok(()),
        code => Err(Errno::from_raw(code.saturating_abs())),
    }
}

/// A message in a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Part<'a> {
    /// What it is about.
    pub(crate) kind: u16,
    flags: u16,
    sequence: u32,
    /// What it says.
    pub(crate) payload: &'a [u8],
}

/// The messages of a datagram; ends where they make no sense.
pub(crate) struct Parts<'a>(&'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let (header, _) = self.0.split_first_chunk::<HEADER>()?;
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let payload = self.0.get(HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Part {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_back_as_they_were_written() {
        let octets = [message(20, 0x301, 7, b"one"), vec![0], message(3, 2, 8, b"")].concat();
        let parts: Vec<_> = Parts(&octets).collect();
        let first = Part { kind: 20, flags: 0x301, sequence: 7, payload: b"one" };
        assert_eq!(parts, [first, Part { kind: 3, flags: 2, sequence: 8, payload: b"" }]);
    }

    #[test]
    fn what_is_cut_or_has_no_length_ends_the_reading() {
        let whole = message(20, 0, 1, b"four");
        for length in 0..whole.len() {
            assert_eq!(Parts(whole.get(..length).unwrap()).count(), 0, "{length}");
        }
        for length in [0_u32, 15, 21, u32::MAX] {
            let octets = [&length.to_ne_bytes()[..], whole.get(4..).unwrap()].concat();
            assert_eq!(Parts(&octets).count(), 0, "{length}");
        }
    }

    #[test]
    fn the_end_of_an_answer_says_what_came_of_it() {
        assert_eq!(outcome(&0_i32.to_ne_bytes()), Ok(()));
        assert_eq!(outcome(&(-2_i32).to_ne_bytes()), Err(Errno::ENOENT));
        assert_eq!(outcome(&i32::MIN.to_ne_bytes()), Err(Errno::UnknownErrno));
        assert_eq!(outcome(b""), Ok(()));
    }

    #[test]
    fn an_answer_belongs_to_its_request_whatever_was_left_of_another() {
        let asking = Asking::open(libc::NETLINK_ROUTE).unwrap();
        // All links, by struct ifinfomsg; the answer is not fetched.
        let request = message(libc::RTM_GETLINK, flag::REQUEST | flag::DUMP, 99, &[0; 16]);
        send(asking.socket.as_raw_fd(), &request, MsgFlags::empty()).unwrap();
        // One link, which is not there.
        let mut payload = [0; 16];
        payload[4..8].copy_from_slice(&i32::MAX.to_ne_bytes());
        let answer = asking.ask(libc::RTM_GETLINK, flag::ACK, &payload, |kind, _| {
            panic!("a message of kind {kind} is taken for the answer")
        });
        assert_eq!(answer, Err(Errno::ENODEV));
    }
}
