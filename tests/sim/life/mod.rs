//! Whole lives: a client, its servers, its link and all that befalls them,
//! drawn from one seed (docs/simulation.md).
//!
//! A life lasts a simulated month or [`EVENTS`] events, whichever ends first.
//! The oracles judge every step (`oracle.rs`, `hooks.rs`); now and then, and
//! at the end, everything heals, and the client has to have its leases in
//! bounded time.
//!
//! | file | what |
//! |---|---|
//! | `draw.rs` | what a life begins with |
//! | `troubles.rs` | how servers misbehave |
//! | `accidents.rs` | what else happens |
//! | `coverage.rs` | which of both met which state |
//! | `many.rs` | any number of lives on all processors |
//! | `regressions.rs` | lives that found something |
#![allow(dead_code, reason = "the program and the tests need a part of it each")]

mod accidents;
mod coverage;
mod draw;
mod many;
#[cfg(test)]
mod regressions;
mod troubles;

use dhc6c_core::engine::Input;
use dhc6c_core::link::Link;
use dhc6c_core::snapshot::{Mode, StateName};
use dhc6c_core::time::{Duration, Instant, Lifetime};

use crate::history::Span;
use crate::link::Netem;
use crate::router::Router;
use crate::server::{Dials, Kind, Lease, Question, ServerConfig};
use crate::shown;
use crate::world::{Restart, World, seconds};

use accidents::ACCIDENTS;
use coverage::{Coverage, Fault};
use draw::{around, one_of};
use troubles::TROUBLES;

#[allow(unused_imports, reason = "for the program")]
pub use many::{Failure, Tally, many, one};

/// The most events of a life, healing not counted.
const EVENTS: u64 = 2000;
/// The longest life, healing not counted.
const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// How often everything is measured, in events.
const MEASURED: u64 = 200;
/// The most that everything may grow to, in octets: twice the most that 9,000
/// lives came to, so that what is kept and never dropped shows. The engine is
/// measured as its text; where it looks for a server, it keeps what up to
/// sixteen of them have advertised (335,338), and else nothing but its leases
/// and settings (72,480).
const LARGEST_ENGINE: usize = 145_000;
const LARGEST_IN_DISCOVERY: usize = 670_000;
/// As JSON, with a flood of leases in it (21,472).
const LARGEST_SNAPSHOT: usize = 43_000;
/// The same (21,626).
const LARGEST_RECORD: usize = 43_000;
/// What a server says is cut before it is shown (283).
const LONGEST_ERROR: usize = 600;
/// The longest that one server can keep a client from asking the next: ten
/// Requests (RFC 9915 §7.6, §15) with their jitter.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(172);
/// The names that servers of a life go by: three of their own, four that they
/// change to, nobody's.
const NAMES: u32 = 8;

/// One life.
struct Life {
    world: World,
    honest: Vec<ServerConfig>,
    /// Which troubles each server has, with the dials of each by itself.
    troubles: Vec<Vec<(usize, Dials)>>,
    /// The usual time from one accident to the next.
    pace: Duration,
    /// When the next one happens.
    next: Instant,
    coverage: Coverage,
}

/// Lives one life to its end; panics where it finds something.
pub fn live(seed: u64, span: Span) -> (Coverage, u64) {
    let mut life = Life::new(seed, span);
    life.run();
    if span == Span::All {
        println!("{}", life.world.history());
    }
    (life.coverage, life.world.steps)
}

impl Life {
    fn new(seed: u64, span: Span) -> Self {
        // A stream of its own, so that the first draws do not repeat those of
        // the world.
        let mut rng = dhc6c_core::rng::Rng::from_number(!seed);
        let config = draw::config(&mut rng);
        let honest = draw::servers(&mut rng);
        let mut world = World::new(seed, config, honest.clone());
        world.remember(span);
        world.note(format!("seed {seed}: {:?}", world.client().config));
        let pace = seconds(one_of(&mut rng, &[1, 5, 60, 900, 10_000, 100_000]));
        let next = world.now;
        let troubles = vec![Vec::new(); honest.len()];
        Self { world, honest, troubles, pace, next, coverage: Coverage::default() }
    }

    fn run(&mut self) {
        self.world.start();
        while self.world.steps < EVENTS && self.world.age() < MONTH {
            if self.world.now >= self.next {
                self.happen();
                self.next = self.world.now + around(self.world.rng(), self.pace);
            }
            self.step(self.next);
        }
        self.heal();
        self.complete();
        self.start_over();
        self.measure();
    }

    /// One step, but for the end of a process that died in it.
    fn step(&mut self, end: Instant) -> bool {
        let state = self.world.client().state;
        self.watch(state);
        let went_on = self.world.step(end);
        if let Some((server, question)) = self.world.troubled.take() {
            self.meet_troubles(server, &question, state);
        }
        self.meet_strikes();
        if self.world.has_fallen() {
            let off = seconds(one_of(self.world.rng(), &[1, 60, 4000]));
            let ways = [Restart::Killed, Restart::Rebooted { off, clock_is_trusted: true }];
            let how = one_of(self.world.rng(), &ways);
            self.world.restart(how);
        }
        if self.world.steps.is_multiple_of(MEASURED) {
            self.measure();
        }
        went_on
    }

