//! The door: what gets in, what is dropped and under which name; and what
//! is left of an answer that makes no sense in parts.

use super::*;
use crate::wire::{ServerText, code};

const TRANSACTION: TransactionId = TransactionId([1, 2, 3]);

fn ours() -> Duid {
    "00030001021122334455".parse().unwrap()
}

fn theirs() -> Duid {
    "00010001aabbccdd02aabbccddee".parse().unwrap()
}

fn link_local() -> Ipv6Addr {
    "fe80::2".parse().unwrap()
}

fn reply(options: Vec<DhcpOption>) -> Message {
    let mut all = vec![DhcpOption::ClientId(ours()), DhcpOption::ServerId(theirs())];
    all.extend(options);
    Message { kind: MessageType::Reply, transaction: TRANSACTION, options: all }
}

fn datagram(octets: Vec<u8>) -> Datagram {
    Datagram { source: "fe80::1".parse().unwrap(), destination: link_local(), octets }
}

fn open() -> Expected<'static> {
    Expected {
        transaction: TRANSACTION,
        question: MessageType::Solicit,
        advertise: true,
        reply: ReplyKind::Yes,
        server: None,
    }
}

fn admit_with(
    datagram: &Datagram,
    expected: Option<Expected<'_>>,
) -> (Result<Answer, DropReason>, DropCounts) {
    let mut dropped = DropCounts::default();
    let answer = admit(datagram, Some(link_local()), Some(&ours()), expected, &mut dropped);
    (answer, dropped)
}

fn admit_message(message: &Message) -> Result<Answer, DropReason> {
    admit_with(&datagram(message.encode().unwrap()), Some(open())).0
}

fn refused(message: &Message) -> DropReason {
    admit_message(message).unwrap_err()
}

#[test]
fn rx_03_rx_04_identifiers_have_to_be_there_once_and_ours() {
    assert!(admit_message(&reply(vec![])).is_ok());
    for kind in [MessageType::Advertise, MessageType::Reply] {
        let mut other = Message { kind, ..reply(vec![]) };
        other.options.remove(0);
        assert_eq!(refused(&other), DropReason::ClientId);
        other.options.insert(0, DhcpOption::ClientId(theirs()));
        assert_eq!(refused(&other), DropReason::ClientId);
        let mut other = Message { kind, ..reply(vec![]) };
        other.options.remove(1);
        assert_eq!(refused(&other), DropReason::ServerId);
        let other = Message { kind, transaction: TransactionId([1, 2, 4]), ..reply(vec![]) };
        assert_eq!(refused(&other), DropReason::TransactionId);
    }
    // Twice, same or different.
    for extra in [DhcpOption::ClientId(ours()), DhcpOption::ClientId(theirs())] {
        assert_eq!(refused(&reply(vec![extra])), DropReason::ClientId);
    }
    assert_eq!(refused(&reply(vec![DhcpOption::ServerId(theirs())])), DropReason::ServerId);
}

#[test]
fn rx_02_messages_of_other_roles_are_dropped() {
    for code in [1, 3, 4, 5, 6, 8, 9, 11] {
        let kind = MessageType::from_code(code).unwrap();
        assert_eq!(refused(&Message { kind, ..reply(vec![]) }), DropReason::Role, "{kind}");
    }
}

#[test]
fn rx_06_what_was_not_sent_to_us_alone_is_dropped() {
    for destination in ["ff02::1:2", "ff02::1", "2001:db8::1", "fe80::3"] {
        let destination = destination.parse().unwrap();
        let octets = reply(vec![]).encode().unwrap();
        let datagram = Datagram { destination, ..datagram(octets) };
        assert_eq!(admit_with(&datagram, Some(open())).0.unwrap_err(), DropReason::Destination);
    }
}

#[test]
fn only_what_the_open_exchange_asks_for_gets_in() {
    let expect = |advertise, reply| Expected { advertise, reply, ..open() };
    let check = |message: &Message, expected| {
        admit_with(&datagram(message.encode().unwrap()), expected).0.map(|_| ()).err()
    };
    let plain = reply(vec![]);
    let rapid = reply(vec![DhcpOption::RapidCommit]);
    let advertise = Message { kind: MessageType::Advertise, ..reply(vec![]) };
    let state = Some(DropReason::State);
    assert_eq!(check(&plain, None), state);
    assert_eq!(check(&plain, Some(expect(true, ReplyKind::No))), state);
    assert_eq!(check(&plain, Some(expect(true, ReplyKind::RapidCommit))), state);
    assert_eq!(check(&rapid, Some(expect(true, ReplyKind::RapidCommit))), None);
    assert_eq!(check(&advertise, Some(expect(false, ReplyKind::Yes))), state);
    assert_eq!(check(&advertise, Some(expect(true, ReplyKind::No))), None);
    let other: Duid = "000300010000".parse().unwrap();
    let asked = Expected { server: Some(&other), ..open() };
    assert_eq!(check(&plain, Some(asked)), Some(DropReason::ServerId));
}

fn lease(address: &str, preferred: u32, valid: u32) -> DhcpOption {
    DhcpOption::IaAddress(IaAddress {
        address: address.parse().unwrap(),
        preferred: Lifetime(preferred),
        valid: Lifetime(valid),
        options: vec![],
    })
}

fn ia_na(t1: u32, t2: u32, options: Vec<DhcpOption>) -> DhcpOption {
    DhcpOption::IaNa(Ia { iaid: Iaid(1), t1: Lifetime(t1), t2: Lifetime(t2), options })
}

