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
//! requirements stand those that do not apply, with the reason, the cases
//! where RFC 9915 overrules the suite, and the faults that show that the tests
//! bite. Ends with an error where a requirement has neither a test nor a
//! reason.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

/// A row of the list of requirements.
struct Requirement {
    id: String,
    section: String,
    level: String,
    text: String,
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
        verdicts: rows(&table("verdicts.tsv")),
        faults: rows(&table("faults.tsv")),
    };
    let (page, open) = page(&requirements, &lists, &passed(&read(log)));
    print!("{page}");
    if !open.is_empty() {
        eprintln!("conformance: neither a test nor a reason: {}", open.join(" "));
        std::process::exit(1);
    }
}

/// What is written down beside the requirements.
struct Lists {
    /// Requirements that do not apply: the id and the reason.
    reasons: Vec<Vec<String>>,
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

/// The names of the tests that passed, with the binary they are in.
fn passed(log: &str) -> BTreeSet<String> {
    let mut tier = "unit";
    let mut tests = BTreeSet::new();
    for line in log.lines().map(str::trim) {
        if let Some(binary) = line.strip_prefix("Running tests/") {
            tier = binary.split(['/', '.']).next().unwrap_or("unit");
        } else if line.starts_with("Running unittests") || line.starts_with("Doc-tests") {
            tier = "unit";
        } else if let Some(test) = line.strip_prefix("test ")
            && let Some((name, "ok")) = test.split_once(" ... ")
        {
            let name = name.rsplit("::").next().unwrap_or(name).trim();
            tests.insert(format!("{tier} `{name}`"));
        }
    }
    tests
}

/// The ids in a test's name: `tx_04_tx_05_windows` has TX-04 and TX-05.
fn ids(test: &str) -> BTreeSet<String> {
    let name = test.split('`').nth(1).unwrap_or_default();
    let words: Vec<_> = name.split('_').collect();
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

/// The page, and the requirements that have neither a test nor a reason.
fn page(
    requirements: &[Requirement],
    lists: &Lists,
    passed: &BTreeSet<String>,
) -> (String, Vec<String>) {
    let mut covering: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for test in passed {
        for id in ids(test) {
            covering.entry(id).or_default().push(test);
        }
    }
    let covered = requirements.iter().filter(|r| covering.contains_key(&r.id)).count();
    let mut page = format!(
        "# Conformance to RFC 9915\n\n\
         Generated by `make conformance` from the tests that passed; the requirements are those of\n\
         `docs/requirements.tsv`. A requirement is covered when a test that bears its id passed.\n\n\
         {covered} of {} requirements are covered.\n\n",
        requirements.len()
    );
    page.push_str(
        "## Covered\n\n| id | section | level | requirement | tests |\n|---|---|---|---|---|\n",
    );
    for requirement in requirements {
        if let Some(tests) = covering.get(&requirement.id) {
            let tests: Vec<_> = tests.iter().map(|test| test.as_str()).collect();
            page.push_str(&row(requirement, Some(&tests.join("<br>"))));
        }
    }
    let reason = |id: &str| lists.reasons.iter().find(|reason| reason[0] == id);
    let missing = || requirements.iter().filter(|r| !covering.contains_key(&r.id));
    page.push_str(
        "\n## Not here\n\n| id | section | level | requirement | why |\n|---|---|---|---|---|\n",
    );
    for requirement in missing() {
        if let Some(reason) = reason(&requirement.id) {
            page.push_str(&row(requirement, Some(&reason[1])));
        }
    }
    let open: Vec<_> = missing().filter(|r| reason(&r.id).is_none()).collect();
    if !open.is_empty() {
        page.push_str("\n## Open\n\n| id | section | level | requirement |\n|---|---|---|---|\n");
        open.iter().for_each(|requirement| page.push_str(&row(requirement, None)));
    }
    page.push_str(
        "\n## Where RFC 9915 overrules the suite\n\n\
         | cases | the suite (RFC 3315) expects | RFC 9915 says, and we do |\n|---|---|---|\n",
    );
    lists.verdicts.iter().for_each(|row| page.push_str(&plain_row(row)));
    page.push_str(
        "\n## The tests bite\n\nEach of these faults was put into the code, and the test beside \
         it failed (`make faults`).\n\n| fault | where | test |\n|---|---|---|\n",
    );
    lists.faults.iter().for_each(|row| page.push_str(&plain_row(&row[..3])));
    (page, open.iter().map(|requirement| requirement.id.clone()).collect())
}

fn plain_row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | ").replace("||", "\\|\\|"))
}

fn row(requirement: &Requirement, tests: Option<&str>) -> String {
    let Requirement { id, section, level, text } = requirement;
    let text = text.replace('|', "\\|");
    let tests = tests.map_or_else(String::new, |tests| format!(" {tests} |"));
    format!("| {id} | {section} | {level} | {text} |{tests}\n")
}
