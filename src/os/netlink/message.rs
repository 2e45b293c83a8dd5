//! The few rtnetlink messages that we speak: links, addresses and routes, of
//! each the fields that somebody here looks at (rtnetlink(7)).
//!
//! The kernel's other fields are skipped, as are its other messages: their
//! decoders would be the largest part of the program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhc6c_core::time::Lifetime;
use nix::libc;

/// A message from or to the kernel.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// A link is there, or has changed.
    NewLink(LinkMessage),
    /// A link is gone.
    DelLink(LinkMessage),
    /// Asks for all links.
    GetLinks,
    /// An address is there or has changed; to the kernel: is to be.
    NewAddress(AddressMessage),
    /// An address is gone; to the kernel: is to be.
    DelAddress(AddressMessage),
    /// Asks for the addresses of a family on an interface; 0 means all.
    GetAddresses(u8, u32),
    /// Likewise a route.
    NewRoute(RouteMessage),
    /// Likewise a route.
    DelRoute(RouteMessage),
    /// Asks for the routes that have what is set in this one.
    GetRoutes(RouteMessage),
}

/// A link (struct ifinfomsg and its attributes).
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkMessage {
    /// The address family that speaks of it; 0 is the link itself.
    pub(crate) family: u8,
    /// The IANA hardware type.
    pub(crate) hardware_type: u16,
    /// The kernel's number for it.
    pub(crate) index: u32,
    /// IFF_*.
    pub(crate) flags: u32,
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its link-layer address.
    pub(crate) address: Option<Vec<u8>>,
    /// The interface that it is a part of: a bridge, a bond or a VRF.
    pub(crate) master: Option<u32>,
    /// The routing table of it, where it is a VRF.
    pub(crate) vrf_table: Option<u32>,
    /// How often its carrier has come and gone, since there is the interface.
    pub(crate) carrier_changes: Option<u32>,
    /// It says something about radio, and of the rest only flags and name.
    pub(crate) is_about_radio: bool,
}

/// An address (struct ifaddrmsg and its attributes).
#[derive(Clone, Debug)]
pub(crate) struct AddressMessage {
    /// The address family; only [`AF_INET6`] and [`AF_INET`] are read further.
    pub(crate) family: u8,
    /// The prefix length.
    pub(crate) prefix_length: u8,
    /// The interface.
    pub(crate) index: u32,
    /// IFA_F_*, all 32 bits of them.
    pub(crate) flags: u32,
    /// The address itself.
    pub(crate) address: Option<IpAddr>,
    /// Preferred lifetime, now.
    pub(crate) preferred: Lifetime,
    /// Valid lifetime, now.
    pub(crate) valid: Lifetime,
    /// Who added it (IFA_PROTO), where that is said.
    pub(crate) label: Option<u8>,
}

/// A route (struct rtmsg and its attributes).
#[derive(Clone, Debug)]
pub(crate) struct RouteMessage {
    /// The address family.
    pub(crate) family: u8,
    /// The routing table.
    pub(crate) table: u32,
    /// Who added it (RTPROT_*).
    pub(crate) protocol: u8,
    /// RTN_*.
    pub(crate) kind: u8,
    /// The destination's length.
    pub(crate) length: u8,
    /// The destination; the default route has none.
    pub(crate) destination: Option<IpAddr>,
    /// The router, which is taken to be on the link.
    pub(crate) router: Option<IpAddr>,
    /// The address of ours that goes with it.
    pub(crate) source: Option<IpAddr>,
    /// The metric.
    pub(crate) metric: Option<u32>,
    /// The interface.
    pub(crate) interface: Option<u32>,
}

/// The address family of IPv6 (10).
#[allow(clippy::cast_possible_truncation, reason = "families fit an octet on the wire")]
pub(crate) const AF_INET6: u8 = libc::AF_INET6 as u8;
/// The address family of IPv4 (2).
#[allow(clippy::cast_possible_truncation, reason = "families fit an octet on the wire")]
pub(crate) const AF_INET: u8 = libc::AF_INET as u8;

