//! A lease after a time without a way to servers, or without us (RFC 2131
//! §3.2, §3.7).

use super::*;

fn back_again() -> Play {
    let mut play = Play::bound(wanted());
    play.connect(None);
    play.connect(via("fe80::2"));
    play
}

#[test]
fn dhcp_4o6_21_after_a_disconnection_the_lease_is_asked_about_and_used_meanwhile() {
    let mut silent = back_again();
    assert_eq!((silent.state(), silent.address()), (V4State::Rebooting, Some(ADDRESS)));
    assert!(silent.asked().ciaddr.is_unspecified());
    assert!(silent.asked().options.contains(&V4Option::RequestedAddress(ADDRESS)));
    silent.wait(70);
    assert_eq!((silent.state(), silent.address()), (V4State::Bound, Some(ADDRESS)));
    assert_eq!(silent.events(), [Event::Dhcp4o6Bound], "nothing has changed for others");
    let mut granted = back_again();
    assert_eq!(granted.answer(Kind::Ack, vec![]), []);
    assert_eq!((granted.state(), granted.address()), (V4State::Bound, Some(ADDRESS)));
    let mut denied = back_again();
    assert_eq!(denied.answer(Kind::Nak, vec![]), []);
    assert_eq!((denied.state(), denied.address()), (V4State::Selecting, None));
}

#[test]
fn dhcp_4o6_21_other_servers_and_another_disconnection_are_no_answer() {
    let mut play = back_again();
    play.connect(Some(Via(vec![path("fe80::2", "2001:db8::2")])));
    assert_eq!((play.state(), play.address()), (V4State::Rebooting, Some(ADDRESS)));
    play.connect(None);
    play.connect(via("fe80::2"));
    assert_eq!((play.state(), play.address()), (V4State::Rebooting, Some(ADDRESS)));
    assert_eq!(play.client.record().map(|known| known.address), Some(ADDRESS));
}

#[test]
fn dhcp_4o6_21_what_nobody_has_answered_is_asked_about_at_the_start_after_next() {
    let known = Play::bound(wanted()).client.record().unwrap();
    let mut play = Play::restored(&known, false);
    let kept = play.client.record().unwrap();
    assert_eq!((kept.address, kept.is_timeless), (ADDRESS, true));
    // The next start knows when that was kept, which says nothing of its end.
    let mut next = Play::restored(&kept, true);
    assert_eq!(next.client.record(), Some(kept));
    next.wait(70);
    assert_eq!((next.address(), next.client.record()), (None, None));
    assert_eq!(play.answer(Kind::Ack, vec![]), []);
    assert_eq!(play.client.record().map(|known| known.is_timeless), Some(false));
}
