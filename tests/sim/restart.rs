//! Beginning again with what an earlier process kept (RFC 9915 §18.2.12).

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use dhc6c_core::engine::{Config, Event, Input, Restored};
use dhc6c_core::ident::Iaid;
use dhc6c_core::prefix::Prefix;
use dhc6c_core::record::{AssociationKind, Record};
use dhc6c_core::rng::Rng;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::{Duration, Instant, Until};
use dhc6c_core::wire::MessageType;

use crate::client::{wants_address, wants_both, wants_prefixes};
use crate::seeds::over_seeds;
use crate::server::{Dials, ServerConfig, Times};
use crate::states::in_state;
use crate::world::{Restart, World, seconds};

use MessageType::{Confirm, Rebind, Release, Renew, Request, Solicit};

const fn rebooted(off: u64, clock_is_trusted: bool) -> Restart {
    Restart::Rebooted { off: seconds(off), clock_is_trusted }
}

const WAYS: [Restart; 4] =
    [Restart::Stopped, Restart::Killed, rebooted(60, true), rebooted(60, false)];

/// The leases that a client has kept.
fn kept(world: &World) -> Vec<Prefix> {
    let associations = world.client().kept.iter().flat_map(|record| &record.associations);
    associations.flat_map(|ia| &ia.leases).map(|known| known.lease).collect()
}

/// The leases that a client uses.
fn used(world: &World) -> Vec<Prefix> {
    let addresses = world.client().usable().into_iter();
    let addresses = addresses.map(|address| Prefix::new(address, 128).expect("128 is a length"));
    addresses.chain(world.client().prefixes()).collect()
}

/// The associations that a client has ever named.
fn iaids(world: &World) -> BTreeSet<(bool, Iaid)> {
    let messages = || world.client().sent.iter().map(|sent| &sent.message);
    let addresses = messages().flat_map(|message| message.ia_nas().map(|ia| (true, ia.iaid)));
    let prefixes = messages().flat_map(|message| message.ia_pds().map(|ia| (false, ia.iaid)));
    addresses.chain(prefixes).collect()
}

fn ends_as_it_was(world: &mut World, how: Restart) {
    let before = kept(world);
    world.restart(how);
    let sent = world.client().sent.len();
    let off = world.now;
    world.run_until("ready", seconds(150), |world| world.snapshot().ready);
    let solicits = world.client().sent[sent..].iter().any(|s| s.message.kind == Solicit);
    assert!(world.now.since(off) < seconds(150));
    let after = used(world);
    assert!(before.iter().all(|lease| after.contains(lease)), "{before:?}, then {after:?}");
    assert_eq!(after.len(), 2);
    assert_eq!(kept(world), after, "what is used is kept");
    assert_eq!(iaids(world).len(), 2, "the associations stay the same");
    assert!(before.is_empty() || !solicits, "what is remembered needs no discovery");
    assert_eq!(world.client().sent(Release).len(), 0, "nothing is given back by itself");
}

#[test]
fn fin_03_iaid_02_rel_04_a_restart_at_any_step_ends_with_the_same_leases() {
    over_seeds(5, |seed| {
        for how in WAYS {
            for steps in 0..=60 {
                let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
                world.start();
                world.run_steps(steps);
                ends_as_it_was(&mut world, how);
            }
        }
    });
}

/// Short leases, so that the steps go through Renew and Rebind.
#[test]
fn fin_03_cnf_05_a_restart_in_any_state_ends_bound() {
    over_seeds(10, |seed| {
        let mut seen = BTreeSet::new();
        for how in WAYS {
            for steps in 0..=60 {
                let server = ServerConfig::number(1).times(30, 50, 100, 150);
                let mut world = World::new(seed, wants_both(), [server]);
                world.link.loss = [0, 20, 40][usize::try_from(seed % 3).unwrap()];
                if steps % 3 == 0 {
                    world.server().dials.silent_to = [Renew].into();
                }
                if steps % 7 == 0 {
                    world.server().dials.silent_to.insert(Rebind);
                }
                world.start();
                world.run_steps(steps);
                seen.insert(world.state().as_str());
                world.restart(how);
                seen.insert(world.state().as_str());
                // Again, before it can have come to an end.
                let few = usize::try_from(world.rng().between(0, 6)).unwrap();
                world.run_steps(few);
                world.restart(how);
                world.link.loss = 0;
                world.server().dials.silent_to.clear();
                world.run_until("ready", seconds(300), |world| world.snapshot().ready);
                assert_eq!(used(&world).len(), 2);
            }
        }
        for state in ["soliciting", "requesting", "bound", "confirming"] {
            assert!(seen.contains(state), "{state} is not among {seen:?}");
        }
    });
}