/// Attributes as rtnetlink numbers them.
mod attribute {
    pub(super) const IFLA_ADDRESS: u16 = 1;
    pub(super) const IFLA_IFNAME: u16 = 3;
    pub(super) const IFLA_MASTER: u16 = 10;
    pub(super) const IFLA_WIRELESS: u16 = 11;
    pub(super) const IFLA_LINKINFO: u16 = 18;
    pub(super) const IFLA_EXT_MASK: u16 = 29;
    pub(super) const IFLA_CARRIER_CHANGES: u16 = 35;
    /// Within IFLA_LINKINFO.
    pub(super) const IFLA_INFO_KIND: u16 = 1;
    /// Within IFLA_LINKINFO.
    pub(super) const IFLA_INFO_DATA: u16 = 2;
    /// Within IFLA_INFO_DATA of a VRF.
    pub(super) const IFLA_VRF_TABLE: u16 = 1;
    pub(super) const IFA_ADDRESS: u16 = 1;
    pub(super) const IFA_LOCAL: u16 = 2;
    pub(super) const IFA_CACHEINFO: u16 = 6;
    pub(super) const IFA_FLAGS: u16 = 8;
    pub(super) const IFA_PROTO: u16 = 11;
    pub(super) const RTA_DST: u16 = 1;
    pub(super) const RTA_OIF: u16 = 4;
    pub(super) const RTA_GATEWAY: u16 = 5;
    pub(super) const RTA_PRIORITY: u16 = 6;
    pub(super) const RTA_PREFSRC: u16 = 7;
    pub(super) const RTA_TABLE: u16 = 15;
}

/// Leaves the statistics out of a list of links.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
/// A router is reached by way of the interface, whatever other routes say.
const RTNH_F_ONLINK: u32 = 4;

impl Default for AddressMessage {
    fn default() -> Self {
        Self {
            family: AF_INET6,
            prefix_length: 0,
            index: 0,
            flags: 0,
            address: None,
            preferred: Lifetime::INFINITE,
            valid: Lifetime::INFINITE,
            label: None,
        }
    }
}

impl RouteMessage {
    /// One that says nothing; what others start from.
    pub(super) const EMPTY: Self = Self {
        family: AF_INET6,
        table: 0,
        protocol: 0,
        kind: libc::RTN_UNSPEC,
        length: 0,
        destination: None,
        router: None,
        source: None,
        metric: None,
        interface: None,
    };
}

impl Message {
    /// What it is about, as the kernel numbers that (RTM_*).
    pub(super) fn kind(&self) -> u16 {
        match self {
            Self::NewLink(_) => libc::RTM_NEWLINK,
            Self::DelLink(_) => libc::RTM_DELLINK,
            Self::GetLinks => libc::RTM_GETLINK,
            Self::NewAddress(_) => libc::RTM_NEWADDR,
            Self::DelAddress(_) => libc::RTM_DELADDR,
            Self::GetAddresses(..) => libc::RTM_GETADDR,
            Self::NewRoute(_) => libc::RTM_NEWROUTE,
            Self::DelRoute(_) => libc::RTM_DELROUTE,
            Self::GetRoutes(_) => libc::RTM_GETROUTE,
        }
    }

    /// Reads what the kernel says; nothing where that is about something else
    /// or shorter than its fixed part.
    pub(super) fn decode(kind: u16, payload: &[u8]) -> Option<Self> {
        Some(match kind {
            libc::RTM_NEWLINK => Self::NewLink(LinkMessage::decode(payload)?),
            libc::RTM_DELLINK => Self::DelLink(LinkMessage::decode(payload)?),
            libc::RTM_NEWADDR => Self::NewAddress(AddressMessage::decode(payload)?),
            libc::RTM_DELADDR => Self::DelAddress(AddressMessage::decode(payload)?),
            libc::RTM_NEWROUTE => Self::NewRoute(RouteMessage::decode(payload)?),
            libc::RTM_DELROUTE => Self::DelRoute(RouteMessage::decode(payload)?),
            _ => return None,
        })
    }

