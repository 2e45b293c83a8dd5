//! What a client may count on, it uses: a lease is used until its end unless
//! somebody takes it away, what a server extends is extended as it says, and
//! T1 and T2 are acted on when they come (RFC 9915 §18.2.4, §18.2.5,
//! §18.2.10.1).

use std::collections::{BTreeMap, BTreeSet};

use dhc6c_core::desired::Lifetimes;
use dhc6c_core::engine::{Config, Input};
use dhc6c_core::snapshot::{Mode, StateName};
use dhc6c_core::time::{Duration, Instant, Lifetime};
use dhc6c_core::wire::{Ia, Message, MessageType, StatusCode, TransactionId};

use crate::hooks::Leases;
use crate::server::Lease;

use super::answers::Exchange;
use super::survival::is_wanted;
use super::{Grants, leases, lifetimes};

/// More leases in one association than are looked at.
const MANY: usize = 20;
/// As long as a Confirm lasts another server may agree with the client
/// (RFC 9915 §7.6, CNF_MAX_RD), and a deadline may come a little late.
const ANOTHER_OPINION: Duration = Duration::from_secs(12);

/// What was promised to one client.
pub(super) struct Promises {
    config: Config,
    /// The next input tells it to be another client: of another name, or
    /// one that asks for something else altogether.
    becomes_another: bool,
    /// What was in use before the last input.
    before: BTreeMap<Lease, Lifetimes>,
    /// Anything may go with this input.
    excused: bool,
    /// What a server or another host has taken away with it.
    gone: BTreeSet<Lease>,
    /// What a server has extended with it.
    extended: BTreeMap<Lease, Lifetimes>,
    /// The Confirm that a server has answered so: this is another link. As
    /// long as it is open and nobody else says otherwise, what was asked about
    /// may go (RFC 9915 §18.2.10.3).
    refused: Option<TransactionId>,
    /// What has to be given up until then, unless somebody gives it anew.
    to_leave: Option<(Instant, BTreeSet<Lease>)>,
    timers: Option<Timers>,
    /// What the client was doing after the last input.
    state: StateName,
}

/// When to act on leases, as a server has said.
struct Timers {
    t1: Instant,
    t2: Instant,
    /// What they are for.
    leases: BTreeSet<Lease>,
}

