//! A value that knows where it came from.

use std::fmt;

/// Where a value came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// This line of the file, from 1.
    File(usize),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(line) => write!(f, "file:{line}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A value and where it came from.
///
/// Two settings are equal when their values are: moving a line in the file
/// changes nothing.
#[derive(Clone, Debug)]
pub(crate) struct Setting<T> {
    /// The value in effect.
    pub(crate) value: T,
    /// Who said so.
    pub(crate) origin: Origin,
}

impl<T> Setting<T> {
    /// What holds when nobody says anything.
    pub(crate) const fn default(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// Takes a value of the command line over any other.
    pub(crate) fn override_with(&mut self, flag: Option<T>) {
        if let Some(value) = flag {
            *self = Self { value, origin: Origin::Flag };
        }
    }
}

impl<T: PartialEq> PartialEq for Setting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
