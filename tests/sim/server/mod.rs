//! The model server: a small, complete DHCPv6 server as a value (RFC 9915
//! §18.3). Honest unless a dial says otherwise.
//!
//! It reads no clock and opens no socket: [`ModelServer::handle`] takes a
//! message and the time, and gives the answers. The simulation, the
//! properties and the lab server all stand on it.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | configuration, what each kind of message is answered with |
//! | `association.rs` | the answer to one IA: grant, extend, refuse |
//! | `store.rs` | leases and the pools they come from |
//! | `dials.rs` | every misbehaviour, one field each |
//! | `v4.rs` `v4_dials.rs` | the same for DHCPv4 over DHCPv6 |
#![allow(dead_code, unused_imports, reason = "each of its users needs a part of it")]

mod association;
mod dials;
mod store;
mod v4;
mod v4_dials;

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use dhc6c_core::ident::Duid;
use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::Instant;
use dhc6c_core::wire::{
    Authentication, DhcpOption, Ia, Message, MessageType, ReconfigureKey, ServerText, Status,
    StatusCode, TransactionId, code,
};

pub use association::Times;
pub use dials::{Dials, Identifier};
pub use store::{Binding, Delegation, Kind, Lease, Store};
pub use v4::{V4Binding, V4Config, V4Server};
pub use v4_dials::V4Dials;

/// Where clients send to, and servers never do (RFC 9915 §7.1).
pub const ALL_DHCP_RELAY_AGENTS_AND_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// What a server hands out.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerConfig {
    /// Who it is.
    pub duid: Duid,
    /// Sent in Advertise when present (RFC 9915 §21.8).
    pub preference: Option<u8>,
    /// Answers Solicit with Reply where the client offers it.
    pub rapid_commit: bool,
    /// Creates bindings for IAs it does not know in Renew and Rebind
    /// (RFC 9915 §18.3.4, §18.3.5); otherwise they get NoBinding.
    pub creates_on_renew: bool,
    /// Calls addresses outside its own pool foreign to the link: NotOnLink in
    /// Request, lifetimes of zero in Rebind. Off, because model servers
    /// share a link with a pool each.
    pub strict_about_links: bool,
    /// The prefix of the link, from which addresses come.
    pub addresses: Prefix,
    /// Where delegated prefixes come from; without it none are given.
    pub prefixes: Option<Prefix>,
    /// How long a delegated prefix is where the client gives no hint.
    pub prefix_length: u8,
    /// Keeps the last subnet of this length of every delegated prefix for
    /// the link itself, where the client knows how (RFC 6603).
    pub exclude: Option<u8>,
    /// When leases are to be renewed and end.
    pub times: Times,
    /// Given to those who accept Reconfigure, to know it by (RFC 9915 §20.4).
    pub reconfigure_key: Option<ReconfigureKey>,
    /// Options given to those who ask for them in their ORO.
    pub options: Vec<DhcpOption>,
    /// IPv4 over IPv6, where it has that.
    pub v4: Option<V4Config>,
}

impl ServerConfig {
    /// A server among several, with a DUID and pools of its own. Leases last
    /// two hours and are renewed after half an hour.
    #[must_use]
    pub fn number(number: u8) -> Self {
        let duid = [0, 3, 0, 1, 2, 0, 0, 0, 0x5e, number];
        Self {
            duid: Duid::new(&duid).expect("ten octets are a DUID"),
            preference: None,
            rapid_commit: false,
            creates_on_renew: false,
            strict_about_links: false,
            addresses: format!("2001:db8:{number:x}::/64").parse().expect("a prefix"),
            prefixes: Some(format!("2001:db8:{number:x}000::/36").parse().expect("a prefix")),
            prefix_length: 56,
            exclude: None,
            times: Times::new(1800, 2880, 3600, 7200),
            reconfigure_key: Some(ReconfigureKey::new([number; 16])),
            options: vec![
                DhcpOption::DnsServers(vec![
                    format!("2001:db8:{number:x}::53").parse().expect("an address"),
                ]),
                DhcpOption::DomainList(vec!["example.net".parse().expect("a name")]),
            ],
            v4: None,
        }
    }

