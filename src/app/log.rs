//! The log: one line an event on standard error, warnings marked as such.
//!
//! A subscriber of our own: a plain line needs no registry of spans, and
//! that is an eighth of a megabyte on a router's flash.

use std::fmt;
use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// How much is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verbosity {
    /// What is wrong.
    Quiet,
    /// What people want to know.
    Normal,
    /// Every message too.
    Verbose,
    /// Every decision too.
    All,
}

/// Starts the log of this process.
pub(crate) fn start(verbosity: Verbosity) {
    let level = match verbosity {
        Verbosity::Quiet => LevelFilter::WARN,
        Verbosity::Normal => LevelFilter::INFO,
        Verbosity::Verbose => LevelFilter::DEBUG,
        Verbosity::All => LevelFilter::TRACE,
    };
    // Fails only where a log was started before: then that one stays.
    let _ = tracing::subscriber::set_global_default(Lines(level));
}

/// Writes each event as a line.
struct Lines(LevelFilter);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries speak of their own matters, netlink of every message.
        let ours = metadata.target().starts_with("dhc6c");
        *metadata.level() <= self.0 && (ours || *metadata.level() <= Level::WARN)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let severity = match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            _ => "",
        };
        // One write, so that lines of several writers do not mix; where
        // nobody reads the log there is nobody to tell.
        let line = format!("{severity}{}\n", message.0);
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    // Spans are not used.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Picks the message out of an event's fields.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
