//! An uplink in a VRF: what it is given stays in the VRF's routing table.

use std::time::Duration;

use crate::client::{Client, Launch};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{RENEW, REPLY};
use crate::poll;
use crate::servers::Kea;
use crate::world::{Space, World};

pub(crate) const TESTS: &[(&str, fn())] = tests![
    an_uplink_in_a_vrf_has_its_routes_in_the_table_of_the_vrf,
    a_vrf_that_the_uplink_joins_or_leaves_takes_the_routes_along,
    an_uplink_that_belongs_into_a_vrf_waits_until_it_is_there,
];

/// The table of the VRF red.
const TABLE: u32 = 100;

fn with_red(world: &World) -> (Space, &'static str) {
    world.cpe().shell(&format!("ip link add red type vrf table {TABLE}; ip link set red up"));
    world.far_end()
}

fn within_red(world: &World) -> (Space, &'static str) {
    let place = with_red(world);
    world.cpe().shell("ip link set wan0 master red; ip link set wan0 up");
    place
}

/// How many unreachable routes there are in the main table and in that of red.
fn routes(lab: &Lab) -> (usize, usize) {
    let list = |table: u32| {
        let line = format!("ip -6 route show table {table} type unreachable 2>/dev/null || true");
        // A VRF comes with a default route of its own in some distributions.
        let printed = lab.world().cpe().shell(&line);
        printed.lines().filter(|line| line.contains("2001:db8:8")).count()
    };
    (list(254), list(TABLE))
}

/// Input: wan0 is in the VRF red; leases of seconds; `--pd`.
/// Expected: address and prefix; the route in table 100 and not in the main one; a Renew is
/// answered; nothing is left at the end.
fn an_uplink_in_a_vrf_has_its_routes_in_the_table_of_the_vrf() {
    let lab = Lab::on_links(within_red);
    let server = Kea::new().short().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    assert_eq!(routes(&lab), (0, 1));
    let renew = lab.capture().first_of(RENEW, Duration::from_secs(60));
    lab.capture().first("the Reply to it", poll::SOON, |message| {
        message.kind == REPLY && message.xid == renew.xid
    });
    client.terminate();
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[&server]);
}

/// Input: wan0 joins red while the client has a prefix, and leaves it again.
/// Expected: the route moves along, each time.
fn a_vrf_that_the_uplink_joins_or_leaves_takes_the_routes_along() {
    let lab = Lab::on_links(with_red);
    lab.world().wan_up();
    let server = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    assert_eq!(routes(&lab), (1, 0));
    lab.world().cpe().shell("ip link set wan0 master red");
    poll::wait_for("the route is in red", poll::BIND, || routes(&lab) == (0, 1));
    client.wait_ready();
    lab.world().cpe().shell("ip link set wan0 nomaster");
    poll::wait_for("the route is back", poll::BIND, || routes(&lab) == (1, 0));
    client.wait_ready();
    client.terminate();
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[&server]);
}

/// Input: `vrf = "red"`, and wan0 is not in it yet; then it is put there.
/// Expected: nothing is sent before; then address and prefix, the route in the table of red.
fn an_uplink_that_belongs_into_a_vrf_waits_until_it_is_there() {
    let lab = Lab::on_links(with_red);
    lab.world().wan_up();
    let server = Kea::new().start(lab.world());
    let client = Launch::new(lab.world())
        .with_file("[[wan]]\ninterface = \"wan0\"\nprefix = 56\nvrf = \"red\"\n")
        .start();
    client.wait_line("that it waits", |line| line.contains("not in the VRF red"));
    assert!(lab.capture().settled().is_empty(), "something was sent outside of red");
    lab.world().cpe().shell("ip link set wan0 master red");
    client.wait_ready();
    assert_eq!(routes(&lab), (0, 1));
    client.terminate();
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[&server]);
}
