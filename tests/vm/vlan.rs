//! An uplink that is a VLAN of a trunk, as many providers hand it over.

use crate::capture::dialogue;
use crate::client::Launch;
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{ADVERTISE, REPLY, REQUEST, SOLICIT};
use crate::servers::Kea;
use crate::world::{Space, World};

pub(crate) const TESTS: &[(&str, fn())] =
    tests![tx_01_a_vlan_gets_its_leases_and_our_priority_is_in_its_tag];

/// The provider's number for it.
const VLAN: u16 = 832;

/// wan0 and isp0 become VLANs of trunk0 at either end, where all of it is captured.
fn tag(world: &World) -> (Space, &'static str) {
    let (isp, cpe) = (world.isp(), world.cpe());
    isp.shell(&format!(
        "ip link set isp0 down; ip link set isp0 name trunk0; ip link set trunk0 up
         ip link add link trunk0 name isp0 type vlan id {VLAN}
         echo 0 > /proc/sys/net/ipv6/conf/isp0/accept_dad
         echo 1 > /proc/sys/net/ipv6/conf/isp0/addr_gen_mode
         ip link set isp0 up
         ip -6 addr add 2001:db8:0:1::1/64 dev isp0 nodad; ip -6 addr add fe80::1/64 dev isp0 nodad"
    ));
    cpe.shell(&format!(
        "ip link set wan0 name trunk0; ip link set trunk0 up
         ip link add link trunk0 name wan0 type vlan id {VLAN} egress-qos-map 6:5
         echo 0 > /proc/sys/net/ipv6/conf/wan0/accept_ra
         ip link set wan0 up"
    ));
    (isp, "trunk0")
}

/// Input: wan0 is VLAN 832 of trunk0, whose priority 6 is 5 in the tag; `priority = 6`.
/// Expected: four messages within the VLAN, ours with 5 in their tags; address and prefix.
fn tx_01_a_vlan_gets_its_leases_and_our_priority_is_in_its_tag() {
    let lab = Lab::on_links(tag);
    let server = Kea::new().start(lab.world());
    let client = Launch::new(lab.world())
        .with_file("[[wan]]\ninterface = \"wan0\"\nprefix = 56\npriority = 6\n")
        .start();
    client.wait_ready();
    let said = lab.capture().settled();
    assert_eq!(dialogue(&said), [SOLICIT, ADVERTISE, REQUEST, REPLY]);
    for message in said {
        let priority = if message.destination_port == 547 { 5 } else { 0 };
        assert_eq!(message.vlan, Some((priority, VLAN)), "{message:?}");
    }
    let cpe = lab.world().cpe();
    assert_eq!(kernel::addresses(&cpe).len(), 1);
    assert_eq!(kernel::unreachable(&cpe).len(), 1);
    client.terminate();
    kernel::assert_clean(&cpe);
    lab.finish(&[&server]);
}
