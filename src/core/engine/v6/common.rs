//! What all states share: configuration, leases, options in effect, counts.

use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::desired::{Desired, Lifetimes};
use crate::engine::retx::{self, Schedule};
use crate::engine::{Config, Deadline, Event, Restored};
use crate::ident::Duid;
use crate::link::Link;
use crate::record::Record;
use crate::rng::Rng;
use crate::snapshot::{Counters, Next, Server, Snapshot, StateName, Timers};
use crate::time::{Duration, Instant, Lifetime, Until};
use crate::wire::{DhcpOption, Message, MessageType, Status};

use super::answer::Answer;
use super::exchange::Exchange;
use super::leases::Leases;
use super::reconfigure::Authority;
use super::settings::Settings;

/// The server a message is for, and the associations it names.
pub(super) type Contents = (Option<Duid>, Vec<DhcpOption>);

/// Bounds of SOL_MAX_RT and INF_MAX_RT as servers may set them (RFC 9915
/// §21.24, §21.25).
const MAX_RT_BOUNDS: core::ops::RangeInclusive<u32> = 60..=86400;
/// Their default (RFC 9915 §7.6).
const MAX_RT_DEFAULT: Duration = Duration::from_secs(3600);

/// How far what is held can be relied on (RFC 9915 §18.2.12).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trust {
    /// It was given to this process, or confirmed since.
    Full,
    /// An earlier process got it, and has left it in the kernel.
    InUse,
    /// An earlier process got it; it is not used before it is confirmed.
    Unused,
    /// The same, and nobody knows when it ends: a server has to say so.
    Timeless,
}

/// What all states share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) config: Arc<Config>,
    pub(super) rng: Rng,
    pub(super) link: Link,
    pub(super) leases: Leases,
    /// The server that answered last (RFC 9915 §18.2.4).
    pub(super) server: Option<Server>,
    pub(super) settings: Settings,
    /// Upper bound for Solicit, kept as long as the client lives.
    pub(super) sol_max_rt: Duration,
    /// Upper bound for Information-request, likewise.
    pub(super) inf_max_rt: Duration,
    pub(super) counters: Counters,
    pub(super) events: VecDeque<Event>,
    pub(super) last_error: Option<String>,
    /// The link was down or gone since it was last used: it may be another
    /// one by now.
    pub(super) link_was_away: bool,
    /// The address at which our server last heard from us.
    pub(super) sent_from: Option<Ipv6Addr>,
    /// How our server's Reconfigure messages are known.
    pub(super) authority: Option<Authority>,
    /// Not before this does discovery begin for what is lost.
    pub(super) next_search: Instant,
    /// A stateless Reply was taken.
    pub(super) informed: bool,
    /// How far what is held can be relied on.
    pub(super) trust: Trust,
    /// Others were told of leases and not yet of their loss.
    bound: bool,
    /// Rounds of discovery that came to nothing since the last lease that
    /// could be used.
    refusals: u32,
    /// How often in a row a server has not extended all that is held.
    setbacks: u8,
}

impl Common {
    pub(super) fn new(config: Arc<Config>, rng: Rng) -> Self {
        Self {
            leases: Leases::new(&config),
            config,
            rng,
            link: Link::default(),
            server: None,
            settings: Settings::default(),
            sol_max_rt: MAX_RT_DEFAULT,
            inf_max_rt: MAX_RT_DEFAULT,
            counters: Counters::default(),
            events: VecDeque::new(),
            last_error: None,
            link_was_away: false,
            sent_from: None,
            authority: None,
            next_search: Instant::BOOT,
            informed: false,
            trust: Trust::Full,
            bound: false,
            refusals: 0,
            setbacks: 0,
        }
    }

