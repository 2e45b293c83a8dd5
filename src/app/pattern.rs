//! Names of interfaces, and patterns for them: `*` stands for any characters,
//! `?` for one.

/// True for what the kernel takes for a name, and for patterns of such. Files
/// bear the name, so nothing that leads elsewhere passes.
pub(crate) fn is_possible(name: &str) -> bool {
    let is_wrong = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= 15 && !matches!(name, "." | "..") && !name.contains(is_wrong)
}

/// True for a pattern; anything else is a name.
pub(crate) fn is_one(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// True where the pattern, or the name, stands for this name. The loopback
/// interface is meant by its name alone.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    if !is_one(pattern) {
        return pattern == name;
    }
    name != "lo" && fits(pattern.as_bytes(), name.as_bytes())
}

/// Names are short (15 characters), so trying all ways costs nothing.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], [_, after @ ..]) => fits(rest, name) || fits(pattern, after),
        ([b'*', rest @ ..], []) => fits(rest, name),
        ([b'?', rest @ ..], [_, after @ ..]) => fits(rest, after),
        ([one, rest @ ..], [other, after @ ..]) => one == other && fits(rest, after),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_no_name() {
        assert!(["eth0", "ppp*", "wan.100", "br-lan", "..a"].into_iter().all(is_possible));
        for name in ["", ".", "..", "../evil", "a b", "a:1", "a\n", "sixteen-and-more"] {
            assert!(!is_possible(name), "{name}");
        }
    }

    #[test]
    fn a_pattern_stands_for_the_names_it_fits() {
        let fitting = [
            ("ppp*", "ppp0"),
            ("ppp*", "ppp"),
            ("*", "eth0"),
            ("e*0*", "enp0s31f6"),
            ("wan?", "wan1"),
            ("***************", "eth0"),
            ("eth0", "eth0"),
        ];
        for (pattern, name) in fitting {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        let others =
            [("ppp*", "wppp0"), ("wan?", "wan"), ("wan?", "wan10"), ("*", "lo"), ("a", "b")];
        for (pattern, name) in others {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
