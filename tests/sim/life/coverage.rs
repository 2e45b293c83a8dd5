//! Which faults met the client in which states, over all lives of a run.

use dhc6c_core::snapshot::StateName;

use super::accidents::ACCIDENTS;
use super::troubles::TROUBLES;

const STATES: [StateName; 12] = StateName::ALL;

/// A fault of a life.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// A server with this trouble got a message.
    Trouble(usize),
    /// This accident happened.
    Accident(usize),
}

/// How often each fault met each state.
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
        let row = match fault {
            Fault::Trouble(index) => index,
            Fault::Accident(index) => TROUBLES.len() + index,
        };
        let column = STATES.iter().position(|known| *known == state).expect("it is listed");
        self.met[row][column] += 1;
    }

    /// Adds what another life has met.
    pub fn add(&mut self, other: &Self) {
        for (row, more) in self.met.iter_mut().zip(&other.met) {
            row.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
    }

    /// The table, a fault a line, and below it the pairs that can meet and did
    /// not.
    #[must_use]
    pub fn text(&self) -> String {
        let states: Vec<_> = STATES.iter().map(|state| state.as_str()).collect();
        let mut text = format!("| fault | {} |\n", states.join(" | "));
        text += &format!("|---|{}\n", "--:|".repeat(states.len()));
        for (name, counts) in self.rows() {
            let counts: Vec<_> = counts.iter().map(|count| brief(*count)).collect();
            text += &format!("| {name} | {} |\n", counts.join(" | "));
        }
        let holes = self.holes();
        text += &format!("\n{} pairs of {} met.", self.possible() - holes.len(), self.possible());
        if !holes.is_empty() {
            text += &format!(" Not met: {}.", holes.join("; "));
        }
        text + "\n"
    }

    /// The pairs that can meet and did not.
    #[must_use]
    pub fn holes(&self) -> Vec<String> {
        let rows = self.rows().enumerate();
        let holes = rows.flat_map(|(row, (name, counts))| {
            let missed = counts
                .iter()
                .zip(STATES)
                .filter(move |(count, state)| **count == 0 && can_meet(row, *state));
            missed.map(move |(_, state)| format!("{name} × {}", state.as_str()))
        });
        holes.collect()
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

/// A server's trouble meets a client that has asked something; an accident
/// meets any client.
fn can_meet(row: usize, state: StateName) -> bool {
    let asks_nothing = [StateName::Idle, StateName::Bound, StateName::Informed, StateName::Stopped];
    row >= TROUBLES.len() || !asks_nothing.contains(&state)
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

    /// Every trap of the field is played by something, and everything that is
    /// played stands for one.
    #[test]
    fn every_trap_has_its_dial() {
        let table = include_str!("../../../docs/dials.tsv");
        let rows = table.lines().filter(|line| !line.starts_with('#'));
        let names = rows.flat_map(|row| {
            let dials = row.split('\t').nth(2).expect("three columns");
            dials.split("; ")
        });
        let played: BTreeSet<_> = names.collect();
        let coverage = Coverage::default();
        let known: BTreeSet<_> = coverage.rows().map(|(name, _)| name).collect();
        assert_eq!(played, known);
    }
}
