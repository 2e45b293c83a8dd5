//! Requests to the kernel over rtnetlink, one function each, and the stream
//! of its news.
//!
//! [`apply`](super::apply) and [`link`](super::link) call in here. Nothing in
//! here remembers or decides anything; failures are the kernel's own errno.

mod message;
mod socket;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::v4::Route;
use nix::errno::Errno;
use nix::libc;
use serde::{Deserialize, Serialize};
use socket2::SockFilter;

use super::error::Error;

use socket::{Listening, Part};

pub(crate) use message::{AF_INET, AF_INET6, AddressMessage, LinkMessage, Message, RouteMessage};
pub(crate) use socket::{Asking, Lost, flag};

/// The routing table for everybody.
pub(crate) const MAIN_TABLE: u32 = libc::RT_TABLE_MAIN as u32;
/// The prefix length of our IPv6 addresses: they say nothing of the link.
pub(crate) const ADDRESS_LENGTH: u8 = 128;

/// The label of DHCP on addresses (IFA_PROTO) and routes (RTPROT_DHCP). It
/// is for people to read and proves nothing: other clients use it too.
const LABEL: u8 = 16;
/// The loopback interface has this number in every network namespace.
const LOOPBACK: u32 = 1;
/// The news that a connection may bring, as bits (RTNLGRP_LINK, and
/// RTNLGRP_*_IFADDR and RTNLGRP_*_ROUTE of IPv4 and IPv6).
const GROUPS: u32 = 1 << 0 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10;
/// How often a dump is repeated that the kernel says was disturbed.
const REPETITIONS: u32 = 3;

/// Picks one kind of message.
macro_rules! only {
    ($kind:path) => {
        |message| match message {
            $kind(message) => Some(message),
            _ => None,
        }
    };
}

/// The news of links and addresses, and of routes with our label that go.
pub(crate) struct News(Listening);

impl News {
    /// Starts to listen. Needs a runtime with I/O.
    pub(crate) fn open() -> Result<Self, Error> {
        let listening = Listening::open(libc::NETLINK_ROUTE, GROUPS, &NEWS_FILTER);
        listening.map(Self).map_err(cannot_open)
    }

    /// Waits for the next; `Lost` when some of it was lost. Dropping the wait
    /// loses nothing.
    pub(crate) async fn next(&mut self) -> io::Result<Result<Vec<Message>, Lost>> {
        let news = self.0.next().await?;
        let decode = |part: Part<'_>| Message::decode(part.kind, part.payload);
        Ok(news.map(|parts| parts.filter_map(decode).collect()))
    }
}

/// A connection to the kernel for requests. News has one of its own: where
/// there is more of it than the socket holds, the kernel has no room for
/// answers either.
pub(crate) struct Netlink(Asking);

impl Netlink {
    /// Opens a connection.
    pub(crate) fn open() -> Result<Self, Error> {
        Asking::open(libc::NETLINK_ROUTE).map(Self).map_err(cannot_open)
    }

    /// All links.
    pub(crate) fn links(&self) -> Result<Vec<LinkMessage>, Errno> {
        let found = self.dump(&Message::GetLinks)?;
        Ok(found.into_iter().filter_map(only!(Message::NewLink)).collect())
    }

    /// All IPv6 addresses, of one interface or of all.
    pub(crate) fn addresses(&self, index: Option<u32>) -> Result<Vec<AddressMessage>, Errno> {
        self.addresses_of(AF_INET6, index)
    }

    /// All IPv4 addresses of an interface.
    pub(crate) fn ipv4_addresses(&self, index: u32) -> Result<Vec<AddressMessage>, Errno> {
        self.addresses_of(AF_INET, Some(index))
    }

    fn addresses_of(&self, family: u8, index: Option<u32>) -> Result<Vec<AddressMessage>, Errno> {
        let found = match self.dump(&Message::GetAddresses(family, index.unwrap_or(0))) {
            // An interface that is gone has none.
            Err(Errno::ENODEV) => Vec::new(),
            found => found?,
        };
        let wanted = |message: &AddressMessage| {
            message.family == family && index.is_none_or(|index| message.index == index)
        };
        Ok(found.into_iter().filter_map(only!(Message::NewAddress)).filter(wanted).collect())
    }

    /// Adds an address of ours with this prefix length or, with `replace`,
    /// changes its lifetimes.
    pub(crate) fn set_address(
        &self,
        index: u32,
        address: (IpAddr, u8),
        preferred: Lifetime,
        valid: Lifetime,
        replace: bool,
    ) -> Result<(), Errno> {
        let message = AddressMessage {
            // No prefix route: a lease says nothing of what is on the link
            // (RFC 9915 §18.2.10.1). Duplicate address detection stays on.
            flags: libc::IFA_F_NOPREFIXROUTE,
            preferred: preferred.min(valid),
            valid,
            label: Some(LABEL),
            ..address_message(index, address)
        };
        let how = if replace { flag::REPLACE } else { flag::EXCL };
        self.change(&Message::NewAddress(message), flag::CREATE | how)
    }

