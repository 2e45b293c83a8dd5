//! A client node: our engine with a model kernel below it, and what clients
//! of the scenarios ask for.

use std::net::{Ipv4Addr, Ipv6Addr};

use dhc6c_core::desired::Desired;
use dhc6c_core::engine::{Config, Dhcp4o6, Event, Interface, PrefixRequest, SendLimit};
use dhc6c_core::ident::{Duid, Iaid, LinkAddress};
use dhc6c_core::link::Link;
use dhc6c_core::record::Record;
use dhc6c_core::rng::Rng;
use dhc6c_core::snapshot::{Mode, StateName};
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::dhcp4o6::Query;
use dhc6c_core::wire::{Message, MessageType, code, v4};

use crate::hooks::{Hooks, Leases};
use crate::kernel::Kernel;
use crate::oracle::Oracle;
use crate::world::Strike;

/// The association for addresses.
pub const NA: Iaid = Iaid(1);
/// The first association for prefixes.
pub const PD: Iaid = Iaid(1);

/// A client that wants an address, as a bare `dhc6c eth0` does.
#[must_use]
pub fn wants_address() -> Config {
    Config {
        name: "eth0".to_owned(),
        duid: Duid::new(&[0, 3, 0, 1, 2, 0, 0, 0, 0xc0, 1]).expect("ten octets are a DUID"),
        mode: Mode::Stateful,
        address: Some(NA),
        require_address: false,
        prefixes: Vec::new(),
        patience: Duration::ZERO,
        rapid_commit: false,
        reconfigure_accept: true,
        request: vec![code::DNS_SERVERS, code::DOMAIN_LIST, code::SNTP_SERVERS, code::NTP_SERVER],
        send: Vec::new(),
        fqdn: None,
        anonymous: false,
        quirks: Vec::new(),
        initial_delay: true,
        limit: SendLimit::default(),
        dhcp4o6: None,
    }
}

/// A client that wants an address and a delegated prefix.
#[must_use]
pub fn wants_both() -> Config {
    Config { prefixes: prefixes(1), ..wants_address() }
}

/// A client that wants a delegated prefix alone.
#[must_use]
pub fn wants_prefix() -> Config {
    Config { address: None, ..wants_both() }
}

/// A client that wants an address and several delegated prefixes.
#[must_use]
pub fn wants_prefixes(count: u32) -> Config {
    Config { prefixes: prefixes(count), ..wants_address() }
}

/// The same, and IPv4 over IPv6 on a device.
#[must_use]
pub fn with_ipv4(config: Config) -> Config {
    let hardware = LinkAddress { hardware_type: 1, octets: vec![2, 0, 0, 0, 0xc0, 1] };
    let device = Some("sw0".to_owned());
    let wanted = Dhcp4o6 { device, ..Dhcp4o6::new(hardware, NA) };
    Config { dhcp4o6: Some(Box::new(wanted)), ..config }
}

/// The same, with the IPv4 lease bound to an IPv6 address.
#[must_use]
pub fn with_softwire(config: Config) -> Config {
    let config = with_ipv4(config);
    Config {
        dhcp4o6: config.dhcp4o6.map(|v4| Box::new(Dhcp4o6 { binding: true, ..*v4 })),
        ..config
    }
}

/// A client that wants options alone.
#[must_use]
pub fn stateless() -> Config {
    Config { mode: Mode::Stateless, address: None, ..wants_address() }
}

fn prefixes(count: u32) -> Vec<PrefixRequest> {
    let request = |index| PrefixRequest::any(PD.further(index));
    (0..count).map(request).collect()
}

/// A message that a client sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// What.
    pub message: Message,
}

/// A message of DHCPv4 over DHCPv6 that a client sent.
#[derive(Clone, Debug)]
pub struct SentV4 {
    /// When.
    pub at: Instant,
    /// Where to.
    pub to: Ipv6Addr,
    /// From which address.
    pub source: Ipv6Addr,
    /// How it was carried.
    pub query: Query,
    /// What.
    pub message: v4::Message,
}

