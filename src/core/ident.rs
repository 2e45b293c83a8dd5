//! Who we are to a server: the DUID of the client and the IAIDs of its
//! identity associations (RFC 9915 §11 and §12).

use core::fmt;
use core::str::FromStr;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A DHCP unique identifier: 3 to 130 octets that are only ever compared
/// whole, never read into (RFC 9915 §11.1).
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Duid(Box<[u8]>);

/// Seconds from the Unix epoch to 2000-01-01 UTC, where DUID-LLT starts to
/// count (RFC 9915 §11.2).
const DUID_EPOCH: u64 = 946_684_800;

impl Duid {
    /// The shortest DUID: a type and one octet (RFC 9915 §11.1).
    pub const SHORTEST: usize = 3;
    /// The longest DUID: a type and 128 octets (RFC 9915 §11.1).
    pub const LONGEST: usize = 130;

    /// A DUID from its octets, of any type, known or not; `None` when their
    /// number is out of range.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        (Self::SHORTEST..=Self::LONGEST).contains(&octets.len()).then(|| Self(octets.into()))
    }

    /// DUID-LLT: link-layer address and the time of making, in seconds since
    /// the Unix epoch (RFC 9915 §11.2). Needs stable storage to be kept.
    #[must_use]
    pub fn llt(link: &LinkAddress, unix_seconds: u64) -> Self {
        // The RFC counts modulo 2^32, so the cut is meant.
        #[allow(clippy::cast_possible_truncation)]
        let time = unix_seconds.saturating_sub(DUID_EPOCH) as u32;
        let parts: [&[u8]; 4] = [
            &1u16.to_be_bytes(),
            &link.hardware_type.to_be_bytes(),
            &time.to_be_bytes(),
            &link.octets,
        ];
        Self(parts.concat().into())
    }

    /// DUID-LL: the link-layer address alone (RFC 9915 §11.4).
    #[must_use]
    pub fn ll(link: &LinkAddress) -> Self {
        let parts: [&[u8]; 3] =
            [&3u16.to_be_bytes(), &link.hardware_type.to_be_bytes(), &link.octets];
        Self(parts.concat().into())
    }

    /// DUID-UUID (RFC 9915 §11.5, RFC 6355).
    #[must_use]
    pub fn uuid(uuid: [u8; 16]) -> Self {
        Self([&4u16.to_be_bytes()[..], &uuid[..]].concat().into())
    }

    /// The octets as they travel.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Lower-case hexadecimal without separators, as in the DUID file.
impl fmt::Display for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Duid({self})")
    }
}

/// Why a text is no DUID.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DuidError {
    /// A character is no hexadecimal digit, or a digit is missing.
    #[error("not hexadecimal: expected an even number of digits, with or without colons")]
    Hex,
    /// Fewer than 3 or more than 130 octets.
    #[error("a DUID has 3 to 130 octets (RFC 9915 section 11.1)")]
    Length,
}

impl FromStr for Duid {
    type Err = DuidError;

    /// Reads hexadecimal; colons and hyphens between octets are ignored.
    fn from_str(text: &str) -> Result<Self, DuidError> {
        Self::new(&hex_octets(text).ok_or(DuidError::Hex)?).ok_or(DuidError::Length)
    }
}

impl Serialize for Duid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Octets from hexadecimal text; colons, hyphens and dots are ignored.
#[must_use]
pub fn hex_octets(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .chars()
        .filter(|c| !matches!(c, ':' | '-' | '.'))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<Vec<u8>>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The identifier of one identity association, unique per type of IA within
/// a client (RFC 9915 §12).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Iaid(pub u32);

impl Iaid {
    /// The IAID of an interface: the first four octets of the MD5 of its
    /// name, as they stand on the wire. Pinned for ever: another derivation
    /// would renumber everyone who upgrades.
    ///
    /// ```
    /// use dhc6c_core::ident::Iaid;
    /// assert_eq!(Iaid::of_interface("eth0"), Iaid(0xa1a5_b3d2));
    /// ```
    #[must_use]
    pub fn of_interface(name: &str) -> Self {
        let [a, b, c, d, ..]: [u8; 16] = Md5::digest(name.as_bytes()).into();
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// The IAID of the `index`-th further association of the same type.
    #[must_use]
    pub const fn further(self, index: u32) -> Self {
        Self(self.0.wrapping_add(index))
    }
}

impl fmt::Display for Iaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A link-layer address with its ARP hardware type (RFC 9915 §11.2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LinkAddress {
    /// The IANA hardware type; 1 is Ethernet.
    pub hardware_type: u16,
    /// The address itself, 6 octets on Ethernet.
    pub octets: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> LinkAddress {
        LinkAddress { hardware_type: 1, octets: vec![0x02, 0x11, 0x22, 0x33, 0x44, 0x55] }
    }

    #[test]
    fn duid_04_formats_of_the_vectors() {
        let llt = Duid::llt(&link(), DUID_EPOCH + 0x2b2c_3d4e);
        assert_eq!(llt.to_string(), "000100012b2c3d4e021122334455");
        assert_eq!(Duid::ll(&link()).to_string(), "00030001021122334455");
        let uuid = Duid::uuid([0xab; 16]).to_string();
        assert_eq!(uuid, format!("0004{}", "ab".repeat(16)));
        // RFC 9915 figure 6: a DUID-EN is read like any other.
        assert!("000200007ed90cc084d303000912".parse::<Duid>().is_ok());
    }

    #[test]
    fn duid_01_any_type_of_3_to_130_octets() {
        assert!(Duid::new(&[0; 2]).is_none());
        assert!(Duid::new(&[0xff; 3]).is_some());
        assert!(Duid::new(&[0xff; 130]).is_some());
        assert!(Duid::new(&[0; 131]).is_none());
    }

    #[test]
    fn duid_text_is_read_with_and_without_separators() {
        let plain: Duid = "00030001021122334455".parse().unwrap();
        assert_eq!("00:03:00:01:02-11.22:33:44:55".parse(), Ok(plain));
        assert_eq!("0003000".parse::<Duid>(), Err(DuidError::Hex));
        assert_eq!("00zz0001".parse::<Duid>(), Err(DuidError::Hex));
        assert_eq!("0003".parse::<Duid>(), Err(DuidError::Length));
    }

    #[test]
    fn duid_llt_time_before_2000_does_not_wrap() {
        assert_eq!(Duid::llt(&link(), 5).to_string(), "0001000100000000021122334455");
    }

    /// Golden for ever: `printf eth0 | md5sum` and so on.
    #[test]
    fn iaid_02_derivation_is_pinned() {
        let golden = [
            ("eth0", 0xa1a5_b3d2),
            ("wan0", 0x63c1_44a5),
            ("ppp0", 0xe993_a063),
            ("br-lan", 0xeb35_1e8c),
        ];
        for (name, iaid) in golden {
            assert_eq!(Iaid::of_interface(name), Iaid(iaid), "{name}");
        }
        assert_eq!(Iaid(u32::MAX).further(1), Iaid(0));
    }
}