    /// Removes an address with this prefix length.
    pub(crate) fn remove_address(&self, index: u32, address: (IpAddr, u8)) -> Result<(), Errno> {
        self.change(&Message::DelAddress(address_message(index, address)), 0)
    }

    /// All unreachable routes of a table with our label, each with its metric.
    pub(crate) fn unreachable(&self, table: u32) -> Result<Vec<(Prefix, u32)>, Errno> {
        let found = self.routes(RouteMessage { table, ..UNREACHABLE })?;
        Ok(found.iter().filter_map(unreachable_key).collect())
    }

    /// The routes of a table that are like this one, as far as the kernel
    /// looks at that.
    fn routes(&self, like: RouteMessage) -> Result<Vec<RouteMessage>, Errno> {
        let table = like.table;
        let found = match self.dump(&Message::GetRoutes(like)) {
            // A table that was never used does not exist.
            Err(Errno::ENOENT) => Vec::new(),
            found => found?,
        };
        let found = found.into_iter().filter_map(only!(Message::NewRoute));
        Ok(found.filter(|message| message.table == table).collect())
    }

    /// Adds an unreachable route.
    pub(crate) fn add_unreachable(
        &self,
        table: u32,
        destination: Prefix,
        metric: u32,
    ) -> Result<(), Errno> {
        let message = unreachable_message(table, destination, metric);
        self.change(&Message::NewRoute(message), flag::CREATE | flag::EXCL)
    }

    /// Removes an unreachable route.
    pub(crate) fn remove_unreachable(
        &self,
        table: u32,
        destination: Prefix,
        metric: u32,
    ) -> Result<(), Errno> {
        self.change(&Message::DelRoute(unreachable_message(table, destination, metric)), 0)
    }

    /// All IPv4 routes of a table with our label.
    pub(crate) fn ipv4_routes(&self, table: u32) -> Result<Vec<Ipv4Route>, Errno> {
        let found = self.routes(RouteMessage { table, ..IPV4_ROUTE })?;
        Ok(found.iter().filter_map(Ipv4Route::of).collect())
    }

    /// Adds an IPv4 route.
    pub(crate) fn add_ipv4_route(&self, route: &Ipv4Route) -> Result<(), Errno> {
        self.change(&Message::NewRoute(route.message()), flag::CREATE | flag::EXCL)
    }

    /// Removes an IPv4 route.
    pub(crate) fn remove_ipv4_route(&self, route: &Ipv4Route) -> Result<(), Errno> {
        self.change(&Message::DelRoute(route.message()), 0)
    }

    fn change(&self, message: &Message, flags: u16) -> Result<(), Errno> {
        self.0.ask(message.kind(), flag::ACK | flags, &message.encode(), |_, _| {}).map(drop)
    }

    /// A dump is not atomic; the kernel marks one that a change disturbed.
    fn dump(&self, request: &Message) -> Result<Vec<Message>, Errno> {
        let (kind, payload) = (request.kind(), request.encode());
        let mut found = Vec::new();
        for _ in 0..=REPETITIONS {
            found.clear();
            let take = |kind, payload: &[u8]| found.extend(Message::decode(kind, payload));
            if self.0.ask(kind, flag::DUMP, &payload, take)? {
                break;
            }
            // Changes that go on bring news, and the news the truth.
        }
        Ok(found)
    }
}

fn cannot_open(error: io::Error) -> Error {
    Error::new("cannot open a netlink socket", error)
}

fn address_message(index: u32, (address, prefix_length): (IpAddr, u8)) -> AddressMessage {
    let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
    let address = Some(address);
    AddressMessage { family, index, prefix_length, address, ..AddressMessage::default() }
}

/// An IPv4 route of ours by way of an interface, as exactly as the kernel can
/// be told.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Ipv4Route {
    /// The routing table.
    pub(crate) table: u32,
    /// The kernel's number for the interface.
    pub(crate) interface: u32,
    /// Where it leads, and by which router.
    pub(crate) route: Route,
    /// The address of ours that goes with it.
    pub(crate) source: Ipv4Addr,
    /// Its metric.
    pub(crate) metric: u32,
}

impl Ipv4Route {
    fn message(&self) -> RouteMessage {
        let Route { destination, length, router } = self.route;
        let given = |address: Ipv4Addr| Some(IpAddr::from(address));
        RouteMessage {
            table: self.table,
            length,
            destination: given(destination).filter(|_| length > 0),
            router: given(router).filter(|_| !router.is_unspecified()),
            source: given(self.source),
            metric: Some(self.metric),
            interface: Some(self.interface),
            ..IPV4_ROUTE
        }
    }

