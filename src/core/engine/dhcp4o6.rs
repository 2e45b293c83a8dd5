//! The carrier of DHCPv4 messages: where they go, from which address, and
//! what of the answers is let in (RFC 7341 §9).
//!
//! Only [`super::iface`] calls in here. It knows addresses and servers, and
//! nothing of what the messages say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;

use crate::engine::is_same_kind;
use crate::link::{Datagram, Link};
use crate::reason::DropReason;
use crate::wire::MessageType;
use crate::wire::dhcp4o6::{Query, Response};

/// All_DHCP_Relay_Agents_and_Servers (RFC 9915 §7.1).
const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// The most addresses of ours that are remembered.
const MOST_ADDRESSES: usize = 64;
/// The most datagrams that wait for the send limit; the oldest make room.
const MOST_WAITING: usize = 16;

/// A datagram on its way out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Packet {
    pub(super) source: Ipv6Addr,
    pub(super) destination: Ipv6Addr,
    pub(super) octets: Vec<u8>,
}

/// Where we are: the link, and what can be sent from on it.
#[derive(Debug, Default)]
pub(super) struct Place {
    link: Link,
    /// The addresses of the link that are fit for use, our link-local one
    /// aside.
    usable: BTreeSet<Ipv6Addr>,
}

impl Place {
    /// The link.
    pub(super) const fn link(&self) -> &Link {
        &self.link
    }

    /// The link is like this now; gives what it was before.
    pub(super) fn set_link(&mut self, link: Link) -> Link {
        // What is said before the link is known is about this one.
        if self.link.index != 0 && link.index != self.link.index {
            self.usable.clear();
        }
        core::mem::replace(&mut self.link, link)
    }

    /// Duplicate address detection has passed an address, or it is gone.
    pub(super) fn set_usable(&mut self, address: Ipv6Addr, is_usable: bool) {
        if !is_usable {
            self.usable.remove(&address);
        } else if self.usable.len() < MOST_ADDRESSES && !address.is_unicast_link_local() {
            self.usable.insert(address);
        }
    }

    /// Addresses that are fit for use, our link-local one aside.
    pub(super) fn usable(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        self.usable.iter().copied()
    }

    fn is_ours(&self, address: Ipv6Addr) -> bool {
        self.link.link_local == Some(address) || self.usable.contains(&address)
    }

    /// True where a message can leave from this address.
    fn can_send_from(&self, source: Ipv6Addr) -> bool {
        self.link.is_usable() && self.is_ours(source)
    }

    /// An address of ours of the scope of its destination: link-local on the
    /// link, a MUST for multicast; else one that is not (RFC 7341 §9). Of
    /// these, one of the same kind; one that is leased, which lasts longer
    /// than those that change for the sake of privacy; and the nearest. None
    /// while one that is leased for it has still to pass its detection, because
    /// the one that is chosen is kept: `new` are those.
    fn source_for(
        &self,
        destination: Ipv6Addr,
        leased: &[Ipv6Addr],
        new: &BTreeSet<Ipv6Addr>,
    ) -> Option<Ipv6Addr> {
        let link_local = self.link.link_local.filter(|_| self.link.up)?;
        if is_on_link(destination) {
            return Some(link_local);
        }
        let nearness = |source: &Ipv6Addr| {
            let common = (source.to_bits() ^ destination.to_bits()).leading_zeros();
            (is_same_kind(*source, destination), leased.contains(source), common)
        };
        let best = self.usable().max_by_key(nearness)?;
        let fits = |source: &Ipv6Addr| is_same_kind(*source, destination);
        let has_room = self.usable.len() < MOST_ADDRESSES;
        let is_awaited = has_room && new.iter().any(fits);
        let is_ours = fits(&best) && leased.contains(&best);
        (is_ours || !is_awaited).then_some(best)
    }

