//! The machine was suspended: it may be on another link by now (RFC 9915
//! §18.2.12).

use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::MessageType;

use crate::client::{wants_address, wants_both};
use crate::seeds::over_seeds;
use crate::server::ServerConfig;
use crate::states::in_state;
use crate::world::{World, seconds};

use MessageType::{Confirm, InformationRequest, Rebind, Release, Solicit};

/// Shorter than any lease, and longer.
const SLEEPS: [Duration; 2] = [seconds(600), seconds(25 * 3600)];

/// What a client sends first when it has slept for as long in this state.
fn first_word(state: StateName, is_over: bool) -> Option<MessageType> {
    Some(match state {
        StateName::Bound
        | StateName::Renewing
        | StateName::Rebinding
        | StateName::Confirming
        | StateName::Declining
            if !is_over =>
        {
            Rebind
        }
        StateName::Releasing => return None,
        StateName::Informing | StateName::Informed => InformationRequest,
        _ => Solicit,
    })
}

#[test]
fn cnf_05_a_sleep_in_any_state_is_followed_by_the_right_question() {
    over_seeds(10, |seed| {
        for &state in StateName::at_work() {
            for slept in SLEEPS {
                let mut world = in_state(seed, state);
                let (from, held) = (world.client().sent.len(), world.client().prefixes());
                world.sleep(slept);
                let is_over = slept == SLEEPS[1];
                let used = world.client().addresses().len() + world.client().prefixes().len();
                assert!(!is_over || used == 0, "nothing outlives its end");
                let woken = world.now;
                let Some(word) = first_word(state, is_over) else {
                    world.run_for(seconds(30));
                    assert_eq!(world.client().sent.len(), from, "its server may be far away");
                    assert_eq!(world.state(), StateName::Idle);
                    continue;
                };
                let said = |world: &World| world.client().sent.len() > from;
                world.run_until("asked", Duration::from_millis(1100), said);
                let first = &world.client().sent[from];
                assert_eq!(first.message.kind, word, "{state:?} after {slept:?}");
                world.run_until("ready", seconds(20), |world| world.snapshot().ready);
                assert!(world.now.since(woken) < seconds(20));
                if word == Rebind {
                    assert_eq!(world.client().prefixes(), held, "the prefix is kept");
                }
                assert_eq!(world.client().sent(Release).len(), 0);
            }
        }
    });
}

#[test]
fn cnf_05_a_sleep_with_addresses_alone_is_followed_by_a_confirm() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_address(), [ServerConfig::number(1)]);
        let held = world.client().usable();
        world.sleep(seconds(600));
        let woken = world.now;
        world.run_until_sent(Confirm, 1, Duration::from_millis(1001));
        assert!(world.now.since(woken) <= seconds(1), "CNF_MAX_DELAY");
        world.run_for(seconds(1));
        assert_eq!((world.state(), world.client().usable()), (StateName::Bound, held));
    });
}

#[test]
fn cnf_05_on_another_link_the_sleeper_starts_over() {
    over_seeds(50, |seed| {
        let strict = ServerConfig { strict_about_links: true, ..ServerConfig::number(2) };
        let servers = [ServerConfig::number(1), strict];
        let mut world = World::new(seed, wants_address(), servers);
        world.servers[1].unreachable = true;
        world.start();
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        world.servers[0].unreachable = true;
        world.servers[1].unreachable = false;
        world.sleep(seconds(600));
        world.run_until("moved", seconds(20), |world| {
            world.client().usable().iter().any(|address| address.segments()[2] == 2)
        });
        assert_eq!(world.client().usable().len(), 1);
    });
}

/// What is asked waits for the link.
#[test]
fn cnf_05_a_sleep_over_which_the_link_went_down() {
    over_seeds(50, |seed| {
        let mut world = World::bound(seed, wants_both(), [ServerConfig::number(1)]);
        let held = world.client().prefixes();
        world.carrier(false);
        world.sleep(seconds(600));
        let sent = world.client().sent.len();
        world.run_for(seconds(10));
        assert_eq!(world.client().sent.len(), sent);
        world.carrier(true);
        world.run_until_sent(Rebind, 1, seconds(2));
        world.run_for(seconds(1));
        assert_eq!((world.state(), world.client().prefixes()), (StateName::Bound, held));
    });
}
