//! What becomes of the interface: it comes, goes, is renamed, joins a VRF,
//! and others remove what is ours.

use std::rc::Rc;

use dhc6c_core::engine::Input;
use dhc6c_core::link::Link;
use dhc6c_core::snapshot::Mode;
use tracing::{debug, info, warn};

use crate::app::anonymous;
use crate::app::config::Wan;
use crate::os::apply::RoutePlace;
use crate::os::clock;
use crate::os::error::Error;
use crate::os::icmp6::RouterSocket;
use crate::os::link::{Change, Links};
use crate::os::udp::Socket;

use super::{Order, Settings, Uplink};

/// How far a link can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Gone,
    Down,
    Unaddressed,
    Usable,
}

impl State {
    const fn of(link: &Link) -> Self {
        match link {
            Link { index: 0, .. } => Self::Gone,
            Link { up: false, .. } => Self::Down,
            Link { link_local: None, .. } => Self::Unaddressed,
            Link { link_local: Some(_), .. } => Self::Usable,
        }
    }
}

/// A link as far as it may be used: one that belongs into a VRF counts as
/// down until it is there, so that nothing is said to the wrong network.
pub(super) fn as_far_as_wanted(links: &Links, wan: &Wan, link: Link) -> Link {
    Link { up: link.up && is_where_it_belongs(links, wan, link.index), ..link }
}

fn is_where_it_belongs(links: &Links, wan: &Wan, index: u32) -> bool {
    let wanted = wan.vrf.value.as_deref();
    wanted.is_none_or(|wanted| links.vrf(index).is_some_and(|(name, _)| name == wanted))
}

/// Where the routes of an uplink go: into the table that was named, else into
/// that of the VRF that it is in, else into the main one.
pub(super) fn place_of_routes(links: &Links, wan: &Wan, index: u32) -> RoutePlace {
    let usual = RoutePlace::default();
    let of_vrf = links.vrf(index).map(|(_, table)| table);
    let table = wan.table.value.or(of_vrf).unwrap_or(usual.table);
    RoutePlace { table, metric: wan.metric.value }
}

impl Uplink {
    /// What the engine has to know of a change of links, addresses or routes.
    pub(super) fn link_input(&mut self, change: Change) -> Option<Input> {
        match change {
            Change::Link { index, name, link } if self.is_ours(index, &name) => {
                self.follow(&name, link);
                return Some(Input::Link(self.link));
            }
            Change::AddressUsable { index, address } if index == self.link.index => {
                return Some(Input::AddressUsable(address));
            }
            Change::AddressDuplicate { index, address } if index == self.link.index => {
                return Some(Input::AddressDuplicate(address));
            }
            Change::AddressRemoved { index, address } if index == self.link.index => {
                if self.kernel.actual().addresses.contains_key(&address) {
                    self.put_back();
                }
                return Some(Input::AddressMissing(address));
            }
            Change::RouteRemoved { table, destination }
                if self.kernel.has_route(table, destination) =>
            {
                self.put_back();
            }
            Change::Ipv4Removed { index } if self.kernel.has_ipv4_on(index) => {
                self.put_back();
            }
            Change::Link { name, link: Some(_), .. } if self.is_for_ipv4(&name) => {
                let now = clock::now();
                let failure = self.kernel.look_again(now).err();
                self.note_failures(failure);
                self.apply(now);
            }
            Change::Resync => self.put_back(),
            _ => {}
        }
        None
    }

    /// An interface that is there is followed by its number, whatever it is
    /// called meanwhile; one that is not is waited for by its name.
    fn is_ours(&self, index: u32, name: &str) -> bool {
        if self.link.index == 0 { name == self.name } else { index == self.link.index }
    }

    /// True for the device that the IPv4 lease is for.
    fn is_for_ipv4(&self, name: &str) -> bool {
        self.desired.ipv4.as_ref().is_some_and(|ipv4| ipv4.device == name)
    }

    fn follow(&mut self, name: &str, link: Option<Link>) {
        // One of that name may have come before the old one went.
        let link = link.or_else(|| self.links.find(&self.name));
        let link = as_far_as_wanted(&self.links, &self.settings.wan, link.unwrap_or_default());
        let device = if link.index == self.link.index { name } else { &self.name };
        if device != self.device {
            info!("{}: the interface is called {device} now", self.name);
            device.clone_into(&mut self.device);
            self.kernel.rename(device);
            self.apply(clock::now());
        }
        self.new_link(link);
    }