    /// True while an address fits its destination no worse than another does.
    fn fits(&self, source: Ipv6Addr, destination: Ipv6Addr) -> bool {
        is_on_link(destination)
            || is_same_kind(source, destination)
            || !self.usable().any(|other| is_same_kind(other, destination))
    }
}

/// Where DHCPv4 messages go, and from which of our addresses.
#[derive(Debug, Default)]
pub(super) struct Carrier {
    /// The servers to ask; absent where none is to be asked. An empty list
    /// means all of the link.
    servers: Option<Vec<Ipv6Addr>>,
    /// Which address we talk to a server from: the same while we have it.
    sources: BTreeMap<Ipv6Addr, Ipv6Addr>,
    /// The addresses that DHCPv6 servers have leased to us.
    leased: Vec<Ipv6Addr>,
    /// Those of them that have not been usable since the link is there. One
    /// that somebody has removed since then is not waited for.
    new: BTreeSet<Ipv6Addr>,
    /// What a shared lease is known by, which is not changed for a better one.
    pinned: Option<Ipv6Addr>,
    waiting: VecDeque<Packet>,
    /// What gives something back, which goes before everything else.
    farewell: VecDeque<Packet>,
}

impl Carrier {
    /// Asks these servers from now on, or none. Their order says nothing.
    pub(super) fn set_servers(&mut self, servers: Option<Vec<Ipv6Addr>>) {
        let set = |servers: &Option<Vec<Ipv6Addr>>| {
            servers.as_ref().map(|servers| servers.iter().copied().collect::<BTreeSet<_>>())
        };
        if set(&self.servers) == set(&servers) {
            return;
        }
        self.servers = servers;
        let asked = self.destinations();
        self.waiting.retain(|packet| asked.contains(&packet.destination));
        self.sources.retain(|server, _| asked.contains(server));
    }

    /// These addresses are leased to us.
    pub(super) fn set_leased(&mut self, leased: Vec<Ipv6Addr>) {
        self.new.retain(|address| leased.contains(address));
        self.new.extend(leased.iter().filter(|address| !self.leased.contains(address)));
        self.leased = leased;
    }

    /// A shared lease was given to this address (RFC 7618 §7).
    pub(super) const fn pin(&mut self, source: Option<Ipv6Addr>) {
        self.pinned = source;
    }

    /// The way to servers: every one that can be reached, after the address
    /// of ours that it is asked from.
    pub(super) fn way(&mut self, place: &Place) -> Vec<(Ipv6Addr, Ipv6Addr)> {
        self.choose_sources(place);
        let path = |to| Some((*self.sources.get(&to)?, to));
        self.destinations().into_iter().filter_map(path).collect()
    }