    /// Goes on with what an earlier process held.
    pub(super) fn restore(&mut self, restored: &Restored, now: Instant) {
        let Restored { record, in_use, times_are_known } = restored;
        self.sol_max_rt = max_rt(record.sol_max_rt).unwrap_or(MAX_RT_DEFAULT);
        self.inf_max_rt = max_rt(record.inf_max_rt).unwrap_or(MAX_RT_DEFAULT);
        // Leases without a server could neither be extended nor given back.
        if record.server.is_some() {
            self.leases.resume(&record.associations, now);
        }
        if !self.leases.any_held() {
            return;
        }
        self.server.clone_from(&record.server);
        self.authority = record.reconfigure_key.as_ref().map(Authority::resumed);
        self.settings = Settings::resumed(&record.options);
        self.trust = match (times_are_known, in_use) {
            (false, _) => Trust::Timeless,
            (true, true) => Trust::InUse,
            (true, false) => Trust::Unused,
        };
    }

    /// What has to outlive the process.
    pub(super) fn record(&self, now: Instant) -> Record {
        let set = |bound: Duration| {
            (bound != MAX_RT_DEFAULT).then(|| u32::try_from(bound.as_secs()).ok()).flatten()
        };
        let held = self.leases.any_held();
        Record {
            at: now,
            server: self.server.clone().filter(|_| held),
            associations: self.leases.known(),
            sol_max_rt: set(self.sol_max_rt),
            inf_max_rt: set(self.inf_max_rt),
            reconfigure_key: self.authority.as_ref().filter(|_| held).map(Authority::known),
            options: if held { self.settings.known() } else { String::new() },
            ipv4: None,
        }
    }

    /// Takes another configuration; true when a server has to be asked for
    /// what is new in it.
    pub(super) fn configure(&mut self, config: Arc<Config>) -> bool {
        let asks_for_more = config.request != self.config.request
            || config.send != self.config.send
            || config.fqdn != self.config.fqdn
            || config.dhcp4o6.is_some() && self.config.dhcp4o6.is_none()
            || config.reconfigure_accept != self.config.reconfigure_accept;
        let before = self.leases.clone();
        self.leases.reconfigure(&config);
        self.config = config;
        self.note_loss(&before);
        asks_for_more || self.leases.any_wanting()
    }

    /// Notes that what is held may be used: a server has said so, or none
    /// has objected in time (RFC 9915 §18.2.3).
    pub(super) fn note_confirmed(&mut self) {
        self.trust = Trust::Full;
        self.last_error = None;
        if self.leases.any_held() && !core::mem::replace(&mut self.bound, true) {
            self.events.push_back(Event::Bound);
        }
    }

    /// Takes SOL_MAX_RT and INF_MAX_RT from a Reply, whatever its status
    /// (RFC 9915 §18.2.10).
    pub(super) fn take_max_rt(&mut self, answer: &Answer) {
        if let Some(bound) = max_rt(answer.sol_max_rt) {
            self.sol_max_rt = bound;
        }
        if let Some(bound) = max_rt(answer.inf_max_rt) {
            self.inf_max_rt = bound;
        }
    }

    /// How long to wait before discovery starts anew after one that came to
    /// nothing: not at all the first time, then 1 s, 2 s, 4 s up to
    /// SOL_MAX_RT. A server that advertises and then refuses would otherwise
    /// be asked without end (RFC 9915 §14.1).
    pub(super) fn refusal_delay(&mut self) -> Duration {
        let doublings = self.refusals.saturating_sub(1).min(16);
        let delay = if self.refusals == 0 { 0 } else { 1_u64 << doublings };
        self.refusals = self.refusals.saturating_add(1);
        Duration::from_secs(delay).min(self.sol_max_rt)
    }

    /// How long to leave a server alone that has not extended all that is held:
    /// as long as a Renew would wait that nobody answers. It may stand by a part
    /// for ever, and is not to be asked without end for the rest (RFC 9915
    /// §14.1); but what is about to end is asked for again before it does.
    pub(super) fn setback_delay(&mut self, now: Instant) -> Duration {
        let Schedule { initial, longest, .. } = retx::RENEW;
        let left = self.leases.expiry().map_or(longest, |end| end.at.since(now));
        let delay = initial * (1 << self.setbacks.min(16));
        self.setbacks = self.setbacks.saturating_add(1);
        delay.min(longest).min(left / 4).max(initial)
    }

