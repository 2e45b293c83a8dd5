//! A server that extends a part and refuses the rest, again and again: what
//! is refused is used to its end, and few messages go to it (RFC 9915
//! §18.2.10.1).

use dhc6c_core::engine::Event;
use dhc6c_core::time::{Duration, Instant};
use dhc6c_core::wire::MessageType;

use crate::client::wants_both;
use crate::seeds::over_seeds;
use crate::server::{Dials, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{Rebind, Renew, Request, Solicit};

const DAY: u64 = 86_400;
/// T1, T2, preferred and valid lifetime.
const TIMES: [(u32, u32, u32, u32); 3] =
    [(5, 8, 40, 60), (5, 8, 3600, 7200), (1800, 2880, 3600, 7200)];

/// How many addresses and prefixes the client has.
fn holds(world: &World) -> (usize, usize) {
    (world.client().addresses().len(), world.client().prefixes().len())
}

/// When the leases end that came with the first Reply.
fn end_of_first_leases(world: &World, valid: u32) -> Instant {
    world.client().sent(Request)[0].at + seconds(u64::from(valid))
}

/// One kind is refused for a long time; `left` is held after its end.
fn is_refused_for_long(
    seed: u64,
    times: (u32, u32, u32, u32),
    dials: &Dials,
    left: (usize, usize),
) {
    let (t1, t2, preferred, valid) = times;
    let server = ServerConfig::number(1).times(t1, t2, preferred, valid);
    let mut world = World::bound(seed, wants_both(), [server]);
    world.note(format!("{times:?} {dials:?}"));
    world.server().dials = dials.clone();

    let end = end_of_first_leases(&world, valid);
    world.run_for(end.since(world.now).saturating_sub(seconds(1)));
    assert_eq!(holds(&world), (1, 1), "what is refused is used to its end: {times:?} {dials:?}");
    world.run_for(seconds(2));
    assert_eq!(holds(&world), left, "and not longer: {times:?} {dials:?}");

    // With timers of seconds, four hours have more exchanges than months.
    world.run_for(seconds(if t1 < 10 { DAY / 6 } else { DAY }));
    assert_eq!(holds(&world), left);
    assert_eq!(world.client().told(&Event::Unbound), 0);
    // Where Renew is not answered, its retransmissions until T2 come on top.
    let (often, period) = if dials.silent_to.is_empty() { (3, t1) } else { (10, t2) };
    // And discovery for what the server knows nothing of: what a Solicit takes
    // in an hour.
    let searches = if dials.forget_addresses || dials.forget_prefixes { 14 } else { 0 };
    let seconds_on = world.age().as_secs();
    let most = often * seconds_on / u64::from(period) + searches * seconds_on / 3600 + 20;
    let sent = u64::try_from(world.client().sent.len()).expect("a count");
    assert!(sent <= most, "{sent} messages, not {most}: {times:?} {dials:?}");
    assert_calm(&world);
    let asked =
        world.client().sent.iter().filter(|sent| [Renew, Rebind].contains(&sent.message.kind));
    for sent in asked {
        let both = (sent.message.ia_nas().count(), sent.message.ia_pds().count());
        assert_eq!(both, (1, 1), "what is refused is asked for again");
    }

    world.server().dials = Dials { silent_to: dials.silent_to.clone(), ..Dials::default() };
    let limit = seconds(u64::from(t2) * 2 + 60);
    world.run_until("given again", limit, |world| holds(world) == (1, 1));
}

/// Exchanges begin a second apart; only a Request may follow at once on the
/// answer that leads to it, and a Rebind, which comes at T2, on anything but
/// another Rebind. Discovery for what is lost has a schedule of its
/// own, which `lost.rs` looks at.
fn assert_calm(world: &World) {
    let mut last: Option<(Instant, MessageType)> = None;
    let (mut transaction, mut rebind) = (None, None);
    let asked = world.client().sent.iter().skip(2);
    for sent in asked.filter(|sent| sent.message.kind != Solicit) {
        if transaction.replace(sent.message.transaction) == Some(sent.message.transaction) {
            continue;
        }
        let kind = sent.message.kind;
        let before = if kind == Rebind { rebind.replace(sent.at) } else { last.map(|(at, _)| at) };
        let pause = before.map_or(Duration::MAX, |at| sent.at.since(at));
        let follows = kind == Request && last.is_some_and(|(_, before)| before != Request);
        assert!(follows || pause >= seconds(1), "{kind} after {pause:?}");
        last = Some((sent.at, kind));
    }
}

#[test]
fn rep_06_rep_07_addresses_refused_in_renew_while_the_prefix_is_extended() {
    over_seeds(2, |seed| {
        for times in TIMES {
            let dials = Dials { refuse_addresses: true, ..Dials::default() };
            is_refused_for_long(seed, times, &dials, (0, 1));
        }
    });
}

#[test]
fn rep_06_rep_07_prefixes_refused_in_renew_while_the_address_is_extended() {
    over_seeds(2, |seed| {
        for times in TIMES {
            let dials = Dials { refuse_prefixes: true, ..Dials::default() };
            is_refused_for_long(seed, times, &dials, (1, 0));
        }
    });
}

#[test]
fn rep_06_rep_07_one_kind_refused_in_rebind_while_the_other_is_extended() {
    over_seeds(2, |seed| {
        for times in TIMES {
            let deaf = Dials { silent_to: [Renew].into(), ..Dials::default() };
            let dials = Dials { refuse_addresses: true, ..deaf.clone() };
            is_refused_for_long(seed, times, &dials, (0, 1));
            let dials = Dials { refuse_prefixes: true, ..deaf };
            is_refused_for_long(seed, times, &dials, (1, 0));
        }
    });
}

#[test]
fn rep_06_no_binding_for_one_kind_and_a_refusal_of_the_request_after_it() {
    over_seeds(2, |seed| {
        for times in TIMES {
            for silent_to in [[].into(), [Renew].into()] {
                let base = Dials { silent_to, ..Dials::default() };
                let dials =
                    Dials { forget_addresses: true, refuse_addresses: true, ..base.clone() };
                is_refused_for_long(seed, times, &dials, (0, 1));
                let dials = Dials { forget_prefixes: true, refuse_prefixes: true, ..base };
                is_refused_for_long(seed, times, &dials, (1, 0));
            }
        }
    });
}

#[test]
fn rep_06_rep_07_both_kinds_refused_are_used_to_their_end_with_few_messages() {
    over_seeds(10, |seed| {
        for (t1, t2, preferred, valid) in TIMES {
            for forget in [false, true] {
                let server = ServerConfig::number(1).times(t1, t2, preferred, valid);
                let mut world = World::bound(seed, wants_both(), [server]);
                let refuse =
                    Dials { refuse_addresses: true, refuse_prefixes: true, ..Dials::default() };
                world.server().dials =
                    Dials { forget_addresses: forget, forget_prefixes: forget, ..refuse };
                let end = end_of_first_leases(&world, valid);
                world.run_for(end.since(world.now).saturating_sub(seconds(1)));
                assert_eq!(holds(&world), (1, 1), "forget: {forget}");
                let sent = world.client().sent.len();
                // A Rebind at T2 and the Request that follows are among them.
                let most = usize::try_from(valid / 10 + 22).expect("a count");
                assert!(sent <= most, "{sent} messages, not {most}, with T1 {t1}, forget {forget}");
                assert_calm(&world);
                world.run_for(seconds(2));
                assert_eq!(holds(&world), (0, 0));
                world.server().dials = Dials::default();
                world.run_until("ready", seconds(7300), |world| world.snapshot().ready);
            }
        }
    });
}
