//! What links and addresses do: a table of all of them, kept by the kernel's
//! news, and the changes that matter.
//!
//! The application waits for [`Links::next`] and asks the table. Nothing in
//! here changes a link or an address, or knows which of them are ours.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

use dhc6c_core::ident::LinkAddress;
use dhc6c_core::link::Link;
use dhc6c_core::prefix::Prefix;
use nix::libc;

use super::error::Error;
use super::netlink::{
    AF_INET, AddressMessage, LinkMessage, Lost, Message, Netlink, News, RouteMessage,
    unreachable_key,
};

/// Ethernet's hardware type.
const ETHERNET: u16 = 1;
/// A link that can be used is switched on, has a carrier and is not dormant
/// (IFF_UP, IFF_RUNNING, and IFF_LOWER_UP, which libc has as a plain number).
const UP: u32 = (libc::IFF_UP | libc::IFF_RUNNING) as u32 | 1 << 16;

/// Something that changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// The interface is thus now; `None` when it is gone. A rename is a change
    /// too, and so is another VRF. A carrier that went and came back before
    /// anybody heard of it is two changes.
    Link {
        /// The kernel's number for it.
        index: u32,
        /// Its name, the last one where it is gone.
        name: String,
        /// What it is now.
        link: Option<Link>,
    },
    /// Duplicate address detection has passed the address.
    AddressUsable {
        /// The interface.
        index: u32,
        /// The address, not a link-local one.
        address: Ipv6Addr,
    },
    /// Somebody else on the link has the address.
    AddressDuplicate {
        /// The interface.
        index: u32,
        /// The address, not a link-local one.
        address: Ipv6Addr,
    },
    /// The address was removed, by us or by others, or ran out.
    AddressRemoved {
        /// The interface.
        index: u32,
        /// The address, not a link-local one.
        address: Ipv6Addr,
    },
    /// An IPv4 address was removed, or a route with our label, by us or by
    /// others.
    Ipv4Removed {
        /// The interface.
        index: u32,
    },
    /// An unreachable route with our label was removed, by us or by others.
    RouteRemoved {
        /// Its routing table.
        table: u32,
        /// Its destination.
        destination: Prefix,
    },
    /// News was lost. The table was read anew; what it shows differently
    /// follows as changes of its own. What else was read from the kernel
    /// before now may be wrong.
    Resync,
}

/// How far an address may be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AddressState {
    /// Duplicate address detection goes on.
    Tentative,
    /// It is passed, or the address may be used meanwhile (optimistic).
    Usable,
    /// Duplicate address detection found another owner.
    Duplicate,
}

/// All links and IPv6 addresses of our network namespace.
pub(crate) struct Links {
    netlink: Netlink,
    news: News,
    table: Table,
    changes: VecDeque<Change>,
    stale: bool,
}

impl Links {
    /// Starts to watch, and reads how things are. Needs a runtime with I/O.
    pub(crate) fn open() -> Result<Self, Error> {
        // First the news, then the state: nothing falls between the two.
        let news = News::open()?;
        let netlink = Netlink::open()?;
        let table = read(&netlink)?;
        Ok(Self { netlink, news, table, changes: VecDeque::new(), stale: false })
    }

