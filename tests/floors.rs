//! What the sources may name: the floors of `src/core/lib.rs` and a few
//! rules of the house. Comments and strings do not count, except where text
//! itself is what is looked for. Each check has a test that shows it bites.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Longer files have a second room inside.
const LONGEST_FILE: usize = 700;

/// A breach: where and what.
#[derive(Debug, Eq, PartialEq)]
struct Breach {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A source file: its path from the top of the package, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The code without comments, strings and characters; lines stay.
    fn code(&self) -> String {
        strip(&self.text)
    }

    /// The code before the tests.
    fn code_without_tests(&self) -> String {
        let code = self.code();
        match code.find("#[cfg(test)]") {
            Some(tests) => code[..tests].to_owned(),
            None => code,
        }
    }

    fn is_under(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// Breaches for every line of `code` that holds one of these names.
    fn naming(&self, code: &str, names: &[&str]) -> Vec<Breach> {
        let lines = code.lines().enumerate();
        let breach = |(index, line): (usize, &str)| {
            let name = names.iter().find(|name| holds(line, name))?;
            Some(self.breach(index + 1, format!("names `{name}`")))
        };
        lines.filter_map(breach).collect()
    }

    fn breach(&self, line: usize, what: impl Into<String>) -> Breach {
        Breach { path: self.path.clone(), line, what: what.into() }
    }
}

// The checks.

/// The core is deterministic: no clock, no socket, no file, no runtime, no
/// shared mutability.
fn core_names_no_world(source: &Source) -> Vec<Breach> {
    const WORLD: [&str; 21] = [
        "tokio",
        "rtnetlink",
        "nix",
        "socket2",
        "libc",
        "std::fs",
        "std::process",
        "std::thread",
        "std::time",
        "std::env",
        "std::io",
        "std::{",
        "UdpSocket",
        "TcpStream",
        "SystemTime",
        "Instant::now",
        "rand::rng",
        "thread_rng",
        "getrandom",
        "Rc<RefCell",
        "Arc<Mutex",
    ];
    if source.is_under("src/core/") { source.naming(&source.code(), &WORLD) } else { vec![] }
}

/// Imports run one way: engine, wants, wire, values.
fn floors_import_downwards(source: &Source) -> Vec<Breach> {
    const VALUES: [&str; 7] = ["time", "rng", "prefix", "port_set", "ident", "link", "reason"];
    const WANTS: [&str; 2] = ["desired", "snapshot"];
    let is_one_of =
        |names: &[&str]| names.iter().any(|name| source.path == format!("src/core/{name}.rs"));
    let above: &[&str] = if is_one_of(&VALUES) {
        &["crate::{", "crate::wire", "crate::desired", "crate::snapshot", "crate::engine"]
    } else if source.is_under("src/core/wire/") {
        &["crate::{", "crate::desired", "crate::snapshot", "crate::engine"]
    } else if is_one_of(&WANTS) {
        &["crate::{", "crate::engine"]
    } else {
        &[]
    };
    source.naming(&source.code(), above)
}

/// Only `engine/iface.rs` imports sibling engines.
fn engines_do_not_know_each_other(source: &Source) -> Vec<Breach> {
    const ENGINES: [&str; 7] = ["v6", "v4", "dhcp4o6", "ra", "pd", "softwire", "iface"];
    let Some(place) = source.path.strip_prefix("src/core/engine/") else { return vec![] };
    let is_theirs = place.starts_with("iface/");
    if is_theirs || matches!(place, "iface.rs" | "iface_tests.rs" | "mod.rs") {
        return vec![];
    }
    let own = place.split(['/', '.']).next().unwrap_or_default();
    // From a file of the engine's own folder, its siblings are two up.
    let up = if place.contains('/') { "super::super::" } else { "super::" };
    let siblings = ENGINES.iter().filter(|engine| **engine != own);
    let names: Vec<_> = siblings
        .flat_map(|engine| [format!("crate::engine::{engine}::"), format!("{up}{engine}::")])
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    source.naming(&source.code(), &names)
}

/// The adapters see what is wanted and never who wants it; nobody below the
/// application knows of it.
fn shell_imports_downwards(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if source.is_under("src/os/") {
        breaches.extend(source.naming(&source.code(), &["engine"]));
    }
    if source.is_under("src/os/") || source.is_under("src/core/") {
        breaches.extend(source.naming(&source.code(), &["crate::app"]));
    }
    breaches
}

/// What the compiler cannot check stands in one file.
fn unsafe_code_has_one_home(source: &Source) -> Vec<Breach> {
    let exempt = !source.is_under("src/") || source.path == "src/os/raw.rs";
    if exempt { vec![] } else { source.naming(&source.code(), &["unsafe"]) }
}

/// No file of the sources is longer than it should be.
fn files_are_short(source: &Source) -> Vec<Breach> {
    let lines = source.text.lines().count();
    if source.is_under("src/") && lines > LONGEST_FILE {
        return vec![source.breach(lines, format!("has more than {LONGEST_FILE} lines"))];
    }
    vec![]
}

/// Nothing in the decoder can panic.
fn wire_cannot_panic(source: &Source) -> Vec<Breach> {
    const PANICS: [&str; 7] =
        [".unwrap()", ".expect(", "panic!", "unreachable!", "todo!", "unimplemented!", "assert!"];
    let is_tests = source.path.ends_with("_tests.rs");
    if !source.is_under("src/core/wire/") || is_tests {
        return vec![];
    }
    let code = source.code_without_tests();
    let indexed = code.lines().enumerate().filter(|(_, line)| indexes(line));
    let indexed = indexed.map(|(index, _)| source.breach(index + 1, "indexes"));
    source.naming(&code, &PANICS).into_iter().chain(indexed).collect()
}

/// The text of the project speaks of the project alone.
fn text_names_no_machine(source: &Source) -> Vec<Breach> {
    // In two pieces, or this file would be a breach.
    let machine = [concat!("/wo", "rk/"), concat!("sha", "red/")];
    let holds_one = |line: &str| machine.iter().copied().find(|path| starts_a_path(line, path));
    let lines = source.text.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            holds_one(line).map(|path| source.breach(index + 1, format!("names `{path}`")))
        })
        .collect()
}

