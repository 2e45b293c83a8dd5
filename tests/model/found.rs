//! Histories that once broke a rule, each nearly the smallest that did. The
//! simulation has a scenario of each; here the reference judges it.

use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::{MessageType as T, StatusCode};

use crate::play;
use crate::reference::Kind::{Address, Prefix};
use crate::subject::Subject;
use crate::transition::Transition::{self, *};
use crate::transition::{Answer, Said, Times};

const GRANT: Said = grant(1800, 2880, 3600, 7200);
const NO_ADDRESS: Said = Said::Refuse(StatusCode::NO_ADDRS_AVAIL);
const NEVER: Said = grant(u32::MAX, u32::MAX, 3600, 7200);
const NO_BINDING: Said = Said::Refuse(StatusCode::NO_BINDING);

const fn grant(t1: u32, t2: u32, preferred: u32, valid: u32) -> Said {
    let (t1, t2) = (Lifetime(t1), Lifetime(t2));
    Said::Grant(Times { t1, t2, preferred: Lifetime(preferred), valid: Lifetime(valid) })
}

fn says(address: Said, prefix: Said) -> Transition {
    Answer(Answer { address, prefix, status: None, wrong: None, other_server: false })
}

/// A client that asks for both and gets them for these times; then something
/// happens, with some jitters.
fn bound(said: Said, then: &[Transition], judge: impl Fn(&[T])) {
    let bound = [Unanswered, says(said, said), Unanswered, says(said, said)];
    let history = [&bound, then].concat();
    for seed in 0..50 {
        let subject: Subject = play(seed, &[Address, Prefix].into(), &history);
        println!("{}", subject.history());
        let kinds: Vec<_> = subject.sent.iter().map(|message| message.kind).collect();
        assert_eq!(kinds[..2], [T::Solicit, T::Request]);
        judge(&kinds[2..]);
    }
}

/// A Decline took the place of the Rebind that was due after the carrier had
/// been away, and nobody asked about the prefix before T2 (RFC 9915 §18.2.12).
#[test]
fn reb_04_fin_02_a_duplicate_does_not_end_the_question_about_the_link() {
    let then = [Carrier(false), Carrier(true), Duplicate, Silence(2), says(GRANT, GRANT)];
    bound(GRANT, &then, |sent| {
        assert_eq!((sent[0], sent[sent.len() - 1]), (T::Rebind, T::Decline));
    });
}

/// A restart made T2 as late as T1, which was never (RFC 9915 §18.2.4).
#[test]
fn rep_14_reb_01_t2_where_there_is_no_t1_outlives_a_restart() {
    let then = [Kill, Unanswered, says(GRANT, GRANT), Kill, Silence(20), Silence(1150)];
    let forgetful = grant(u32::MAX, 0, 0, 1169);
    bound(forgetful, &then, |sent| assert_eq!(sent[0], T::Rebind));
    let then = [Kill, Silence(20), Silence(1140)];
    bound(forgetful, &then, |sent| {
        let is_new = |two: &&[T]| two == &[T::Rebind; 2];
        assert!(sent.windows(2).filter(is_new).count() > 4, "{sent:?}");
    });
}

/// A Renew that was asked for during a Release came to nothing.
#[test]
fn a_renew_while_a_release_is_under_way_starts_over_after_it() {
    let then = [Release, Renew, says(GRANT, GRANT), Unanswered];
    bound(GRANT, &then, |sent| assert_eq!(sent[..2], [T::Release, T::Solicit]));
}

/// A Request after NoBinding left the association out that waited for its
/// Decline (RFC 9915 §18.2.10.1: all IAs).
#[test]
fn rep_06_a_request_after_no_binding_is_for_all_associations() {
    let then = [Kill, Unanswered, Duplicate, says(GRANT, NO_BINDING)];
    bound(GRANT, &then, |sent| assert_eq!(sent, [T::Rebind, T::Request]));
}

/// A new address was not taken because another one was still to be declined
/// (RFC 9915 §18.2.10.1).
#[test]
fn rep_02_a_new_address_beside_one_that_is_to_be_declined_is_taken() {
    let Said::Grant(times) = GRANT else { return };
    let then = [Kill, Unanswered, Duplicate, says(Said::Another(times), GRANT)];
    bound(GRANT, &then, |sent| assert_eq!(sent, [T::Rebind, T::Decline]));
}

/// A server that was asked in vain often enough put T2 off (RFC 9915 §18.2.5).
#[test]
fn reb_01_a_server_that_knows_nothing_does_not_put_off_t2() {
    let none = || says(NO_BINDING, NO_BINDING);
    let refused = [Unanswered, none()].into_iter().cycle().take(80);
    let then: Vec<_> = [Silence(300)].into_iter().chain(refused).collect();
    bound(grant(300, 480, 600, 600), &then, |sent| assert!(sent.contains(&T::Rebind), "{sent:?}"));
}

/// The reference took a Decline for one that had failed where the link cut it
/// short in the last of its time, and then missed the association in a Rebind.
#[test]
fn dec_01_a_decline_that_is_cut_short_in_the_end_is_sent_anew() {
    let then = [Kill, Unanswered, NewIndex, Duplicate, Silence(25), NewIndex, Unanswered];
    bound(GRANT, &then, |sent| assert!(sent.contains(&T::Decline), "{sent:?}"));
}

