//! Which process holds a UDP port: for the sentence that says why we cannot.
//!
//! Asked only after a bind has failed. The kernel tells which sockets there
//! are and to which interface each is bound (`sock_diag`), `/proc` whose they
//! are. What is not readable is not found; the caller says less then.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::libc;

use super::netlink::{Asking, flag};

/// `SOCK_DIAG_BY_FAMILY`: the request, and each of its answers.
const BY_FAMILY: u16 = 20;

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
    let mut inodes = Vec::new();
    let take = |_, socket: &[u8]| inodes.extend(inode_in(socket, port, index));
    Asking::open(libc::NETLINK_SOCK_DIAG)?.ask(BY_FAMILY, flag::DUMP, &request(port), take)?;
    Ok(inodes)
}

/// Asks for the IPv6 UDP sockets at the port, in whatever state
/// (`inet_diag_req_v2`).
fn request(port: u16) -> Vec<u8> {
    let mut octets = vec![10, 17, 0, 0]; // AF_INET6, IPPROTO_UDP, no extensions
    octets.extend(u32::MAX.to_ne_bytes()); // the states
    octets.extend(port.to_be_bytes());
    octets.extend([0; 46]); // the rest of the socket's identity: any
    octets
}

/// The inode in an `inet_diag_msg`, if the socket is at the port and bound to
/// the interface or to none.
fn inode_in(socket: &[u8], port: u16, index: u32) -> Option<u64> {
    let bound = u32_at(socket, 40)?;
    let here = array_at(socket, 4).map(u16::from_be_bytes) == Some(port);
    (here && (bound == 0 || bound == index)).then_some(())?;
    u32_at(socket, 68).map(u64::from)
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

/// The process that has the socket of this inode open. Between fork and exec
/// its child has it, too.
fn holder(inode: u64) -> Option<Owner> {
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let holders: Vec<(u32, PathBuf)> = processes
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .filter(|(_, path): &(u32, PathBuf)| has_open(path, &wanted))
        .collect();
    let is_child = |path: &Path| holders.iter().any(|(pid, _)| parent(path) == Some(*pid));
    let (pid, path) = holders.iter().find(|(_, path)| !is_child(path))?;
    Some(Owner { pid: *pid, name: name(path) })
}

/// The fourth word about a process, counted from behind its name, which may
/// hold anything.
fn parent(process: &Path) -> Option<u32> {
    let about = fs::read_to_string(process.join("stat")).ok()?;
    about.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
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

    use socket2::{Domain, Socket, Type};

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
    fn answers_that_are_cut_or_of_another_port_are_not_taken() {
        let socket = [&[0; 4][..], &546_u16.to_be_bytes(), &[0; 62], &7_u32.to_ne_bytes()].concat();
        assert_eq!(inode_in(&socket, 546, 1), Some(7));
        assert_eq!(inode_in(&socket, 547, 1), None);
        for length in 0..socket.len() {
            assert_eq!(inode_in(&socket[..length], 546, 1), None, "{length}");
        }
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
