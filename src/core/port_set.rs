//! The ports of a shared IPv4 address that are ours (RFC 7597 §5.1, RFC 7618
//! §9): those whose bits after the first `offset` ones read as our PSID.
//!
//! ```text
//! port: | A: offset bits, not 0 | PSID: length bits | j: the rest |
//! ```

use core::fmt;
use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// The bits of a port.
const PORT_BITS: u8 = 16;
/// The longest offset that the options have room for (RFC 7618 §9).
const LONGEST_OFFSET: u8 = 15;

/// A port set: offset, PSID length and PSID. It is one that exists: the two
/// lengths fit a port, and the PSID fits its length.
///
/// ```
/// use dhc6c_core::port_set::PortSet;
/// let set = PortSet::new(6, 8, 0x34).unwrap();
/// assert!(set.contains(1232) && !set.contains(80));
/// assert_eq!(set.ranges().next(), Some(1232..=1235));
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct PortSet {
    offset: u8,
    length: u8,
    psid: u16,
}

/// A port set as it is stored.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Fields {
    offset: u8,
    psid_len: u8,
    psid: u16,
}

impl PortSet {
    /// The set of a PSID of `length` bits, 0 to 16, after `offset` bits, 0 to
    /// 15; `None` where the three do not fit each other.
    #[must_use]
    pub const fn new(offset: u8, length: u8, psid: u16) -> Option<Self> {
        let fits = offset <= LONGEST_OFFSET
            && length <= PORT_BITS
            && offset.saturating_add(length) <= PORT_BITS
            && (psid as u32) < (1_u32 << length);
        if fits { Some(Self { offset, length, psid }) } else { None }
    }

    /// The bits before the PSID.
    #[must_use]
    pub const fn offset(self) -> u8 {
        self.offset
    }

    /// The bits of the PSID.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// The PSID.
    #[must_use]
    pub const fn psid(self) -> u16 {
        self.psid
    }

    /// True where the address is not shared at all: there is no PSID, and
    /// nothing is to be restricted (RFC 7618 §9).
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.length == 0
    }

    /// True for a port of the set.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        let below = self.below();
        let psid = (port as u32 >> below) & ((1 << self.length) - 1);
        let block = port as u32 >> (below + self.length);
        psid == self.psid as u32 && (self.offset == 0 || block != 0)
    }

    /// The contiguous ranges of the set, ascending. With an offset the first
    /// block of all ports, which has the well-known ones, belongs to nobody.
    pub fn ranges(self) -> impl Iterator<Item = RangeInclusive<u16>> {
        let below = self.below();
        let blocks = 1_u32 << self.offset;
        let first = u32::from(self.offset != 0);
        (first..blocks).map(move |block| {
            let start = (block << self.length | u32::from(self.psid)) << below;
            let last = start + (1 << below) - 1;
            // Sixteen bits by construction.
            #[allow(clippy::cast_possible_truncation)]
            let range = start as u16..=last as u16;
            range
        })
    }

    /// How many ports there are in the set.
    #[must_use]
    pub const fn count(self) -> u32 {
        let blocks = (1_u32 << self.offset) - if self.offset == 0 { 0 } else { 1 };
        blocks << self.below()
    }

    /// The bits after the PSID.
    const fn below(self) -> u8 {
        PORT_BITS - self.offset - self.length
    }
}

impl TryFrom<Fields> for PortSet {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let Fields { offset, psid_len, psid } = fields;
        Self::new(offset, psid_len, psid).ok_or("no such port set")
    }
}

impl From<PortSet> for Fields {
    fn from(set: PortSet) -> Self {
        Self { offset: set.offset, psid_len: set.length, psid: set.psid }
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{:#x}", self.offset, self.length, self.psid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offset, length, PSID; ranges, ports; the first two ranges, the last
    /// two. The rows of 6/8/0x34 and 6/8/0 are RFC 7597 A.1 and B.2.
    type Row =
        (u8, u8, u16, usize, u32, &'static [RangeInclusive<u16>], &'static [RangeInclusive<u16>]);

    const ROWS: &[Row] = &[
        (6, 8, 0x34, 63, 252, &[1232..=1235, 2256..=2259], &[63696..=63699, 64720..=64723]),
        (6, 8, 0, 63, 252, &[1024..=1027, 2048..=2051], &[63488..=63491, 64512..=64515]),
        (0, 6, 0, 1, 1024, &[0..=1023], &[0..=1023]),
        (0, 6, 1, 1, 1024, &[1024..=2047], &[1024..=2047]),
        (0, 8, 0x34, 1, 256, &[13312..=13567], &[13312..=13567]),
        (4, 8, 0x34, 15, 240, &[4928..=4943, 9024..=9039], &[58176..=58191, 62272..=62287]),
        (6, 6, 0x2a, 63, 1008, &[1696..=1711, 2720..=2735], &[64160..=64175, 65184..=65199]),
        (6, 10, 0x3ff, 63, 63, &[2047..=2047, 3071..=3071], &[64511..=64511, 65535..=65535]),
        (4, 4, 0xf, 15, 3840, &[7936..=8191, 12032..=12287], &[61184..=61439, 65280..=65535]),
        (15, 1, 1, 32767, 32767, &[3..=3, 5..=5], &[65533..=65533, 65535..=65535]),
        (0, 16, 0x1f90, 1, 1, &[8080..=8080], &[8080..=8080]),
        (6, 0, 0, 63, 64512, &[1024..=2047], &[64512..=65535]),
    ];

    #[test]
    fn dhcp_4o6s_08_port_sets_of_the_vectors() {
        for &(offset, length, psid, count, ports, first, last) in ROWS {
            let set = PortSet::new(offset, length, psid).unwrap();
            let ranges: Vec<_> = set.ranges().collect();
            assert_eq!((ranges.len(), set.count()), (count, ports), "{set}");
            assert_eq!(&ranges[..first.len()], first, "{set}");
            assert_eq!(&ranges[ranges.len() - last.len()..], last, "{set}");
        }
    }

    #[test]
    fn a_port_is_in_a_set_exactly_where_a_range_has_it() {
        for &(offset, length, psid, ..) in ROWS {
            let set = PortSet::new(offset, length, psid).unwrap();
            let mut listed = vec![false; 1 << 16];
            set.ranges().flatten().for_each(|port| listed[usize::from(port)] = true);
            for port in 0..=u16::MAX {
                assert_eq!(set.contains(port), listed[usize::from(port)], "{port} in {set}");
            }
        }
        let psid = |port| (0..256).find(|&psid| PortSet::new(6, 8, psid).unwrap().contains(port));
        assert_eq!([1232, 64723, 64724, 80].map(psid), [Some(0x34), Some(0x34), Some(0x35), None]);
    }

    #[test]
    fn what_does_not_fit_a_port_is_no_set() {
        for (offset, length, psid) in [
            (16, 0, 0),
            (0, 17, 0),
            (6, 11, 0),
            (15, 2, 0),
            (6, 8, 0x100),
            (0, 0, 1),
            (255, 255, 0),
        ] {
            assert_eq!(PortSet::new(offset, length, psid), None, "{offset}/{length}/{psid}");
        }
        assert!(PortSet::try_from(Fields { offset: 6, psid_len: 8, psid: 256 }).is_err());
    }
}
