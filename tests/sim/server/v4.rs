//! The DHCPv4 side of the model server, over DHCPv6 (RFC 2131 §4.3, RFC 7341
//! §11, RFC 7618 §8, RFC 8539 §8).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use dhc6c_core::port_set::PortSet;
use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::{Instant, Lifetime, Until};
use dhc6c_core::wire::dhcp4o6::{Query, Response};
use dhc6c_core::wire::v4::{Kind, Message, Op, V4Option, code};
use dhc6c_core::wire::{self, DhcpOption};

use super::v4_dials::V4Dials;

/// What a server hands out of IPv4.
#[derive(Clone, Debug, PartialEq)]
pub struct V4Config {
    /// Where it can be asked; empty for the group of all servers alone.
    pub addresses: Vec<Ipv6Addr>,
    /// What it calls itself.
    pub id: Ipv4Addr,
    /// The addresses come after this one.
    pub pool: Ipv4Addr,
    /// How long a lease is, in seconds.
    pub lease: u32,
    /// T1 and T2, where it says so.
    pub times: Option<(u32, u32)>,
    /// Gives parts of addresses: offset and length of the PSID.
    pub share: Option<(u8, u8)>,
    /// The far end of softwires; with it, leases are bound to IPv6 addresses.
    pub border_relay: Option<Ipv6Addr>,
    /// Where their near ends should be.
    pub binding_prefix: Option<Prefix>,
    /// Options given with every lease.
    pub options: Vec<V4Option>,
}

impl V4Config {
    /// A server that can be asked through the group alone. Leases last an
    /// hour.
    #[must_use]
    pub fn number(number: u8) -> Self {
        let id = Ipv4Addr::new(192, 0, 2, number);
        Self {
            addresses: Vec::new(),
            id,
            pool: Ipv4Addr::new(203, 0, 113, number.wrapping_mul(16)),
            lease: 3600,
            times: None,
            share: None,
            border_relay: None,
            binding_prefix: None,
            options: vec![V4Option::SubnetMask(24), V4Option::Routers(vec![id])],
        }
    }

    /// Option 88 as DHCPv6 has to give it.
    #[must_use]
    pub fn option(&self) -> DhcpOption {
        let payload = self.addresses.iter().flat_map(Ipv6Addr::octets).collect();
        DhcpOption::Raw { code: wire::code::DHCP4_O_DHCP6_SERVER, payload }
    }
}

/// A lease that was given.
#[derive(Clone, Debug)]
pub struct V4Binding {
    /// The address.
    pub address: Ipv4Addr,
    /// The part of it that is given.
    pub ports: Option<PortSet>,
    /// Its end.
    pub until: Until,
    /// What it is bound to.
    pub source: Option<Ipv6Addr>,
}

/// The server.
#[derive(Clone, Debug)]
pub struct V4Server {
    /// What it hands out; may change while it runs.
    pub config: V4Config,
    /// How it misbehaves.
    pub dials: V4Dials,
    /// What it has handed out, by client identifier.
    pub bindings: BTreeMap<Vec<u8>, V4Binding>,
    /// Addresses that clients have declined.
    pub declined: BTreeSet<Ipv4Addr>,
    /// Every kind of message that reached it.
    pub heard: Vec<Kind>,
}

impl V4Server {
    /// An honest server that has given nothing yet.
    #[must_use]
    pub fn new(config: V4Config) -> Self {
        Self {
            config,
            dials: V4Dials::default(),
            bindings: BTreeMap::new(),
            declined: BTreeSet::new(),
            heard: Vec::new(),
        }
    }

    /// Answers a message.
    pub fn handle(&mut self, now: Instant, octets: &[u8]) -> Option<Vec<u8>> {
        self.bindings.retain(|_, binding| !binding.until.is_over(now));
        let query = Query::decode(octets).ok()?;
        let question = Message::decode(&query.v4).ok()?.message;
        self.heard.push(question.kind);
        if self.dials.silent || self.dials.silent_to.contains(&question.kind) {
            return None;
        }
        let answer = self.answer(now, &query, &question)?;
        let wants_softwire = query.request.contains(&wire::code::S46_BR);
        let relays = self.config.border_relay.filter(|_| wants_softwire);
        let response = Response {
            v4: Vec::new(),
            border_relays: relays.into_iter().collect(),
            binding_prefix: self.config.binding_prefix.filter(|_| wants_softwire),
            malformed: Vec::new(),
        };
        Some(self.dials.twist(answer, response))
    }

    fn answer(&mut self, now: Instant, query: &Query, question: &Message) -> Option<Message> {
        let client = question.options.iter().find_map(|option| match option {
            V4Option::ClientId(id) => Some(id.clone()),
            _ => None,
        })?;
        let asked = Asked::of(question);
        match question.kind {
            Kind::Discover => {
                let offer = self.choose(&client, question)?;
                Some(self.grant(Kind::Offer, question, &client, &offer))
            }
            Kind::Request => self.request(now, query, question, &client, &asked),
            Kind::Inform => {
                let mut answer = self.start(Kind::Ack, question, &client);
                answer.options.extend(self.config.options.iter().cloned());
                Some(answer)
            }
            Kind::Release | Kind::Decline if asked.server == Some(self.config.id) => {
                let binding = self.bindings.remove(&client);
                if question.kind == Kind::Decline {
                    self.declined.extend(binding.map(|binding| binding.address));
                }
                None
            }
            _ => None,
        }
    }

