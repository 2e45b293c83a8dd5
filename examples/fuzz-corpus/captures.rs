//! The DHCPv6 messages in capture files.

use std::fs;
use std::path::Path;

/// The header of a file, and of each packet in it.
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;
/// Ethernet, IPv6, UDP: no capture of ours has anything in between.
const HEADERS: usize = 14 + 40 + 8;

/// The messages of all captures in a directory, files in order of their names.
pub fn messages(directory: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .expect("the captures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcap"))
        .collect();
    files.sort();
    files.iter().flat_map(|file| packets(&fs::read(file).expect("a capture"))).collect()
}

fn packets(capture: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &capture[FILE_HEADER..];
    let mut messages = Vec::new();
    while let Some((header, after)) = rest.split_at_checked(PACKET_HEADER) {
        let length = u32::from_le_bytes(header[8..12].try_into().expect("four octets"));
        let length = usize::try_from(length).expect("a length");
        let (packet, after) = after.split_at(length.min(after.len()));
        messages.extend(packet.get(HEADERS..).map(<[u8]>::to_vec));
        rest = after;
    }
    messages
}
