//! The end of an interface: the system is left as the contract says for each
//! way to end.

use dhc6c_core::engine::Input;
use dhc6c_core::time::Duration;

use crate::app::ctl;
use crate::os::clock;
use crate::os::error::{Error, Kind};

use super::{End, Uplink};

/// How long hooks have together when an interface stops.
const HOOK_LIMIT: Duration = Duration::from_secs(2);
/// When all of a stop has to be over, but for telling those who wait.
const STOP_LIMIT: Duration = Duration::from_millis(2400);

/// How long those who wait for the end have to read that it has come: with
/// the 2 s that the resolver may take, all is over within 3 s.
const PATIENCE_TO_TELL: Duration = Duration::from_millis(500);

impl Uplink {
    /// Leaves the system as the contract says for each way to end.
    pub(super) async fn finish(mut self, end: End) -> Result<(), Error> {
        if end != End::Once {
            let now = clock::now();
            // Nothing more where the engine has ended by itself.
            self.engine.handle_input(now, Input::Stop { release: false });
            self.drain(now);
        }
        if end != End::Once && !self.leaves_all {
            let failures = self.kernel.withdraw(clock::now());
            self.note_failures(failures);
        }
        self.watchers.clear();
        self.waiters.clear();
        self.finish_programs(end).await;
        // Whoever waits for the end may start the next one at once: the port,
        // the socket and the lock are free before they are told.
        self.socket = None;
        self.control.hide();
        self.lock.release();
        for stopper in self.stoppers.drain(..) {
            stopper.reply(ctl::done_line());
        }
        self.timer.set(Some(clock::now() + PATIENCE_TO_TELL));
        tokio::select! {
            () = self.control.close() => {}
            () = self.timer.expired() => {}
        }
        if end == End::TimedOut {
            return Err(Error::new(
                "cannot configure",
                "no server gave what was asked for in time",
            )
            .kind(Kind::TimedOut));
        }
        Ok(())
    }

    /// Waits, for a bounded time, until hooks have run and the resolver has
    /// been told.
    async fn finish_programs(&mut self, end: End) {
        let left = self.leaves_since.map_or(HOOK_LIMIT, |since| {
            STOP_LIMIT.saturating_sub(clock::now().since(since)).min(HOOK_LIMIT)
        });
        // Those of an end that takes nothing back have the time of any hook,
        // each.
        let limit = (end != End::Once).then_some(left);
        let hooks = self.hooks.take();
        let hooks = async {
            if let Some(hooks) = hooks {
                hooks.finish(limit).await;
            }
        };
        tokio::join!(self.kernel.finish(), hooks);
    }
}
