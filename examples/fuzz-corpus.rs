//! Writes the seed corpus of the fuzz targets:
//!
//! ```text
//! cargo run --example fuzz-corpus -- fuzz/corpus
//! ```
//!
//! The seeds are messages that real servers sent (the captures in
//! `docs/interop`), what the model server of the simulation answers in each
//! state, and what went wrong in other clients. Inputs that a fuzzer has found
//! stay beside them; see `fuzz/README.md`.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a program, not a library")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "it may panic")]

#[path = "fuzz-corpus/captures.rs"]
mod captures;
#[path = "../fuzz/src/checks/mod.rs"]
mod checks;
#[path = "../tests/sim/grammar.rs"]
mod grammar;
#[path = "fuzz-corpus/hostile.rs"]
mod hostile;
#[path = "../tests/sim/server/mod.rs"]
mod server;
#[path = "../tests/sim/shown.rs"]
mod shown;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use checks::{engine, ipv4, lease, script, subject};
use dhc6c_core::snapshot::{StateName, V4State};
use dhc6c_core::time::Duration;
use dhc6c_core::wire::MessageType;
use dhc6c_core::wire::v4::Kind;

/// Longer seeds would only be slower.
const LONGEST: usize = 2048;
/// Both kinds of leases, one prefix.
const BOTH: u8 = 1;

fn main() {
    let [_, directory] = &std::env::args().collect::<Vec<_>>()[..] else {
        panic!("usage: fuzz-corpus DIRECTORY");
    };
    let corpus = |target: &str| Corpus::new(&Path::new(directory).join(target));
    let answers = answers();
    decoder(corpus("decoder"), &answers);
    engine(corpus("engine"), &answers);
    ipv4(corpus("ipv4"));
    let mut router = corpus("router");
    hostile::advertisements().into_iter().for_each(|octets| router.add("advertisement", octets));
    leases(corpus("lease"));
    let mut control = corpus("control");
    hostile::requests().into_iter().for_each(|line| control.add("request", line));
}

/// The seeds of one target; each stands there once.
struct Corpus {
    directory: PathBuf,
    seen: BTreeSet<Vec<u8>>,
}

impl Corpus {
    fn new(directory: &Path) -> Self {
        fs::create_dir_all(directory).expect("a directory");
        Self { directory: directory.to_owned(), seen: BTreeSet::new() }
    }

    fn add(&mut self, what: &str, octets: Vec<u8>) {
        if octets.len() > LONGEST || !self.seen.insert(octets.clone()) {
            return;
        }
        let name = format!("{what}-{:03}", self.seen.len());
        fs::write(self.directory.join(name), octets).expect("a seed");
    }
}

/// What the model server says to a client in each state.
fn answers() -> Vec<(StateName, Vec<u8>)> {
    let mut answers = Vec::new();
    for &state in StateName::at_work() {
        for choices in [BOTH, BOTH | 4] {
            let mut subject = engine::at(state, choices, 1);
            let Some(question) = subject.last.clone() else { continue };
            let octets = question.encode().expect("it was sent");
            subject.server.config.rapid_commit = choices != BOTH;
            let (now, client) = (subject.now, subject::CLIENT);
            let said = subject.server.handle(now, client, &octets);
            answers.extend(said.into_iter().map(|answer| (state, answer.octets)));
            if choices == BOTH {
                for kind in
                    [MessageType::Renew, MessageType::Rebind, MessageType::InformationRequest]
                {
                    let octets = subject.server.reconfigure(&subject.config.duid, kind);
                    answers.push((state, octets));
                }
            }
        }
    }
    answers
}

fn decoder(mut corpus: Corpus, answers: &[(StateName, Vec<u8>)]) {
    captures::messages(Path::new("docs/interop"))
        .into_iter()
        .for_each(|m| corpus.add("capture", m));
    answers.iter().for_each(|(_, octets)| corpus.add("model", octets.clone()));
    for (_, octets) in answers.iter().step_by(14) {
        hostile::variants(octets).into_iter().for_each(|octets| corpus.add("hostile", octets));
    }
}

/// Each answer in its state, as it is and spoilt; and lives of several steps.
fn engine(mut corpus: Corpus, answers: &[(StateName, Vec<u8>)]) {
    for (state, octets) in answers {
        let number = StateName::at_work().iter().position(|known| known == state).expect("a state");
        let number = u8::try_from(number).expect("ten states");
        let seed = |happenings: &[u8]| [&[number, BOTH, 1], happenings].concat();
        corpus.add("answer", seed(&script::answer(octets)));
        for spoilt in hostile::variants(octets).into_iter().step_by(13) {
            corpus.add("hostile", seed(&script::answer(&spoilt)));
        }
        // Answered, then silence until everything has ended; then commands.
        let long = [&script::answer(octets)[..], &[5, 5, 4, 20, 3, 1, 4, 14]].concat();
        corpus.add("life", seed(&long));
        let commands =
            [&[3, 1, 6, 0, 6, 1, 7, 0][..], &script::answer(octets), &[7, 6, 7, 7, 7, 3]];
        corpus.add("commands", seed(&commands.concat()));
    }
}

/// The same for DHCPv4: each answer in each state, as another kind, and cut;
/// and lives of several steps.
fn ipv4(mut corpus: Corpus) {
    for (number, state) in (0..).zip(ipv4::STATES) {
        for choices in 0..4 {
            let mut subject = ipv4::at(state, choices, 1);
            let asking = ipv4::at(V4State::Selecting, choices, 1);
            let question = subject.last_query.clone().or(asking.last_query).expect("it asks");
            let (now, client) = (subject.now, subject::CLIENT);
            for kind in [None, Some(Kind::Offer), Some(Kind::Ack), Some(Kind::Nak)] {
                subject.server.v4().dials.wrong_kind = kind;
                for answer in subject.server.handle(now, client, &question) {
                    let octets = answer.octets;
                    let seed = |rest: &[u8]| [&[number, choices, 1], rest].concat();
                    corpus.add("answer", seed(&script::answer(&octets)));
                    corpus.add("cut", seed(&script::answer(&octets[..octets.len() * 4 / 5])));
                    let life = [&script::answer(&octets)[..], &[5, 5, 4, 20, 3, 1, 4, 14, 7, 6]];
                    corpus.add("life", seed(&life.concat()));
                }
            }
        }
    }
}

fn leases(mut corpus: Corpus) {
    for &state in StateName::at_work() {
        for choices in 0..3 {
            let mut subject = engine::at(state, choices, 1);
            for _ in 0..2 {
                let Some(record) = subject.kept.clone() else { break };
                let whole = lease::file(&subject.config.duid, record);
                let text = String::from_utf8(whole.clone()).expect("JSON");
                corpus.add("kept", whole.clone());
                corpus.add("torn", whole[..whole.len() * 2 / 3].to_vec());
                corpus.add("future", text.replace("\"version\":1", "\"version\":2").into_bytes());
                corpus.add(
                    "reboot",
                    text.replace("\"boot\":\"this\"", "\"boot\":\"x\"").into_bytes(),
                );
                subject.advance(Duration::from_secs(4000));
            }
        }
    }
}
