//! A client in every state that an answer, a flap or a sleep can meet it in.

use dhc6c_core::engine::Input;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::MessageType;

use crate::client::{stateless, wants_both};
use crate::server::{Dials, ServerConfig};
use crate::world::{World, seconds};

use MessageType::{Decline, InformationRequest, Rebind, Release, Renew, Request, Solicit};

/// A client in this state. Its server was silent where that is what keeps it
/// there, and is honest from now on.
#[must_use]
pub fn in_state(seed: u64, state: StateName) -> World {
    let server = [ServerConfig::number(1)];
    let silent_to = |kinds: &[MessageType]| Dials {
        silent_to: kinds.iter().copied().collect(),
        ..Dials::default()
    };
    let mut world = match state {
        StateName::Informing | StateName::Informed => World::new(seed, stateless(), server),
        _ => World::new(seed, wants_both(), server),
    };
    let starting = match state {
        StateName::Soliciting => Some(Solicit),
        StateName::Requesting => Some(Request),
        StateName::Informing => Some(InformationRequest),
        StateName::Declining => Some(Decline),
        _ => None,
    };
    world.server().dials = silent_to(starting.as_slice());
    if state == StateName::Declining {
        let first = "2001:db8:1::1000".parse().expect("an address");
        world.clients[0].kernel.taken.insert(first);
    }
    world.start();
    if starting.is_none() {
        world.run_until("ready", seconds(20), |world| world.snapshot().ready);
        world.server().dials = silent_to(&[Renew, Rebind, Release]);
    }
    match state {
        StateName::Confirming => {
            world.carrier(false);
            world.carrier(true);
        }
        StateName::Releasing => world.command(Input::Release),
        _ => {}
    }
    world.run_until("there", seconds(3000), |world| world.state() == state);
    world.run_for(Duration::from_millis(1500));
    assert_eq!(world.state(), state);
    world.server().dials = Dials::default();
    world
}