fn admitted(options: Vec<DhcpOption>) -> (Answer, DropCounts) {
    let octets = reply(options).encode().unwrap();
    let (answer, dropped) = admit_with(&datagram(octets), Some(open()));
    (answer.unwrap(), dropped)
}

#[test]
fn rx_07_t1_beyond_t2_costs_the_association() {
    let good = lease("2001:db8::1", 20, 30);
    let (answer, dropped) = admitted(vec![ia_na(100, 50, vec![good.clone()])]);
    assert!(answer.ias.is_empty());
    assert_eq!(dropped.of(DropReason::Lifetime), 1);
    for (t1, t2) in [(100, 0), (0, 50), (50, 50), (0, 0)] {
        let (answer, _) = admitted(vec![ia_na(t1, t2, vec![good.clone()])]);
        assert!(answer.ias[0].gives(), "{t1} {t2}");
    }
}

#[test]
fn rx_08_preferred_beyond_valid_costs_the_lease() {
    let leases = vec![lease("2001:db8::1", 31, 30), lease("2001:db8::2", 30, 30)];
    let (answer, dropped) = admitted(vec![ia_na(10, 16, leases)]);
    assert_eq!(answer.ias[0].offers.len(), 1);
    assert_eq!(dropped.of(DropReason::Lifetime), 1);
}

#[test]
fn rx_10_addresses_that_nobody_can_lease_are_left_out() {
    let bad = ["::", "::1", "ff02::1", "::ffff:192.0.2.1", "fe80::9"];
    let leases = bad.iter().map(|address| lease(address, 20, 30)).collect();
    let (answer, dropped) = admitted(vec![ia_na(10, 16, leases)]);
    assert!(!answer.ias[0].gives());
    assert_eq!(dropped.of(DropReason::OptionMalformed), 5);
}

/// The error stands within the lease.
#[test]
fn a_status_within_a_lease_is_a_loss_of_it() {
    let status = Status { code: StatusCode::NO_PREFIX_AVAIL, message: ServerText::default() };
    let prefix = DhcpOption::IaPrefix(IaPrefix {
        prefix: "2001:db8:8000::/56".parse().unwrap(),
        preferred: Lifetime(20),
        valid: Lifetime(30),
        options: vec![DhcpOption::Status(status)],
    });
    let ia = Ia { iaid: Iaid(1), t1: Lifetime(10), t2: Lifetime(16), options: vec![prefix] };
    let (answer, _) = admitted(vec![DhcpOption::IaPd(ia)]);
    assert!(answer.ias[0].offers[0].valid.is_zero());
}

#[test]
fn t_10_prefixes_of_half_the_internet_are_left_out() {
    for (prefix, is_taken) in [("::/0", false), ("8000::/1", false), ("2001::/16", true)] {
        let prefix = DhcpOption::IaPrefix(IaPrefix {
            prefix: prefix.parse().unwrap(),
            preferred: Lifetime(20),
            valid: Lifetime(30),
            options: vec![],
        });
        let (t1, t2) = (Lifetime(10), Lifetime(16));
        let ia = Ia { iaid: Iaid(1), t1, t2, options: vec![prefix] };
        let (answer, _) = admitted(vec![DhcpOption::IaPd(ia)]);
        assert_eq!(answer.ias[0].gives(), is_taken);
    }
}

/// Of a flood of leases the one that is held may be the last (life 90131).
#[test]
fn rep_02_a_reply_counts_whole_and_an_advertise_is_kept_in_part() {
    let leases: Vec<_> = (0..100).map(|n| lease(&format!("2001:db8::{n:x}:1"), 0, 0)).collect();
    for (kind, kept) in [(MessageType::Reply, 100), (MessageType::Advertise, 64)] {
        let message = Message { kind, ..reply(vec![ia_na(0, 0, leases.clone())]) };
        assert_eq!(admit_message(&message).unwrap().ias[0].offers.len(), kept);
    }
}

#[test]
fn d_08_an_answer_may_come_from_any_address() {
    for source in ["fe80::ffff", "2001:db8::547", "::"] {
        let octets = reply(vec![]).encode().unwrap();
        let datagram = Datagram { source: source.parse().unwrap(), ..datagram(octets) };
        assert!(admit_with(&datagram, Some(open())).0.is_ok(), "{source}");
    }
}

#[test]
fn d_06_identifiers_have_3_to_130_octets() {
    for (length, is_taken) in [(0, false), (2, false), (3, true), (130, true), (131, false)] {
        let mut message = reply(vec![]);
        message.options.remove(1);
        message.options.push(DhcpOption::Raw { code: code::SERVERID, payload: vec![7; length] });
        assert_eq!(admit_message(&message).is_ok(), is_taken, "{length} octets");
    }
}

#[test]
fn of_doubles_the_first_counts() {
    let first = ia_na(10, 16, vec![lease("2001:db8::1", 20, 30)]);
    let second = ia_na(10, 16, vec![lease("2001:db8::2", 20, 30)]);
    let preferences = [DhcpOption::Preference(7), DhcpOption::Preference(255)];
    let (answer, _) = admitted([&[first, second][..], &preferences].concat());
    assert_eq!(answer.ias.len(), 1);
    assert_eq!(answer.server.preference, 7);
}

#[test]
fn success_is_no_failure_and_an_absent_status_is_success() {
    let status = |code| DhcpOption::Status(Status { code, message: ServerText::default() });
    assert!(admitted(vec![status(StatusCode::SUCCESS)]).0.failure.is_none());
    assert!(admitted(vec![]).0.failure.is_none());
    assert!(admitted(vec![status(StatusCode::UNSPEC_FAIL)]).0.failure.is_some());
}