    /// Waits for the next change. Dropping the wait loses nothing. Fails only
    /// when there is nothing more to come.
    pub(crate) async fn next(&mut self) -> Result<Change, Error> {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return Ok(change);
            }
            if self.stale {
                let mut table = read(&self.netlink)?;
                table.prefer(&self.table);
                self.changes.push_back(Change::Resync);
                self.changes.extend(self.table.differences(&table));
                self.table = table;
                self.stale = false;
                continue;
            }
            let failed = |error| Error::new("cannot watch links", error);
            match self.news.next().await.map_err(failed)? {
                Ok(messages) => {
                    let changes = messages.into_iter().flat_map(|news| self.table.enter(news));
                    self.changes.extend(changes);
                }
                Err(Lost) => self.stale = true,
            }
        }
    }

    /// The interface of this name.
    pub(crate) fn find(&self, name: &str) -> Option<Link> {
        Some(self.table.view(self.table.index(name)?)?.link)
    }

    /// The name and the routing table of the VRF that the interface is in.
    pub(crate) fn vrf(&self, index: u32) -> Option<(&str, u32)> {
        let vrf = self.table.interfaces.get(&self.table.interfaces.get(&index)?.master?)?;
        Some((&vrf.name, vrf.vrf_table?))
    }

    /// The names of all interfaces.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.table.interfaces.values().map(|seen| seen.name.as_str())
    }

    /// How far this address may be used; `None` when it is not there.
    pub(crate) fn address(&self, index: u32, address: Ipv6Addr) -> Option<AddressState> {
        self.table.addresses.get(&(index, address)).copied()
    }

    /// The addresses of an interface that are fit for use, whoever has
    /// put them there.
    pub(crate) fn usable(&self, index: u32) -> Vec<Ipv6Addr> {
        let all = self.table.addresses.iter();
        let usable = all.filter(|((at, _), state)| *at == index && **state == AddressState::Usable);
        usable.map(|((_, address), _)| *address).collect()
    }

    /// The link-layer address of this interface; `None` where it has none, as
    /// a tunnel or PPP.
    pub(crate) fn link_address(&self, name: &str) -> Option<LinkAddress> {
        let mut interfaces = self.table.interfaces.values();
        interfaces.find(|seen| seen.name == name)?.ethernet.clone()
    }

    /// The link-layer address to make a DUID from that is kept: this
    /// interface's, otherwise that of the first interface that has one
    /// (RFC 9915 §11.2 allows any interface of the machine). Nothing else may
    /// tell a link the address of another interface.
    pub(crate) fn address_for_duid(&self, name: &str) -> Option<LinkAddress> {
        let any = || self.table.interfaces.values().find_map(|seen| seen.ethernet.clone());
        self.link_address(name).or_else(any)
    }
}

/// True when the kernel speaks IPv6 on this interface.
pub(crate) fn ipv6_enabled(name: &str) -> bool {
    let path = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
    std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "0")
}

fn read(netlink: &Netlink) -> Result<Table, Error> {
    let failed = |error: nix::Error| Error::new("cannot list interfaces", error.desc());
    let mut table = Table::default();
    for link in netlink.links().map_err(failed)? {
        table.enter(Message::NewLink(link));
    }
    for address in netlink.addresses(None).map_err(failed)? {
        table.enter(Message::NewAddress(address));
    }
    Ok(table)
}

/// What the kernel said last of each interface and address.
#[derive(Default)]
struct Table {
    interfaces: BTreeMap<u32, Seen>,
    addresses: BTreeMap<(u32, Ipv6Addr), AddressState>,
}

/// What is kept of an interface.
#[derive(Clone, Default)]
struct Seen {
    name: String,
    up: bool,
    /// How often its carrier had come and gone when `up` became known; `None`
    /// where that was not said with it.
    carrier_changes: Option<u32>,
    ethernet: Option<LinkAddress>,
    /// The link-local address in use: it stays while it is usable, whatever
    /// others are added beside it.
    link_local: Option<Ipv6Addr>,
    /// The interface that it is a part of.
    master: Option<u32>,
    /// The routing table, where it is a VRF.
    vrf_table: Option<u32>,
}

/// What others are told of an interface, to see whether it has changed.
struct View {
    name: String,
    link: Link,
    master: Option<u32>,
    carrier_changes: Option<u32>,
}

impl View {
    /// Nobody has to be told of this one after that one.
    fn is_like(&self, before: &Self) -> bool {
        self.name == before.name && self.link == before.link && self.master == before.master
    }

    /// The link may be another one, though it was up then and is now (RFC 9915
    /// §18.2.12).
    fn has_flapped_since(&self, before: &Self) -> bool {
        let counted = self.carrier_changes.zip(before.carrier_changes);
        self.link.up && before.link.up && counted.is_some_and(|(now, then)| now != then)
    }
}

