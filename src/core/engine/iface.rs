//! One interface: the engines that run on it, the send limit over them, and
//! the wanted state they add up to. The only file that imports sibling
//! engines, with `iface/ipv4.rs`, which is the part of it for IPv4.

mod ipv4;

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::desired::Desired;
use crate::ident::{Duid, Iaid, LinkAddress};
use crate::link::{Link, RouterMessage};
use crate::prefix::Prefix;
use crate::record::Record;
use crate::rng::Rng;
use crate::snapshot::{Mode, Snapshot};
use crate::time::{Duration, Instant};
use crate::wire::code;

use super::dhcp4o6::{Carrier, Place};
use super::limit::SendWindow;
use super::ra::RouterWatch;
use super::v4;
use super::v6::Client;
use super::{Deadline, Event, Input, Output, SendLimit, Why};

use ipv4::Ipv4;

/// What an interface is to do.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Config {
    /// The interface's name.
    pub name: String,
    /// Our own DUID.
    pub duid: Duid,
    /// Leases and options, or options alone.
    pub mode: Mode,
    /// The address association, if addresses are wanted.
    pub address: Option<Iaid>,
    /// A server that gives no address is none to deal with.
    pub require_address: bool,
    /// The prefix associations, in order.
    pub prefixes: Vec<PrefixRequest>,
    /// How long servers that offer a part of what is asked for are passed
    /// over in the hope of one that offers everything.
    pub patience: Duration,
    /// Offer the two-message exchange (RFC 9915 §21.14).
    pub rapid_commit: bool,
    /// Say that Reconfigure is accepted (RFC 9915 §21.20).
    pub reconfigure_accept: bool,
    /// Codes to ask for; those that a message must ask for are added.
    pub request: Vec<u16>,
    /// Options to send in every message that asks for options, as code and
    /// payload.
    pub send: Vec<(u16, Vec<u8>)>,
    /// Our name, where there is one to be told to servers.
    pub fqdn: Option<ClientName>,
    /// Say as little as possible of who we are (RFC 7844 §4).
    pub anonymous: bool,
    /// What this uplink's servers mishandle.
    pub quirks: Vec<Quirk>,
    /// Delay the first Solicit by a random time up to a second.
    pub initial_delay: bool,
    /// How many messages may leave in what time.
    pub limit: SendLimit,
    /// IPv4 by DHCPv4 over DHCPv6, where that is wanted (RFC 7341).
    pub dhcp4o6: Option<Box<Dhcp4o6>>,
}

/// What is wanted of IPv4.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Dhcp4o6 {
    /// The uplink's link-layer address.
    pub hardware: LinkAddress,
    /// Names us beside the DUID (RFC 4361 §6.1).
    pub iaid: Iaid,
    /// A part of the ports of an address will do (RFC 7618).
    pub share: bool,
    /// The lease is to be bound to an IPv6 address of ours (RFC 8539). A
    /// server that knows nothing of that is none to deal with.
    pub binding: bool,
    /// We can do without IPv4 where the network can (RFC 8925).
    pub ipv6_only: bool,
    /// The IPv4 address that is ours anyhow: only options are asked for.
    pub address: Option<Ipv4Addr>,
    /// The device that gets the address and the route to everywhere.
    pub device: Option<String>,
    /// The longest random delay before the first message (RFC 2131 §4.4.1).
    pub longest_delay: Duration,
}

impl Dhcp4o6 {
    /// A wish for an address, shared or not, that nothing is done with but to
    /// tell others.
    #[must_use]
    pub const fn new(hardware: LinkAddress, iaid: Iaid) -> Self {
        Self {
            hardware,
            iaid,
            share: true,
            binding: false,
            ipv6_only: false,
            address: None,
            device: None,
            longest_delay: Duration::from_secs(1),
        }
    }
}

impl Config {
    /// What a bare client does: one address association, and the options
    /// every host has use for.
    #[must_use]
    pub fn new(name: &str, duid: Duid) -> Self {
        Self {
            name: name.to_owned(),
            duid,
            mode: Mode::Stateful,
            address: Some(Iaid::of_interface(name)),
            require_address: false,
            prefixes: Vec::new(),
            patience: Duration::ZERO,
            rapid_commit: false,
            reconfigure_accept: true,
            request: vec![
                code::DNS_SERVERS,
                code::DOMAIN_LIST,
                code::SNTP_SERVERS,
                code::NTP_SERVER,
            ],
            send: Vec::new(),
            fqdn: None,
            anonymous: false,
            quirks: Vec::new(),
            initial_delay: false,
            limit: SendLimit::default(),
            dhcp4o6: None,
        }
    }
}

