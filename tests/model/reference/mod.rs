//! What must hold of a client with one IA_NA, one IA_PD or both, written
//! from RFC 9915 and from nothing else.
//!
//! The RFC leaves a client choices: jitter, whom to ask after a refusal, when
//! to renew where the server does not say. So the reference does not predict
//! what a client does. It follows what goes in and comes out, and says of
//! every message whether it may be sent now, of every moment which leases
//! are in use, and of every silence whether it has lasted too long.
//!
//! | file | what |
//! |---|---|
//! | `events.rs` | what happens that no server says |
//! | `answers.rs` | what servers say |
//! | `messages.rs` | what the client sends |
//! | `timers.rs` | T1 and T2 |
//! | `stated.rs` | what a message states |

mod answers;
mod events;
mod messages;
mod stated;
mod timers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dhc6c_core::desired::Desired;
use dhc6c_core::ident::Duid;
use dhc6c_core::prefix::Prefix;
use dhc6c_core::record::AssociationKind;
use dhc6c_core::time::{Duration, Instant, Until};
use dhc6c_core::wire::MessageType as T;

use crate::schedule::{MAX_DELAY, Question};

use stated::used;
use timers::Timer;

/// What an association holds. An address is a prefix of 128 bits.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// IA_NA.
    Address,
    /// IA_PD.
    Prefix,
}

impl From<AssociationKind> for Kind {
    fn from(kind: AssociationKind) -> Self {
        match kind {
            AssociationKind::Address => Self::Address,
            AssociationKind::Prefix => Self::Prefix,
        }
    }
}

/// The send limit (RFC 9915 §14.1).
const MESSAGES: usize = 20;
const WINDOW: Duration = Duration::from_millis(20_001);
/// SOL_MAX_RT, and the most that RAND adds to it (RFC 9915 §7.6, §15).
const SOL_MAX_RT: Duration = Duration::from_secs(3_960);

/// A lease in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Held {
    preferred: Until,
    valid: Until,
}

/// Why a message may begin an exchange that the timers do not ask for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Reason {
    /// Somebody, or a Reconfigure, has asked for this message.
    Asked(T),
    /// The link may be another one (RFC 9915 §18.2.12).
    LinkChanged,
    /// A server knows nothing of an association, or has taken it back (RFC
    /// 9915 §18.2.10.1).
    Lost,
    /// What is wanted is not held, or not all of it (RFC 9915 §18.2.4).
    Incomplete,
    /// The leases may be given up for new ones (RFC 9915 §18.2.13).
    GiveUp,
    /// The addresses that were asked for are none of this link (RFC 9915
    /// §18.2.10.1).
    NotOnLink,
    /// The leases are being given back (RFC 9915 §18.2.7).
    Release,
}

/// The reference.
#[derive(Clone, Debug)]
pub struct Reference {
    client: Duid,
    wanted: BTreeSet<Kind>,
    usable: bool,
    resting: bool,
    question: Option<Question>,
    /// Servers that have offered themselves since discovery began.
    advertised: BTreeSet<Duid>,
    /// The server that we deal with.
    server: Option<Duid>,
    leases: BTreeMap<(Kind, Prefix), Held>,
    timers: BTreeMap<Kind, (Timer, Timer)>,
    /// Refused while another was extended, and not given since.
    refused: BTreeSet<Kind>,
    /// Addresses that others use and that no server has been told of yet
    /// (RFC 9915 §18.2.8), until the server may give them to others; with what
    /// it has said of them last.
    duplicates: BTreeMap<Prefix, Held>,
    /// What the open Decline names.
    declined: BTreeSet<Prefix>,
    /// The duplicates that a server has given since, with T1 and T2.
    given_again: BTreeMap<Prefix, (Timer, Timer)>,
    /// The last Decline may have failed, or have been cut short just before.
    perhaps_declined: bool,
    /// Leases that a Release names, and no other message.
    released: BTreeSet<Prefix>,
    reasons: BTreeSet<Reason>,
    /// When something must have been sent at the latest.
    due: Option<Instant>,
    sent: VecDeque<Instant>,
}

