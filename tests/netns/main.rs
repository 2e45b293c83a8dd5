//! The real client against real servers, in network namespaces of its own.
//!
//! Needs root, iproute2, util-linux, tcpdump and servers (`make tools` gets them). Where
//! something is missing the tests concerned are reported as ignored, never as passed; with `DHC6C_REQUIRE_NETNS=1`
//! they fail instead.
//!
//! `world` builds the namespaces, `servers` and `client` run in them, `capture` and `kernel`
//! read back what happened, `lab` holds world and capture together; the other modules are the
//! scenarios. `interop` runs each of its scenarios against every server of `farm`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

/// The tests of one scenario file by name.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => { &[$((stringify!($test), $test as fn())),+] };
}

mod capture;
mod client;
mod config;
mod dhcp4o6;
mod dhcp4o6_held;
mod disk;
mod dnsmasq;
mod exhausted;
mod farm;
mod flaps;
mod helper;
mod high_availability;
mod hooks;
mod identity;
mod interfaces;
mod interop;
mod isc4o6;
mod isc_pair;
mod kea4o6;
mod kea_again;
mod kea_bind;
mod kea_life;
mod kea_stop;
mod kea_wire;
mod kernel;
mod killed;
mod lab;
mod needs;
mod pcap;
mod poll;
mod process;
mod reconcile;
mod refusals;
mod resolver;
mod routers;
mod servers;
mod signals;
mod status;
mod storms;
mod world;

use std::collections::BTreeSet;

use libtest_mimic::{Arguments, Failed, Trial};

type Scenario = (&'static str, &'static [&'static str], &'static [(&'static str, fn())]);

/// Each scenario file, the servers it needs, and its tests.
const SCENARIOS: [Scenario; 25] = [
    ("config", &["dnsmasq"], config::TESTS),
    ("dhcp4o6", &["kea-dhcp6", "kea-dhcp4", "dhcrelay"], dhcp4o6::TESTS),
    ("dhcp4o6_held", &["kea-dhcp6", "kea-dhcp4"], dhcp4o6_held::TESTS),
    ("disk", &["kea-dhcp6"], disk::TESTS),
    ("dnsmasq", &["dnsmasq"], dnsmasq::TESTS),
    ("exhausted", &["kea-dhcp6", "prlimit"], exhausted::TESTS),
    ("high_availability", &["kea-dhcp6", "ping"], high_availability::TESTS),
    ("flaps", &["kea-dhcp6"], flaps::TESTS),
    ("hooks", &["kea-dhcp6", "prlimit"], hooks::TESTS),
    ("identity", &["kea-dhcp6", "perl"], identity::TESTS),
    ("interfaces", &["kea-dhcp6"], interfaces::TESTS),
    ("isc4o6", &[isc_pair::DHCPD, isc_pair::DHCLIENT, "kea-dhcp6", "kea-dhcp4"], isc4o6::TESTS),
    ("kea_again", &["kea-dhcp6"], kea_again::TESTS),
    ("kea_bind", &["kea-dhcp6"], kea_bind::TESTS),
    ("kea_life", &["kea-dhcp6"], kea_life::TESTS),
    ("kea_stop", &["kea-dhcp6"], kea_stop::TESTS),
    ("kea_wire", &["kea-dhcp6"], kea_wire::TESTS),
    ("killed", &["kea-dhcp6"], killed::TESTS),
    ("reconcile", &["kea-dhcp6"], reconcile::TESTS),
    ("refusals", &[], refusals::TESTS),
    ("resolver", &["kea-dhcp6"], resolver::TESTS),
    ("routers", &["kea-dhcp6", "radvd"], routers::TESTS),
    ("signals", &["kea-dhcp6"], signals::TESTS),
    ("status", &["kea-dhcp6"], status::TESTS),
    ("storms", &["kea-dhcp6"], storms::TESTS),
];

fn main() {
    if helper::ran() {
        return;
    }
    let arguments = Arguments::from_args();
    let needed = SCENARIOS.iter().map(|(_, programs, _)| *programs);
    let needed = needed.chain(farm::MODELS.iter().map(|model| model.programs));
    let reasons: BTreeSet<_> = needed.filter_map(needs::missing).collect();
    for why in reasons {
        eprintln!("netns: tests that cannot run: {why}");
    }
    let trials = SCENARIOS.iter().flat_map(trials).chain(interop::trials()).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// One scenario's tests.
fn trials((scenario, programs, tests): &Scenario) -> Vec<Trial> {
    tests.iter().map(|&(name, test)| trial(format!("{scenario}::{name}"), programs, test)).collect()
}

/// A test, ignored where it cannot run.
fn trial(name: String, programs: &[&str], test: impl FnOnce() + Send + 'static) -> Trial {
    let missing = needs::missing(programs);
    let ignored = missing.is_some() && !needs::required();
    let run = move || match missing {
        Some(why) => Err(Failed::from(why)),
        None => {
            test();
            Ok(())
        }
    };
    Trial::test(name, run).with_ignored_flag(ignored)
}
