//! The virtual world: nodes on one link, one clock that jumps to whatever
//! happens next, everything seeded.
//!
//! | file | what |
//! |---|---|
//! | `world/arrivals.rs` | what reaches servers and clients |
//! | `world/outputs.rs` | what becomes of what a client puts out |
//! | `world/netlink.rs` | news of the kernel, which may get lost |
//! | `world/anew.rs` | a client that begins again |
//! | `world/surroundings.rs` | what an accident may make a difference to |

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv6Addr;

use dhc6c_core::engine::{Config, Deadline, Input};
use dhc6c_core::link::{Datagram, Link};
use dhc6c_core::rng::Rng;
use dhc6c_core::snapshot::{Snapshot, StateName};
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::MessageType;

use crate::client::Client;
use crate::history::{Entry, History, Span};
use crate::kernel::{Detection, Verdict};
use crate::link::Netem;
use crate::router::Router;
use crate::server::{ModelServer, Question, ServerConfig};

#[path = "world/anew.rs"]
mod anew;
#[path = "world/arrivals.rs"]
mod arrivals;
#[path = "world/netlink.rs"]
mod netlink;
#[path = "world/outputs.rs"]
mod outputs;
#[path = "world/surroundings.rs"]
mod surroundings;

/// As many steps at one instant as no honest run needs; more is a spin.
const SPIN: u32 = 2000;

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
    /// What it is asked next is to be remembered ([`World::troubled`]).
    pub is_watched: bool,
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
    /// What has struck the first client in which state, since somebody looked.
    pub struck: Vec<(Strike, StateName)>,
    /// What a server that is watched was asked in the last step, and which one.
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
            is_watched: false,
            link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x5e, number),
        };
        Self {
            now,
            link: Netem::default(),
            clients: vec![Client::new(client, 1, &mut rng)],
            servers: (1..).zip(servers).map(server).collect(),
            router: None,
            steps: 0,
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

    /// The first client has something to do now, whatever happens.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let deadline = self.client().interface.poll_deadline();
        deadline.is_some_and(|deadline| deadline.at <= self.now)
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
        if link != self.client().known_link && self.loses_news(0) {
            self.clients[0].lost_carrier |= !link.up;
        } else {
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
