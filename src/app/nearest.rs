//! "Did you mean": the known name that is most like a misspelt one.

/// The name that is most like a misspelt one, if any is like it at all.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.map(|known| (distance(name, known), known)).min()?;
    (near.0 <= 2 && near.0 < near.1.len()).then_some(near.1)
}

/// How many letters have to be changed, added or left out (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, a) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let best = (diagonal + usize::from(a != b)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_guessed() {
        let names = ["lo", "eth0", "eth1", "wlan0"];
        let guess = |name| nearest(name, names.into_iter());
        assert_eq!(guess("eht0"), Some("eth0"));
        assert_eq!(guess("wan0"), Some("wlan0"));
        assert_eq!(guess("enp3s0"), None);
        assert_eq!(guess("xx"), None, "two letters off of two is no likeness");
    }
}
