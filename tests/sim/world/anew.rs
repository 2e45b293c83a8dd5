//! The first client begins again: after a stop, a death or a power cut, with
//! what the disk and the clocks have kept of it.

use dhc6c_core::desired::Desired;
use dhc6c_core::engine::{Input, Interface, Restored};
use dhc6c_core::record::{Record, time_off};
use dhc6c_core::time::{Duration, Instant};

use super::{Happening, Restart, World, seconds};

/// What becomes of the record that was written last.
#[derive(Clone, Copy, Debug)]
pub enum Torn {
    /// It never reached the disk, and there was none before.
    Lost,
    /// It never reached the disk, where the one before stays.
    Older,
    /// A part of it has reached the disk.
    Half,
}

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

    /// The first client's process dies, and what it wrote last did not get to
    /// the disk as it should have.
    pub fn tear(&mut self, how: Torn) {
        self.note(format!("{how:?}"));
        let (kept, before) = {
            let client = &mut self.clients[0];
            (client.kept.take(), client.kept_before.take())
        };
        self.clients[0].kept = match how {
            Torn::Lost => None,
            Torn::Older => before,
            Torn::Half => kept.and_then(|record| self.read_half(&record)),
        };
        self.falls_after = Some(0);
        self.is_torn = true;
    }

    /// What can be read of a record that was written as far as somewhere, with
    /// nothing or with zeros behind that.
    fn read_half(&mut self, record: &Record) -> Option<Record> {
        let mut octets = serde_json::to_vec(record).expect("a record has a JSON form");
        let (whole, last) = (octets.len(), u64::try_from(octets.len()).expect("a few kB") - 1);
        octets.truncate(usize::try_from(self.rng.between(0, last)).expect("a few kB"));
        if self.rng.chance(50) {
            octets.resize(whole, 0);
        }
        serde_json::from_slice(&octets).ok()
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
