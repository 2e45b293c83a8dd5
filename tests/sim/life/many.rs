//! Any number of lives on all processors.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

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

/// A life takes thousandths of a second: one that takes this long will never end.
const ENDLESS: Duration = Duration::from_secs(120);

/// Lives `count` lives from seed `first` on, and tells each failure as it
/// comes. Ends early after `enough` of them.
pub fn many(first: u64, count: u64, enough: usize, tell: impl Fn(&Failure) + Sync) -> Tally {
    catch_quietly();
    let next = AtomicU64::new(first);
    let ends = AtomicBool::new(false);
    let total = Mutex::new(Tally::default());
    let under_way = UnderWay::default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let (working, all_done) = mpsc::channel::<()>();
        scope.spawn(|| under_way.watch(all_done, &tell));
        for _ in 0..processors {
            let working = working.clone();
            let (next, ends, total, under_way, tell) = (&next, &ends, &total, &under_way, &tell);
            scope.spawn(move || {
                let mut tally = Tally::default();
                while !ends.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first.saturating_add(count) {
                        break;
                    }
                    let failure = under_way.with(seed, || tally.live(seed));
                    if let Some(failure) = failure {
                        tell(&failure);
                        tally.failures.push(failure);
                        ends.fetch_or(tally.failures.len() >= enough, Ordering::Relaxed);
                    }
                }
                total.lock().expect("no thread panics here").add(tally);
                drop(working);
            });
        }
        drop(working);
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

/// The lives that are being lived, and since when.
#[derive(Default)]
struct UnderWay(Mutex<BTreeMap<u64, Instant>>);

impl UnderWay {
    fn with<T>(&self, seed: u64, live: impl FnOnce() -> T) -> T {
        let lives = || self.0.lock().expect("no thread panics here");
        lives().insert(seed, Instant::now());
        let outcome = live();
        lives().remove(&seed);
        outcome
    }

    /// Ends the program with the seed of a life that does not end: nothing else
    /// would ever say which one it is.
    fn watch(&self, all_done: mpsc::Receiver<()>, tell: impl Fn(&Failure)) {
        while all_done.recv_timeout(ENDLESS / 10) == Err(RecvTimeoutError::Timeout) {
            let lives = self.0.lock().expect("no thread panics here");
            if let Some((seed, _)) = lives.iter().find(|(_, since)| since.elapsed() > ENDLESS) {
                let what = format!("no end after {ENDLESS:?}");
                tell(&Failure { seed: *seed, what });
                std::process::exit(1);
            }
        }
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
