//! The real client against real servers, in network namespaces of its own.
//!
//! Needs root, iproute2, util-linux, tcpdump, Kea and dnsmasq. Where something is missing the
//! tests concerned are reported as ignored, never as passed; with `DHC6C_REQUIRE_NETNS=1`
//! they fail instead.
//!
//! `world` builds the namespaces, `servers` and `client` run in them, `capture` and `kernel`
//! read back what happened, `lab` holds world and capture together; the other modules are the
//! scenarios.
#![allow(clippy::unwrap_used, clippy::expect_used)]

/// The tests of one scenario file by name.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => { &[$((stringify!($test), $test as fn())),+] };
}

mod capture;
mod client;
mod config;
mod dnsmasq;
mod helper;
mod hooks;
mod kea_again;
mod kea_bind;
mod kea_life;
mod kea_stop;
mod kea_wire;
mod kernel;
mod lab;
mod needs;
mod pcap;
mod poll;
mod process;
mod reconcile;
mod refusals;
mod resolver;
mod servers;
mod status;
mod world;

use std::collections::BTreeSet;

use libtest_mimic::{Arguments, Failed, Trial};

type Scenario = (&'static str, &'static [&'static str], &'static [(&'static str, fn())]);

/// Each scenario file, the servers it needs, and its tests.
const SCENARIOS: [Scenario; 12] = [
    ("config", &["dnsmasq"], config::TESTS),
    ("dnsmasq", &["dnsmasq"], dnsmasq::TESTS),
    ("hooks", &["kea-dhcp6"], hooks::TESTS),
    ("kea_again", &["kea-dhcp6"], kea_again::TESTS),
    ("kea_bind", &["kea-dhcp6"], kea_bind::TESTS),
    ("kea_life", &["kea-dhcp6"], kea_life::TESTS),
    ("kea_stop", &["kea-dhcp6"], kea_stop::TESTS),
    ("kea_wire", &["kea-dhcp6"], kea_wire::TESTS),
    ("reconcile", &["kea-dhcp6"], reconcile::TESTS),
    ("refusals", &[], refusals::TESTS),
    ("resolver", &["kea-dhcp6"], resolver::TESTS),
    ("status", &["kea-dhcp6"], status::TESTS),
];

fn main() {
    if helper::ran() {
        return;
    }
    let arguments = Arguments::from_args();
    let reasons: BTreeSet<_> =
        SCENARIOS.iter().filter_map(|(_, servers, _)| needs::missing(servers)).collect();
    for why in reasons {
        eprintln!("netns: tests that cannot run: {why}");
    }
    let trials = SCENARIOS.iter().flat_map(trials).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// One scenario's tests, ignored where they cannot run.
fn trials((scenario, servers, tests): &Scenario) -> Vec<Trial> {
    let missing = needs::missing(servers);
    let ignored = missing.is_some() && !needs::required();
    let trial = |&(name, test): &(&str, fn())| {
        let missing = missing.clone();
        let run = move || match missing {
            Some(why) => Err(Failed::from(why)),
            None => {
                test();
                Ok(())
            }
        };
        Trial::test(format!("{scenario}::{name}"), run).with_ignored_flag(ignored)
    };
    tests.iter().map(trial).collect()
}