impl Promises {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            config: config.clone(),
            becomes_another: false,
            before: BTreeMap::new(),
            excused: false,
            gone: BTreeSet::new(),
            extended: BTreeMap::new(),
            refused: None,
            to_leave: None,
            timers: None,
            state: StateName::Idle,
        }
    }

    pub(super) fn is_configured(&mut self, config: &Config) {
        self.becomes_another = config.mode != self.config.mode || config.duid != self.config.duid;
        self.config = config.clone();
    }

    /// A new process.
    pub(super) fn begin_again(&mut self) {
        self.before.clear();
        (self.refused, self.to_leave, self.timers) = (None, None, None);
    }

    /// What was in use before the last input and after what has come of it.
    pub(super) fn used_through(&self, held: &Leases, now: Instant) -> Vec<Lease> {
        let lasting = held.iter().filter(|(_, lifetimes)| !lifetimes.valid.is_over(now));
        let through = lasting.filter(|(lease, _)| self.before.contains_key(lease));
        through.map(|(lease, _)| *lease).collect()
    }

    /// The client is about to get this.
    pub(super) fn begin(
        &mut self,
        input: &Input,
        held: Leases,
        open: Option<&Exchange>,
        granted: &Grants,
    ) {
        self.before = held;
        self.gone.clear();
        self.extended.clear();
        let is_refused = open.is_some_and(|open| self.refused == Some(open.transaction));
        self.excused = match input {
            Input::Release | Input::Restart | Input::Stop { .. } => true,
            Input::Configure(_) => self.becomes_another || is_refused,
            Input::Link(_) | Input::Resumed => self.config.anonymous || is_refused,
            _ => is_refused,
        };
        match input {
            Input::AddressDuplicate(address) => _ = self.gone.insert(Lease::Address(*address)),
            Input::Configure(config) => {
                let unwanted = self.before.keys().filter(|l| !is_wanted(config, granted, **l));
                self.gone.extend(unwanted);
                self.timers = None;
            }
            Input::Link(_) | Input::Resumed => (self.to_leave, self.timers) = (None, None),
            _ => {}
        }
    }

    /// The client sends a message of this type.
    pub(super) fn send(&mut self, kind: MessageType) {
        if kind != MessageType::Renew {
            self.timers = None;
        }
    }

    /// The client takes this Reply, whatever it is good for.
    pub(super) fn hear(&mut self, now: Instant, reply: &Message, open: Option<&Exchange>) {
        self.timers = None;
        let Some(open) = open else { return };
        match open.kind {
            // The client may start over (RFC 9915 §18.2.10.1).
            MessageType::Solicit | MessageType::Request => {
                self.excused = says(reply, StatusCode::NOT_ON_LINK);
            }
            // One server that agrees outweighs those that do not.
            MessageType::Confirm => {
                let status = reply.status().map_or(StatusCode::SUCCESS, |status| status.code);
                match status {
                    StatusCode::SUCCESS => (self.refused, self.to_leave) = (None, None),
                    StatusCode::NOT_ON_LINK => {
                        self.refused = Some(open.transaction);
                        let named = open.named.iter().map(|(_, lease)| *lease).collect();
                        self.to_leave.get_or_insert((now + ANOTHER_OPINION, named));
                    }
                    _ => {}
                }
                self.excused = self.refused == Some(open.transaction);
            }
            _ => {}
        }
    }

    /// The client takes this Reply for what is in it; `associations` are those that count.
    pub(super) fn take(
        &mut self,
        now: Instant,
        reply: &Message,
        associations: &[&Ia],
        exchange: Option<&Exchange>,
        granted: &Grants,
    ) {
        let all = || reply.ia_nas().chain(reply.ia_pds());
        let given: Vec<_> = associations.iter().flat_map(|ia| lifetimes(ia)).collect();
        let ended = given.iter().filter(|(.., valid)| valid.is_zero());
        self.gone.extend(ended.map(|(lease, ..)| *lease));
        if let Some((_, leases)) = &mut self.to_leave {
            leases.retain(|lease| !given.iter().any(|(given, ..)| given == lease));
        }
        self.timers = timers(now, associations);
        for ia in associations {
            for (lease, preferred, valid) in lifetimes(ia) {
                // A Request names what is offered, which may be in use in
                // another association.
                let may_move = |e: &Exchange| {
                    e.kind == MessageType::Request && self.before.contains_key(&lease)
                };
                // Which association has it, nobody can tell where two do.
                let mut given_to = granted.keys().filter(|(given, _)| *given == lease);
                let is_there = given_to.all(|(_, iaid)| *iaid == ia.iaid);
                let named = exchange.is_some_and(|e| {
                    is_there && e.named.contains(&(ia.iaid, lease)) && !may_move(e)
                });
                let once = all().flat_map(leases).filter(|other| *other == lease).count() == 1;
                if named && once && !valid.is_zero() && ia.options.len() <= MANY {
                    let (preferred, valid) = (preferred.from_start(now), valid.from_start(now));
                    self.extended.insert(lease, Lifetimes { preferred, valid });
                }
            }
        }
    }

    /// After the client was drained.
    pub(super) fn judge(&mut self, now: Instant, held: &Leases, state: StateName, timeless: bool) {
        let is_free = self.excused || timeless;
        for (lease, lifetimes) in &self.before {
            let ended = lifetimes.valid.is_over(now) || self.gone.contains(lease);
            let kept = held.get(lease);
            assert!(kept.is_some() || ended || is_free, "{lease:?} is given up before its end");
            let extended = self.extended.get(lease).filter(|_| kept.is_some());
            assert!(extended.is_none() || extended == kept, "{lease:?} is not extended as said");
        }
        if let Some((at, leases)) = self.to_leave.take_if(|(at, _)| *at <= now) {
            let stays = leases.iter().find(|lease| held.contains_key(lease));
            assert!(stays.is_none(), "{stays:?} is of another link since {at:?}, and is used");
        }
        self.state = state;
        self.timers = self.timers.take().filter(|timers| timers.are_of(held, &self.config));
        self.judge_timers(|at| at <= now);
    }

    /// Before the next input: T1 and T2 are not past.
    pub(super) fn judge_punctuality(&self, now: Instant) {
        self.judge_timers(|at| at < now);
    }

    fn judge_timers(&self, has_come: impl Fn(Instant) -> bool) {
        let Some(Timers { t1, t2, .. }) = self.timers else { return };
        let waits = self.state == StateName::Bound;
        assert!(!(waits && has_come(t1)), "T1 has come, and nothing is renewed");
        let asks_one = waits || self.state == StateName::Renewing;
        assert!(!(asks_one && has_come(t2)), "T2 has come, and nothing is rebound");
    }
}

impl Timers {
    /// All that is held has come with them.
    fn are_of(&self, held: &Leases, config: &Config) -> bool {
        keeps_time(config)
            && held.len() == self.leases.len()
            && held.keys().all(|lease| self.leases.contains(lease))
    }
}

/// The Reply as a whole or an association in it has this status.
fn says(reply: &Message, code: StatusCode) -> bool {
    let associations = reply.ia_nas().chain(reply.ia_pds());
    let mut statuses = reply.status().into_iter().chain(associations.filter_map(Ia::status));
    statuses.any(|status| status.code == code)
}

/// A client that asks for all it has, all the time.
fn keeps_time(config: &Config) -> bool {
    config.mode == Mode::Stateful && !config.prefixes.iter().any(|request| request.retired)
}

/// The earliest T1 and T2, where all associations come with good ones.
fn timers(now: Instant, associations: &[&Ia]) -> Option<Timers> {
    let mut earliest = None;
    let mut all = BTreeSet::new();
    for ia in associations {
        let given = lifetimes(ia);
        let lasting = given.iter().filter(|(.., valid)| !valid.is_zero());
        let shortest = lasting.clone().map(|(.., valid)| *valid).min()?;
        let times = [Lifetime::ZERO, ia.t1, ia.t2, shortest];
        let is_good = times.windows(2).all(|pair| pair[0] < pair[1]);
        let at = |time: Lifetime| time.from_start(now).instant();
        let (t1, t2) = (at(ia.t1).filter(|_| is_good)?, at(ia.t2)?);
        let (first, second) = earliest.get_or_insert((t1, t2));
        (*first, *second) = ((*first).min(t1), (*second).min(t2));
        all.extend(lasting.map(|(lease, ..)| *lease));
    }
    earliest.map(|(t1, t2)| Timers { t1, t2, leases: all })
}
