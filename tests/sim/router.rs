//! A router that says what it is told to (RFC 4861 §4.2, RFC 9762 §4).

use dhc6c_core::link::RouterMessage;
use dhc6c_core::prefix::Prefix;

/// On-link, autonomous.
const USUAL: u8 = 0xc0;
/// DHCPv6 prefix delegation preferred.
const DELEGATING: u8 = 0x10;

/// What a Router Advertisement says.
#[derive(Clone, Debug, Default)]
pub struct Router {
    managed: bool,
    other: bool,
    prefixes: Vec<(u8, u32, Prefix)>,
    routes: Vec<(u32, Prefix)>,
}

impl Router {
    /// Addresses are to be had.
    #[must_use]
    pub fn managed(mut self) -> Self {
        self.managed = true;
        self
    }

    /// Other configuration is to be had.
    #[must_use]
    pub fn other(mut self) -> Self {
        self.other = true;
        self
    }

    /// A prefix of the link, preferred for so many seconds.
    #[must_use]
    pub fn prefix(self, prefix: &str, preferred: u32) -> Self {
        self.with(USUAL, prefix, preferred)
    }

    /// A prefix that stands for delegation.
    #[must_use]
    pub fn delegating(self, prefix: &str, preferred: u32) -> Self {
        self.with(USUAL | DELEGATING, prefix, preferred)
    }

    /// A route beyond the router, which lasts for so long (RFC 4191 §2.3).
    #[must_use]
    pub fn route(mut self, prefix: &str, lifetime: u32) -> Self {
        self.routes.push((lifetime, prefix.parse().expect("a prefix")));
        self
    }

    fn with(mut self, flags: u8, prefix: &str, preferred: u32) -> Self {
        self.prefixes.push((flags, preferred, prefix.parse().expect("a prefix")));
        self
    }

    /// The advertisement as it arrives.
    #[must_use]
    pub fn message(&self) -> RouterMessage {
        let flags = u8::from(self.managed) << 7 | u8::from(self.other) << 6;
        let mut octets = vec![134, 0, 0, 0, 64, flags, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        for (flags, preferred, prefix) in &self.prefixes {
            octets.extend([3, 4, prefix.length(), *flags]);
            octets.extend(preferred.saturating_add(600).to_be_bytes());
            octets.extend(preferred.to_be_bytes());
            octets.extend([0; 4]);
            octets.extend(prefix.address().octets());
        }
        for (lifetime, prefix) in &self.routes {
            octets.extend([24, 3, prefix.length(), 0]);
            octets.extend(lifetime.to_be_bytes());
            octets.extend(prefix.address().octets());
        }
        let source = "fe80::1".parse().expect("an address");
        RouterMessage { source, hop_limit: 255, octets }
    }
}
