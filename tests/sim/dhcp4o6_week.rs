//! A week with a lease of DHCPv4 over DHCPv6 and everything that a week brings.

use dhc6c_core::time::Duration;
use dhc6c_core::wire::dhcp4o6::Response;
use dhc6c_core::wire::v4::{Kind, Message};

use crate::client::{wants_address, with_ipv4};
use crate::seeds::over_seeds;
use crate::server::{ServerConfig, Store, V4Config};
use crate::world::{World, seconds};

const DAY: u64 = 86_400;

#[test]
fn dhcp_4o6_22_4o6_24_a_lease_of_an_hour_is_held_for_a_week_of_trouble() {
    over_seeds(5, |seed| live_a_week(seed, 3600));
}

#[test]
fn dhcp_4o6_22_4o6_24_a_lease_of_a_day_is_held_for_a_week_of_trouble() {
    over_seeds(20, |seed| live_a_week(seed, 86_400));
}

/// A fifth of all messages is lost all the time; the servers forget everything on one of the
/// first days, and give other IPv6 addresses from one of the later ones on.
fn live_a_week(seed: u64, lease: u32) {
    let addresses = vec!["2001:db8:1::547".parse().expect("an address")];
    let v4 = V4Config { addresses, lease, ..V4Config::number(1) };
    let server = ServerConfig::number(1).v4(v4);
    let mut world = World::bound(seed, with_ipv4(wants_address()), [server]);
    world.run_until("leased", seconds(20), |world| world.client().ipv4().is_some());
    world.link.loss = 20;
    let begin = world.now;
    let forgets = world.rng().between(DAY, 3 * DAY);
    let renumbers = world.rng().between(4 * DAY, 6 * DAY);

    let mut gaps = Gaps::default();
    hold(&mut world, seconds(forgets), &mut gaps);
    assert_eq!(gaps.denials, 0, "the server knows it");
    world.server().forget();
    hold(&mut world, seconds(renumbers - forgets), &mut gaps);
    assert!(gaps.denials <= 1, "the server denies once what it knows no more");
    assert!(gaps.denials + gaps.expiries > 0, "and nobody extends it");
    let denials = gaps.denials;
    let before = world.client().addresses();
    let address = world.client().ipv4();
    world.server().config.addresses = "2001:db8:77::/64".parse().expect("a prefix");
    world.server().store = Store::default();
    hold(&mut world, seconds(7 * DAY - renumbers), &mut gaps);

    assert_eq!(world.now.since(begin), seconds(7 * DAY));
    assert_ne!(world.client().addresses(), before, "the IPv6 address is another one");
    assert_eq!(world.client().ipv4(), address, "the IPv4 address is not");
    assert_eq!(gaps.denials, denials, "other IPv6 addresses are nothing to it");
    assert!(gaps.length < seconds(600), "without an address for {:?}", gaps.length);
    let renewals = world.client().sent_v4(Kind::Request);
    let renewals = renewals.iter().filter(|sent| !sent.message.ciaddr.is_unspecified()).count();
    let half_lives = 7 * DAY / u64::from(lease / 2);
    assert!(renewals >= usize::try_from(half_lives * 9 / 10).expect("few"), "{renewals}");
}

/// When there was no address.
#[derive(Default)]
struct Gaps {
    /// How often a server has denied it.
    denials: u32,
    /// How often its time ran out.
    expiries: u32,
    /// For how long in all.
    length: Duration,
}

/// Lets time pass, and looks after every step whether an address has gone that was still valid
/// and that no server has denied.
fn hold(world: &mut World, duration: Duration, gaps: &mut Gaps) {
    let end = world.now + duration;
    loop {
        let (before, held) = (world.now, world.client().kernel.actual.ipv4.clone());
        let goes_on = world.step(end);
        match held {
            None => gaps.length += world.now.since(before),
            Some(held) if world.client().ipv4() == Some(held.address) => {}
            Some(_) if is_denied(world) => gaps.denials += 1,
            // Every answer to a dozen of requests can be lost.
            Some(held) => {
                let address = held.address;
                assert!(held.valid.is_over(world.now), "{address} left at {:?}", world.age());
                gaps.expiries += 1;
            }
        }
        if !goes_on {
            return;
        }
    }
}

/// What reached the client last is a DHCPNAK.
fn is_denied(world: &World) -> bool {
    let response = world.heard.back().and_then(|last| Response::decode(&last.octets).ok());
    let message = response.and_then(|response| Message::decode(&response.v4).ok());
    message.is_some_and(|decoded| decoded.message.kind == Kind::Nak)
}
