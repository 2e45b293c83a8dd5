//! IPv6 prefixes: an address with a length and nothing set beyond it.

use core::fmt;
use core::str::FromStr;
use std::net::Ipv6Addr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An IPv6 prefix. Bits beyond the length are always zero, and the length is
/// at most 128.
///
/// ```
/// use dhc6c_core::prefix::Prefix;
/// let prefix: Prefix = "2001:db8:8000::/56".parse().unwrap();
/// assert!(prefix.contains("2001:db8:8000:ff::1".parse().unwrap()));
/// assert_eq!(prefix.to_string(), "2001:db8:8000::/56");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix {
    address: Ipv6Addr,
    length: u8,
}

impl Prefix {
    /// The prefix of `length` bits that `address` lies in, or `None` for a
    /// length over 128. Bits beyond the length are cleared.
    #[must_use]
    pub const fn new(address: Ipv6Addr, length: u8) -> Option<Self> {
        if length > 128 {
            return None;
        }
        Some(Self { address: Ipv6Addr::from_bits(address.to_bits() & mask(length)), length })
    }

    /// The first address of the prefix.
    #[must_use]
    pub const fn address(self) -> Ipv6Addr {
        self.address
    }

    /// The length in bits, 0 to 128.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// True when `address` lies in the prefix.
    #[must_use]
    pub const fn contains(self, address: Ipv6Addr) -> bool {
        address.to_bits() & mask(self.length) == self.address.to_bits()
    }

    /// True when `other` lies in the prefix as a whole.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.length >= self.length && self.contains(other.address())
    }

    /// The prefix that OPTION_PD_EXCLUDE describes within this delegated one
    /// (RFC 6603 §4.2): an octet of length, then the bits between the two
    /// lengths, left-aligned. `None` where the option breaks a rule: its
    /// length must exceed the delegated one, and the octets must be exactly
    /// as many as the bits need.
    #[must_use]
    pub fn excluded(self, option: &[u8]) -> Option<Self> {
        let (&length, subnet) = option.split_first()?;
        if length > 128 || length <= self.length {
            return None;
        }
        let width = u32::from(length - self.length);
        if subnet.len() != usize::try_from(width.div_ceil(8)).ok()? {
            return None;
        }
        let mut octets = [0; 16];
        octets.get_mut(..subnet.len())?.copy_from_slice(subnet);
        let bits = u128::from_be_bytes(octets) >> self.length;
        Self::new(Ipv6Addr::from_bits(self.address.to_bits() | bits), length)
    }
}

/// Ones for the first `length` bits.
const fn mask(length: u8) -> u128 {
    match length {
        0 => 0,
        length => u128::MAX << (128 - length),
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.length)
    }
}

/// Why a text is no prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an IPv6 prefix (expected ADDRESS/LENGTH with a length of 0 to 128)")]
pub struct PrefixError;

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').ok_or(PrefixError)?;
        let address = address.parse().map_err(|_| PrefixError)?;
        let length = length.parse().map_err(|_| PrefixError)?;
        Self::new(address, length).ok_or(PrefixError)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn bits_beyond_the_length_are_cleared() {
        assert_eq!(prefix("2001:db8::ffff/32"), prefix("2001:db8::/32"));
        assert_eq!(prefix("ffff::/0").to_string(), "::/0");
        assert_eq!(prefix("::1/128").to_string(), "::1/128");
    }

    #[test]
    fn a_bad_text_is_refused() {
        for text in ["", "::", "::/129", "::/-1", "x/64", "::/64/64", "1.2.3.4/24"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn pd_02_excluded_prefix_of_the_rfc_6603_vectors() {
        let excluded = |delegated: &str, option: &[u8]| prefix(delegated).excluded(option);
        // RFC 6603 §4.2 prints the first; the others follow its rule.
        let cases: [(&str, &[u8], &str); 4] = [
            ("2001:db8:dead:bee0::/59", &[64, 0x78], "2001:db8:dead:beef::/64"),
            ("2001:db8:12:3400::/56", &[64, 0xff], "2001:db8:12:34ff::/64"),
            ("2001:db8:12::/48", &[64, 0x00, 0x01], "2001:db8:12:1::/64"),
            ("2001:db8:12::/48", &[56, 0xff], "2001:db8:12:ff00::/56"),
        ];
        for (delegated, option, expected) in cases {
            assert_eq!(excluded(delegated, option), Some(prefix(expected)), "{delegated}");
        }
    }

    #[test]
    fn pd_02_excluded_prefix_that_breaks_the_rules_is_none() {
        let delegated = prefix("2001:db8:12:3400::/56");
        let bad: [&[u8]; 7] =
            [&[], &[64], &[56, 0], &[48, 0], &[129, 0, 0], &[64, 1, 2], &[255, 1]];
        for option in bad {
            assert_eq!(delegated.excluded(option), None, "{option:?}");
        }
    }

    #[test]
    fn covering_is_containment_of_the_whole() {
        assert!(prefix("2001:db8::/32").covers(prefix("2001:db8:1::/48")));
        assert!(!prefix("2001:db8:1::/48").covers(prefix("2001:db8::/32")));
        assert!(prefix("::/0").covers(prefix("::/0")));
    }
}
