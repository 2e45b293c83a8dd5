//! Writes `docs/conformance.md` from the names of the tests that passed.
//!
//! ```text
//! cargo test 2>&1 | tee test.log
//! cargo run --example conformance -- docs test.log > docs/conformance.md
//! ```
//!
//! A test covers the requirements whose ids stand in its name, as `tx_05` in
//! `tx_04_tx_05_solicit_windows`, or a case of the IPv6 Ready suite, as
//! CE-1.1.16A in `ce_1_1_16_a_t1_and_t2_of_the_reply_count`. Beside the list of
//! requirements stand those that do not apply, or the parts of them that do
//! not, with the reason; the rows of bad input with their tests; the cases
//! where RFC 9915 overrules the suite; and the faults that show that the tests
//! bite. Ends with an error where a requirement has neither a test nor a
//! reason, or where a test of bad input or of a fault did not pass.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

/// A row of the list of requirements.
struct Requirement {
    id: String,
    section: String,
    level: String,
    text: String,
}

impl Requirement {
    fn cells(&self) -> [&str; 4] {
        [&self.id, &self.section, &self.level, &self.text]
    }
}

fn main() {
    let [_, directory, log] = &std::env::args().collect::<Vec<_>>()[..] else {
        eprintln!("usage: conformance DIRECTORY TEST-LOG");
        std::process::exit(2);
    };
    let read = |path: &str| {
        std::fs::read_to_string(path).unwrap_or_else(|error| {
            eprintln!("conformance: {path}: {error}");
            std::process::exit(1);
        })
    };
    let table = |name: &str| read(&format!("{directory}/{name}"));
    let requirements = requirements_of(&table("requirements.tsv"));
    let lists = Lists {
        reasons: rows(&table("not-applicable.tsv")),
        bad_input: rows(&table("bad-input.tsv")),
        verdicts: rows(&table("verdicts.tsv")),
        faults: rows(&table("faults.tsv")),
    };
    let (page, open) = page(&requirements, &lists, &passed(&read(log)));
    print!("{page}");
    if !open.is_empty() {
        eprintln!("conformance: no test that passed, and no reason: {}", open.join(", "));
        std::process::exit(1);
    }
}

/// What is written down beside the requirements.
struct Lists {
    /// What does not apply: the id, the part of its requirement (`-` for all
    /// of it), and the reason.
    reasons: Vec<Vec<String>>,
    /// What may come that is bad: the id, the input, what is to become of it,
    /// and the names of the tests.
    bad_input: Vec<Vec<String>>,
    /// Where RFC 9915 overrules the suite: cases, suite, RFC.
    verdicts: Vec<Vec<String>>,
    /// Deliberate faults: what is spoilt, how, and the test that sees it.
    faults: Vec<Vec<String>>,
}

/// The rows of a table, without its head.
fn rows(table: &str) -> Vec<Vec<String>> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| row.split('\t').map(str::to_owned).collect()).collect()
}

fn requirements_of(table: &str) -> Vec<Requirement> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let [id, section, level, text] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not four columns: {row}");
        };
        let [id, section, level, text] = [id, section, level, text].map(str::to_owned);
        Requirement { id, section, level, text }
    })
    .collect()
}

/// The names of the tests that passed, with the binary they are in. What other
/// threads have written may stand before a test, or between it and its verdict.
fn passed(log: &str) -> BTreeSet<String> {
    let mut tier = "unit";
    let mut tests = BTreeSet::new();
    let mut last = "";
    for line in log.lines().map(str::trim) {
        let mut verdict = line;
        if let Some(binary) = line.strip_prefix("Running tests/") {
            tier = binary.split(['/', '.']).next().unwrap_or("unit");
        } else if line.starts_with("Running unittests") || line.starts_with("Doc-tests") {
            tier = "unit";
        } else if let Some((name, after)) = test_of(line) {
            (last, verdict) = (name, after);
        }
        if verdict == "ok" && !last.is_empty() {
            tests.insert(format!("{tier} `{}`", last.rsplit("::").next().unwrap_or(last)));
        }
        if ["ok", "FAILED", "ignored"].contains(&verdict) {
            last = "";
        }
    }
    tests
}

/// The test in a line, and what stands after it.
fn test_of(line: &str) -> Option<(&str, &str)> {
    let (name, after) = line[line.find("test ")?..].strip_prefix("test ")?.split_once(" ... ")?;
    let name = name.trim();
    (!name.contains(' ')).then_some((name, after))
}

/// The ids in a test's name: `tx_04_tx_05_windows` has TX-04 and TX-05.
fn ids(test: &str) -> BTreeSet<String> {
    let words: Vec<_> = name_of(test).split('_').collect();
    let is_number = |word: &str| word.len() == 2 && word.bytes().all(|b| b.is_ascii_digit());
    let plain = words.windows(2).filter(|pair| is_number(pair[1]));
    plain
        .map(|pair| format!("{}-{}", pair[0].to_uppercase(), pair[1]))
        .chain((0..words.len()).filter_map(|at| case(&words[at..])))
        .collect()
}

/// A case of the suite at the front of some words: `ce`, three numbers, and a
/// letter for one of its parts.
fn case(words: &[&str]) -> Option<String> {
    let ["ce", group, section, number, rest @ ..] = words else { return None };
    let is_number = |word: &&&str| word.bytes().all(|b| b.is_ascii_digit());
    [group, section, number].iter().all(is_number).then_some(())?;
    let part = rest.first().filter(|word| word.len() == 1).map_or("", |word| word);
    Some(format!("CE-{group}.{section}.{number}{}", part.to_uppercase()))
}

