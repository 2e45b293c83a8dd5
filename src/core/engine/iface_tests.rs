//! The engine as the shell sees it: outputs in their order, readiness, the
//! send limit over everything.

use super::*;
use crate::engine::Event;
use crate::link::{Datagram, Link};
use crate::snapshot::StateName;
use crate::time::{Duration, Lifetime};
use crate::wire::{DhcpOption, Ia, IaAddress, Message, MessageType};

const ADDRESS: &str = "2001:db8::1000";

fn server() -> Duid {
    "00010001aabbccdd02aabbccddee".parse().unwrap()
}

fn config() -> Config {
    let duid = "00030001021122334455".parse().unwrap();
    Config { address: Some(Iaid(1)), ..Config::new("eth0", duid) }
}

fn link() -> Link {
    Link { index: 2, up: true, link_local: Some("fe80::2".parse().unwrap()) }
}

/// An engine with its link, and all it wants to do now.
fn started(config: Config) -> (Interface, Vec<Output>) {
    let mut engine = Interface::new(config, [7; 32]);
    engine.handle_input(Instant::BOOT, Input::Link(link()));
    let outputs = drain(&mut engine, Instant::BOOT);
    (engine, outputs)
}

fn drain(engine: &mut Interface, now: Instant) -> Vec<Output> {
    core::iter::from_fn(|| engine.poll_output(now)).collect()
}

fn sent(outputs: &[Output]) -> Vec<Message> {
    let messages = outputs.iter().filter_map(|output| match output {
        Output::Transmit(octets) => Some(Message::decode(octets).unwrap().message),
        _ => None,
    });
    messages.collect()
}

/// An honest answer to a message of ours.
fn answer(asked: &Message, kind: MessageType, preference: u8) -> Input {
    let lease = IaAddress {
        address: ADDRESS.parse().unwrap(),
        preferred: Lifetime(20),
        valid: Lifetime(30),
        options: vec![],
    };
    let ia = Ia {
        iaid: Iaid(1),
        t1: Lifetime(10),
        t2: Lifetime(16),
        options: vec![DhcpOption::IaAddress(lease)],
    };
    let options = vec![
        DhcpOption::ClientId(config().duid),
        DhcpOption::ServerId(server()),
        DhcpOption::Preference(preference),
        DhcpOption::IaNa(ia),
        DhcpOption::DnsServers(vec!["2001:db8::53".parse().unwrap()]),
    ];
    let message = Message { kind, transaction: asked.transaction, options };
    let octets = message.encode().unwrap();
    let (source, destination) = ("fe80::1".parse().unwrap(), "fe80::2".parse().unwrap());
    Input::Datagram(Datagram { source, destination, octets })
}

/// An engine that has just got its lease at boot, and what it wants then.
fn bound() -> (Interface, Vec<Output>) {
    let (mut engine, outputs) = started(config());
    engine.handle_input(Instant::BOOT, answer(&sent(&outputs)[0], MessageType::Advertise, 255));
    let outputs = drain(&mut engine, Instant::BOOT);
    let request = &sent(&outputs)[0];
    assert_eq!(request.kind, MessageType::Request);
    engine.handle_input(Instant::BOOT, answer(request, MessageType::Reply, 0));
    let outputs = drain(&mut engine, Instant::BOOT);
    (engine, outputs)
}

#[test]
fn tx_12_nothing_is_sent_before_the_link_local_address_is_usable() {
    let mut engine = Interface::new(config(), [7; 32]);
    for unusable in [Link { link_local: None, ..link() }, Link { up: false, ..link() }] {
        engine.handle_input(Instant::BOOT, Input::Link(unusable));
        assert_eq!(drain(&mut engine, Instant::BOOT), []);
        assert_eq!(engine.poll_deadline(), None, "no wake-up without a link");
    }
    engine.handle_input(Instant::BOOT, Input::Link(link()));
    assert_eq!(sent(&drain(&mut engine, Instant::BOOT))[0].kind, MessageType::Solicit);
}

/// MAX_WAIT_TIME is not made use of: the port is open all the time.
#[test]
fn tx_09_an_answer_counts_however_late_it_is() {
    let (mut engine, mut outputs) = started(config());
    let mut now = Instant::BOOT;
    for _ in 0..10 {
        now = engine.poll_deadline().unwrap().at;
        engine.handle_input(now, Input::Tick);
        outputs = drain(&mut engine, now);
    }
    let late = now + Duration::from_secs(300);
    assert!(engine.poll_deadline().unwrap().at > late, "still within the retransmission time");
    engine.handle_input(late, answer(&sent(&outputs)[0], MessageType::Advertise, 0));
    assert_eq!(sent(&drain(&mut engine, late))[0].kind, MessageType::Request);
}