    /// Notes that all that is held was extended.
    pub(super) const fn note_extension(&mut self) {
        self.setbacks = 0;
    }

    /// What is lost is looked for at once, unless it is lost again and again.
    pub(super) const fn search_now(&mut self, now: Instant) {
        if self.setbacks == 0 {
            self.next_search = now;
        }
    }

    /// Notes new or extended leases and who gave them; `event` tells others,
    /// but the first leases are always `Bound`.
    pub(super) fn note_leases(&mut self, answer: &Answer, event: Event) {
        self.note_use();
        self.trust = Trust::Full;
        self.last_error = None;
        self.settings = answer.settings.clone();
        self.note_key(answer);
        self.note_server(answer.server.clone());
        self.events.push_back(if self.bound { event } else { Event::Bound });
        self.bound = true;
    }

    /// Notes the key for Reconfigure messages that a server gives to those who
    /// accept them (RFC 9915 §20.4.3).
    pub(super) fn note_key(&mut self, answer: &Answer) {
        let known = self.authority.take();
        let accepts = self.config.reconfigure_accept && !self.config.anonymous;
        let holds = self.leases.any_held();
        self.authority = accepts.then(|| Authority::after(known, answer, holds)).flatten();
    }

    /// Notes that leases may be in use now: with the first that stands,
    /// discovery has come to something. An address that another host turns
    /// out to have has not.
    pub(super) fn note_use(&mut self) {
        if !self.leases.any_tentative() {
            self.refusals = 0;
        }
    }

    /// Notes the server that we deal with now. The preference is in its
    /// Advertise alone (RFC 9915 §21.8), so it is kept.
    pub(super) fn note_server(&mut self, mut server: Server) {
        if let Some(known) = self.server.as_ref().filter(|known| known.duid == server.duid) {
            server.preference = server.preference.max(known.preference);
        }
        self.server = Some(server);
    }

    /// Notes that leases ended; with the last one everything else a server
    /// told is given up as well (RFC 9915 §18.2.13).
    pub(super) fn note_expiry(&mut self) {
        if !self.leases.any_held() {
            self.clear();
        }
    }

    /// Notes that leases may be gone before their end. Those that are told of
    /// leases know when they end, but not of this. With the last one
    /// everything else is given up as well.
    pub(super) fn note_loss(&mut self, before: &Leases) {
        if !self.leases.lacks_some_of(before) {
            return;
        }
        if self.leases.any_held() {
            self.events.push_back(Event::Reduced);
        } else {
            self.clear();
        }
    }

    /// Gives up all leases and options.
    pub(super) fn clear(&mut self) {
        self.leases.clear();
        // Of what an earlier process has left in use others know as well.
        let was_in_use = core::mem::replace(&mut self.trust, Trust::Full) == Trust::InUse;
        self.settings = Settings::default();
        self.setbacks = 0;
        self.server = None;
        self.authority = None;
        self.informed = false;
        if core::mem::take(&mut self.bound) || was_in_use {
            self.events.push_back(Event::Unbound);
        }
    }

    /// True when our server knows us at an address that we do not have any
    /// more, so that a Reconfigure would not reach us (RFC 9915 §18.2.4).
    pub(super) fn has_moved(&self) -> bool {
        self.config.reconfigure_accept
            && !self.config.anonymous
            && self.sent_from.is_some()
            && self.sent_from != self.link.link_local
    }

    /// Notes the failures a server gave as reasons.
    pub(super) fn note_failures(&mut self, answer: &Answer) {
        let failures =
            answer.failure.iter().chain(answer.ias.iter().filter_map(|ia| ia.failure.as_ref()));
        for status in failures {
            self.last_error = Some(describe(answer, status));
            self.events.push_back(Event::Refused(answer.kind, status.clone()));
        }
    }

