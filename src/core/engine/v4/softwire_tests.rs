//! Shared addresses (RFC 7618) and leases that are bound to an IPv6 address
//! (RFC 8539), against a server played by hand.

use super::*;
use crate::desired::Lifetimes;

#[test]
fn dhcp_4o6s_03_a_whole_address_is_preferred_to_a_part_of_one() {
    let mut play = Play::new(wanted());
    let small = PortSet::new(6, 8, 1).unwrap();
    let large = PortSet::new(6, 6, 1).unwrap();
    let offer = |play: &mut Play, last: u8, ports: Option<PortSet>| {
        let mut message = play.reply(Kind::Offer);
        message.yiaddr = Ipv4Addr::new(192, 0, 2, last);
        message.options.extend(ports.map(V4Option::PortParameters));
        play.take(&message)
    };
    assert_eq!(offer(&mut play, 1, Some(small)), []);
    assert_eq!(offer(&mut play, 2, Some(large)), []);
    assert_eq!(play.state(), V4State::Selecting, "a whole one may come yet");
    let mut other = Play::new(wanted());
    offer(&mut other, 1, Some(small));
    offer(&mut other, 3, None);
    let wish = |play: &Play| {
        play.asked().options.iter().find_map(|option| match option {
            V4Option::RequestedAddress(address) => Some(address.octets()[3]),
            _ => None,
        })
    };
    assert_eq!(wish(&other), Some(3));
    play.wait(1);
    assert_eq!(wish(&play), Some(2), "else the one with most ports");
    assert!(play.asked().options.contains(&V4Option::PortParameters(large)), "as it was offered");
}

#[test]
fn dhcp_4o6s_04_a_set_that_is_missing_means_the_whole_address_unless_one_was_offered() {
    let whole = Play::bound(wanted());
    let view = whole.view();
    assert_eq!((view.address, view.port_set), (Some(ADDRESS), None));
    let mut play = Play::new(wanted());
    play.answer(Kind::Offer, vec![V4Option::PortParameters(ports())]);
    play.wait(1);
    assert_eq!(play.answer(Kind::Ack, vec![]), [DropReason::V4Mismatch], "others' ports");
    assert_eq!(play.answer(Kind::Ack, vec![V4Option::PortParameters(ports())]), []);
    let view = play.view();
    let set = view.port_set.unwrap();
    assert_eq!((set.psid, set.ranges[0].as_str(), set.ranges.len()), (0x34, "1232-1235", 63));
    assert_eq!(play.client.desired().unwrap().length, 32);
    // A length of zero is no part (RFC 7618 §9).
    let mut play = Play::new(wanted());
    let none = PortSet::new(6, 0, 0).unwrap();
    play.answer(Kind::Offer, vec![V4Option::PortParameters(none)]);
    assert_eq!(play.state(), V4State::Requesting);
    // And who has not asked for a part is given none.
    let mut play = Play::new(Dhcp4o6 { share: false, ..wanted() });
    let offered = play.answer(Kind::Offer, vec![V4Option::PortParameters(ports())]);
    assert_eq!((offered, play.state()), (vec![DropReason::V4Mismatch], V4State::Selecting));
}

#[test]
fn dhcp_4o6s_06_a_shared_address_starts_over_when_our_source_changes() {
    let mut play = Play::shared();
    play.connect(via("2001:db8:1::2"));
    assert_eq!((play.state(), play.address()), (V4State::Selecting, None));
    let wish = &play.asked().options;
    assert_eq!(play.asked().kind, Kind::Discover);
    assert!(wish.contains(&V4Option::RequestedAddress(ADDRESS)));
    assert!(wish.contains(&V4Option::PortParameters(ports())));
    // No INIT-REBOOT either, where it has changed meanwhile.
    let known = Play::shared().client.record().unwrap();
    let client = Client::new(settings(wanted()), Rng::from_number(2));
    let mut again = Play { client, now: play.now, asked: None };
    again.client.restore(&known, true, true, again.now);
    again.connect(via("fe80::9"));
    assert_eq!((again.asked().kind, again.address()), (Kind::Discover, None));
    // A whole address stays.
    let mut whole = Play::bound(wanted());
    whole.connect(via("2001:db8:1::2"));
    assert_eq!(whole.address(), Some(ADDRESS));
}

