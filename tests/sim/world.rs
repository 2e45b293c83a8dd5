//! The virtual world: nodes on one link, one clock that jumps to whatever
//! happens next, everything seeded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;

use dhc6c_core::engine::{Config, Deadline, Input, Output};
use dhc6c_core::link::{Datagram, Link};
use dhc6c_core::rng::Rng;
use dhc6c_core::snapshot::{Snapshot, StateName};
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::MessageType;

use crate::client::{Client, Sent, SentV4};
use crate::history::{Entry, History, Span};
use crate::kernel::{Detection, Verdict};
use crate::link::Netem;
use crate::router::Router;
use crate::server::{Dials, ModelServer, Question, ServerConfig, Store};

#[path = "world/anew.rs"]
mod anew;
#[path = "world/netlink.rs"]
mod netlink;

/// As many steps at one instant as no honest run needs; more is a spin.
const SPIN: u32 = 2000;
/// Detection of duplicates takes a second or two.
const DETECTION: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(2));
/// The shell needs this long at most to apply what is desired.
const APPLYING: Duration = Duration::from_millis(20);
/// So many of the latest answers can be replayed.
const REPLAYABLE: usize = 4;

/// `seconds` as a duration.
#[must_use]
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server on the link.
pub struct Server {
    /// The server itself, with its dials.
    pub model: ModelServer,
    /// Off the link: neither hears nor answers.
    pub unreachable: bool,
    link_local: Ipv6Addr,
}

/// How a client comes to begin again.
#[derive(Clone, Copy, Debug)]
pub enum Restart {
    /// It was stopped in good order, which emptied the kernel.
    Stopped,
    /// It was killed; the kernel keeps everything.
    Killed,
    /// The machine was off, which emptied the kernel.
    Rebooted {
        /// For so long.
        off: Duration,
        /// And can tell that it was.
        clock_is_trusted: bool,
    },
    /// The same, with a wall clock that may be wrong before and after.
    WrongClock {
        /// For so long.
        off: Duration,
        /// So many seconds it went ahead of the time when it was written
        /// down what is kept, and goes now.
        ahead: (i64, i64),
    },
}

/// What is going to happen.
enum Happening {
    AtServer { server: usize, client: usize, source: Ipv6Addr, octets: Vec<u8> },
    AtClient { client: usize, datagram: Datagram },
    Detected { client: usize, detection: Detection },
    Applied { client: usize },
    ReadAnew { client: usize },
    RouterAnswers,
}

/// What was prepared and strikes the first client later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strike {
    /// Its process dies between two things that it does.
    Dies,
    /// News of its link or of a detection is lost by chance.
    NewsLost,
    /// It is lost because netlink was overrun.
    Overrun,
    /// A hook has to wait for one that hangs.
    HookWaits,
}

/// What an accident acts on: the client itself, and what is around it.
#[derive(PartialEq)]
pub struct Surroundings {
    engine: String,
    link: Netem,
    taken: BTreeSet<Ipv6Addr>,
    servers: Vec<(bool, ServerConfig, Store)>,
}

/// Clients and servers on one link.
pub struct World {
    /// The time.
    pub now: Instant,
    /// How the link behaves.
    pub link: Netem,
    /// The clients; most scenarios have one.
    pub clients: Vec<Client>,
    /// The servers.
    pub servers: Vec<Server>,
    /// The router that answers those who ask.
    pub router: Option<Router>,
    /// How many things have happened.
    pub steps: u64,
    /// How many outputs the clients have given.
    outputs: u64,
    /// What has struck the first client in which state, since somebody looked.
    pub struck: Vec<(Strike, StateName)>,
    /// What a server with troubles was asked in the last step, and which one.
    pub troubled: Option<(usize, Question)>,
    /// The answers that reached clients last.
    pub heard: VecDeque<Datagram>,
    /// After how many outputs more the first client's process dies; 0 when it
    /// has.
    falls_after: Option<u32>,
    /// What it wrote last never reached the disk.
    is_torn: bool,
    start: Instant,
    rng: Rng,
    queue: BTreeMap<(Instant, u64), Happening>,
    queued: u64,
    history: History,
}