    /// Reads one with our label.
    fn of(message: &RouteMessage) -> Option<Self> {
        let ours = message.kind == libc::RTN_UNICAST && message.protocol == LABEL;
        let ipv4 = |address: Option<IpAddr>| match address {
            Some(IpAddr::V4(address)) => address,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let RouteMessage { table, length, .. } = *message;
        let (destination, router) = (ipv4(message.destination), ipv4(message.router));
        Some(Self {
            table,
            interface: message.interface.filter(|_| ours && message.family == AF_INET)?,
            route: Route { destination, length, router },
            source: ipv4(message.source),
            // The kernel does not name the one that is none.
            metric: message.metric.unwrap_or(0),
        })
    }
}

/// What all of our IPv4 routes have in common.
const IPV4_ROUTE: RouteMessage =
    RouteMessage { family: AF_INET, kind: libc::RTN_UNICAST, ..UNREACHABLE };

/// What all of our unreachable routes have in common.
const UNREACHABLE: RouteMessage = RouteMessage {
    family: AF_INET6,
    table: MAIN_TABLE,
    protocol: LABEL,
    kind: libc::RTN_UNREACHABLE,
    ..RouteMessage::EMPTY
};

/// The kernel compares neither the type nor, unless told, the label of a
/// route it is to remove; the label and the loopback interface keep it off
/// other people's routes.
fn unreachable_message(table: u32, destination: Prefix, metric: u32) -> RouteMessage {
    RouteMessage {
        table,
        length: destination.length(),
        destination: Some(destination.address().into()),
        metric: Some(metric),
        interface: Some(LOOPBACK),
        ..UNREACHABLE
    }
}

/// Destination and metric of an unreachable route with our label.
pub(crate) fn unreachable_key(route: &RouteMessage) -> Option<(Prefix, u32)> {
    let ours = route.kind == libc::RTN_UNREACHABLE && route.protocol == LABEL;
    let address = match route.destination {
        Some(IpAddr::V6(address)) => address,
        // The default route is the one without a destination.
        None if route.family == AF_INET6 => Ipv6Addr::UNSPECIFIED,
        _ => return None,
    };
    let prefix = Prefix::new(address, route.length)?;
    route.metric.filter(|_| ours).map(|metric| (prefix, metric))
}

/// What of the news may wake us: everything but routes, and of these only
/// those with our label that are removed. A router with all the routes of the
/// Internet has news of others all the time.
const NEWS_FILTER: [SockFilter; 7] = [
    // The message's type, in the octet of it that matters.
    step(LOAD_OCTET, 0, 0, if cfg!(target_endian = "big") { 5 } else { 4 }),
    step(JUMP_IF_EQUAL, 4, 0, libc::RTM_NEWROUTE as u32),
    step(JUMP_IF_EQUAL, 0, 2, libc::RTM_DELROUTE as u32),
    // The route's protocol, the sixth octet of struct rtmsg after a header of 16.
    step(LOAD_OCTET, 0, 0, 21),
    step(JUMP_IF_EQUAL, 0, 1, LABEL as u32),
    step(RETURN, 0, 0, u32::MAX),
    step(RETURN, 0, 0, 0),
];

/// BPF_LD | BPF_B | BPF_ABS
const LOAD_OCTET: u16 = 0x30;
/// BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_EQUAL: u16 = 0x15;
/// BPF_RET | BPF_K
const RETURN: u16 = 0x06;

const fn step(code: u16, then: u8, otherwise: u8, value: u32) -> SockFilter {
    SockFilter::new(code, then, otherwise, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_route_is_read_back_as_it_was_written() {
        for text in ["2001:db8::/56", "::/0", "2001:db8::1/128"] {
            let prefix: Prefix = text.parse().unwrap();
            let message = unreachable_message(MAIN_TABLE, prefix, 1024);
            assert_eq!(unreachable_key(&message), Some((prefix, 1024)));
        }
    }

    #[test]
    fn an_ipv4_route_is_read_back_as_it_was_written() {
        let router = Ipv4Addr::new(192, 0, 2, 1);
        let source = Ipv4Addr::new(192, 0, 2, 18);
        for router in [router, Ipv4Addr::UNSPECIFIED] {
            let route = Route::default_by(router);
            let route = Ipv4Route { table: MAIN_TABLE, interface: 3, route, source, metric: 1024 };
            assert_eq!(Ipv4Route::of(&route.message()), Some(route));
            assert_eq!(unreachable_key(&route.message()), None);
            let other = RouteMessage { protocol: 4, ..route.message() };
            assert_eq!(Ipv4Route::of(&other), None);
        }
    }

    #[test]
    fn routes_of_another_kind_or_label_are_not_ours() {
        let ours = unreachable_message(MAIN_TABLE, "2001:db8::/56".parse().unwrap(), 1024);
        let mut kind = ours.clone();
        kind.kind = libc::RTN_BLACKHOLE;
        let mut label = ours;
        label.protocol = 4;
        for other in [kind, label] {
            assert_eq!(unreachable_key(&other), None);
        }
    }
}