/// A section with a table that grows by rows.
struct Table {
    title: String,
    rows: String,
}

impl Table {
    fn new(title: &str, columns: &[&str]) -> Self {
        let line = "|---".repeat(columns.len());
        let rows = format!("\n| {} |\n{line}|\n", columns.join(" | "));
        Self { title: format!("\n## {title}\n"), rows }
    }

    /// The section, with this text before its table.
    fn with(self, text: &str) -> String {
        [&self.title, text, &self.rows].concat()
    }

    fn row<'t>(&mut self, cells: impl IntoIterator<Item = &'t str>) {
        let cells: Vec<_> = cells.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
        self.rows.extend(["| ", &cells.join(" | "), " |\n"]);
    }
}

/// The page, and what has neither a test nor a reason.
fn page(
    requirements: &[Requirement],
    lists: &Lists,
    passed: &BTreeSet<String>,
) -> (String, Vec<String>) {
    let mut covering: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for test in passed {
        for id in ids(test) {
            covering.entry(id).or_default().push(test);
        }
    }
    let (covered, missing): (Vec<_>, Vec<_>) =
        requirements.iter().partition(|requirement| covering.contains_key(&requirement.id));
    let mut page = format!(
        "# Conformance to RFC 9915\n\n\
         Generated by `make conformance` from the tests that passed; the requirements are those of\n\
         `docs/requirements.tsv`. A requirement is covered when a test that bears its id passed;\n\
         what of it does not apply, or is not here, stands below with the reason.\n\n\
         {} of {} requirements are covered.\n",
        covered.len(),
        requirements.len()
    );
    let columns = ["id", "section", "level", "requirement"];
    let mut table = Table::new("Covered", &[&columns[..], &["tests"]].concat());
    for requirement in &covered {
        let tests = covering[&requirement.id].join("<br>");
        table.row(requirement.cells().into_iter().chain([&*tests]));
    }
    page.push_str(&table.with(""));

    let mut open = without_a_place(requirements, lists);
    let mut table = Table::new("Not here", &[&columns[..], &["why"]].concat());
    for requirement in missing {
        match lists.reasons.iter().find(|reason| reason[0] == requirement.id && reason[1] == "-") {
            Some(reason) => table.row(requirement.cells().into_iter().chain([&*reason[2]])),
            None => open.push(requirement.id.clone()),
        }
    }
    page.push_str(&table.with(""));
    let mut table = Table::new("Not here of what is covered", &["id", "part", "why"]);
    let parts = lists.reasons.iter().filter(|reason| reason[1] != "-");
    parts.for_each(|reason| table.row(reason.iter().map(String::as_str)));
    page.push_str(&table.with(""));
    page.push_str(&bad_input(&lists.bad_input, passed, &mut open));

    let columns = ["cases", "the suite (RFC 3315) expects", "RFC 9915 says, and we do"];
    let mut table = Table::new("Where RFC 9915 overrules the suite", &columns);
    lists.verdicts.iter().for_each(|row| table.row(row.iter().map(String::as_str)));
    page.push_str(&table.with(""));
    page.push_str(&faults(&lists.faults, passed, &mut open));
    (page, open)
}

/// Reasons that fit no requirement any more: of an unknown id, or of a part
/// that does not stand in the text.
fn without_a_place(requirements: &[Requirement], lists: &Lists) -> Vec<String> {
    let fits = |reason: &&Vec<String>| {
        let requirement = requirements.iter().find(|requirement| requirement.id == reason[0]);
        requirement.is_some_and(|it| reason[1] == "-" || it.text.contains(&reason[1]))
    };
    let lost = lists.reasons.iter().filter(|reason| !fits(reason));
    lost.map(|reason| format!("{} ({})", reason[0], reason[1])).collect()
}

/// The rows of bad input; one whose tests are none, or did not all pass, is
/// open.
fn bad_input(rows: &[Vec<String>], passed: &BTreeSet<String>, open: &mut Vec<String>) -> String {
    let columns = ["id", "what comes", "what is to become of it", "tests"];
    let mut table = Table::new("Bad input", &columns);
    for row in rows {
        let tests: Vec<_> = row[3]
            .split(' ')
            .map(|name| passed.iter().find(|test| name_of(test) == name))
            .collect();
        if tests.contains(&None) {
            open.push(row[0].clone());
        }
        let tests: Vec<_> = tests.into_iter().flatten().map(String::as_str).collect();
        let tests = tests.join("<br>");
        table.row(row[..3].iter().map(String::as_str).chain([&*tests]));
    }
    table.with("")
}

/// The deliberate faults; one whose test did not pass without it is open.
fn faults(rows: &[Vec<String>], passed: &BTreeSet<String>, open: &mut Vec<String>) -> String {
    const HOW: &str = "\nEach of these faults is put into the code by `make faults`, which fails \
                       where the test beside it\ndoes not; each check of a change puts in a part \
                       of them.\n";
    let mut table = Table::new("The tests bite", &["fault", "where", "test"]);
    for row in rows {
        let name = row[2].split(' ').nth(1).unwrap_or_default();
        if !passed.iter().any(|test| name_of(test).contains(name)) {
            open.push(format!("the fault `{}`", row[0]));
        }
        table.row(row[..3].iter().map(String::as_str));
    }
    table.with(HOW)
}

/// The name of a test without its tier.
fn name_of(test: &str) -> &str {
    test.split('`').nth(1).unwrap_or_default()
}
