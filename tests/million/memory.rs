//! What one client takes in memory: the octets its engine has allocated,
//! counted by the allocator.

use allocation_counter::measure;
use dhc6c_core::engine::{Event, Input, Interface, Output};
use dhc6c_core::link::{Datagram, Link};
use dhc6c_core::rng::Rng;
use dhc6c_core::time::Instant;

use crate::responder::Responder;
use crate::storm::{CLIENT, SERVER, Setup, client};

/// Octets that the engine of one client takes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Before its link is there.
    pub new: u64,
    /// With an address, a prefix, two name servers and a search list.
    pub bound: u64,
    /// At most on the way from the one to the other, messages included.
    pub peak: u64,
}

/// Binds one client and counts.
#[must_use]
pub fn of_one_client(setup: &Setup) -> Memory {
    let mut engine = None;
    let mut rng = Rng::from_number(1);
    let new = measure(|| engine = Some(Box::new(client(setup, 1, &mut rng)))).bytes_current;
    let new = u64::try_from(new).expect("an engine takes memory");
    let mut engine = engine.expect("it was made");
    let bound = measure(|| bind(&mut engine));
    let peak = new + bound.bytes_max;
    let gone = measure(|| drop(engine)).bytes_current;
    let bound = gone.unsigned_abs();
    Memory { new, bound, peak }
}

fn bind(engine: &mut Interface) {
    let server = Responder::number(1, None);
    let mut now = Instant::BOOT;
    let mut next = Some(Input::Link(Link { index: 2, up: true, link_local: Some(CLIENT) }));
    let mut is_bound = false;
    while !is_bound {
        engine.handle_input(now, next.take().unwrap_or(Input::Tick));
        while let Some(output) = engine.poll_output(now) {
            match output {
                Output::Transmit(octets) => {
                    let octets = server.answer(&octets).expect("an honest question");
                    let (source, destination) = (SERVER, CLIENT);
                    next = Some(Input::Datagram(Datagram { source, destination, octets }));
                }
                Output::Event(Event::Bound) => is_bound = true,
                _ => {}
            }
        }
        if next.is_none() {
            now = engine.poll_deadline().expect("it waits for something").at;
        }
    }
}
