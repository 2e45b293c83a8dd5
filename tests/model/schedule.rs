//! When a message is sent again (RFC 9915 §15), with the figures of §7.6.

use dhc6c_core::ident::Duid;
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::{Message, MessageType as T, TransactionId};

/// The longest delay before a first message (SOL_MAX_DELAY, CNF_MAX_DELAY).
pub const MAX_DELAY: Duration = Duration::from_secs(1);

/// IRT, MRT, MRC and MRD in milliseconds; zero for no bound.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    initial: u64,
    longest: u64,
    count: u32,
    duration: u64,
}

impl Schedule {
    /// The schedule of a message; a Rebind that verifies is sent as a Confirm
    /// is (RFC 9915 §18.2.12).
    #[must_use]
    pub const fn of(kind: T, verifies: bool) -> Self {
        let (initial, longest, count, duration) = match kind {
            _ if verifies => (1_000, 4_000, 0, 10_000),
            T::Solicit | T::InformationRequest => (1_000, 3_600_000, 0, 0),
            T::Request => (1_000, 30_000, 10, 0),
            T::Release | T::Decline => (1_000, 0, 4, 0),
            _ => (10_000, 600_000, 0, 0),
        };
        Self { initial, longest, count, duration }
    }
}

/// A message that waits for its answer.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is asked.
    pub kind: T,
    /// Its exchange.
    pub transaction: TransactionId,
    /// Whom it is for.
    pub server: Option<Duid>,
    /// When it was sent first.
    pub first: Instant,
    /// How often it was sent.
    pub count: u32,
    /// Since when it may have ended early.
    pub interrupted: Option<Instant>,
    /// It asks whether the leases fit the link (RFC 9915 §18.2.12), and
    /// nobody has said so yet.
    pub verifies: bool,
    last: Instant,
    /// The timeout before the last transmission: what it was, or between what
    /// it must have been.
    timeout: Option<(u64, u64)>,
    schedule: Schedule,
}

impl Question {
    /// A question that is asked for the first time.
    #[must_use]
    pub fn new(now: Instant, message: &Message, server: Option<Duid>, schedule: Schedule) -> Self {
        Self {
            kind: message.kind,
            transaction: message.transaction,
            server,
            first: now,
            count: 1,
            interrupted: None,
            verifies: schedule.duration > 0,
            last: now,
            timeout: None,
            schedule,
        }
    }

    /// It is sent again, perhaps not before the send limit allowed it. Panics
    /// where that is too soon or too often.
    pub fn repeats(&mut self, now: Instant, kind: T, was_limited: bool) {
        assert_eq!(kind, self.kind, "a transaction id is used again");
        let (shortest, longest) = self.window();
        let since = now.since(self.last).as_millis() as u64;
        assert!(since >= shortest, "{kind} again after {since} ms and not {shortest}");
        self.count += 1;
        let Schedule { count, duration, .. } = self.schedule;
        assert!(count == 0 || self.count <= count, "{kind} for the {}th time", self.count);
        let age = now.since(self.first).as_millis() as u64;
        assert!(duration == 0 || age <= duration, "{kind} after {age} ms");
        let timeout = since.min(longest);
        let earliest = if was_limited { shortest } else { timeout };
        (self.last, self.timeout) = (now, Some((earliest, timeout)));
        // It has gone on, and may end still.
        self.interrupted = self.interrupted.map(|_| now);
    }

    /// The time for its answer is over (MRD), and another one has not taken its
    /// place meanwhile, which may begin `MAX_DELAY` later.
    #[must_use]
    pub fn has_lasted(&self, now: Instant) -> bool {
        let duration = self.schedule.duration;
        let is_replaced = self.interrupted.is_some_and(|since| now <= since + MAX_DELAY);
        duration > 0 && now >= self.first + Duration::from_millis(duration) && !is_replaced
    }

    /// It was sent as often as it may be (MRC), and the last one has had its
    /// time: perhaps, or `surely`.
    #[must_use]
    pub fn has_failed(&self, now: Instant, surely: bool) -> bool {
        let (shortest, longest) = self.window();
        let time = if surely { longest } else { shortest };
        self.is_last() && now >= self.last + Duration::from_millis(time)
    }

    /// The time for its answer may be over (RT).
    #[must_use]
    pub fn may_be_due(&self, now: Instant) -> bool {
        now >= self.last + Duration::from_millis(self.window().0)
    }

    const fn is_last(&self) -> bool {
        self.schedule.count > 0 && self.count >= self.schedule.count
    }

    /// When it must have been sent again; `None` where it may end instead.
    #[must_use]
    pub fn latest(&self) -> Option<Instant> {
        let duration = self.schedule.duration;
        let (_, longest) = self.window();
        let latest = self.last + Duration::from_millis(longest);
        let ends = duration > 0 && latest > self.first + Duration::from_millis(duration);
        // A Release may end early (RFC 9915 §18.2.7).
        (!ends && !self.is_last() && self.kind != T::Release).then_some(latest)
    }

    /// RT = 2 * RTprev + RAND * RTprev, or MRT + RAND * MRT where that is
    /// less, with RAND within a tenth; the first one from IRT.
    fn window(&self) -> (u64, u64) {
        let Schedule { initial, longest, .. } = self.schedule;
        let around = |time: u64| (time * 9 / 10, time * 11 / 10 + 1);
        let (shortest, latest) = match self.timeout {
            None => around(initial),
            Some((earliest, latest)) => (earliest * 19 / 10, latest * 21 / 10 + 1),
        };
        let first_solicit = self.kind == T::Solicit && self.timeout.is_none();
        match longest {
            _ if first_solicit => (initial, latest),
            0 => (shortest.saturating_sub(1), latest),
            longest if latest > longest => {
                let (least, most) = around(longest);
                (shortest.min(least).saturating_sub(1), most)
            }
            _ => (shortest.saturating_sub(1), latest),
        }
    }
}
