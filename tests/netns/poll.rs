//! Waiting: look again until a deadline, never sleep for a fixed time.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a process to start or for the kernel to act on a slow, shared machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Long enough for link-local DAD, the wait for further Advertises, the exchange and DAD again.
pub(crate) const BIND: Duration = Duration::from_secs(40);

/// The pause between two looks.
const STEP: Duration = Duration::from_millis(50);

/// Set to how many times longer things may take: an emulated machine is slow.
pub(crate) const PATIENCE: &str = "DHC6C_PATIENCE";

/// Looks until `look` finds something and returns it; panics, saying `what`, past `limit`.
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let patience = env::var(PATIENCE).ok().and_then(|times| times.parse().ok());
    let limit = limit * patience.unwrap_or(1);
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        thread::sleep(STEP);
    }
}

/// [`until`] for a plain condition.
pub(crate) fn wait_for(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    until(what, limit, || holds().then_some(()));
}