impl World {
    /// A world in which nothing has happened yet, some time after boot.
    #[must_use]
    pub fn new(seed: u64, client: Config, servers: impl IntoIterator<Item = ServerConfig>) -> Self {
        let mut rng = Rng::from_number(seed);
        let now = Instant::from_millis(rng.between(0, 1_000_000_000));
        let server = |(number, config)| Server {
            model: ModelServer::new(config),
            unreachable: false,
            link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x5e, number),
        };
        Self {
            now,
            link: Netem::default(),
            clients: vec![Client::new(client, 1, &mut rng)],
            servers: (1..).zip(servers).map(server).collect(),
            router: None,
            steps: 0,
            outputs: 0,
            struck: Vec::new(),
            troubled: None,
            heard: VecDeque::new(),
            falls_after: None,
            is_torn: false,
            start: now,
            rng,
            queue: BTreeMap::new(),
            queued: 0,
            history: History::default(),
        }
    }

    /// A world in which the client has what it wants.
    #[must_use]
    pub fn bound<const N: usize>(seed: u64, client: Config, servers: [ServerConfig; N]) -> Self {
        let mut world = Self::new(seed, client, servers);
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        world
    }

    /// Keeps another span of the history than the latest of it.
    pub fn remember(&mut self, span: Span) {
        self.history = History::of(span);
    }

    /// Everything that is remembered to have happened.
    #[must_use]
    pub fn history(&self) -> String {
        self.history.text(self.start)
    }

    /// Puts another client on the link.
    pub fn add_client(&mut self, config: Config) {
        let number = u16::try_from(self.clients.len() + 1).expect("a few clients");
        self.clients.push(Client::new(config, number, &mut self.rng));
    }

    /// Tells every client of its link.
    pub fn start(&mut self) {
        for client in 0..self.clients.len() {
            let link = self.clients[client].link;
            self.input(client, Input::Link(link));
        }
    }

    /// The first client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.clients[0]
    }

    /// The first server.
    pub fn server(&mut self) -> &mut ModelServer {
        &mut self.servers[0].model
    }

    /// How the first client shows itself.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.client().interface.snapshot(self.now)
    }

    /// What the first client is doing.
    #[must_use]
    pub fn state(&self) -> StateName {
        self.snapshot().state
    }

    /// Time since the world began.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.now.since(self.start)
    }

    /// What an accident acts on.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        let server = |server: &Server| {
            let ModelServer { config, store, .. } = &server.model;
            (server.unreachable, config.clone(), store.clone())
        };
        Surroundings {
            engine: format!("{:?}", self.client().interface),
            link: self.link,
            taken: self.client().kernel.taken.clone(),
            servers: self.servers.iter().map(server).collect(),
        }
    }

    /// Draws from the world's own randomness.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Writes a line into the history.
    pub fn note(&mut self, note: impl Into<String>) {
        self.history.add(self.now, || Entry::Note(note.into()));
    }

    /// The first client's link loses or regains its carrier.
    pub fn carrier(&mut self, up: bool) {
        self.set_link(Link { up, ..self.client().link });
    }

    /// The first client's link changes.
    pub fn set_link(&mut self, link: Link) {
        self.note(format!("{link:?}"));
        self.clients[0].link = link;
        if link == self.client().known_link || !self.loses_news(0) {
            self.input(0, Input::Link(link));
        }
    }

    /// The first client's process dies in the middle of what it does, after so
    /// many outputs more.
    pub const fn fall_after(&mut self, outputs: u32) {
        self.falls_after = Some(outputs);
    }

    /// The first client's process does not die by itself.
    pub const fn fall_no_more(&mut self) {
        self.falls_after = None;
    }

    /// The first client's process has died by itself.
    #[must_use]
    pub fn has_fallen(&self) -> bool {
        self.falls_after == Some(0)
    }

    /// Stops the first client.
    pub fn stop(&mut self) {
        self.command(Input::Stop { release: false });
    }

    /// Somebody tells the first client to do something.
    pub fn command(&mut self, input: Input) {
        self.note(format!("{input:?}"));
        if let Input::Configure(config) = &input {
            self.clients[0].config = (**config).clone();
            self.clients[0].oracle.is_configured(config);
        }
        self.input(0, input);
    }

    /// The first client's interface goes away, with everything that the kernel
    /// holds of it, and comes back under another number.
    pub fn replace_interface(&mut self) {
        let addresses = self.client().addresses();
        self.clients[0].kernel.reboot();
        self.apply(0);
        for address in addresses {
            self.input(0, Input::AddressMissing(address));
        }
        let link = self.client().link;
        self.set_link(Link { index: link.index + 1, ..link });
    }

    /// Somebody else removes an address of the first client; the shell puts
    /// it back and says so.
    pub fn lose(&mut self, address: Ipv6Addr) {
        self.note(format!("{address} is removed"));
        self.clients[0].kernel.lose(address);
        self.apply(0);
        self.input(0, Input::AddressMissing(address));
    }

    /// Hands the first client a datagram out of nowhere.
    pub fn inject(&mut self, datagram: Datagram) {
        self.deliver(0, datagram);
    }

    /// Hands the first client a Reconfigure that it must not obey, as it comes
    /// to this address.
    pub fn forge_to(&mut self, destination: Ipv6Addr, octets: Vec<u8>) {
        self.clients[0].oracle.expects_refusal();
        self.inject(Datagram { source: self.servers[0].link_local, destination, octets });
    }

    /// A router says this to everybody.
    pub fn hear(&mut self, router: &Router) {
        self.note(format!("{router:?}"));
        let message = router.message();
        for client in 0..self.clients.len() {
            if self.clients[client].is_connected() {
                self.input(client, Input::Router(message.clone()));
            }
        }
    }

    fn answer_as_router(&mut self) {
        if let Some(router) = self.router.clone() {
            self.hear(&router);
        }
    }

    /// The server that the first client deals with; the first one, where it
    /// deals with none that is here.
    #[must_use]
    pub fn own_server(&self) -> usize {
        let own = self.client().kept.as_ref().and_then(|kept| kept.server.as_ref());
        let is_own = |server: &Server| own.is_some_and(|own| own.duid == server.model.config.duid);
        self.servers.iter().position(is_own).unwrap_or_default()
    }

    /// The client's server sends it a Reconfigure.
    pub fn reconfigure(&mut self, kind: MessageType) {
        let client = self.client().config.duid.clone();
        let server = self.own_server();
        let octets = self.servers[server].model.reconfigure(&client, kind);
        self.inject_from_server(octets);
    }

    /// Hands the first client octets of the first server's, at its
    /// link-local address, if it has one.
    pub fn inject_from_server(&mut self, octets: Vec<u8>) {
        let Some(destination) = self.client().link.link_local else { return };
        self.inject(Datagram { source: self.servers[0].link_local, destination, octets });
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
    }

    /// The whole machine sleeps: time passes, nothing happens, then clients
    /// are told so. What was on its way to them is lost.
    pub fn sleep(&mut self, duration: Duration) {
        self.note(format!("sleeps for {duration:?}"));
        self.now += duration;
        self.queue.retain(|_, happening| !matches!(happening, Happening::AtClient { .. }));
        for client in 0..self.clients.len() {
            self.input(client, Input::Resumed);
        }
    }

    /// Lets the next `count` things happen, or as many as there are.
    pub fn run_steps(&mut self, count: usize) {
        let never = Instant::from_millis(u64::MAX);
        for _ in 0..count {
            let now = self.now;
            if !self.step(never) {
                self.now = now;
            }
        }
    }

    /// Lets time pass until `done`; panics where that takes longer than
    /// `limit`.
    pub fn run_until(&mut self, what: &str, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            assert!(self.step(end), "not {what} after {limit:?}; state {:?}", self.state());
        }
    }

    /// Lets time pass until the client has sent `count` of these messages in
    /// all; panics where that takes longer than `limit`.
    pub fn run_until_sent(&mut self, kind: MessageType, count: usize, limit: Duration) {
        let what = format!("sent {count} x {kind}");
        self.run_until(&what, limit, |world| world.client().sent(kind).len() >= count);
    }

    /// The next thing happens, if it does so before `end`.
    pub fn step(&mut self, end: Instant) -> bool {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        let awake = self.clients.iter().enumerate().filter(|_| !self.has_fallen());
        let deadlines = awake.filter_map(|(client, node)| {
            node.interface.poll_deadline().map(|deadline| (deadline, client))
        });
        let deadline = deadlines.min_by_key(|(deadline, _)| deadline.at);
        let next = queued.into_iter().chain(deadline.map(|(deadline, _)| deadline.at)).min();
        let Some(next) = next.filter(|next| *next <= end) else {
            self.now = self.now.max(end);
            return false;
        };
        self.now = self.now.max(next);
        self.steps += 1;
        self.troubled = None;
        match (queued, deadline) {
            (Some(at), _) if at <= self.now => self.happen(),
            (_, Some((deadline, client))) => self.wake(client, deadline),
            _ => {}
        }
        true
    }

    fn happen(&mut self) {
        let Some((_, happening)) = self.queue.pop_first() else { return };
        match happening {
            Happening::AtServer { server, client, source, octets } => {
                self.serve(server, client, source, &octets);
            }
            Happening::AtClient { client, datagram } => self.deliver(client, datagram),
            Happening::Applied { client } => self.input(client, Input::Applied),
            Happening::ReadAnew { client } => self.read_anew(client),
            Happening::RouterAnswers => self.answer_as_router(),
            Happening::Detected { client, detection } => self.detect(client, detection),
        }
    }

    fn wake(&mut self, client: usize, deadline: Deadline) {
        self.history.add(self.now, || Entry::Woken(client, deadline.why));
        self.input(client, Input::Tick);
        if self.has_fallen() {
            return;
        }
        let again = self.clients[client].interface.poll_deadline();
        let spins = again.is_some_and(|again| again.at <= deadline.at);
        assert!(!spins, "the deadline {deadline:?} stays after it came: {again:?}");
    }

    fn serve(&mut self, server: usize, client: usize, client_address: Ipv6Addr, octets: &[u8]) {
        let node = &mut self.servers[server];
        if node.unreachable {
            return;
        }
        self.history.add(self.now, || Entry::Reached(server, octets.to_vec()));
        let source = node.link_local;
        if node.model.dials != Dials::default() {
            let (before, octets) = (node.model.clone(), octets.to_vec());
            let question =
                Question { server: before, now: self.now, client: client_address, octets };
            self.troubled = Some((server, question));
        }
        let answers = node.model.handle(self.now, client_address, octets);
        for answer in answers {
            self.history.add(self.now, || Entry::Answered(server, answer.octets.clone()));
            let late = self.rng.delay(self.servers[server].model.dials.late);
            for (at, octets) in self.arrivals(&answer.octets) {
                let datagram = Datagram { source, destination: answer.destination, octets };
                self.enqueue(at + late, Happening::AtClient { client, datagram });
            }
        }
    }

    fn deliver(&mut self, client: usize, datagram: Datagram) {
        if !self.clients[client].is_connected() {
            return;
        }
        self.history.add(self.now, || Entry::Delivered(client, datagram.octets.clone()));
        let ours = self.clients[client].known_link.link_local;
        self.clients[client].oracle.is_offered(&datagram, ours);
        if self.heard.len() == REPLAYABLE {
            self.heard.pop_front();
        }
        self.heard.push_back(datagram.clone());
        self.input(client, Input::Datagram(datagram));
    }

    /// Gives a client an input and drains it.
    fn input(&mut self, client: usize, input: Input) {
        if self.has_fallen() {
            return;
        }
        if let Input::Link(link) = input {
            self.clients[client].known_link = link;
        }
        self.clients[client].oracle.begins(self.now, &input);
        self.clients[client].interface.handle_input(self.now, input);
        self.drain(client);
        if self.has_fallen() {
            return;
        }
        let node = &mut self.clients[client];
        let snapshot = node.interface.snapshot(self.now);
        node.state = snapshot.state;
        node.oracle.judge(self.now, &node.kernel, node.kept.as_ref(), &snapshot);
        node.hooks.judge(self.now, &node.leases());
        let deadline = node.interface.poll_deadline();
        assert!(!node.interface.is_stopped() || deadline.is_none(), "stopped, yet {deadline:?}");
    }

    fn drain(&mut self, client: usize) {
        let mut spin = 0;
        while let Some(output) = self.clients[client].interface.poll_output(self.now) {
            self.outputs += 1;
            spin += 1;
            assert!(spin < SPIN, "the engine never runs dry");
            self.act(client, output);
            match &mut self.falls_after {
                Some(left @ 1..) => *left -= 1,
                _ => continue,
            }
            if self.has_fallen() {
                self.note("the process dies");
                self.strikes(client, Strike::Dies);
                return;
            }
        }
    }

    /// Remembers what has struck the first client.
    fn strikes(&mut self, client: usize, strike: Strike) {
        if client == 0 {
            self.struck.push((strike, self.client().state));
        }
    }

    /// The kernel is made to look as desired.
    fn apply(&mut self, client: usize) {
        let desired = self.clients[client].desired.clone();
        for detection in self.clients[client].kernel.apply(&desired) {
            let (shortest, longest) = DETECTION;
            let at = self.now + shortest + self.rng.delay(longest.saturating_sub(shortest));
            self.enqueue(at, Happening::Detected { client, detection });
        }
    }

    fn act(&mut self, client: usize, output: Output) {
        match output {
            Output::Transmit(octets) => self.transmit(client, octets),
            Output::TransmitTo { destination, source, octets } => {
                self.transmit_to(client, destination, source, &octets);
            }
            Output::SolicitRouters => {
                self.history.add(self.now, || Entry::Note("asks the routers".to_owned()));
                let (now, node) = (self.now, &mut self.clients[client]);
                assert!(node.known_link.is_usable(), "asks on a link that is down");
                node.oracle.solicits(now);
                node.solicited.push(now);
                // RFC 4861 §6.2.6, MAX_RA_DELAY_TIME.
                let at = now + self.rng.delay(Duration::from_millis(500));
                self.enqueue(at, Happening::RouterAnswers);
            }
            Output::Desired(desired) => {
                self.history.add(self.now, || Entry::Wanted(client, desired.clone()));
                self.clients[client].oracle.desires(&desired);
                self.clients[client].desired = *desired;
                self.apply(client);
                let at = self.now + self.rng.delay(APPLYING);
                self.enqueue(at, Happening::Applied { client });
            }
            Output::Keep(record) => {
                let client = &mut self.clients[client];
                client.kept_before = client.kept.replace(*record);
                client.keeps += 1;
            }
            Output::Event(event) => {
                self.history.add(self.now, || Entry::Told(client, event.clone()));
                let number = client;
                let client = &mut self.clients[number];
                client.oracle.hears(self.now, &event);
                if event.hook_name().is_some() {
                    client.tell_hooks();
                }
                let waits = event.hook_name().is_some() && client.hooks.is_hanging(self.now);
                client.events.push((self.now, event));
                if waits {
                    self.strikes(number, Strike::HookWaits);
                }
            }
        }
    }

    fn transmit(&mut self, client: usize, octets: Vec<u8>) {
        self.history.add(self.now, || Entry::Sent(client, octets.clone()));
        let node = &mut self.clients[client];
        let source = node.known_link.link_local.filter(|_| node.known_link.up);
        let source = source.expect("it sends on a link that is usable");
        let message = node.oracle.sends(self.now, &octets, node.kept.as_ref());
        node.sent.push(Sent { at: self.now, message });
        if !node.can_send_from(source) {
            // It does not know that yet; the kernel refuses.
            return self.history.add(self.now, || Entry::Lost);
        }
        for server in 0..self.servers.len() {
            self.carry(server, client, source, &octets);
        }
    }

    /// A message of DHCPv4 over DHCPv6 goes to whoever has that address.
    fn transmit_to(&mut self, client: usize, to: Ipv6Addr, source: Ipv6Addr, octets: &[u8]) {
        self.history.add(self.now, || Entry::SentV4(client, to, octets.to_vec()));
        let node = &mut self.clients[client];
        assert!(node.believes_in(source), "sends from {source}, which it does not have");
        let (query, message) = node.oracle.sends_v4(self.now, to, source, octets);
        node.sent_v4.push(SentV4 { at: self.now, to, source, query, message });
        if !node.can_send_from(source) {
            return self.history.add(self.now, || Entry::Lost);
        }
        for server in 0..self.servers.len() {
            if self.servers[server].model.listens_at(to) {
                self.carry(server, client, source, octets);
            }
        }
    }

    fn carry(&mut self, server: usize, client: usize, source: Ipv6Addr, octets: &[u8]) {
        for (at, octets) in self.arrivals(octets) {
            self.enqueue(at, Happening::AtServer { server, client, source, octets });
        }
    }

    fn arrivals(&mut self, octets: &[u8]) -> Vec<(Instant, Vec<u8>)> {
        let arrivals = self.link.carry(self.now, octets, &mut self.rng);
        if arrivals.is_empty() {
            self.history.add(self.now, || Entry::Lost);
        }
        arrivals
    }

    fn enqueue(&mut self, at: Instant, happening: Happening) {
        self.queued += 1;
        self.queue.insert((at, self.queued), happening);
    }
}

/// What the engine is told of a detection.
const fn input_of(verdict: Verdict, address: Ipv6Addr) -> Input {
    match verdict {
        Verdict::Usable => Input::AddressUsable(address),
        Verdict::Duplicate => Input::AddressDuplicate(address),
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprint!("{}", self.history());
        }
    }
}
