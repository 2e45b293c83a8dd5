//! Everything that can happen to the client of a life besides what its
//! servers do, by name.

use dhc6c_core::engine::Input;
use dhc6c_core::ident::Duid;
use dhc6c_core::link::{Datagram, Link};
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::{DhcpOption, MessageType, ReconfigureKey, code};

use crate::router::Router;
use crate::server::ServerConfig;
use crate::world::{Restart, Strike, World, seconds};

use super::draw::{self, one_of};

/// Something that happens.
pub struct Accident {
    /// What, in a word or two.
    pub name: &'static str,
    /// Makes it happen.
    pub happen: fn(&mut World),
}

macro_rules! accidents {
    ($($name:literal => |$world:ident| $happen:expr;)*) => {
        /// All of them.
        pub const ACCIDENTS: &[Accident] = &[$(Accident {
            name: $name,
            happen: |$world: &mut World| { $happen; },
        },)*];
    };
}

accidents! {
    // The administrator.
    "renew" => |world| world.command(Input::Renew);
    "rebind" => |world| world.command(Input::Rebind);
    "release" => |world| world.command(Input::Release);
    "restart" => |world| world.command(Input::Restart);
    "reload" => |world| reload(world);
    "stop and start" => |world| world.restart(Restart::Stopped);
    "stop with release" => |world| world.command(Input::Stop { release: true });
    "ten commands at once" => |world| commands(world);

    // Its process, its store, its clocks.
    "killed" => |world| world.restart(Restart::Killed);
    "dies at work" => |world| fall(world);
    "power cut" => |world| reboot(world, true);
    "power cut without a clock" => |world| reboot(world, false);
    "wall clock steps" => |world| step_clock(world);
    "write lost" => |world| tear(world, false);
    "older record stays" => |world| tear(world, true);
    "suspend" => |world| sleep(world);

    // Its link and its kernel.
    "carrier lost" => |world| world.carrier(false);
    "carrier back" => |world| world.carrier(true);
    "carrier flaps" => |world| flap(world);
    "other link-local address" => |world| move_address(world);
    "no link-local address" => |world| lose_address(world);
    "other interface" => |world| world.replace_interface();
    "address removed" => |world| remove(world);
    "address taken by another host" => |world| take(world);
    "netlink loses news" => |world| world.clients[0].netlink_loss = 80;
    "netlink overrun" => |world| world.overrun();
    "a hook hangs" => |world| hang(world);

    // What arrives.
    "junk" => |world| junk(world);
    "an answer replayed" => |world| replay(world, false);
    "an answer spoilt" => |world| replay(world, true);
    "its own message" => |world| echo(world);
    "an answer from elsewhere" => |world| misplace(world);
    "Reconfigure" => |world| reconfigure(world);
    "Reconfigure, forged" => |world| forge(world);
    "a router speaks" => |world| hear(world);

    // The servers as a whole.
    "a server loses its memory" => |world| with_server(world, |server| server.model.forget());
    "a server goes away" => |world| with_server(world, |server| server.unreachable = true);
    "a server comes back" => |world| with_server(world, |server| server.unreachable = false);
    "a server changes its name" => |world| rename(world);
    "a server changes its pools" => |world| renumber(world);
    "a server changes its key" => |world| with_server(world, |server| {
        server.model.config.reconfigure_key = Some(ReconfigureKey::new([0x99; 16]));
    });
    "the link changes" => |world| {
        let link = draw::link(world.rng());
        world.note(format!("{link:?}"));
        world.link = link;
    };
}

/// Accidents of a process that runs, which make no difference to one that has
/// stopped.
const OF_A_PROCESS: [&str; 19] = [
    "renew",
    "rebind",
    "release",
    "restart",
    "stop with release",
    "ten commands at once",
    "dies at work",
    "address removed",
    "netlink loses news",
    "netlink overrun",
    "a hook hangs",
    "junk",
    "an answer replayed",
    "an answer spoilt",
    "its own message",
    "an answer from elsewhere",
    "Reconfigure",
    "Reconfigure, forged",
    "a router speaks",
];

/// Whether there is anything in this state that an accident can make a
/// difference to.
#[must_use]
pub fn can_meet(accident: usize, state: StateName) -> bool {
    let name = ACCIDENTS[accident].name;
    match state {
        StateName::Stopped => !OF_A_PROCESS.contains(&name),
        // What is asked or told goes on, and everything follows from that.
        StateName::Requesting | StateName::Confirming | StateName::Declining => {
            !["renew", "rebind"].contains(&name)
        }
        // Nothing is in use.
        StateName::Releasing | StateName::Informed => name != "address removed",
        _ => true,
    }
}