    /// The same with other times, in seconds.
    #[must_use]
    pub fn times(mut self, t1: u32, t2: u32, preferred: u32, valid: u32) -> Self {
        self.times = Times::new(t1, t2, preferred, valid);
        self
    }

    /// The same with IPv4 to give, and the option that says so.
    #[must_use]
    pub fn v4(self, v4: V4Config) -> Self {
        let option = v4.option();
        Self { v4: Some(v4), ..self }.option(option)
    }

    /// The same with one option more, or another value for one it has.
    #[must_use]
    pub fn option(mut self, option: DhcpOption) -> Self {
        self.options.retain(|old| old.code() != option.code());
        self.options.push(option);
        self
    }
}

/// An answer on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The client it is for, unless a dial says otherwise.
    pub destination: Ipv6Addr,
    /// The message.
    pub octets: Vec<u8>,
}

/// A question to a server, which can be put to it again with other dials.
#[derive(Clone, Debug)]
pub struct Question {
    /// The server as it was before.
    pub server: ModelServer,
    /// When it came.
    pub now: Instant,
    /// Who asked.
    pub client: Ipv6Addr,
    /// What.
    pub octets: Vec<u8>,
}

impl Question {
    /// What kind of message it is.
    #[must_use]
    pub fn kind(&self) -> Option<MessageType> {
        Some(Message::decode(&self.octets).ok()?.message.kind)
    }

    /// What comes of it with these dials: answers, and what the server knows
    /// afterwards.
    #[must_use]
    pub fn outcome(&self, dials: &Dials) -> (Vec<Answer>, Store) {
        let mut server = ModelServer { dials: dials.clone(), ..self.server.clone() };
        let answers = server.handle(self.now, self.client, &self.octets);
        (answers, server.store)
    }
}

/// The server.
#[derive(Clone, Debug)]
pub struct ModelServer {
    /// What it hands out; may change while it runs.
    pub config: ServerConfig,
    /// How it misbehaves.
    pub dials: Dials,
    /// What it has handed out.
    pub store: Store,
    /// The last replay detection value it has sent.
    pub replay: u64,
    /// Its side of DHCPv4.
    pub v4: Option<V4Server>,
}