    /// What it says, as the kernel reads it.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::GetLinks => {
                let mut octets = vec![0; 16];
                add(&mut octets, attribute::IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
                octets
            }
            Self::GetAddresses(family, index) => {
                [&[*family, 0, 0, 0][..], &index.to_ne_bytes()[..]].concat()
            }
            Self::NewAddress(address) | Self::DelAddress(address) => address.encode(),
            Self::NewRoute(route) | Self::DelRoute(route) | Self::GetRoutes(route) => {
                route.encode()
            }
            // Nobody sends these.
            Self::NewLink(_) | Self::DelLink(_) => Vec::new(),
        }
    }
}

impl LinkMessage {
    fn decode(payload: &[u8]) -> Option<Self> {
        let (header, rest) = payload.split_first_chunk::<16>()?;
        let [family, _, t0, t1, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *header;
        let mut link = Self {
            family,
            hardware_type: u16::from_ne_bytes([t0, t1]),
            index: u32::from_ne_bytes([i0, i1, i2, i3]),
            flags: u32::from_ne_bytes([f0, f1, f2, f3]),
            ..Self::default()
        };
        for (kind, value) in Attributes(rest) {
            match kind {
                attribute::IFLA_IFNAME => {
                    let name = value.split(|&octet| octet == 0).next().unwrap_or_default();
                    link.name = Some(String::from_utf8_lossy(name).into_owned());
                }
                attribute::IFLA_MASTER => link.master = number(value),
                attribute::IFLA_CARRIER_CHANGES => link.carrier_changes = number(value),
                attribute::IFLA_WIRELESS => link.is_about_radio = true,
                attribute::IFLA_LINKINFO => link.vrf_table = vrf_table(value),
                attribute::IFLA_ADDRESS => link.address = Some(value.to_vec()),
                _ => {}
            }
        }
        Some(link)
    }
}

impl AddressMessage {
    fn decode(payload: &[u8]) -> Option<Self> {
        let (header, rest) = payload.split_first_chunk::<8>()?;
        let [family, prefix_length, flags, _, i0, i1, i2, i3] = *header;
        let index = u32::from_ne_bytes([i0, i1, i2, i3]);
        let mut message =
            Self { family, prefix_length, index, flags: flags.into(), ..Self::default() };
        if !is_internet(family) {
            return Some(message);
        }
        // With a peer, IFA_ADDRESS is the peer's.
        let mut other_end = None;
        for (kind, value) in Attributes(rest) {
            match kind {
                attribute::IFA_LOCAL => message.address = address(value),
                attribute::IFA_ADDRESS => other_end = address(value),
                attribute::IFA_FLAGS => message.flags = number(value).unwrap_or(message.flags),
                attribute::IFA_PROTO => message.label = value.first().copied(),
                attribute::IFA_CACHEINFO => {
                    let (preferred, valid) = (number(value), value.get(4..).and_then(number));
                    message.preferred = preferred.map_or(message.preferred, Lifetime);
                    message.valid = valid.map_or(message.valid, Lifetime);
                }
                _ => {}
            }
        }
        message.address = message.address.or(other_end);
        Some(message)
    }

    fn encode(&self) -> Vec<u8> {
        let mut octets = vec![self.family, self.prefix_length, 0, 0];
        octets.extend(self.index.to_ne_bytes());
        if let Some(address) = self.address {
            add_address(&mut octets, attribute::IFA_LOCAL, address);
            add_address(&mut octets, attribute::IFA_ADDRESS, address);
        }
        add(&mut octets, attribute::IFA_FLAGS, &self.flags.to_ne_bytes());
        let times = [self.preferred.0, self.valid.0, 0, 0].map(u32::to_ne_bytes);
        add(&mut octets, attribute::IFA_CACHEINFO, times.as_flattened());
        if let Some(label) = self.label {
            add(&mut octets, attribute::IFA_PROTO, &[label]);
        }
        octets
    }
}

impl RouteMessage {
    fn decode(payload: &[u8]) -> Option<Self> {
        let (header, rest) = payload.split_first_chunk::<12>()?;
        let [family, length, _, _, table, protocol, _, kind, ..] = *header;
        let table = table.into();
        let mut route = Self { family, table, protocol, kind, length, ..Self::EMPTY };
        for (kind, value) in Attributes(rest).take_while(|_| is_internet(family)) {
            match kind {
                attribute::RTA_DST => route.destination = address(value),
                attribute::RTA_GATEWAY => route.router = address(value),
                attribute::RTA_PREFSRC => route.source = address(value),
                attribute::RTA_PRIORITY => route.metric = number(value),
                attribute::RTA_OIF => route.interface = number(value),
                attribute::RTA_TABLE => route.table = number(value).unwrap_or(route.table),
                _ => {}
            }
        }
        Some(route)
    }

