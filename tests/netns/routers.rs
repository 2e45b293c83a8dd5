//! `--auto`: what routers say decides what is asked for. The kernel of the CPE ignores
//! advertisements, as one that forwards does; the client hears them all the same.

use std::fs;

use crate::capture::dialogue;
use crate::client::Client;
use crate::helper;
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{ADVERTISE, INFORMATION_REQUEST, Message, REPLY, REQUEST, SOLICIT};
use crate::poll;
use crate::process::Process;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    ra_01_inf_07_the_managed_flag_of_a_real_router_leads_to_an_address,
    inf_07_the_other_flag_of_a_real_router_leads_to_options,
    pf_02_pf_04_a_prefix_that_stands_for_delegation_leads_to_one,
    ra_01_an_advertisement_that_has_passed_a_router_is_none,
];

/// A router with these flags; it answers solicitations, and says nothing by itself while a test
/// lasts but in its first seconds.
fn radvd(lab: &Lab, managed: bool, other: bool) -> Process {
    let word = |flag| if flag { "on" } else { "off" };
    let text = format!(
        "interface isp0 {{ AdvSendAdvert on; AdvManagedFlag {}; AdvOtherConfigFlag {};\n\
         MinRtrAdvInterval 200; MaxRtrAdvInterval 600;\n\
         prefix 2001:db8:0:1::/64 {{ AdvOnLink on; AdvAutonomous on; }}; }};\n",
        word(managed),
        word(other)
    );
    let dir = lab.world().dir().display().to_string();
    fs::write(format!("{dir}/radvd.conf"), text).expect("the configuration of radvd");
    let isp = lab.world().isp();
    isp.shell("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    let mut command = isp.command("radvd");
    let pid = format!("{dir}/radvd.pid");
    command.args(["-n", "-m", "stderr", "-C", &format!("{dir}/radvd.conf"), "-p", &pid]);
    Process::spawn("radvd", &mut command)
}

/// Nothing is sent to servers before a router has spoken.
fn assert_silent(lab: &Lab) {
    let said = lab.capture().settled();
    assert!(said.is_empty(), "{said:?}");
}

/// Input: `dhc6c --auto wan0` and radvd with the M flag. Expected: an address by four messages.
fn ra_01_inf_07_the_managed_flag_of_a_real_router_leads_to_an_address() {
    let lab = Lab::new();
    let server = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--auto"]);
    assert_eq!(client.status().text("/mode"), "auto");
    assert_silent(&lab);
    let router = radvd(&lab, true, true);
    let status = client.wait_ready();
    assert_eq!((status.text("/mode"), status.text("/state")), ("auto", "bound"));
    assert_eq!(dialogue(&lab.capture().settled()), [SOLICIT, ADVERTISE, REQUEST, REPLY]);
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    assert_eq!(status.list("/prefixes").len(), 0);
    router.assert_alive();
    lab.finish(&[&server]);
}

/// Input: `dhc6c --auto wan0` and radvd with the O flag. Expected: options and no address.
fn inf_07_the_other_flag_of_a_real_router_leads_to_options() {
    let lab = Lab::new();
    let server = Kea::new().start(lab.world());
    let router = radvd(&lab, false, true);
    let client = Client::start(lab.world(), &["--auto"]);
    let status = client.wait_ready();
    assert_eq!(status.text("/state"), "informed");
    assert_eq!(dialogue(&lab.capture().settled()), [INFORMATION_REQUEST, REPLY]);
    kernel::assert_clean(&lab.world().cpe());
    router.assert_alive();
    lab.finish(&[&server]);
}

/// An advertisement without flags, with 2001:db8:0:1::/64, on-link, A and P.
fn delegating() -> Vec<u8> {
    let mut octets = vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    octets.extend([3, 4, 64, 0xd0, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0]);
    octets.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    octets
}

/// Input: `dhc6c --auto wan0` and a router whose prefix has the P flag.
/// Expected: a delegated prefix and no address; the wish is one for a /64.
fn pf_02_pf_04_a_prefix_that_stands_for_delegation_leads_to_one() {
    let lab = Lab::new();
    let server = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--auto"]);
    client.status();
    assert_silent(&lab);
    let router = Process::spawn(
        "the router",
        &mut helper::advertise(&lab.world().isp(), 255, &delegating()),
    );
    let status = client.wait_ready();
    assert_eq!((status.list("/addresses").len(), status.list("/prefixes").len()), (0, 1));
    let solicit: Message = lab.capture().first_of(SOLICIT, poll::SOON);
    let wishes: Vec<_> = solicit.prefixes().into_iter().map(|prefix| prefix.prefix).collect();
    assert_eq!(wishes, ["::/64"]);
    router.assert_alive();
    lab.finish(&[&server]);
}

/// Input: the same with a hop limit of 64. Expected: it is counted, and nothing is asked for.
fn ra_01_an_advertisement_that_has_passed_a_router_is_none() {
    let lab = Lab::new();
    let client = Client::start(lab.world(), &["--auto"]);
    let router =
        Process::spawn("the forger", &mut helper::advertise(&lab.world().isp(), 64, &delegating()));
    client.wait_status("three dropped", poll::BIND, |status| {
        status.0["counters"]["dropped"]["destination"].as_u64() >= Some(3)
    });
    assert_silent(&lab);
    assert_eq!(client.status().text("/state"), "idle");
    router.assert_alive();
    lab.finish(&[]);
}
