//! What the DHCPv4 client is told: who it is and what it wants.

use std::net::Ipv4Addr;

use crate::engine::Config;
use crate::ident::{Duid, Iaid, LinkAddress};
use crate::time::Duration;
use crate::wire::v4::{V4Option, code};

/// The type of a client identifier that is made of an IAID and a DUID
/// (RFC 4361 §6.1).
const IAID_AND_DUID: u8 = 255;
/// What is asked for in every message (RFC 2131 §4.4.1). Routes come before
/// the routers that they stand in for (RFC 3442).
const PARAMETERS: [u8; 15] = [
    code::SUBNET_MASK,
    code::ROUTES,
    code::ROUTERS,
    code::DNS_SERVERS,
    code::HOST_NAME,
    code::DOMAIN_NAME,
    code::MTU,
    code::BROADCAST,
    code::NTP_SERVERS,
    code::LEASE_TIME,
    code::SERVER_ID,
    code::RENEWAL_TIME,
    code::REBINDING_TIME,
    code::CAPTIVE_PORTAL,
    code::DOMAIN_SEARCH,
];

/// Who we are and what we want.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine) struct Settings {
    /// The same as in DHCPv6, so that a server knows us in both (RFC 7341 §9).
    pub(super) client_id: Vec<u8>,
    pub(super) hardware: LinkAddress,
    pub(super) share: bool,
    pub(super) binding: bool,
    pub(super) ipv6_only: bool,
    pub(super) address: Option<Ipv4Addr>,
    pub(super) device: Option<String>,
    pub(super) longest_delay: Duration,
}

impl Settings {
    /// What a configuration says, if it wants IPv4 at all.
    pub(in crate::engine) fn of(config: &Config) -> Option<Self> {
        let wanted = config.dhcp4o6.as_ref()?;
        Some(Self {
            client_id: client_id(wanted.iaid, &config.duid),
            hardware: wanted.hardware.clone(),
            share: wanted.share,
            binding: wanted.binding,
            ipv6_only: wanted.ipv6_only,
            address: wanted.address,
            device: wanted.device.clone(),
            longest_delay: wanted.longest_delay,
        })
    }

    /// The client identifier as an option.
    pub(super) fn client_id_option(&self) -> V4Option {
        V4Option::ClientId(self.client_id.clone())
    }

    /// What is asked for, the same in every message (RFC 2131 §4.4.1).
    pub(super) fn parameters(&self) -> V4Option {
        let mut codes = PARAMETERS.to_vec();
        // RFC 8925 §3.2: only by those who can do without IPv4.
        codes.extend(self.ipv6_only.then_some(code::IPV6_ONLY_PREFERRED));
        // RFC 7618 §7: by those who can do with a part of an address.
        codes.extend(self.share.then_some(code::PORT_PARAMETERS));
        V4Option::ParameterRequest(codes)
    }

    /// The hardware address as it travels: a longer one than the field does
    /// not (RFC 4390 §2.1).
    pub(super) fn hardware_octets(&self) -> &[u8] {
        let octets = self.hardware.octets.as_slice();
        if octets.len() > 16 { &[] } else { octets }
    }
}

/// Type 255, IAID, DUID (RFC 4361 §6.1).
fn client_id(Iaid(iaid): Iaid, duid: &Duid) -> Vec<u8> {
    [&[IAID_AND_DUID], &iaid.to_be_bytes()[..], duid.octets()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dhcp_4o6_13_the_client_identifier_of_the_vectors() {
        let duid = "000100012b2c3d4e021122334455".parse().unwrap();
        let expected = "ff00000001000100012b2c3d4e021122334455";
        assert_eq!(crate::wire::text::hex(&client_id(Iaid(1), &duid)), expected);
    }
}