    fn encode(&self) -> Vec<u8> {
        let Self { family, length, table, protocol, kind, .. } = *self;
        // The fixed part has room for the old, small numbers alone.
        let short = u8::try_from(table).unwrap_or(libc::RT_TABLE_UNSPEC);
        let flags = if self.router.is_some() { RTNH_F_ONLINK } else { 0 };
        let mut octets = vec![family, length, 0, 0, short, protocol, self.scope(), kind];
        octets.extend(flags.to_ne_bytes());
        if short == libc::RT_TABLE_UNSPEC {
            add(&mut octets, attribute::RTA_TABLE, &table.to_ne_bytes());
        }
        let addresses = [
            (attribute::RTA_DST, self.destination),
            (attribute::RTA_GATEWAY, self.router),
            (attribute::RTA_PREFSRC, self.source),
        ];
        for (kind, address) in addresses {
            address.iter().for_each(|&address| add_address(&mut octets, kind, address));
        }
        if let Some(metric) = self.metric {
            add(&mut octets, attribute::RTA_PRIORITY, &metric.to_ne_bytes());
        }
        if let Some(interface) = self.interface {
            add(&mut octets, attribute::RTA_OIF, &interface.to_ne_bytes());
        }
        octets
    }

    /// IPv4 wants to know how far a destination is; IPv6 does not.
    fn scope(&self) -> u8 {
        let is_on_link = self.interface.is_some() && self.router.is_none();
        if self.family == AF_INET && is_on_link {
            libc::RT_SCOPE_LINK
        } else {
            libc::RT_SCOPE_UNIVERSE
        }
    }
}

/// The table of a VRF, by the particulars of a link.
fn vrf_table(particulars: &[u8]) -> Option<u32> {
    let value = |octets, wanted| Attributes(octets).find(|(kind, _)| *kind == wanted);
    let (_, kind) = value(particulars, attribute::IFLA_INFO_KIND)?;
    let is_vrf = kind.strip_suffix(&[0]).unwrap_or(kind) == b"vrf";
    let (_, data) = value(particulars, attribute::IFLA_INFO_DATA).filter(|_| is_vrf)?;
    number(value(data, attribute::IFLA_VRF_TABLE)?.1)
}

/// The attributes of a message, each with its kind and its value; ends where
/// they make no sense.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[l0, l1, k0, k1], _) = self.0.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        // The two upper bits say how the value is to be read.
        Some((u16::from_ne_bytes([k0, k1]) & 0x3fff, value))
    }
}

fn add(octets: &mut Vec<u8>, kind: u16, value: &[u8]) {
    // Ours are 16 octets long at most.
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    octets.extend(length.to_ne_bytes());
    octets.extend(kind.to_ne_bytes());
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
}

fn add_address(octets: &mut Vec<u8>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => add(octets, kind, &address.octets()),
        IpAddr::V6(address) => add(octets, kind, &address.octets()),
    }
}

/// An address, of the family that its length says.
fn address(value: &[u8]) -> Option<IpAddr> {
    let ipv4 = || <[u8; 4]>::try_from(value).map(|octets| Ipv4Addr::from(octets).into());
    let ipv6 = |octets: [u8; 16]| Ipv6Addr::from(octets).into();
    value.try_into().map(ipv6).or_else(|_| ipv4()).ok()
}

