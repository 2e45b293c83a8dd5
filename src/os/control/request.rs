//! What may be asked over the control socket: the words, and how they stand
//! on a line.

use serde::{Deserialize, Serialize};

/// The longest request, in octets.
pub(crate) const LONGEST: u64 = 4096;

/// What another process may ask of a running client.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Command {
    /// The status object, once.
    Status,
    /// The same as a page for people. Whoever runs the client writes it: the
    /// one who asks then needs to understand nothing of it.
    Page,
    /// A line for each event, until either side ends.
    Watch,
    /// One line, when everything that was asked for is there.
    Wait,
    /// Extend the leases at their server now; answered when accepted.
    Renew,
    /// Extend the leases at any server now; answered when accepted.
    Rebind,
    /// Give the leases back and rest; answered when accepted.
    Release,
    /// Give the leases back and start over; answered when accepted.
    Restart,
    /// Read the configuration again, for all interfaces of the process;
    /// answered when that is done.
    Reload,
    /// Stop this interface; answered when it has stopped.
    Stop,
}

/// A request as it stands on the line.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Request {
    /// What is asked.
    pub(crate) command: Command,
}

impl Request {
    /// Reads a line, with its end or without.
    ///
    /// # Errors
    /// Why it is no request: too long, no JSON, or a command that is none.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        if !u64::try_from(line.len()).is_ok_and(|length| length <= LONGEST) {
            return Err(format!("the request is longer than {LONGEST} octets"));
        }
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }
}