#[test]
fn dhcp_4o6s_06_the_source_that_counts_is_the_one_that_the_lease_was_given_to() {
    let both =
        |second: &str| Some(Via(vec![path("fe80::2", "ff02::1:2"), path(second, "2001:db8::1")]));
    let given_to = |source: &str| {
        let mut play = Play::new(wanted());
        play.connect(both("2001:db8:1::2"));
        play.answer(Kind::Offer, vec![V4Option::PortParameters(ports())]);
        play.wait(1);
        let ack = with(play.reply(Kind::Ack), vec![V4Option::PortParameters(ports())]);
        let ack = Response { v4: ack.encode(), ..Response::default() };
        assert_eq!(play.client.take(play.now, &ack, source.parse().unwrap()), []);
        assert_eq!(play.address(), Some(ADDRESS));
        play
    };
    let mut link_local = given_to("fe80::2");
    link_local.connect(both("2001:db8:2::2"));
    assert_eq!(link_local.address(), Some(ADDRESS), "the other address has changed");
    let mut global = given_to("2001:db8:1::2");
    global.connect(both("2001:db8:2::2"));
    assert_eq!((global.address(), global.asked().kind), (None, Kind::Discover));
    // A server may answer to an address that was not asked from.
    let mut elsewhere = given_to("2001:db8:3::2");
    elsewhere.connect(both("2001:db8:2::2"));
    assert_eq!(elsewhere.address(), Some(ADDRESS));
}

#[test]
fn dhcp_4o6s_06_a_source_that_is_still_to_pass_its_detection_has_not_changed() {
    let mut play = Play::new(wanted());
    let ours = "2001:db8:1::2";
    let global = Some(Via(vec![path(ours, "2001:db8::1")]));
    play.connect(global);
    play.answer(Kind::Offer, vec![V4Option::PortParameters(ports())]);
    play.wait(1);
    play.answer(Kind::Ack, vec![V4Option::PortParameters(ports())]);
    // The carrier was away: only the group can be asked at first.
    play.connect(None);
    let tentative = Sources { leased: vec![ours.parse().unwrap()], ..Sources::default() };
    play.client.take_sources(play.now, tentative);
    play.connect(Some(Via(vec![path("fe80::2", "ff02::1:2")])));
    assert_eq!(play.address(), Some(ADDRESS));
    // Somebody else has it.
    play.client.take_sources(play.now, Sources::default());
    play.connect(Some(Via(vec![path("fe80::2", "ff02::1:2")])));
    assert_eq!((play.address(), play.asked().kind), (None, Kind::Discover));
}

// RFC 8539.

fn binding() -> Dhcp4o6 {
    Dhcp4o6 { binding: true, ..wanted() }
}

fn sources(usable: &[&str], delegated: &[&str]) -> Sources {
    let lifetimes = Lifetimes { preferred: Until::Forever, valid: Until::Forever };
    Sources {
        usable: usable.iter().map(|text| text.parse().unwrap()).collect(),
        leased: vec![],
        delegated: delegated.iter().map(|text| (text.parse().unwrap(), lifetimes)).collect(),
    }
}

const SOFTWIRE: &str = "2001:db8:12:3400:0:c000:212:0";

impl Play {
    fn set_sources(&mut self, usable: &[&str], delegated: &[&str]) {
        self.client.take_sources(self.now, sources(usable, delegated));
        self.client.advance(self.now);
        self.pull();
    }

    fn offer_softwire(&mut self) -> Vec<DropReason> {
        let response = Response {
            v4: self.reply(Kind::Offer).encode(),
            border_relays: vec!["2001:db8:ffff::1".parse().unwrap()],
            binding_prefix: "2001:db8:12:3400::/56".parse().ok(),
            malformed: vec![],
        };
        self.take_response(response)
    }