/// True for the families whose addresses and routes are read.
const fn is_internet(family: u8) -> bool {
    matches!(family, AF_INET | AF_INET6)
}

fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*value.first_chunk::<4>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_routes_are_read_back_as_they_were_written() {
        let address = AddressMessage {
            prefix_length: 128,
            index: 7,
            flags: 0x208,
            address: Some("2001:db8::1".parse().unwrap()),
            preferred: Lifetime(20),
            valid: Lifetime(30),
            label: Some(16),
            ..AddressMessage::default()
        };
        let back = AddressMessage::decode(&address.encode()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{address:?}"));
        let address = AddressMessage {
            family: AF_INET,
            prefix_length: 24,
            address: Some("192.0.2.18".parse().unwrap()),
            ..address
        };
        let back = AddressMessage::decode(&address.encode()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{address:?}"));
        for table in [254, 256, u32::MAX] {
            let route = RouteMessage {
                table,
                protocol: 16,
                kind: 7,
                length: 56,
                destination: Some("2001:db8::".parse().unwrap()),
                metric: Some(1024),
                interface: Some(1),
                ..RouteMessage::EMPTY
            };
            let back = RouteMessage::decode(&route.encode()).unwrap();
            assert_eq!(format!("{back:?}"), format!("{route:?}"));
            let route = RouteMessage {
                family: AF_INET,
                length: 0,
                destination: None,
                router: Some("192.0.2.1".parse().unwrap()),
                source: Some("192.0.2.18".parse().unwrap()),
                ..route
            };
            let back = RouteMessage::decode(&route.encode()).unwrap();
            assert_eq!(format!("{back:?}"), format!("{route:?}"));
        }
    }

    #[test]
    fn a_vrf_has_a_table_and_its_members_a_master() {
        let mut table = Vec::new();
        add(&mut table, attribute::IFLA_VRF_TABLE, &100_u32.to_ne_bytes());
        for (kind, expected) in [(&b"vrf\0"[..], Some(100)), (b"vlan\0", None)] {
            let mut particulars = Vec::new();
            add(&mut particulars, attribute::IFLA_INFO_KIND, kind);
            add(&mut particulars, attribute::IFLA_INFO_DATA, &table);
            let mut octets = vec![0; 16];
            add(&mut octets, attribute::IFLA_MASTER, &7_u32.to_ne_bytes());
            add(&mut octets, attribute::IFLA_LINKINFO, &particulars);
            let link = LinkMessage::decode(&octets).unwrap();
            assert_eq!((link.master, link.vrf_table), (Some(7), expected));
        }
    }

    #[test]
    fn what_is_cut_anywhere_is_read_as_far_as_it_goes() {
        let address = Some(Ipv6Addr::LOCALHOST.into());
        let whole = AddressMessage { address, ..Default::default() };
        let octets = whole.encode();
        for length in 0..octets.len() {
            let cut = octets.get(..length).unwrap();
            assert_eq!(AddressMessage::decode(cut).is_some(), length >= 8, "{length}");
            assert_eq!(LinkMessage::decode(cut).is_some(), length >= 16, "{length}");
            assert_eq!(RouteMessage::decode(cut).is_some(), length >= 12, "{length}");
        }
    }

    #[test]
    fn attributes_that_make_no_sense_end_the_list() {
        // A length of 0, of 3, and beyond the end.
        for length in [0_u16, 3, 9] {
            let octets = [&length.to_ne_bytes()[..], &[1, 0, 9, 9][..]].concat();
            assert_eq!(Attributes(&octets).count(), 0, "{length}");
        }
    }

    #[test]
    fn the_name_of_a_link_ends_at_its_zero() {
        let mut octets = vec![0; 16];
        add(&mut octets, attribute::IFLA_IFNAME, b"eth0\0");
        add(&mut octets, attribute::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]);
        let link = LinkMessage::decode(&octets).unwrap();
        assert_eq!(link.name.as_deref(), Some("eth0"));
        assert_eq!(link.address.as_deref(), Some(&[2, 0, 0, 0, 0, 1][..]));
    }
}