    /// RFC 2131 §4.3.2.
    fn request(
        &mut self,
        now: Instant,
        query: &Query,
        question: &Message,
        client: &[u8],
        asked: &Asked,
    ) -> Option<Message> {
        let renews = !question.ciaddr.is_unspecified();
        let selects = asked.server.is_some();
        if asked.server.is_some_and(|server| server != self.config.id) {
            return None;
        }
        if self.dials.denies(selects, renews, query.unicast) {
            return Some(self.start(Kind::Nak, question, client));
        }
        let wanted = if renews { Some(question.ciaddr) } else { asked.address };
        let known = if selects {
            self.choose(client, question)
        } else {
            self.bindings.get(client).cloned()
        };
        // Who is not known here is somebody else's; its server alone says no.
        let Some(mut binding) = known else {
            return (renews && query.unicast).then(|| self.start(Kind::Nak, question, client));
        };
        if wanted != Some(binding.address) || binding.ports != asked.ports {
            return Some(self.start(Kind::Nak, question, client));
        }
        binding.until = Lifetime(self.config.lease).from_start(now);
        if !(self.dials.keep_source && binding.source.is_some()) {
            binding.source = asked.source;
        }
        self.bindings.insert(client.to_vec(), binding.clone());
        Some(self.grant(Kind::Ack, question, client, &binding))
    }

    /// The address of before, or the next that is free.
    fn choose(&self, client: &[u8], question: &Message) -> Option<V4Binding> {
        if let Some(known) = self.bindings.get(client) {
            return Some(known.clone());
        }
        let shares = question.options.iter().any(|option| {
            matches!(option, V4Option::ParameterRequest(codes) if codes.contains(&code::PORT_PARAMETERS))
        });
        let address = |index: u32| Ipv4Addr::from_bits(self.config.pool.to_bits() + index);
        let until = Until::Forever;
        match self.config.share {
            Some((offset, length)) if shares => {
                // One address for all; the first sets have well-known ports.
                let taken = |set: &PortSet| self.bindings.values().any(|b| b.ports == Some(*set));
                let sets =
                    (1..1_u16 << length).filter_map(|psid| PortSet::new(offset, length, psid));
                let ports = sets.into_iter().find(|set| !taken(set));
                Some(V4Binding { address: address(1), ports: Some(ports?), until, source: None })
            }
            Some(_) => None,
            None => {
                let taken = |wanted: &Ipv4Addr| {
                    self.declined.contains(wanted)
                        || self.bindings.values().any(|binding| binding.address == *wanted)
                };
                let free = (1..15).map(address).find(|address| !taken(address))?;
                Some(V4Binding { address: free, ports: None, until, source: None })
            }
        }
    }

    fn start(&self, kind: Kind, question: &Message, client: &[u8]) -> Message {
        let id = self.dials.other_id.unwrap_or(self.config.id);
        Message {
            op: Op::Reply,
            hardware: question.hardware.clone(),
            xid: question.xid,
            secs: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            kind,
            options: vec![V4Option::ServerId(id), V4Option::ClientId(client.to_vec())],
        }
    }

    fn grant(&self, kind: Kind, question: &Message, client: &[u8], binding: &V4Binding) -> Message {
        let mut message = self.start(kind, question, client);
        message.yiaddr = binding.address;
        message.options.push(V4Option::LeaseTime(Lifetime(self.config.lease)));
        if let Some((t1, t2)) = self.config.times {
            let times =
                [V4Option::RenewalTime(Lifetime(t1)), V4Option::RebindingTime(Lifetime(t2))];
            message.options.extend(times);
        }
        message.options.extend(binding.ports.map(V4Option::PortParameters));
        let tells = kind == Kind::Ack && self.config.border_relay.is_some();
        message.options.extend(binding.source.filter(|_| tells).map(V4Option::SourceAddress));
        message.options.extend(self.config.options.iter().cloned());
        message
    }
}

/// What a request names.
struct Asked {
    server: Option<Ipv4Addr>,
    address: Option<Ipv4Addr>,
    ports: Option<PortSet>,
    source: Option<Ipv6Addr>,
}

impl Asked {
    fn of(question: &Message) -> Self {
        let mut asked = Self { server: None, address: None, ports: None, source: None };
        for option in &question.options {
            match option {
                V4Option::ServerId(server) => asked.server = Some(*server),
                V4Option::RequestedAddress(address) => asked.address = Some(*address),
                V4Option::PortParameters(ports) => asked.ports = Some(*ports),
                V4Option::SourceAddress(source) => asked.source = Some(*source),
                _ => {}
            }
        }
        asked
    }
}