    /// Sends a message to every server that can be reached.
    pub(super) fn send(&mut self, place: &Place, query: &Query) {
        let packets = self.packets(place, query);
        self.waiting.extend(packets);
        let surplus = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..surplus);
    }

    /// Sends a message that gives something back; false where there is no way
    /// to any server.
    pub(super) fn send_farewell(&mut self, place: &Place, query: &Query) -> bool {
        let packets = self.packets(place, query);
        let is_sent = !packets.is_empty();
        self.farewell.extend(packets);
        self.farewell.truncate(MOST_WAITING);
        is_sent
    }

    /// True while something waits to be sent.
    pub(super) fn has_waiting(&self, place: &Place) -> bool {
        place.link.is_usable() && !(self.waiting.is_empty() && self.farewell.is_empty())
    }

    /// The next datagram that gives something back.
    pub(super) fn next_farewell(&mut self) -> Option<Packet> {
        self.farewell.pop_front()
    }

    /// Addresses are gone: what was to give something back from there, and
    /// had to wait for the send limit, cannot leave any more.
    pub(super) fn forget_farewells(&mut self, place: &Place) {
        self.farewell.retain(|packet| place.can_send_from(packet.source));
    }

    /// The next datagram to send, oldest first.
    pub(super) fn next(&mut self, place: &Place) -> Option<Packet> {
        self.waiting.retain(|packet| place.can_send_from(packet.source));
        self.waiting.pop_front()
    }

    fn packets(&mut self, place: &Place, query: &Query) -> Vec<Packet> {
        // What cannot be encoded cannot be sent: only a message of 64 KiB.
        let Ok(octets) = query.encode() else { return Vec::new() };
        let packet = |(source, destination)| Packet { source, destination, octets: octets.clone() };
        self.way(place).into_iter().map(packet).collect()
    }

    /// Lets an answer in, or says why not. It may come from another address
    /// than was asked, and to any that we have (RFC 7341 §9).
    ///
    /// # Errors
    /// The reason to drop it.
    pub(super) fn admit(&self, place: &Place, datagram: &Datagram) -> Result<Response, DropReason> {
        if !place.is_ours(datagram.destination) {
            return Err(DropReason::Destination);
        }
        if self.servers.is_none() {
            return Err(DropReason::State);
        }
        Response::decode(&datagram.octets)
    }

    /// True for a datagram that is for the carrier.
    pub(super) fn is_for(datagram: &Datagram) -> bool {
        datagram.octets.first() == Some(&MessageType::Dhcpv4Response.code())
    }

    /// Where messages go; nowhere without servers.
    pub(super) fn destinations(&self) -> Vec<Ipv6Addr> {
        match &self.servers {
            None => Vec::new(),
            Some(servers) if servers.is_empty() => vec![ALL_SERVERS],
            Some(servers) => servers.clone(),
        }
    }

    /// Keeps the sources that are still ours, unless one of a better kind is
    /// there now, and finds those that are missing.
    fn choose_sources(&mut self, place: &Place) {
        if !place.link.is_usable() {
            self.new.extend(&self.leased);
        }
        self.new.retain(|address| !place.usable.contains(address));
        let pinned = self.pinned;
        self.sources.retain(|destination, source| {
            let is_fit = pinned == Some(*source) || place.fits(*source, *destination);
            place.can_send_from(*source) && is_fit
        });
        for destination in self.destinations() {
            if !self.sources.contains_key(&destination)
                && let Some(source) = place.source_for(destination, &self.leased, &self.new)
            {
                self.sources.insert(destination, source);
            }
        }
    }
}

