//! Text that a server chose. It may hold anything, so it has no exit that
//! gives it as it is: only hexadecimal and an escaped log line. Names that a
//! resolver or a hook may see are [`DomainName`](super::DomainName)s.

use serde::{Deserialize, Serialize};

/// The longest escaped form of a text, in characters.
pub const LONGEST_LINE: usize = 200;

/// Octets that a server claims to be UTF-8 text (RFC 9915 §21.13).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ServerText(Vec<u8>);

impl ServerText {
    /// Takes the octets as received.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }

    /// The octets, to be sent on as they came.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// True for the empty text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lower-case hexadecimal of all octets.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// One printable line of at most [`LONGEST_LINE`] characters: no control
    /// character, no direction mark, no invalid UTF-8 gets through.
    ///
    /// ```
    /// use dhc6c_core::wire::ServerText;
    /// let text = ServerText::new(b"no\x1b[2J\nleases");
    /// assert_eq!(text.escaped(), r"no\x1b[2J\nleases");
    /// ```
    #[must_use]
    pub fn escaped(&self) -> String {
        let mut line = String::new();
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if !push(&mut line, &escape(character)) {
                    return line;
                }
            }
            for octet in chunk.invalid() {
                if !push(&mut line, &format!("\\x{octet:02x}")) {
                    return line;
                }
            }
        }
        line
    }
}

/// Lower-case hexadecimal without separators.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}

/// Appends a piece, or an ellipsis where it would grow too long.
fn push(line: &mut String, piece: &str) -> bool {
    if line.chars().count().saturating_add(piece.len()) >= LONGEST_LINE {
        line.push('…');
        return false;
    }
    line.push_str(piece);
    true
}

/// Letters, digits and ASCII punctuation stay; the rest is escaped. Other
/// scripts are kept letter by letter, so direction marks and look-alike
/// spaces are not.
fn escape(character: char) -> String {
    match character {
        '\\' => "\\\\".to_owned(),
        ' '..='~' => character.to_string(),
        '\u{80}'.. if character.is_alphanumeric() => character.to_string(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\0'..='\u{7f}' => format!("\\x{:02x}", u32::from(character)),
        _ => format!("\\u{{{:x}}}", u32::from(character)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rep_10_status_text_is_one_escaped_line() {
        let cases: [(&[u8], &str); 7] = [
            (b"All is well: 7/7 leases", "All is well: 7/7 leases"),
            (b"\x1b[2J", "\\x1b[2J"),
            (b"\n<3>kernel: fake", "\\n<3>kernel: fake"),
            (b"nul\0", "nul\\x00"),
            ("c1 \u{9b}; bidi \u{202e}".as_bytes(), "c1 \\u{9b}; bidi \\u{202e}"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("Größe".as_bytes(), "Größe"),
        ];
        for (octets, expected) in cases {
            assert_eq!(ServerText::new(octets).escaped(), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        for octets in [vec![b'a'; 65_000], vec![0; 65_000]] {
            let line = ServerText::new(&octets).escaped();
            assert!(line.chars().count() <= LONGEST_LINE);
            assert!(line.ends_with('…'));
        }
    }
}
