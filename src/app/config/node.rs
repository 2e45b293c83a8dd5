//! Values of a file: read by a table of known keys, with everything that is
//! wrong reported at once, each at its place.

use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::app::nearest::nearest;

use super::setting::{Origin, Setting};
use super::word::Word;

/// A value and where it stands.
pub(super) type Node<'t> = Spanned<DeValue<'t>>;

/// Something wrong, at an octet of the file.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) why: String,
}

/// What was read, or everything that is wrong with it.
pub(super) type Read<T> = Result<T, Vec<Problem>>;

/// Takes a value into the settings `T`.
pub(super) type Take<T> = fn(&mut T, &Node<'_>, Text<'_>) -> Read<()>;

/// A key that a table may have.
pub(super) struct Key<T: 'static> {
    pub(super) name: &'static str,
    /// `None` where the feature is not built yet.
    pub(super) take: Option<Take<T>>,
}

impl<T> Key<T> {
    pub(super) const fn new(name: &'static str, take: Take<T>) -> Self {
        Self { name, take: Some(take) }
    }

    pub(super) const fn later(name: &'static str) -> Self {
        Self { name, take: None }
    }
}

/// The text of a file, for positions in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t>(pub(super) &'t str);

impl Text<'_> {
    /// Line and column of an octet, both from 1; columns are characters.
    pub(super) fn position(self, at: usize) -> (usize, usize) {
        // Spans begin and end at characters; the file's end stands in for
        // whatever else could come.
        let before = self.0.get(..at).unwrap_or(self.0);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.matches('\n').count() + 1;
        (line, before.get(start..).map_or(0, |line| line.chars().count()) + 1)
    }
}

/// One problem at a place.
pub(super) fn wrong<T>(span: Range<usize>, why: impl Into<String>) -> Read<T> {
    Err(vec![Problem { at: span.start, why: why.into() }])
}

/// Takes what a reader makes of a value, and remembers the line.
pub(super) fn put<T>(
    setting: &mut Setting<T>,
    node: &Node<'_>,
    text: Text<'_>,
    read: impl FnOnce(&Node<'_>) -> Read<T>,
) -> Read<()> {
    let (line, _) = text.position(node.span().start);
    *setting = Setting { value: read(node)?, origin: Origin::File(line) };
    Ok(())
}

/// Takes in every key of a table. What is wrong with one keeps no other from
/// being read.
pub(super) fn walk<T>(
    table: &DeTable<'_>,
    known: &[Key<T>],
    target: &mut T,
    text: Text<'_>,
) -> Read<()> {
    let mut problems = Vec::new();
    for (name, node) in table {
        let taken = match known.iter().find(|key| key.name == name.get_ref().as_ref()) {
            Some(Key { take: Some(take), .. }) => take(target, node, text),
            Some(Key { name: word, take: None }) => {
                wrong(name.span(), format!("`{word}` is not supported yet"))
            }
            None => wrong(name.span(), unknown(name.get_ref(), known)),
        };
        problems.extend(taken.err().into_iter().flatten());
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn unknown<T>(name: &str, known: &[Key<T>]) -> String {
    let names = known.iter().map(|key| key.name);
    format!("unknown key `{}`{}", name.escape_debug(), guess(name, names))
}

fn guess<'n>(word: &str, known: impl Iterator<Item = &'n str>) -> String {
    nearest(word, known).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

/// What was expected, and what stands there instead.
fn expected<T>(node: &Node<'_>, what: &str) -> Read<T> {
    let found = match node.get_ref() {
        DeValue::String(text) => format!("`{}`", text.escape_debug()),
        DeValue::Integer(digits) => format!("`{}`", digits.as_str()),
        DeValue::Boolean(value) => format!("`{value}`"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
        DeValue::Float(_) | DeValue::Datetime(_) => format!("a {}", node.get_ref().type_str()),
    };
    wrong(node.span(), format!("expected {what}, found {found}"))
}

/// `true` or `false`.
pub(super) fn boolean(node: &Node<'_>) -> Read<bool> {
    match node.get_ref() {
        DeValue::Boolean(value) => Ok(*value),
        _ => expected(node, "`true` or `false`"),
    }
}

/// A text; `what` says which.
pub(super) fn string<'n>(node: &'n Node<'_>, what: &str) -> Read<&'n str> {
    match node.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => expected(node, what),
    }
}

/// A whole number within a range.
pub(super) fn number(node: &Node<'_>, range: RangeInclusive<u32>) -> Read<u32> {
    if let DeValue::Integer(digits) = node.get_ref()
        && let Ok(number) = u32::from_str_radix(digits.as_str(), digits.radix())
        && range.contains(&number)
    {
        return Ok(number);
    }
    let (least, most) = range.into_inner();
    expected(node, &format!("a number from {least} to {most}"))
}

/// A text that means something else; `what` says what.
pub(super) fn parsed<T: FromStr>(node: &Node<'_>, what: &str) -> Read<T> {
    string(node, what)?.parse().or_else(|_| expected(node, what))
}

/// One word of a list.
pub(super) fn word<W: Word>(node: &Node<'_>) -> Read<W> {
    let words = || W::WORDS.iter().map(|&(word, _)| word);
    let list = || words().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let DeValue::String(text) = node.get_ref() else {
        return expected(node, &list());
    };
    if let Some(&(_, value)) = W::WORDS.iter().find(|(word, _)| word == text) {
        return Ok(value);
    }
    if W::LATER.iter().any(|word| word == text) {
        return wrong(node.span(), format!("`{text}` is not supported yet"));
    }
    expected::<W>(node, &list()).map_err(|mut problems| {
        problems.iter_mut().for_each(|problem| problem.why += &guess(text, words()));
        problems
    })
}

/// A list, each of its entries by a reader.
pub(super) fn list<T>(
    node: &Node<'_>,
    what: &str,
    read: impl Fn(&Node<'_>) -> Read<T>,
) -> Read<Vec<T>> {
    let DeValue::Array(entries) = node.get_ref() else {
        return expected(node, what);
    };
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for entry in entries {
        match read(entry) {
            Ok(value) => values.push(value),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// A table; `what` says which.
pub(super) fn table<'n, 't>(node: &'n Node<'t>, what: &str) -> Read<&'n DeTable<'t>> {
    match node.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => expected(node, what),
    }
}