impl ModelServer {
    /// An honest server that has given nothing yet.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        let v4 = config.v4.clone().map(V4Server::new);
        Self { config, dials: Dials::default(), store: Store::default(), replay: 0, v4 }
    }

    /// True for an address that DHCPv4 messages reach it at.
    #[must_use]
    pub fn listens_at(&self, address: Ipv6Addr) -> bool {
        let own = self.config.v4.as_ref().map_or(&[][..], |v4| &v4.addresses);
        self.v4.is_some() && (address.is_multicast() || own.contains(&address))
    }

    /// Its side of DHCPv4.
    pub fn v4(&mut self) -> &mut V4Server {
        self.v4.as_mut().expect("it has IPv4 to give")
    }

    /// Answers a message that arrived from `client`.
    pub fn handle(&mut self, now: Instant, client: Ipv6Addr, octets: &[u8]) -> Vec<Answer> {
        self.store.expire(now);
        if octets.first() == Some(&MessageType::Dhcpv4Query.code()) {
            let answer = self.v4.as_mut().and_then(|v4| v4.handle(now, octets));
            let answer = answer.map(|octets| Answer { destination: client, octets });
            return answer.into_iter().collect();
        }
        let Ok(decoded) = Message::decode(octets) else {
            return Vec::new();
        };
        let question = decoded.message;
        if self.dials.silent || self.dials.silent_to.contains(&question.kind) {
            return Vec::new();
        }
        let Some(honest) = self.answer(now, client, &question) else {
            return Vec::new();
        };
        self.dials.twist(honest, client)
    }

    /// Loses every lease, as a server without stable storage does.
    pub fn forget(&mut self) {
        self.store = Store::default();
        if let Some(v4) = &mut self.v4 {
            v4.bindings.clear();
        }
    }

    /// A Reconfigure for a client that asks it to send `kind` (RFC 9915
    /// §18.3.11), unsigned where there is no key.
    pub fn reconfigure(&mut self, client: &Duid, kind: MessageType) -> Vec<u8> {
        self.reconfigure_with(client, vec![DhcpOption::ReconfigureMessage(kind)])
    }

    /// The same with these options besides the identifiers.
    pub fn reconfigure_with(&mut self, client: &Duid, options: Vec<DhcpOption>) -> Vec<u8> {
        self.reconfigure_without(&[], client, options)
    }

    /// The same without the options of these codes, which have to be there.
    pub fn reconfigure_without(
        &mut self,
        missing: &[u16],
        client: &Duid,
        options: Vec<DhcpOption>,
    ) -> Vec<u8> {
        self.replay += 1;
        let identifiers =
            [DhcpOption::ServerId(self.config.duid.clone()), DhcpOption::ClientId(client.clone())];
        let signature = DhcpOption::Authentication(Authentication::unsigned(self.replay));
        let options = identifiers.into_iter().chain(options).chain([signature]);
        let message = Message {
            kind: MessageType::Reconfigure,
            transaction: TransactionId([0; 3]),
            options: options.filter(|option| !missing.contains(&option.code())).collect(),
        };
        let mut octets = message.encode().expect("a short message");
        if let Some(key) = &self.config.reconfigure_key {
            let is_signed = key.sign(&mut octets);
            assert!(is_signed || missing.contains(&code::AUTH), "there is a place for the digest");
        }
        octets
    }

    fn answer(&mut self, now: Instant, client: Ipv6Addr, question: &Message) -> Option<Message> {
        let mut clients = question.client_ids();
        let (client_id, second) = (clients.next().cloned(), clients.next());
        if second.is_some() || !self.is_addressed(question) {
            return None;
        }
        if question.kind == MessageType::InformationRequest {
            return self.inform(question, client_id);
        }
        let mut answer = Answering {
            now,
            source: client,
            requested: requested(question),
            message: self.start(question, Some(client_id.clone()?)),
            client: client_id?,
        };
        match question.kind {
            MessageType::Solicit => self.solicit(question, &mut answer),
            MessageType::Request => self.request(question, &mut answer),
            MessageType::Renew => self.extend(question, &mut answer, self.dials.renew_status),
            MessageType::Rebind => self.extend(question, &mut answer, self.dials.rebind_status),
            MessageType::Confirm => self.confirm(question, &mut answer),
            MessageType::Release | MessageType::Decline => self.take_back(question, &mut answer),
            _ => None,
        }?;
        Some(answer.message)
    }

    /// The server identifier stands exactly where it belongs, and is ours
    /// (RFC 9915 §16.2 to §16.9).
    fn is_addressed(&self, question: &Message) -> bool {
        let mut ids = question.server_ids();
        let (id, second) = (ids.next(), ids.next());
        let wanted = matches!(
            question.kind,
            MessageType::Request | MessageType::Renew | MessageType::Release | MessageType::Decline
        );
        // It stands in the answer to a Reconfigure (RFC 9915 §16.12).
        let may = question.kind == MessageType::InformationRequest && id.is_some();
        second.is_none() && id == (wanted || may).then_some(&self.config.duid)
    }

    fn start(&self, question: &Message, client: Option<Duid>) -> Message {
        let mut options: Vec<_> = client.map(DhcpOption::ClientId).into_iter().collect();
        options.push(DhcpOption::ServerId(self.config.duid.clone()));
        Message { kind: MessageType::Reply, transaction: question.transaction, options }
    }

    fn solicit(&mut self, question: &Message, answer: &mut Answering) -> Option<()> {
        let offered = question.options.contains(&DhcpOption::RapidCommit);
        if self.config.rapid_commit && offered {
            answer.message.options.push(DhcpOption::RapidCommit);
            return self.request(question, answer);
        }
        answer.message.kind = MessageType::Advertise;
        answer.message.options.extend(self.config.preference.map(DhcpOption::Preference));
        if let Some(code) = self.dials.advertise_status {
            answer.message.options.push(status(code));
        } else {
            // What would be assigned is worked out and not kept.
            let kept = self.store.clone();
            self.grant_all(question, answer);
            self.store = kept;
        }
        self.give_options(question, &mut answer.message);
        Some(())
    }

    fn request(&mut self, question: &Message, answer: &mut Answering) -> Option<()> {
        match self.dials.request_status {
            Some(code) => answer.message.options.push(status(code)),
            None => self.grant_all(question, answer),
        }
        self.give_key(question, &mut answer.message);
        self.give_options(question, &mut answer.message);
        Some(())
    }

    fn extend(
        &mut self,
        question: &Message,
        answer: &mut Answering,
        refusal: Option<StatusCode>,
    ) -> Option<()> {
        match refusal {
            Some(code) => answer.message.options.push(status(code)),
            None => {
                self.extend_all(question, answer);
                let rebind = question.kind == MessageType::Rebind;
                let asked = question.ia_nas().chain(question.ia_pds()).next().is_some();
                let answered = answer.message.ia_nas().chain(answer.message.ia_pds()).next();
                if rebind && asked && answered.is_none() && !self.dials.omits_an_ia() {
                    // Nothing known of this client here (RFC 9915 §18.3.5).
                    return None;
                }
            }
        }
        self.give_options(question, &mut answer.message);
        Some(())
    }

    /// RFC 9915 §18.3.3: no answer where no address is asked about.
    fn confirm(&mut self, question: &Message, answer: &mut Answering) -> Option<()> {
        let addresses: Vec<_> =
            question.ia_nas().flat_map(Ia::addresses).map(|lease| lease.address).collect();
        if addresses.is_empty() {
            return None;
        }
        let fits = addresses.iter().all(|address| self.config.addresses.contains(*address));
        let code = if fits { StatusCode::SUCCESS } else { StatusCode::NOT_ON_LINK };
        answer.message.options.push(status(self.dials.confirm_status.unwrap_or(code)));
        Some(())
    }

    /// RFC 9915 §18.3.7 and §18.3.8.
    fn take_back(&mut self, question: &Message, answer: &mut Answering) -> Option<()> {
        let declined = question.kind == MessageType::Decline && !self.dials.reuse_declined;
        answer.message.options.push(status(StatusCode::SUCCESS));
        for option in &question.options {
            let Some((kind, ia)) = association::of(option) else { continue };
            let key = (answer.client.clone(), kind, ia.iaid);
            if !self.store.take_back(&key, &association::leases(ia), declined) {
                let empty = Ia::asking(ia.iaid, vec![status(StatusCode::NO_BINDING)]);
                answer.message.options.push(kind.option(empty));
            }
        }
        Some(())
    }

    fn inform(&mut self, question: &Message, client: Option<Duid>) -> Option<Message> {
        let mut message = self.start(question, client);
        message.options.extend(self.dials.inform_status.map(status));
        self.give_key(question, &mut message);
        self.give_options(question, &mut message);
        Some(message)
    }

    /// The key goes to those who accept Reconfigure (RFC 9915 §20.4.2).
    fn give_key(&mut self, question: &Message, answer: &mut Message) {
        if let Some(key) = &self.config.reconfigure_key
            && question.options.contains(&DhcpOption::ReconfigureAccept)
        {
            self.replay += 1;
            let option = Authentication::of_key(key, self.replay);
            answer.options.push(DhcpOption::Authentication(option));
        }
    }

    /// Options go to those who ask for them (RFC 9915 §18.3.9).
    fn give_options(&self, question: &Message, answer: &mut Message) {
        let asked = requested(question);
        let may = |option: &&DhcpOption| {
            asked.contains(&option.code()) && !self.dials.withhold.contains(&option.code())
        };
        answer.options.extend(self.config.options.iter().filter(may).cloned());
        let accepts = question.options.contains(&DhcpOption::ReconfigureAccept);
        if accepts && !self.dials.withhold.contains(&code::RECONF_ACCEPT) {
            answer.options.push(DhcpOption::ReconfigureAccept);
        }
    }
}

/// An answer in the making.
struct Answering {
    now: Instant,
    source: Ipv6Addr,
    client: Duid,
    requested: BTreeSet<u16>,
    message: Message,
}

/// The codes that a client asks for.
fn requested(question: &Message) -> BTreeSet<u16> {
    let codes = question.options.iter().filter_map(|option| match option {
        DhcpOption::OptionRequest(codes) => Some(codes),
        _ => None,
    });
    codes.flatten().copied().collect()
}

/// A status option with a few words.
#[must_use]
pub fn status(code: StatusCode) -> DhcpOption {
    let message = ServerText::new(format!("the model says {code}").as_bytes());
    DhcpOption::Status(Status { code, message })
}