// Reading code.

/// `line` holds `name` with no letter, digit or underscore on either side
/// where the name itself ends in one.
fn holds(line: &str, name: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(name).any(|(start, _)| {
        let before = line[..start].chars().next_back().is_some_and(is_word);
        let after = line[start + name.len()..].chars().next().is_some_and(is_word);
        let (first, last) = (name.chars().next(), name.chars().next_back());
        let within = before && first.is_some_and(is_word) || after && last.is_some_and(is_word);
        !within
    })
}

/// `line` holds `path`, and not as the end of a longer word.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path)
        .any(|(start, _)| !line[..start].chars().next_back().is_some_and(char::is_alphanumeric))
}

/// An opening bracket right after something that has a value.
fn indexes(line: &str) -> bool {
    line.match_indices('[').any(|(start, _)| {
        line[..start].chars().next_back().is_some_and(|character| {
            character.is_alphanumeric() || matches!(character, '_' | ')' | ']' | '?')
        })
    })
}

/// Blanks out comments, strings and characters; line ends stay.
fn strip(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut index = 0;
    while index < characters.len() {
        let rest = &characters[index..];
        let length = comment(rest).or_else(|| string(rest)).or_else(|| character(rest));
        match length {
            Some(length) => {
                let skipped = &rest[..length];
                code.extend(skipped.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
                index += length;
            }
            None => {
                // A whole word at once, so that the r of `for` starts no
                // raw string.
                let word = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
                let length = if raw_string(rest).is_some() { 1 } else { word.max(1) };
                code.extend(&rest[..length]);
                index += length;
            }
        }
    }
    code
}

fn comment(text: &[char]) -> Option<usize> {
    match text {
        ['/', '/', ..] => Some(text.iter().take_while(|c| **c != '\n').count()),
        ['/', '*', ..] => {
            let (mut depth, mut index) = (0, 0);
            while index < text.len() {
                match text[index..] {
                    ['/', '*', ..] => (depth, index) = (depth + 1, index + 2),
                    ['*', '/', ..] => (depth, index) = (depth - 1, index + 2),
                    _ => index += 1,
                }
                if depth == 0 {
                    break;
                }
            }
            Some(index)
        }
        _ => None,
    }
}

fn string(text: &[char]) -> Option<usize> {
    match text {
        ['"', rest @ ..] => {
            let mut index = 0;
            while index < rest.len() && rest[index] != '"' {
                index += if rest[index] == '\\' { 2 } else { 1 };
            }
            Some((index + 2).min(text.len()))
        }
        ['b' | 'c', '"', ..] => string(&text[1..]).map(|length| length + 1),
        _ => raw_string(text),
    }
}

fn raw_string(text: &[char]) -> Option<usize> {
    let start = match text {
        ['r', ..] => 1,
        ['b' | 'c', 'r', ..] => 2,
        _ => return None,
    };
    let hashes = text[start..].iter().take_while(|c| **c == '#').count();
    if text.get(start + hashes) != Some(&'"') {
        return None;
    }
    let body = start + hashes + 1;
    let end = (body..text.len()).find(|&index| {
        text[index] == '"'
            && text[index + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    });
    Some(end.map_or(text.len(), |end| end + 1 + hashes))
}

/// A character, and not a lifetime.
fn character(text: &[char]) -> Option<usize> {
    match text {
        ['\'', '\\', ..] => {
            let end = text.iter().skip(3).position(|c| *c == '\'')?;
            Some(end + 4)
        }
        ['\'', _, '\'', ..] => Some(3),
        ['b', '\'', ..] => character(&text[1..]).map(|length| length + 1),
        _ => None,
    }
}

// Reading files.

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All text files of the package, without what is built or hidden.
fn texts() -> Vec<Source> {
    let mut texts = Vec::new();
    walk(&top(), &mut texts);
    assert!(texts.iter().any(|source| source.path == "src/core/lib.rs"), "the sources are there");
    texts
}

fn walk(folder: &Path, texts: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let skipped = matches!(name.as_str(), "target" | ".git" | "Cargo.lock");
        if skipped || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(&path, texts);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(top()).expect("it is in the package");
            texts.push(Source { path: path.to_string_lossy().into_owned(), text });
        }
    }
}

