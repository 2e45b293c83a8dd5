//! Codes of DHCPv4 options (IANA registry "BOOTP Vendor Extensions and DHCP
//! Options"): those that a client reads or writes.

/// Nothing (RFC 2132 §3.1).
pub const PAD: u8 = 0;
/// The mask of the subnet (RFC 2132 §3.3).
pub const SUBNET_MASK: u8 = 1;
/// Routers, best first (RFC 2132 §3.5).
pub const ROUTERS: u8 = 3;
/// Name servers, best first (RFC 2132 §3.8).
pub const DNS_SERVERS: u8 = 6;
/// Our name (RFC 2132 §3.14).
pub const HOST_NAME: u8 = 12;
/// Our domain (RFC 2132 §3.17).
pub const DOMAIN_NAME: u8 = 15;
/// The MTU of the interface (RFC 2132 §5.1).
pub const MTU: u8 = 26;
/// The broadcast address (RFC 2132 §5.3).
pub const BROADCAST: u8 = 28;
/// Time servers (RFC 2132 §8.3).
pub const NTP_SERVERS: u8 = 42;
/// The address wished for (RFC 2132 §9.1).
pub const REQUESTED_ADDRESS: u8 = 50;
/// How long the address may be used (RFC 2132 §9.2).
pub const LEASE_TIME: u8 = 51;
/// `sname` and `file` hold options (RFC 2132 §9.3).
pub const OVERLOAD: u8 = 52;
/// What the message is (RFC 2132 §9.6).
pub const MESSAGE_TYPE: u8 = 53;
/// The server (RFC 2132 §9.7).
pub const SERVER_ID: u8 = 54;
/// What is asked for (RFC 2132 §9.8).
pub const PARAMETER_REQUEST: u8 = 55;
/// The server's words (RFC 2132 §9.9).
pub const TEXT: u8 = 56;
/// The longest message that is taken (RFC 2132 §9.10).
pub const MAX_SIZE: u8 = 57;
/// T1 (RFC 2132 §9.11).
pub const RENEWAL_TIME: u8 = 58;
/// T2 (RFC 2132 §9.12).
pub const REBINDING_TIME: u8 = 59;
/// Who we are (RFC 2132 §9.14, RFC 4361).
pub const CLIENT_ID: u8 = 61;
/// IPv4 is not needed (RFC 8925 §3.1).
pub const IPV6_ONLY_PREFERRED: u8 = 108;
/// The near end of our softwire (RFC 8539 §6.2).
pub const SOURCE_ADDRESS: u8 = 109;
/// A captive portal (RFC 8910 §2.1).
pub const CAPTIVE_PORTAL: u8 = 114;
/// Search list (RFC 3397).
pub const DOMAIN_SEARCH: u8 = 119;
/// Routes, in place of routers (RFC 3442).
pub const ROUTES: u8 = 121;
/// The ports of a shared address (RFC 7618 §9).
pub const PORT_PARAMETERS: u8 = 159;
/// The last one (RFC 2132 §3.2).
pub const END: u8 = 255;

/// True for options without which a message cannot be relied on: what is
/// given, by whom, to whom, and how much of it is ours.
pub(super) const fn is_vital(code: u8) -> bool {
    matches!(code, LEASE_TIME | SERVER_ID | CLIENT_ID | SOURCE_ADDRESS | PORT_PARAMETERS)
}