/// Our name, and what is to become of it (RFC 4704 §4).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ClientName {
    /// Its wire form; without the final root where only a part of it is known.
    pub name: Vec<u8>,
    /// Who tells the DNS that our address is called so.
    pub update: NameUpdate,
}

/// Who tells the DNS what our address is called: its AAAA record (RFC 4704
/// §5).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameUpdate {
    /// The server.
    Server,
    /// Somebody on this machine, as a hook does.
    Client,
    /// Nobody.
    None,
}

impl NameUpdate {
    /// The flags of the option: S for the server, N for nobody, and never O,
    /// which is the server's (RFC 4704 §4.1).
    #[must_use]
    pub const fn flags(self) -> u8 {
        match self {
            Self::Server => 0x01,
            Self::Client => 0,
            Self::None => 0x04,
        }
    }
}

/// Something that the servers of an uplink mishandle. Each is logged when it
/// acts, and none gives an association up for good.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    /// A Renew that asks for what was refused before spoils the rest of it
    /// (against RFC 7550 §4.4): such an association stands in one Renew an
    /// hour at most, and in every Rebind and Request.
    RefusedSpoilsRenew,
    /// A length wished for beside a lease is mistaken for a prefix that the
    /// client has (against RFC 8168 §3.4): it stands in Solicit alone.
    LengthSpoilsLease,
}

impl Quirk {
    /// The name, as in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefusedSpoilsRenew => "refused-spoils-renew",
            Self::LengthSpoilsLease => "length-spoils-lease",
        }
    }
}

/// One prefix association to ask for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PrefixRequest {
    /// Its IAID.
    pub iaid: Iaid,
    /// The prefix to get again, if it is to be had.
    pub hint: Option<Prefix>,
    /// The length wished for, 1 to 64.
    pub length: Option<u8>,
    /// Longer prefixes than this are of no use (RFC 8168 §3.3).
    pub longest: Option<u8>,
    /// A server that gives none of use is none to deal with.
    pub require: bool,
    /// What is held is used to its end, and nothing is asked for.
    pub retired: bool,
}

impl PrefixRequest {
    /// A wish for any prefix.
    #[must_use]
    pub const fn any(iaid: Iaid) -> Self {
        Self { iaid, hint: None, length: None, longest: None, require: false, retired: false }
    }
}

/// What an earlier process kept, and how far it holds.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What was kept, in the time of this boot.
    pub record: Record,
    /// The leases are in the kernel, because the earlier process ended
    /// without withdrawing them: they stay in use while they are confirmed.
    pub in_use: bool,
    /// The ends of the leases can be relied on. Where the clock has lost
    /// them, no lease is used before a server has stated them anew.
    pub times_are_known: bool,
}

/// The engine of one interface. See the [module](super) for how to drive it.
#[derive(Debug)]
pub struct Interface {
    /// What it was told to do; the client does as much of it as the routers
    /// have something for.
    config: Arc<Config>,
    client: Client,
    /// Gets an IPv4 lease, where one is wanted.
    v4: Option<Box<Ipv4>>,
    /// What routers say, where that decides.
    watch: Option<Box<RouterWatch>>,
    place: Place,
    limit: SendWindow,
    /// What was last asked of the shell.
    desired: Desired,
    /// Something has happened since that was compared with what is desired.
    desired_is_stale: bool,
    /// The shell has said that it is so.
    applied: bool,
    /// What the shell keeps for the next start; none where an earlier boot has
    /// kept it. That is dated anew, because whoever reads it next may go by
    /// another clock than we did.
    kept: Option<Record>,
    /// Something has happened since it was compared with what is held.
    kept_is_stale: bool,
}

