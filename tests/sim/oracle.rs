//! What must hold at every step of a client, in every scenario.
//!
//! - at most 20 messages in any 20 seconds (RFC 9915 §14.1)
//! - every message is well formed (`grammar.rs`) and stands where it may in
//!   its exchange: transaction id, elapsed time, identifiers, leases
//!   (`messages.rs`)
//! - an answer is taken only where it answers what was asked (`answers.rs`)
//! - nothing is held that the last answer did not allow, nor longer; and
//!   nothing is given up that may be used on (`promises.rs`)
//! - what is in use outlives the process (`survival.rs`)
//! - the kernel looks as desired, and the snapshot says the same
//! - a client that has stopped is silent and has nothing left

#[path = "oracle/answers.rs"]
mod answers;
#[path = "oracle/messages.rs"]
pub mod messages;
#[path = "oracle/pace.rs"]
mod pace;
#[path = "oracle/promises.rs"]
mod promises;
#[path = "oracle/survival.rs"]
mod survival;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;

use dhc6c_core::desired::{Desired, Lifetimes};
use dhc6c_core::engine::{Config, Event, Input, Restored};
use dhc6c_core::ident::{Duid, Iaid};
use dhc6c_core::link::Datagram;
use dhc6c_core::record::{AssociationKind, KnownLease, Record};
use dhc6c_core::snapshot::{AddressState, Snapshot};
use dhc6c_core::time::{Duration, Instant, Lifetime, Until};
use dhc6c_core::wire::v4::Kind;
use dhc6c_core::wire::{DhcpOption, Ia, Message, MessageType, Status, StatusCode, code};

use crate::hooks::{self, Leases};
use crate::kernel::Kernel;
use crate::server::Lease;
use crate::v4_oracle::V4Oracle;

use answers::Exchange;
use pace::Pace;
use promises::Promises;

/// The send limit (RFC 9915 §14.1).
const MESSAGES: usize = 20;
const WINDOW: Duration = Duration::from_secs(20);
/// More leases than any scenario hands out honestly.
const MANY: usize = 64;

type Grants = BTreeMap<(Lease, Iaid), Lifetimes>;

/// Judges one client.
pub struct Oracle {
    duid: Duid,
    extra: BTreeSet<u16>,
    anonymous: bool,
    sent: VecDeque<Instant>,
    exchange: Option<Exchange>,
    /// The datagram that the client is dealing with.
    offered: Option<Message>,
    /// It came to the address that messages are sent from.
    came_to_us: bool,
    /// Every server that it has heard of.
    servers: BTreeSet<Duid>,
    /// What has been given, each in its association: the same lease may stand
    /// in two of them, and what one of them is told does not concern the other.
    granted: Grants,
    /// What the last Reply has given.
    stated: Grants,
    /// What the client has released or declined since it was given.
    given_back: BTreeSet<(Lease, Iaid)>,
    /// The name servers that Replies have named which it has taken.
    resolvers: BTreeSet<Ipv6Addr>,
    /// It has said that nothing is left of what it had.
    is_unbound: bool,
    /// The Reconfigure messages that it has obeyed.
    obeyed: BTreeSet<Vec<u8>>,
    /// The octets that it is dealing with.
    octets: Vec<u8>,
    pace: Pace,
    /// What a record has claimed, with any end.
    believed: BTreeSet<Lease>,
    desired: Desired,
    promises: Promises,
    /// What a new process has to use from its beginning.
    resumed: Vec<Lease>,
    stopped: bool,
    /// Nobody knows when the leases end that it remembers.
    timeless: bool,
    /// The next input is a Reconfigure that must not be obeyed; and this one.
    forged: (bool, bool),
    /// What it has of IPv4.
    v4: V4Oracle,
}

