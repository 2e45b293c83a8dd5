//! Power returns, and every client of a provider asks at once: real engines,
//! real messages, a discrete clock, and servers with a limited rate.
//!
//! A server answers its questions in the order they come, so many a second,
//! and has a queue of a bounded length; what comes while that is full is
//! lost, as it is when a socket's buffer is full. The way there and back
//! takes 10 ms and loses nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv6Addr;

use dhc6c_core::engine::{Config, Event, Input, Interface, Output, PrefixRequest, Restored};
use dhc6c_core::ident::Iaid;
use dhc6c_core::link::{Datagram, Link};
use dhc6c_core::record::Record;
use dhc6c_core::rng::Rng;
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::MessageType;

use crate::responder::{Responder, duid_of};

/// From a client to a server and back, without the time in the queue.
const ROUND_TRIP: Duration = Duration::from_millis(10);
/// Duplicate address detection of the client's kernel.
const DETECTION: Duration = Duration::from_secs(1);
/// A run that takes longer than this has failed.
const LONGEST: Duration = Duration::from_secs(86_400);
/// The link-local address of every client; each is on a link of its own.
pub const CLIENT: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xc0);
/// The relay of its link, from where answers come.
pub const SERVER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x5e);

/// What is tried.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many clients come back.
    pub clients: u32,
    /// Answers that each server gives in a second.
    pub rate: u32,
    /// Questions that wait at each server at most.
    pub queue: u32,
    /// Clients delay their first Solicit by up to a second (RFC 9915
    /// §18.2.1).
    pub initial_delay: bool,
    /// What the servers set SOL_MAX_RT to, in seconds; the clients know it
    /// from before the cut.
    pub sol_max_rt: Option<u32>,
    /// The servers come back so much later than the clients.
    pub servers_late: Duration,
    /// There are two servers, and one of them fails.
    pub failover: Option<Failover>,
}

/// Two servers share the clients, each answering every second one, until one
/// dies with everything that waits in its queue.
#[derive(Clone, Copy, Debug)]
pub struct Failover {
    /// When the one dies.
    pub dies: Duration,
    /// When its partner has noticed, and answers everybody.
    pub takes_over: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Solicits sent in each second.
    pub solicits: Vec<u32>,
    /// Messages sent of all kinds.
    pub sent: u64,
    /// Messages that found a full queue, or no server alive.
    pub lost: u64,
    /// Answers that reached their client.
    pub answered: u64,
    /// When each client was bound, the first first.
    pub bound: Vec<Duration>,
}

impl Outcome {
    /// The time until this share of the clients was bound.
    #[must_use]
    pub fn bound_share(&self, percent: usize) -> Duration {
        let place = (self.bound.len() * percent).div_ceil(100).max(1) - 1;
        self.bound[place]
    }

    /// Solicits in the worst second.
    #[must_use]
    pub fn peak(&self) -> u32 {
        self.solicits.iter().copied().max().unwrap_or(0)
    }

    /// Solicits in all.
    #[must_use]
    pub fn solicits_sent(&self) -> u64 {
        self.solicits.iter().map(|count| u64::from(*count)).sum()
    }
}

/// The engine of a client, as it is before its link is there.
#[must_use]
pub fn client(setup: &Setup, number: u32, rng: &mut Rng) -> Interface {
    let iaid = Iaid(1);
    let config = Config {
        address: Some(iaid),
        prefixes: vec![PrefixRequest::any(iaid)],
        initial_delay: setup.initial_delay,
        ..Config::new("wan", duid_of(number))
    };
    let record = Record { sol_max_rt: setup.sol_max_rt, ..Record::default() };
    let restored = Restored { record, in_use: false, times_are_known: true };
    Interface::restore(config, rng.octets(), restored, Instant::BOOT)
}

/// Plays it through until every client is bound.
///
/// # Panics
/// Where that takes longer than a day.
#[must_use]
pub fn play(setup: &Setup, seed: u64) -> Outcome {
    let mut storm = Storm::new(setup, seed);
    while storm.outcome.bound.len() < storm.clients.len() {
        let next = storm.queue.pop().expect("a client that is not bound has a deadline").0;
        assert!(next.at.since(Instant::BOOT) < LONGEST, "not all bound after {LONGEST:?}");
        storm.happen(next);
    }
    storm.outcome
}

struct Storm {
    clients: Vec<Interface>,
    /// The deadline of each client that counts; others in the queue are old.
    deadlines: Vec<Instant>,
    servers: Vec<Server>,
    failover: Option<Failover>,
    queue: BinaryHeap<Reverse<Happening>>,
    queued: u64,
    outcome: Outcome,
}

/// One thing that is going to happen. Orders by time, then by age.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Happening {
    at: Instant,
    number: u64,
    client: usize,
    what: What,
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum What {
    Wake,
    Answer(Vec<u8>),
    Usable(Ipv6Addr),
}

