//! The log: one line an event on standard error, warnings marked as such.
//! Its text is safe to print: what comes from servers was escaped before.
//!
//! A subscriber of our own: a plain line needs no registry of spans, and
//! that is an eighth of a megabyte on a router's flash.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, PoisonError, RwLock};

use clap::ValueEnum;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::os::clock;

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

/// How a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// With the time in front; warnings stand out
    Pretty,
    /// The text alone, for a log that has the time already
    Plain,
    /// An object a line
    Json,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Starts the log of this process.
pub(crate) fn start(verbosity: Verbosity, format: Format, colour: Colour) -> Log {
    let colour = match colour {
        Colour::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        Colour::Always => true,
        Colour::Never => false,
    };
    let style = Style { level: verbosity.level(), format, colour };
    let log = Log(Arc::new(RwLock::new(style)));
    // Fails only where a log was started before: then that one stays.
    let _ = tracing::subscriber::set_global_default(Lines(Arc::clone(&log.0)));
    log
}

impl Verbosity {
    const fn level(self) -> LevelFilter {
        match self {
            Self::Quiet => LevelFilter::WARN,
            Self::Normal => LevelFilter::INFO,
            Self::Verbose => LevelFilter::DEBUG,
            Self::All => LevelFilter::TRACE,
        }
    }
}

/// The way to change a log that has started.
pub(crate) struct Log(Arc<RwLock<Style>>);

impl Log {
    /// From now on so much is said, in this format.
    pub(crate) fn change(&self, verbosity: Verbosity, format: Format) {
        let mut style = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *style = Style { level: verbosity.level(), format, ..*style };
        drop(style);
        // What was found to be of no interest may be now.
        tracing::callsite::rebuild_interest_cache();
    }
}

/// Writes each event as a line.
struct Lines(Arc<RwLock<Style>>);

/// What is written, and how.
#[derive(Clone, Copy)]
struct Style {
    level: LevelFilter,
    format: Format,
    colour: bool,
}

impl Lines {
    fn style(&self) -> Style {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Style {
    fn line(&self, level: Level, text: &str) -> String {
        let (severity, colour) = match level {
            Level::ERROR => ("error: ", "\x1b[31m"),
            Level::WARN => ("warning: ", "\x1b[33m"),
            _ => ("", ""),
        };
        let (colour, end) = match self.colour && !colour.is_empty() {
            true => (colour, "\x1b[0m"),
            false => ("", ""),
        };
        match self.format {
            Format::Plain => format!("{colour}{severity}{text}{end}\n"),
            Format::Pretty => {
                format!("{} {colour}{severity}{text}{end}\n", clock::wall_now())
            }
            Format::Json => {
                let level = level.as_str().to_ascii_lowercase();
                let time = clock::wall_now();
                let line = serde_json::json!({ "time": time, "level": level, "text": text });
                format!("{line}\n")
            }
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries speak of their own matters, netlink of every message.
        let ours = metadata.target().starts_with("dhc6c");
        *metadata.level() <= self.style().level && (ours || *metadata.level() <= Level::WARN)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.style().level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        // One write, so that lines of several writers do not mix; where
        // nobody reads the log there is nobody to tell.
        let line = self.style().line(*event.metadata().level(), &message.0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_one_line() {
        let line = |format, colour, level| {
            Style { level: LevelFilter::INFO, format, colour }.line(level, "eth0: \"x\"")
        };
        assert_eq!(line(Format::Plain, false, Level::INFO), "eth0: \"x\"\n");
        assert_eq!(line(Format::Plain, false, Level::WARN), "warning: eth0: \"x\"\n");
        assert_eq!(line(Format::Plain, true, Level::WARN), "\x1b[33mwarning: eth0: \"x\"\x1b[0m\n");
        assert_eq!(line(Format::Plain, true, Level::INFO), "eth0: \"x\"\n");
        assert!(line(Format::Pretty, false, Level::INFO).ends_with("Z eth0: \"x\"\n"));
        let json = line(Format::Json, true, Level::WARN);
        let object: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (object["level"].as_str(), object["text"].as_str()),
            (Some("warn"), Some("eth0: \"x\""))
        );
        assert_eq!(json.lines().count(), 1);
    }
}
