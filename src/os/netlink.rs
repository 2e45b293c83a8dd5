//! Requests to the kernel over rtnetlink, one function each, and the stream
//! of its news.
//!
//! [`apply`](super::apply) and [`link`](super::link) call in here. Nothing in
//! here remembers or decides anything; failures are the kernel's own errno.

use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;

use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::Lifetime;
use futures_util::stream::{BoxStream, StreamExt as _};
use nix::errno::Errno;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST,
    NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};
use rtnetlink::sys::AsyncSocket as _;
use rtnetlink::{Handle, MulticastGroup, RouteMessageBuilder};

use super::error::Error;

pub(crate) use rtnetlink::packet_route::RouteNetlinkMessage as Message;

/// The routing table for everybody.
pub(crate) const MAIN_TABLE: u8 = RouteHeader::RT_TABLE_MAIN;
/// The prefix length of our addresses: they say nothing of the link.
pub(crate) const ADDRESS_LENGTH: u8 = 128;

/// The label of DHCP on addresses (IFA_PROTO) and routes (RTPROT_DHCP). It
/// is for people to read and proves nothing: other clients use it too.
const LABEL: u8 = 16;
/// The loopback interface has this number in every network namespace.
const LOOPBACK: u32 = 1;
/// How often a dump is repeated that the kernel says was disturbed.
const REPETITIONS: u32 = 3;

/// What links and addresses did, as the kernel tells it; `Err` when some of
/// it was lost.
pub(crate) type News = BoxStream<'static, Result<Message, Lost>>;

/// News came faster than they were read, and some are gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Lost;

/// Picks one kind of message.
macro_rules! only {
    ($kind:path) => {
        |message| match message {
            $kind(message) => Some(message),
            _ => None,
        }
    };
}

/// A connection to the kernel.
pub(crate) struct Netlink {
    handle: Handle,
}

impl Netlink {
    /// A connection for requests. Needs a runtime with I/O.
    pub(crate) fn open() -> Result<Self, Error> {
        Ok(Self::connect(&[])?.0)
    }

    /// A connection that also brings the news of links and IPv6 addresses.
    pub(crate) fn watch() -> Result<(Self, News), Error> {
        // Never NdUseropt: its messages cannot be decoded.
        Self::connect(&[MulticastGroup::Link, MulticastGroup::Ipv6Ifaddr])
    }

    fn connect(groups: &[MulticastGroup]) -> Result<(Self, News), Error> {
        let (mut connection, handle, news) = rtnetlink::new_multicast_connection(groups)
            .map_err(|error| Error::new("cannot open a netlink socket", error))?;
        // Lets the kernel filter dumps; before Linux 4.20 we filter alone.
        let _ = connection.socket_mut().socket_mut().set_netlink_get_strict_chk(true);
        // The last message of an answer tells a whole one from a broken one.
        connection.set_forward_done(true);
        connection.set_forward_ack(true);
        tokio::spawn(connection);
        let news = news.filter_map(async |(message, _)| match message.payload {
            NetlinkPayload::InnerMessage(message) => Some(Ok(message)),
            NetlinkPayload::Overrun(_) => Some(Err(Lost)),
            _ => None,
        });
        Ok((Self { handle }, news.boxed()))
    }

    /// All links.
    pub(crate) async fn links(&self) -> Result<Vec<LinkMessage>, Errno> {
        let found = self.dump(Message::GetLink(LinkMessage::default())).await?;
        Ok(found.into_iter().filter_map(only!(Message::NewLink)).collect())
    }

