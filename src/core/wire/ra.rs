//! Router Advertisements, as far as a DHCPv6 client minds them: whether there
//! is DHCPv6 on the link, and the link's prefixes (RFC 4861 §4.2, §4.6.2;
//! RFC 9762 §4).

use std::net::Ipv6Addr;

use crate::prefix::Prefix;
use crate::reason::DropReason;
use crate::time::Lifetime;

/// The ICMPv6 type of a Router Advertisement (RFC 4861 §4.2).
pub const ROUTER_ADVERTISEMENT: u8 = 134;
/// Managed address configuration: M (RFC 4861 §4.2).
const MANAGED: u8 = 0x80;
/// Other configuration: O (RFC 4861 §4.2).
const OTHER: u8 = 0x40;
/// The option of a prefix (RFC 4861 §4.6.2).
const PREFIX_INFORMATION: u8 = 3;
/// On-link: L (RFC 4861 §4.6.2).
const ON_LINK: u8 = 0x80;
/// DHCPv6 prefix delegation preferred: P (RFC 9762 §4).
const DELEGATING: u8 = 0x10;
/// The most prefixes that are read; a link with more is none for people.
const MOST_PREFIXES: usize = 32;

/// What a Router Advertisement says of DHCPv6 and of prefixes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RouterAdvertisement {
    /// Addresses are to be had by DHCPv6.
    pub managed: bool,
    /// Other configuration is to be had by DHCPv6.
    pub other: bool,
    /// The prefixes in it, in order.
    pub prefixes: Vec<PrefixInformation>,
}

/// One prefix of a link (RFC 4861 §4.6.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PrefixInformation {
    /// The prefix.
    pub prefix: Prefix,
    /// Its addresses are on the link.
    pub on_link: bool,
    /// The link would rather delegate prefixes than see addresses out of this
    /// one (RFC 9762 §4).
    pub delegating: bool,
    /// How long addresses out of it are preferred.
    pub preferred: Lifetime,
}

impl RouterAdvertisement {
    /// Decodes an ICMPv6 message that arrived with `hop_limit` from `source`.
    /// The kernel has checked its checksum.
    ///
    /// # Errors
    /// Why it is no Router Advertisement of this link (RFC 4861 §6.1.2): it
    /// has passed a router, does not come from a link-local address, is too
    /// short, or has an option that does not end within it.
    pub fn decode(source: Ipv6Addr, hop_limit: u8, octets: &[u8]) -> Result<Self, DropReason> {
        if hop_limit != 255 || !source.is_unicast_link_local() {
            return Err(DropReason::Destination);
        }
        let (header, options) = octets.split_first_chunk::<16>().ok_or(DropReason::TooShort)?;
        let [ROUTER_ADVERTISEMENT, 0, _, _, _, flags, ..] = *header else {
            return Err(DropReason::MessageType);
        };
        let mut prefixes = Vec::new();
        let mut rest = options;
        while let Some((&[kind, units], _)) = rest.split_first_chunk::<2>() {
            // A length of zero would never end.
            let length = usize::from(units).checked_mul(8).filter(|length| *length > 0);
            let option = length.and_then(|length| rest.split_at_checked(length));
            let (option, after) = option.ok_or(DropReason::OptionMalformed)?;
            if kind == PREFIX_INFORMATION && prefixes.len() < MOST_PREFIXES {
                prefixes.extend(prefix_information(option));
            }
            rest = after;
        }
        let (managed, other) = (flags & MANAGED != 0, flags & OTHER != 0);
        Ok(Self { managed, other, prefixes })
    }
}

/// The prefix in an option of 32 octets; `None` of what is no prefix of a
/// link (RFC 4862 §5.5.3).
fn prefix_information(option: &[u8]) -> Option<PrefixInformation> {
    let option: &[u8; 32] = option.try_into().ok()?;
    let [_, _, length, flags, v3, v2, v1, v0, p3, p2, p1, p0, _, _, _, _, address @ ..] = *option;
    let address = Ipv6Addr::from(address);
    let prefix = Prefix::new(address, length)?;
    if address.is_unicast_link_local() || address.is_multicast() {
        return None;
    }
    let preferred = Lifetime(u32::from_be_bytes([p3, p2, p1, p0]));
    let valid = Lifetime(u32::from_be_bytes([v3, v2, v1, v0]));
    (preferred <= valid).then_some(PrefixInformation {
        prefix,
        on_link: flags & ON_LINK != 0,
        delegating: flags & DELEGATING != 0,
        preferred,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

    fn header(flags: u8) -> Vec<u8> {
        vec![134, 0, 0xab, 0xcd, 64, flags, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    fn pio(flags: u8, preferred: u32, prefix: &str) -> Vec<u8> {
        let prefix: Prefix = prefix.parse().unwrap();
        let mut option = vec![3, 4, prefix.length(), flags, 0, 0, 0x0e, 0x10];
        option.extend(preferred.to_be_bytes());
        option.extend([0; 4]);
        option.extend(prefix.address().octets());
        option
    }

    fn decode(octets: &[u8]) -> Result<RouterAdvertisement, DropReason> {
        RouterAdvertisement::decode(ROUTER, 255, octets)
    }

    #[test]
    fn ra_01_flags_and_prefixes_are_read() {
        let mtu = vec![5, 1, 0, 0, 0, 0, 5, 220];
        let octets = [
            header(0x80),
            mtu,
            pio(0xd0, 1800, "2001:db8:1::/64"),
            pio(0x80, 0, "2001:db8:2::/64"),
            pio(0xc0, 9, "fe80::/64"),
            pio(0xc0, 3601, "2001:db8:3::/64"),
        ];
        let ra = decode(&octets.concat()).unwrap();
        assert_eq!((ra.managed, ra.other), (true, false));
        let [one, two] = ra.prefixes[..] else { panic!("{ra:?}") };
        assert_eq!((one.on_link, one.delegating, one.preferred), (true, true, Lifetime(1800)));
        assert_eq!((two.on_link, two.delegating, two.preferred), (true, false, Lifetime(0)));
        assert_eq!(decode(&header(0x40)).unwrap().prefixes, []);
        assert!(decode(&header(0x40)).unwrap().other);
    }

    #[test]
    fn ra_01_what_is_not_from_this_link_is_dropped() {
        let octets = header(0xc0);
        for (source, hops) in [("fe80::1", 254), ("fe80::1", 0), ("2001:db8::1", 255), ("::", 255)]
        {
            let source = source.parse().unwrap();
            let dropped = RouterAdvertisement::decode(source, hops, &octets);
            assert_eq!(dropped, Err(DropReason::Destination));
        }
    }

    #[test]
    fn ra_01_options_without_an_end_are_dropped_and_end_the_reading() {
        let whole = [header(0), pio(0xc0, 1, "2001:db8::/64")].concat();
        for length in 0..16 {
            assert_eq!(decode(&whole[..length]), Err(DropReason::TooShort));
        }
        for length in 18..whole.len() {
            assert_eq!(decode(&whole[..length]), Err(DropReason::OptionMalformed), "{length}");
        }
        let endless = [header(0), vec![3, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(decode(&endless), Err(DropReason::OptionMalformed));
        let mut other = header(0);
        other[0] = 133;
        assert_eq!(decode(&other), Err(DropReason::MessageType));
        let many = std::iter::repeat_n(pio(0xc0, 1, "2001:db8::/64"), 1000).flatten();
        let many: Vec<u8> = header(0).into_iter().chain(many).collect();
        assert_eq!(decode(&many).unwrap().prefixes.len(), MOST_PREFIXES);
    }
}