    fn ack_source(&mut self, source: &str) -> Vec<DropReason> {
        self.answer(Kind::Ack, vec![V4Option::SourceAddress(source.parse().unwrap())])
    }

    /// The softwire's address in the last question.
    fn told_source(&self) -> Option<String> {
        self.asked().options.iter().find_map(|option| match option {
            V4Option::SourceAddress(source) => Some(source.to_string()),
            _ => None,
        })
    }

    fn softwire() -> Self {
        let mut play = Self::new(binding());
        play.set_sources(&["2001:db8:1::5"], &["2001:db8:12:3400::/56"]);
        assert_eq!(play.offer_softwire(), []);
        play.set_sources(&["2001:db8:1::5", SOFTWIRE], &["2001:db8:12:3400::/56"]);
        assert_eq!(play.ack_source(SOFTWIRE), []);
        assert_eq!((play.state(), play.address()), (V4State::Bound, Some(ADDRESS)));
        play
    }
}

#[test]
fn dhcp_4o6b_02_an_offer_without_a_far_end_is_dropped() {
    let mut play = Play::new(binding());
    play.set_sources(&["2001:db8:1::5"], &[]);
    assert_eq!(play.answer(Kind::Offer, vec![]), [DropReason::SoftwireInvalid]);
    assert_eq!(play.state(), V4State::Selecting);
    assert_eq!(play.offer_softwire(), []);
    let view = play.view();
    assert_eq!(view.border_relays, [] as [Ipv6Addr; 0], "not before there is a lease");
}

#[test]
fn dhcp_4o6b_05_the_softwires_address_is_there_before_it_is_told() {
    let mut play = Play::new(binding());
    play.set_sources(&["2001:db8:1::5"], &["2001:db8:12:3400::/56"]);
    play.offer_softwire();
    assert_eq!((play.state(), play.asked().kind), (V4State::Attaching, Kind::Discover));
    let (own, _) = play.client.own_source().unwrap();
    assert_eq!(own.to_string(), SOFTWIRE);
    play.set_sources(&["2001:db8:1::5", SOFTWIRE], &["2001:db8:12:3400::/56"]);
    assert_eq!(
        (play.state(), play.told_source().as_deref()),
        (V4State::Requesting, Some(SOFTWIRE))
    );
    // A duplicate is passed over.
    let mut play = Play::new(binding());
    play.set_sources(&["2001:db8:1::5"], &["2001:db8:12:3400::/56"]);
    play.offer_softwire();
    assert!(play.client.on_duplicate(play.now, SOFTWIRE.parse().unwrap()));
    play.pull();
    assert_eq!((play.state(), play.asked().kind), (V4State::Selecting, Kind::Discover));
    play.offer_softwire();
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:1::5"));
}

#[test]
fn dhcp_4o6b_07_a_server_that_has_bound_another_address_is_told_again_after_a_minute() {
    let mut play = Play::new(binding());
    play.set_sources(&["2001:db8:1::5"], &[]);
    play.offer_softwire();
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:1::5"));
    assert_eq!(play.ack_source("2001:db8:1::6"), []);
    assert_eq!(play.address(), None, "not before the server has taken it");
    play.asked = None;
    play.wait(59);
    assert!(play.asked.is_none());
    play.wait(12);
    assert_eq!(
        (play.asked().kind, play.told_source().as_deref()),
        (Kind::Request, Some("2001:db8:1::5"))
    );
    assert_eq!(play.ack_source("2001:db8:1::5"), []);
    assert_eq!((play.state(), play.address()), (V4State::Bound, Some(ADDRESS)));
    assert_eq!(play.events(), [Event::Dhcp4o6Bound]);
    // Where that does not help either, it is given back.
    let mut play = Play::new(binding());
    play.set_sources(&["2001:db8:1::5"], &[]);
    play.offer_softwire();
    play.ack_source("2001:db8:1::6");
    play.wait(71);
    play.ack_source("2001:db8:1::6");
    let release = Message::decode(&play.client.farewell().unwrap().v4).unwrap().message;
    assert_eq!((release.kind, play.state()), (Kind::Release, V4State::Selecting));
}