    /// Servers are watched that have troubles which this state has not met yet.
    fn watch(&mut self, state: StateName) {
        let asks = !coverage::asks(state).is_empty();
        for (server, troubles) in self.world.servers.iter_mut().zip(&self.troubles) {
            let is_new = |(trouble, _): &(usize, Dials)| {
                !self.coverage.has_met(Fault::Trouble(*trouble), state)
            };
            server.is_watched = asks && troubles.iter().any(is_new);
        }
    }

    /// A trouble meets a state where it alone makes a difference to what is
    /// asked in that state.
    fn meet_troubles(&mut self, server: usize, question: &Question, state: StateName) {
        if !question.kind().is_some_and(|kind| coverage::asks(state).contains(&kind)) {
            return;
        }
        let mut honest = None;
        for (trouble, dials) in &self.troubles[server] {
            let fault = Fault::Trouble(*trouble);
            if self.coverage.has_met(fault, state) {
                continue;
            }
            let honest = honest.get_or_insert_with(|| question.outcome(&Dials::default()));
            let is_late = dials.late > Duration::ZERO && !honest.0.is_empty();
            if is_late || question.outcome(dials) != *honest {
                self.coverage.meet(fault, state);
            }
        }
    }

    /// What an accident has prepared meets the state that it strikes.
    fn meet_strikes(&mut self) {
        for (strike, state) in core::mem::take(&mut self.world.struck) {
            self.coverage.meet(Fault::Accident(accidents::index_of(strike)), state);
        }
    }

    /// Something happens: a server changes its ways, an accident, or
    /// everything heals.
    fn happen(&mut self) {
        match self.world.rng().between(0, 99) {
            0..=34 => self.turn_dials(),
            35..=37 => self.heal(),
            38..=39 => self.world.servers.iter_mut().for_each(|server| {
                server.unreachable = false;
            }),
            _ => self.have_accident(),
        }
    }

    fn have_accident(&mut self) {
        let all: Vec<usize> = (0..ACCIDENTS.len()).collect();
        let which = one_of(self.world.rng(), &all);
        let Some(accident) = ACCIDENTS.get(which) else { return };
        self.world.note(accident.name);
        let (state, fault) = (self.world.client().state, Fault::Accident(which));
        // What is due anyway would be taken for the accident's doing.
        let is_new = !self.coverage.has_met(fault, state) && !self.world.is_due();
        let before = is_new.then(|| self.world.surroundings());
        (accident.happen)(&mut self.world);
        // Where it has made a difference to something.
        if before.is_some_and(|before| self.world.surroundings() != before) {
            self.coverage.meet(fault, state);
        }
        self.meet_strikes();
        // Whoever stops is started again by and by.
        if self.world.client().state == StateName::Stopped && self.world.rng().chance(50) {
            self.world.restart(Restart::Killed);
        }
    }

    /// A server has other troubles from now on: none, one, or up to four.
    fn turn_dials(&mut self) {
        let rng = self.world.rng();
        let servers: Vec<usize> = (0..self.honest.len()).collect();
        let server = one_of(rng, &servers);
        let count = one_of(rng, &[0, 0, 1, 1, 1, 2, 4]);
        let all: Vec<usize> = (0..TROUBLES.len()).collect();
        let troubles: Vec<usize> = (0..count).map(|_| one_of(rng, &all)).collect();
        let mut dials = Dials::default();
        let mut turn = |index: usize| {
            let mut alone = Dials::default();
            (TROUBLES[index].turn)(&mut alone, &mut rng.clone());
            (TROUBLES[index].turn)(&mut dials, rng);
            (index, alone)
        };
        let troubles: Vec<_> = troubles.into_iter().map(&mut turn).collect();
        let names: Vec<_> = troubles.iter().map(|(index, _)| TROUBLES[*index].name).collect();
        self.world.note(format!("server {server}: [{}]", names.join(", ")));
        self.world.servers[server].model.dials = dials;
        self.troubles[server] = troubles;
    }

    /// Everything heals; the client has what it needs in bounded time.
    fn heal(&mut self) {
        self.world.note("everything heals");
        self.mend();
        let bound = self.bound();
        self.wait("healed", bound, |world| {
            let snapshot = world.snapshot();
            let holds = !snapshot.addresses.is_empty() || !snapshot.prefixes.is_empty();
            snapshot.ready || holds && world.client().config.mode != Mode::Stateless
        });
    }

    /// What is still missing beside what the client has is asked for, when it
    /// extends that at the latest (RFC 9915 §18.2.4), or the time after that:
    /// what was refused a moment before may be left out once.
    fn complete(&mut self) {
        let timers = self.world.snapshot().timers;
        let Lifetime(extends) = timers.map_or(Lifetime::ZERO, |timers| timers.t2);
        let ends = self.honest.iter().map(|server| server.times.valid);
        let Lifetime(extends_again) = ends.max().unwrap_or_default();
        if Lifetime(extends) != Lifetime::INFINITE {
            let bound = seconds(extends.into()) + seconds(extends_again.into()) + self.bound();
            self.wait("complete", bound, |world| is_whole(world) || is_contradicted(world));
        }
    }

