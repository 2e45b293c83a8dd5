//! The capture on the server's side of the link: what tests assert about the wire.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::helper::{self, RUBBISH_PORT};
use crate::pcap::{self, Message};
use crate::poll;
use crate::process::{Process, run};
use crate::world::{Space, World};

/// A running tcpdump and its file.
pub(crate) struct Capture {
    tcpdump: Process,
    file: PathBuf,
    cpe: Space,
}

impl Capture {
    /// Starts to capture DHCPv6 on an interface.
    pub(crate) fn start_at(world: &World, (space, interface): (Space, &str)) -> Self {
        let file = world.dir().join("wire.pcap");
        let tcpdump = Process::spawn(
            "tcpdump",
            space
                .command("tcpdump")
                // Without --immediate-mode packets reach the file up to a second late.
                .args(["-U", "--immediate-mode", "-Z", "root", "-s0", "-n", "-i", interface])
                .args(if interface == "any" { &["-y", "LINUX_SLL"][..] } else { &[] })
                .arg("-w")
                .arg(&file)
                // A flood would push what matters out of the capture.
                .arg(format!(
                    "ip6 and udp and (port 546 or port 547) and not src port {RUBBISH_PORT}"
                )),
        );
        poll::wait_for("tcpdump listens", poll::SOON, || {
            tcpdump.assert_alive();
            tcpdump.stderr().contains("listening on")
        });
        Self { tcpdump, file, cpe: world.cpe() }
    }

    /// The file, for whoever looks into a failure.
    pub(crate) fn file(&self) -> &PathBuf {
        &self.file
    }

    /// What has been captured so far, in order.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let mut messages = self.with_markers();
        messages.retain(|message| message.kind != helper::MARKER);
        messages
    }

    /// Everything sent before this call: a marker is sent after it and waited for, so that a
    /// message which is missing here was not sent.
    pub(crate) fn settled(&self) -> Vec<Message> {
        static XID: AtomicU32 = AtomicU32::new(1);
        let xid = XID.fetch_add(1, Ordering::Relaxed);
        run(&mut helper::mark(&self.cpe, xid));
        poll::wait_for("the marker is captured", poll::SOON, || {
            self.tcpdump.assert_alive();
            self.with_markers()
                .iter()
                .any(|message| message.kind == helper::MARKER && message.xid == xid)
        });
        self.messages()
    }

    /// Waits for the first message that fits.
    pub(crate) fn first(
        &self,
        what: &str,
        limit: Duration,
        fits: impl Fn(&Message) -> bool,
    ) -> Message {
        poll::until(&format!("{what} on the wire"), limit, || {
            self.tcpdump.assert_alive();
            self.messages().into_iter().find(&fits)
        })
    }

    /// Waits for the first message of a type.
    pub(crate) fn first_of(&self, kind: u8, limit: Duration) -> Message {
        self.first(&format!("a message of type {kind}"), limit, |message| message.kind == kind)
    }

    fn with_markers(&self) -> Vec<Message> {
        pcap::messages(&fs::read(&self.file).unwrap_or_default())
    }
}

/// The message types in order, without retransmissions: a server on a busy machine may answer
/// after the first of them.
pub(crate) fn dialogue(messages: &[Message]) -> Vec<u8> {
    let repeated = |index: usize, message: &Message| {
        messages[..index]
            .iter()
            .any(|earlier| (earlier.kind, earlier.xid) == (message.kind, message.xid))
    };
    messages
        .iter()
        .enumerate()
        .filter(|(index, message)| !repeated(*index, message))
        .map(|(_, message)| message.kind)
        .collect()
}
