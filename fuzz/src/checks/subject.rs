//! A client under test: the engine, a model server that answers it or not,
//! and the rules that every step is judged by.

use std::collections::{BTreeSet, VecDeque};
use std::net::Ipv6Addr;

use dhc6c_core::desired::{Desired, Lifetimes};
use dhc6c_core::engine::{Config, Input, Interface, Output, PrefixRequest};
use dhc6c_core::ident::{Duid, Iaid};
use dhc6c_core::link::{Datagram, Link};
use dhc6c_core::record::Record;
use dhc6c_core::snapshot::{StateName, V4State};
use dhc6c_core::time::{Duration, Instant, Until};
use dhc6c_core::wire::dhcp4o6::Query;
use dhc6c_core::wire::{Message, v4};

use crate::grammar;
use crate::server::{ModelServer, ServerConfig};
use crate::shown;

/// Who the client is.
pub const DUID: &str = "000300010200000000c0";
/// Where it is on the link.
pub const CLIENT: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xc0);
/// Where the server is.
pub const SERVER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x5e);

/// The send limit: so many messages in so long.
const LIMIT: (usize, Duration) = (20, Duration::from_secs(20));
/// More outputs than one input can honestly lead to.
const SPIN: usize = 2000;
/// More leases than three associations may hold.
const MANY: usize = 3 * 64;
/// So many deadlines are lived through in one span of time; whoever has more
/// sleeps through the rest, as a machine does that is suspended.
const WAKES: usize = 24;

/// A client that wants an address and two prefixes.
pub fn wants_all(duid: Duid) -> Config {
    let prefixes = [1, 2].map(|iaid| PrefixRequest::any(Iaid(iaid)));
    Config { address: Some(Iaid(1)), prefixes: prefixes.into(), ..Config::new("eth0", duid) }
}

/// The client and what is around it.
pub struct Subject {
    /// The time.
    pub now: Instant,
    /// The server, which hears everything.
    pub server: ModelServer,
    /// Whether its answers arrive.
    pub is_answered: bool,
    /// What the client sent last.
    pub last: Option<Message>,
    /// What it sent last of DHCPv4.
    pub last_query: Option<Vec<u8>>,
    /// What it wants of the kernel.
    pub desired: Desired,
    /// What it keeps for the next start.
    pub kept: Option<Record>,
    /// What it was told to do.
    pub config: Config,
    interface: Interface,
    link: Link,
    sent: VecDeque<Instant>,
}

impl Subject {
    /// This engine, which has not heard of its link yet.
    pub fn of(interface: Interface, config: Config, now: Instant) -> Self {
        Self {
            now,
            server: ModelServer::new(ServerConfig::number(1)),
            is_answered: false,
            last: None,
            last_query: None,
            desired: Desired::default(),
            kept: None,
            config,
            interface,
            link: Link { index: 2, up: false, link_local: Some(CLIENT) },
            sent: VecDeque::new(),
        }
    }

    /// What it is doing.
    pub fn state(&self) -> StateName {
        self.interface.snapshot(self.now).state
    }

    /// What it is doing about IPv4.
    pub fn v4_state(&self) -> Option<V4State> {
        self.interface.snapshot(self.now).dhcp4o6.map(|view| view.state)
    }

    /// The carrier comes or goes.
    pub fn link(&mut self, up: bool) {
        self.link.up = up;
        self.input(Input::Link(self.link));
    }

    /// A datagram from the server's address.
    pub fn datagram(&mut self, octets: Vec<u8>) {
        self.input(Input::Datagram(Datagram { source: SERVER, destination: CLIENT, octets }));
        self.show();
    }

    /// Something happens, with all that follows at the same instant: what is
    /// desired is applied, and answers arrive.
    pub fn input(&mut self, input: Input) {
        self.judge(|end| end < self.now);
        self.take(input);
    }

    fn take(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        let mut steps = 0;
        while let Some(input) = inputs.pop_front() {
            self.interface.handle_input(self.now, input);
            while let Some(output) = self.interface.poll_output(self.now) {
                steps += 1;
                assert!(steps < SPIN, "the engine never runs dry");
                inputs.extend(self.act(output));
            }
            self.judge(|end| end <= self.now);
        }
    }

    /// Lives on until the next deadline; false where there is none.
    pub fn wake(&mut self) -> bool {
        let Some(deadline) = self.interface.poll_deadline() else { return false };
        self.now = self.now.max(deadline.at);
        self.input(Input::Tick);
        let again = self.interface.poll_deadline();
        let spins = again.is_some_and(|again| again.at <= deadline.at);
        assert!(!spins, "the deadline {deadline:?} stays after it came: {again:?}");
        true
    }