impl Table {
    /// Takes a piece of news and says what it changes.
    fn enter(&mut self, message: Message) -> Vec<Change> {
        match message {
            Message::NewLink(link) => self.around(link.index, |table| table.new_link(&link)),
            Message::DelLink(link) => self.around(link.index, |table| table.del_link(&link)),
            Message::NewAddress(message) => {
                self.around(message.index, |table| table.new_address(&message))
            }
            Message::DelAddress(AddressMessage { family: AF_INET, index, .. }) => {
                vec![Change::Ipv4Removed { index }]
            }
            Message::DelRoute(RouteMessage { family: AF_INET, interface, .. }) => {
                interface.map(|index| Change::Ipv4Removed { index }).into_iter().collect()
            }
            Message::DelAddress(message) => {
                self.around(message.index, |table| table.del_address(&message))
            }
            Message::DelRoute(route) => unreachable_key(&route)
                .map(|(destination, _)| Change::RouteRemoved { table: route.table, destination })
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What has to happen to this table to become `other`.
    fn differences(&self, other: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        let indexes = self
            .interfaces
            .keys()
            .chain(other.interfaces.keys().filter(|index| !self.interfaces.contains_key(index)));
        for &index in indexes {
            changes.extend(link_changes(index, self.view(index), other.view(index)));
        }
        let addresses = self
            .addresses
            .keys()
            .chain(other.addresses.keys().filter(|key| !self.addresses.contains_key(key)));
        for key in addresses {
            let (before, after) = (self.addresses.get(key), other.addresses.get(key));
            changes.extend(address_change(*key, before.copied(), after.copied()));
        }
        changes
    }

    /// The number of the interface of this name.
    fn index(&self, name: &str) -> Option<u32> {
        let (&index, _) = self.interfaces.iter().find(|(_, seen)| seen.name == name)?;
        Some(index)
    }

    /// What others are told of an interface.
    fn view(&self, index: u32) -> Option<View> {
        let seen = self.interfaces.get(&index)?;
        let link = Link { index, up: seen.up, link_local: seen.link_local };
        let (name, master) = (seen.name.clone(), seen.master);
        Some(View { name, link, master, carrier_changes: seen.carrier_changes })
    }

    /// Chooses the link-local address of an interface: the one in use if it
    /// is usable, else the first that is.
    fn choose_link_local(&mut self, index: u32, in_use: Option<Ipv6Addr>) {
        let usable = |address: &Ipv6Addr| {
            self.addresses.get(&(index, *address)) == Some(&AddressState::Usable)
        };
        let range = (index, Ipv6Addr::UNSPECIFIED)..=(index, Ipv6Addr::from_bits(u128::MAX));
        let mut all = self.addresses.range(range).map(|(&(_, address), _)| address);
        let first = || all.find(|address| address.is_unicast_link_local() && usable(address));
        let chosen = in_use.filter(usable).or_else(first);
        if let Some(seen) = self.interfaces.get_mut(&index) {
            seen.link_local = chosen;
        }
    }

    /// Keeps in use what was in use in an older table.
    fn prefer(&mut self, older: &Self) {
        for (&index, seen) in &older.interfaces {
            self.choose_link_local(index, seen.link_local);
        }
    }

    /// Makes one change and adds what it does to the interface as a whole.
    fn around(
        &mut self,
        index: u32,
        enter: impl FnOnce(&mut Self) -> Option<Change>,
    ) -> Vec<Change> {
        let before = self.view(index);
        let change = enter(self);
        self.choose_link_local(index, before.as_ref().and_then(|before| before.link.link_local));
        link_changes(index, before, self.view(index)).into_iter().chain(change).collect()
    }

    fn new_link(&mut self, link: &LinkMessage) -> Option<Change> {
        if link.family != 0 {
            // A bridge speaking of its port.
            return None;
        }
        let seen = self.interfaces.entry(link.index).or_default();
        let was_up = core::mem::replace(&mut seen.up, link.flags & UP == UP);
        if link.carrier_changes.is_some() || seen.up != was_up {
            seen.carrier_changes = link.carrier_changes;
        }
        if let Some(name) = &link.name {
            seen.name.clone_from(name);
        }
        if let Some(octets) = &link.address {
            seen.ethernet = ethernet(link.hardware_type, octets);
        }
        if !link.is_about_radio {
            (seen.master, seen.vrf_table) = (link.master, link.vrf_table);
        }
        None
    }

    fn del_link(&mut self, link: &LinkMessage) -> Option<Change> {
        // A bridge that lets go of a port says so with the port's index.
        if link.family == 0 {
            self.interfaces.remove(&link.index);
            self.addresses.retain(|(index, _), _| *index != link.index);
        }
        None
    }

    fn new_address(&mut self, message: &AddressMessage) -> Option<Change> {
        let key = key(message)?;
        let state = state(message.flags);
        let before = self.addresses.insert(key, state);
        address_change(key, before, Some(state))
    }

    fn del_address(&mut self, message: &AddressMessage) -> Option<Change> {
        let key = key(message)?;
        let before = self.addresses.remove(&key);
        // The kernel deletes a duplicate address by itself if its lifetime is
        // finite, and only the flag tells that from somebody's removal.
        let failed = message.flags & libc::IFA_F_DADFAILED != 0;
        if failed && before != Some(AddressState::Duplicate) {
            address_change(key, before, Some(AddressState::Duplicate))
        } else {
            address_change(key, before, None)
        }
    }
}

fn key(message: &AddressMessage) -> Option<(u32, Ipv6Addr)> {
    match message.address? {
        IpAddr::V6(address) => Some((message.index, address)),
        IpAddr::V4(_) => None,
    }
}

fn state(flags: u32) -> AddressState {
    let has = |flag: u32| flags & flag != 0;
    if has(libc::IFA_F_DADFAILED) {
        AddressState::Duplicate
    } else if has(libc::IFA_F_TENTATIVE) && !has(libc::IFA_F_OPTIMISTIC) {
        AddressState::Tentative
    } else {
        AddressState::Usable
    }
}

fn ethernet(hardware_type: u16, octets: &[u8]) -> Option<LinkAddress> {
    let usable = hardware_type == ETHERNET && octets.len() == 6 && octets != [0; 6];
    usable.then(|| LinkAddress { hardware_type, octets: octets.to_vec() })
}

fn link_changes(index: u32, before: Option<View>, after: Option<View>) -> Vec<Change> {
    let change = |name, link| Change::Link { index, name, link };
    match (before, after) {
        // The kernel itself tells a short flap as one piece of news, if any.
        (Some(before), Some(after)) if after.has_flapped_since(&before) => {
            let down = Link { up: false, ..after.link };
            vec![change(after.name.clone(), Some(down)), change(after.name, Some(after.link))]
        }
        (Some(before), Some(after)) if after.is_like(&before) => Vec::new(),
        (_, Some(after)) => vec![change(after.name, Some(after.link))],
        (Some(before), None) => vec![change(before.name, None)],
        (None, None) => Vec::new(),
    }
}

fn address_change(
    (index, address): (u32, Ipv6Addr),
    before: Option<AddressState>,
    after: Option<AddressState>,
) -> Option<Change> {
    if before == after || address.is_unicast_link_local() {
        return None;
    }
    match after {
        Some(AddressState::Tentative) => None,
        Some(AddressState::Usable) => Some(Change::AddressUsable { index, address }),
        Some(AddressState::Duplicate) => Some(Change::AddressDuplicate { index, address }),
        None => Some(Change::AddressRemoved { index, address }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: u32 = 0;
    const TENTATIVE: u32 = libc::IFA_F_TENTATIVE;
    const DADFAILED: u32 = libc::IFA_F_DADFAILED;
    const OPTIMISTIC: u32 = libc::IFA_F_OPTIMISTIC;

    fn link(index: u32, name: &str, flags: u32) -> LinkMessage {
        LinkMessage {
            index,
            flags,
            hardware_type: ETHERNET,
            name: Some(name.to_owned()),
            address: Some(vec![2, 0, 0, 0, 0, 1]),
            ..LinkMessage::default()
        }
    }

    fn new_link(index: u32, name: &str, flags: u32) -> Message {
        Message::NewLink(link(index, name, flags))
    }

    fn address(text: &str, flags: u32) -> AddressMessage {
        let address = Some(text.parse().unwrap());
        AddressMessage { index: 2, address, flags, ..AddressMessage::default() }
    }

    fn added(text: &str, flags: u32) -> Message {
        Message::NewAddress(address(text, flags))
    }

    fn removed(text: &str, flags: u32) -> Message {
        Message::DelAddress(address(text, flags))
    }

    fn link_is(name: &str, index: u32, up: bool, link_local: Option<&str>) -> Change {
        let link_local = link_local.map(|text| text.parse().unwrap());
        Change::Link { index, name: name.to_owned(), link: Some(Link { index, up, link_local }) }
    }

    fn link_gone(name: &str, index: u32) -> Change {
        Change::Link { index, name: name.to_owned(), link: None }
    }

    #[test]
    fn a_link_is_reported_when_it_changes_and_only_then() {
        let mut table = Table::default();
        let up = link_is("eth0", 2, true, None);
        assert_eq!(table.enter(new_link(2, "eth0", UP)), [up]);
        assert_eq!(table.enter(new_link(2, "eth0", UP | libc::IFF_PROMISC as u32)), []);
        let dormant = libc::IFF_UP as u32 | 1 << 16;
        for flags in [dormant, libc::IFF_UP as u32, 0] {
            table.enter(new_link(2, "eth0", UP));
            let down = link_is("eth0", 2, false, None);
            assert_eq!(table.enter(new_link(2, "eth0", flags)), [down], "{flags:?}");
        }
    }

    #[test]
    fn cnf_01_a_carrier_that_went_and_came_back_unheard_is_two_changes() {
        let with = |flags, count| {
            Message::NewLink(LinkMessage { carrier_changes: Some(count), ..link(2, "eth0", flags) })
        };
        let (up, down) = (link_is("eth0", 2, true, None), link_is("eth0", 2, false, None));
        let mut table = Table::default();
        table.enter(with(UP, 1));
        assert_eq!(table.enter(with(UP, 1)), []);
        assert_eq!(table.enter(with(UP, 3)), [down.clone(), up.clone()]);
        assert_eq!(table.enter(new_link(2, "eth0", UP)), [], "nothing is said of the carrier");
        // What was heard is not told twice.
        assert_eq!(table.enter(with(0, 4)), std::slice::from_ref(&down));
        assert_eq!(table.enter(with(0, 6)), []);
        assert_eq!(table.enter(with(UP, 7)), std::slice::from_ref(&up));
        // Radio says so first, and does not count.
        assert_eq!(table.enter(new_link(2, "eth0", 0)), std::slice::from_ref(&down));
        assert_eq!(table.enter(new_link(2, "eth0", UP)), std::slice::from_ref(&up));
        assert_eq!(table.enter(with(UP, 7)), []);
        let mut anew = Table::default();
        anew.enter(with(UP, 9));
        assert_eq!(table.differences(&anew), [down, up]);
    }

    #[test]
    fn renames_and_new_indexes_are_seen() {
        let mut table = Table::default();
        table.enter(new_link(2, "eth0", UP));
        assert_eq!(table.enter(new_link(2, "wan0", UP)), [link_is("wan0", 2, true, None)]);
        assert_eq!(table.enter(Message::DelLink(link(2, "wan0", UP))), [link_gone("wan0", 2)]);
        assert_eq!(table.enter(new_link(9, "wan0", UP)), [link_is("wan0", 9, true, None)]);
    }

    #[test]
    fn a_bridge_that_speaks_of_its_port_does_not_remove_it() {
        let mut table = Table::default();
        table.enter(new_link(2, "eth0", UP));
        let mut port = link(2, "eth0", 0);
        port.family = 7;
        assert_eq!(table.enter(Message::NewLink(port.clone())), []);
        assert_eq!(table.enter(Message::DelLink(port)), []);
        assert!(table.view(2).unwrap().link.up);
    }

    #[test]
    fn a_vrf_that_is_joined_or_left_is_a_change() {
        let mut table = Table::default();
        table.enter(new_link(2, "eth0", UP));
        let red = LinkMessage { vrf_table: Some(100), ..link(7, "red", UP) };
        table.enter(Message::NewLink(red));
        let member = LinkMessage { master: Some(7), ..link(2, "eth0", UP) };
        let change = [link_is("eth0", 2, true, None)];
        assert_eq!(table.enter(Message::NewLink(member)), change);
        let radio = LinkMessage { is_about_radio: true, ..link(2, "eth0", UP) };
        assert_eq!(table.enter(Message::NewLink(radio)), [], "nothing is said of the VRF");
        assert_eq!(table.enter(new_link(2, "eth0", UP)), change);
    }

    #[test]
    fn the_link_local_address_in_use_stays_until_it_is_unusable() {
        let mut table = Table::default();
        table.enter(new_link(2, "eth0", UP));
        table.enter(added("fe80::5", NONE));
        assert_eq!(table.enter(added("fe80::1", NONE)), [], "added beside the one in use");
        let other = [link_is("eth0", 2, true, Some("fe80::1"))];
        assert_eq!(table.enter(removed("fe80::5", NONE)), other);
        let mut fresh = Table::default();
        fresh.enter(new_link(2, "eth0", UP));
        fresh.enter(added("fe80::0", NONE));
        fresh.enter(added("fe80::1", NONE));
        fresh.prefer(&table);
        assert_eq!(table.differences(&fresh), [], "a fresh look changes nothing");
    }

    #[test]
    fn a_link_local_address_counts_once_it_is_neither_tentative_nor_duplicate() {
        let mut table = Table::default();
        table.enter(new_link(2, "eth0", UP));
        assert_eq!(table.enter(added("fe80::1", TENTATIVE)), []);
        let failed = TENTATIVE | DADFAILED;
        assert_eq!(table.enter(added("fe80::1", failed)), []);
        let usable = link_is("eth0", 2, true, Some("fe80::1"));
        assert_eq!(table.enter(added("fe80::1", NONE)), [usable]);
        assert_eq!(table.enter(removed("fe80::1", NONE)), [link_is("eth0", 2, true, None)]);
    }

    #[test]
    fn the_outcome_of_duplicate_address_detection_is_reported_once() {
        let mut table = Table::default();
        let address = "2001:db8::1".parse().unwrap();
        let usable = Change::AddressUsable { index: 2, address };
        let duplicate = Change::AddressDuplicate { index: 2, address };
        let gone = Change::AddressRemoved { index: 2, address };
        let failed = TENTATIVE | DADFAILED;
        let optimistic = TENTATIVE | OPTIMISTIC;
        let text = "2001:db8::1";
        assert_eq!(table.enter(added(text, TENTATIVE)), []);
        assert_eq!(table.enter(added(text, NONE)), std::slice::from_ref(&usable));
        assert_eq!(table.enter(added(text, libc::IFA_F_DEPRECATED)), []);
        assert_eq!(table.enter(removed(text, NONE)), std::slice::from_ref(&gone));
        assert_eq!(table.enter(added(text, optimistic)), [usable]);
        // A finite lifetime: deleted with the flag.
        assert_eq!(table.enter(removed(text, failed)), std::slice::from_ref(&duplicate));
        // An infinite one: it stays, and somebody removes it later.
        assert_eq!(table.enter(added(text, failed)), [duplicate]);
        assert_eq!(table.enter(removed(text, failed)), [gone]);
    }

    #[test]
    fn a_table_read_anew_gives_the_changes_that_were_missed() {
        let mut before = Table::default();
        before.enter(new_link(2, "eth0", UP));
        before.enter(new_link(3, "eth1", UP));
        before.enter(added("2001:db8::1", NONE));
        before.enter(added("2001:db8::2", TENTATIVE));
        let mut after = Table::default();
        after.enter(new_link(2, "eth0", libc::IFF_UP as u32));
        after.enter(new_link(4, "eth2", UP));
        after.enter(added("2001:db8::2", NONE));
        let changes = before.differences(&after);
        assert_eq!(
            changes,
            [
                link_is("eth0", 2, false, None),
                link_gone("eth1", 3),
                link_is("eth2", 4, true, None),
                Change::AddressRemoved { index: 2, address: "2001:db8::1".parse().unwrap() },
                Change::AddressUsable { index: 2, address: "2001:db8::2".parse().unwrap() },
            ]
        );
        assert_eq!(after.differences(&after), []);
    }

    #[test]
    fn only_real_ethernet_addresses_make_a_duid() {
        assert!(ethernet(1, &[2, 0, 0, 0, 0, 1]).is_some());
        assert!(ethernet(1, &[0; 6]).is_none());
        assert!(ethernet(512, &[]).is_none());
        assert!(ethernet(772, &[0; 6]).is_none());
    }

    #[test]
    fn an_interface_that_is_absent_has_no_ipv6() {
        assert!(!ipv6_enabled("nosuchlink0"));
    }
}