#[test]
fn dhcp_4o6b_08_another_address_is_told_at_once_and_a_denial_ends_its_use() {
    let mut play = Play::softwire();
    play.set_sources(&["2001:db8:1::5"], &["2001:db8:12:5600::/56"]);
    let moved = "2001:db8:12:5600:0:c000:212:0";
    assert_eq!(play.state(), V4State::Attaching, "not before it is there");
    play.set_sources(&["2001:db8:1::5", moved], &["2001:db8:12:5600::/56"]);
    assert_eq!((play.asked().kind, play.told_source().as_deref()), (Kind::Request, Some(moved)));
    assert_eq!(play.asked().ciaddr, ADDRESS);
    let nak = play.reply(Kind::Nak);
    play.take(&nak);
    assert_eq!((play.address(), play.client.own_source()), (None, None));
    assert_eq!((play.state(), play.asked().kind), (V4State::Selecting, Kind::Discover));
    play.offer_softwire();
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:1::5"), "not the denied one");
}

#[test]
fn dhcp_4o6b_08_4o6s_06_a_shared_lease_with_another_address_is_discovered_anew() {
    let mut play = Play::new(binding());
    play.set_sources(&["2001:db8:1::5"], &[]);
    let shared = || vec![V4Option::PortParameters(ports())];
    let mut response = Response {
        border_relays: vec!["2001:db8:ffff::1".parse().unwrap()],
        ..Response::default()
    };
    response.v4 = with(play.reply(Kind::Offer), shared()).encode();
    play.take_response(response);
    play.wait(1);
    let mut options = shared();
    options.push(V4Option::SourceAddress("2001:db8:1::5".parse().unwrap()));
    assert_eq!(play.answer(Kind::Ack, options), []);
    assert_eq!(play.state(), V4State::Bound);
    play.set_sources(&["2001:db8:2::5"], &[]);
    assert_eq!(
        (play.state(), play.asked().kind, play.address()),
        (V4State::Selecting, Kind::Discover, None)
    );
}

/// A server that has lost its leases denies them once, and not for ever.
#[test]
fn dhcp_4o6b_08_the_only_address_there_is_is_told_again_after_a_denial() {
    let mut play = Play::new(binding());
    play.set_sources(&["2001:db8:1::5"], &[]);
    play.offer_softwire();
    let nak = play.reply(Kind::Nak);
    play.take(&nak);
    assert_eq!((play.state(), play.asked().kind), (V4State::Selecting, Kind::Discover));
    play.offer_softwire();
    play.wait(3);
    assert_eq!((play.state(), play.asked().kind), (V4State::Selecting, Kind::Discover));
    play.offer_softwire();
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:1::5"));
    assert_eq!(play.ack_source("2001:db8:1::5"), []);
    assert_eq!(play.address(), Some(ADDRESS));
}

#[test]
fn dhcp_4o6b_05_an_address_that_goes_while_it_is_told_is_not_bound_to() {
    let mut play = Play::new(binding());
    play.set_sources(&["2001:db8:1::5"], &[]);
    play.offer_softwire();
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:1::5"));
    play.set_sources(&["2001:db8:2::5"], &[]);
    assert_eq!((play.state(), play.asked().kind), (V4State::Selecting, Kind::Discover));
    play.offer_softwire();
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:2::5"));
}

#[test]
fn dhcp_4o6s_03_offers_are_collected_after_a_retransmission_too() {
    let mut play = Play::new(wanted());
    play.wait(20);
    play.answer(Kind::Offer, vec![V4Option::PortParameters(ports())]);
    assert_eq!(play.state(), V4State::Selecting, "a whole one may come yet");
    play.answer(Kind::Offer, vec![]);
    assert_eq!(play.state(), V4State::Requesting);
}

