//! The near end of our softwire: which IPv6 address of ours the IPv4 lease is
//! bound to (RFC 8539 §7.1, RFC 7596 §5.1, RFC 7597 §6).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::desired::Lifetimes;
use crate::port_set::PortSet;
use crate::prefix::Prefix;

/// The longest prefix that has room for an interface identifier.
const LONGEST_PREFIX: u8 = 64;

/// The IPv6 addresses and prefixes that are ours.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::engine) struct Sources {
    /// Addresses that are fit for use.
    pub(in crate::engine) usable: Vec<Ipv6Addr>,
    /// Addresses that a server has leased to us, fit for use or not.
    pub(in crate::engine) leased: Vec<Ipv6Addr>,
    /// Prefixes that are delegated to us.
    pub(in crate::engine) delegated: Vec<(Prefix, Lifetimes)>,
}

impl Sources {
    /// The address to bind a lease to: the longest match with the server's
    /// prefix, or any where there is none. In a delegated prefix it is one of
    /// its own, made of the lease; of others it is the one that is there.
    /// Addresses that are known not to do are passed over.
    pub(super) fn select(
        &self,
        binding: Option<Prefix>,
        address: Ipv4Addr,
        ports: Option<PortSet>,
        refused: &[Ipv6Addr],
    ) -> Option<Ipv6Addr> {
        let made = self.delegated.iter().filter_map(|(prefix, lifetimes)| {
            let made = make(inner(*prefix, binding), address, ports)?;
            Some((made, (overlap(*prefix, binding), lifetimes.preferred)))
        });
        let there =
            self.usable.iter().chain(&self.leased).filter_map(|address| {
                Some((*address, overlap(Prefix::new(*address, 128)?, binding)))
            });
        let is_fit = |address: &Ipv6Addr| !refused.contains(address);
        // Of prefixes that match as well the one that is preferred for
        // longest; of addresses that match as well the first: what can be
        // used comes before what is to pass its detection.
        let made = made.filter(|(made, _)| is_fit(made)).reduce(best);
        let made = made.map(|(made, (overlap, _))| (made, overlap));
        let there = there.filter(|(there, _)| is_fit(there)).reduce(best);
        // What is made for the purpose comes before what has another use.
        made.into_iter().chain(there).reduce(best).map(|(best, _)| best)
    }

    /// True while an address is ours, fit for use or not.
    pub(super) fn has(&self, address: Ipv6Addr) -> bool {
        self.leased.contains(&address)
            || self.usable.contains(&address)
            || self.lifetimes(address).is_some()
    }

    /// True for an address that is ours and not fit for use yet.
    pub(super) fn is_awaited(&self, address: Ipv6Addr) -> bool {
        self.has(address) && !self.usable.contains(&address)
    }

    /// True for an address that can be sent from.
    pub(super) fn is_usable(&self, address: Ipv6Addr) -> bool {
        self.usable.contains(&address)
    }

    /// How long an address lasts that is in a delegated prefix; `None` for
    /// one that is there anyhow.
    pub(super) fn lifetimes(&self, address: Ipv6Addr) -> Option<Lifetimes> {
        let covering = self.delegated.iter().find(|(prefix, _)| prefix.contains(address));
        covering.filter(|_| !self.leased.contains(&address)).map(|(_, lifetimes)| *lifetimes)
    }
}

/// The better one; the first of equals.
fn best<Rank: PartialOrd>(one: (Ipv6Addr, Rank), other: (Ipv6Addr, Rank)) -> (Ipv6Addr, Rank) {
    if other.1 > one.1 { other } else { one }
}

/// How many bits a prefix of ours and the server's agree in: none where
/// neither holds the other.
fn overlap(ours: Prefix, binding: Option<Prefix>) -> u8 {
    match binding {
        Some(binding) if ours.covers(binding) || binding.covers(ours) => {
            // One more than none, for ::/0 is a match too.
            ours.length().min(binding.length()).saturating_add(1)
        }
        _ => 0,
    }
}

