//! Hooks: programs of the administrator's that are run when something
//! happens, as `HOOK INTERFACE EVENT`, with the status in the environment and
//! as JSON on standard input.
//!
//! The protocol never waits for one. A task an interface runs them one after
//! the other, in order. What waits is coalesced: of events that only say how
//! things are now the latest is enough; those that say what has come or gone
//! all count.

mod environment;
mod program;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dhc6c_core::snapshot::Snapshot;
use dhc6c_core::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tracing::warn;

use super::child::within;

pub(crate) use program::scan;

/// Events that are never lost: what follows from one that is missed would be
/// wrong for ever.
const NEVER_LOST: [&str; 4] = ["bound", "prefix-replaced", "unbound", "stopped"];
/// Events that say what has come or gone; each counts.
const LASTING: [&str; 6] =
    ["started", "bound", "prefix-replaced", "unbound", "stopped", "dad-failed"];
/// Events whose hooks have to be running before an interface is ready.
const AWAITED: [&str; 2] = ["bound", "informed"];
/// The most events that wait. A hook that always hangs would fill memory by
/// and by; then one is given up, with a warning.
const LONGEST_QUEUE: usize = 64;

/// A program and the events it is run for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hook {
    /// The program.
    pub(crate) path: PathBuf,
    /// The events; none in particular is all.
    pub(crate) on: Option<Vec<&'static str>>,
}

/// Which hooks there are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Selection {
    /// A directory of programs that are run for every event.
    pub(crate) directory: PathBuf,
    /// Programs that are run after those.
    pub(crate) listed: Vec<Hook>,
    /// How long each may take before it is ended.
    pub(crate) limit: Duration,
}

/// Something that happened, with how things were right then.
struct Call {
    event: &'static str,
    snapshot: Snapshot,
    /// Variables that this event has besides, each with its value.
    besides: Vec<(&'static str, String)>,
    selection: Arc<Selection>,
    /// Held while an interface is not ready before the hooks have begun.
    awaited: Option<Awaited>,
}

/// The hooks of one interface. Needs a runtime.
pub(crate) struct Hooks {
    selection: Arc<Selection>,
    calls: mpsc::UnboundedSender<Call>,
    task: JoinHandle<()>,
    unbegun: Arc<Unbegun>,
}

/// How many awaited events have not begun yet.
#[derive(Default)]
struct Unbegun {
    count: AtomicUsize,
    fewer: Notify,
}

/// One of them. It counts until it is dropped: when its hooks begin, when a
/// later event takes its place, or when it is given up.
struct Awaited(Arc<Unbegun>);

impl Awaited {
    fn new(unbegun: &Arc<Unbegun>) -> Self {
        unbegun.count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(unbegun))
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
        self.0.fewer.notify_one();
    }
}

