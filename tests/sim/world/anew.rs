//! The first client begins again: after a stop, a death or a power cut, with
//! what the disk and the clocks have kept of it.

use dhc6c_core::desired::Desired;
use dhc6c_core::engine::{Input, Interface, Restored};
use dhc6c_core::link::Link;
use dhc6c_core::record::{Record, time_off};
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::{Duration, Instant};

use super::{Happening, Restart, World, seconds};

/// 2026-12-01 UTC, when the machine booted first.
const EPOCH: u64 = 1_796_083_200;

impl World {
    /// The first client begins again, with what it kept.
    pub fn restart(&mut self, how: Restart) {
        self.note(format!("{how:?}"));
        if matches!(how, Restart::Stopped) {
            self.stop();
        }
        let before = self.now;
        let (times_are_known, elapsed) = match how {
            Restart::Stopped | Restart::Killed => (true, Duration::ZERO),
            Restart::Rebooted { off, clock_is_trusted } => {
                self.switch_off(off);
                (clock_is_trusted, off)
            }
            Restart::WrongClock { off, ahead } => {
                self.switch_off(off);
                let kept = self.clients[0].kept.clone();
                let restored = kept.map(|record| self.dated(record, ahead));
                return self.begin(restored);
            }
        };
        let now = self.now;
        let restored = self.clients[0].kept.clone().map(|record| {
            let elapsed = before.since(record.at) + elapsed;
            let elapsed = if times_are_known { elapsed } else { Duration::ZERO };
            let in_use = matches!(how, Restart::Killed);
            Restored { record: record.moved(now, elapsed), in_use, times_are_known }
        });
        self.begin(restored);
    }

    /// The machine is off for a while.
    fn switch_off(&mut self, off: Duration) {
        self.clients[0].kernel.reboot();
        self.queue.retain(|_, happening| !matches!(happening, Happening::AtClient { .. }));
        self.now += off;
    }

    /// The first client's process dies, and what it wrote last never reached
    /// the disk: what was there before stays, or nothing.
    pub fn tear(&mut self, stays: bool) {
        self.note(if stays { "the older record stays" } else { "the record is lost" });
        let client = &mut self.clients[0];
        client.kept = client.kept_before.take().filter(|_| stays);
        self.falls_after = Some(0);
        self.is_torn = true;
    }

    /// What was kept, read with a wall clock that went and goes as far ahead.
    fn dated(&mut self, record: Record, (then, now): (i64, i64)) -> Restored {
        let wall =
            |at: Instant, ahead| (EPOCH + at.as_millis() / 1000).saturating_add_signed(ahead);
        let elapsed = time_off(wall(record.at, then), wall(self.now, now));
        if elapsed.is_some() {
            // So much of the time off is hidden, and nobody can tell.
            let hidden = seconds(u64::try_from(then - now).unwrap_or_default());
            self.clients[0].oracle.allows_more(hidden);
        }
        Restored {
            record: record.moved(self.now, elapsed.unwrap_or_default()),
            in_use: false,
            times_are_known: elapsed.is_some(),
        }
    }

    /// The first client begins again with this, as the shell would have it:
    /// the kernel is made to look as desired, whatever was left in it.
    pub fn begin(&mut self, restored: Option<Restored>) {
        self.queue.retain(|_, happening| !matches!(happening, Happening::Applied { .. }));
        // What was written of a process that died in between may be older
        // than what it did.
        let is_behind = self.falls_after.take() == Some(0);
        let (now, seed) = (self.now, self.rng.octets());
        let client = &mut self.clients[0];
        let is_torn = core::mem::take(&mut self.is_torn);
        client.oracle.begins_again(now, &client.config, restored.as_ref(), is_torn);
        if is_behind {
            client.oracle.remembers(restored.as_ref());
        }
        client.desired = Desired::default();
        client.state = StateName::Idle;
        // Nobody has told the new process yet.
        client.known_link = Link { up: false, ..client.link };
        (client.lost_carrier, client.loses_news) = (false, None);
        let config = client.config.clone();
        client.interface = match restored {
            Some(restored) => Interface::restore(config, seed, restored, now),
            None => Interface::new(config, seed),
        };
        self.drain(0);
        self.apply(0);
        self.clients[0].oracle.has_begun();
        self.clients[0].hooks.begin_again();
        self.clients[0].tell_hooks();
        for address in self.client().usable() {
            self.input(0, Input::AddressUsable(address));
        }
        let link = self.client().link;
        self.input(0, Input::Link(link));
    }
}