impl Oracle {
    /// An oracle for a client with this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            duid: config.duid.clone(),
            extra: extra(config),
            anonymous: config.anonymous,
            sent: VecDeque::new(),
            exchange: None,
            offered: None,
            came_to_us: false,
            servers: BTreeSet::new(),
            granted: BTreeMap::new(),
            stated: BTreeMap::new(),
            given_back: BTreeSet::new(),
            resolvers: BTreeSet::new(),
            is_unbound: false,
            obeyed: BTreeSet::new(),
            octets: Vec::new(),
            pace: Pace::default(),
            believed: BTreeSet::new(),
            desired: Desired::default(),
            promises: Promises::of(config),
            resumed: Vec::new(),
            stopped: false,
            timeless: false,
            forged: (false, false),
            v4: V4Oracle::new(config),
        }
    }

    /// The client begins again as a new process. What it was given stays
    /// given; it remembers the leases and their server, or more than that if
    /// its record was tampered with.
    /// What was in use all the time until the old one died stays in use, unless
    /// its store was torn.
    pub fn begins_again(
        &mut self,
        now: Instant,
        config: &Config,
        restored: Option<&Restored>,
        is_torn: bool,
    ) {
        self.sent.clear();
        (self.exchange, self.offered) = (None, None);
        self.stated.clear();
        self.is_unbound = false;
        // It may have died before it said where these come from.
        self.resolvers.extend(self.desired.resolver.iter().flat_map(|it| it.servers.clone()));
        self.desired = Desired::default();
        self.promises.begin_again();
        // What somebody else has written may be lost.
        let own = restored.filter(|_| self.believed.is_empty());
        let resumed = own.map(|restored| survival::to_be_resumed(config, restored, now));
        self.resumed = resumed.unwrap_or_default();
        if own.is_some_and(|restored| restored.in_use && restored.times_are_known) && !is_torn {
            let through = self.promises.used_through(&self.leases(&self.desired), now);
            let is_wanted = |lease: &Lease| survival::is_wanted(config, &self.granted, *lease);
            self.resumed.extend(through.into_iter().filter(is_wanted));
        }
        self.pace = Pace::default();
        self.stopped = false;
        self.v4.begins_again();
        self.timeless = restored.is_some_and(|restored| !restored.times_are_known);
        for server in restored.iter().filter_map(|restored| restored.record.server.as_ref()) {
            self.servers.insert(server.duid.clone());
        }
    }

    /// The new process has said what it desires.
    pub fn has_begun(&mut self) {
        let in_use = self.leases(&self.desired);
        for lease in self.resumed.drain(..) {
            assert!(in_use.contains_key(&lease), "{lease:?} is lost by a restart");
        }
    }

    /// What is remembered may be older than what was given last, because the
    /// store has failed: it counts as given all the same.
    pub fn remembers(&mut self, restored: Option<&Restored>) {
        self.obeyed.clear();
        let Some(Restored { record, .. }) = restored else { return };
        for (lease, iaid, &KnownLease { preferred, valid, .. }) in survival::known(record) {
            self.given_back.remove(&(lease, iaid));
            let fresh = Lifetimes { preferred, valid };
            let granted = self.granted.entry((lease, iaid)).or_insert(fresh);
            granted.preferred = granted.preferred.max(preferred);
            granted.valid = granted.valid.max(valid);
        }
    }

    /// Leases may be used for so much longer, because the wall clock hides
    /// that time.
    pub fn allows_more(&mut self, hidden: Duration) {
        let later = |until: &mut Until| {
            if let Until::At(end) = until {
                *end += hidden;
            }
        };
        for granted in self.granted.values_mut() {
            later(&mut granted.preferred);
            later(&mut granted.valid);
        }
    }

    /// The next datagram is a Reconfigure that must not be obeyed.
    pub const fn expects_refusal(&mut self) {
        self.forged.0 = true;
    }

    /// The client is about to get this. Whatever was due before now has been
    /// done, or it would be done too late, and nobody would see it afterwards.
    pub fn begins(&mut self, now: Instant, input: &Input) {
        // Nobody acts in sleep.
        if !matches!(input, Input::Resumed) {
            self.judge_punctuality(now);
        }
        self.forged = (false, self.forged.0);
        self.pace.begins(input);
        let held = self.leases(&self.desired);
        self.promises.begin(input, held, self.exchange.as_ref(), &self.granted);
    }

    /// What a record claims counts as given, as far as it makes sense.
    pub fn believes(&mut self, record: &Record) {
        for ia in &record.associations {
            for known in &ia.leases {
                let lease = match ia.kind {
                    AssociationKind::Address if known.lease.length() == 128 => {
                        Lease::Address(known.lease.address())
                    }
                    AssociationKind::Prefix => Lease::Prefix(known.lease),
                    AssociationKind::Address => continue,
                };
                let forever = Lifetimes { preferred: Until::Forever, valid: Until::Forever };
                if is_sane(lease) {
                    self.granted.insert((lease, ia.iaid), forever);
                    self.believed.insert(lease);
                }
            }
        }
    }

    /// The client is told to do other things from now on.
    pub fn is_configured(&mut self, config: &Config) {
        self.duid = config.duid.clone();
        self.extra = extra(config);
        self.anonymous = config.anonymous;
        self.promises.is_configured(config);
        self.v4.is_configured(config);
    }

    /// A datagram reaches the client, which may take it or not.
    pub fn is_offered(&mut self, datagram: &Datagram, ours: Option<Ipv6Addr>) {
        self.came_to_us = Some(datagram.destination) == ours;
        self.octets.clone_from(&datagram.octets);
        self.forged.0 |= self.obeyed.contains(&datagram.octets);
        self.offered = Message::decode(&datagram.octets).ok().map(|decoded| decoded.message);
        self.v4.is_offered(&datagram.octets);
        self.servers.extend(self.offered.iter().flat_map(Message::server_ids).cloned());
    }

    /// The client tells this.
    pub fn hears(&mut self, now: Instant, event: &Event) {
        assert!(!self.stopped, "{event:?} is told by a client that has stopped");
        match event {
            Event::Received(MessageType::Advertise, ..) => {
                let advertise = self.offered.take().expect("an Advertise was offered");
                self.judge_answer(&advertise);
            }
            Event::Received(MessageType::Reply, ..) => {
                let reply = self.offered.take().expect("a Reply is taken that was offered");
                self.judge_answer(&reply);
                self.v4.takes_reply(&reply);
                self.takes(now, &reply);
            }
            Event::Reconfigured(kind) => {
                assert!(!self.forged.1, "a Reconfigure for {kind} is obeyed that is not good");
                self.obeyed.insert(self.octets.clone());
            }
            Event::ReceivedV4(Kind::Ack, _) => self.v4.takes(now),
            Event::Unbound => {
                self.is_unbound = true;
                self.v4.is_unbound();
            }
            Event::Stopped => self.stopped = true,
            _ => {}
        }
    }

    /// The client desires this.
    pub fn desires(&mut self, desired: &Desired) {
        self.desired = desired.clone();
    }

    /// After the client was drained.
    pub fn judge(
        &mut self,
        now: Instant,
        kernel: &Kernel,
        kept: Option<&Record>,
        snapshot: &Snapshot,
    ) {
        self.v4.judge(now, self.desired.ipv4.as_deref(), snapshot);
        let used = !self.desired.addresses.is_empty() || !self.desired.unreachable.is_empty();
        if self.timeless && used && !self.stated.is_empty() {
            // From now on only what was stated with it has an end.
            self.timeless = false;
            self.granted = core::mem::take(&mut self.stated);
        }
        self.judge_lifetimes(now);
        let held = self.leases(&self.desired);
        self.promises.judge(now, &held, snapshot.state, self.timeless);
        assert!(!(self.timeless && used), "leases are used without known ends");
        survival::judge_kept(kept, &held, self.desired.ipv4.as_deref());
        self.judge_resolver();
        kernel.judge(&self.desired);
        self.judge_snapshot(now, kernel, snapshot);
        if self.stopped {
            assert!(kernel.is_empty(), "a client that has stopped left {:?}", kernel.actual);
        }
    }

    /// Nothing is in use whose end is past, and T1 and T2 are not past either.
    /// What ends just now may still be dealt with now.
    fn judge_punctuality(&self, now: Instant) {
        let is_past = |valid: &Until| valid.instant().is_some_and(|end| end < now);
        let late = hooks::in_use(&self.desired).find(|(_, lifetimes)| is_past(&lifetimes.valid));
        assert!(late.is_none(), "{late:?} was in use past its end, at {now:?}");
        let late = self.desired.ipv4.as_ref().filter(|ipv4| is_past(&ipv4.valid));
        assert!(late.is_none(), "the IPv4 lease was in use past its end: {late:?}, at {now:?}");
        self.promises.judge_punctuality(now);
    }

    fn takes(&mut self, now: Instant, reply: &Message) {
        self.promises.hear(now, reply, self.exchange.as_ref());
        self.resolvers.extend(name_servers(reply));
        self.is_unbound = false;
        let only_partial = [StatusCode::NO_ADDRS_AVAIL, StatusCode::NO_PREFIX_AVAIL];
        if reply
            .status()
            .is_some_and(|status| fails(status) && !only_partial.contains(&status.code))
        {
            return;
        }
        let answered = self.exchange.as_ref().map(|exchange| exchange.answered(reply));
        let associations = answered.unwrap_or_default();
        self.promises.take(now, reply, &associations, self.exchange.as_ref(), &self.granted);
        // What stands there several times is given the longest of them.
        let mut stated: BTreeMap<(Lease, Iaid), (Lifetime, Lifetime)> = BTreeMap::new();
        for ia in &associations {
            for (lease, preferred, valid) in lifetimes(ia) {
                let longest = stated.entry((lease, ia.iaid)).or_default();
                *longest = (longest.0.max(preferred), longest.1.max(valid));
            }
        }
        if !self.timeless {
            // Without a clock nothing is recorded: what is taken away then is
            // remembered again by the next process.
            self.granted.retain(|key, _| !stated.contains_key(key));
        }
        stated.retain(|_, (_, valid)| !valid.is_zero());
        self.pace.takes(now, stated.values().map(|(preferred, _)| *preferred), &associations);
        self.given_back.retain(|given| !stated.contains_key(given));
        let until = |(preferred, valid): (Lifetime, Lifetime)| Lifetimes {
            preferred: preferred.from_start(now),
            valid: valid.from_start(now),
        };
        self.stated = stated.into_iter().map(|(key, lifetimes)| (key, until(lifetimes))).collect();
        self.granted.extend(self.stated.iter().map(|(key, lifetimes)| (*key, *lifetimes)));
    }

    /// The longest that any association was given this lease for, where it has
    /// not given it back.
    fn in_force(&self, lease: Lease) -> Option<Lifetimes> {
        self.longest(lease, |given| !self.given_back.contains(given))
    }

    /// The longest that any association was given this lease for.
    fn granted(&self, lease: Lease) -> Option<Lifetimes> {
        self.longest(lease, |_| true)
    }

    fn longest(&self, lease: Lease, fits: impl Fn(&(Lease, Iaid)) -> bool) -> Option<Lifetimes> {
        let given = self.granted.range((lease, Iaid(0))..=(lease, Iaid(u32::MAX)));
        let given = given.filter(|(given, _)| fits(given));
        given.map(|(_, lifetimes)| *lifetimes).reduce(|one, other| Lifetimes {
            preferred: one.preferred.max(other.preferred),
            valid: one.valid.max(other.valid),
        })
    }

    fn judge_lifetimes(&self, now: Instant) {
        for (lease, lifetimes) in hooks::in_use(&self.desired) {
            assert!(is_sane(lease), "{lease:?} can be nobody's");
            let granted = self.in_force(lease).or_else(|| self.softwire(lease));
            let Some(granted) = granted else { panic!("{lease:?} is held without a lease") };
            assert!(!lifetimes.valid.is_over(now), "{lease:?} is held past its end");
            if self.believed.contains(&lease) {
                continue;
            }
            let fits = lifetimes.valid <= granted.valid;
            assert!(fits, "{lease:?} is held longer than given: {lifetimes:?}, {granted:?}");
            let fits = lifetimes.preferred <= granted.preferred;
            assert!(fits || lifetimes.preferred.is_over(now), "{lease:?} is preferred too long");
            assert!(lifetimes.preferred <= lifetimes.valid, "{lease:?} outlives itself");
        }
        let count = self.desired.addresses.len() + self.desired.unreachable.len();
        assert!(count <= MANY, "{count} leases are held");
    }

    /// The leases among what is desired. The address that is made for the
    /// softwire is none.
    #[must_use]
    pub fn leases(&self, desired: &Desired) -> Leases {
        let is_softwires = |lease: Lease| {
            self.v4.binds && self.granted(lease).is_none() && self.softwire(lease).is_some()
        };
        hooks::in_use(desired).filter(|(lease, _)| !is_softwires(*lease)).collect()
    }

    /// What was given of the delegated prefix that an address for the softwire
    /// was made in.
    fn softwire(&self, lease: Lease) -> Option<Lifetimes> {
        let Lease::Address(address) = lease else { return None };
        let given = self.granted.keys().filter(|_| self.v4.binds).map(|(given, _)| *given);
        let covers = |lease: &Lease| matches!(lease, Lease::Prefix(p) if p.contains(address));
        given.filter(covers).find_map(|lease| self.granted(lease))
    }

    /// The resolver is told what servers have named in Replies that the client
    /// has taken, until it has said that nothing is left of them.
    fn judge_resolver(&self) {
        let Some(resolver) = &self.desired.resolver else { return };
        let named = resolver.servers.iter().all(|server| self.resolvers.contains(server));
        assert!(named, "nobody has named {:?}", resolver.servers);
        assert!(!self.is_unbound, "name servers are used although nothing is left");
    }

    fn judge_snapshot(&self, now: Instant, kernel: &Kernel, snapshot: &Snapshot) {
        for shown in &snapshot.addresses {
            let wanted = self.desired.addresses.get(&shown.address);
            let left = wanted.map(|l| (l.preferred.left(now), l.valid.left(now)));
            let known = (shown.preferred, shown.valid);
            assert!(left.is_none_or(|left| left == known), "{shown:?} is shown, {left:?} is left");
        }
        let shown: BTreeSet<Ipv6Addr> = snapshot
            .addresses
            .iter()
            .filter(|address| address.state != AddressState::Duplicate)
            .map(|address| address.address)
            .collect();
        let wanted = self.desired.addresses.keys().copied();
        let is_leased = |address: &Ipv6Addr| self.granted(Lease::Address(*address)).is_some();
        let wanted: BTreeSet<Ipv6Addr> = wanted.filter(is_leased).collect();
        assert_eq!(shown, wanted, "the snapshot shows other addresses than are desired");
        for shown in &snapshot.prefixes {
            let wanted = self.desired.unreachable.get(&shown.prefix);
            let left = wanted.map(|l| (l.preferred.left(now), l.valid.left(now)));
            let known = (shown.preferred, shown.valid);
            assert!(left.is_none_or(|left| left == known), "{shown:?} is shown, {left:?} is left");
        }
        let shown: BTreeSet<_> = snapshot.prefixes.iter().map(|prefix| prefix.prefix).collect();
        let wanted: BTreeSet<_> = self.desired.unreachable.keys().copied().collect();
        assert_eq!(shown, wanted, "the snapshot shows other prefixes than are desired");
        assert!(!(snapshot.ready && kernel.is_detecting()), "ready with a tentative address");
    }
}

