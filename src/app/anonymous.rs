//! Who an anonymous client says it is (RFC 7844 §4.3): its link-layer address
//! where that is a random one, otherwise somebody new on every link. Never
//! what another interface is known by.

use dhc6c_core::ident::{Duid, LinkAddress};

use crate::os::clock;
use crate::os::error::Error;

/// The hardware type of Ethernet.
const ETHERNET: u16 = 1;
/// Seconds of the year that a random DUID may be old (RFC 7844 §4.3).
const YEAR: u32 = 365 * 24 * 60 * 60;

/// The identity to begin with, for an interface of this link-layer address.
///
/// # Errors
/// The kernel gives no entropy.
pub(crate) fn duid(address: Option<&LinkAddress>) -> Result<Duid, Error> {
    match address.filter(|address| is_random(address)) {
        // What the link knows of us anyhow.
        Some(address) => Ok(Duid::ll(address)),
        None => Ok(random(clock::entropy()?, clock::unix_seconds())),
    }
}

/// The identity that takes the place of this one, if any does: always that of
/// a random link-layer address, and a new random one for each time that the
/// interface was `attached` to a link.
///
/// # Errors
/// As [`duid`].
pub(crate) fn successor(
    current: &Duid,
    address: Option<&LinkAddress>,
    attached: bool,
) -> Result<Option<Duid>, Error> {
    if !attached && !address.is_some_and(is_random) {
        return Ok(None);
    }
    duid(address).map(|new| Some(new).filter(|new| new != current))
}

/// True for an address that was made up here: the vendor's have the bit of
/// local administration clear (IEEE 802 §8.2).
fn is_random(address: &LinkAddress) -> bool {
    address.octets.first().is_some_and(|first| first & 0x02 != 0)
}

/// A DUID-LLT of no interface there is, up to a year old, so that it does not
/// look made for the occasion.
fn random(entropy: [u8; 32], unix_seconds: u64) -> Duid {
    let [first, b, c, d, e, f, age @ ..] = entropy;
    let [a3, a2, a1, a0, ..] = age;
    // Of one station, and administered locally.
    let first = first & 0xfe | 0x02;
    let link = LinkAddress { hardware_type: ETHERNET, octets: vec![first, b, c, d, e, f] };
    let age = u64::from(u32::from_be_bytes([a3, a2, a1, a0]) % YEAR);
    Duid::llt(&link, unix_seconds.saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(first: u8) -> LinkAddress {
        LinkAddress { hardware_type: ETHERNET, octets: vec![first, 0, 0, 0, 0, 1] }
    }

    #[test]
    fn prv_03_a_random_address_is_the_identity_as_long_as_it_lasts() {
        let (here, there) = (address(0x02), address(0x06));
        let duid = duid(Some(&here)).unwrap();
        assert_eq!(duid, Duid::ll(&here));
        assert_eq!(successor(&duid, Some(&here), true).unwrap(), None);
        assert_eq!(successor(&duid, Some(&there), false).unwrap(), Some(Duid::ll(&there)));
    }

    #[test]
    fn prv_03_without_a_random_address_somebody_new_is_on_every_link() {
        for address in [None, Some(address(0x00))] {
            let first = duid(address.as_ref()).unwrap();
            assert!(first.octets().starts_with(&[0, 1, 0, 1]), "DUID-LLT: {first}");
            assert_eq!(successor(&first, address.as_ref(), false).unwrap(), None);
            let second = successor(&first, address.as_ref(), true).unwrap().unwrap();
            assert_ne!(first, second);
            assert!(!address.is_some_and(|it| second.octets().ends_with(&it.octets)));
        }
    }

    #[test]
    fn prv_03_a_random_identity_is_up_to_a_year_old_and_of_no_vendor() {
        // 2026-01-01, in seconds since 1970 and since 2000.
        let (unix, now) = (1_767_225_600, 820_540_800);
        for octet in 0..=255 {
            let duid = random([octet; 32], unix);
            let [_, _, _, _, t3, t2, t1, t0, first, ..] = *duid.octets() else { panic!("{duid}") };
            let time = u32::from_be_bytes([t3, t2, t1, t0]);
            assert!((now - YEAR..=now).contains(&time), "{time}");
            assert_eq!(first & 0x03, 0x02, "one station, administered locally");
        }
    }
}
