//! The same scenarios against every server of the farm. Each that passes says on standard
//! error what was said on the wire, for `docs/interop.md`.

use std::net::Ipv6Addr;
use std::time::Duration;

use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::capture::dialogue;
use crate::client::{Client, code};
use crate::farm::{CLIENT, LONG, MODELS, Model, RAPID, SHORT, Terms};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{
    ADVERTISE, CONFIRM, INFORMATION_REQUEST, Message, REBIND, RELEASE, RENEW, REPLY, REQUEST,
    SOLICIT,
};
use crate::poll;
use crate::servers::{Kea, Server};

/// Past T2 (16 s), with time for retransmissions.
const LIFE: Duration = Duration::from_secs(45);

/// What an exchange of four messages looks like.
const FOUR: [u8; 4] = [SOLICIT, ADVERTISE, REQUEST, REPLY];

/// A scenario: its name, on which terms the server leases, and what happens.
type Scenario = (&'static str, Terms, fn(Cell));

/// The columns of the matrix.
const SCENARIOS: [Scenario; 12] = [
    ("address", LONG, address),
    ("prefix", LONG, prefix),
    ("both", LONG, both),
    ("rapid_commit", RAPID, rapid_commit),
    ("stateless", LONG, stateless),
    ("renew", SHORT, renew),
    ("rebind", SHORT, rebind),
    ("release", LONG, release),
    ("confirm_after_restart", LONG, confirm_after_restart),
    ("rebind_after_restart", LONG, rebind_after_restart),
    ("server_without_memory", SHORT, server_without_memory),
    ("killed_client", LONG, killed_client),
];

/// Each scenario with each server, and one through a relay.
pub(crate) fn trials() -> Vec<Trial> {
    let cells = MODELS.iter().flat_map(|model| SCENARIOS.iter().map(move |it| (model, it)));
    let trial = |(model, scenario): (&'static Model, &'static Scenario)| {
        let (scenario, terms, run) = *scenario;
        let name = format!("interop::{}::{scenario}", model.name);
        crate::trial(name, model.programs, move || run(Cell::new(model, scenario, terms)))
    };
    let relayed = crate::trial(
        "interop::kea_stable::through_a_relay".to_owned(),
        &["kea-dhcp6", "dhcrelay"],
        through_a_relay,
    );
    cells.map(trial).chain([relayed]).collect()
}

/// Input: `dhc6c wan0`. Expected: four messages; the leased address in the kernel.
fn address(cell: Cell) {
    cell.start(&[]).wait_ready();
    let held = cell.assert_held();
    assert!(held.0.len() == 1 && held.1.is_empty(), "{held:?}");
    cell.assert_said(&FOUR);
    cell.finish();
}

/// Input: `dhc6c --no-na --pd wan0`. Expected: an unreachable route for the prefix alone; of a
/// server without prefixes, no lease and a client that goes on asking.
fn prefix(cell: Cell) {
    let client = cell.start(&["--no-na", "--pd"]);
    if cell.model.delegates {
        client.wait_ready();
        let held = cell.assert_held();
        assert!(held.0.is_empty() && held.1.len() == 1, "{held:?}");
        cell.assert_said(&FOUR);
    } else {
        let again = |messages: &[Message]| kinds(messages, SOLICIT).count() > 1;
        poll::wait_for("another Solicit", poll::SOON, || again(&cell.lab.capture().messages()));
        let offers = cell.lab.capture().settled();
        assert!(kinds(&offers, ADVERTISE).count() > 0, "{offers:?}");
        assert!(offers.iter().all(|message| message.prefixes().is_empty()), "{offers:?}");
        kernel::assert_clean(&cell.lab.world().cpe());
    }
    client.assert_alive();
    cell.finish();
}

/// Input: `dhc6c --pd wan0`. Expected: address and prefix in one exchange.
fn both(cell: Cell) {
    cell.start(&["--pd"]).wait_ready();
    let held = cell.assert_held();
    assert_eq!((held.0.len(), held.1.len()), (1, usize::from(cell.model.delegates)), "{held:?}");
    cell.assert_said(&FOUR);
    cell.finish();
}

/// Input: `dhc6c --rapid-commit wan0`. Expected: two messages.
fn rapid_commit(cell: Cell) {
    cell.start(&["--rapid-commit"]).wait_ready();
    cell.assert_held();
    cell.assert_said(&[SOLICIT, REPLY]);
    cell.finish();
}

/// Input: `dhc6c --stateless wan0`. Expected: the server's search list (the one option that
/// every server here gives), and no address.
fn stateless(cell: Cell) {
    let status = cell.start(&["--stateless"]).wait_ready();
    assert_eq!(status.text("/state"), "informed");
    assert_eq!(status.text("/options/domains/0"), "example.org");
    kernel::assert_clean(&cell.lab.world().cpe());
    cell.assert_said(&[INFORMATION_REQUEST, REPLY]);
    cell.finish();
}

/// Input: T1 passes (or `dhc6c renew`). Expected: Renew and Reply; the leases stay.
fn renew(cell: Cell) {
    let client = cell.start(&["--pd"]);
    client.wait_ready();
    let held = cell.assert_held();
    if !cell.model.leases_for_seconds {
        order(&client, &["renew", "wan0"]);
    }
    cell.wait_extended(RENEW, &held);
    cell.assert_said(&[&FOUR[..], &[RENEW, REPLY]].concat());
    cell.finish();
}

/// Input: the server is paused until T2 has passed (or `dhc6c rebind`).
/// Expected: Rebind and Reply; the leases stay.
fn rebind(cell: Cell) {
    let client = cell.start(&["--pd"]);
    client.wait_ready();
    let held = cell.assert_held();
    if cell.model.leases_for_seconds {
        cell.server.pause();
        cell.lab.capture().first_of(REBIND, LIFE);
        cell.server.resume();
    } else {
        order(&client, &["rebind", "wan0"]);
    }
    cell.wait_extended(REBIND, &held);
    if cell.model.leases_for_seconds {
        // What waited in its socket is answered too.
        cell.assert_said(&[&FOUR[..], &[RENEW, REBIND, REPLY, REPLY]].concat());
    } else {
        cell.assert_said(&[&FOUR[..], &[REBIND, REPLY]].concat());
    }
    cell.finish();
}

/// Input: TERM with `--release`. Expected: Release and Reply; nothing of ours in the kernel.
fn release(cell: Cell) {
    let client = cell.start(&["--pd", "--release"]);
    client.wait_ready();
    let held = cell.assert_held();
    client.terminate();
    kernel::assert_clean(&cell.lab.world().cpe());
    let release = cell.lab.capture().first_of(RELEASE, poll::SOON);
    assert_eq!(leases(&release), held);
    cell.wait_reply_to(RELEASE);
    cell.finish();
}

/// Input: the client ends and starts, with an address. Expected: Confirm, and the same address.
fn confirm_after_restart(cell: Cell) {
    restart(cell, &[], CONFIRM);
}

/// Input: the client ends and starts, with address and prefix. Expected: Rebind, and the same
/// leases; Confirm where there is no prefix, and a Renew that asks for one.
fn rebind_after_restart(cell: Cell) {
    restart(cell, &["--pd"], REBIND);
}

fn restart(cell: Cell, arguments: &[&str], verified_by: u8) {
    let client = cell.start(arguments);
    client.wait_ready();
    let held = cell.assert_held();
    client.terminate();
    let _client = cell.start(arguments);
    cell.assert_verified(&held, verified_by);
    cell.finish();
}

/// Input: the server is killed, loses its leases, and starts again; T1 passes (or `renew`).
/// Expected: the client has what the server has last given it, and an address at any time but
/// when the server itself has taken it away (RFC 9915 Section 18.2.10.1: a lifetime of 0).
fn server_without_memory(mut cell: Cell) {
    let client = cell.start(&["--pd"]);
    client.wait_ready();
    cell.assert_held();
    cell.server.kill();
    cell.model.forget(cell.lab.world());
    cell.server = cell.model.start(cell.lab.world(), SHORT);
    if !cell.model.leases_for_seconds {
        order(&client, &["renew", "wan0"]);
    }
    let cpe = cell.lab.world().cpe();
    poll::wait_for("the leases of the latest Reply", LIFE, || {
        if kernel::addresses(&cpe).is_empty() {
            let messages = cell.lab.capture().settled();
            assert!(messages.iter().any(Message::withdraws), "an address at any time");
        }
        let messages = cell.lab.capture().messages();
        let renewed = messages.iter().position(|message| message.kind == RENEW);
        renewed.is_some_and(|at| granted(&messages[at..]) == Some(kernel_leases(&cell.lab)))
    });
    let status = client.wait_ready();
    assert_eq!(status.text("/state"), "bound");
    let withdrawn = cell.lab.capture().settled().iter().any(Message::withdraws);
    assert_eq!(withdrawn, cell.model.fault(cell.scenario).is_some(), "an address taken away");
    cell.finish();
}

/// Input: kill -9, and a start. Expected: the leases never leave the kernel; a later end takes
/// them all back.
fn killed_client(cell: Cell) {
    let client = cell.start(&["--pd"]);
    client.wait_ready();
    let held = cell.assert_held();
    client.signal(Signal::SIGKILL);
    client.wait_killed();
    assert_eq!(kernel_leases(&cell.lab), held);
    let client = cell.start(&["--pd"]);
    cell.assert_verified(&held, REBIND);
    client.terminate();
    kernel::assert_clean(&cell.lab.world().cpe());
    cell.finish();
}

/// Input: `dhc6c --pd wan0`, `renew` and TERM with `--release`, with dhcrelay between.
/// Expected: as without; the answers come from the relay's address on the client's link.
fn through_a_relay() {
    let lab = Lab::relayed();
    let relay = lab.start_relay();
    let server = Kea::new().relayed().start(lab.world());
    let cell = Cell { model: &MODELS[0], scenario: "through_a_relay", lab, server };
    let client = cell.start(&["--pd", "--release"]);
    client.wait_ready();
    let held = cell.assert_held();
    order(&client, &["renew", "wan0"]);
    cell.wait_extended(RENEW, &held);
    client.terminate();
    cell.wait_reply_to(RELEASE);
    relay.assert_alive();
    cell.assert_said(&[&FOUR[..], &[RENEW, REPLY, RELEASE, REPLY]].concat());
    cell.finish();
}

/// A server, and the place where it runs.
struct Cell {
    model: &'static Model,
    scenario: &'static str,
    lab: Lab,
    server: Server,
}

/// Addresses and prefixes, in order.
type Leases = (Vec<Ipv6Addr>, Vec<String>);

impl Cell {
    fn new(model: &'static Model, scenario: &'static str, terms: Terms) -> Self {
        let lab = Lab::new();
        let server = model.start(lab.world(), terms);
        Self { model, scenario, lab, server }
    }

    fn start(&self, arguments: &[&str]) -> Client {
        Client::start(self.lab.world(), &[&["--duid", CLIENT], arguments].concat())
    }

    /// The kernel holds what the latest Reply has granted, and that is it.
    fn assert_held(&self) -> Leases {
        let held = kernel_leases(&self.lab);
        assert_eq!(Some(&held), granted(&self.lab.capture().settled()).as_ref());
        held
    }

    fn wait_held(&self, leases: &Leases) {
        poll::wait_for("the same leases", poll::SOON, || kernel_leases(&self.lab) == *leases);
    }

    /// Waits for a Reply to a message of this type.
    fn wait_reply_to(&self, kind: u8) -> Message {
        poll::until(&format!("a Reply to {kind}"), LIFE, || {
            let messages = self.lab.capture().messages();
            let mut asked = kinds(&messages, kind);
            asked.find_map(|it| kinds(&messages, REPLY).find(|reply| reply.xid == it.xid).cloned())
        })
    }

    /// Waits for a Reply to a message of this type that grants the same leases again; the
    /// kernel has them all the same where the server is known to grant less.
    fn wait_extended(&self, kind: u8, held: &Leases) {
        let reply = self.wait_reply_to(kind);
        if self.model.fault(self.scenario).is_none() {
            assert_eq!(leases(&reply), *held);
        }
        self.wait_held(held);
    }

    /// A client that started again has made sure of these leases: by a Rebind if asked for a
    /// prefix and given one.
    fn assert_verified(&self, held: &Leases, by: u8) {
        self.wait_held(held);
        if by == REBIND && !self.model.delegates {
            self.wait_reply_to(RENEW);
            self.assert_said(&[&FOUR[..], &[CONFIRM, REPLY, RENEW, REPLY]].concat());
        } else {
            self.wait_reply_to(by);
            self.assert_said(&[&FOUR[..], &[by, REPLY]].concat());
        }
    }

    /// What was said so far is this, unless the server is known for something else: then it
    /// has to be that.
    fn assert_said(&self, expected: &[u8]) {
        let messages = self.lab.capture().settled();
        let said = dialogue(&messages);
        match self.model.fault(self.scenario) {
            None => assert_eq!(said, expected),
            Some(fault) => {
                let short = messages.iter().any(|it| falls_short(it, &messages));
                assert!(short, "it no longer {fault}: {said:?}");
            }
        }
    }

    /// Tells what was said, and by whom, and what the server is known for.
    fn finish(self) {
        let said = dialogue(&self.lab.capture().settled());
        let words: Vec<_> = said.iter().map(|&kind| word(kind)).collect();
        let fault = self.model.fault(self.scenario).unwrap_or_default();
        // In one piece, so that no other test's words get between.
        let line = format!(
            "interop\t{}\t{}\t{}\t{}\t{fault}\n",
            self.model.name,
            self.scenario,
            self.server.name(),
            words.join(" ")
        );
        eprint!("{line}");
        if !fault.is_empty() {
            self.keep_evidence();
        }
        self.lab.finish(&[&self.server]);
    }

    /// Keeps the capture of a server's fault where `make interop` wants it.
    fn keep_evidence(&self) {
        if let Some(directory) = std::env::var_os("DHC6C_EVIDENCE") {
            let name = format!("{}-{}.pcap", self.model.name, self.scenario);
            let kept = std::path::Path::new(&directory).join(name);
            std::fs::copy(self.lab.capture().file(), kept).expect("a copy of the capture");
        }
    }
}

/// What the last Reply with leases grants.
fn granted(messages: &[Message]) -> Option<Leases> {
    let replies = kinds(messages, REPLY).map(leases);
    replies.filter(|(addresses, prefixes)| addresses.len() + prefixes.len() > 0).last()
}

fn leases(message: &Message) -> Leases {
    let prefixes = message.prefixes().into_iter().map(|prefix| prefix.prefix).collect();
    (message.addresses(), prefixes)
}

fn kernel_leases(lab: &Lab) -> Leases {
    let cpe = lab.world().cpe();
    let addresses = kernel::addresses(&cpe).iter().map(|address| address.address).collect();
    (addresses, kernel::unreachable(&cpe))
}

/// Whether a Reply refuses what it answers, or grants less.
fn falls_short(reply: &Message, messages: &[Message]) -> bool {
    let mut asked = messages.iter().filter(|it| it.xid == reply.xid && it.kind != REPLY);
    reply.kind == REPLY
        && asked.any(|asked| match asked.kind {
            CONFIRM => reply.refusal().is_some(),
            RENEW | REBIND => leases(reply) != leases(asked),
            _ => false,
        })
}

fn kinds(messages: &[Message], kind: u8) -> impl Iterator<Item = &Message> {
    messages.iter().filter(move |message| message.kind == kind)
}

fn order(client: &Client, words: &[&str]) {
    let output = client.launch().control(words);
    assert_eq!(code(output.status), 0, "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn word(kind: u8) -> &'static str {
    match kind {
        SOLICIT => "Solicit",
        ADVERTISE => "Advertise",
        REQUEST => "Request",
        CONFIRM => "Confirm",
        RENEW => "Renew",
        REBIND => "Rebind",
        REPLY => "Reply",
        RELEASE => "Release",
        INFORMATION_REQUEST => "Information-request",
        _ => "?",
    }
}
