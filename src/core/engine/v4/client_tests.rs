//! The client against a server played by hand: state by state, and what is
//! refused in each.

#[path = "away_tests.rs"]
mod away;
#[path = "softwire_tests.rs"]
mod softwire;

use super::*;
use crate::engine::{Config, Dhcp4o6};
use crate::ident::{Iaid, LinkAddress};
use crate::port_set::PortSet;
use crate::snapshot::V4State;
use crate::time::{Duration, Lifetime, Until};
use crate::wire::v4::{Message, Op, V4Option, code};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 18);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn wanted() -> Dhcp4o6 {
    let hardware = LinkAddress { hardware_type: 1, octets: vec![2, 0, 0, 0, 0, 1] };
    Dhcp4o6 {
        longest_delay: Duration::ZERO,
        device: Some("sw0".to_owned()),
        ..Dhcp4o6::new(hardware, Iaid(1))
    }
}

fn settings(dhcp4o6: Dhcp4o6) -> Settings {
    let duid = "00030001020000000001".parse().unwrap();
    let config = Config { dhcp4o6: Some(Box::new(dhcp4o6)), ..Config::new("eth0", duid) };
    Settings::of(&config).unwrap()
}

fn via(source: &str) -> Option<Via> {
    Some(Via(vec![path(source, "2001:db8::1")]))
}

fn path(source: &str, server: &str) -> Path {
    Path { source: source.parse().unwrap(), server: server.parse().unwrap() }
}

fn ports() -> PortSet {
    PortSet::new(6, 8, 0x34).unwrap()
}

/// A client and its time.
struct Play {
    client: Client,
    now: Instant,
    asked: Option<(Query, Message)>,
}

impl Play {
    fn new(dhcp4o6: Dhcp4o6) -> Self {
        let client = Client::new(settings(dhcp4o6), Rng::from_number(1));
        let mut play = Self { client, now: Instant::from_millis(5000), asked: None };
        play.connect(via("fe80::2"));
        play
    }

    fn connect(&mut self, via: Option<Via>) {
        self.client.connect(self.now, via);
        self.client.advance(self.now);
        self.pull();
    }

    /// Takes the message that is due, if one is.
    fn pull(&mut self) {
        if let Some(query) = self.client.transmit(self.now) {
            let message = Message::decode(&query.v4).unwrap().message;
            self.asked = Some((query, message));
        }
    }

    fn wait(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        for _ in 0..1000 {
            let next = self.client.deadline().map(|deadline| deadline.at);
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            self.client.advance(self.now);
            self.pull();
        }
        self.now = end;
        self.client.advance(self.now);
    }

    fn state(&self) -> V4State {
        self.client.state.name()
    }

    fn asked(&self) -> &Message {
        &self.asked.as_ref().unwrap().1
    }

    /// An honest answer to the last question.
    fn reply(&self, kind: Kind) -> Message {
        let asked = self.asked();
        let client_id = settings(wanted()).client_id;
        let mut options = vec![V4Option::ServerId(SERVER), V4Option::ClientId(client_id)];
        if kind != Kind::Nak {
            options.push(V4Option::LeaseTime(Lifetime(600)));
        }
        Message {
            op: Op::Reply,
            hardware: asked.hardware.clone(),
            xid: asked.xid,
            secs: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: if kind == Kind::Nak { Ipv4Addr::UNSPECIFIED } else { ADDRESS },
            kind,
            options,
        }
    }

    fn take(&mut self, message: &Message) -> Vec<DropReason> {
        self.take_response(Response { v4: message.encode(), ..Response::default() })
    }

    fn take_response(&mut self, response: Response) -> Vec<DropReason> {
        let came_to = self.client.common.via.as_ref().map(|via| via.0[0].source);
        let came_to = came_to.unwrap_or(Ipv6Addr::UNSPECIFIED);
        let dropped = self.client.take(self.now, &response, came_to);
        self.pull();
        dropped
    }

