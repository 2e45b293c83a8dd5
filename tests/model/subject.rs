//! The engine under test, with as much of a world as a transition needs, and
//! the reference beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use dhc6c_core::desired::Desired;
use dhc6c_core::engine::{Config, Event, Input, Interface, Output, PrefixRequest, Restored};
use dhc6c_core::ident::{Duid, Iaid};
use dhc6c_core::link::{Datagram, Link};
use dhc6c_core::prefix::Prefix;
use dhc6c_core::record::Record;
use dhc6c_core::rng::Rng;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::{
    Authentication, DhcpOption, Ia, IaAddress, IaPrefix, Message, MessageType, ReconfigureKey,
    ServerText, Status, StatusCode, TransactionId,
};

use crate::history::{Entry, History, Span};
use crate::reference::{Kind, Reference};
use crate::transition::{Answer, Said, Transition, Wrong};

/// Silence that never ends is cut here.
const LONGEST: Duration = Duration::from_secs(100_000);
/// As many steps at one instant as no honest run needs.
const SPIN: usize = 1000;
const START: Instant = Instant::from_millis(1_000_000);
const CLIENT: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xc0);
const SERVER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x5e);

/// What was met: the transition, and the state that the client was in.
pub type Met = BTreeMap<(&'static str, &'static str), u32>;

/// The engine and its reference.
pub struct Subject {
    engine: Interface,
    /// What judges it.
    pub reference: Reference,
    config: Config,
    now: Instant,
    link: Link,
    rng: Rng,
    desired: Desired,
    kept: Option<Record>,
    usable: BTreeSet<Ipv6Addr>,
    replay: u64,
    history: History,
    /// Every message that was sent.
    pub sent: Vec<Message>,
    /// What was met.
    pub met: Met,
}

impl Subject {
    /// A client on a link that is up.
    #[must_use]
    pub fn new(seed: u64, wanted: BTreeSet<Kind>) -> Self {
        let mut rng = Rng::from_number(seed);
        let config = config(&wanted);
        let link = Link { index: 2, up: true, link_local: Some(CLIENT) };
        let mut subject = Self {
            engine: Interface::new(config.clone(), rng.octets()),
            reference: Reference::new(config.duid.clone(), wanted),
            config,
            now: START,
            link,
            rng,
            desired: Desired::default(),
            kept: None,
            usable: BTreeSet::new(),
            replay: 0,
            history: History::of(Span::All),
            sent: Vec::new(),
            met: Met::new(),
        };
        subject.reference.link(subject.now, true, true);
        subject.input(Input::Link(link));
        subject
    }

    /// Lets something happen, and the reference judge it.
    pub fn apply(&mut self, transition: &Transition) {
        let state = self.state().as_str();
        self.history.add(self.now, || Entry::Note(format!("{state}: {transition:?}")));
        *self.met.entry((transition.name(), state)).or_default() += 1;
        match transition {
            Transition::Answer(answer) => self.answer(answer),
            Transition::Silence(seconds) => {
                self.wait(self.now + Duration::from_secs(u64::from(*seconds)), false);
            }
            Transition::Unanswered => self.wait(self.now + LONGEST, true),
            Transition::Carrier(up) => self.relink(Link { up: *up, ..self.link }),
            Transition::NewIndex => {
                self.relink(Link { index: self.link.index + 1, ..self.link });
            }
            Transition::Usable => self.pass_detection(),
            Transition::Duplicate => self.fail_detection(),
            Transition::Renew => self.ask(MessageType::Renew, Input::Renew),
            Transition::Rebind => self.ask(MessageType::Rebind, Input::Rebind),
            Transition::Release => self.give_back(true, Input::Release),
            Transition::Restart => self.give_back(false, Input::Restart),
            Transition::Configure(wanted) => {
                self.config = config(wanted);
                self.reference.configure(self.now, wanted.clone());
                self.input(Input::Configure(Box::new(self.config.clone())));
            }
            Transition::Kill => self.kill(),
            Transition::Reconfigure(kind) => self.reconfigure(*kind),
        }
        self.now += Duration::from_millis(1);
    }

    /// What happened, to be read.
    #[must_use]
    pub fn history(&self) -> String {
        self.history.text(START)
    }

    /// What the client is doing.
    #[must_use]
    pub fn state(&self) -> StateName {
        self.engine.snapshot(self.now).state
    }

    fn input(&mut self, input: Input) {
        let outputs = self.drain(input);
        self.act_all(outputs);
    }

    fn drain(&mut self, input: Input) -> Vec<Output> {
        self.engine.handle_input(self.now, input);
        let mut outputs = Vec::new();
        while let Some(output) = self.engine.poll_output(self.now) {
            assert!(outputs.len() < SPIN, "the engine never runs dry");
            outputs.push(output);
        }
        outputs
    }

