//! A reader of capture files, just large enough for DHCPv6. It shares no code
//! with the client, so that a mistake in the client's codec cannot hide itself.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::helper::RUBBISH_PORT;

pub(crate) const SOLICIT: u8 = 1;
pub(crate) const ADVERTISE: u8 = 2;
pub(crate) const REQUEST: u8 = 3;
pub(crate) const CONFIRM: u8 = 4;
pub(crate) const RENEW: u8 = 5;
pub(crate) const REBIND: u8 = 6;
pub(crate) const REPLY: u8 = 7;
pub(crate) const RELEASE: u8 = 8;
pub(crate) const DECLINE: u8 = 9;
pub(crate) const INFORMATION_REQUEST: u8 = 11;
pub(crate) const DHCPV4_QUERY: u8 = 20;
pub(crate) const DHCPV4_RESPONSE: u8 = 21;

pub(crate) const CLIENT_ID: u16 = 1;
pub(crate) const SERVER_ID: u16 = 2;
pub(crate) const IA_NA: u16 = 3;
pub(crate) const IA_ADDRESS: u16 = 5;
pub(crate) const ORO: u16 = 6;
pub(crate) const ELAPSED_TIME: u16 = 8;
pub(crate) const STATUS_CODE: u16 = 13;
pub(crate) const RAPID_COMMIT: u16 = 14;
pub(crate) const IA_PD: u16 = 25;
pub(crate) const IA_PREFIX: u16 = 26;
pub(crate) const DHCPV4_MSG: u16 = 87;
pub(crate) const DHCP4O6_SERVER: u16 = 88;

/// The tag of a VLAN: priority and number.
pub(crate) type Tag = (u8, u16);

/// One DHCPv6 message on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Seconds since 1970, by the capture's clock.
    pub(crate) at: f64,
    pub(crate) hop_limit: u8,
    /// The class in the network, 0 to 63.
    pub(crate) dscp: u8,
    /// The tag of its VLAN.
    #[allow(dead_code, reason = "only the vm tier has VLANs")]
    pub(crate) vlan: Option<Tag>,
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    /// The message type's code.
    pub(crate) kind: u8,
    pub(crate) xid: u32,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

/// An IA_NA or IA_PD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Association {
    pub(crate) iaid: u32,
    pub(crate) t1: u32,
    pub(crate) t2: u32,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

/// An IA Prefix option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) preferred: u32,
    pub(crate) valid: u32,
    /// In the usual notation, `2001:db8::/56`.
    pub(crate) prefix: String,
}

/// The fields before the options of a DHCPv4 message, and where they begin (RFC 2131 §2).
const V4_FIELDS: [(&str, usize); 14] = [
    ("op", 0),
    ("htype", 1),
    ("hlen", 2),
    ("hops", 3),
    ("xid", 4),
    ("secs", 8),
    ("flags", 10),
    ("ciaddr", 12),
    ("yiaddr", 16),
    ("siaddr", 20),
    ("giaddr", 24),
    ("chaddr", 28),
    ("sname", 44),
    ("file", 108),
];

/// Where the cookie is that stands before the options.
const V4_COOKIE: usize = 236;

/// A DHCPv4 message.
#[derive(Clone, Debug)]
pub(crate) struct V4 {
    pub(crate) xid: u32,
    pub(crate) ciaddr: Ipv4Addr,
    pub(crate) yiaddr: Ipv4Addr,
    pub(crate) options: Vec<(u8, Vec<u8>)>,
    /// How many octets stand behind the end of the options.
    #[allow(dead_code, reason = "the vm tier has no IPv4")]
    pub(crate) padding: usize,
    header: Vec<u8>,
}

