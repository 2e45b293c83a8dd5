//! Which process holds a UDP port: for the sentence that says why we cannot.
//!
//! Reads `/proc` alone, and only after a bind has failed. What is not
//! readable is not found; the caller says less then.

use std::fmt;
use std::fs;
use std::path::Path;

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
/// network namespace.
pub(crate) fn of_udp_port(port: u16) -> Option<Owner> {
    // Namespaces belong to threads, so not /proc/net, which is the main one's.
    let table = fs::read_to_string("/proc/thread-self/net/udp6").ok()?;
    table.lines().filter_map(|line| inode_at(line, port)).find_map(holder)
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
        let owner = of_udp_port(port).unwrap();
        assert_eq!(owner.pid, std::process::id());
        assert_eq!(owner.to_string(), format!("{} (pid {})", owner.name, owner.pid));
        drop(socket);
        assert_eq!(of_udp_port(port), None);
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