/// In each state by name. What was held stays; what was being given back or declined when the
/// client was cut off does not come back unasked.
#[test]
fn fin_03_iaid_02_cnf_05_a_restart_in_each_state_ends_as_it_would_have() {
    over_seeds(10, |seed| {
        for (state, how) in
            StateName::at_work().iter().flat_map(|state| WAYS.map(|how| (*state, how)))
        {
            let mut world = in_state(seed, state);
            let before = used(&world);
            world.restart(how);
            world.run_until("ready", seconds(300), |world| world.snapshot().ready);
            world.run_for(seconds(20));
            let (now, at_rest) = (used(&world), world.state());
            match state {
                StateName::Informing | StateName::Informed => {
                    assert_eq!(at_rest, StateName::Informed, "{state:?} {how:?}");
                }
                StateName::Releasing | StateName::Declining => {
                    assert_eq!((at_rest, now.len()), (StateName::Bound, 2), "{state:?} {how:?}");
                }
                _ => {
                    assert_eq!((at_rest, now.len()), (StateName::Bound, 2), "{state:?} {how:?}");
                    assert!(before.iter().all(|lease| now.contains(lease)), "{state:?} {how:?}");
                }
            }
        }
    });
}

#[test]
fn cnf_05_a_server_that_lost_its_memory_gets_it_back_and_nothing_is_lost() {
    over_seeds(50, |seed| {
        for how in [Restart::Killed, Restart::Stopped, rebooted(60, true)] {
            let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
            let before = used(&world);
            world.server().forget();
            world.restart(how);
            world.run_for(seconds(14));
            assert!(world.client().sent(Rebind).len() >= 4, "it says nothing of what it knows not");
            assert!(world.snapshot().ready, "used on all the same");
            assert_eq!(used(&world), before);
            assert_eq!(world.client().sent(Renew).len(), 0);
            world.run_until_sent(Renew, 1, seconds(1800));
            world.run_for(seconds(1));
            assert_eq!(world.client().sent(Request).len(), 2, "NoBinding brings a Request");
            assert_eq!(used(&world), before);
            assert_eq!(world.server().store.bindings().count(), 2);
            assert_eq!(world.state(), StateName::Bound);
            assert_eq!(world.client().sent(Solicit).len(), 1);
        }
    });
}

/// The oracle sees to it that nothing is in use before.
#[test]
fn fin_03_where_the_clock_lost_the_time_a_reply_states_it_first() {
    over_seeds(100, |seed| {
        for config in [wants_address(), wants_both()] {
            let mut world = World::bound(seed, config, [ServerConfig::number(1)]);
            let before = used(&world);
            world.restart(rebooted(3000, false));
            world.run_until_sent(Rebind, 1, seconds(1));
            assert!(world.client().kernel.is_empty());
            world.run_until("ready", seconds(5), |world| world.snapshot().ready);
            assert_eq!(used(&world), before);
            assert_eq!(world.client().sent(Confirm).len(), 0, "a Confirm states no lifetimes");
        }
    });
}

#[test]
fn fin_03_where_the_clock_lost_the_time_a_dead_server_means_discovery() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.silent = true;
        world.restart(rebooted(3000, false));
        world.run_until_sent(Rebind, 1, seconds(1));
        let begun = world.now;
        world.run_until_sent(Solicit, 2, seconds(11));
        assert_eq!(world.now.since(begun), seconds(10));
        world.run_for(seconds(100));
        assert!(world.client().kernel.is_empty());
        assert_eq!(kept(&world), []);
        world.server().dials.silent = false;
        world.run_until("ready", seconds(200), |world| world.snapshot().ready);
    });
}