/// An address that was given again for a shorter time, before its server heard
/// that another host has it, was declined after it had ended; and where it is
/// given for longer, it is declined as long (RFC 9915 §18.2.8).
#[test]
fn dec_01_what_is_given_again_is_declined_until_it_ends_and_not_after() {
    let away = [Carrier(false), Silence(100), Carrier(true), Unanswered, says(GRANT, GRANT)];
    let again = |said| [&[Kill, Unanswered, Duplicate, says(said, GRANT)][..], &away].concat();
    let declines = |sent: &[T]| sent.iter().filter(|kind| **kind == T::Decline).count();
    let (short, long) = (grant(0, 0, 30, 60), GRANT);
    bound(long, &again(short), |sent| assert_eq!(declines(sent), 1, "{sent:?}"));
    bound(short, &again(long), |sent| assert_eq!(declines(sent), 2, "{sent:?}"));
}

/// The same where there is another address: that one is extended in any case.
#[test]
fn dec_01_a_decline_that_is_cut_short_beside_another_address_is_sent_anew() {
    let Said::Grant(times) = GRANT else { return };
    let more = [Renew, says(Said::Another(times), GRANT)];
    let then = [NewIndex, Duplicate, Silence(25), NewIndex, Unanswered, says(GRANT, GRANT)];
    bound(GRANT, &[&more[..], &then].concat(), |sent| {
        assert!(sent.contains(&T::Decline), "{sent:?}");
    });
}

/// A Decline that waited for the link was forgotten with another
/// configuration, but not what was to be declined: it was not taken when the
/// server gave it again (RFC 9915 §18.2.8).
#[test]
fn dec_01_what_waits_for_the_link_is_declined_when_it_is_back() {
    let (one, both) = (Configure([Address].into()), Configure([Address, Prefix].into()));
    let then = [one, Carrier(false), Duplicate, both, Carrier(true), Silence(2)];
    bound(GRANT, &then, |sent| assert!(sent.contains(&T::Decline), "{sent:?}"));
}

/// A server that gave an address with T1 and T2 that never come was asked to
/// extend it where the prefix beside it was not wanted any more (RFC 9915
/// §7.7).
#[test]
fn rep_12_what_is_never_to_be_extended_is_not_when_it_is_alone() {
    let alone = [Configure([Address].into()), Silence(7000)];
    bound(GRANT, &[&[Unanswered, says(NEVER, GRANT)][..], &alone].concat(), |sent| {
        assert_eq!(sent, [T::Renew]);
    });
    // The prefix was left out: it is asked for, and all that is held with it.
    let open = [Unanswered, says(NEVER, Said::Empty)];
    bound(GRANT, &[&open[..], &alone].concat(), |sent| {
        assert!(sent.iter().all(|kind| *kind == T::Renew), "{sent:?}");
    });
}

/// An address that was refused rode along with the prefix that was extended,
/// and ended where that was to be extended later, or never, or was not wanted
/// any more (RFC 9915 §18.2.4, §18.2.5).
#[test]
fn ren_01_reb_01_what_was_refused_is_asked_for_before_it_ends() {
    let is_asked = |sent: &[T]| {
        assert_eq!(sent[..2], [T::Renew; 2]);
        assert!(sent.contains(&T::Rebind), "{sent:?}");
    };
    for later in [grant(300_000, 480_000, 600_000, 600_000), NEVER] {
        bound(GRANT, &[Unanswered, says(NO_ADDRESS, later), Silence(3000)], is_asked);
    }
    let alone = [Configure([Address].into()), Silence(3000)];
    let refused = [Unanswered, says(NO_ADDRESS, GRANT), Silence(60)];
    bound(GRANT, &[&refused[..], &alone].concat(), is_asked);
    // After T2 all servers are asked.
    let alone = [Configure([Address].into()), Silence(2)];
    bound(GRANT, &[&refused[..], &refused, &alone].concat(), |sent| {
        assert_eq!(sent, [T::Renew, T::Renew, T::Rebind]);
    });
}

/// An address that was refused before T1, when somebody asked, was asked for
/// again and again until then where the prefix beside it is never extended.
#[test]
fn ren_01_what_is_refused_before_t1_is_asked_for_at_t1() {
    for asked in [Renew, Rebind] {
        let refused = [asked, says(NO_ADDRESS, NEVER), Silence(1700)];
        bound(GRANT, &refused, |sent| assert_eq!(sent.len(), 1, "{sent:?}"));
        bound(GRANT, &[&refused[..], &[Silence(200)]].concat(), |sent| {
            assert_eq!(sent[1], T::Renew);
        });
    }
}

/// A Decline that came to nothing left an address in use that was refused
/// before: it counts again, with the times that were stated last.
#[test]
fn dec_01_reb_01_what_is_used_after_a_decline_that_failed_is_extended() {
    let Said::Grant(times) = GRANT else { return };
    let two = [Usable, Renew, says(Said::Another(times), GRANT)];
    let refused = [Renew, says(NO_ADDRESS, GRANT)];
    let away = [Duplicate, Silence(10), Carrier(false), Silence(25), Carrier(true), Unanswered];
    let Said::Grant(sooner) = grant(300, 480, 3600, 7200) else { return };
    let again = [says(Said::Another(sooner), GRANT), Silence(600)];
    bound(GRANT, &[&two[..], &refused, &away, &again].concat(), |sent| {
        let decline = sent.iter().rposition(|kind| *kind == T::Decline);
        let after: Vec<_> = sent.iter().skip(decline.map_or(0, |at| at + 1)).collect();
        assert_eq!(
            (after[0], after[1], after[after.len() - 1]),
            (&T::Rebind, &T::Renew, &T::Rebind)
        );
    });
}

/// The reference took a question about the link for one that nobody had
/// objected to, when another configuration had just put another in its place.
#[test]
fn reb_04_another_configuration_asks_about_the_link_anew() {
    let then =
        [Kill, Silence(10), Configure([Address].into()), Configure([Address, Prefix].into())];
    bound(GRANT, &[&then[..], &[Unanswered]].concat(), |sent| {
        assert_eq!((sent[0], sent[sent.len() - 1]), (T::Rebind, T::Confirm));
    });
}
