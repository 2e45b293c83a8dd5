//! Domain names as DHCPv4 carries them: with the compression of DNS, whose
//! pointers lead backwards within the option alone (RFC 3397 §2).

use crate::wire::DomainName;

/// The most names that are kept.
const MOST_NAMES: usize = 32;
/// The longest name in its wire form (RFC 1035 §3.1).
const LONGEST_NAME: usize = 255;

/// The names of a search list; unusable ones are left out, and one has to be
/// left. `None` where the labels make no sense.
pub(super) fn expand(octets: &[u8]) -> Option<Vec<DomainName>> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < octets.len() && names.len() < MOST_NAMES {
        let (wire, next) = expand_one(octets, at)?;
        if let Ok((Ok(name), _)) = DomainName::split(&wire) {
            names.push(name);
        }
        at = next;
    }
    (!names.is_empty()).then_some(names)
}

/// The name at `start` without compression, and where the next one starts.
/// A pointer leads before where the labels it follows began, so that no chain
/// of them has an end it does not come to.
fn expand_one(octets: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let mut wire = Vec::new();
    let (mut at, mut began, mut next) = (start, start, None);
    loop {
        let &length = octets.get(at)?;
        let after = at.checked_add(1)?;
        match length {
            0..=63 => {
                let end = after.checked_add(usize::from(length))?;
                wire.extend_from_slice(octets.get(at..end)?);
                if wire.len() > LONGEST_NAME {
                    return None;
                }
                if length == 0 {
                    return Some((wire, next.unwrap_or(end)));
                }
                at = end;
            }
            0xc0.. => {
                let &low = octets.get(after)?;
                let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                if target >= began {
                    return None;
                }
                next = next.or(after.checked_add(1));
                (at, began) = (target, target);
            }
            // Labels of other kinds (RFC 1035 §4.1.4).
            64..=0xbf => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(octets: &[u8]) -> Option<Vec<String>> {
        expand(octets).map(|names| names.iter().map(ToString::to_string).collect())
    }

    /// The example of RFC 3397 §2: "eng.apple.com" and "marketing.apple.com".
    #[test]
    fn names_with_pointers_of_the_rfc_3397_example() {
        let octets = b"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04";
        let expected = ["eng.apple.com".to_owned(), "marketing.apple.com".to_owned()];
        assert_eq!(texts(octets), Some(expected.to_vec()));
    }

    #[test]
    fn pointers_that_do_not_lead_backwards_spoil_the_list() {
        let bad: [&[u8]; 9] = [
            b"\xc0\x00",
            b"\x01a\xc0\x00",
            b"\x01a\xc0\x02",
            b"\x01a\x00\x01b\xc0\x07",
            b"\x01a\x00\xc0",
            b"\x03abc",
            b"\x41a\x00",
            b"",
            b"\xc0\x02\xc0\x00",
        ];
        for octets in bad {
            assert_eq!(texts(octets), None, "{octets:02x?}");
        }
    }

    #[test]
    fn what_would_grow_without_end_is_refused_in_bounded_time() {
        // Each name points to the one before: the last is longer than a name
        // can be.
        let mut octets = b"\x3f".to_vec();
        octets.extend([b'a'; 63]);
        octets.push(0);
        for number in 0..8_u16 {
            let target = if number == 0 { 0 } else { 65 + (number - 1) * 66 };
            octets.push(63);
            octets.extend([b'b'; 63]);
            octets.extend((0xc000 | target).to_be_bytes());
        }
        assert_eq!(texts(&octets), None);
        let many = b"\x01a\x00".repeat(20_000);
        assert_eq!(texts(&many).map(|names| names.len()), Some(MOST_NAMES));
    }

    #[test]
    fn unusable_names_are_left_out() {
        assert_eq!(texts(b"\x02$(\x00\x01a\x00"), Some(vec!["a".to_owned()]));
        assert_eq!(texts(b"\x02$(\x00"), None);
    }
}