/// After a reboot the server knows nothing of the leases and answers no
/// Request; T2 of what was remembered comes meanwhile.
#[test]
fn fin_03_what_nobody_has_confirmed_is_not_rebound_at_its_t2() {
    over_seeds(50, |seed| {
        let server = ServerConfig::number(1).times(100, 150, 50_000, 60_000);
        let mut world = World::bound(seed, wants_both(), [server]);
        world.server().forget();
        let silent = Dials { silent_to: [Request].into(), ..Dials::default() };
        let forgets = Dials { forget_addresses: true, forget_prefixes: true, ..silent.clone() };
        world.server().dials = forgets;
        world.restart(rebooted(60, true));
        world.run_until_sent(Request, 3, seconds(30));
        // From now on it says nothing to a Rebind of what it does not know.
        world.server().dials = silent;
        world.run_for(seconds(400));
        world.server().dials = Dials::default();
        world.run_until("ready", seconds(600), |world| world.snapshot().ready);
    });
}

#[test]
fn fin_03_where_the_clock_lost_the_time_only_what_is_stated_is_used() {
    over_seeds(100, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let before = used(&world);
        world.server().dials.omit_prefixes = true;
        world.restart(rebooted(3000, false));
        world.run_until("an address", seconds(5), |world| !world.client().kernel.is_empty());
        assert_eq!(world.client().prefixes(), [], "nothing was said of the prefix");
        world.server().dials.omit_prefixes = false;
        world.run_until("ready", seconds(15), |world| used(world) == before);
    });
}

/// Another configuration is a reason to keep what is left of the leases, but
/// not ends that nobody knows: the oracle would find the next start relying
/// on them.
#[test]
fn fin_03_ends_that_are_not_known_are_not_kept() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let before = world.client().kept.clone();
        world.carrier(false);
        world.restart(rebooted(3000, false));
        world.command(Input::Configure(Box::new(wants_address())));
        assert_eq!(world.client().kept, before);
        world.restart(Restart::Killed);
        world.carrier(true);
        world.run_until("ready", seconds(5), |world| world.snapshot().ready);
    });
}

#[test]
fn fin_03_what_ended_meanwhile_is_not_asked_about() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        world.restart(rebooted(7300, true));
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!(world.client().conversation(), [Solicit, Request, Solicit, Request]);
    });
}

/// One association has ended, the other has not.
#[test]
fn fin_03_what_has_not_ended_is_used_and_the_rest_is_asked_for() {
    over_seeds(50, |seed| {
        let mut world = World::new(seed, wants_both(), [ServerConfig::number(1)]);
        world.server().dials.prefix_times = Some(Times::new(18000, 28800, 36000, 72000));
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        let before = used(&world);
        world.restart(rebooted(7300, true));
        world.run_until("ready", seconds(10), |world| used(world) == before);
        assert_eq!(world.client().sent(Solicit).len(), 1);
    });
}

#[test]
fn fin_03_extensions_are_kept_seldom() {
    over_seeds(30, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        assert_eq!(world.client().keeps, 1);
        // Every lease lasts two hours and is extended every half hour.
        world.run_for(seconds(86_400));
        let (keeps, renewals) = (world.client().keeps, world.client().sent(Renew).len());
        assert!(renewals >= 47, "{renewals}");
        assert!((12..=25).contains(&keeps), "{keeps} for {renewals}");
    });
}

#[test]
fn fin_03_what_a_server_shortens_is_kept_at_once() {
    over_seeds(30, |seed| {
        for times in [Times::new(600, 900, 1000, 1200), Times::new(1800, 2880, 0, 7200)] {
            let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
            world.server().config.times = times;
            world.run_until("updated", seconds(1900), |world| {
                world.client().has_told(&Event::Updated)
            });
            assert_eq!(world.client().keeps, 2);
            // The oracle knows what was given last.
            world.server().dials.silent = true;
            world.restart(Restart::Killed);
            world.run_for(seconds(2000));
        }
    });
}