    /// Lets time pass.
    pub fn advance(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..WAKES {
            if self.interface.poll_deadline().is_none_or(|deadline| deadline.at > end) {
                break;
            }
            self.wake();
        }
        let sleeps = self.interface.poll_deadline().is_some_and(|deadline| deadline.at <= end);
        self.now = end;
        // What was due in sleep is late.
        if sleeps {
            self.take(Input::Tick)
        } else {
            self.input(Input::Tick)
        }
        self.show();
    }

    /// Makes it send all that it can send, and ends it. Nothing of it is left.
    pub fn finish(mut self) {
        for command in [Input::Renew, Input::Rebind, Input::Release] {
            self.input(command);
            self.advance(Duration::from_secs(40));
        }
        self.input(Input::Stop { release: true });
        self.advance(Duration::from_secs(40));
        assert!(self.interface.is_stopped(), "it has not ended");
        assert_eq!(self.interface.poll_deadline(), None, "it has ended and waits");
        assert_eq!(self.desired, Desired::default(), "it has ended and wants");
    }

    fn act(&mut self, output: Output) -> Vec<Input> {
        match output {
            Output::Transmit(octets) => self.transmit(&octets),
            Output::TransmitTo { octets, .. } => self.query(octets),
            Output::SolicitRouters => {
                self.count_sent();
                vec![]
            }
            Output::Desired(desired) => {
                self.desired = *desired;
                vec![Input::Applied]
            }
            Output::Keep(record) => {
                let text = serde_json::to_string(&record).expect("a record has a JSON form");
                assert_eq!(serde_json::from_str::<Record>(&text).ok().as_ref(), Some(&*record));
                self.kept = Some(*record);
                vec![]
            }
            Output::Event(event) => {
                serde_json::to_string(&event).expect("an event has a JSON form");
                vec![]
            }
        }
    }

    fn transmit(&mut self, octets: &[u8]) -> Vec<Input> {
        assert!(self.link.is_usable(), "it sends on a link that is down");
        self.count_sent();
        self.last = Some(grammar::judge(octets, &BTreeSet::new()));
        self.hear(octets)
    }

    /// A DHCPv4 message leaves over DHCPv6.
    fn query(&mut self, octets: Vec<u8>) -> Vec<Input> {
        assert!(self.link.is_usable(), "it sends on a link that is down");
        self.count_sent();
        let query = Query::decode(&octets).expect("a query");
        v4::Message::decode(&query.v4).expect("a DHCPv4 message");
        let inputs = self.hear(&octets);
        self.last_query = Some(octets);
        inputs
    }

    /// The server hears it, and its answers arrive or not.
    fn hear(&mut self, octets: &[u8]) -> Vec<Input> {
        let answers = self.server.handle(self.now, CLIENT, octets);
        let datagram = |octets| Datagram { source: SERVER, destination: CLIENT, octets };
        let answers = answers.into_iter().filter(|_| self.is_answered);
        answers.map(|answer| Input::Datagram(datagram(answer.octets))).collect()
    }

    fn count_sent(&mut self) {
        let (count, span) = LIMIT;
        self.sent.push_back(self.now);
        if self.sent.len() > count {
            let first = self.sent.pop_front().expect("there are many");
            assert!(self.now.since(first) >= span, "more than {count} messages in {span:?}");
        }
    }

    /// What holds at every moment: nothing is used whose end is past. What ends
    /// just now may be used until that is dealt with, and no longer.
    fn judge(&self, is_past: impl Fn(Instant) -> bool) {
        let is_over = |valid: Until| valid.instant().is_some_and(&is_past);
        let Desired { addresses, unreachable, ipv4, .. } = &self.desired;
        for Lifetimes { preferred, valid } in addresses.values().chain(unreachable.values()) {
            assert!(!is_over(*valid), "a lease is used past its end");
            assert!(preferred <= valid, "a lease outlives itself");
        }
        assert!(
            !ipv4.as_ref().is_some_and(|ipv4| is_over(ipv4.valid)),
            "an IPv4 lease is used past its end"
        );
        assert!(addresses.len() + unreachable.len() <= MANY, "too many leases are held");
    }

    /// Shows itself, as it does to whoever asks.
    fn show(&self) {
        let snapshot = self.interface.snapshot(self.now);
        shown::judge(&serde_json::to_value(&snapshot).expect("a snapshot has a JSON form"));
    }
}