fn assert_none(check: impl Fn(&Source) -> Vec<Breach>, only_rust: bool) {
    let of_interest = |source: &&Source| !only_rust || source.path.ends_with(".rs");
    let texts = texts();
    let breaches: Vec<_> = texts.iter().filter(of_interest).flat_map(check).collect();
    let lines: Vec<_> = breaches.iter().map(ToString::to_string).collect();
    assert!(breaches.is_empty(), "\n{}", lines.join("\n"));
}

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

/// The check finds something in the second and nothing in the third.
fn assert_bites(check: impl Fn(&Source) -> Vec<Breach>, path: &str, bad: &[&str], good: &[&str]) {
    for text in bad {
        assert_eq!(check(&source(path, text)).len(), 1, "{path} with {text:?}");
    }
    for text in good {
        assert_eq!(check(&source(path, text)), [], "{path} with {text:?}");
    }
}

#[test]
fn the_core_names_no_clock_no_socket_and_no_runtime() {
    assert_bites(
        core_names_no_world,
        "src/core/engine/v6/mod.rs",
        &[
            "use tokio::net;",
            "use std::time::Instant;",
            "let now = Instant::now();",
            "use std::net::{Ipv6Addr, UdpSocket};",
            "use std::{fs, io};",
            "cell: Rc<RefCell<u8>>,",
            "let mut rng = rand::rng();",
        ],
        &[
            "// tokio is not named here",
            "let text = \"std::fs\";",
            "use std::net::Ipv6Addr;",
            "let phoenix = 1;",
            "use core::time::Duration;",
        ],
    );
    assert_bites(core_names_no_world, "src/app/run.rs", &[], &["use tokio::net;"]);
    assert_none(core_names_no_world, true);
}