#[test]
fn fin_03_name_servers_are_remembered_with_the_leases() {
    over_seeds(30, |seed| {
        for how in WAYS {
            let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
            let before = world.client().kernel.actual.resolver.clone();
            world.restart(how);
            world.run_for(seconds(5));
            assert!(before.is_some());
            assert_eq!(world.client().kernel.actual.resolver, before);
        }
    });
}

#[test]
fn fin_03_a_restart_under_another_configuration_keeps_what_is_still_wanted() {
    over_seeds(30, |seed| {
        for how in WAYS {
            let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
            let address = used(&world)[0];
            world.clients[0].config = wants_address();
            world.restart(how);
            world.run_until("ready", seconds(15), |world| used(world) == [address]);
            assert_eq!(kept(&world), [address]);
            world.clients[0].config = wants_prefixes(2);
            world.restart(how);
            world.run_until("ready", seconds(15), |world| used(world).len() == 3);
            assert!(used(&world).contains(&address));
            assert_eq!(world.client().sent(Solicit).len(), 1);
        }
    });
}

/// Without a T1 there is no Renew, and all the more a Rebind.
#[test]
fn rep_14_reb_01_t2_where_there_is_no_t1_outlives_a_restart() {
    over_seeds(30, |seed| {
        for how in [Restart::Stopped, Restart::Killed, rebooted(60, true)] {
            let server = ServerConfig::number(1).times(u32::MAX, 0, 3600, 7200);
            let mut world = World::bound(seed, wants_address(), [server]);
            world.server().dials.silent = true;
            world.restart(how);
            world.run_until_sent(Rebind, 1, seconds(7100));
            assert_eq!(world.client().usable().len(), 1);
        }
    });
}

/// Whatever a record says, the client speaks grammatically, uses nothing
/// that makes no sense, and gets along with its server in the end.
#[test]
fn fin_03_a_record_full_of_nonsense_does_no_harm() {
    over_seeds(1000, |seed| {
        let config = Config { prefixes: wants_prefixes(2).prefixes, ..wants_both() };
        let mut world = World::bound(seed, config, [ServerConfig::number(1)]);
        let mut record = world.client().kept.clone().expect("bound");
        let mut rng = Rng::from_number(seed);
        for _ in 0..=rng.between(0, 6) {
            spoil(&mut record, &mut rng);
        }
        world.note(format!("{record:?}"));
        world.clients[0].oracle.believes(&record);
        world.clients[0].kept = Some(record.clone());
        let (in_use, times_are_known) = (rng.chance(50), rng.chance(70));
        world.begin(Some(Restored { record, in_use, times_are_known }));
        let client = world.client();
        assert!(client.addresses().iter().all(|address| !address.is_unicast_link_local()));
        assert!(client.prefixes().iter().all(|prefix| prefix.length() >= 16));
        world.run_for(seconds(20_000));
        assert!(!world.client().kernel.is_empty());
        let sent = world.client().sent.len();
        assert!(sent < 120, "{sent} messages");
    });
}