    /// The answer with some of its options in place of those it has.
    fn answer(&mut self, kind: Kind, options: Vec<V4Option>) -> Vec<DropReason> {
        let message = with(self.reply(kind), options);
        self.take(&message)
    }

    fn view(&self) -> crate::snapshot::Dhcp4o6 {
        let servers = vec!["2001:db8::1".parse().unwrap()];
        self.client.snapshot(self.now, servers).unwrap()
    }

    fn address(&self) -> Option<Ipv4Addr> {
        self.client.desired().map(|ipv4| ipv4.address)
    }

    fn events(&mut self) -> Vec<Event> {
        let events = core::iter::from_fn(|| self.client.poll_event());
        events.filter(|e| matches!(e, Event::Dhcp4o6Bound | Event::Dhcp4o6Unbound)).collect()
    }

    fn bound(dhcp4o6: Dhcp4o6) -> Self {
        let mut play = Self::new(dhcp4o6);
        assert_eq!(play.answer(Kind::Offer, vec![]), []);
        assert_eq!(play.answer(Kind::Ack, vec![]), []);
        assert_eq!(play.state(), V4State::Bound);
        play
    }

    fn shared() -> Self {
        let mut play = Self::new(wanted());
        play.answer(Kind::Offer, vec![V4Option::PortParameters(ports())]);
        play.wait(1);
        assert_eq!(play.answer(Kind::Ack, vec![V4Option::PortParameters(ports())]), []);
        assert_eq!(play.state(), V4State::Bound);
        play
    }

