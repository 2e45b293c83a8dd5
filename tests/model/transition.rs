//! What may happen to a client, and in which proportion it does.

use std::collections::BTreeSet;

use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::{MessageType, StatusCode};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::reference::Kind;

/// One thing that happens. Each can happen at any time, so that any part of
/// a failing history is a history too, and shrinks.
#[derive(Clone, Debug)]
pub enum Transition {
    /// A server answers what was asked last.
    Answer(Answer),
    /// Nothing comes for so many seconds.
    Silence(u32),
    /// Nothing comes until the next message leaves.
    Unanswered,
    /// The carrier goes or comes.
    Carrier(bool),
    /// The interface is another one of the same name.
    NewIndex,
    /// Duplicate address detection ends well.
    Usable,
    /// Another host has our address.
    Duplicate,
    /// Somebody types `renew`.
    Renew,
    /// Somebody types `rebind`.
    Rebind,
    /// Somebody types `release`.
    Release,
    /// Somebody types `restart`.
    Restart,
    /// The configuration wants these associations from now on.
    Configure(BTreeSet<Kind>),
    /// The process is killed, and a new one goes on with the kept record.
    Kill,
    /// The server asks for this message.
    Reconfigure(MessageType),
}

/// What a server says.
#[derive(Clone, Debug)]
pub struct Answer {
    /// To the IA_NA.
    pub address: Said,
    /// To the IA_PD.
    pub prefix: Said,
    /// Of the message as a whole.
    pub status: Option<StatusCode>,
    /// What is wrong with it.
    pub wrong: Option<Wrong>,
    /// Another server than usual says it.
    pub other_server: bool,
}

/// What a server says of an association.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    /// A lease with these times.
    Grant(Times),
    /// A lease of its own, beside what was asked for.
    Another(Times),
    /// No.
    Refuse(StatusCode),
    /// The association, and nothing in it.
    Empty,
    /// Nothing.
    Missing,
}

/// T1, T2 and lifetimes, in seconds.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Times {
    pub t1: Lifetime,
    pub t2: Lifetime,
    pub preferred: Lifetime,
    pub valid: Lifetime,
}

/// Why an answer is none.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Wrong {
    Transaction,
    NoClientId,
    OtherClientId,
    NoServerId,
    TwoServerIds,
    Type,
}

impl Transition {
    /// Its name, for the table of what was met.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::Silence(_) => "silence",
            Self::Unanswered => "unanswered",
            Self::Carrier(true) => "carrier on",
            Self::Carrier(false) => "carrier off",
            Self::NewIndex => "new index",
            Self::Usable => "usable",
            Self::Duplicate => "duplicate",
            Self::Renew => "renew",
            Self::Rebind => "rebind",
            Self::Release => "release",
            Self::Restart => "restart",
            Self::Configure(_) => "configure",
            Self::Kill => "kill",
            Self::Reconfigure(_) => "reconfigure",
        }
    }
}

/// The names of all transitions.
pub const NAMES: [&str; 15] = [
    "answer",
    "silence",
    "unanswered",
    "carrier on",
    "carrier off",
    "new index",
    "usable",
    "duplicate",
    "renew",
    "rebind",
    "release",
    "restart",
    "configure",
    "kill",
    "reconfigure",
];

/// A history.
pub fn transitions() -> impl Strategy<Value = Vec<Transition>> {
    vec(transition(), 1..40)
}

fn transition() -> impl Strategy<Value = Transition> {
    use MessageType as T;
    prop_oneof![
        10 => good().prop_map(Transition::Answer),
        5 => answer().prop_map(Transition::Answer),
        6 => Just(Transition::Unanswered),
        3 => prop_oneof![1..30_u32, 30..7200_u32].prop_map(Transition::Silence),
        1 => any::<bool>().prop_map(Transition::Carrier),
        1 => Just(Transition::Carrier(true)),
        1 => Just(Transition::NewIndex),
        2 => Just(Transition::Usable),
        4 => Just(Transition::Duplicate),
        1 => Just(Transition::Renew),
        1 => Just(Transition::Rebind),
        1 => Just(Transition::Release),
        1 => Just(Transition::Restart),
        1 => wanted().prop_map(Transition::Configure),
        1 => Just(Transition::Kill),
        4 => proptest::sample::select(&[T::Renew, T::Rebind, T::InformationRequest][..])
            .prop_map(Transition::Reconfigure),
    ]
}

/// What can be wanted: an address, a prefix or both.
pub fn wanted() -> impl Strategy<Value = BTreeSet<Kind>> {
    use Kind::{Address, Prefix};
    let choices = vec![vec![Address], vec![Prefix], vec![Address, Prefix]];
    proptest::sample::select(choices).prop_map(|kinds| kinds.into_iter().collect())
}

fn good() -> impl Strategy<Value = Answer> {
    times().prop_map(|times| Answer {
        address: Said::Grant(times),
        prefix: Said::Grant(times),
        status: None,
        wrong: None,
        other_server: false,
    })
}

fn answer() -> impl Strategy<Value = Answer> {
    use Wrong as W;
    let status = [StatusCode::UNSPEC_FAIL, StatusCode::NOT_ON_LINK, StatusCode::SUCCESS];
    let wrong =
        [W::Transaction, W::NoClientId, W::OtherClientId, W::NoServerId, W::TwoServerIds, W::Type];
    let status = proptest::option::weighted(0.2, proptest::sample::select(status.to_vec()));
    let wrong = proptest::option::weighted(0.2, proptest::sample::select(wrong.to_vec()));
    let other_server = proptest::bool::weighted(0.2);
    (
        said(StatusCode::NO_ADDRS_AVAIL),
        said(StatusCode::NO_PREFIX_AVAIL),
        status,
        wrong,
        other_server,
    )
        .prop_map(|(address, prefix, status, wrong, other_server)| Answer {
            address,
            prefix,
            status,
            wrong,
            other_server,
        })
}

fn said(none: StatusCode) -> impl Strategy<Value = Said> {
    let refusals = vec![none, StatusCode::NO_BINDING, StatusCode::UNSPEC_FAIL];
    prop_oneof![
        6 => times().prop_map(Said::Grant),
        1 => times().prop_map(Said::Another),
        2 => proptest::sample::select(refusals).prop_map(Said::Refuse),
        1 => Just(Said::Empty),
        1 => Just(Said::Missing),
    ]
}

fn times() -> impl Strategy<Value = Times> {
    let usual = [(1800, 2880, 3600, 7200), (0, 0, 3600, 7200), (0, 0, 30, 60), (300, 0, 600, 600)];
    let usual = proptest::sample::select(usual.to_vec());
    let time = || prop_oneof![4 => 0..10_000_u32, 1 => Just(0), 1 => Just(u32::MAX)];
    let any = (time(), time(), time(), time());
    prop_oneof![3 => usual, 2 => any].prop_map(|(t1, t2, preferred, valid)| Times {
        t1: Lifetime(t1),
        t2: Lifetime(t2),
        preferred: Lifetime(preferred),
        valid: Lifetime(valid),
    })
}