    fn act_all(&mut self, outputs: Vec<Output>) {
        outputs.into_iter().for_each(|output| self.act(output));
        self.reference.judge(self.now, &self.desired);
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Transmit(octets) => {
                let message = Message::decode(&octets).expect("it decodes").message;
                self.history.add(self.now, || Entry::Sent(0, octets));
                self.reference.sends(self.now, &message);
                self.sent.push(message);
            }
            Output::Desired(desired) => {
                self.history.add(self.now, || Entry::Wanted(0, desired.clone()));
                self.usable.retain(|address| desired.addresses.contains_key(address));
                self.desired = *desired;
                self.reference.uses(self.now, &self.desired);
            }
            Output::Keep(record) => self.kept = Some(*record),
            Output::TransmitTo { .. } => panic!("a client without IPv4 carries something"),
            Output::Event(Event::Sent(..)) | Output::SolicitRouters => {}
            Output::Event(event) => self.history.add(self.now, || Entry::Told(0, event)),
        }
    }

    /// Lets time pass, waking the engine when it wants to be, and looking
    /// when the reference expects something.
    fn wait(&mut self, end: Instant, until_sent: bool) {
        let before = self.sent.len();
        loop {
            let deadline = self.engine.poll_deadline().map(|deadline| deadline.at);
            let expected = self.reference.next(self.now).map(|at| at + Duration::from_millis(1));
            let Some(next) = deadline.into_iter().chain(expected).min().filter(|at| *at <= end)
            else {
                // Where nothing is ever due, no time passes.
                self.now = if until_sent { self.now } else { end };
                return self.reference.judge(self.now, &self.desired);
            };
            self.now = self.now.max(next);
            if deadline.is_some_and(|at| at <= self.now) {
                self.input(Input::Tick);
            } else {
                self.reference.judge(self.now, &self.desired);
            }
            if until_sent && self.sent.len() > before {
                return;
            }
        }
    }

    fn relink(&mut self, link: Link) {
        let changed = link.index != self.link.index || link.up && !self.link.up;
        self.link = link;
        self.reference.link(self.now, link.up, changed);
        if changed || !link.up {
            self.usable.clear();
        }
        self.input(Input::Link(link));
    }

    fn ask(&mut self, kind: MessageType, input: Input) {
        self.reference.asked(self.now, kind);
        self.input(input);
    }

    fn give_back(&mut self, rests: bool, input: Input) {
        self.reference.release(self.now, rests);
        self.input(input);
    }

    fn pass_detection(&mut self) {
        for address in self.desired.addresses.clone().into_keys() {
            self.usable.insert(address);
            self.input(Input::AddressUsable(address));
        }
    }

    fn fail_detection(&mut self) {
        let tentative = |address: &&Ipv6Addr| !self.usable.contains(*address);
        let Some(address) = self.desired.addresses.keys().find(tentative).copied() else { return };
        let lease = Prefix::new(address, 128).expect("128 is a length");
        self.reference.duplicate(self.now, lease);
        self.input(Input::AddressDuplicate(address));
    }

    fn kill(&mut self) {
        let Some(record) = self.kept.clone() else { return };
        let seed = self.rng.octets();
        self.reference.restore(&record);
        self.history.add(self.now, || Entry::Note("begins again".to_owned()));
        let restored = Restored { record, in_use: true, times_are_known: true };
        self.engine = Interface::restore(self.config.clone(), seed, restored, self.now);
        self.desired = Desired::default();
        self.input(Input::Tick);
        self.reference.link(self.now, self.link.up, true);
        self.input(Input::Link(self.link));
    }

    fn deliver(&mut self, octets: Vec<u8>) {
        if !self.link.up {
            return;
        }
        let message = Message::decode(&octets).expect("a server's message").message;
        self.history.add(self.now, || Entry::Answered(0, octets.clone()));
        let datagram = Datagram { source: SERVER, destination: CLIENT, octets };
        let outputs = self.drain(Input::Datagram(datagram));
        let told = |wanted: fn(&Event) -> bool| {
            outputs.iter().any(|output| matches!(output, Output::Event(event) if wanted(event)))
        };
        if message.kind != MessageType::Reconfigure {
            let taken = told(|event| matches!(event, Event::Received(..)));
            self.reference.hears(self.now, &message, taken);
        } else if told(|event| matches!(event, Event::Reconfigured(_))) {
            self.reference.is_reconfigured(self.now, &message);
        }
        self.act_all(outputs);
    }

    /// A Reconfigure of our server, signed with its key (RFC 9915 §20.4).
    fn reconfigure(&mut self, kind: MessageType) {
        self.replay += 1;
        let options = vec![
            DhcpOption::ServerId(server(false)),
            DhcpOption::ClientId(self.config.duid.clone()),
            DhcpOption::ReconfigureMessage(kind),
            DhcpOption::Authentication(Authentication::unsigned(self.replay)),
        ];
        let transaction = TransactionId([0; 3]);
        let message = Message { kind: MessageType::Reconfigure, transaction, options };
        let mut octets = message.encode().expect("a short message");
        assert!(key().sign(&mut octets), "there is a place for the digest");
        self.deliver(octets);
    }

    fn answer(&mut self, answer: &Answer) {
        let Some(question) = self.sent.last().cloned() else { return };
        self.replay += 1;
        let octets = compose(&question, answer, self.replay).encode().expect("a short message");
        self.deliver(octets);
    }
}

