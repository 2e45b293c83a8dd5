//! Any number of lives on all processors.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::history::Span;

use super::coverage::Coverage;
use super::live;

thread_local! {
    /// What the last panic of this thread said.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A life that found something.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Plays it again.
    pub seed: u64,
    /// What was found, in one line.
    pub what: String,
}

/// What many lives came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many were lived.
    pub lives: u64,
    /// How many events they had.
    pub events: u64,
    /// Those that found something.
    pub failures: Vec<Failure>,
    /// What met what.
    pub coverage: Coverage,
}

/// Lives `count` lives from seed `first` on, and tells each failure as it
/// comes. Ends early after `enough` of them.
pub fn many(first: u64, count: u64, enough: usize, tell: impl Fn(&Failure) + Sync) -> Tally {
    catch_quietly();
    let next = AtomicU64::new(first);
    let ends = AtomicBool::new(false);
    let total = Mutex::new(Tally::default());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                let mut tally = Tally::default();
                while !ends.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first.saturating_add(count) {
                        break;
                    }
                    if let Some(failure) = tally.live(seed) {
                        tell(&failure);
                        tally.failures.push(failure);
                        ends.fetch_or(tally.failures.len() >= enough, Ordering::Relaxed);
                    }
                }
                total.lock().expect("no thread panics here").add(tally);
            });
        }
    });
    let mut total = total.into_inner().expect("no thread panics here");
    total.failures.sort_by_key(|failure| failure.seed);
    total
}

/// Lives one life and prints all that happens in it. Panics where it finds
/// something.
pub fn one(seed: u64) {
    live(seed, Span::All);
}

impl Tally {
    fn live(&mut self, seed: u64) -> Option<Failure> {
        self.lives += 1;
        match panic::catch_unwind(AssertUnwindSafe(|| live(seed, Span::Nothing))) {
            Ok((coverage, events)) => {
                self.coverage.add(&coverage);
                self.events += events;
                None
            }
            Err(_) => Some(Failure { seed, what: SAID.take() }),
        }
    }

    fn add(&mut self, other: Self) {
        self.lives += other.lives;
        self.events += other.events;
        self.failures.extend(other.failures);
        self.coverage.add(&other.coverage);
    }
}

/// A panic is remembered in one line instead of being printed in many.
fn catch_quietly() {
    panic::set_hook(Box::new(|info| {
        let said = info.payload_as_str().unwrap_or("a panic without words");
        let line: Vec<_> = said.split_whitespace().collect();
        let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
        SAID.replace(line.join(" ") + &place.unwrap_or_default());
    }));
}