#[test]
fn sol_02_only_the_first_solicit_is_delayed() {
    let mut delays = Vec::new();
    for seed in 0..64 {
        let mut engine = Interface::new(Config { initial_delay: true, ..config() }, [seed; 32]);
        engine.handle_input(Instant::BOOT, Input::Link(link()));
        delays.push(engine.poll_deadline().unwrap().at.as_millis());
    }
    assert!(delays.iter().all(|delay| *delay <= 1000));
    assert!(delays.iter().max().unwrap() - delays.iter().min().unwrap() > 500);
}

#[test]
fn rep_03_ready_means_applied_and_past_duplicate_detection() {
    let (mut engine, outputs) = bound();
    assert!(matches!(outputs[0], Output::Desired(_)), "first the state, then the news");
    assert!(outputs.contains(&Output::Event(Event::Bound)));
    assert!(!engine.is_ready());
    engine.handle_input(Instant::BOOT, Input::Applied);
    assert!(!engine.is_ready(), "the address is tentative");
    engine.handle_input(Instant::BOOT, Input::AddressUsable(ADDRESS.parse().unwrap()));
    assert!(engine.is_ready());
}

#[test]
fn rep_03_dec_01_a_duplicate_address_is_declined_and_withdrawn() {
    let (mut engine, _) = bound();
    engine.handle_input(Instant::BOOT, Input::Applied);
    engine.handle_input(Instant::BOOT, Input::AddressDuplicate(ADDRESS.parse().unwrap()));
    let outputs = drain(&mut engine, Instant::BOOT);
    assert!(matches!(&outputs[0], Output::Desired(desired) if desired.addresses.is_empty()));
    let decline = &sent(&outputs)[0];
    assert_eq!(decline.kind, MessageType::Decline);
    assert_eq!(decline.server_ids().next(), Some(&server()));
    let named = decline.ia_nas().next().unwrap().addresses().next().unwrap().address;
    assert_eq!(named.to_string(), ADDRESS);
    engine.handle_input(Instant::BOOT, answer(decline, MessageType::Reply, 0));
    assert_eq!(sent(&drain(&mut engine, Instant::BOOT))[0].kind, MessageType::Solicit);
}

#[test]
fn ren_05_a_new_link_local_address_is_told_at_once() {
    let (mut engine, _) = bound();
    let other = Link { link_local: Some("fe80::3".parse().unwrap()), ..link() };
    let now = Instant::from_millis(1000);
    engine.handle_input(now, Input::Link(other));
    assert_eq!(sent(&drain(&mut engine, now))[0].kind, MessageType::Renew);
}

#[test]
fn inf_06_a_stateless_client_asks_again_on_another_link() {
    let (mut engine, _) = started(Config { mode: Mode::Stateless, ..config() });
    let at = engine.poll_deadline().unwrap().at;
    engine.handle_input(at, Input::Tick);
    let asked = sent(&drain(&mut engine, at)).remove(0);
    assert_eq!(asked.kind, MessageType::InformationRequest);
    engine.handle_input(at, answer(&asked, MessageType::Reply, 0));
    drain(&mut engine, at);
    assert_eq!(engine.snapshot(at).state, StateName::Informed);
    engine.handle_input(at, Input::Link(Link { up: false, ..link() }));
    engine.handle_input(at, Input::Link(link()));
    assert_eq!(engine.snapshot(at).state, StateName::Informing);
}

#[test]
fn tx_03_the_limit_delays_and_loses_nothing() {
    let limit = SendLimit::new(1, Duration::from_secs(5));
    let (mut engine, outputs) = started(Config { limit, ..config() });
    let solicit = sent(&outputs).remove(0);
    engine.handle_input(Instant::BOOT, answer(&solicit, MessageType::Advertise, 255));
    assert_eq!(sent(&drain(&mut engine, Instant::BOOT)), []);
    let deadline = engine.poll_deadline().unwrap();
    assert_eq!((deadline.at.as_millis(), deadline.why), (5001, Why::Limit));
    engine.handle_input(deadline.at, Input::Tick);
    let request = sent(&drain(&mut engine, deadline.at)).remove(0);
    assert_eq!(request.kind, MessageType::Request);
    assert!(request.options.contains(&DhcpOption::ElapsedTime(0)), "it begins when it leaves");
}

#[test]
fn stopping_withdraws_everything_and_says_so_last() {
    let (mut engine, _) = bound();
    engine.handle_input(Instant::BOOT, Input::Stop { release: false });
    let outputs = drain(&mut engine, Instant::BOOT);
    assert!(matches!(&outputs[0], Output::Desired(desired) if **desired == Desired::default()));
    assert_eq!(outputs[1..], [Output::Event(Event::Unbound), Output::Event(Event::Stopped)]);
    assert!(engine.is_stopped());
    assert_eq!(engine.poll_deadline(), None);
    engine.handle_input(Instant::BOOT, Input::Stop { release: false });
    assert_eq!(drain(&mut engine, Instant::BOOT), []);
}