fn config(wanted: &BTreeSet<Kind>) -> Config {
    let duid = Duid::new(&[0, 3, 0, 1, 2, 0, 0, 0, 0xc0, 1]).expect("ten octets are a DUID");
    let prefixes = wanted.contains(&Kind::Prefix).then(|| PrefixRequest::any(Iaid(1)));
    Config {
        address: wanted.contains(&Kind::Address).then_some(Iaid(1)),
        prefixes: prefixes.into_iter().collect(),
        initial_delay: true,
        ..Config::new("eth0", duid)
    }
}

fn server(other: bool) -> Duid {
    Duid::new(&[0, 3, 0, 1, 2, 0, 0, 0, 0x5e, u8::from(other)]).expect("ten octets are a DUID")
}

fn key() -> ReconfigureKey {
    ReconfigureKey::new([7; 16])
}

fn status(code: StatusCode) -> DhcpOption {
    DhcpOption::Status(Status { code, message: ServerText::new(b"says the model") })
}

/// What the server says to this question.
fn compose(question: &Message, answer: &Answer, replay: u64) -> Message {
    use MessageType as T;
    let mut kind = if question.kind == T::Solicit { T::Advertise } else { T::Reply };
    let mut transaction = question.transaction;
    let mut client = question.client_ids().next().cloned();
    let mut servers = vec![server(answer.other_server)];
    match answer.wrong {
        None => {}
        Some(Wrong::Transaction) => transaction.0[2] ^= 1,
        Some(Wrong::NoClientId) => client = None,
        Some(Wrong::OtherClientId) => client = Some(server(true)),
        Some(Wrong::NoServerId) => servers.clear(),
        Some(Wrong::TwoServerIds) => servers.push(server(true)),
        Some(Wrong::Type) => kind = if kind == T::Reply { T::Advertise } else { T::Reply },
    }
    let mut options: Vec<_> = client.map(DhcpOption::ClientId).into_iter().collect();
    options.extend(servers.into_iter().map(DhcpOption::ServerId));
    options.extend(answer.status.map(status));
    if question.options.contains(&DhcpOption::ReconfigureAccept) && kind == T::Reply {
        options.push(DhcpOption::ReconfigureAccept);
        options.push(DhcpOption::Authentication(Authentication::of_key(&key(), replay)));
    }
    if matches!(question.kind, T::Solicit | T::Request | T::Renew | T::Rebind) {
        let pool = u16::from(answer.other_server);
        options.extend(question.ia_nas().filter_map(|ia| grant_address(ia, answer.address, pool)));
        options.extend(question.ia_pds().filter_map(|ia| grant_prefix(ia, answer.prefix, pool)));
    }
    Message { kind, transaction, options }
}

fn grant_address(ia: &Ia, said: Said, pool: u16) -> Option<DhcpOption> {
    let own = |last| Ipv6Addr::new(0x2001, 0xdb8, pool, 0, 0, 0, 0, last);
    let asked = ia.addresses().map(|lease| lease.address).next();
    let ia = associate(ia, said, |times| {
        let another = matches!(said, Said::Another(_));
        let address = asked.filter(|_| !another).unwrap_or(own(0x1000 + u16::from(another)));
        let (preferred, valid) = (times.preferred, times.valid);
        DhcpOption::IaAddress(IaAddress { address, preferred, valid, options: vec![] })
    });
    ia.map(DhcpOption::IaNa)
}

fn grant_prefix(ia: &Ia, said: Said, pool: u16) -> Option<DhcpOption> {
    let own = |last| Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, 0x8000 | pool, last, 0, 0, 0, 0), 56);
    let asked = ia.prefixes().map(|lease| lease.prefix).next();
    let ia = associate(ia, said, |times| {
        let another = matches!(said, Said::Another(_));
        let own = own(0x100 * u16::from(another)).expect("56 is a length");
        let prefix = asked.filter(|_| !another).unwrap_or(own);
        let (preferred, valid) = (times.preferred, times.valid);
        DhcpOption::IaPrefix(IaPrefix { prefix, preferred, valid, options: vec![] })
    });
    ia.map(DhcpOption::IaPd)
}

fn associate(
    ia: &Ia,
    said: Said,
    lease: impl FnOnce(crate::transition::Times) -> DhcpOption,
) -> Option<Ia> {
    match said {
        Said::Grant(times) | Said::Another(times) => {
            Some(Ia { iaid: ia.iaid, t1: times.t1, t2: times.t2, options: vec![lease(times)] })
        }
        Said::Refuse(code) => Some(Ia::asking(ia.iaid, vec![status(code)])),
        Said::Empty => Some(Ia::asking(ia.iaid, vec![])),
        Said::Missing => None,
    }
}
