//! The kernel's state against the wanted one: what is taken away comes back, what is not ours
//! stays, what a killed client left is cleared, and what another host uses is given back.

use std::net::Ipv6Addr;

use nix::sys::signal::Signal;

use crate::capture::dialogue;
use crate::client::{Client, Status};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{ADVERTISE, DECLINE, REPLY, REQUEST, SERVER_ID, SOLICIT, hex};
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    an_address_somebody_removes_is_put_back,
    a_route_somebody_removes_is_put_back,
    dec_01_dec_02_rep_03_address_in_use_is_declined,
    what_is_not_ours_stays,
    what_a_killed_client_left_is_cleared,
];

/// Input: somebody deletes the address of a bound client.
/// Expected: it is back, the client is ready again, and nothing was sent for it.
fn an_address_somebody_removes_is_put_back() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &[]);
    let leased = client.wait_ready().text("/addresses/0/address").to_owned();
    let cpe = lab.world().cpe();

    cpe.shell(&format!("ip -6 addr del {leased}/128 dev wan0"));
    poll::wait_for("the address is back", poll::SOON, || {
        client.assert_alive();
        kernel::addresses(&cpe).iter().any(|address| address.address.to_string() == leased)
    });
    client.wait_ready();
    assert_eq!(dialogue(&lab.capture().settled()), [SOLICIT, ADVERTISE, REQUEST, REPLY]);
    lab.finish(&[&kea]);
}

/// Input: somebody deletes the unreachable route of a delegated prefix.
/// Expected: it is back, and nothing was sent for it.
fn a_route_somebody_removes_is_put_back() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let cpe = lab.world().cpe();
    let before = kernel::unreachable(&cpe);

    cpe.shell(&format!("ip -6 route del unreachable {}", before[0]));
    poll::wait_for("the route is back", poll::SOON, || {
        client.assert_alive();
        kernel::unreachable(&cpe) == before
    });
    assert_eq!(dialogue(&lab.capture().settled()), [SOLICIT, ADVERTISE, REQUEST, REPLY]);
    lab.finish(&[&kea]);
}

/// Input: the first address of the server's pool is in use on the link.
/// Expected: DAD fails; a Decline from the link-local address with this address alone, to the
/// server that gave it; it is not in the kernel any more; another address takes its place.
fn dec_01_dec_02_rep_03_address_in_use_is_declined() {
    const TAKEN: &str = "2001:db8:0:1::1000";
    let lab = Lab::new();
    lab.world().isp().shell(&format!("ip -6 addr add {TAKEN}/128 dev isp0 nodad"));
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    let decline = lab.capture().first_of(DECLINE, poll::BIND);

    assert_eq!(decline.addresses(), [TAKEN.parse::<Ipv6Addr>().unwrap()]);
    assert!(decline.prefixes().is_empty());
    assert!(decline.source.is_unicast_link_local());
    assert_eq!(decline.option(SERVER_ID).map(hex), Some(kea.duid().to_owned()));
    let another = |status: &Status| {
        status.0["ready"] == true && status.0["addresses"][0]["state"] == "preferred"
    };
    let status = client.wait_status("another address", poll::BIND, another);
    assert_ne!(status.text("/addresses/0/address"), TAKEN);
    let held = kernel::addresses(&lab.world().cpe());
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!(held[0].address.to_string(), status.text("/addresses/0/address"));
    assert_eq!(kernel::unreachable(&lab.world().cpe()), [status.text("/prefixes/0/prefix")]);
    lab.finish(&[&kea]);
}

/// Input: wan0 has an address, and the machine a route, that somebody else made, before the
/// client starts; then it binds, and ends by TERM.
/// Expected: both are there while it runs and after it.
fn what_is_not_ours_stays() {
    const FOREIGN: &str = "2001:db8:0:1::f00d";
    const ROUTE: &str = "2001:db8:f00d::/48";
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    cpe.shell(&format!("ip -6 addr add {FOREIGN}/64 dev wan0"));
    cpe.shell(&format!("ip -6 route add unreachable {ROUTE} proto dhcp"));
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();

    let addresses =
        || kernel::addresses(&cpe).iter().map(|held| held.address.to_string()).collect::<Vec<_>>();
    assert!(
        addresses().len() == 2 && addresses().contains(&FOREIGN.to_owned()),
        "{:?}",
        addresses()
    );
    assert!(kernel::unreachable(&cpe).contains(&ROUTE.to_owned()));
    client.terminate();
    assert_eq!(addresses(), [FOREIGN]);
    assert_eq!(kernel::unreachable(&cpe), [ROUTE]);
    lab.finish(&[&kea]);
}

/// Input: a client with address and prefix is killed by SIGKILL; the next one is started
/// without `--pd`.
/// Expected: neither the old socket nor the old lock is in its way; it is ready with an
/// address, and the prefix's route is gone.
fn what_a_killed_client_left_is_cleared() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    let first = Client::start(lab.world(), &["--pd"]);
    first.wait_ready();
    first.signal(Signal::SIGKILL);
    first.wait_killed();
    assert_eq!(kernel::unreachable(&cpe).len(), 1);

    let second = Client::start(lab.world(), &[]);
    second.wait_ready();
    assert!(kernel::unreachable(&cpe).is_empty());
    assert_eq!(kernel::addresses(&cpe).len(), 1);
    second.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&kea]);
}
