//! How a client comes to send each kind of message.

use dhc6c_core::engine::{Config, Input};
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{DhcpOption, Ia, Message, MessageType, code};

use crate::client::{Sent, stateless, wants_address, wants_prefix};
use crate::oracle::messages::elapsed;
use crate::server::ServerConfig;
use crate::world::{World, seconds};

use MessageType::{Confirm, Decline, InformationRequest, Rebind, Release, Renew, Request, Solicit};

/// Each case is run with as many seeds.
pub const SEEDS: u64 = 10;
/// Longer than any answer takes here, and shorter than any timeout.
pub const ANSWERED: Duration = Duration::from_millis(50);
/// The server's T1 and T2.
pub const T1: u64 = 50;
/// See [`T1`].
pub const T2: u64 = 80;

/// When a Request is sent again, in seconds since the first.
pub const REQUEST: &[(f64, f64)] = &[
    (0.90, 1.10),
    (2.61, 3.41),
    (5.86, 8.26),
    (12.03, 18.45),
    (23.76, 39.84),
    (46.05, 72.84),
    (73.05, 105.84),
    (100.05, 138.84),
    (127.05, 171.84),
];

/// What the client wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// An address: group 1.1.
    Address,
    /// A delegated prefix: group 1.2.
    Prefix,
}

impl Ask {
    /// The client's configuration: a whole second for the first delay is
    /// left out.
    #[must_use]
    pub fn config(self) -> Config {
        let config = match self {
            Self::Address => wants_address(),
            Self::Prefix => wants_prefix(),
        };
        Config { initial_delay: false, ..config }
    }

    /// The code of its association.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Address => code::IA_NA,
            Self::Prefix => code::IA_PD,
        }
    }

    /// What of it is in use.
    #[must_use]
    pub fn held(self, world: &World) -> Vec<String> {
        match self {
            Self::Address => world.client().addresses().iter().map(ToString::to_string).collect(),
            Self::Prefix => world.client().prefixes().iter().map(ToString::to_string).collect(),
        }
    }

    /// The leases that a message names.
    #[must_use]
    pub fn named(self, message: &Message) -> Vec<String> {
        match self {
            Self::Address => {
                let all = message.ia_nas().flat_map(Ia::addresses);
                all.map(|lease| lease.address.to_string()).collect()
            }
            Self::Prefix => {
                let all = message.ia_pds().flat_map(Ia::prefixes);
                all.map(|lease| lease.prefix.to_string()).collect()
            }
        }
    }
}

/// The server of the suite's setup.
#[must_use]
pub fn server() -> ServerConfig {
    let (t1, t2) = (50, 80);
    ServerConfig::number(1).times(t1, t2, 150, 200)
}

/// A client that has not started, and the server.
#[must_use]
pub fn world(seed: u64, ask: Ask) -> World {
    World::new(seed, ask.config(), [server()])
}

/// A client that has what it wants.
#[must_use]
pub fn bound(seed: u64, ask: Ask) -> World {
    bound_for(seed, ask, server())
}

/// The same with another server.
#[must_use]
pub fn bound_for(seed: u64, ask: Ask, server: ServerConfig) -> World {
    World::bound(seed, ask.config(), [server])
}

/// A client that has just sent the first message of this kind, to a server
/// that answers or has fallen silent.
#[must_use]
pub fn reach(seed: u64, ask: Ask, kind: MessageType, answers: bool) -> World {
    let mut world = match kind {
        Solicit | Request => world(seed, ask),
        InformationRequest => World::new(seed, stateless(), [server()]),
        Decline => {
            let mut world = world(seed, ask);
            let first = "2001:db8:1::1000".parse().expect("an address");
            world.clients[0].kernel.taken.insert(first);
            world
        }
        _ => bound(seed, ask),
    };
    match kind {
        Rebind => world.server().dials.silent_to = [Renew].into(),
        _ if !answers => world.server().dials.silent_to = [kind].into(),
        _ => {}
    }
    if kind == Rebind && !answers {
        world.server().dials.silent = true;
    }
    match kind {
        Solicit | Request | InformationRequest | Decline => world.start(),
        Confirm => flap(&mut world),
        Release => world.command(Input::Release),
        _ => {}
    }
    world.run_until_sent(kind, 1, seconds(T2 + 1));
    world
}

/// The carrier goes away and comes back.
pub fn flap(world: &mut World) {
    world.carrier(false);
    world.run_for(seconds(5));
    world.carrier(true);
}

/// The latest message of this kind.
#[must_use]
pub fn last(world: &World, kind: MessageType) -> Message {
    world.client().sent(kind).last().expect("it was sent").message.clone()
}

/// How many of this kind were sent.
#[must_use]
pub fn count(world: &World, kind: MessageType) -> usize {
    world.client().sent(kind).len()
}

/// The transmissions of the first exchange of this kind.
#[must_use]
pub fn exchange(world: &World, kind: MessageType) -> Vec<Sent> {
    let sent = world.client().sent(kind).into_iter();
    let transaction = sent.as_slice().first().expect("it was sent").message.transaction;
    sent.filter(|sent| sent.message.transaction == transaction).cloned().collect()
}

/// Seconds since the first transmission, for each one after it.
#[must_use]
pub fn times(sent: &[Sent]) -> Vec<f64> {
    sent[1..].iter().map(|one| one.at.since(sent[0].at).as_secs_f64()).collect()
}

/// Asserts that the transmissions after the first fall into these windows, and
/// that each says how old it is.
pub fn assert_windows(sent: &[Sent], windows: &[(f64, f64)]) {
    let times = times(sent);
    assert!(times.len() >= windows.len(), "only {} transmissions", sent.len());
    assert_eq!(elapsed(&sent[0].message), 0);
    for (index, (time, (from, to))) in times.iter().zip(windows).enumerate() {
        // The windows are printed in hundredths.
        let allowed = from - 0.005..=to + 0.005;
        assert!(allowed.contains(time), "transmission {}: {time} not in {allowed:?}", index + 2);
        let said = f64::from(elapsed(&sent[index + 1].message)) / 100.0;
        // 0xffff at most (RFC 9915 §21.9).
        assert!((said - time.min(655.35)).abs() < 0.011, "says {said}, is {time}");
    }
}

/// Asserts that the pauses, once they do not grow any more, stay within these
/// seconds.
pub fn assert_cap(sent: &[Sent], from: f64, to: f64) {
    let pauses: Vec<_> =
        sent.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs_f64()).collect();
    let longest = pauses.iter().copied().fold(0.0, f64::max);
    assert!(longest <= to + 0.01, "{pauses:?}");
    let last = pauses.last().copied().unwrap_or_default();
    assert!((from - 0.01..=to + 0.01).contains(&last), "{pauses:?}");
}

/// True where an option with this code stands in the message.
#[must_use]
pub fn has(message: &Message, wanted: u16) -> bool {
    message.options.iter().any(|option| option.code() == wanted)
}

/// Everything a client of the suite says by default is there: its identifier
/// once, and how old the exchange is.
pub fn assert_common(message: &Message) {
    let count = |wanted: u16| message.options.iter().filter(|o| o.code() == wanted).count();
    assert_eq!(count(code::CLIENTID), 1);
    assert_eq!(count(code::ELAPSED_TIME), 1);
}

/// Options that the server gives from now on.
pub fn give(world: &mut World, option: DhcpOption) {
    let config = world.server().config.clone().option(option);
    world.server().config = config;
}
