//! What the programs that we run have in common: where they are looked for,
//! and for how long they are waited for.

use std::env;
use std::ffi::OsString;

use dhc6c_core::time::Duration;
use nix::sys::signal::SigSet;

use super::clock::{self, Timer};
use super::raw;

/// Where programs are looked for when nobody says.
const DEFAULT_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Sees to it that programs we run inherit neither descriptors nor blocked
/// signals that whoever started us left behind. Call it first.
pub(crate) fn keep_what_we_inherited() {
    raw::keep_descriptors();
    // A set of our own making and this thread's mask: nothing can be wrong.
    let _ = SigSet::empty().thread_set_mask();
}

/// Where programs are looked for.
pub(crate) fn search_path() -> OsString {
    env::var_os("PATH").filter(|path| !path.is_empty()).unwrap_or_else(|| DEFAULT_PATH.into())
}

/// What comes of a future within a time, suspend included.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut timer = Timer::new().ok()?;
    timer.set(Some(clock::now() + limit));
    tokio::select! {
        biased;
        value = future => Some(value),
        () = timer.expired() => None,
    }
}
