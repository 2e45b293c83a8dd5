//! The send limit (RFC 9915 §14.1): whatever the logic above wants, an
//! interface sends at most so many messages in any window of time. What is
//! over the limit waits; nothing is lost.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::time::{Duration, Instant};

/// At most a number of messages in any span of a given length.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SendLimit {
    messages: usize,
    window: Duration,
}

impl Default for SendLimit {
    /// 20 messages in 20 seconds (RFC 9915 §14.1).
    fn default() -> Self {
        Self::new(20, Duration::from_secs(20))
    }
}

impl SendLimit {
    /// A limit of at least one message in `window`.
    #[must_use]
    pub fn new(messages: usize, window: Duration) -> Self {
        Self { messages: messages.max(1), window }
    }
}

/// A limit, and what was sent in the last span.
#[derive(Debug)]
pub(super) struct SendWindow {
    limit: SendLimit,
    sent: VecDeque<Instant>,
}

impl SendWindow {
    pub(super) const fn new(limit: SendLimit) -> Self {
        Self { limit, sent: VecDeque::new() }
    }

    /// The instant from which the next message may leave, past or future.
    pub(super) fn opens_at(&self) -> Instant {
        // The window is closed at both ends: a message that is exactly as
        // old as it is long still counts.
        let beyond = self.limit.window + Duration::from_millis(1);
        match self.sent.front() {
            Some(&oldest) if self.sent.len() >= self.limit.messages => oldest + beyond,
            _ => Instant::BOOT,
        }
    }

    /// Another limit holds from now on; what was sent still counts.
    pub(super) fn set(&mut self, limit: SendLimit) {
        self.limit = limit;
        let surplus = self.sent.len().saturating_sub(limit.messages);
        self.sent.drain(..surplus);
    }

    /// Enters a message that was sent.
    pub(super) fn record(&mut self, now: Instant) {
        if self.sent.len() >= self.limit.messages {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tx_03_never_more_than_twenty_in_any_twenty_seconds() {
        let mut limit = SendWindow::new(SendLimit::default());
        let mut sent = Vec::new();
        let mut now = Instant::BOOT;
        for step in 0..200 {
            // A sender that wants to send all the time, with odd pauses.
            now = limit.opens_at().max(now + Duration::from_millis(step % 7));
            limit.record(now);
            sent.push(now);
        }
        for start in &sent {
            let inside =
                |at: &&Instant| *at >= start && at.since(*start) <= Duration::from_secs(20);
            assert!(sent.iter().filter(inside).count() <= 20, "window from {start:?}");
        }
        assert!(now.since(Instant::BOOT) < Duration::from_secs(201), "the limit is used up");
    }

    #[test]
    fn a_quiet_sender_never_waits() {
        let mut limit = SendWindow::new(SendLimit::new(1, Duration::from_secs(5)));
        for second in 0..10 {
            let now = Instant::from_millis(second * 5001);
            assert!(limit.opens_at() <= now);
            limit.record(now);
        }
    }
}
