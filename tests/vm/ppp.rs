//! An uplink by PPP: no link-layer address, and another interface each time it is dialled.

use std::process::Command;

use nix::sys::signal::Signal;

use crate::capture::dialogue;
use crate::client::Client;
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{CLIENT_ID, IA_NA, IA_PD, REBIND, RELEASE, REPLY, SOLICIT};
use crate::poll;
use crate::process::Process;
use crate::servers::Kea;
use crate::world::{Space, World};

pub(crate) const TESTS: &[(&str, fn())] =
    tests![cnf_01_iaid_02_duid_07_a_ppp_link_that_is_dialled_anew_keeps_address_and_prefix];

/// The usual ends are laid aside; what comes is not of the kernel's choice.
fn unplug(world: &World) {
    world.cpe().shell("ip link set wan0 name wire0");
    world.isp().shell("ip link set isp0 down; ip link set isp0 name wire0");
}

/// Connects wan0 and isp0 by PPP, and waits until both have their link-local address.
fn dial(world: &World) -> Process {
    let (isp, cpe) = (world.isp(), world.cpe());
    let common = "nodetach noauth nolock local noip nodefaultroute";
    let far = format!("{} {common} notty ifname wan0 ipv6 ::2,::1", words(&cpe.command("pppd")));
    let mut near = isp.command("pppd");
    near.args(common.split(' ')).args(["ifname", "isp0", "ipv6", "::1,::2", "pty", &far]);
    let link = Process::spawn("pppd", &mut near);
    poll::wait_for("both ends of the link have an address", poll::BIND, || {
        link.assert_alive();
        [&isp, &cpe].iter().all(|end| has_link_local(end))
    });
    // Kea takes the far end's address of a point-to-point link for its own.
    isp.shell("ip -6 addr flush dev isp0; ip -6 addr add fe80::1/64 dev isp0 nodad");
    link
}

fn has_link_local(end: &Space) -> bool {
    let name = end.shell("ls /sys/class/net | grep -x -e wan0 -e isp0 || true");
    let addresses = end.proc("net/if_inet6");
    !name.trim().is_empty()
        && addresses.lines().any(|line| line.starts_with("fe80") && line.ends_with(name.trim()))
}

/// A command as a line of shell.
fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn index(space: &Space) -> u32 {
    space.shell("cat /sys/class/net/wan0/ifindex").trim().parse().expect("an interface index")
}

/// Input: address and prefix over PPP; the link breaks, and is dialled anew.
/// Expected: nothing is released; the new interface, with another number, asks by Rebind with
/// the same DUID and IAIDs, and has the same address and prefix.
fn cnf_01_iaid_02_duid_07_a_ppp_link_that_is_dialled_anew_keeps_address_and_prefix() {
    let mut link = None;
    let lab = Lab::on_links(|world| {
        unplug(world);
        link = Some(dial(world));
        (world.cpe(), "any")
    });
    let world = lab.world();
    let server = Kea::new().start(world);
    let client = Client::start(world, &["--pd"]);
    client.wait_ready();
    let (before, first) = (lab.capture().settled(), index(&world.cpe()));
    let held = (kernel::addresses(&world.cpe()), kernel::unreachable(&world.cpe()));
    assert_eq!((held.0.len(), held.1.len()), (1, 1));

    drop(link.take());
    client.wait_line("that the interface is gone", |line| line.contains("the interface is gone"));
    // The server's socket was of the interface of before. It finds its leases, and is there
    // before the client looks, as that of a provider would be.
    client.signal(Signal::SIGSTOP);
    let link = dial(world);
    server.kill();
    let server = Kea::new().start(world);
    client.signal(Signal::SIGCONT);
    assert_ne!(index(&world.cpe()), first, "the same interface");
    let rebind = lab.capture().first_of(REBIND, poll::BIND);
    lab.capture().first("the Reply to the Rebind", poll::SOON, |message| {
        message.kind == REPLY && message.xid == rebind.xid
    });
    client.wait_status("bound and ready", poll::BIND, |status| {
        status.0["state"] == "bound" && status.0["ready"] == true
    });
    let now = (kernel::addresses(&world.cpe()), kernel::unreachable(&world.cpe()));
    assert_eq!((now.0[0].address, &now.1), (held.0[0].address, &held.1));

    let said = lab.capture().settled();
    let after = &said[before.len()..];
    assert_eq!(dialogue(after), [REBIND, REPLY]);
    assert!(!said.iter().any(|message| message.kind == RELEASE), "something was released");
    let solicit = before.iter().find(|message| message.kind == SOLICIT).expect("a Solicit");
    assert_eq!(after[0].option(CLIENT_ID), solicit.option(CLIENT_ID));
    for kind in [IA_NA, IA_PD] {
        let iaids = |message: &crate::pcap::Message| {
            message.associations(kind).iter().map(|ia| ia.iaid).collect::<Vec<_>>()
        };
        assert_eq!(iaids(&after[0]), iaids(solicit));
    }
    link.assert_alive();
    client.terminate();
    kernel::assert_clean(&world.cpe());
    lab.finish(&[&server]);
}
