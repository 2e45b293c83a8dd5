//! Which process holds a UDP port: for the sentence that says why we cannot.
//!
//! Asked only after a bind has failed. The kernel tells which sockets there
//! are and to which interface each is bound (`sock_diag`), `/proc` whose they
//! are. What is not readable is not found; the caller says less then.

use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use nix::libc;
use socket2::{Domain, Protocol, Socket, Type};

/// `SOCK_DIAG_BY_FAMILY`: the request, and each of its answers.
const BY_FAMILY: u16 = 20;
/// The netlink messages that end a dump.
const FAILED: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`
const DUMP: u16 = 0x301;
/// A netlink header and an `inet_diag_req_v2`.
const REQUEST: u32 = 16 + 56;
/// The kernel fills no more than half of it at once.
const BUFFER: usize = 1 << 16;
/// The kernel answers at once; nobody is to wait for it if it does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// A process that holds a port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Owner {
    /// Its process id.
    pub(crate) pid: u32,
    /// Its name as the kernel knows it, in printable ASCII.
    pub(crate) name: String,
}

/// Prints as "dhclient (pid 812)".
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// The first process found that has an IPv6 UDP socket at `port` in our
/// network namespace, bound to the interface of that index or to none.
pub(crate) fn of_udp_port(port: u16, index: u32) -> Option<Owner> {
    match sockets_at(port, index) {
        Ok(inodes) => inodes.into_iter().find_map(holder),
        Err(error) => {
            tracing::debug!("cannot ask for the sockets at port {port}: {error}");
            of_any_interface(port)
        }
    }
}

/// The same on whatever interface, for a kernel without `sock_diag`.
fn of_any_interface(port: u16) -> Option<Owner> {
    // Namespaces belong to threads, so not /proc/net, which is the main one's.
    let table = fs::read_to_string("/proc/thread-self/net/udp6").ok()?;
    table.lines().filter_map(|line| inode_at(line, port)).find_map(holder)
}

/// The inodes of the sockets at the port that concern the interface.
fn sockets_at(port: u16, index: u32) -> io::Result<Vec<u64>> {
    let domain = Domain::from(libc::AF_NETLINK);
    let protocol = Protocol::from(libc::NETLINK_SOCK_DIAG);
    // Not connected: what is sent goes to the kernel.
    let mut socket = Socket::new(domain, Type::RAW.cloexec(), Some(protocol))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(&request(port))?;
    let mut inodes = Vec::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = socket.read(&mut buffer)?;
        if take_answers(buffer.get(..length).unwrap_or_default(), port, index, &mut inodes)? {
            return Ok(inodes);
        }
    }
}

/// A dump of the IPv6 UDP sockets at the port, in whatever state.
fn request(port: u16) -> Vec<u8> {
    let mut octets = REQUEST.to_ne_bytes().to_vec();
    octets.extend([BY_FAMILY, DUMP].map(u16::to_ne_bytes).concat());
    // The sequence number and our port: one request, one socket.
    octets.extend([0; 8]);
    octets.extend([10, 17, 0, 0]); // AF_INET6, IPPROTO_UDP, no extensions
    octets.extend(u32::MAX.to_ne_bytes()); // the states
    octets.extend(port.to_be_bytes());
    octets.extend([0; 46]); // the rest of the socket's identity: any
    octets
}

/// Takes what one read gave; true when that was the end of the dump.
fn take_answers(
    mut octets: &[u8],
    port: u16,
    index: u32,
    inodes: &mut Vec<u64>,
) -> io::Result<bool> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    loop {
        let length = u32_at(octets, 0).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|&length| length >= 16).ok_or_else(malformed)?;
        let message = octets.get(..length).ok_or_else(malformed)?;
        match array_at(message, 4).map(u16::from_ne_bytes) {
            // Both carry an error: a kernel without the module ends the dump.
            Some(DONE) if u32_at(message, 16).is_none_or(|error| error == 0) => return Ok(true),
            Some(DONE | FAILED) => return Err(io::Error::other("the kernel does not know")),
            Some(BY_FAMILY) => inodes.extend(inode_in(message, port, index)),
            _ => {}
        }
        octets = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
        if octets.is_empty() {
            return Ok(false);
        }
    }
}

/// The inode in an `inet_diag_msg` behind its netlink header, if the socket is
/// at the port and bound to the interface or to none.
fn inode_in(message: &[u8], port: u16, index: u32) -> Option<u64> {
    let bound = u32_at(message, 56)?;
    let here = array_at(message, 20).map(u16::from_be_bytes) == Some(port);
    (here && (bound == 0 || bound == index)).then_some(())?;
    u32_at(message, 84).map(u64::from)
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    array_at(octets, at).map(u32::from_ne_bytes)
}

fn array_at<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..)?.first_chunk().copied()
}

/// The inode of the socket in a line of the kernel's table, if it is bound to
/// `port`. The columns: slot, local address and port, remote, state, queues,
/// timer, retransmissions, user, timeout, inode.
fn inode_at(line: &str, port: u16) -> Option<u64> {
    let mut columns = line.split_ascii_whitespace();
    let (_, local) = columns.nth(1)?.rsplit_once(':')?;
    (u16::from_str_radix(local, 16).ok()? == port).then_some(())?;
    columns.nth(7)?.parse().ok()
}

/// The process that has the socket of this inode open.
fn holder(inode: u64) -> Option<Owner> {
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .find_map(|(pid, path): (u32, _)| {
            has_open(&path, &wanted).then(|| Owner { pid, name: name(&path) })
        })
}

fn has_open(process: &Path, wanted: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| target.as_os_str() == wanted)
}

/// A process names itself, so its name is not to be trusted on a terminal.
fn name(process: &Path) -> String {
    let octets = fs::read(process.join("comm")).unwrap_or_default();
    let name = printable(octets.trim_ascii_end());
    if name.is_empty() { "another process".to_owned() } else { name }
}

fn printable(octets: &[u8]) -> String {
    let safe = |octet: &u8| if matches!(octet, b' '..=b'~') { char::from(*octet) } else { '?' };
    octets.iter().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_port_of_our_own_is_found() {
        let socket = UdpSocket::bind("[::1]:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        for owner in [of_udp_port(port, 1), of_udp_port(port, 7), of_any_interface(port)] {
            assert_eq!(owner.unwrap().pid, std::process::id());
        }
        let owner = of_udp_port(port, 1).unwrap();
        assert_eq!(owner.pid, std::process::id());
        assert_eq!(owner.to_string(), format!("{} (pid {})", owner.name, owner.pid));
        drop(socket);
        assert_eq!(of_udp_port(port, 1), None);
        assert_eq!(of_any_interface(port), None);
    }

    #[test]
    fn a_socket_bound_to_another_interface_does_not_count() {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, None).unwrap();
        socket.bind_device(Some(b"lo")).unwrap();
        let address: std::net::SocketAddr = "[::]:0".parse().unwrap();
        socket.bind(&address.into()).unwrap();
        let port = UdpSocket::from(socket.try_clone().unwrap()).local_addr().unwrap().port();
        if sockets_at(port, 1).is_err() {
            return; // a kernel without sock_diag
        }
        assert_eq!(of_udp_port(port, 1).unwrap().pid, std::process::id());
        assert_eq!(of_udp_port(port, 7), None);
    }

    #[test]
    fn answers_that_are_cut_or_empty_are_refused() {
        let mut inodes = Vec::new();
        let mut take = |octets: &[u8]| take_answers(octets, 546, 1, &mut inodes).ok();
        let message = |kind: u16, length: u32| {
            [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10]].concat()
        };
        assert_eq!(take(b""), None);
        assert_eq!(take(&message(BY_FAMILY, 0)), None);
        assert_eq!(take(&message(BY_FAMILY, 17)), None);
        assert_eq!(take(&message(FAILED, 16)), None);
        assert_eq!(take(&message(BY_FAMILY, 16)), Some(false));
        assert_eq!(take(&message(DONE, 16)), Some(true));
        let absent = [message(DONE, 20), (-2i32).to_ne_bytes().to_vec()].concat();
        assert_eq!(take(&absent), None);
        assert!(inodes.is_empty());
    }

    #[test]
    fn lines_of_the_table_are_read_by_column() {
        let line = "  546: 000080FE00000000FF42A80057B38DFE:0222 00000000000000000000000000000000:0000 \
                    07 00000000:00000000 00:00000000 00000000     0        0 34567 2 0000000000000000 0";
        assert_eq!(inode_at(line, 546), Some(34567));
        assert_eq!(inode_at(line, 547), None);
        assert_eq!(inode_at("  sl  local_address remote_address st", 546), None);
        assert_eq!(inode_at("", 546), None);
    }

    #[test]
    fn names_are_printable() {
        assert_eq!(printable(b"dhc\x1b[2Jlient\xff"), "dhc?[2Jlient?");
    }
}