impl V4 {
    fn of(octets: &[u8]) -> Self {
        const COOKIE: [u8; 4] = [99, 130, 83, 99];
        let (header, mut rest) = octets.split_at(240);
        assert_eq!(header[V4_COOKIE..], COOKIE, "a DHCPv4 message has its cookie");
        let mut options = Vec::new();
        while let [code, tail @ ..] = rest
            && *code != 255
        {
            let (length, tail) = tail.split_first().expect("an option has a length");
            let (payload, tail) = tail.split_at(usize::from(*length));
            options.push((*code, payload.to_vec()));
            rest = tail;
        }
        let address = |at: usize| Ipv4Addr::from(big(&header[at..at + 4]));
        Self {
            xid: big(&header[4..8]),
            ciaddr: address(12),
            yiaddr: address(16),
            options,
            padding: rest.strip_prefix(&[255]).expect("the options have an end").len(),
            header: header.to_vec(),
        }
    }

    /// The fields before the options, by the names of RFC 2131 §2.
    #[allow(dead_code, reason = "the vm tier has no IPv4")]
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let ends = V4_FIELDS.iter().skip(1).map(|(_, start)| *start).chain([V4_COOKIE]);
        V4_FIELDS.iter().zip(ends).map(|(&(name, start), end)| (name, &self.header[start..end]))
    }

    /// The payload of an option.
    pub(crate) fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(found, _)| *found == code).map(|(_, data)| data.as_slice())
    }

    /// What it is (option 53).
    pub(crate) fn kind(&self) -> u8 {
        self.option(53).expect("every message says what it is")[0]
    }
}

impl Message {
    /// The payload of the first option with this code.
    pub(crate) fn option(&self, code: u16) -> Option<&[u8]> {
        self.options.iter().find(|(found, _)| *found == code).map(|(_, data)| data.as_slice())
    }

    pub(crate) fn has(&self, code: u16) -> bool {
        self.option(code).is_some()
    }

    /// The codes asked for in the Option Request option, in order.
    pub(crate) fn requested(&self) -> Vec<u16> {
        self.option(ORO).unwrap_or_default().chunks_exact(2).map(|pair| big(pair) as u16).collect()
    }

    /// The DHCPv4 message in a message of DHCPv4 over DHCPv6.
    pub(crate) fn v4(&self) -> Option<V4> {
        let [one] =
            &self.options.iter().filter(|(code, _)| *code == DHCPV4_MSG).collect::<Vec<_>>()[..]
        else {
            return None;
        };
        Some(V4::of(&one.1))
    }

    /// The Status Code of the message itself, where it is no success.
    pub(crate) fn refusal(&self) -> Option<u32> {
        self.option(STATUS_CODE).map(|data| big(&data[..2])).filter(|&code| code != 0)
    }

    /// The identity associations of one kind ([`IA_NA`] or [`IA_PD`]).
    pub(crate) fn associations(&self, code: u16) -> Vec<Association> {
        self.options
            .iter()
            .filter(|(found, _)| *found == code)
            .map(|(_, data)| Association {
                iaid: big(&data[..4]),
                t1: big(&data[4..8]),
                t2: big(&data[8..12]),
                options: options(&data[12..]),
            })
            .collect()
    }

    /// The addresses in all IA_NAs.
    pub(crate) fn addresses(&self) -> Vec<Ipv6Addr> {
        self.leases(IA_NA, IA_ADDRESS).iter().map(|data| address(&data[..16])).collect()
    }

    /// Whether a Reply takes an address away, by a valid lifetime of 0.
    pub(crate) fn withdraws(&self) -> bool {
        let leases = self.leases(IA_NA, IA_ADDRESS);
        self.kind == REPLY && leases.iter().any(|data| big(&data[20..24]) == 0)
    }

    /// The prefixes in all IA_PDs.
    pub(crate) fn prefixes(&self) -> Vec<Prefix> {
        self.leases(IA_PD, IA_PREFIX)
            .iter()
            .map(|data| Prefix {
                preferred: big(&data[..4]),
                valid: big(&data[4..8]),
                prefix: format!("{}/{}", address(&data[9..25]), data[8]),
            })
            .collect()
    }

