//! Which faults met the client in which states, over all lives of a run.

use dhc6c_core::snapshot::StateName;
use dhc6c_core::wire::MessageType;

use super::accidents::{self, ACCIDENTS};
use super::troubles::TROUBLES;

const STATES: [StateName; 12] = StateName::ALL;

/// A fault of a life.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// This trouble has changed what a server made of a message.
    Trouble(usize),
    /// This accident happened, and made a difference.
    Accident(usize),
}

/// In how many lives each fault met each state; in one life, it did or did not.
#[derive(Clone, Debug)]
pub struct Coverage {
    met: Vec<[u64; STATES.len()]>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { met: vec![[0; STATES.len()]; TROUBLES.len() + ACCIDENTS.len()] }
    }
}

impl Coverage {
    /// A fault met the client in this state.
    pub fn meet(&mut self, fault: Fault, state: StateName) {
        let (row, column) = place(fault, state);
        self.met[row][column] = 1;
    }

    /// Whether it has already.
    pub fn has_met(&self, fault: Fault, state: StateName) -> bool {
        let (row, column) = place(fault, state);
        self.met[row][column] > 0
    }

    /// Adds what another life has met.
    pub fn add(&mut self, other: &Self) {
        for (row, more) in self.met.iter_mut().zip(&other.met) {
            row.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
    }

    /// The table, a fault a line, and below it the pairs that met though they
    /// are not counted, and those that are and did not.
    #[must_use]
    pub fn text(&self) -> String {
        let states: Vec<_> = STATES.iter().map(|state| state.as_str()).collect();
        let mut text = format!("| fault | {} |\n", states.join(" | "));
        text += &format!("|---|{}\n", "--:|".repeat(states.len()));
        for (name, counts) in self.rows() {
            let counts: Vec<_> = counts.iter().map(|count| brief(*count)).collect();
            text += &format!("| {name} | {} |\n", counts.join(" | "));
        }
        let uncounted = self.pairs(|count, can_meet| count > 0 && !can_meet);
        if !uncounted.is_empty() {
            text += &format!("\nMet, though not counted: {}.\n", uncounted.join("; "));
        }
        let holes = self.pairs(|count, can_meet| count == 0 && can_meet);
        text += &format!("\n{} pairs of {} met.", self.possible() - holes.len(), self.possible());
        if !holes.is_empty() {
            text += &format!(" Not met: {}.", holes.join("; "));
        }
        text + "\n"
    }

    /// The pairs of a kind, by how often they met and whether they can.
    fn pairs(&self, is_of_kind: impl Fn(u64, bool) -> bool) -> Vec<String> {
        let mut pairs = Vec::new();
        for (row, (name, counts)) in self.rows().enumerate() {
            for (count, state) in counts.iter().zip(STATES) {
                if is_of_kind(*count, can_meet(row, state)) {
                    pairs.push(format!("{name} × {}", state.as_str()));
                }
            }
        }
        pairs
    }

    fn possible(&self) -> usize {
        let rows = 0..self.met.len();
        rows.map(|row| STATES.iter().filter(|state| can_meet(row, **state)).count()).sum()
    }

    fn rows(&self) -> impl Iterator<Item = (&'static str, &[u64; STATES.len()])> {
        let troubles = TROUBLES.iter().map(|trouble| trouble.name);
        troubles.chain(ACCIDENTS.iter().map(|accident| accident.name)).zip(&self.met)
    }
}

/// The row and the column of a pair.
fn place(fault: Fault, state: StateName) -> (usize, usize) {
    let row = match fault {
        Fault::Trouble(index) => index,
        Fault::Accident(index) => TROUBLES.len() + index,
    };
    (row, STATES.iter().position(|known| *known == state).expect("it is listed"))
}

/// What a client asks in this state. Whether the link is still the same is
/// asked by Confirm, or by Rebind where there are prefixes (RFC 9915 §18.2.12).
pub const fn asks(state: StateName) -> &'static [MessageType] {
    match state {
        StateName::Idle | StateName::Bound | StateName::Informed | StateName::Stopped => &[],
        StateName::Soliciting => &[MessageType::Solicit],
        StateName::Requesting => &[MessageType::Request],
        StateName::Renewing => &[MessageType::Renew],
        StateName::Rebinding => &[MessageType::Rebind],
        StateName::Confirming => &[MessageType::Confirm, MessageType::Rebind],
        StateName::Declining => &[MessageType::Decline],
        StateName::Releasing => &[MessageType::Release],
        StateName::Informing => &[MessageType::InformationRequest],
    }
}

/// A server's trouble meets a client that asks what the trouble is about; an
/// accident one that it can make a difference to.
fn can_meet(row: usize, state: StateName) -> bool {
    match TROUBLES.get(row) {
        Some(trouble) => asks(state).iter().any(|kind| trouble.about.contains(kind)),
        None => accidents::can_meet(row - TROUBLES.len(), state),
    }
}

/// A count in at most four characters.
fn brief(count: u64) -> String {
    match count {
        0 => "·".to_owned(),
        1..=9_999 => count.to_string(),
        10_000..=9_999_999 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The table of `docs/simulation.md` has the faults that `make life-faults`
    /// puts in, and no other.
    #[test]
    fn every_fault_that_lives_have_to_see_is_in_the_table() {
        let put_in = include_str!("../../../docs/life-faults.tsv").lines();
        let put_in = put_in.filter(|row| !row.starts_with('#'));
        let put_in: Vec<_> = put_in.filter_map(|row| row.split('\t').next()).collect();
        let page = include_str!("../../../docs/simulation.md");
        let (_, table) = page.split_once("| fault | first life |").expect("the table");
        let told = table.lines().skip(2).filter_map(|row| row.strip_prefix("| "));
        let told: Vec<_> = told.filter_map(|row| row.split(" | ").next()).collect();
        assert_eq!(told, put_in);
    }

    /// An accident that is misspelt there would be excluded from nothing.
    #[test]
    fn as_many_accidents_cannot_meet_a_state_as_are_named() {
        let places = 0..ACCIDENTS.len();
        let excluded = |state| places.clone().filter(move |it| !accidents::can_meet(*it, state));
        let counts = STATES.map(|state| excluded(state).count());
        assert_eq!(counts, [0, 0, 2, 0, 0, 0, 2, 2, 1, 0, 1, 19]);
    }

    /// Every trap of the field is played by something, and everything that is
    /// played stands for one.
    #[test]
    fn every_trap_has_its_dial() {
        let table = include_str!("../../../docs/dials.tsv");
        let rows = table.lines().filter(|line| !line.starts_with('#'));
        let rows = rows.map(|row| row.split('\t').collect::<Vec<_>>());
        let (ids, dials): (Vec<_>, Vec<_>) = rows.map(|row| (row[0], row[2])).unzip();
        let traps = [("D", 9), ("T", 16), ("X", 7), ("A", 7), ("P", 27), ("L", 4)];
        let traps =
            traps.iter().flat_map(|(kind, count)| (1..=*count).map(move |n| format!("{kind}{n}")));
        assert_eq!(ids, traps.collect::<Vec<_>>());
        let played: BTreeSet<_> = dials.iter().flat_map(|dials| dials.split("; ")).collect();
        let coverage = Coverage::default();
        let known: BTreeSet<_> = coverage.rows().map(|(name, _)| name).collect();
        assert_eq!(played, known);
    }
}