/// The accident that has prepared this.
#[must_use]
pub fn index_of(strike: Strike) -> usize {
    let name = match strike {
        Strike::Dies => "dies at work",
        Strike::NewsLost => "netlink loses news",
        Strike::Overrun => "netlink overrun",
        Strike::HookWaits => "a hook hangs",
    };
    ACCIDENTS.iter().position(|accident| accident.name == name).expect("it is listed")
}

fn reload(world: &mut World) {
    let config = draw::config(world.rng());
    world.command(Input::Configure(Box::new(config)));
}

fn commands(world: &mut World) {
    for _ in 0..10 {
        let commands = [Input::Renew, Input::Rebind, Input::Restart];
        let command = one_of(world.rng(), &commands);
        world.command(command);
    }
}

fn fall(world: &mut World) {
    let outputs = world.rng().between(1, 8);
    world.fall_after(u32::try_from(outputs).expect("eight at most"));
}

/// A time off: a blink, a night, a week.
fn off(world: &mut World) -> Duration {
    seconds(one_of(world.rng(), &[1, 20, 300, 7000, 30_000, 600_000]))
}

fn reboot(world: &mut World, clock_is_trusted: bool) {
    let off = off(world);
    world.restart(Restart::Rebooted { off, clock_is_trusted });
}

fn step_clock(world: &mut World) {
    let (off, step) = (off(world), off(world).as_secs());
    let step = i64::try_from(step).expect("a week at most");
    let ahead = one_of(world.rng(), &[(0, step), (0, -step), (step, 0), (-step, 0)]);
    world.restart(Restart::WrongClock { off, ahead });
}

fn tear(world: &mut World, stays: bool) {
    world.tear(stays);
    let how = if world.rng().chance(50) {
        Restart::Killed
    } else {
        Restart::Rebooted { off: off(world), clock_is_trusted: true }
    };
    world.restart(how);
}

fn sleep(world: &mut World) {
    let off = off(world);
    world.sleep(off);
}

fn flap(world: &mut World) {
    for _ in 0..one_of(world.rng(), &[2, 20]) {
        world.carrier(false);
        let pause = world.rng().delay(Duration::from_millis(200));
        world.run_for(pause);
        world.carrier(true);
    }
}

fn move_address(world: &mut World) {
    let number = u16::try_from(world.rng().between(2, 9)).expect("small");
    let address = std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xc0, number);
    let link = Link { link_local: Some(address), ..world.client().link };
    world.set_link(link);
}

fn lose_address(world: &mut World) {
    let link = Link { link_local: None, ..world.client().link };
    world.set_link(link);
}

fn remove(world: &mut World) {
    if let Some(address) = world.client().addresses().first().copied() {
        world.lose(address);
    }
}

/// The address that the client has, or is most likely to get.
fn take(world: &mut World) {
    let next = "2001:db8:1::1000".parse().expect("an address");
    let address = world.client().addresses().first().copied().unwrap_or(next);
    world.note(format!("another host has {address}"));
    world.clients[0].kernel.taken.insert(address);
}

fn hang(world: &mut World) {
    let until = world.now + seconds(30);
    world.note("a hook hangs");
    world.clients[0].hooks.hangs_until = Some(until);
}

fn junk(world: &mut World) {
    let random = draw::octets(world.rng());
    let length = one_of(world.rng(), &[0, 1, 2, 3, 4, 5, 8, 64]);
    let kind = one_of(world.rng(), &[0, 2, 7, 10, 12, 13, 20, 21, 36, 99, 255]);
    let mut octets = random[..length].to_vec();
    if let (Some(first), true) = (octets.first_mut(), world.rng().chance(70)) {
        *first = kind;
    }
    world.inject_from_server(octets);
}

fn replay(world: &mut World, spoilt: bool) {
    let heard: Vec<_> = world.heard.iter().cloned().collect();
    if heard.is_empty() {
        return;
    }
    let mut datagram = one_of(world.rng(), &heard);
    if spoilt {
        let last = u64::try_from(datagram.octets.len()).expect("64 KiB at most").saturating_sub(1);
        let place = usize::try_from(world.rng().between(0, last)).expect("64 KiB at most");
        if let Some(octet) = datagram.octets.get_mut(place) {
            *octet = octet.wrapping_add(1);
        }
    }
    world.inject(datagram);
}

/// Multicasts loop back.
fn echo(world: &mut World) {
    let own = world.client().sent.last().map(|sent| sent.message.encode().expect("it was sent"));
    if let Some(octets) = own {
        world.inject_from_server(octets);
    }
}

/// The latest answer comes again: to the group, to another address, or of a
/// source that is not of the link.
fn misplace(world: &mut World) {
    let Some(heard) = world.heard.back().cloned() else { return };
    let address = |text: &str| text.parse().expect("an address");
    let datagram = match world.rng().between(0, 2) {
        0 => Datagram { destination: address("ff02::1:2"), ..heard },
        1 => Datagram { destination: address("2001:db8:1::1000"), ..heard },
        _ => Datagram { source: address("2001:db8::bad"), ..heard },
    };
    world.inject(datagram);
}