#[test]
fn the_floors_of_the_core_import_downwards() {
    let check = floors_import_downwards;
    assert_bites(check, "src/core/time.rs", &["use crate::wire::Status;"], &["use crate::rng;"]);
    assert_bites(check, "src/core/wire/name.rs", &["use crate::engine;"], &["use crate::ident;"]);
    assert_bites(check, "src/core/desired.rs", &["use crate::engine;"], &["use crate::wire;"]);
    assert_bites(check, "src/core/engine/mod.rs", &[], &["use crate::wire;"]);
    assert_none(check, true);
}

#[test]
fn only_the_interface_imports_sibling_engines() {
    let check = engines_do_not_know_each_other;
    assert_bites(
        check,
        "src/core/engine/v6/mod.rs",
        &["use crate::engine::pd::Plan;", "use super::super::ra::Router;"],
        &["use crate::engine::retx;", "use super::ra::Local;", "use crate::engine::v6::Client;"],
    );
    assert_bites(check, "src/core/engine/ra.rs", &["use super::v6::Client;"], &["use super::Why;"]);
    assert_bites(check, "src/core/engine/iface.rs", &[], &["use super::v6::Client;"]);
    assert_none(check, true);
}

#[test]
fn adapters_see_no_engine_and_nobody_sees_the_application() {
    let check = shell_imports_downwards;
    assert_bites(
        check,
        "src/os/link.rs",
        &["use dhc6c_core::engine::Input;", "use crate::app::run;"],
        &["use dhc6c_core::desired::Desired;", "let engineer = 1;"],
    );
    assert_bites(check, "src/app/run.rs", &[], &["use dhc6c_core::engine::Input;"]);
    assert_none(check, true);
}

#[test]
fn unsafe_code_stands_in_one_file() {
    let check = unsafe_code_has_one_home;
    assert_bites(check, "src/os/udp.rs", &["unsafe { f() }"], &["#![forbid(unsafe_code)]"]);
    assert_bites(check, "src/os/raw.rs", &[], &["unsafe { f() }"]);
    assert_none(check, true);
}

#[test]
fn no_source_file_is_too_long() {
    let (long, short) = ("\n".repeat(LONGEST_FILE + 1), "\n".repeat(LONGEST_FILE));
    assert_bites(files_are_short, "src/main.rs", &[&long], &[&short]);
    assert_none(files_are_short, true);
}

#[test]
fn nothing_in_the_decoder_can_panic() {
    assert_bites(
        wire_cannot_panic,
        "src/core/wire/frame.rs",
        &[
            "let a = b.unwrap();",
            "let a = b.expect(\"x\");",
            "panic!(\"x\")",
            "let a = octets[0];",
            "let a = f()[1..];",
            "let a = b?[0];",
        ],
        &[
            "let a = b.unwrap_or(0);",
            "let [a, b] = pair;",
            "fn f(a: &[u8]) -> [u8; 4] { vec![0] }",
            "#[cfg(test)]\nmod tests { fn f() { a.unwrap(); } }",
            "// octets[0].unwrap()",
        ],
    );
    assert_none(wire_cannot_panic, true);
}

#[test]
fn the_text_speaks_of_the_project_alone() {
    let machine = [concat!("see /wo", "rk/main"), concat!("../sha", "red/design")];
    assert_bites(text_names_no_machine, "docs/x.md", &machine, &["/usr/share/doc", "work/life"]);
    assert_none(text_names_no_machine, false);
}

#[test]
fn comments_strings_and_characters_are_blanked() {
    let cases = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("f(\"a\\\"b\") c", "f(      ) c"),
        ("r#\"a\"b\"# c", "         c"),
        ("b\"a\" 'x' c", "         c"),
        ("'\\'' '\\u{1f}' c", "              c"),
        ("&'a str", "&'a str"),
        ("for \"a\" in", "for     in"),
        ("r#type", "r#type"),
    ];
    for (text, expected) in cases {
        assert_eq!(strip(text), expected, "{text:?}");
    }
}