    /// All IPv6 addresses, of one interface or of all.
    pub(crate) async fn addresses(&self, index: Option<u32>) -> Result<Vec<AddressMessage>, Errno> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet6;
        message.header.index = index.unwrap_or(0);
        let found = match self.dump(Message::GetAddress(message)).await {
            // An interface that is gone has none.
            Err(Errno::ENODEV) => Vec::new(),
            found => found?,
        };
        let wanted = |message: &AddressMessage| {
            message.header.family == AddressFamily::Inet6
                && index.is_none_or(|index| message.header.index == index)
        };
        Ok(found.into_iter().filter_map(only!(Message::NewAddress)).filter(wanted).collect())
    }

    /// Adds an address of ours or, with `replace`, changes its lifetimes.
    pub(crate) async fn set_address(
        &self,
        index: u32,
        address: Ipv6Addr,
        preferred: Lifetime,
        valid: Lifetime,
        replace: bool,
    ) -> Result<(), Errno> {
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_preferred = preferred.0.min(valid.0);
        lifetimes.ifa_valid = valid.0;
        let mut message = address_message(index, address);
        message.attributes.extend([
            // No prefix route: a lease says nothing of what is on the link
            // (RFC 9915 §18.2.10.1). Duplicate address detection stays on.
            AddressAttribute::Flags(AddressFlags::Noprefixroute),
            AddressAttribute::CacheInfo(lifetimes),
            AddressAttribute::Protocol(AddressProtocol::Other(LABEL)),
        ]);
        let how = if replace { NLM_F_REPLACE } else { NLM_F_EXCL };
        self.change(Message::NewAddress(message), NLM_F_CREATE | how).await
    }

    /// Removes an address.
    pub(crate) async fn remove_address(&self, index: u32, address: Ipv6Addr) -> Result<(), Errno> {
        self.change(Message::DelAddress(address_message(index, address)), 0).await
    }

    /// All unreachable routes of the main table with our label, each with its
    /// metric.
    pub(crate) async fn unreachable(&self) -> Result<Vec<(Prefix, u32)>, Errno> {
        let question = unreachable_builder().build();
        match self.dump(Message::GetRoute(question)).await {
            Ok(found) => Ok(found
                .into_iter()
                .filter_map(only!(Message::NewRoute))
                .filter_map(|message| unreachable_key(&message))
                .collect()),
            // A table that was never used does not exist.
            Err(Errno::ENOENT) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Adds an unreachable route.
    pub(crate) async fn add_unreachable(
        &self,
        destination: Prefix,
        metric: u32,
    ) -> Result<(), Errno> {
        let message = unreachable_message(destination, metric);
        self.change(Message::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL).await
    }

    /// Removes an unreachable route.
    pub(crate) async fn remove_unreachable(
        &self,
        destination: Prefix,
        metric: u32,
    ) -> Result<(), Errno> {
        self.change(Message::DelRoute(unreachable_message(destination, metric)), 0).await
    }

    async fn change(&self, message: Message, flags: u16) -> Result<(), Errno> {
        self.ask(message, NLM_F_ACK | flags).await.map(drop)
    }

    /// A dump is not atomic; the kernel marks one that a change disturbed.
    async fn dump(&self, message: Message) -> Result<Vec<Message>, Errno> {
        for _ in 0..REPETITIONS {
            let (found, whole) = self.ask(message.clone(), NLM_F_DUMP).await?;
            if whole {
                return Ok(found);
            }
        }
        // Changes that go on bring news, and the news the truth.
        Ok(self.ask(message, NLM_F_DUMP).await?.0)
    }

    /// Sends a request and collects the answer; false with it when the kernel
    /// says that it is inconsistent.
    async fn ask(&self, message: Message, flags: u16) -> Result<(Vec<Message>, bool), Errno> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        let answer = self.handle.clone().request(request).map_err(|_| Errno::EPIPE)?;
        let mut answer = pin!(answer);
        let mut found = Vec::new();
        let mut whole = true;
        while let Some(message) = answer.next().await {
            whole &= message.header.flags & NLM_F_DUMP_INTR == 0;
            match message.payload {
                NetlinkPayload::InnerMessage(message) => found.push(message),
                NetlinkPayload::Error(error) => return done(error.raw_code(), (found, whole)),
                NetlinkPayload::Done(end) => return done(end.code, (found, whole)),
                _ => {}
            }
        }
        // The connection ended in the middle of the answer.
        Err(Errno::EPIPE)
    }
}

