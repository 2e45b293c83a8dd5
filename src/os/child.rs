//! What the programs that we run have in common: where they are looked for,
//! and for how long they are waited for.

use std::env;
use std::ffi::OsString;

use dhc6c_core::time::Duration;

use super::clock::{self, Timer};

/// Where programs are looked for when nobody says.
const DEFAULT_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

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