impl Storm {
    fn new(setup: &Setup, seed: u64) -> Self {
        let mut rng = Rng::from_number(seed);
        let count = if setup.failover.is_some() { 2 } else { 1 };
        let mut storm = Self {
            clients: (0..setup.clients).map(|number| client(setup, number, &mut rng)).collect(),
            deadlines: vec![Instant::BOOT; setup.clients as usize],
            servers: (1..=count).map(|number| Server::new(setup, number)).collect(),
            failover: setup.failover,
            queue: BinaryHeap::new(),
            queued: 0,
            outcome: Outcome::default(),
        };
        let link = Link { index: 2, up: true, link_local: Some(CLIENT) };
        for client in 0..storm.clients.len() {
            storm.input(Instant::BOOT, client, Input::Link(link));
        }
        storm
    }

    fn happen(&mut self, Happening { at, client, what, .. }: Happening) {
        let input = match what {
            What::Wake if self.deadlines[client] != at => return,
            What::Wake => Input::Tick,
            What::Usable(address) => Input::AddressUsable(address),
            What::Answer(octets) => {
                self.outcome.answered += 1;
                Input::Datagram(Datagram { source: SERVER, destination: CLIENT, octets })
            }
        };
        self.input(at, client, input);
    }

    fn input(&mut self, now: Instant, client: usize, input: Input) {
        self.clients[client].handle_input(now, input);
        while let Some(output) = self.clients[client].poll_output(now) {
            self.act(now, client, output);
        }
        let deadline = self.clients[client].poll_deadline().map(|deadline| deadline.at);
        if let Some(at) = deadline.filter(|at| *at != self.deadlines[client]) {
            self.deadlines[client] = at;
            self.enqueue(at, client, What::Wake);
        }
    }

    fn act(&mut self, now: Instant, client: usize, output: Output) {
        match output {
            Output::Transmit(octets) => self.transmit(now, client, &octets),
            Output::Desired(desired) => {
                for address in desired.addresses.keys() {
                    self.enqueue(now + DETECTION, client, What::Usable(*address));
                }
                self.clients[client].handle_input(now, Input::Applied);
            }
            Output::Event(Event::Bound) => self.outcome.bound.push(now.since(Instant::BOOT)),
            _ => {}
        }
    }

    fn transmit(&mut self, now: Instant, client: usize, octets: &[u8]) {
        self.outcome.sent += 1;
        if octets.first() == Some(&MessageType::Solicit.code()) {
            let second = now.since(Instant::BOOT).as_secs() as usize;
            self.outcome.solicits.resize(self.outcome.solicits.len().max(second + 1), 0);
            self.outcome.solicits[second] += 1;
        }
        let server = self.responsible(now, client);
        match self.servers[server].take(now, octets) {
            Taken::Answered(at, answer) => self.enqueue(at, client, What::Answer(answer)),
            Taken::Lost => self.outcome.lost += 1,
            Taken::Ignored => {}
        }
    }

    /// The server whose client this is: every second one, until one server
    /// has to do for both.
    fn responsible(&self, now: Instant, client: usize) -> usize {
        match self.failover {
            Some(failover) if now >= Instant::BOOT + failover.takes_over => 1,
            _ => client % self.servers.len(),
        }
    }

    fn enqueue(&mut self, at: Instant, client: usize, what: What) {
        self.queued += 1;
        self.queue.push(Reverse(Happening { at, number: self.queued, client, what }));
    }
}

/// A server with its queue, which is no more than the time it will be empty.
struct Server {
    responder: Responder,
    rate: u64,
    queue: u64,
    lives: std::ops::Range<u64>,
    /// When the last question in the queue is answered, in microseconds.
    busy_until: u64,
}

enum Taken {
    /// The answer arrives then.
    Answered(Instant, Vec<u8>),
    /// There is no answer to it.
    Ignored,
    /// Nobody reads it.
    Lost,
}

impl Server {
    fn new(setup: &Setup, number: u8) -> Self {
        let dies = setup.failover.filter(|_| number == 1).map(|failover| failover.dies);
        let end = dies.map_or(u64::MAX, micros);
        Self {
            responder: Responder::number(number, setup.sol_max_rt),
            rate: u64::from(setup.rate),
            queue: u64::from(setup.queue),
            lives: micros(setup.servers_late)..end,
            busy_until: 0,
        }
    }

    fn take(&mut self, now: Instant, octets: &[u8]) -> Taken {
        let now = micros(now.since(Instant::BOOT));
        let waiting = self.busy_until.saturating_sub(now) * self.rate / 1_000_000;
        if !self.lives.contains(&now) || waiting >= self.queue {
            return Taken::Lost;
        }
        self.busy_until = self.busy_until.max(now) + 1_000_000 / self.rate;
        if self.busy_until >= self.lives.end {
            return Taken::Lost;
        }
        let back = Duration::from_micros(self.busy_until) + ROUND_TRIP;
        let answer = self.responder.answer(octets);
        answer.map_or(Taken::Ignored, |answer| Taken::Answered(Instant::BOOT + back, answer))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).expect("a run is shorter than that")
}