fn reconfigure(world: &mut World) {
    let kinds = [MessageType::Renew, MessageType::Rebind, MessageType::InformationRequest];
    let kind = one_of(world.rng(), &kinds);
    world.reconfigure(kind);
}

/// Reconfigure messages that break one rule each (RFC 9915 §16.11, §20.4).
fn forge(world: &mut World) {
    let kind = DhcpOption::ReconfigureMessage(MessageType::Renew);
    let client = world.client().config.duid.clone();
    let stranger = Duid::new(b"\0\x03\0\x01nobody").expect("ten octets are a DUID");
    let choice = world.rng().between(0, 13);
    let known = world.client().kept.as_ref().and_then(|kept| kept.reconfigure_key.clone());
    let own = world.own_server();
    let server = &mut world.servers[own].model;
    let raw = |code, payload: &[u8]| DhcpOption::Raw { code, payload: payload.to_vec() };
    let octets = match choice {
        // Nothing to do, an impossible thing to do, two things to do.
        0 => server.reconfigure_with(&client, Vec::new()),
        1 => server.reconfigure_with(&client, vec![raw(19, &[4])]),
        2 => server.reconfigure_with(&client, vec![kind.clone(), kind]),
        // For somebody else.
        3 => server.reconfigure_with(&stranger, vec![kind]),
        // Of somebody who does not know the key.
        4 => {
            let key = server.config.reconfigure_key.replace(ReconfigureKey::new([0x66; 16]));
            let octets = server.reconfigure_with(&client, vec![kind]);
            server.config.reconfigure_key = key;
            octets
        }
        // To everybody.
        5 => {
            let octets = server.reconfigure_with(&client, vec![kind]);
            return world.forge_to("ff02::1:2".parse().expect("an address"), octets);
        }
        // Octets that are no type of message.
        6 => server.reconfigure_with(&client, vec![raw(19, &[])]),
        7 => server.reconfigure_with(&client, vec![raw(19, &[5, 5])]),
        // In the name of a server that the client does not deal with.
        8 => {
            let other = Duid::new(b"\0\x03\0\x01forger").expect("ten octets are a DUID");
            let own = core::mem::replace(&mut server.config.duid, other);
            let octets = server.reconfigure_with(&client, vec![kind]);
            server.config.duid = own;
            octets
        }
        // Of nobody, or for nobody, who knows.
        9 => server.reconfigure_without(&[code::AUTH], &client, vec![kind]),
        10 => server.reconfigure_without(&[code::CLIENTID], &client, vec![kind]),
        11 => server.reconfigure_without(&[code::SERVERID], &client, vec![kind]),
        // Of the past: the first of all, or what the client has heard last.
        _ => {
            let same = known.filter(|known| known.server == server.config.duid);
            let heard = same.map_or(0, |known| known.replay);
            if heard == 0 {
                return;
            }
            let replay = if choice == 12 { 1 } else { heard };
            let next = core::mem::replace(&mut server.replay, replay - 1);
            let octets = server.reconfigure_with(&client, vec![kind]);
            server.replay = next;
            octets
        }
    };
    if let Some(address) = world.client().link.link_local {
        world.forge_to(address, octets);
    }
}

fn hear(world: &mut World) {
    let preferred = one_of(world.rng(), &[0, 60, 3600, u32::MAX]);
    let router = match world.rng().between(0, 4) {
        0 => Router::default(),
        1 => Router::default().other(),
        2 => Router::default().managed(),
        3 => Router::default().managed().prefix("2001:db8:a::/64", preferred),
        _ => Router::default().delegating("2001:db8:b::/64", preferred),
    };
    world.hear(&router);
}

fn with_server(world: &mut World, change: impl FnOnce(&mut crate::world::Server)) {
    let last = u64::try_from(world.servers.len()).expect("a few") - 1;
    let index = usize::try_from(world.rng().between(0, last)).expect("a few");
    change(&mut world.servers[index]);
}

/// The same server with another identifier: its machine was replaced.
fn rename(world: &mut World) {
    let number = u8::try_from(world.rng().between(0, 3)).expect("small");
    let duid = Duid::new(&[0, 3, 0, 1, 2, 0, 0, 0, 0x99, number]).expect("ten octets are a DUID");
    with_server(world, |server| server.model.config.duid = duid);
}

/// The provider renumbers: other pools, and nothing remembered.
fn renumber(world: &mut World) {
    let number = u8::try_from(world.rng().between(10, 15)).expect("small");
    let ServerConfig { addresses, prefixes, .. } = ServerConfig::number(number);
    with_server(world, |server| {
        server.model.forget();
        server.model.config.addresses = addresses;
        server.model.config.prefixes = prefixes;
    });
}