impl Interface {
    /// An engine at rest; it starts with the first usable link. The seed
    /// decides transaction ids and jitter.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let config = Arc::new(config);
        let watch = (config.mode == Mode::Auto).then(|| Box::new(RouterWatch::new()));
        let mut client = Client::new(effective(&config, watch.as_deref()), Rng::from_seed(seed));
        let v4 =
            v4::Settings::of(&config).map(|settings| Box::new(Ipv4::new(settings, client.rng())));
        Self {
            limit: SendWindow::new(config.limit),
            client,
            v4,
            config,
            watch,
            place: Place::default(),
            desired: Desired::default(),
            desired_is_stale: true,
            applied: true,
            kept: Some(Record::default()),
            kept_is_stale: false,
        }
    }

    /// An engine that goes on with the leases of an earlier process: it
    /// confirms them first (RFC 9915 §18.2.12).
    #[must_use]
    pub fn restore(config: Config, seed: [u8; 32], restored: Restored, now: Instant) -> Self {
        let mut interface = Self::new(config, seed);
        if let Some(watch) = &mut interface.watch
            && restored.record.has_leases()
        {
            watch.resume(&interface.config, &restored.record);
            interface.reconsider(now);
        }
        interface.client.restore(&restored, now);
        if let (Some(v4), Some(known)) = (&mut interface.v4, &restored.record.ipv4) {
            v4.client.restore(known, restored.in_use, restored.times_are_known, now);
        }
        interface.kept = restored.in_use.then_some(restored.record);
        interface
    }

    /// Takes in what happened at `now`. Drain [`Self::poll_output`] next.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.desired_is_stale = true;
        self.kept_is_stale = true;
        match input {
            Input::Link(link) => self.on_link(now, link),
            Input::Resumed => self.on_resume(now),
            Input::Router(message) => self.on_router(now, &message),
            Input::Configure(config) => self.configure(now, *config),
            Input::Datagram(datagram) if self.v4.is_some() && Carrier::is_for(&datagram) => {
                self.on_v4_answer(now, &datagram);
                // What is due over IPv6 at this moment is not late for it.
                self.client.handle(now, Input::Tick);
            }
            Input::Applied => {
                self.applied = true;
                self.client.handle(now, Input::Applied);
            }
            input => {
                self.tell_v4(now, &input);
                self.client.handle(now, input);
            }
        }
        self.follow_routers(now);
        self.follow_v6(now);
    }

    /// The next thing to do, until there is none.
    ///
    /// Wanted state comes before what is kept of it and what people are told
    /// about it, and all before the next message.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        // Before the address is withdrawn that it is sent from.
        if let Some(packet) = self.farewell(now) {
            return Some(self.sent(now, packet));
        }
        if core::mem::take(&mut self.desired_is_stale) {
            let desired = self.wanted();
            if desired != self.desired {
                self.withdraw(&desired);
                self.desired = desired.clone();
                self.applied = false;
                return Some(Output::Desired(Box::new(desired)));
            }
        }
        if core::mem::take(&mut self.kept_is_stale)
            && let Some(record) = self.record(now)
            && self.kept.as_ref().is_none_or(|kept| record.replaces(kept))
        {
            self.kept = Some(record.clone());
            return Some(Output::Keep(Box::new(record)));
        }
        if let Some(event) = self.poll_event() {
            return Some(Output::Event(event));
        }
        if self.limit.opens_at() > now {
            return None;
        }
        if self.solicits_routers(now) {
            self.limit.record(now);
            return Some(Output::SolicitRouters);
        }
        match self.transmit(now) {
            Some(octets) => Some(Output::Transmit(octets)),
            None => self.transmit_v4(now).map(|packet| self.sent(now, packet)),
        }
    }

    /// When to wake the engine if nothing happens before, and what for.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let watched = self.watch.as_deref().filter(|_| !self.is_stopped());
        let routers = watched.and_then(RouterWatch::deadline).map(|next| self.limited(next));
        let client = self.client.deadline().map(|next| self.limited(next));
        // What ends meanwhile is not held up by the limit.
        let end = self.client.expiry().filter(|_| client.is_some());
        let v6 = Deadline::soonest(Deadline::soonest(client, end), routers);
        Deadline::soonest(v6, self.v4_deadline())
    }

    /// A transmission waits until the limit opens.
    fn limited(&self, deadline: Deadline) -> Deadline {
        let opens_at = self.limit.opens_at();
        if deadline.why == Why::Transmit && deadline.at < opens_at {
            Deadline { at: opens_at, why: Why::Limit }
        } else {
            deadline
        }
    }

    /// The interface as others see it.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let ready = self.is_ready();
        let v4 = self.v4.as_ref();
        let dhcp4o6 = v4.and_then(|v4| v4.snapshot(now));
        let view = self.client.snapshot(now);
        let last_error = view.last_error.or_else(|| v4.and_then(|v4| v4.client.last_error()));
        Snapshot { ready, mode: self.config.mode, dhcp4o6, last_error, ..view }
    }

    /// Everything asked for is there or refused, at least one lease (or, if
    /// stateless, one answer) is there, no address is tentative, and the
    /// kernel and the resolver are as wanted.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let is_attaching = self.v4.as_ref().is_some_and(|v4| v4.client.is_attaching());
        self.applied && self.client.is_settled() && !is_attaching
    }

    /// True once [`Input::Stop`] has been carried out: nothing more will come.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.client.is_stopped()
    }

    fn on_link(&mut self, now: Instant, link: Link) {
        let before = self.place.set_link(link);
        let is_new = !before.is_usable() || before.index != link.index;
        match &mut self.watch {
            Some(watch) if !link.is_usable() => watch.leave_link(),
            Some(watch) if is_new => {
                watch.enter_link(now, self.client.holds_something(), self.client.rng());
            }
            _ => {}
        }
        if is_new {
            self.forget_v4_if_anonymous(now);
        }
        if link.is_usable() {
            // What the routers of the last link had said of a prefix does not
            // hold on this one: it is asked about.
            self.reconsider(now);
        }
        self.client.handle(now, Input::Link(link));
        self.reconsider(now);
    }

    /// Perhaps the routers are others now; they are asked as well.
    fn on_resume(&mut self, now: Instant) {
        if let Some(watch) = self.watch.as_mut().filter(|_| self.place.link().is_usable()) {
            watch.enter_link(now, self.client.holds_something(), self.client.rng());
        }
        self.reconsider(now);
        self.client.handle(now, Input::Resumed);
        self.resume_v4(now);
    }

    fn on_router(&mut self, now: Instant, message: &RouterMessage) {
        let Some(watch) = self.watch.as_mut().filter(|_| !self.client.is_stopped()) else { return };
        match watch.take(now, message) {
            Ok(true) => {
                self.client.tell(Event::RouterUpdated);
                self.reconsider(now);
            }
            Ok(false) => {}
            Err(reason) => self.client.drop_for(reason),
        }
    }

    fn configure(&mut self, now: Instant, config: Config) {
        self.limit.set(config.limit);
        let is_watched = config.mode == Mode::Auto;
        self.configure_v4(now, &config);
        self.config = Arc::new(config);
        if is_watched && self.watch.is_none() {
            let mut watch = RouterWatch::new();
            let holds = self.client.holds_something();
            if let Some(record) = self.client.record(now).filter(|_| holds) {
                watch.resume(&self.config, &record);
            }
            if self.place.link().is_usable() {
                watch.enter_link(now, holds, self.client.rng());
            }
            self.watch = Some(Box::new(watch));
        } else if !is_watched {
            self.watch = None;
        }
        self.reconsider(now);
    }

    /// Gives the client what it is to do, which is nothing new most of the
    /// time.
    fn reconsider(&mut self, now: Instant) {
        let config = effective(&self.config, self.watch.as_deref());
        self.client.reconsider(now, config);
    }

    /// What time has brought: prefixes that the routers do not stand for any
    /// more, and changes that servers are to be asked about.
    fn follow_routers(&mut self, now: Instant) {
        let Some(watch) = self.watch.as_mut().filter(|_| !self.client.is_stopped()) else { return };
        let expired = watch.expire(now);
        let change = if self.client.holds_something() {
            watch.take_change(now)
        } else {
            watch.forget_change();
            None
        };
        if expired {
            self.client.tell(Event::RouterUpdated);
            self.reconsider(now);
        }
        if let Some(change) = change {
            self.client.on_changed_prefixes(now, change);
        }
        if expired || change.is_some() {
            // What follows may be due at once, and nobody wakes twice for that.
            self.client.handle(now, Input::Tick);
        }
    }

    fn solicits_routers(&mut self, now: Instant) -> bool {
        let Self { watch, place, client, .. } = self;
        let watch = watch.as_mut().filter(|_| !client.is_stopped());
        watch.is_some_and(|watch| watch.solicits(now, place.link(), client.rng()))
    }

    fn transmit(&mut self, now: Instant) -> Option<Vec<u8>> {
        // What cannot be encoded cannot be sent; the schedule moves on, so
        // this cannot spin. Only options of 64 KiB to send could lead to it.
        self.desired_is_stale = true;
        let octets = self.client.transmit(now)?.encode().ok()?;
        self.limit.record(now);
        Some(octets)
    }
}

/// As much of a configuration as the routers have something for, where they
/// are asked; all of it where they are not.
fn effective(config: &Arc<Config>, watch: Option<&RouterWatch>) -> Arc<Config> {
    watch.map_or_else(|| Arc::clone(config), |watch| Arc::new(watch.effective(config)))
}

#[cfg(test)]
#[path = "iface_tests.rs"]
mod tests;