/// The address a message is about.
pub(crate) fn address_of(message: &AddressMessage) -> Option<Ipv6Addr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(IpAddr::V6(address)) => Some(*address),
        _ => None,
    })
}

/// Its flags, all 32 bits of them.
pub(crate) fn flags_of(message: &AddressMessage) -> AddressFlags {
    let whole = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Flags(flags) => Some(*flags),
        _ => None,
    });
    whole.unwrap_or(AddressFlags::from_bits_retain(message.header.flags.bits().into()))
}

/// Its preferred and valid lifetimes.
pub(crate) fn lifetimes_of(message: &AddressMessage) -> (Lifetime, Lifetime) {
    let found = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::CacheInfo(info) => {
            Some((Lifetime(info.ifa_preferred), Lifetime(info.ifa_valid)))
        }
        _ => None,
    });
    found.unwrap_or((Lifetime::INFINITE, Lifetime::INFINITE))
}

fn done<T>(code: i32, answer: T) -> Result<T, Errno> {
    match code {
        0 => Ok(answer),
        code => Err(Errno::from_raw(code.saturating_abs())),
    }
}

fn address_message(index: u32, address: Ipv6Addr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet6;
    message.header.prefix_len = ADDRESS_LENGTH;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Address(address.into()));
    message
}

fn unreachable_builder() -> RouteMessageBuilder<Ipv6Addr> {
    RouteMessageBuilder::<Ipv6Addr>::new()
        .table_id(MAIN_TABLE.into())
        .kind(RouteType::Unreachable)
        .protocol(RouteProtocol::from(LABEL))
}

/// The kernel compares neither the type nor, unless told, the label of a
/// route it is to remove; the label and the loopback interface keep it off
/// other people's routes.
fn unreachable_message(destination: Prefix, metric: u32) -> RouteMessage {
    unreachable_builder()
        .destination_prefix(destination.address(), destination.length())
        .output_interface(LOOPBACK)
        .priority(metric)
        .build()
}

fn unreachable_key(message: &RouteMessage) -> Option<(Prefix, u32)> {
    let header = &message.header;
    let ours = header.kind == RouteType::Unreachable
        && header.table == MAIN_TABLE
        && header.protocol == RouteProtocol::from(LABEL);
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(*address),
        _ => None,
    });
    let metric = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    })?;
    // The default route is the one without a destination.
    let address = address.unwrap_or(Ipv6Addr::UNSPECIFIED);
    let prefix = Prefix::new(address, header.destination_prefix_length)?;
    ours.then_some((prefix, metric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_route_is_read_back_as_it_was_written() {
        for text in ["2001:db8::/56", "::/0", "2001:db8::1/128"] {
            let prefix: Prefix = text.parse().unwrap();
            let message = unreachable_message(prefix, 1024);
            assert_eq!(unreachable_key(&message), Some((prefix, 1024)));
        }
    }

    #[test]
    fn routes_of_another_kind_table_or_label_are_not_ours() {
        let ours = unreachable_message("2001:db8::/56".parse().unwrap(), 1024);
        let mut kind = ours.clone();
        kind.header.kind = RouteType::BlackHole;
        let mut table = ours.clone();
        table.header.table = 100;
        let mut label = ours;
        label.header.protocol = RouteProtocol::Static;
        for other in [kind, table, label] {
            assert_eq!(unreachable_key(&other), None);
        }
    }

    #[test]
    fn flags_beyond_the_first_eight_are_read() {
        let mut message = address_message(2, Ipv6Addr::LOCALHOST);
        message.header.flags = rtnetlink::packet_route::address::AddressHeaderFlags::Tentative;
        assert_eq!(flags_of(&message), AddressFlags::Tentative);
        let flags = AddressFlags::Noprefixroute | AddressFlags::Dadfailed;
        message.attributes.push(AddressAttribute::Flags(flags));
        assert_eq!(flags_of(&message), flags);
    }
}