/// A client on the link.
pub struct Client {
    /// The engine.
    pub interface: Interface,
    /// The kernel below it.
    pub kernel: Kernel,
    /// Its link.
    pub link: Link,
    /// What the engine knows of that.
    pub known_link: Link,
    /// The carrier went, and the news of that was lost.
    pub lost_carrier: bool,
    /// What it was told to do.
    pub config: Config,
    /// What it asked of its kernel last.
    pub desired: Desired,
    /// What it keeps for the next start.
    pub kept: Option<Record>,
    /// What it kept before that.
    pub kept_before: Option<Record>,
    /// How often it kept something.
    pub keeps: usize,
    /// What it did after the last input.
    pub state: StateName,
    /// News of its link and of detections, of a hundred, that netlink loses.
    pub netlink_loss: u64,
    /// Why news is lost until the shell reads the kernel anew; `None` while
    /// none is.
    pub loses_news: Option<Strike>,
    /// Its hooks.
    pub hooks: Hooks,
    /// Everything it sent.
    pub sent: Vec<Sent>,
    /// Everything it sent of DHCPv4.
    pub sent_v4: Vec<SentV4>,
    /// When it asked the routers to say something.
    pub solicited: Vec<Instant>,
    /// Everything it told.
    pub events: Vec<(Instant, Event)>,
    /// Judges its steps.
    pub oracle: Oracle,
}

impl Client {
    /// A client that has not heard of its link yet.
    #[must_use]
    pub fn new(config: Config, number: u16, rng: &mut Rng) -> Self {
        let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xc0, number);
        let link = Link { index: 2, up: true, link_local: Some(link_local) };
        Self {
            oracle: Oracle::new(&config),
            interface: Interface::new(config.clone(), rng.octets()),
            config,
            desired: Desired::default(),
            kept: None,
            kept_before: None,
            keeps: 0,
            state: StateName::Idle,
            netlink_loss: 0,
            hooks: Hooks::default(),
            kernel: Kernel::default(),
            link,
            known_link: Link { up: false, ..link },
            lost_carrier: false,
            loses_news: None,
            sent: Vec::new(),
            sent_v4: Vec::new(),
            solicited: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Something can be sent and heard on the interface that the engine knows.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.up && self.link.index == self.known_link.index
    }

    /// Something can be sent from this address.
    #[must_use]
    pub fn can_send_from(&self, source: Ipv6Addr) -> bool {
        self.is_connected() && self.has(self.link, source)
    }

    /// As far as the engine knows, something can be.
    #[must_use]
    pub fn believes_in(&self, source: Ipv6Addr) -> bool {
        self.known_link.up && self.has(self.known_link, source)
    }

    fn has(&self, link: Link, address: Ipv6Addr) -> bool {
        link.link_local == Some(address) || self.kernel.usable().contains(&address)
    }

    /// Its hooks are told of an event, with how things are right then.
    pub fn tell_hooks(&mut self) {
        self.hooks.hear(self.leases());
    }

    /// The leases in use, which is what hooks know.
    #[must_use]
    pub fn leases(&self) -> Leases {
        self.oracle.leases(&self.desired)
    }

    /// The messages of one type that it sent, in order.
    #[must_use]
    pub fn sent(&self, kind: MessageType) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.message.kind == kind).collect()
    }

    /// The types of the messages it sent, in order.
    #[must_use]
    pub fn conversation(&self) -> Vec<MessageType> {
        self.sent.iter().map(|sent| sent.message.kind).collect()
    }

    /// The DHCPv4 messages of one kind that it sent, in order.
    #[must_use]
    pub fn sent_v4(&self, kind: v4::Kind) -> Vec<&SentV4> {
        self.sent_v4.iter().filter(|sent| sent.message.kind == kind).collect()
    }

    /// The IPv4 address on its device.
    #[must_use]
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        self.kernel.actual.ipv4.as_ref().map(|ipv4| ipv4.address)
    }

    /// How often it told this.
    #[must_use]
    pub fn told(&self, wanted: &Event) -> usize {
        self.events.iter().filter(|(_, event)| event == wanted).count()
    }

    /// Whether it told this.
    #[must_use]
    pub fn has_told(&self, wanted: &Event) -> bool {
        self.told(wanted) > 0
    }

    /// The addresses in the kernel.
    #[must_use]
    pub fn addresses(&self) -> Vec<Ipv6Addr> {
        self.kernel.actual.addresses.keys().copied().collect()
    }

    /// The addresses fit for traffic.
    #[must_use]
    pub fn usable(&self) -> Vec<Ipv6Addr> {
        self.kernel.usable().iter().copied().collect()
    }

    /// The delegated prefixes in use.
    #[must_use]
    pub fn prefixes(&self) -> Vec<dhc6c_core::prefix::Prefix> {
        self.kernel.actual.unreachable.keys().copied().collect()
    }
}