/// A lease that a host can have: an address of one interface on one network,
/// or a prefix that somebody could delegate.
fn is_sane(lease: Lease) -> bool {
    let is_somewhere = |address: Ipv6Addr| {
        !(address.is_unspecified()
            || address.is_loopback()
            || address.is_multicast()
            || address.is_unicast_link_local()
            || address.to_ipv4_mapped().is_some())
    };
    match lease {
        Lease::Address(address) => is_somewhere(address),
        Lease::Prefix(prefix) => prefix.length() >= 16 && is_somewhere(prefix.address()),
    }
}

fn name_servers(reply: &Message) -> impl Iterator<Item = Ipv6Addr> + '_ {
    reply.options.iter().flat_map(|option| match option {
        DhcpOption::DnsServers(servers) => servers.clone(),
        _ => Vec::new(),
    })
}

/// What the configuration tells a client to send.
fn extra(config: &Config) -> BTreeSet<u16> {
    let name = config.fqdn.as_ref().map(|_| code::CLIENT_FQDN);
    config.send.iter().map(|(code, _)| *code).chain(name).collect()
}

/// The leases in an association of a client.
pub fn leases(ia: &Ia) -> impl Iterator<Item = Lease> + '_ {
    let addresses = ia.addresses().map(|lease| Lease::Address(lease.address));
    addresses.chain(ia.prefixes().map(|lease| Lease::Prefix(lease.prefix)))
}