    pub(super) fn count_sent(&mut self, message: &Message, number: u32) {
        let count = self.counters.sent.entry(message.kind).or_default();
        *count = count.saturating_add(1);
        // A Confirm is for any server, and leaves no trace there.
        if message.kind != MessageType::Confirm {
            self.sent_from = self.link.link_local;
        }
        self.rng.note_sent(message.transaction.0);
        self.events.push_back(Event::Sent(message.kind, message.transaction, number));
    }

    pub(super) fn count_received(&mut self, answer: &Answer, exchange: Option<&Exchange>) {
        let count = self.counters.received.entry(answer.kind).or_default();
        *count = count.saturating_add(1);
        if let Some(exchange) = exchange {
            let source = answer.server.address;
            self.events.push_back(Event::Received(answer.kind, exchange.transaction, source));
        }
    }

    /// What the kernel and the resolver should look like.
    pub(super) fn desired(&self) -> Desired {
        if !self.is_in_use() {
            return Desired::default();
        }
        let prefixes = self.leases.prefixes();
        Desired {
            addresses: self.leases.addresses().map(|(_, a, _, l)| (a, l)).collect(),
            unreachable: prefixes
                .map(|(_, prefix, _, l): (_, _, _, Lifetimes)| (prefix, l))
                .collect(),
            resolver: self.settings.resolver(),
            ipv4: None,
        }
    }

    /// False while what an earlier process held waits to be confirmed.
    pub(super) const fn is_in_use(&self) -> bool {
        matches!(self.trust, Trust::Full | Trust::InUse)
    }

    /// The client as others see it. `ready` is for the caller to fill in.
    pub(super) fn snapshot(
        &self,
        now: Instant,
        state: StateName,
        next: Option<Deadline>,
    ) -> Snapshot {
        let config = &self.config;
        let left = |until: Until| until.left(now);
        let in_use = self.is_in_use();
        let timers = (in_use && self.leases.any_held()).then(|| Timers {
            t1: left(self.leases.t1()),
            t2: left(self.leases.t2()),
            next: next.map(|deadline| Next {
                what: deadline.why.as_str().to_owned(),
                seconds: left(Until::At(deadline.at)),
            }),
        });
        Snapshot {
            name: config.name.clone(),
            ifindex: self.link.index,
            state,
            ready: false,
            mode: config.mode,
            duid: config.duid.clone(),
            iaid: config.address.or_else(|| config.prefixes.first().map(|p| p.iaid)),
            server: self.server.clone(),
            addresses: if in_use { self.leases.address_views(now) } else { Vec::new() },
            prefixes: if in_use { self.leases.prefix_views(now) } else { Vec::new() },
            timers,
            options: self.settings.view(),
            dhcp4o6: None,
            softwire: None,
            counters: self.counters.clone(),
            last_error: self.last_error.clone(),
        }
    }
}

/// A bound within its own bounds; others are ignored (RFC 9915 §21.24).
pub(super) fn max_rt(seconds: Option<u32>) -> Option<Duration> {
    seconds
        .filter(|seconds| MAX_RT_BOUNDS.contains(seconds))
        .map(|seconds| Duration::from_secs(u64::from(seconds)))
}

/// The default of both bounds.
pub(super) const fn default_max_rt() -> Duration {
    MAX_RT_DEFAULT
}

/// Information refresh time within its bounds (RFC 9915 §21.23): IRT_DEFAULT
/// 86400 s when absent, at least IRT_MINIMUM 600 s, never when infinite.
pub(super) fn refresh_time(option: Option<Lifetime>) -> Option<Duration> {
    match option.unwrap_or(Lifetime(86_400)) {
        Lifetime::INFINITE => None,
        Lifetime(seconds) => Some(Duration::from_secs(u64::from(seconds.max(600)))),
    }
}

/// A server's refusal in one sentence.
fn describe(answer: &Answer, status: &Status) -> String {
    format!("{} from {}: {status}", answer.kind, answer.server.address)
}
