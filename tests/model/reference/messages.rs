//! What the client sends: whether it may, now and with these contents.

use std::collections::BTreeSet;

use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::{Message, MessageType as T};

use crate::schedule::{Question, Schedule};

use super::stated::{ias, leases};
use super::{Kind, MESSAGES, Reason, Reference, WINDOW};

impl Reference {
    /// The client sends this. Panics where it may not.
    pub fn sends(&mut self, now: Instant, message: &Message) {
        self.expire(now);
        assert!(self.usable, "sends on a link that is not usable");
        let mut was_limited = false;
        if self.sent.len() == MESSAGES {
            let opens = self.sent.pop_front().expect("twenty are there") + WINDOW;
            assert!(now >= opens, "more than {MESSAGES} messages in {WINDOW:?}");
            was_limited = now == opens;
        }
        self.sent.push_back(now);
        match &mut self.question {
            Some(question) if question.transaction == message.transaction => {
                question.repeats(now, message.kind, was_limited);
            }
            _ => self.begins(now, message),
        }
        self.judge_end(now, message.kind);
        self.judge_contents(message);
        self.due = self.question.as_ref().and_then(Question::latest);
    }

    /// A message that begins an exchange has a reason to.
    fn begins(&mut self, now: Instant, message: &Message) {
        let kind = message.kind;
        let again = self.question.as_ref().is_some_and(|open| open.kind == kind);
        self.end_failed(now, again);
        self.learn_of_decline(message);
        assert!(
            self.may_begin(now, message),
            "{kind} without a reason; there are {:?}, T1 {:?}, T2 {:?}",
            self.reasons,
            self.t1(),
            self.t2()
        );
        assert!(!self.resting || kind == T::Release, "{kind} though nothing is wanted");
        if kind == T::Solicit {
            self.advertised.clear();
        }
        if kind == T::Solicit && self.leases.is_empty() {
            self.clear();
            self.reasons.clear();
        }
        if kind == T::Decline {
            self.declined = self.duplicates.keys().copied().collect();
        }
        let links = self.reasons.contains(&Reason::LinkChanged);
        let verifies = kind == T::Confirm || kind == T::Rebind && links;
        for asked in [T::Renew, T::Rebind, T::InformationRequest] {
            self.reasons.remove(&Reason::Asked(asked));
        }
        if matches!(kind, T::Confirm | T::Rebind | T::Solicit) {
            self.reasons.remove(&Reason::LinkChanged);
        }
        let server = message.server_ids().next().cloned();
        self.question = Some(Question::new(now, message, server, Schedule::of(kind, verifies)));
    }

    /// What follows shows whether a Decline had failed that was cut short: if
    /// not, the address waits for another one, and is no part of what is
    /// extended until then, where it is alone.
    fn learn_of_decline(&mut self, message: &Message) {
        let had_failed = match message.kind {
            T::Renew | T::Rebind if self.holds(Kind::Address) => return,
            T::Renew | T::Rebind => named(message, Kind::Address).is_some(),
            T::Solicit | T::Request => true,
            T::Decline => false,
            _ => return,
        };
        if core::mem::take(&mut self.perhaps_declined) && had_failed {
            self.has_declined();
        }
    }

    fn may_begin(&self, now: Instant, message: &Message) -> bool {
        let why = |reason| self.reasons.contains(&reason);
        let kind = message.kind;
        match kind {
            // What is good stays in use while the rest is looked for (RFC 9915
            // §18.2.10.1).
            T::Solicit => self.leases.is_empty() || why(Reason::Lost),
            T::Request => self.may_request(now, message),
            T::Renew => {
                let is_due = self.t1().may_be_over(now);
                is_due || why(Reason::Asked(kind)) || self.is_incomplete()
            }
            T::Rebind => {
                let is_due = self.t2().may_be_over(now);
                is_due || why(Reason::Asked(kind)) || why(Reason::LinkChanged)
            }
            T::Confirm => why(Reason::LinkChanged),
            T::Decline => !self.duplicates.is_empty(),
            T::Release => why(Reason::Release),
            T::InformationRequest => why(Reason::Asked(kind)),
            _ => false,
        }
    }

