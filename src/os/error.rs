//! Failures in the words a person needs: what, why, and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something the system refused.
///
/// Prints as `what: why`; the caller puts the program and the interface in
/// front and the hint on a line of its own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Error {
    /// What was being done: "cannot open UDP port 546".
    pub(crate) what: String,
    /// Why it failed: "in use by dhclient (pid 812)".
    pub(crate) why: String,
    /// What to do about it, if that is known.
    pub(crate) hint: Option<String>,
    /// Which exit code it leads to.
    pub(crate) kind: Kind,
}

/// The exit codes of the contract, without success.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// 1: the system or the network failed.
    Runtime,
    /// 2: the command line or the configuration is wrong.
    Usage,
    /// 3: no daemon is running.
    NoDaemon,
    /// 4: it took longer than allowed.
    TimedOut,
    /// 5: a permission is missing.
    Permission,
}

impl Error {
    /// A failure of the system or the network.
    pub(crate) fn new(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self { what: what.into(), why: why.to_string(), hint: None, kind: Kind::Runtime }
    }

    /// A missing permission; `capability` names it, as in "CAP_NET_ADMIN".
    pub(crate) fn permission(what: impl Into<String>, capability: &str) -> Self {
        Self {
            what: what.into(),
            why: format!("permission denied, without {capability}"),
            hint: Some(format!("run as root, or grant {capability}")),
            kind: Kind::Permission,
        }
    }

    /// The same failure with another kind.
    #[must_use]
    pub(crate) fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The same failure with a hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl std::error::Error for Error {}