    /// The interface changed. Under another number it needs a new socket;
    /// when it comes back, what the kernel dropped meanwhile is put back.
    /// What fails is told and tried again with the next change.
    fn new_link(&mut self, link: Link) {
        let before = self.link;
        self.link = link;
        if State::of(&before) != State::of(&link) {
            self.note_link();
        }
        if link.index != before.index {
            (self.socket, self.routers) = (None, None);
        }
        self.open_sockets();
        let attached = link.is_usable() && (!before.is_usable() || link.index != before.index);
        self.take_new_identity(attached);
        self.tell_hardware();
        if attached {
            let now = clock::now();
            let moved = self.kernel.set_index(link.index, now);
            self.note_failures(moved.err());
            self.apply(now);
            self.note_addresses(now);
        }
        self.place_routes();
    }

    /// Moves the routes to where they belong now.
    pub(super) fn place_routes(&mut self) {
        // One that is gone was in a VRF, perhaps, and will be again.
        if self.link.index == 0 {
            return;
        }
        let place = place_of_routes(&self.links, &self.settings.wan, self.link.index);
        if self.kernel.move_routes(place) {
            self.apply(clock::now());
        }
    }

    /// Whoever is anonymous is somebody else on another link (RFC 7844 §4.3).
    fn take_new_identity(&mut self, attached: bool) {
        let Settings { shared, wan, duid } = &*self.settings;
        if !wan.anonymous.value || wan.duid.value.is_some() {
            return;
        }
        let address = self.links.link_address(&self.device);
        match anonymous::successor(duid, address.as_ref(), attached) {
            Ok(Some(duid)) => {
                let settings = Settings { shared: shared.clone(), wan: wan.clone(), duid };
                // Boxed, because what is obeyed may lead here.
                let input = self.obey(Order::Configure(Rc::new(settings)));
                self.engine.handle_input(clock::now(), input);
            }
            Ok(None) => {}
            Err(error) => warn!("{}: {error}", self.name),
        }
    }

    /// DHCPv4's messages hold the link-layer address of the moment.
    fn tell_hardware(&mut self) {
        let wants_ipv4 = self.settings.shared.dhcp4o6.enable.value;
        if wants_ipv4 && self.links.link_address(&self.device) != self.hardware {
            let settings = Rc::clone(&self.settings);
            // Boxed, because what is obeyed may lead here.
            let input = self.obey(Order::Configure(settings));
            self.engine.handle_input(clock::now(), input);
        }
    }

    /// Opens what is not open, where there is an interface to open it on.
    pub(super) fn open_sockets(&mut self) {
        let Link { index: index @ 1.., .. } = self.link else { return };
        let marks = self.settings.wan.marks();
        let complain = |error: &Error| warn!("{}: {error}", self.name);
        if self.socket.is_none() {
            self.socket = Socket::open(&self.device, index, marks).inspect_err(complain).ok();
        }
        if self.settings.wan.mode.value != Mode::Auto {
            self.routers = None;
        } else if self.routers.is_none() {
            self.routers =
                RouterSocket::open(&self.device, index, marks).inspect_err(complain).ok();
        }
    }

    /// Somebody else may have removed what is ours. While the link is not
    /// usable it is the kernel that clears up; its return mends that.
    fn put_back(&mut self) {
        if !self.link.is_usable() {
            return;
        }
        let now = clock::now();
        match self.kernel.resync(now) {
            Ok(true) => self.apply(now),
            Ok(false) => {}
            Err(error) => self.note_failures([error]),
        }
    }

    /// Says what the interface waits for at the beginning.
    pub(super) fn note_first_link(&self) {
        match State::of(&self.link) {
            State::Gone => info!("{}: there is no such interface yet, waiting for it", self.name),
            _ => self.note_link(),
        }
    }

    /// Says what the interface waits for.
    fn note_link(&self) {
        let name = &self.name;
        let wan = &self.settings.wan;
        match State::of(&self.link) {
            State::Gone => warn!("{name}: the interface is gone, waiting for it"),
            State::Down if !is_where_it_belongs(&self.links, wan, self.link.index) => {
                let vrf = wan.vrf.value.as_deref().unwrap_or_default();
                info!("{name}: the interface is not in the VRF {vrf}, waiting for that");
            }
            State::Down => info!("{name}: the link is down, waiting for it"),
            State::Unaddressed if !crate::os::link::ipv6_enabled(&self.device) => {
                warn!("{name}: IPv6 is disabled on this interface, waiting for it");
            }
            State::Unaddressed => info!("{name}: waiting for the link-local address"),
            State::Usable => debug!("{name}: the link is usable"),
        }
    }
}