#[test]
fn dhcp_4o6b_04_a_denial_does_not_lead_out_of_the_binding_prefix() {
    let mut play = Play::softwire();
    play.wait(310);
    assert_eq!(play.state(), V4State::Renewing);
    // A server that has lost its memory.
    let nak = play.reply(Kind::Nak);
    play.take(&nak);
    assert_eq!(play.asked().kind, Kind::Discover);
    play.offer_softwire();
    play.set_sources(&["2001:db8:1::5", SOFTWIRE], &["2001:db8:12:3400::/56"]);
    assert_eq!(play.told_source().as_deref(), Some(SOFTWIRE));
}

#[test]
fn dhcp_4o6b_07_what_a_server_has_not_confirmed_is_not_used_after_an_interruption() {
    let mut play = Play::new(binding());
    play.set_sources(&["2001:db8:1::5"], &[]);
    play.offer_softwire();
    play.ack_source("2001:db8:1::6");
    assert_eq!((play.view().state, play.address()), (V4State::Requesting, None));
    play.connect(None);
    play.connect(via("fe80::2"));
    assert_eq!(play.state(), V4State::Renewing, "the server is told again");
    play.wait(100);
    assert_eq!(play.address(), None, "nobody has confirmed it");
}

#[test]
fn dhcp_4o6b_05_a_duplicate_without_a_way_to_servers_is_dealt_with_later() {
    for others in [&["2001:db8:1::5"][..], &[]] {
        let mut play = Play::softwire();
        let usable: Vec<_> = others.iter().copied().chain([SOFTWIRE]).collect();
        play.set_sources(&usable, &["2001:db8:12:3400::/56"]);
        play.connect(None);
        play.client.on_duplicate(play.now, SOFTWIRE.parse().unwrap());
        assert_eq!(play.state(), V4State::Idle);
        let due = play.client.deadline().map(|deadline| deadline.why);
        assert_eq!(due, (!others.is_empty()).then_some(Why::Expire));
        let own = play.client.own_source().map(|(own, _)| own.to_string());
        assert_ne!(own.as_deref(), Some(SOFTWIRE), "somebody else has it");
        play.asked = None;
        play.connect(via("fe80::2"));
        let kind = if others.is_empty() { Kind::Discover } else { Kind::Request };
        assert_eq!(play.asked().kind, kind);
    }
}

#[test]
fn dhcp_4o6b_08_others_are_told_of_the_new_address_once_it_is_granted() {
    let mut play = Play::softwire();
    play.events();
    let moved = "2001:db8:12:5600:0:c000:212:0";
    play.set_sources(&["2001:db8:1::5"], &["2001:db8:12:5600::/56"]);
    play.set_sources(&["2001:db8:1::5", moved], &["2001:db8:12:5600::/56"]);
    assert_eq!((play.told_source().as_deref(), play.events()), (Some(moved), vec![]));
    assert_eq!(play.ack_source(moved), []);
    assert_eq!(play.events(), [Event::Dhcp4o6Bound]);
}

#[test]
fn dhcp_4o6b_08_a_leased_address_is_waited_for_until_its_detection_has_passed_it() {
    let mut play = Play::new(binding());
    let leased = |usable: &[&str], leased: &str| Sources {
        leased: vec![leased.parse().unwrap()],
        ..sources(usable, &[])
    };
    play.client.take_sources(play.now, leased(&["2001:db8:1::5"], "2001:db8:1::5"));
    play.offer_softwire();
    assert_eq!(play.ack_source("2001:db8:1::5"), []);
    // One Reply has another in its place.
    play.client.take_sources(play.now, leased(&[], "2001:db8:2::5"));
    assert_eq!((play.state(), play.address()), (V4State::Attaching, Some(ADDRESS)));
    play.client.take_sources(play.now, leased(&["2001:db8:2::5"], "2001:db8:2::5"));
    play.client.advance(play.now);
    play.pull();
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:2::5"));
    assert_eq!(play.asked().kind, Kind::Request);
}