    /// A client that starts over among honest servers has everything soon.
    fn start_over(&mut self) {
        self.mend();
        self.world.servers.iter_mut().for_each(|server| server.model.forget());
        self.world.command(Input::Restart);
        // Four Releases (RFC 9915 §7.6), a full send limit, the patience for
        // a better offer, the detection of duplicates.
        let bound = seconds(17 + 20 + 33 + 10);
        self.wait("ready", bound, |world| world.snapshot().ready);
        assert!(is_whole(&self.world), "it is ready without something that it wants");
    }

    fn mend(&mut self) {
        let world = &mut self.world;
        world.link = Netem::default();
        for (server, honest) in world.servers.iter_mut().zip(&self.honest) {
            server.unreachable = false;
            server.model.dials = Dials::default();
            if server.model.config.addresses != honest.addresses {
                server.model.forget();
            }
            server.model.config = honest.clone();
        }
        self.troubles.iter_mut().for_each(Vec::clear);
        let client = &mut world.clients[0];
        client.kernel.taken.clear();
        client.netlink_loss = 0;
        client.hooks.hangs_until = None;
        world.fall_no_more();
        if world.client().state == StateName::Stopped {
            world.restart(Restart::Killed);
        }
        let address = Some(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xc0, 1));
        let link = Link { up: true, link_local: address, ..world.client().link };
        if world.client().link != link {
            world.set_link(link);
        }
        let router = Router::default().managed();
        world.hear(&router);
        world.router = Some(router);
        match world.client().state {
            StateName::Idle => world.command(Input::Renew),
            StateName::Releasing => world.command(Input::Restart),
            _ => {}
        }
    }

    /// How long a client may need in a world without faults: the longest
    /// pause between two Solicits or Information-requests (RFC 9915 §15), and
    /// as much again for every server that it may believe in and that is not
    /// there.
    fn bound(&self) -> Duration {
        let kept = self.world.client().kept.as_ref();
        let set = kept.into_iter().flat_map(|kept| [kept.sol_max_rt, kept.inf_max_rt]);
        let longest = set.flatten().max().unwrap_or(3600).max(3600);
        seconds(u64::from(longest)) * 11 / 10 + GIVEN_UP_AFTER * NAMES + seconds(120)
    }

    fn wait(&mut self, what: &str, limit: Duration, done: impl Fn(&World) -> bool) {
        let end = self.world.now + limit;
        while !done(&self.world) {
            let state = self.world.client().state;
            // A farewell that had begun is over.
            if state == StateName::Stopped {
                self.world.restart(Restart::Killed);
            }
            assert!(self.step(end), "not {what} after {limit:?}; {}", state.as_str());
        }
        self.world.router = None;
    }

    /// The engine has a bounded size, and what it shows is fit to be shown.
    fn measure(&self) {
        let client = self.world.client();
        let size = format!("{:?}", client.interface).len();
        let most = match client.state {
            StateName::Soliciting | StateName::Requesting => LARGEST_IN_DISCOVERY,
            _ => LARGEST_ENGINE,
        };
        assert!(size <= most, "the engine has grown to {size} octets of text");
        let snapshot = self.world.snapshot();
        let json = serde_json::to_value(&snapshot).expect("a snapshot has a JSON form");
        shown::judge(&json);
        let size = json.to_string().len();
        assert!(size <= LARGEST_SNAPSHOT, "a snapshot of {size} octets");
        let error = snapshot.last_error.unwrap_or_default();
        assert!(error.len() <= LONGEST_ERROR, "{error:?}");
        let record = client
            .kept
            .as_ref()
            .map_or(0, |kept| serde_json::to_vec(kept).expect("a record has a JSON form").len());
        assert!(record <= LARGEST_RECORD, "a record of {record} octets");
    }
}

/// A server has given to one association what the client holds in another since
/// it had troubles. Neither knows better, and the server has no other for it.
fn is_contradicted(world: &World) -> bool {
    let held = world.snapshot().prefixes;
    let mut given = world.servers.iter().flat_map(|server| server.model.store.bindings());
    given.any(|((_, kind, iaid), binding)| {
        let is_other = |lease: &Lease| {
            held.iter().any(|known| *lease == Lease::Prefix(known.prefix) && known.iaid != *iaid)
        };
        *kind == Kind::Prefixes && binding.leases.iter().any(is_other)
    })
}

/// The client is ready and has everything that it wants.
fn is_whole(world: &World) -> bool {
    let client = world.client();
    let wants_address = client.config.mode == Mode::Stateful && client.config.address.is_some();
    let snapshot = world.snapshot();
    let holds = |iaid| snapshot.prefixes.iter().any(|prefix| prefix.iaid == iaid);
    snapshot.ready
        && client.config.prefixes.iter().all(|wanted| holds(wanted.iaid))
        && (!wants_address || !client.usable().is_empty())
}
