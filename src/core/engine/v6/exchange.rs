//! One question and its answer: a transaction id with its retransmissions.

use crate::engine::retx::{Retransmission, Schedule};
use crate::engine::{Deadline, Why};
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use crate::wire::{MessageType, TransactionId};

/// A message that is being sent until it is answered. The transaction id is
/// new for every exchange and stays through retransmissions (RFC 9915 §16.1).
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) kind: MessageType,
    pub(super) transaction: TransactionId,
    pub(super) retx: Retransmission,
    /// Codes to ask for besides those of the configuration: what a
    /// Reconfigure named (RFC 6644 §5).
    pub(super) request: Vec<u16>,
    /// A Reply may come at once (RFC 9915 §21.14).
    pub(super) rapid_commit: bool,
}

impl Exchange {
    /// An exchange whose first message is due at `start`.
    pub(super) fn new(
        kind: MessageType,
        schedule: Schedule,
        start: Instant,
        rng: &mut Rng,
    ) -> Self {
        Self {
            kind,
            transaction: TransactionId(rng.transaction_id()),
            retx: Retransmission::new(schedule, start),
            request: Vec::new(),
            rapid_commit: false,
        }
    }

    /// An exchange whose first message is due after a random delay, as the
    /// schedule says.
    pub(super) fn delayed(
        kind: MessageType,
        schedule: Schedule,
        now: Instant,
        rng: &mut Rng,
    ) -> Self {
        let delay: Duration = rng.delay(schedule.max_delay);
        Self::new(kind, schedule, now + delay, rng)
    }

    /// When the next message is due, or the exchange fails.
    pub(super) const fn deadline(&self) -> Deadline {
        let why = if self.retx.is_last() { Why::GiveUp } else { Why::Transmit };
        Deadline { at: self.retx.next(), why }
    }

    /// The same, or the end of the time there is for an answer, if that comes
    /// first.
    pub(super) fn deadline_before(&self, end: Option<Instant>) -> Deadline {
        let next = self.deadline();
        match end {
            Some(at) if at < next.at => Deadline { at, why: Why::GiveUp },
            _ => next,
        }
    }
}
