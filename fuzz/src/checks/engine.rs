//! The engine: any state, any datagram. The octets say which state the
//! client is brought to and what happens to it then; afterwards it is made to
//! send whatever it has learnt.

use dhc6c_core::engine::Input;
use dhc6c_core::engine::{Config, Interface, Quirk};
use dhc6c_core::snapshot::{Mode, StateName};
use dhc6c_core::time::{Duration, Instant};

use super::script::{Happening, Script};
use super::subject::{DUID, Subject, wants_all};

/// Longer than any exchange with an honest server takes.
const EXCHANGE: Duration = Duration::from_secs(5);
/// As many things happen at most; more would only be slower.
const MOST_HAPPENINGS: usize = 16;

/// Brings a client to a state, which the first octet chooses, lets things
/// happen, makes it send, ends it.
pub fn check(octets: &[u8]) {
    let Some((&[state, choices, seed], rest)) = octets.split_first_chunk::<3>() else { return };
    let states = StateName::at_work();
    let state = states[usize::from(state) % states.len()];
    let mut subject = at(state, choices, seed);
    for happening in Script::new(rest).take(MOST_HAPPENINGS) {
        happen(&mut subject, happening);
    }
    subject.finish();
}

/// A client in this state, whose server is silent from now on.
pub fn at(state: StateName, choices: u8, seed: u8) -> Subject {
    let config = config(state, choices);
    let interface = Interface::new(config.clone(), [seed; 32]);
    let mut subject = Subject::of(interface, config, Instant::from_millis(u64::from(seed) * 1000));
    bring(&mut subject, state);
    subject.is_answered = false;
    // Whoever is anonymous starts over on every link.
    let starts_over = subject.config.anonymous && state == StateName::Confirming;
    assert!(starts_over || subject.state() == state, "{:?}, not {state:?}", subject.state());
    subject
}

fn config(state: StateName, choices: u8) -> Config {
    let mut config = wants_all(DUID.parse().expect("a DUID"));
    if matches!(state, StateName::Informing | StateName::Informed) {
        config = Config { mode: Mode::Stateless, address: None, prefixes: vec![], ..config };
    }
    let chosen = |bit: u8| choices & 1 << bit != 0;
    config.prefixes.truncate(usize::from(choices & 3));
    config.rapid_commit = chosen(2);
    config.anonymous = chosen(3);
    config.reconfigure_accept = !chosen(4);
    let quirks = [(5, Quirk::RefusedSpoilsRenew), (6, Quirk::LengthSpoilsLease)];
    config.quirks = quirks.into_iter().filter(|(bit, _)| chosen(*bit)).map(|(_, q)| q).collect();
    if let Some(prefix) = config.prefixes.first_mut().filter(|_| chosen(7)) {
        prefix.length = Some(60);
    }
    config
}

fn bring(subject: &mut Subject, state: StateName) {
    use dhc6c_core::wire::MessageType;
    match state {
        StateName::Soliciting | StateName::Informing => {
            subject.link(true);
            subject.wake();
        }
        StateName::Requesting => {
            subject.is_answered = true;
            subject.server.dials.silent_to = [MessageType::Request].into();
            subject.server.config.rapid_commit = false;
            subject.link(true);
            while subject.state() == StateName::Soliciting && subject.wake() {}
        }
        _ => {
            subject.is_answered = true;
            subject.link(true);
            subject.advance(EXCHANGE);
            subject.is_answered = false;
            leave_bound(subject, state);
        }
    }
    subject.server.dials.silent_to.clear();
}

/// From a lease to what may come after it.
fn leave_bound(subject: &mut Subject, state: StateName) {
    let first = subject.desired.addresses.keys().next().copied();
    match (state, first) {
        (StateName::Renewing, _) => subject.input(Input::Renew),
        (StateName::Rebinding, _) => subject.input(Input::Rebind),
        (StateName::Releasing, _) => subject.input(Input::Release),
        (StateName::Confirming, _) => {
            subject.link(false);
            subject.link(true);
            subject.advance(Duration::from_secs(1));
        }
        (StateName::Declining, Some(address)) => subject.input(Input::AddressDuplicate(address)),
        _ => {}
    }
}

fn happen(subject: &mut Subject, happening: Happening<'_>) {
    match happening {
        Happening::Datagram(octets) => subject.datagram(octets.to_vec()),
        Happening::Answer(octets) => {
            let octets = super::script::past_the_door(octets, subject);
            subject.datagram(octets);
        }
        Happening::Honest(honest) => subject.is_answered = honest,
        Happening::Wait(span) => subject.advance(span),
        Happening::Deadline => _ = subject.wake(),
        Happening::Carrier(up) => subject.link(up),
        Happening::Command(number) => command(subject, number),
    }
}

/// What people, the kernel and the configuration may say.
fn command(subject: &mut Subject, number: u8) {
    let address = subject.desired.addresses.keys().next().copied();
    let input = match (number % 8, address) {
        (0, _) => Input::Renew,
        (1, _) => Input::Rebind,
        (2, _) => Input::Release,
        (3, _) => Input::Restart,
        (4, Some(address)) => Input::AddressUsable(address),
        (5, Some(address)) => Input::AddressMissing(address),
        (6, Some(address)) => Input::AddressDuplicate(address),
        (7, _) => {
            let mut config = config(StateName::Bound, number);
            config.mode = subject.config.mode;
            subject.config = config.clone();
            Input::Configure(Box::new(config))
        }
        _ => Input::Tick,
    };
    subject.input(input);
}