    /// A client in each state that a server may answer in.
    fn each() -> [(&'static str, Self); 5] {
        let mut requesting = Self::new(wanted());
        requesting.answer(Kind::Offer, vec![]);
        let mut renewing = Self::bound(wanted());
        renewing.wait(310);
        let mut rebinding = Self::bound(wanted());
        rebinding.wait(530);
        [
            ("selecting", Self::new(wanted())),
            ("requesting", requesting),
            ("renewing", renewing),
            ("rebinding", rebinding),
            ("rebooting", Self::rebooting(true)),
        ]
    }

    /// A client of a later process that a crash has left the lease in use to.
    fn restored(known: &crate::record::KnownV4, times_are_known: bool) -> Self {
        let client = Client::new(settings(wanted()), Rng::from_number(2));
        let mut play = Self { client, now: Instant::from_millis(5000), asked: None };
        play.client.restore(known, true, times_are_known, play.now);
        play.connect(via("fe80::2"));
        assert_eq!((play.state(), play.address()), (V4State::Rebooting, None));
        play
    }

    fn rebooting(in_use: bool) -> Self {
        let before = Self::bound(wanted());
        let known = before.client.record().unwrap();
        let client = Client::new(settings(wanted()), Rng::from_number(2));
        let mut play = Self { client, now: before.now, asked: None };
        play.client.restore(&known, in_use, true, play.now);
        play.connect(via("fe80::2"));
        assert_eq!(play.state(), V4State::Rebooting);
        play
    }
}

/// A message with these options in place of its own of the same code.
fn with(mut message: Message, options: Vec<V4Option>) -> Message {
    for option in options {
        message.options.retain(|old| old.code() != option.code());
        message.options.push(option);
    }
    message
}

fn without(mut message: Message, code: u8) -> Message {
    message.options.retain(|option| option.code() != code);
    message
}

/// RFC 2131 §3.1, step 3.
#[test]
fn dhcp_4o6_24_a_request_says_when_discovery_began() {
    let mut play = Play::new(wanted());
    play.wait(20);
    let waited = play.asked().secs;
    assert!(waited > 3, "{waited}");
    play.answer(Kind::Offer, vec![]);
    assert_eq!((play.asked().kind, play.asked().secs), (Kind::Request, waited));
    // Repeated, it says the same.
    play.wait(6);
    assert_eq!((play.asked().kind, play.asked().secs), (Kind::Request, waited));
}

/// A second restart finds what the first has not heard about.
#[test]
fn dhcp_4o6_24_a_lease_that_nobody_has_confirmed_is_kept() {
    for in_use in [false, true] {
        let play = Play::rebooting(in_use);
        assert_eq!(play.client.record().map(|known| known.address), Some(ADDRESS));
    }
    let mut denied = Play::rebooting(false);
    denied.answer(Kind::Nak, vec![]);
    assert_eq!(denied.client.record(), None);
}

#[test]
fn dhcp_4o6_24_the_four_messages_lead_to_a_lease() {
    let mut play = Play::new(wanted());
    assert_eq!((play.asked().kind, play.state()), (Kind::Discover, V4State::Selecting));
    let discover = play.asked().xid;
    play.answer(Kind::Offer, vec![]);
    assert_eq!((play.asked().kind, play.state()), (Kind::Request, V4State::Requesting));
    assert_eq!(play.asked().xid, discover, "RFC 2131 table 5");
    assert_eq!(play.address(), None);
    play.answer(Kind::Ack, vec![V4Option::SubnetMask(24), V4Option::Routers(vec![SERVER])]);
    assert_eq!(play.state(), V4State::Bound);
    let ipv4 = play.client.desired().unwrap();
    assert_eq!((ipv4.address, ipv4.length, ipv4.routes.len()), (ADDRESS, 24, 1));
    assert_eq!(ipv4.valid, Until::At(Instant::from_millis(605_000)), "since the request");
    assert_eq!(play.events(), [Event::Dhcp4o6Bound]);
}

#[test]
fn dhcp_4o6_22_t1_renews_t2_rebinds_and_the_end_is_the_end() {
    let mut play = Play::bound(wanted());
    let begun = play.now;
    let mut sent = Vec::new();
    while play.now < begun + Duration::from_secs(620) {
        play.asked = None;
        play.wait(1);
        if let Some((query, message)) = &play.asked {
            let second = play.now.since(begun).as_secs();
            sent.push((second, message.kind, query.unicast));
        }
        let lasts = play.now < begun + Duration::from_secs(600);
        assert_eq!(play.address().is_some(), lasts, "at {:?}", play.now.since(begun));
    }
    let kinds: Vec<_> = sent.iter().map(|(_, kind, unicast)| (*kind, *unicast)).collect();
    let (renew, rebind) = ((Kind::Request, true), (Kind::Request, false));
    assert_eq!(kinds[..5], [renew, renew, renew, rebind, rebind]);
    for (at, expected) in sent.iter().zip([300, 412, 472, 525, 585]) {
        assert!(at.0.abs_diff(expected) <= 2, "{} instead of {expected}", at.0);
    }
    assert!(matches!(sent[5], (600..=602, Kind::Discover, false)), "{sent:?}");
    assert_eq!(play.events(), [Event::Dhcp4o6Bound, Event::Dhcp4o6Unbound]);
}

#[test]
fn a_renewed_lease_lasts_longer_and_only_news_is_told() {
    let mut play = Play::bound(wanted());
    play.wait(310);
    assert_eq!(play.state(), V4State::Renewing);
    play.events();
    play.answer(Kind::Ack, vec![]);
    assert_eq!((play.state(), play.events()), (V4State::Bound, vec![]));
    play.wait(310);
    play.answer(Kind::Ack, vec![V4Option::Mtu(1400)]);
    assert_eq!(play.events(), [Event::Dhcp4o6Bound]);
}

#[test]
fn dhcp_4o6_24_a_denial_in_every_state_ends_the_lease_at_once() {
    for (state, mut play) in Play::each() {
        if state == "selecting" {
            let nak = play.reply(Kind::Nak);
            assert_eq!(play.take(&nak), [DropReason::State], "nothing was asked for");
            continue;
        }
        let words = V4Option::Text(crate::wire::ServerText::new(b"no\x1b[2J"));
        assert_eq!(play.answer(Kind::Nak, vec![words]), [], "{state}");
        let shown = play.client.last_error();
        assert_eq!(shown.as_deref(), Some(r"dhcpnak from 192.0.2.1: no\x1b[2J"), "{state}");
        assert_eq!(play.address(), None, "{state}");
        assert_eq!(play.state(), V4State::Selecting, "{state}: from the beginning");
        assert_eq!(play.asked().kind, Kind::Discover, "{state}");
        let wish = play.asked().options.iter().any(|o| matches!(o, V4Option::RequestedAddress(_)));
        assert!(!wish, "{state}: what was denied is not wished for");
    }
}

#[test]
fn a_server_that_offers_and_denies_is_not_asked_without_end() {
    let mut play = Play::new(wanted());
    let begun = play.now;
    for _ in 0..20 {
        while play.state() != V4State::Selecting {
            play.wait(1);
        }
        play.answer(Kind::Offer, vec![]);
        play.answer(Kind::Nak, vec![]);
    }
    assert!(play.now.since(begun) > Duration::from_secs(500), "{:?}", play.now.since(begun));
}

#[test]
fn dhcp_4o6_24_answers_to_other_questions_are_dropped_in_every_state() {
    use DropReason as D;
    for (state, mut play) in Play::each() {
        let kind = if state == "selecting" { Kind::Offer } else { Kind::Ack };
        let honest = play.reply(kind);
        let stray = if state == "selecting" { Kind::Ack } else { Kind::Offer };
        let before = (play.state(), play.address());
        let cases: Vec<(&str, Message, D)> = vec![
            (
                "another transaction",
                Message { xid: honest.xid ^ 1, ..honest.clone() },
                D::V4Mismatch,
            ),
            ("a client's", Message { op: Op::Request, ..honest.clone() }, D::V4Mismatch),
            ("a stray kind", Message { kind: stray, ..honest.clone() }, D::State),
            ("a client's kind", Message { kind: Kind::Request, ..honest.clone() }, D::V4Mismatch),
            ("no server", without(honest.clone(), code::SERVER_ID), D::V4Malformed),
            ("no lease time", without(honest.clone(), code::LEASE_TIME), D::V4Malformed),
            (
                "a lease of no time",
                with(honest.clone(), vec![V4Option::LeaseTime(Lifetime(0))]),
                D::Lifetime,
            ),
            (
                "another client",
                with(honest.clone(), vec![V4Option::ClientId(vec![1, 2, 0, 0, 0, 0, 1])]),
                D::V4Mismatch,
            ),
            (
                "0.0.0.0",
                Message { yiaddr: Ipv4Addr::UNSPECIFIED, ..honest.clone() },
                D::V4Malformed,
            ),
            (
                "127.0.0.1",
                Message { yiaddr: Ipv4Addr::LOCALHOST, ..honest.clone() },
                D::V4Malformed,
            ),
        ];
        for (what, message, reason) in cases {
            assert_eq!(play.take(&message), [reason], "{what} while {state}");
            assert_eq!((play.state(), play.address()), before, "{what} while {state}");
        }
        for octets in
            [vec![], vec![2], honest.encode()[..239].to_vec(), honest.encode()[..240].to_vec()]
        {
            let response = Response { v4: octets, ..Response::default() };
            assert_eq!(play.take_response(response), [D::V4Malformed], "while {state}");
        }
        assert_eq!(play.take(&honest), [], "the honest one while {state}");
    }
}

#[test]
fn dhcp_4o6_24_only_what_was_asked_for_is_granted_and_only_by_whom_was_asked() {
    for (state, mut play) in Play::each() {
        if state == "selecting" {
            continue;
        }
        let honest = play.reply(Kind::Ack);
        let other = Message { yiaddr: Ipv4Addr::new(192, 0, 2, 99), ..honest.clone() };
        assert_eq!(play.take(&other), [DropReason::V4Mismatch], "another address while {state}");
        let other = with(honest.clone(), vec![V4Option::ServerId(OTHER)]);
        let may = matches!(state, "rebinding" | "rebooting");
        let expected = if may { vec![] } else { vec![DropReason::V4Mismatch] };
        assert_eq!(play.take(&other), expected, "another server while {state}");
        if !may {
            let nak = with(play.reply(Kind::Nak), vec![V4Option::ServerId(OTHER)]);
            assert_eq!(play.take(&nak), [DropReason::V4Mismatch], "its denial while {state}");
        }
    }
}

#[test]
fn dhcp_4o6_14_a_server_that_echoes_no_client_identifier_echoes_the_hardware_address() {
    let mut play = Play::new(wanted());
    let bare = without(play.reply(Kind::Offer), code::CLIENT_ID);
    let mut foreign = bare.clone();
    foreign.hardware.octets = vec![2, 0, 0, 0, 0, 9];
    assert_eq!(play.take(&foreign), [DropReason::V4Mismatch]);
    assert_eq!(play.take(&bare), []);
}

#[test]
fn dhcp_4o6_22_times_out_of_order_cost_themselves() {
    let mut play = Play::new(wanted());
    play.answer(Kind::Offer, vec![]);
    let stated =
        |t1, t2| vec![V4Option::RenewalTime(Lifetime(t1)), V4Option::RebindingTime(Lifetime(t2))];
    assert_eq!(play.answer(Kind::Ack, stated(500, 400)), [DropReason::Lifetime]);
    assert_eq!(play.state(), V4State::Bound);
    let t1 = play.client.deadline().unwrap().at.since(play.now).as_secs();
    assert!((300..=301).contains(&t1), "{t1}");
}

#[test]
fn a_lease_without_an_end_is_held_without_asking() {
    let mut play = Play::new(wanted());
    let forever = || vec![V4Option::LeaseTime(Lifetime::INFINITE)];
    play.answer(Kind::Offer, forever());
    play.answer(Kind::Ack, forever());
    assert_eq!((play.state(), play.client.deadline()), (V4State::Bound, None));
    let view = play.view();
    assert_eq!(view.lease, Some(Lifetime::INFINITE));
}

#[test]
fn dhcp_4o6_12_an_unanswered_request_starts_over() {
    let mut play = Play::new(wanted());
    play.answer(Kind::Offer, vec![]);
    play.wait(50);
    assert_eq!(play.asked().kind, Kind::Request);
    play.wait(20);
    assert_eq!((play.state(), play.asked().kind), (V4State::Selecting, Kind::Discover));
}

#[test]
fn dhcp_4o6_21_init_reboot_asks_and_without_an_answer_uses_what_it_has() {
    for in_use in [true, false] {
        let mut play = Play::rebooting(in_use);
        let (query, message) = play.asked.clone().unwrap();
        assert_eq!((message.kind, query.unicast), (Kind::Request, false));
        assert!(message.options.contains(&V4Option::RequestedAddress(ADDRESS)));
        assert_eq!(play.address().is_some(), in_use, "before anybody has said so");
        play.wait(70);
        assert_eq!((play.state(), play.address()), (V4State::Bound, Some(ADDRESS)));
    }
    let mut granted = Play::rebooting(false);
    assert_eq!(granted.answer(Kind::Ack, vec![]), []);
    assert_eq!((granted.state(), granted.events()), (V4State::Bound, vec![Event::Dhcp4o6Bound]));
}

#[test]
fn a_lease_whose_end_nobody_knows_is_not_used_without_an_answer() {
    let known = Play::bound(wanted()).client.record().unwrap();
    let mut play = Play::restored(&known, false);
    play.wait(70);
    assert_eq!((play.state(), play.address()), (V4State::Selecting, None));
    assert_eq!(play.client.record(), None);
}

#[test]
fn dhcp_4o6_03_without_a_way_to_servers_nothing_is_asked_and_the_lease_used_to_its_end() {
    let mut play = Play::bound(wanted());
    play.asked = None;
    play.connect(None);
    play.wait(599);
    assert!(play.asked.is_none());
    assert_eq!(play.address(), Some(ADDRESS));
    play.wait(1);
    assert_eq!(play.address(), None);
    assert_eq!(play.client.snapshot(play.now, vec![]), None);
    play.wait(10_000);
    assert!(play.asked.is_none());
    play.connect(via("fe80::2"));
    assert_eq!(play.asked().kind, Kind::Discover);
}

#[test]
fn other_servers_are_shown_the_lease_and_an_open_question_begins_anew() {
    let elsewhere = || Some(Via(vec![path("fe80::2", "2001:db8::2")]));
    let mut play = Play::bound(wanted());
    play.connect(elsewhere());
    assert_eq!((play.state(), play.asked().kind), (V4State::Renewing, Kind::Request));
    let mut play = Play::new(wanted());
    let before = play.asked().xid;
    play.connect(elsewhere());
    assert_eq!(play.asked().kind, Kind::Discover);
    assert_ne!(play.asked().xid, before);
}

#[test]
fn dhcp_4o6_27_where_ipv4_is_not_needed_nothing_is_requested_for_a_while() {
    let able = Dhcp4o6 { ipv6_only: true, ..wanted() };
    for (seconds, pause) in [(0, 300), (1800, 1800)] {
        let mut play = Play::new(able.clone());
        play.asked = play.asked.take();
        assert_eq!(play.answer(Kind::Offer, vec![V4Option::Ipv6OnlyPreferred(seconds)]), []);
        assert_eq!(play.asked().kind, Kind::Discover, "no request");
        assert_eq!(play.client.deadline().unwrap().at, play.now + Duration::from_secs(pause));
        play.wait(pause + 1);
        assert_eq!(play.state(), V4State::Selecting);
    }
    let mut unable = Play::new(wanted());
    unable.answer(Kind::Offer, vec![V4Option::Ipv6OnlyPreferred(1800)]);
    assert_eq!(unable.state(), V4State::Requesting, "who has not asked is not told");
}

#[test]
fn dhcp_4o6_30_4o6s_05_an_address_in_use_is_declined_and_a_shared_one_never() {
    let mut play = Play::bound(wanted());
    play.client.decline(play.now, OTHER);
    assert_eq!(play.state(), V4State::Bound, "not our address");
    play.client.decline(play.now, ADDRESS);
    let query = play.client.farewell().unwrap();
    let message = Message::decode(&query.v4).unwrap().message;
    assert_eq!((message.kind, query.unicast), (Kind::Decline, false));
    assert_eq!((play.address(), play.state()), (None, V4State::Waiting));
    play.asked = None;
    play.wait(9);
    assert!(play.asked.is_none(), "RFC 2131 §3.1: ten seconds");
    play.wait(2);
    assert_eq!(play.asked().kind, Kind::Discover);
    let mut shared = Play::shared();
    shared.client.decline(shared.now, ADDRESS);
    assert!(shared.client.farewell().is_none());
    assert_eq!(shared.address(), Some(ADDRESS));
}

#[test]
fn dhcp_4o6_10_a_release_goes_to_the_server_and_nothing_follows_it() {
    let mut play = Play::shared();
    play.client.release(play.now, false);
    let query = play.client.farewell().unwrap();
    let message = Message::decode(&query.v4).unwrap().message;
    assert_eq!((message.kind, query.unicast, message.ciaddr), (Kind::Release, true, ADDRESS));
    assert!(message.options.contains(&V4Option::PortParameters(ports())));
    assert_eq!(
        (play.address(), play.events()),
        (None, vec![Event::Dhcp4o6Bound, Event::Dhcp4o6Unbound])
    );
    play.asked = None;
    play.wait(10_000);
    assert!(play.asked.is_none());
    play.client.hurry(play.now, false);
    play.wait(1);
    assert_eq!(play.asked().kind, Kind::Discover, "until somebody wants something");
}

#[test]
fn dhcp_4o6_19_inform_asks_for_options_alone() {
    let mut play = Play::new(Dhcp4o6 { address: Some(ADDRESS), ..wanted() });
    assert_eq!((play.asked().kind, play.asked().ciaddr), (Kind::Inform, ADDRESS));
    let answer = without(play.reply(Kind::Ack), code::LEASE_TIME);
    let answer = Message { yiaddr: Ipv4Addr::UNSPECIFIED, ..answer };
    let dns = V4Option::DnsServers(vec![SERVER]);
    assert_eq!(play.take(&with(answer, vec![dns])), []);
    let view = play.view();
    assert_eq!((view.state, view.dns, view.address), (V4State::Informed, vec![SERVER], None));
    // A message of BOOTP, which has no kind, is none of ours.
    let mut bootp = play.reply(Kind::Ack).encode();
    bootp.truncate(240);
    bootp.push(255);
    let response = Response { v4: bootp, ..Response::default() };
    assert_eq!(play.take_response(response), [DropReason::V4Malformed]);
}

#[test]
fn routes_of_option_121_stand_in_for_routers_and_none_but_the_widest_is_installed() {
    let route = |destination: [u8; 4], length| wire_route(destination, length);
    let cases: [(&str, Vec<V4Option>, usize, usize); 4] = [
        ("a router", vec![V4Option::Routers(vec![SERVER])], 1, 1),
        (
            "both",
            vec![V4Option::Routers(vec![SERVER]), V4Option::Routes(vec![route([10, 0, 0, 0], 8)])],
            1,
            0,
        ),
        (
            "halves of everything (CVE-2024-3661)",
            vec![V4Option::Routes(vec![route([0; 4], 1), route([128, 0, 0, 0], 1)])],
            2,
            0,
        ),
        (
            "everything",
            vec![V4Option::Routes(vec![route([192, 168, 0, 0], 16), route([0; 4], 0)])],
            2,
            1,
        ),
    ];
    for (what, options, shown, installed) in cases {
        let mut play = Play::new(wanted());
        play.answer(Kind::Offer, vec![]);
        assert_eq!(play.answer(Kind::Ack, options), [], "{what}");
        let view = play.view();
        assert_eq!(view.routes.len(), shown, "{what}");
        assert_eq!(play.client.desired().unwrap().routes.len(), installed, "{what}");
    }
}

fn wire_route(destination: [u8; 4], length: u8) -> crate::wire::v4::Route {
    crate::wire::v4::Route { destination: destination.into(), length, router: SERVER }
}

#[test]
fn dhcp_4o6_26_no_address_is_made_up_when_nobody_answers() {
    let mut play = Play::new(wanted());
    play.wait(100_000);
    assert_eq!((play.address(), play.state()), (None, V4State::Selecting));
    let mut message = play.reply(Kind::Offer);
    message.yiaddr = Ipv4Addr::new(169, 254, 7, 7);
    assert_eq!(play.take(&message), [DropReason::V4Malformed]);
}

#[test]
fn what_is_remembered_is_what_was_held() {
    let mut play = Play::new(wanted());
    play.answer(Kind::Offer, vec![]);
    let options = vec![
        V4Option::DnsServers(vec![SERVER]),
        V4Option::DomainSearch(vec!["example.net".parse().unwrap()]),
        V4Option::Raw { code: 224, payload: vec![7; 300] },
    ];
    play.answer(Kind::Ack, options);
    let known = play.client.record().unwrap();
    let mut again = Client::new(settings(wanted()), Rng::from_number(2));
    again.restore(&known, true, true, play.now);
    assert_eq!(again.record(), Some(known.clone()));
    // What nobody can have is not taken back.
    let bad = [
        crate::record::KnownV4 { address: Ipv4Addr::LOCALHOST, ..known.clone() },
        crate::record::KnownV4 { valid: Until::At(Instant::BOOT), ..known.clone() },
        crate::record::KnownV4 { source: "2001:db8:1::5".parse().ok(), ..known },
    ];
    for known in bad {
        let mut client = Client::new(settings(wanted()), Rng::from_number(2));
        client.restore(&known, true, true, play.now);
        assert_eq!(client.record(), None, "{known:?}");
    }
}
