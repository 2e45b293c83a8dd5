//! The near end of our softwire: which IPv6 address of ours the IPv4 lease is
//! bound to (RFC 8539 §7.1, RFC 7596 §5.1, RFC 7597 §6).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::desired::Lifetimes;
use crate::engine::is_same_kind;
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
    /// prefix, or any of a suitable scope where there is none (RFC 8539 §7.1).
    /// In a delegated prefix it is one of its own, made of the lease; of
    /// others it is the one that is there. Addresses that are known not to do
    /// are passed over.
    pub(super) fn select(&self, lease: &ToBind<'_>, refused: &[Ipv6Addr]) -> Option<Ipv6Addr> {
        let made = self.delegated.iter().filter_map(|(prefix, lifetimes)| {
            let made = make(inner(*prefix, lease.prefix), lease.address, lease.ports)?;
            Some((made, (lease.fit(*prefix, made), lifetimes.preferred)))
        });
        let there = self.usable.iter().chain(&self.leased).filter_map(|address| {
            let fit = lease.fit(Prefix::new(*address, 128)?, *address);
            Some((*address, (fit, self.leased.contains(address))))
        });
        let is_fit = |address: &Ipv6Addr| !refused.contains(address);
        // Of prefixes that fit as well the one that is preferred for longest;
        // of addresses that fit as well one that is leased, for those of
        // others change; and of these the first: what can be used comes before
        // what is to pass its detection.
        let made = made.filter(|(made, _)| is_fit(made)).reduce(best);
        let made = made.map(|(made, (fit, _))| (made, fit));
        let there = there.filter(|(there, _)| is_fit(there)).reduce(best);
        let there = there.map(|(there, (fit, _))| (there, fit));
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

/// A lease that is to be bound to an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToBind<'a> {
    pub(super) address: Ipv4Addr,
    pub(super) ports: Option<PortSet>,
    /// Where the server would have the address.
    pub(super) prefix: Option<Prefix>,
    /// The far ends of the softwire.
    pub(super) border_relays: &'a [Ipv6Addr],
}

impl ToBind<'_> {
    /// How well an address in a prefix of ours does: by the match with the
    /// server's, then by its scope. What is unique local on one side alone
    /// may find no way to the other.
    fn fit(&self, ours: Prefix, address: Ipv6Addr) -> (u8, bool) {
        let is_fit = |far_end: &Ipv6Addr| is_same_kind(*far_end, address);
        (overlap(ours, self.prefix), self.border_relays.iter().any(is_fit))
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

    fn own(usable: &[&str], delegated: &[&str]) -> Sources {
        let lifetimes = Lifetimes { preferred: Until::Forever, valid: Until::Forever };
        let usable: Vec<_> = usable.iter().map(|text| text.parse().unwrap()).collect();
        Sources {
            leased: usable.clone(),
            usable,
            delegated: delegated.iter().map(|text| (text.parse().unwrap(), lifetimes)).collect(),
        }
    }

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 18);

    fn select(sources: &Sources, binding: Option<&str>) -> Option<String> {
        let prefix = binding.map(|text| text.parse().unwrap());
        let ports = PortSet::new(0, 8, 0x34);
        let lease = ToBind { address: ADDRESS, ports, prefix, border_relays: &[] };
        sources.select(&lease, &[]).map(|address| address.to_string())
    }

    #[test]
    fn dhcp_4o6b_04_without_a_match_the_scope_of_the_far_end_counts_and_then_the_lease() {
        let global = ["2001:db8:2::5", "2001:db8:1::5"];
        let mut sources = own(&["fd00::5", "2001:db8:2::5", "2001:db8:1::5"], &[]);
        sources.leased = vec!["2001:db8:1::5".parse().unwrap()];
        let select = |sources: &Sources, far_end: &str, prefix: Option<&str>| {
            let prefix = prefix.map(|text| text.parse().unwrap());
            let border_relays = &[far_end.parse().unwrap()];
            let lease = ToBind { address: ADDRESS, ports: None, prefix, border_relays };
            sources.select(&lease, &[]).map(|address| address.to_string()).unwrap()
        };
        assert_eq!(select(&sources, "2001:db8:ffff::1", None), global[1]);
        assert_eq!(select(&sources, "fd00:ffff::1", None), "fd00::5");
        let matched = Some("2001:db8:2::/48");
        assert_eq!(select(&sources, "fd00:ffff::1", matched), global[0], "the match comes first");
        sources.delegated = own(&[], &["fd00:1::/56"]).delegated;
        assert_eq!(select(&sources, "2001:db8:ffff::1", None), global[1]);
        assert_eq!(select(&sources, "fd00:ffff::1", None), "fd00:1::c000:212:0", "made for it");
    }

    #[test]
    fn dhcp_4o6b_04_the_longest_match_with_the_servers_prefix_is_taken() {
        let both = own(
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
        assert_eq!(select(&own(&[], &[]), None), None);
        let there = own(&["2001:db8:1::5"], &["2001:db8:2::/80"]);
        assert_eq!(select(&there, None), Some("2001:db8:1::5".to_owned()));
    }

    #[test]
    fn dhcp_4o6b_04_of_prefixes_the_one_that_is_preferred_for_longest_is_taken() {
        let mut both = own(&[], &["2001:db8:12:3400::/56", "2001:db8:12:5600::/56"]);
        both.delegated[0].1.preferred = Until::At(crate::time::Instant::BOOT);
        assert_eq!(select(&both, None), Some("2001:db8:12:5600:0:c000:212:34".to_owned()));
    }

    #[test]
    fn what_is_known_not_to_do_is_passed_over() {
        let both = own(&["2001:db8:1::5"], &["2001:db8:12:3400::/56"]);
        let refused = ["2001:db8:12:3400:0:c000:212:0".parse().unwrap()];
        let lease = ToBind { address: ADDRESS, ports: None, prefix: None, border_relays: &[] };
        let found = both.select(&lease, &refused);
        assert_eq!(found, Some("2001:db8:1::5".parse().unwrap()));
    }
}