fn spoil(record: &mut Record, rng: &mut Rng) {
    let now = record.at;
    let mut pick = |count: usize| usize::try_from(rng.between(0, count as u64 - 1)).unwrap();
    let choice = pick(12);
    if choice == 0 {
        record.server = None;
    } else if choice == 1 {
        record.options = ["00", "zz", "0017ffff", "00170010fe80", "0003000c000000010000000000"]
            [pick(5)]
        .to_owned();
    } else if choice == 2 {
        record.sol_max_rt = [Some(0), Some(59), Some(u32::MAX), None][pick(4)];
        record.inf_max_rt = record.sol_max_rt;
    }
    let times = [
        Until::Forever,
        Until::At(Instant::BOOT),
        Until::At(now),
        Until::At(now + seconds(40)),
        Until::At(Instant::from_millis(u64::MAX)),
    ];
    let Some(index) = (!record.associations.is_empty()).then(|| pick(record.associations.len()))
    else {
        return;
    };
    if choice == 3 {
        let double = record.associations[index].clone();
        return record.associations.push(double);
    }
    let ia = &mut record.associations[index];
    match choice {
        4 => (ia.t1, ia.t2) = (times[pick(5)], times[pick(5)]),
        5 => ia.iaid = Iaid([0, 1, 2, u32::MAX][pick(4)]),
        6 => ia.kind = [AssociationKind::Address, AssociationKind::Prefix][pick(2)],
        7 => {
            let many = (0..2000_u128).filter_map(|low| {
                let address = Ipv6Addr::from_bits(0x2001_0db8_0009_u128 << 80 | low);
                let lease = Prefix::new(address, 128)?;
                ia.leases
                    .first()
                    .map(|known| dhc6c_core::record::KnownLease { lease, ..known.clone() })
            });
            let many: Vec<_> = many.collect();
            ia.leases.extend(many);
        }
        8 => {
            let doubles = ia.leases.clone();
            ia.leases.extend(doubles);
        }
        _ => {}
    }
    let Some(known) = ia.leases.first_mut() else { return };
    match choice {
        9 => {
            let strange = ["::/0", "fe80::1/128", "::1/128", "ff02::1/128", "2000::/3", "::/128"];
            known.lease = strange[pick(6)].parse().expect("a prefix");
        }
        10 => (known.preferred, known.valid) = (times[pick(5)], times[pick(5)]),
        11 => known.exclude = Some(["", "00", "40", "40ff", "ffff", "xyz"][pick(6)].to_owned()),
        _ => {}
    }
}

/// The shell puts back what somebody else removed; meanwhile it is not said
/// to be usable, and no server needs to know.
#[test]
fn an_address_removed_by_somebody_else_is_back_after_detection() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let (sent, address) = (world.client().sent.len(), world.client().usable()[0]);
        world.lose(address);
        assert!(!world.snapshot().ready);
        world.run_for(Duration::from_millis(2100));
        assert!(world.snapshot().ready);
        assert_eq!(world.client().usable(), [address]);
        assert_eq!(world.client().sent.len(), sent);
    });
}

/// A clock that was not set, or jumped, is no reason to take a lease for over:
/// nothing is used before a server has said how long it lasts.
#[test]
fn fin_03_a_wall_clock_that_steps_by_fifty_years_over_a_reboot_loses_nothing() {
    const FIFTY_YEARS: i64 = 50 * 365 * 86_400;
    let steps = [-FIFTY_YEARS, 0, FIFTY_YEARS];
    over_seeds(10, |seed| {
        for ahead in steps.into_iter().flat_map(|then| steps.map(|now| (then, now))) {
            for config in [wants_address(), wants_both()] {
                let mut world = World::bound(seed, config, [ServerConfig::number(1)]);
                let before = used(&world);
                world.restart(Restart::WrongClock { off: seconds(60), ahead });
                assert!(world.client().kernel.is_empty(), "not before it is confirmed");
                world.run_until("ready", seconds(5), |world| world.snapshot().ready);
                assert_eq!(used(&world), before, "{ahead:?}");
                assert_eq!(world.client().sent(Solicit).len(), 1, "{ahead:?}");
                // And again, with a clock that has been set meanwhile.
                world.restart(Restart::WrongClock { off: seconds(60), ahead: (ahead.1, 0) });
                world.run_until("ready", seconds(5), |world| world.snapshot().ready);
                assert_eq!(used(&world), before, "{ahead:?}");
            }
        }
    });
}

/// Switched off for longer than the lease lasts, by a clock that is right.
#[test]
fn fin_03_a_lease_that_ended_while_the_machine_was_off_is_a_hint() {
    over_seeds(20, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let before = used(&world);
        world.restart(Restart::WrongClock { off: seconds(7300), ahead: (0, 0) });
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        assert_eq!((used(&world), world.client().sent(Rebind).len()), (before, 0));
        assert_eq!(world.client().sent(Solicit).len(), 2);
    });
}
