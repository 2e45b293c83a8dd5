//! One interface: the engines that run on it, the send limit over them, and
//! the wanted state they add up to. The only file that imports sibling
//! engines.

use serde::{Deserialize, Serialize};

use crate::desired::Desired;
use crate::ident::{Duid, Iaid};
use crate::prefix::Prefix;
use crate::record::Record;
use crate::rng::Rng;
use crate::snapshot::{Mode, Snapshot};
use crate::time::{Duration, Instant};
use crate::wire::code;

use super::v6::Client;
use super::{Deadline, Input, Output, SendLimit, Why};

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
    /// Delay the first Solicit by a random time up to a second.
    pub initial_delay: bool,
    /// How many messages may leave in what time.
    pub limit: SendLimit,
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
            initial_delay: false,
            limit: SendLimit::default(),
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
    /// A server that gives none is none to deal with; nor one that gives a
    /// longer prefix than the length wished for (RFC 8168 §3.3).
    pub require: bool,
}

impl PrefixRequest {
    /// A wish for any prefix.
    #[must_use]
    pub const fn any(iaid: Iaid) -> Self {
        Self { iaid, hint: None, length: None, require: false }
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
    client: Client,
    limit: SendLimit,
    /// What was last asked of the shell.
    desired: Desired,
    /// The shell has said that it is so.
    applied: bool,
    /// What the shell keeps for the next start.
    kept: Record,
    /// Something has happened since it was compared with what is held.
    kept_is_stale: bool,
}

impl Interface {
    /// An engine at rest; it starts with the first usable link. The seed
    /// decides transaction ids and jitter.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            limit: config.limit.clone(),
            client: Client::new(config, Rng::from_seed(seed)),
            desired: Desired::default(),
            applied: true,
            kept: Record::default(),
            kept_is_stale: false,
        }
    }

    /// An engine that goes on with the leases of an earlier process: it
    /// confirms them first (RFC 9915 §18.2.12).
    #[must_use]
    pub fn restore(config: Config, seed: [u8; 32], restored: Restored, now: Instant) -> Self {
        let mut interface = Self::new(config, seed);
        interface.client.restore(&restored, now);
        interface.kept = restored.record;
        interface
    }

    /// Takes in what happened at `now`. Drain [`Self::poll_output`] next.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match &input {
            Input::Applied => self.applied = true,
            Input::Configure(config) => self.limit.replace(&config.limit),
            _ => {}
        }
        self.kept_is_stale = true;
        self.client.handle(now, input);
    }

    /// The next thing to do, until there is none.
    ///
    /// Wanted state comes before what is kept of it and what people are told
    /// about it, and all before the next message.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        let desired = self.client.desired();
        if desired != self.desired {
            self.desired = desired.clone();
            self.applied = false;
            return Some(Output::Desired(Box::new(desired)));
        }
        if core::mem::take(&mut self.kept_is_stale)
            && let Some(record) = self.client.record(now)
            && record.replaces(&self.kept)
        {
            self.kept = record.clone();
            return Some(Output::Keep(Box::new(record)));
        }
        if let Some(event) = self.client.poll_event() {
            return Some(Output::Event(event));
        }
        self.transmit(now).map(Output::Transmit)
    }

    /// When to wake the engine if nothing happens before, and what for.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let deadline = self.client.deadline()?;
        let opens_at = self.limit.opens_at();
        if deadline.why != Why::Transmit || deadline.at >= opens_at {
            return Some(deadline);
        }
        // What ends meanwhile is not held up by the limit.
        let limited = Deadline { at: opens_at, why: Why::Limit };
        Deadline::soonest(Some(limited), self.client.expiry())
    }

    /// The interface as others see it.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let ready = self.is_ready();
        Snapshot { ready, ..self.client.snapshot(now) }
    }

    /// Everything asked for is there or refused, at least one lease (or, if
    /// stateless, one answer) is there, no address is tentative, and the
    /// kernel and the resolver are as wanted.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.applied && self.client.is_settled()
    }

    /// True once [`Input::Stop`] has been carried out: nothing more will come.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.client.is_stopped()
    }

    fn transmit(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.limit.opens_at() > now {
            return None;
        }
        // What cannot be encoded cannot be sent; the schedule moves on, so
        // this cannot spin. Only options of 64 KiB to send could lead to it.
        let octets = self.client.transmit(now)?.encode().ok()?;
        self.limit.record(now);
        Some(octets)
    }
}

#[cfg(test)]
#[path = "iface_tests.rs"]
mod tests;