    fn leases(&self, association: u16, lease: u16) -> Vec<Vec<u8>> {
        self.associations(association)
            .into_iter()
            .flat_map(|association| association.options)
            .filter(|(code, _)| *code == lease)
            .map(|(_, data)| data)
            .collect()
    }
}

/// The whole messages of a capture file that may still be growing.
pub(crate) fn messages(file: &[u8]) -> Vec<Message> {
    const FILE_HEADER: usize = 24;
    let mut messages = Vec::new();
    let Some(mut rest) = file.get(FILE_HEADER..) else { return messages };
    assert_eq!(file[..4], [0xd4, 0xc3, 0xb2, 0xa1], "a little-endian pcap with microseconds");
    let link = little(&file[20..FILE_HEADER]);
    while let Some((header, tail)) = rest.split_at_checked(16) {
        let length = little(&header[8..12]) as usize;
        let Some((frame, tail)) = tail.split_at_checked(length) else { break };
        let at = f64::from(little(&header[..4])) + f64::from(little(&header[4..8])) / 1e6;
        messages.extend(message(at, link, frame));
        rest = tail;
    }
    messages
}

/// The packet in a frame, with the tag of its VLAN: Ethernet, or what Linux puts before the
/// packets of a link without frames of its own.
fn packet(link: u32, frame: &[u8]) -> Option<(&[u8], Option<Tag>)> {
    const ETHERNET: u32 = 1;
    const LINUX_COOKED: u32 = 113;
    const IPV6: [u8; 2] = [0x86, 0xdd];
    const TAG: [u8; 2] = [0x81, 0];
    let rest = match link {
        ETHERNET => frame.get(12..)?,
        LINUX_COOKED => frame.get(14..)?,
        other => panic!("a capture of link type {other}"),
    };
    match rest.strip_prefix(&TAG) {
        Some(tagged) => {
            let (tag, rest) = tagged.split_at_checked(2)?;
            Some((rest.strip_prefix(&IPV6)?, Some((tag[0] >> 5, big(tag) as u16 & 0xfff))))
        }
        None => Some((rest.strip_prefix(&IPV6)?, None)),
    }
}

/// IPv6 without extension headers, UDP: what both ends here send.
fn message(at: f64, link: u32, frame: &[u8]) -> Option<Message> {
    let (packet, vlan) = packet(link, frame)?;
    let (header, datagram) = packet.split_at_checked(40)?;
    let (udp, payload) = datagram.split_at_checked(8)?;
    let is_rubbish = udp[..2] == RUBBISH_PORT.to_be_bytes();
    if header[6] != 17 || payload.len() < 4 || is_rubbish {
        return None;
    }
    Some(Message {
        at,
        hop_limit: header[7],
        // Half of the traffic class stands in either octet.
        dscp: (header[0] << 4 | header[1] >> 4) >> 2,
        vlan,
        source: address(&header[8..24]),
        destination: address(&header[24..40]),
        source_port: big(&udp[..2]) as u16,
        destination_port: big(&udp[2..4]) as u16,
        kind: payload[0],
        xid: big(&payload[1..4]),
        options: options(&payload[4..]),
    })
}

/// Options that have to fill `data` to the last octet.
fn options(data: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut options = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (header, tail) = rest.split_at_checked(4).expect("an option has a header");
        let (payload, tail) =
            tail.split_at_checked(big(&header[2..]) as usize).expect("an option is whole");
        options.push((big(&header[..2]) as u16, payload.to_vec()));
        rest = tail;
    }
    options
}

fn address(octets: &[u8]) -> Ipv6Addr {
    Ipv6Addr::from(<[u8; 16]>::try_from(octets).expect("16 octets"))
}

fn big(octets: &[u8]) -> u32 {
    octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet))
}

fn little(octets: &[u8]) -> u32 {
    octets.iter().rev().fold(0, |value, octet| value << 8 | u32::from(*octet))
}

/// Lower-case hexadecimal without separators, as in the client's JSON.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
