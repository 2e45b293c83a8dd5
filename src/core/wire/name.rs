//! Domain names as DHCPv6 carries them: labels with a length octet, ended by
//! the root, never compressed (RFC 9915 §10).

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name in its wire form (RFC 1035 §3.1).
const LONGEST_NAME: usize = 255;
/// The longest label (RFC 1035 §3.1).
const LONGEST_LABEL: usize = 63;

/// A host or domain name that is safe wherever it goes: letters, digits,
/// hyphens and underscores in labels that neither start nor end with a
/// hyphen, without the final dot. Never empty.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

/// Why octets or a text are no usable name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// The labels do not tile the option, or a length is no label's
    /// (compression included): nothing after this point can be read.
    #[error("the name is cut short, compressed or too long (RFC 9915 section 10)")]
    Framing,
    /// The name can be read, but holds what no host name holds.
    #[error("a name holds letters, digits, hyphens and underscores only")]
    Character,
}

impl DomainName {
    /// The name as text, without the final dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads one name from the front of `octets`; gives what follows it.
    ///
    /// # Errors
    /// [`NameError::Framing`] where the rest cannot be read either;
    /// otherwise the inner result says whether this one name is usable.
    pub fn split(octets: &[u8]) -> Result<(Result<Self, NameError>, &[u8]), NameError> {
        let mut labels: Vec<&[u8]> = Vec::new();
        let mut rest = octets;
        let mut length = 0_usize;
        loop {
            let (&size, after) = rest.split_first().ok_or(NameError::Framing)?;
            let size = usize::from(size);
            length = length.saturating_add(size).saturating_add(1);
            if size > LONGEST_LABEL || length > LONGEST_NAME {
                return Err(NameError::Framing);
            }
            let (label, after) = after.split_at_checked(size).ok_or(NameError::Framing)?;
            rest = after;
            if label.is_empty() {
                return Ok((Self::from_labels(&labels), rest));
            }
            labels.push(label);
        }
    }

    /// Reads names until the octets end; unusable ones are left out and
    /// counted.
    ///
    /// # Errors
    /// [`NameError::Framing`] where the names do not tile the octets.
    pub fn list(mut octets: &[u8]) -> Result<(Vec<Self>, usize), NameError> {
        let mut names = Vec::new();
        let mut unusable = 0_usize;
        while !octets.is_empty() {
            let (name, rest) = Self::split(octets)?;
            match name {
                Ok(name) => names.push(name),
                Err(_) => unusable = unusable.saturating_add(1),
            }
            octets = rest;
        }
        Ok((names, unusable))
    }

    /// The wire form: labels and the root.
    pub fn encode(&self, octets: &mut Vec<u8>) {
        for label in self.0.split('.') {
            // A label of a DomainName has 1 to 63 octets by construction.
            octets.push(u8::try_from(label.len()).unwrap_or(0));
            octets.extend_from_slice(label.as_bytes());
        }
        octets.push(0);
    }

    fn from_labels(labels: &[&[u8]]) -> Result<Self, NameError> {
        if labels.is_empty() || !labels.iter().all(|label| is_host_label(label)) {
            return Err(NameError::Character);
        }
        // Host labels are ASCII, so nothing is replaced here.
        let labels: Vec<_> = labels.iter().map(|label| String::from_utf8_lossy(label)).collect();
        Ok(Self(labels.join(".")))
    }
}

fn is_host_label(label: &[u8]) -> bool {
    let usable = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    label.iter().all(usable) && label.first() != Some(&b'-') && label.last() != Some(&b'-')
}

impl FromStr for DomainName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let labels: Vec<&[u8]> = text.split('.').map(str::as_bytes).collect();
        let wire = text.len().saturating_add(2);
        if wire > LONGEST_NAME
            || labels.iter().any(|label| label.is_empty() || label.len() > LONGEST_LABEL)
        {
            return Err(NameError::Framing);
        }
        Self::from_labels(&labels)
    }
}

impl TryFrom<String> for DomainName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(labels: &[&[u8]]) -> Vec<u8> {
        let mut octets: Vec<u8> =
            labels.iter().flat_map(|l| [&[l.len() as u8], *l].concat()).collect();
        octets.push(0);
        octets
    }

    #[test]
    fn tx_11_names_travel_uncompressed_and_rooted() {
        let name: DomainName = "aftr.example.com".parse().unwrap();
        let mut octets = Vec::new();
        name.encode(&mut octets);
        assert_eq!(octets, b"\x04aftr\x07example\x03com\x00");
        assert_eq!(DomainName::split(&octets), Ok((Ok(name), &[][..])));
    }

    #[test]
    fn framing_errors_lose_the_list() {
        let long = wire(&[&[b'a'; 63], &[b'a'; 63], &[b'a'; 63], &[b'a'; 63]]);
        let cases: [&[u8]; 7] =
            [b"\x03abc", b"\x04abc", b"\xc0\x00", b"\xc0\x0c", b"\x40a", b"\x03abc\x00\x02", &long];
        for octets in cases {
            assert_eq!(DomainName::list(octets), Err(NameError::Framing), "{octets:02x?}");
        }
    }

    /// Nothing that a shell, a path or an option parser
    /// takes amiss is a name.
    #[test]
    fn names_with_other_characters_are_left_out() {
        let evil: [&[u8]; 14] = [
            b";",
            b"$(id)",
            b"`id`",
            b"|",
            b"&",
            b"\n",
            b"\r",
            b" ",
            b"'",
            b"\"",
            b"../../x",
            b"-rf",
            b"() { :;};",
            b"\xff",
        ];
        for label in evil {
            let octets = [wire(&[b"good"]), wire(&[label, b"example"])].concat();
            let (names, unusable) = DomainName::list(&octets).unwrap();
            assert_eq!((names.len(), unusable), (1, 1), "{label:?}");
        }
        assert_eq!(DomainName::list(&[0]), Ok((vec![], 1)), "the root alone is no domain");
    }

    #[test]
    fn texts_are_checked_the_same_way() {
        assert_eq!("example.net.".parse::<DomainName>().unwrap().as_str(), "example.net");
        assert!("_dhcp.example".parse::<DomainName>().is_ok());
        for text in ["", ".", "a..b", "a b", "-a", &"a".repeat(64), &"a.".repeat(200)] {
            assert!(text.parse::<DomainName>().is_err(), "{text}");
        }
    }
}
