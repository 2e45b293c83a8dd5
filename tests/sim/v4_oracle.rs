//! What must hold of IPv4 at every step of a client, in every scenario.
//!
//! - DHCPv4 is spoken only while the servers offer it (RFC 7341 §9), to them
//!   alone, from an address of the scope of its destination
//! - every message is as RFC 2131 tables 4 and 5 have it
//! - no address is used that the last grant did not give, nor longer

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use dhc6c_core::desired::Ipv4;
use dhc6c_core::engine::Config;
use dhc6c_core::snapshot::Snapshot;
use dhc6c_core::time::{Instant, Until};
use dhc6c_core::wire::dhcp4o6::{Query, Response};
use dhc6c_core::wire::v4::{Kind, Message, Op, V4Option, code};
use dhc6c_core::wire::{self, DhcpOption, parameter};

const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// Judges what one client does with IPv4.
pub struct V4Oracle {
    /// IPv4 is wanted.
    is_wanted: bool,
    /// Leases are bound to IPv6 addresses.
    pub binds: bool,
    /// What the servers offer: their addresses.
    servers: Option<Vec<Ipv6Addr>>,
    /// What they offered last, which a client remembers.
    remembered: Option<Vec<Ipv6Addr>>,
    offered: Option<Message>,
    granted: BTreeMap<Ipv4Addr, Until>,
}

impl V4Oracle {
    /// An oracle for a client with this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut oracle = Self {
            is_wanted: false,
            binds: false,
            servers: None,
            remembered: None,
            offered: None,
            granted: BTreeMap::new(),
        };
        oracle.is_configured(config);
        oracle
    }

    /// The client is told to do other things from now on.
    pub fn is_configured(&mut self, config: &Config) {
        self.is_wanted = config.dhcp4o6.is_some();
        self.binds = config.dhcp4o6.as_ref().is_some_and(|wanted| wanted.binding);
    }

    /// The client takes a Reply in: what it does not offer is not offered any
    /// more, as far as it is about configuration at all.
    pub fn takes_reply(&mut self, reply: &wire::Message) {
        let list = reply.options.iter().find_map(|option| match option {
            DhcpOption::Raw { code: wire::code::DHCP4_O_DHCP6_SERVER, payload } => {
                parameter::dhcp4o6_servers(payload)
            }
            _ => None,
        });
        // The answers to Confirm, Release and Decline have no options.
        if list.is_some() {
            self.servers = list;
        } else if reply.ia_nas().chain(reply.ia_pds()).any(|ia| ia.t1.0 > 0) {
            self.servers = None;
        }
        self.remembered.clone_from(&self.servers);
    }

    /// The client begins again as a new process.
    pub fn begins_again(&mut self) {
        self.servers.clone_from(&self.remembered);
    }

    /// The client has lost its IPv6 configuration.
    pub fn is_unbound(&mut self) {
        self.servers = None;
    }

    /// A datagram reaches the client.
    pub fn is_offered(&mut self, octets: &[u8]) {
        let response = Response::decode(octets).ok();
        let message = response.and_then(|response| Message::decode(&response.v4).ok());
        self.offered = message.map(|decoded| decoded.message);
    }

    /// The client takes the grant in that it was offered.
    pub fn takes(&mut self, now: Instant) {
        let ack = self.offered.take().expect("a grant is taken that was offered");
        let lease = ack.options.iter().find_map(|option| match option {
            V4Option::LeaseTime(lease) => Some(*lease),
            _ => None,
        });
        if let Some(lease) = lease {
            self.granted.insert(ack.yiaddr, lease.from_start(now));
        }
    }

    /// The client sends this.
    pub fn sends(&self, to: Ipv6Addr, source: Ipv6Addr, octets: &[u8]) -> (Query, Message) {
        assert!(self.is_wanted, "nobody wants IPv4");
        let query = Query::decode(octets).expect("what a client sends decodes");
        assert_eq!(query.encode().as_deref(), Ok(octets), "encoding it again gives other octets");
        let decoded = Message::decode(&query.v4).expect("what a client sends decodes");
        assert_eq!(decoded.malformed, [0; 0], "malformed options");
        let message = decoded.message;
        assert_eq!(message.encode(), query.v4, "encoding it again gives other octets");
        let asks = !matches!(message.kind, Kind::Release | Kind::Decline);
        if asks {
            let servers = self.servers.as_ref().expect("no server offers IPv4");
            let is_asked = servers.contains(&to) || servers.is_empty() && to == ALL_SERVERS;
            assert!(is_asked, "{to} is no server of {servers:?}");
        }
        let on_link = to.is_unicast_link_local() || to.is_multicast();
        assert_eq!(on_link, source.is_unicast_link_local(), "from {source} to {to}");
        judge_message(&query, &message);
        (query, message)
    }

    /// After the client was drained.
    pub fn judge(&self, now: Instant, ipv4: Option<&Ipv4>, snapshot: &Snapshot) {
        let view = snapshot.dhcp4o6.as_ref();
        let shown = view.and_then(|view| view.address);
        assert_eq!(shown, ipv4.map(|ipv4| ipv4.address), "the snapshot shows another address");
        let Some(ipv4) = ipv4 else { return };
        assert!(!ipv4.address.is_link_local(), "{} was made up", ipv4.address);
        assert!(!ipv4.valid.is_over(now), "{} is used past its end", ipv4.address);
        let granted = self.granted.get(&ipv4.address);
        let Some(granted) = granted else { panic!("{} is used without a lease", ipv4.address) };
        assert!(ipv4.valid <= *granted, "{} is used longer than given", ipv4.address);
        assert!(ipv4.routes.iter().all(|route| route.is_default()), "{:?}", ipv4.routes);
    }
}

/// RFC 2131 tables 4 and 5, RFC 7341 §8.
fn judge_message(query: &Query, message: &Message) {
    let has = |code| message.options.iter().any(|option| option.code() == code);
    let kind = message.kind;
    assert_eq!((message.op, message.yiaddr), (Op::Request, Ipv4Addr::UNSPECIFIED));
    assert!(has(code::CLIENT_ID), "{kind} without a client identifier");
    let (server, requested) = (has(code::SERVER_ID), has(code::REQUESTED_ADDRESS));
    let has_address = !message.ciaddr.is_unspecified();
    match kind {
        Kind::Discover => assert!(!server && !has_address && !query.unicast, "{message:?}"),
        Kind::Request if has_address => assert!(!server && !requested, "{message:?}"),
        Kind::Request => assert!(requested && !query.unicast, "{message:?}"),
        Kind::Decline => assert!(server && requested && !has_address && !query.unicast),
        Kind::Release => assert!(server && !requested && has_address && query.unicast),
        Kind::Inform => assert!(!server && !requested && has_address),
        Kind::Offer | Kind::Ack | Kind::Nak => panic!("a client never sends {kind}"),
    }
    let gives_back = matches!(kind, Kind::Decline | Kind::Release);
    assert_eq!(has(code::PARAMETER_REQUEST), !gives_back, "the list of parameters in {kind}");
    assert!(!has(code::SOURCE_ADDRESS) || kind == Kind::Request, "a softwire's address in {kind}");
    let asks = [wire::code::S46_BR, wire::code::S46_BIND_IPV6_PREFIX];
    assert!(query.request.is_empty() || query.request == asks, "asks for {:?}", query.request);
}
