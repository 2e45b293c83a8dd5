//! Values of a file: read by a table of known keys, with everything that is
//! wrong reported at once, each at its place.

use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

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
    #[inline(never)]
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
    Err(problem(span.start, why.into()))
}

#[inline(never)]
fn problem(at: usize, why: String) -> Vec<Problem> {
    vec![Problem { at, why }]
}

/// Takes what a value was read as, and remembers the line it stands on.
// Once for each type and not for each key: that is a router's flash.
#[inline(never)]
pub(super) fn put<T>(
    setting: &mut Setting<T>,
    node: &Node<'_>,
    text: Text<'_>,
    read: Read<T>,
) -> Read<()> {
    let (line, _) = text.position(node.span().start);
    *setting = Setting { value: read?, origin: Origin::File(line) };
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
            Some(Key { take: None, .. }) => refuse(name, None),
            None => refuse(name, Some(known.iter().map(|key| key.name).collect())),
        };
        problems.extend(taken.err().into_iter().flatten());
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Refuses a key that is not among the `known`, or not supported yet.
fn refuse(name: &Spanned<DeString<'_>>, known: Option<Vec<&str>>) -> Read<()> {
    let word = printable(name.get_ref());
    let why = match known {
        Some(known) => {
            format!("unknown key `{word}`{}", guess(name.get_ref(), known.into_iter()))
        }
        None => format!("`{word}` is not supported yet"),
    };
    wrong(name.span(), why)
}

fn guess<'n>(word: &str, known: impl Iterator<Item = &'n str>) -> String {
    nearest(word, known).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

/// What was expected, and what stands there instead.
fn expected<T>(node: &Node<'_>, what: &str) -> Read<T> {
    wrong(node.span(), format!("expected {what}, found {}", found(node)))
}

fn found(node: &Node<'_>) -> String {
    match node.get_ref() {
        DeValue::String(text) => format!("`{}`", printable(text)),
        DeValue::Integer(digits) => format!("`{}`", digits.as_str()),
        DeValue::Boolean(value) => format!("`{value}`"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
        DeValue::Float(_) | DeValue::Datetime(_) => format!("a {}", node.get_ref().type_str()),
    }
}

/// A text of the file on one line.
pub(super) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
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
    let chosen = choose(node, &|index| W::WORDS.get(index).map(|&(word, _)| word), W::LATER)?;
    match W::WORDS.get(chosen) {
        Some(&(_, value)) => Ok(value),
        None => expected(node, "a word"),
    }
}

/// Which of the words stands here; `word` gives them by number.
fn choose(
    node: &Node<'_>,
    word: &dyn Fn(usize) -> Option<&'static str>,
    later: &[&str],
) -> Read<usize> {
    let words: Vec<&str> = (0..).map_while(word).collect();
    let list = format!("`{}`", words.join("`, `"));
    let text = string(node, &list)?;
    if let Some(index) = words.iter().position(|word| *word == text) {
        return Ok(index);
    }
    if later.contains(&text) {
        return wrong(node.span(), format!("`{text}` is not supported yet"));
    }
    let found = printable(text);
    let guess = guess(text, words.into_iter());
    wrong(node.span(), format!("expected {list}, found `{found}`{guess}"))
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
