//! Hooks: programs of the administrator's that are run when something
//! happens, as `HOOK INTERFACE EVENT`, with the status in the environment and
//! as JSON on standard input.
//!
//! The protocol never waits for one. A task an interface runs them one after
//! the other, in order. What waits is coalesced: of events that only say how
//! things are now the latest is enough; those that say what has come or gone
//! are never left out.

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

/// Events that say what has come or gone; never left out.
const LASTING: [&str; 6] =
    ["started", "bound", "prefix-replaced", "unbound", "stopped", "dad-failed"];
/// Events whose hooks have to be running before an interface is ready.
const AWAITED: [&str; 2] = ["bound", "informed"];
/// The most events that wait. A hook that always hangs would fill memory by
/// and by; then the oldest is given up, with a warning.
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
#[derive(Clone, Debug)]
struct Call {
    event: &'static str,
    status: serde_json::Value,
    /// Variables that this event has besides, each with its value.
    besides: Vec<(&'static str, String)>,
    selection: Arc<Selection>,
}

/// The hooks of one interface. Needs a runtime.
pub(crate) struct Hooks {
    selection: Arc<Selection>,
    calls: mpsc::UnboundedSender<Call>,
    task: JoinHandle<()>,
    shared: Arc<Shared>,
}

/// What the task says of itself.
#[derive(Default)]
struct Shared {
    /// How many awaited events have not begun yet.
    unbegun: AtomicUsize,
    begun: Notify,
}

impl Hooks {
    /// Hooks for an interface; nothing is run yet.
    pub(crate) fn new(interface: &str, selection: Selection) -> Self {
        let (calls, receiver) = mpsc::unbounded_channel();
        let shared = Arc::<Shared>::default();
        let task = tokio::spawn(work(interface.to_owned(), receiver, Arc::clone(&shared)));
        Self { selection: Arc::new(selection), calls, task, shared }
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
        if AWAITED.contains(&event) {
            self.shared.unbegun.fetch_add(1, Ordering::Relaxed);
        }
        // Our own types always have a JSON form.
        let status = serde_json::to_value(snapshot).unwrap_or_default();
        let selection = Arc::clone(&self.selection);
        // The task lives as long as this sender.
        let _ = self.calls.send(Call { event, status, besides, selection });
    }

    /// True when the hooks of every `bound` or `informed` have been started.
    pub(crate) fn have_begun(&self) -> bool {
        self.shared.unbegun.load(Ordering::Relaxed) == 0
    }

    /// Waits until hooks that were awaited are started. Dropping the wait
    /// loses nothing.
    pub(crate) async fn begun(&self) {
        self.shared.begun.notified().await;
    }

    /// Waits until all hooks have run; what runs or waits after `limit` is
    /// killed.
    pub(crate) async fn finish(self, limit: Duration) {
        let Self { calls, mut task, .. } = self;
        drop(calls);
        if within(limit, &mut task).await.is_none() {
            warn!("hooks did not end in time and were killed");
            task.abort();
            // What it runs dies with it.
            let _ = task.await;
        }
    }
}

/// Runs what is called until no more can come.
async fn work(interface: String, mut calls: mpsc::UnboundedReceiver<Call>, shared: Arc<Shared>) {
    let mut queue = VecDeque::new();
    let mut refused = BTreeSet::new();
    loop {
        if queue.is_empty() {
            let Some(call) = calls.recv().await else { return };
            enqueue(&interface, &mut queue, call);
        }
        let Some(call) = queue.pop_front() else { continue };
        let run = run(&interface, &call, &mut refused, &shared);
        let mut run = std::pin::pin!(run);
        loop {
            tokio::select! {
                () = &mut run => break,
                Some(more) = calls.recv() => {
                    note_coalesced(&queue, &more, &shared);
                    enqueue(&interface, &mut queue, more);
                }
            }
        }
    }
}

/// An awaited event that takes another's place is one less to begin.
fn note_coalesced(queue: &VecDeque<Call>, call: &Call, shared: &Shared) {
    let replaces =
        !LASTING.contains(&call.event) && queue.iter().any(|waiting| waiting.event == call.event);
    if replaces && AWAITED.contains(&call.event) {
        shared.unbegun.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Adds an event in its place: the latest of its kind, unless each counts.
fn enqueue(interface: &str, queue: &mut VecDeque<Call>, call: Call) {
    if !LASTING.contains(&call.event) {
        queue.retain(|waiting| waiting.event != call.event);
    }
    if queue.len() >= LONGEST_QUEUE {
        warn!("{interface}: hooks are too slow, an event is left out");
        queue.pop_front();
    }
    queue.push_back(call);
}

/// Runs the hooks of one event, one after the other.
async fn run(interface: &str, call: &Call, refused: &mut BTreeSet<PathBuf>, shared: &Shared) {
    let (mut hooks, refusals) = scan(&call.selection.directory);
    for (path, why) in refusals {
        // Said once, not at each event.
        if refused.insert(path.clone()) {
            warn!("{interface}: hook {} is not run: {why}", path.display());
        }
    }
    hooks.extend(listed(call));
    // Without any there is nothing to wait for.
    let mut begins = AWAITED.contains(&call.event);
    let mut begin = || {
        if std::mem::take(&mut begins) {
            shared.unbegun.fetch_sub(1, Ordering::Relaxed);
            shared.begun.notify_one();
        }
    };
    for path in hooks {
        let started = program::start(&path, interface, call.event, &call.status, &call.besides);
        begin();
        let ended = match started {
            Ok(running) => running.end(interface, call.selection.limit).await,
            Err(why) => Err(why),
        };
        if let Err(why) = ended {
            warn!("{interface}: hook {} {}: {why}", path.display(), call.event);
        }
    }
    begin();
}

/// The programs of the list that are run for this event.
fn listed(call: &Call) -> impl Iterator<Item = PathBuf> + '_ {
    let meant = |hook: &&Hook| hook.on.as_ref().is_none_or(|on| on.contains(&call.event));
    call.selection.listed.iter().filter(meant).map(|hook| Path::new(&hook.path).to_owned())
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