/// The part of our prefix that is in the server's as well.
fn inner(ours: Prefix, binding: Option<Prefix>) -> Prefix {
    binding.filter(|binding| ours.covers(*binding)).unwrap_or(ours)
}

/// The address of a softwire in a prefix: 16 zeros, the IPv4 address and the
/// PSID as the interface identifier (RFC 7597 §6).
fn make(prefix: Prefix, address: Ipv4Addr, ports: Option<PortSet>) -> Option<Ipv6Addr> {
    if prefix.length() > LONGEST_PREFIX {
        return None;
    }
    let psid = u128::from(ports.map_or(0, PortSet::psid));
    let identifier = u128::from(address.to_bits()) << 16 | psid;
    Some(Ipv6Addr::from_bits(prefix.address().to_bits() | identifier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Until;

    fn sources(usable: &[&str], delegated: &[&str]) -> Sources {
        let lifetimes = Lifetimes { preferred: Until::Forever, valid: Until::Forever };
        let usable: Vec<_> = usable.iter().map(|text| text.parse().unwrap()).collect();
        Sources {
            leased: usable.clone(),
            usable,
            delegated: delegated.iter().map(|text| (text.parse().unwrap(), lifetimes)).collect(),
        }
    }

    fn select(sources: &Sources, binding: Option<&str>) -> Option<String> {
        let binding = binding.map(|text| text.parse().unwrap());
        let ports = PortSet::new(0, 8, 0x34);
        let found = sources.select(binding, Ipv4Addr::new(192, 0, 2, 18), ports, &[]);
        found.map(|address| address.to_string())
    }

    #[test]
    fn dhcp_4o6b_04_the_longest_match_with_the_servers_prefix_is_taken() {
        let both = sources(
            &["2001:db8:1::5", "2001:db8:9::5"],
            &["2001:db8:12:3400::/56", "2001:db8:12:5600::/56"],
        );
        let of_vectors = Some("2001:db8:12:3400:0:c000:212:34".to_owned());
        assert_eq!(select(&both, Some("2001:db8:12:3400::/56")), of_vectors);
        let second = Some("2001:db8:12:5600:0:c000:212:34".to_owned());
        assert_eq!(select(&both, Some("2001:db8:12:5600::/56")), second);
        assert_eq!(select(&both, Some("2001:db8:9::/48")), Some("2001:db8:9::5".to_owned()));
        // The server's prefix lies within ours: in both.
        let inner = Some("2001:db8:12:3477:0:c000:212:34".to_owned());
        assert_eq!(select(&both, Some("2001:db8:12:3477::/64")), inner);
        // No match, or nothing to match: any will do.
        for binding in [Some("2001:db8:ffff::/48"), None] {
            assert_eq!(select(&both, binding), of_vectors, "{binding:?}");
        }
        assert_eq!(select(&sources(&[], &[]), None), None);
        let there = sources(&["2001:db8:1::5"], &["2001:db8:2::/80"]);
        assert_eq!(select(&there, None), Some("2001:db8:1::5".to_owned()));
    }

    #[test]
    fn dhcp_4o6b_04_of_prefixes_the_one_that_is_preferred_for_longest_is_taken() {
        let mut both = sources(&[], &["2001:db8:12:3400::/56", "2001:db8:12:5600::/56"]);
        both.delegated[0].1.preferred = Until::At(crate::time::Instant::BOOT);
        assert_eq!(select(&both, None), Some("2001:db8:12:5600:0:c000:212:34".to_owned()));
    }

    #[test]
    fn what_is_known_not_to_do_is_passed_over() {
        let both = sources(&["2001:db8:1::5"], &["2001:db8:12:3400::/56"]);
        let refused = ["2001:db8:12:3400:0:c000:212:0".parse().unwrap()];
        let found = both.select(None, Ipv4Addr::new(192, 0, 2, 18), None, &refused);
        assert_eq!(found, Some("2001:db8:1::5".parse().unwrap()));
    }
}