/// The leases in an association of a server, each with its two lifetimes;
/// both are zero for one that it takes away. One that outlives itself is
/// ignored (RFC 9915 §21.6, §21.22).
fn lifetimes(ia: &Ia) -> Vec<(Lease, Lifetime, Lifetime)> {
    let lifetimes = |option: &DhcpOption| {
        let (lease, preferred, valid, status) = match option {
            DhcpOption::IaAddress(l) => {
                (Lease::Address(l.address), l.preferred, l.valid, l.status())
            }
            DhcpOption::IaPrefix(l) => (Lease::Prefix(l.prefix), l.preferred, l.valid, l.status()),
            _ => return None,
        };
        if preferred > valid {
            return None;
        }
        let taken_away = status.is_some_and(fails);
        let (preferred, valid) =
            if taken_away { (Lifetime::ZERO, Lifetime::ZERO) } else { (preferred, valid) };
        Some((lease, preferred, valid))
    };
    ia.options.iter().filter_map(lifetimes).collect()
}

/// An association that counts as if it were not there (RFC 9915 §21.4, §21.21).
fn contradicts_itself(ia: &Ia) -> bool {
    ia.t1 > ia.t2 && !ia.t2.is_zero()
}

fn fails(status: &Status) -> bool {
    status.code != StatusCode::SUCCESS
}
