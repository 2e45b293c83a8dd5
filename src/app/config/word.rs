//! Values that are one word of a list.

use dhc6c_core::engine::{NameUpdate, Quirk};
use dhc6c_core::snapshot::Mode;

use crate::app::cli::InitialDelay;
use crate::app::log::{Format, Verbosity};
use crate::os::resolver::Choice;

/// A value that is written as one word.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// Every word and what it means.
    const WORDS: &'static [(&'static str, Self)];
    /// Words of the contract that mean nothing yet.
    const LATER: &'static [&'static str] = &[];

    /// How it is written.
    fn word(self) -> &'static str {
        // Every value is in the table; the test below sees to it.
        Self::WORDS.iter().find(|(_, known)| *known == self).map_or("", |&(word, _)| word)
    }
}

/// Whether an address is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AddressWish {
    /// Asked for; nothing hangs on it.
    Try,
    /// Asked for; a server that gives none is none to deal with.
    Require,
    /// Not asked for.
    None,
}

/// What a hook expects to be told, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Style {
    /// In our own words.
    Native,
}

/// What a hook can be run for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct EventName(pub(crate) &'static str);

impl Word for Mode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("stateful", Self::Stateful), ("stateless", Self::Stateless), ("auto", Self::Auto)];
}

impl Word for AddressWish {
    const WORDS: &'static [(&'static str, Self)] =
        &[("try", Self::Try), ("require", Self::Require), ("none", Self::None)];
}

impl Word for NameUpdate {
    const WORDS: &'static [(&'static str, Self)] =
        &[("server", Self::Server), ("client", Self::Client), ("none", Self::None)];
}

impl Word for Quirk {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::RefusedSpoilsRenew.as_str(), Self::RefusedSpoilsRenew),
        (Self::LengthSpoilsLease.as_str(), Self::LengthSpoilsLease),
    ];
}

impl Word for InitialDelay {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("always", Self::Always), ("never", Self::Never)];
}

impl Word for Choice {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("resolved", Self::Resolved),
        ("resolvconf", Self::Resolvconf),
        ("none", Self::None),
    ];
    const LATER: &'static [&'static str] = &["file"];
}

impl Word for Verbosity {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("warning", Self::Quiet),
        ("info", Self::Normal),
        ("debug", Self::Verbose),
        ("trace", Self::All),
    ];
}

impl Word for Format {
    const WORDS: &'static [(&'static str, Self)] =
        &[("pretty", Self::Pretty), ("plain", Self::Plain), ("json", Self::Json)];
}

impl Word for Style {
    const WORDS: &'static [(&'static str, Self)] = &[("native", Self::Native)];
    const LATER: &'static [&'static str] = &["odhcp6c", "dhclient", "dhcpcd"];
}

impl Word for EventName {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("started", Self("started")),
        ("bound", Self("bound")),
        ("updated", Self("updated")),
        ("rebound", Self("rebound")),
        ("informed", Self("informed")),
        ("ra-updated", Self("ra-updated")),
        ("prefix-replaced", Self("prefix-replaced")),
        ("dad-failed", Self("dad-failed")),
        ("dhcp4o6-bound", Self("dhcp4o6-bound")),
        ("dhcp4o6-unbound", Self("dhcp4o6-unbound")),
        ("softwire-up", Self("softwire-up")),
        ("softwire-down", Self("softwire-down")),
        ("unbound", Self("unbound")),
        ("stopped", Self("stopped")),
    ];
}