impl Reference {
    /// A client that has nothing and no link.
    #[must_use]
    pub fn new(client: Duid, wanted: BTreeSet<Kind>) -> Self {
        Self {
            client,
            wanted,
            usable: false,
            resting: false,
            question: None,
            advertised: BTreeSet::new(),
            server: None,
            leases: BTreeMap::new(),
            timers: BTreeMap::new(),
            refused: BTreeSet::new(),
            duplicates: BTreeMap::new(),
            declined: BTreeSet::new(),
            given_again: BTreeMap::new(),
            perhaps_declined: false,
            released: BTreeSet::new(),
            reasons: BTreeSet::new(),
            due: None,
            sent: VecDeque::new(),
        }
    }

    /// When the reference has something to say though nothing happens.
    #[must_use]
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let ends = self.leases.values().filter_map(|held| held.valid.instant());
        ends.chain(self.overdue()).filter(|at| *at > now).min()
    }

    /// The client is at rest until something happens.
    pub fn judge(&mut self, now: Instant, desired: &Desired) {
        self.uses(now, desired);
        if let Some(overdue) = self.overdue() {
            assert!(now <= overdue, "nothing was sent by {overdue:?}");
        }
    }

    /// The client uses this from now on. Panics where it is not what it has.
    pub fn uses(&mut self, now: Instant, desired: &Desired) {
        self.expire(now);
        let used: BTreeSet<_> = used(desired).collect();
        if used == self.expected() {
            return;
        }
        if used.is_empty() && self.reasons.contains(&Reason::GiveUp) {
            self.clear();
            self.interrupt(now);
            self.expect(now, SOL_MAX_RT);
        } else if self.reasons.contains(&Reason::NotOnLink) {
            // The Request is sent again without them.
            self.leases.retain(|(kind, _), _| *kind != Kind::Address);
            self.forget_idle_timers();
        } else if self.perhaps_declined {
            self.finds_declined(&used);
        }
        assert_eq!(used, self.expected(), "in use at {now:?}, and what is held");
    }

    /// What was declined and given again is in use: the Decline that was cut
    /// short had failed.
    fn finds_declined(&mut self, used: &BTreeSet<(Prefix, Until, Until)>) {
        for (prefix, timers) in core::mem::take(&mut self.given_again) {
            let Some(held) = self.duplicates.get(&prefix).copied() else { continue };
            let is_used = used.contains(&(prefix, held.preferred, held.valid));
            if is_used && self.declined.contains(&prefix) {
                self.duplicates.retain(|other, _| !self.declined.contains(other));
                self.leases.insert((Kind::Address, prefix), held);
                self.timers.insert(Kind::Address, timers);
                self.refused.remove(&Kind::Address);
                self.reasons.insert(Reason::Incomplete);
                self.perhaps_declined = false;
            }
        }
    }

    /// What is held, and until when.
    fn expected(&self) -> BTreeSet<(Prefix, Until, Until)> {
        let shown =
            |((_, prefix), held): (&(Kind, Prefix), &Held)| (*prefix, held.preferred, held.valid);
        self.leases.iter().map(shown).collect()
    }

    /// When silence has lasted too long.
    fn overdue(&self) -> Option<Instant> {
        if !self.usable || self.resting {
            return None;
        }
        let interrupted = self.question.as_ref().and_then(|question| question.interrupted);
        let due = interrupted.map_or(self.due, |since| self.resumes_by(since));
        let due = due.into_iter().chain(self.timer_due()).min()?;
        let opens = self.sent.front().filter(|_| self.sent.len() == MESSAGES);
        Some(opens.map_or(due, |oldest| due.max(*oldest + WINDOW)))
    }

    /// When something has to follow an exchange that may have ended: a refusal
    /// or a change delays it no longer than the longest pause between two
    /// messages (RFC 9915 §15, §18.2.1, §18.2.10.1), but leases that are held
    /// need nothing before T1 or T2.
    fn resumes_by(&self, since: Instant) -> Option<Instant> {
        let latest = since + SOL_MAX_RT;
        if self.leases.is_empty() {
            return Some(latest);
        }
        self.extension_due().map(|due| due.max(latest))
    }

    /// T1 or T2, whichever comes first.
    fn extension_due(&self) -> Option<Instant> {
        self.t1().latest.min(self.t2().latest).instant()
    }

    /// When the leases have to be extended at the latest. T1 waits for a
    /// Confirm or what is in its place, and both for a Decline, which ends by
    /// itself; what has begun at T1 goes on until T2.
    fn timer_due(&self) -> Option<Instant> {
        let either = self.extension_due();
        let Some(open) = &self.question else { return either.filter(|_| self.due.is_none()) };
        let t2 = self.t2().latest.instant();
        match open.kind {
            T::Solicit | T::InformationRequest => either,
            T::Renew => t2,
            // Where T2 has led to it, it has its time.
            T::Request => t2.filter(|t2| *t2 > open.first),
            _ => None,
        }
    }

    fn expect(&mut self, now: Instant, within: Duration) {
        if !self.resting {
            self.due = Some(now + within);
        }
    }

    /// Leases end exactly then (RFC 9915 §18.2.5); with the last one the
    /// client is back in discovery.
    fn expire(&mut self, now: Instant) {
        self.duplicates.retain(|_, held| !held.valid.is_over(now));
        if self.question.as_ref().is_some_and(|question| question.has_lasted(now)) {
            // Nobody objects (RFC 9915 §18.2.3).
            self.reasons.remove(&Reason::LinkChanged);
            self.conclude(now);
        }
        self.end_failed(now, true);
        let before = self.leases.len();
        self.leases.retain(|_, held| !held.valid.is_over(now));
        if self.leases.len() == before {
            return;
        }
        self.forget_idle_timers();
        self.reasons.insert(Reason::Incomplete);
        if self.leases.is_empty() {
            let asks =
                |question: &Question| matches!(question.kind, T::Renew | T::Rebind | T::Confirm);
            if self.question.as_ref().is_none_or(asks) {
                self.duplicates.clear();
                self.question = None;
                if self.usable {
                    self.expect(now, MAX_DELAY);
                }
            }
            self.reasons.insert(Reason::GiveUp);
        }
    }

    /// Ends an exchange that has failed (MRC): perhaps, or `surely`. What then
    /// becomes of the client is its own policy (RFC 9915 §18.2.2), but it goes
    /// on trying.
    fn end_failed(&mut self, now: Instant, surely: bool) {
        let failed = self.question.take_if(|open| open.has_failed(now, surely));
        let Some(failed) = failed else { return };
        match failed.kind {
            T::Decline if failed.interrupted.is_some() => self.perhaps_declined = true,
            T::Decline => self.has_declined(),
            T::Request => self.put_off(now),
            _ => {}
        }
        self.conclude(now);
    }

    /// The exchange has ended; a client that has nothing goes on.
    fn conclude(&mut self, now: Instant) {
        self.question = None;
        self.due = None;
        if self.leases.is_empty() {
            self.expect(now, SOL_MAX_RT);
        }
    }

    /// Something is wanted and not held, or a server has left it out.
    fn is_incomplete(&self) -> bool {
        let is_held = |kind: &Kind| self.holds(*kind);
        self.reasons.contains(&Reason::Incomplete) || !self.wanted.iter().all(is_held)
    }

    fn holds(&self, kind: Kind) -> bool {
        self.leases.keys().any(|(held, _)| *held == kind)
    }

    fn clear(&mut self) {
        self.leases.clear();
        self.duplicates.clear();
        self.timers.clear();
    }
}