#[test]
fn dhcp_4o6b_05_an_address_that_goes_while_it_is_made_is_not_waited_for() {
    let mut play = Play::new(binding());
    play.set_sources(&[], &["2001:db8:12:3400::/56"]);
    play.offer_softwire();
    assert_eq!(play.state(), V4State::Attaching);
    play.set_sources(&["2001:db8:1::5"], &[]);
    assert_eq!((play.state(), play.asked().kind), (V4State::Selecting, Kind::Discover));
}

#[test]
fn dhcp_4o6b_05_a_duplicate_costs_no_lease_where_another_address_does() {
    let mut play = Play::softwire();
    play.set_sources(&["2001:db8:1::5"], &["2001:db8:12:5600::/56"]);
    assert_eq!(play.state(), V4State::Attaching);
    play.client.on_duplicate(play.now, "2001:db8:12:5600:0:c000:212:0".parse().unwrap());
    play.pull();
    assert_eq!((play.state(), play.address()), (V4State::Renewing, Some(ADDRESS)));
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:1::5"));
}

#[test]
fn dhcp_4o6b_05_an_address_that_never_becomes_usable_is_passed_over() {
    let mut play = Play::new(binding());
    let sources = Sources {
        leased: vec!["2001:db8:12:3400::5".parse().unwrap()],
        ..sources(&["2001:db8:1::5"], &[])
    };
    play.client.take_sources(play.now, sources);
    play.offer_softwire();
    assert_eq!(play.state(), V4State::Attaching, "it matches the server's prefix");
    play.wait(16);
    play.offer_softwire();
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:1::5"));
}

#[test]
fn dhcp_4o6b_08_an_address_that_never_becomes_usable_costs_no_lease_where_another_does() {
    let mut play = Play::softwire();
    play.set_sources(&["2001:db8:1::5"], &["2001:db8:12:5600::/56"]);
    play.wait(14);
    assert_eq!((play.state(), play.address()), (V4State::Attaching, Some(ADDRESS)));
    play.wait(2);
    assert_eq!((play.state(), play.address()), (V4State::Renewing, Some(ADDRESS)));
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:1::5"));
    // Without another everything begins anew.
    let mut play = Play::softwire();
    play.set_sources(&[], &["2001:db8:12:5600::/56"]);
    play.wait(16);
    assert_eq!((play.state(), play.address()), (V4State::Selecting, None));
}

#[test]
fn dhcp_4o6b_08_an_address_that_is_replaced_over_a_disconnection_costs_no_lease() {
    let mut play = Play::softwire();
    play.connect(None);
    play.set_sources(&["2001:db8:1::5"], &[]);
    play.connect(via("fe80::2"));
    assert_eq!((play.state(), play.address()), (V4State::Rebooting, Some(ADDRESS)));
    assert_eq!(play.told_source().as_deref(), Some("2001:db8:1::5"));
}

#[test]
fn dhcp_4o6b_06_after_a_disconnection_the_softwires_address_is_told_again() {
    let mut play = Play::softwire();
    play.connect(None);
    play.connect(via("fe80::2"));
    assert_eq!((play.state(), play.address()), (V4State::Rebooting, Some(ADDRESS)));
    assert_eq!(play.told_source().as_deref(), Some(SOFTWIRE));
    assert_eq!(play.ack_source(SOFTWIRE), []);
    assert_eq!(play.state(), V4State::Bound);
}

#[test]
fn dhcp_4o6s_06_a_source_that_is_to_be_made_again_has_not_changed() {
    let made: std::net::Ipv6Addr = SOFTWIRE.parse().unwrap();
    assert!(sources(&[], &["2001:db8:12:3400::/56"]).is_awaited(made));
    assert!(!sources(&[SOFTWIRE], &["2001:db8:12:3400::/56"]).is_awaited(made));
    assert!(!sources(&[], &[]).is_awaited(made));
}