/// True for what is asked from our link-local address: neighbours, and groups
/// of whatever scope, for which it is a MUST (RFC 7341 §9).
const fn is_on_link(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "fe80::2";

    fn address(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn carrier(usable: &[&str], servers: &[&str]) -> (Place, Carrier) {
        let mut place = Place::default();
        place.set_link(Link { index: 2, up: true, link_local: Some(address(OURS)) });
        usable.iter().for_each(|text| place.set_usable(address(text), true));
        let mut carrier = Carrier::default();
        carrier.set_servers(Some(servers.iter().map(|text| address(text)).collect()));
        (place, carrier)
    }

    fn sent((place, carrier): &mut (Place, Carrier)) -> Vec<(String, String)> {
        carrier.send(place, &Query { unicast: false, request: vec![], v4: vec![1] });
        core::iter::from_fn(|| carrier.next(place))
            .map(|packet| (packet.source.to_string(), packet.destination.to_string()))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(s, d)| ((*s).to_owned(), (*d).to_owned())).collect()
    }

    #[test]
    fn dhcp_4o6_04_an_empty_list_means_all_servers_of_the_link_from_our_link_local_address() {
        let mut empty = carrier(&["2001:db8::2"], &[]);
        assert_eq!(sent(&mut empty), pairs(&[(OURS, "ff02::1:2")]));
    }

    #[test]
    fn dhcp_4o6_05_every_server_is_asked_once_from_an_address_of_its_scope() {
        let servers = ["2001:db8::1", "ff02::1:2", "fe80::1", "fd00::1", "ff05::1:3"];
        let mut all = carrier(&["2001:db8::2", "2001:db9::2", "fd00::2"], &servers);
        let expected = pairs(&[
            ("2001:db8::2", "2001:db8::1"),
            (OURS, "ff02::1:2"),
            (OURS, "fe80::1"),
            ("fd00::2", "fd00::1"),
            (OURS, "ff05::1:3"),
        ]);
        assert_eq!(sent(&mut all), expected);
        // Without an address of that scope nobody is asked there.
        let mut bare = carrier(&[], &servers);
        let on_link = [(OURS, "ff02::1:2"), (OURS, "fe80::1"), (OURS, "ff05::1:3")];
        assert_eq!(sent(&mut bare), pairs(&on_link));
        let (place, mut carrier) = carrier(&[], &["2001:db8::1"]);
        assert_eq!(carrier.way(&place), []);
    }

    #[test]
    fn dhcp_4o6_05_what_is_leased_comes_before_what_is_nearer() {
        let (place, mut one) = carrier(&["2001:db9::2", "2001:db8::2"], &["2001:db8::1"]);
        one.set_leased(vec![address("2001:db9::2")]);
        assert_eq!(one.way(&place), [(address("2001:db9::2"), address("2001:db8::1"))]);
    }

    #[test]
    fn dhcp_4o6_05_a_leased_address_is_waited_for_and_an_address_of_others_not_kept() {
        let (global, private) = (address("2001:db8::1"), address("fd00::1"));
        let (mut place, mut both) = carrier(&["2001:db8::2", "fd00::2"], &["2001:db8::1"]);
        both.set_leased(vec![address("2001:db9::2")]);
        assert_eq!(both.way(&place), [], "its detection goes on");
        both.set_servers(Some(vec![global, private]));
        assert_eq!(both.way(&place), [(address("fd00::2"), private)], "no such is leased");
        place.set_usable(address("2001:db9::2"), true);
        let way = [(address("2001:db9::2"), global), (address("fd00::2"), private)];
        assert_eq!(both.way(&place), way);
        // Another lease is no reason to change, nor to wait.
        both.set_leased(vec![address("2001:db9::2"), address("2001:db8::9")]);
        assert_eq!(both.way(&place), way);
        place.set_usable(address("2001:db8::9"), true);
        assert_eq!(both.way(&place), way);
    }

    #[test]
    fn dhcp_4o6_05_a_leased_address_that_somebody_removes_is_not_waited_for() {
        let (mut place, mut one) = carrier(&["2001:db8::2", "2001:db9::2"], &["2001:db8::1"]);
        one.set_leased(vec![address("2001:db9::2")]);
        let way = |source| [(address(source), address("2001:db8::1"))];
        assert_eq!(one.way(&place), way("2001:db9::2"));
        place.set_usable(address("2001:db9::2"), false);
        assert_eq!(one.way(&place), way("2001:db8::2"));
    }

    #[test]
    fn dhcp_4o6s_06_what_a_shared_lease_is_known_by_is_kept() {
        let (mut place, mut one) = carrier(&["2001:db8::2"], &["fd00::1"]);
        one.pin(Some(address("2001:db8::2")));
        let way = |source| [(address(source), address("fd00::1"))];
        assert_eq!(one.way(&place), way("2001:db8::2"));
        place.set_usable(address("fd00::2"), true);
        assert_eq!(one.way(&place), way("2001:db8::2"));
        one.pin(None);
        assert_eq!(one.way(&place), way("fd00::2"));
    }

    #[test]
    fn dhcp_4o6_05_a_source_of_another_kind_does_until_there_is_one_of_the_same() {
        let cases =
            [("fd00::2", "2001:db8::2", "2001:db8::1"), ("2001:db8::2", "fd00::2", "fd00::1")];
        for (other, same, server) in cases.map(|(a, b, c)| (address(a), address(b), address(c))) {
            let (mut place, mut one) = carrier(&[], &[&server.to_string()]);
            place.set_usable(other, true);
            assert_eq!(one.way(&place), [(other, server)]);
            place.set_usable(same, true);
            assert_eq!(one.way(&place), [(same, server)]);
        }
    }

    #[test]
    fn dhcp_4o6_17_the_order_of_a_list_says_nothing() {
        let (place, mut both) = carrier(&[], &["fe80::1", "fe80::3"]);
        both.send(&place, &Query { unicast: false, request: vec![], v4: vec![1] });
        let before = both.way(&place);
        both.set_servers(Some(vec![address("fe80::3"), address("fe80::1")]));
        assert_eq!(both.way(&place), before);
        // What waits for servers that go is forgotten.
        both.set_servers(Some(vec![address("fe80::3")]));
        assert_eq!(both.next(&place).map(|packet| packet.destination), Some(address("fe80::3")));
        assert_eq!(both.next(&place), None);
    }

    #[test]
    fn dhcp_4o6_05_a_source_is_kept_while_it_is_ours() {
        let (mut place, mut one) = carrier(&["2001:db9::2"], &["2001:db8::1"]);
        let server = address("2001:db8::1");
        assert_eq!(one.way(&place), [(address("2001:db9::2"), server)]);
        place.set_usable(address("2001:db8::2"), true);
        let kept = one.way(&place);
        assert_eq!(kept, [(address("2001:db9::2"), server)], "a nearer one is no reason");
        place.set_usable(address("2001:db9::2"), false);
        assert_eq!(one.way(&place), [(address("2001:db8::2"), server)]);
        place.set_link(Link { index: 2, up: false, link_local: Some(address(OURS)) });
        assert_eq!(one.way(&place), []);
    }

    #[test]
    fn dhcp_4o6_10_what_gives_back_leaves_only_while_its_source_is_ours() {
        let (mut place, mut both) = carrier(&["2001:db8::2"], &["2001:db8::1", "fe80::1"]);
        both.send_farewell(&place, &Query { unicast: true, request: vec![], v4: vec![1] });
        place.set_usable(address("2001:db8::2"), false);
        both.forget_farewells(&place);
        let left = both.next_farewell().map(|packet| packet.destination);
        assert_eq!(left, Some(address("fe80::1")));
        assert_eq!(both.next_farewell(), None);
    }

    #[test]
    fn dhcp_4o6_02_without_a_list_nothing_is_sent_or_taken() {
        let mut both = carrier(&["2001:db8::2"], &["2001:db8::1"]);
        let (place, none) = &mut both;
        none.send(place, &Query { unicast: false, request: vec![], v4: vec![1] });
        none.set_servers(None);
        assert_eq!(none.next(place), None, "what waited is forgotten");
        assert_eq!(none.way(place), []);
        assert_eq!(sent(&mut both), []);
        let (place, none) = both;
        let datagram = Datagram {
            source: address("2001:db8::1"),
            destination: address(OURS),
            octets: vec![21, 0, 0, 0, 0, 87, 0, 1, 2],
        };
        assert_eq!(none.admit(&place, &datagram), Err(DropReason::State));
    }

    #[test]
    fn dhcp_4o6_20_an_answer_comes_to_an_address_of_ours_from_anywhere_a_relay_perhaps() {
        let (place, ours) = carrier(&["2001:db8::2"], &["2001:db8::1"]);
        let to = |destination: &str| Datagram {
            source: address("2001:db8:ffff::9"),
            destination: address(destination),
            octets: vec![21, 0, 0, 0, 0, 87, 0, 1, 2],
        };
        for known in [OURS, "2001:db8::2"] {
            assert!(ours.admit(&place, &to(known)).is_ok(), "{known}");
        }
        for other in ["2001:db8::3", "ff02::1:2", "fe80::3"] {
            assert_eq!(ours.admit(&place, &to(other)), Err(DropReason::Destination), "{other}");
        }
    }
}