impl Hooks {
    /// Hooks; nothing is run yet.
    pub(crate) fn new(selection: Selection) -> Self {
        let (calls, receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(work(receiver));
        Self { selection: Arc::new(selection), calls, task, unbegun: Arc::default() }
    }

    /// Other hooks from the next event on.
    pub(crate) fn select(&mut self, selection: Selection) {
        self.selection = Arc::new(selection);
    }

    /// Has the hooks of an event run by and by.
    pub(crate) fn fire(
        &self,
        event: &'static str,
        snapshot: &Snapshot,
        besides: Vec<(&'static str, String)>,
    ) {
        let call = Call {
            event,
            snapshot: snapshot.clone(),
            besides,
            selection: Arc::clone(&self.selection),
            awaited: AWAITED.contains(&event).then(|| Awaited::new(&self.unbegun)),
        };
        // The task lives as long as this sender.
        let _ = self.calls.send(call);
    }

    /// True when the hooks of every `bound` or `informed` have been started.
    pub(crate) fn have_begun(&self) -> bool {
        self.unbegun.count.load(Ordering::Relaxed) == 0
    }

    /// Waits until hooks that were awaited are started. Dropping the wait
    /// loses nothing.
    pub(crate) async fn begun(&self) {
        self.unbegun.fewer.notified().await;
    }

    /// Waits until all hooks have run; what runs or waits after `limit` is
    /// killed. Without one each has its own time.
    pub(crate) async fn finish(self, limit: Option<Duration>) {
        let Self { calls, mut task, .. } = self;
        drop(calls);
        let Some(limit) = limit else {
            let _ = task.await;
            return;
        };
        if within(limit, &mut task).await.is_none() {
            warn!("hooks did not end in time and were killed");
            task.abort();
            // What it runs dies with it.
            let _ = task.await;
        }
    }
}

/// Runs what is called until no more can come.
async fn work(mut calls: mpsc::UnboundedReceiver<Call>) {
    let mut queue = VecDeque::new();
    let mut refused = BTreeSet::new();
    loop {
        if queue.is_empty() {
            let Some(call) = calls.recv().await else { return };
            enqueue(&mut queue, call);
        }
        let Some(call) = queue.pop_front() else { continue };
        let mut run = std::pin::pin!(run(call, &mut refused));
        loop {
            tokio::select! {
                () = &mut run => break,
                Some(more) = calls.recv() => enqueue(&mut queue, more),
            }
        }
    }
}

/// Adds an event in its place: the latest of its kind, unless each counts.
fn enqueue(queue: &mut VecDeque<Call>, call: Call) {
    if !is_lasting(&call) {
        queue.retain(|waiting| waiting.event != call.event);
    }
    if queue.len() >= LONGEST_QUEUE {
        make_room(queue);
    }
    queue.push_back(call);
}

/// Gives up what matters least of what waits: first what the next status makes
/// up for, then what only says that something happened, then what was undone
/// before anybody was told, a binding with its end.
fn make_room(queue: &mut VecDeque<Call>) {
    let is_dispensable = |waiting: &Call| !NEVER_LOST.contains(&waiting.event);
    let least = queue
        .iter()
        .position(|waiting| !is_lasting(waiting))
        .or_else(|| queue.iter().position(is_dispensable));
    let undone = |(one, other): (&Call, &Call)| (one.event, other.event) == ("bound", "unbound");
    let left_out: Vec<_> = match least {
        Some(least) => queue.remove(least).into_iter().collect(),
        None => match queue.iter().zip(queue.iter().skip(1)).position(undone) {
            Some(bound) => queue.drain(bound..bound + 2).collect(),
            None => Vec::new(),
        },
    };
    for call in left_out {
        let interface = &call.snapshot.name;
        warn!("{interface}: hooks are too slow, {} is left out", call.event);
    }
}

fn is_lasting(call: &Call) -> bool {
    LASTING.contains(&call.event)
}

/// Runs the hooks of one event, one after the other.
async fn run(mut call: Call, refused: &mut BTreeSet<PathBuf>) {
    let interface = call.snapshot.name.clone();
    let (mut hooks, refusals) = scan(&call.selection.directory);
    for (path, why) in refusals {
        // Said once, not at each event.
        if refused.insert(path.clone()) {
            warn!("{interface}: {} is not run: {why}", path.display());
        }
    }
    hooks.extend(listed(&call));
    if hooks.is_empty() {
        return;
    }
    // Our own types always have a JSON form. By way of the text: the code that
    // makes values of them without it would be as large as that for the text.
    let text = serde_json::to_string(&call.snapshot);
    let status = text.and_then(|text| serde_json::from_str(&text)).unwrap_or_default();
    for path in hooks {
        let started = program::start(&path, &interface, call.event, &status, &call.besides);
        call.awaited = None;
        let ended = match started {
            Ok(running) => running.end(&interface, call.selection.limit).await,
            Err(why) => Err(why),
        };
        if let Err(why) = ended {
            warn!("{interface}: hook {} {}: {why}", path.display(), call.event);
        }
    }
}

/// The programs of the list that are run for this event.
fn listed(call: &Call) -> impl Iterator<Item = PathBuf> + '_ {
    let meant = |hook: &&Hook| hook.on.as_ref().is_none_or(|on| on.contains(&call.event));
    call.selection.listed.iter().filter(meant).map(|hook| Path::new(&hook.path).to_owned())
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