    /// To a server that has offered itself, when the first timeout is over
    /// (RFC 9915 §18.2.1); or to the one that knows no binding, or not all
    /// of it.
    fn may_request(&self, now: Instant, message: &Message) -> bool {
        let to = message.server_ids().next();
        let offered = to.is_some_and(|server| self.advertised.contains(server));
        let waited = match &self.question {
            Some(question) if question.kind == T::Solicit => {
                question.count > 1 || now.since(question.first) > Duration::from_secs(1)
            }
            _ => true,
        };
        // What is missing may be asked of the server that gave the rest.
        let ours = to.is_some() && to == self.server.as_ref();
        offered && waited && self.leases.is_empty()
            || ours && self.is_incomplete()
            || self.reasons.contains(&Reason::Lost)
            || offered && self.reasons.contains(&Reason::GiveUp)
    }

    /// Renew ends at T2, Rebind with the last lease (RFC 9915 §18.2.4,
    /// §18.2.5).
    fn judge_end(&self, now: Instant, kind: T) {
        match kind {
            T::Renew => {
                let end = self.t2().latest;
                assert!(!end.is_over(now), "Renew after T2");
            }
            T::Rebind | T::Confirm => assert!(!self.leases.is_empty(), "{kind} without a lease"),
            _ => {}
        }
    }

    /// Which associations with which leases, and whom it is for.
    fn judge_contents(&self, message: &Message) {
        let kind = message.kind;
        match kind {
            T::Solicit | T::Request => {
                let asks = |wanted: &Kind| named(message, *wanted).is_some();
                assert!(self.wanted.iter().all(asks), "{kind} does not ask for all");
            }
            T::Renew | T::Rebind => self.judge_extension(message),
            T::Confirm => {
                let held = Some(self.held(Kind::Address));
                assert_eq!(named(message, Kind::Address), held, "addresses in Confirm");
                assert!(!self.holds(Kind::Prefix), "Confirm with prefixes held");
            }
            T::Decline => {
                let named = named(message, Kind::Address).unwrap_or_default();
                let all = named.is_subset(&self.declined);
                assert!(!named.is_empty() && all, "Decline of {named:?}");
            }
            T::Release => {
                let kinds = [Kind::Address, Kind::Prefix].into_iter();
                let all: BTreeSet<_> =
                    kinds.filter_map(|kind| named(message, kind)).flatten().collect();
                assert!(!all.is_empty() && all.is_subset(&self.released), "Release of {all:?}");
            }
            _ => {}
        }
        // Information-request is sent in answer to a Reconfigure alone here,
        // and names its server then (RFC 9915 §18.2.6).
        let is_for_one = !matches!(kind, T::Solicit | T::Confirm | T::Rebind);
        assert_eq!(message.server_ids().count(), usize::from(is_for_one), "servers in {kind}");
    }

    /// All that is held of what is wanted, and nothing else.
    fn judge_extension(&self, message: &Message) {
        let kind = message.kind;
        for wanted in &self.wanted {
            let (named, held) = (named(message, *wanted), self.held(*wanted));
            // A server would give again what it does not know to be somebody
            // else's; an association that holds nothing MAY be left out (RFC
            // 9915 §18.2.4, §18.2.5).
            let waits = *wanted == Kind::Address && !self.duplicates.is_empty();
            let may_miss = waits && held.is_empty() && named.is_none();
            assert!(may_miss || named == Some(held), "{wanted:?} in {kind}");
        }
        if kind == T::Renew {
            assert!(message.server_ids().eq(self.server.as_ref()), "Renew to another server");
        }
    }

    fn held(&self, kind: Kind) -> BTreeSet<Prefix> {
        let held = self.leases.keys().filter(|(other, _)| *other == kind);
        held.map(|(_, prefix)| *prefix).collect()
    }
}

/// What a message names of a kind; a length alone is no name. `None` where
/// there is no association of the kind.
fn named(message: &Message, kind: Kind) -> Option<BTreeSet<Prefix>> {
    let (_, ia) = ias(message).find(|(other, _)| *other == kind)?;
    let all = leases(ia).map(|lease| lease.prefix);
    Some(all.filter(|prefix| !prefix.address().is_unspecified()).collect())
}
