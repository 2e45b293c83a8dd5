//! The real client on kinds of link that the machine's own kernel may lack: PPP, VLAN, VRF.
//!
//! The same program runs twice: on the machine it boots a guest with Debian's kernel (`guest`),
//! which mounts the machine's files read-only; there it runs again and does the tests, in
//! namespaces as the netns tier does. Needs root, qemu and what `make tools` installs; where
//! something is missing the tests are reported as ignored, never as passed, and fail with
//! `DHC6C_REQUIRE_NETNS=1`.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(dead_code, reason = "the netns tier's modules are made for more than is tested here")]

/// The tests of one scenario file by name.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => { &[$((stringify!($test), $test as fn())),+] };
}

#[path = "../netns/capture.rs"]
mod capture;
#[path = "../netns/client.rs"]
mod client;
mod guest;
#[path = "../netns/helper.rs"]
mod helper;
#[path = "../netns/kernel.rs"]
mod kernel;
#[path = "../netns/lab.rs"]
mod lab;
#[path = "../netns/needs.rs"]
mod needs;
#[path = "../netns/pcap.rs"]
mod pcap;
#[path = "../netns/poll.rs"]
mod poll;
mod ppp;
#[path = "../netns/process.rs"]
mod process;
#[path = "../netns/servers.rs"]
mod servers;
mod vlan;
mod vrf;
#[path = "../netns/world.rs"]
mod world;

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};

type Scenario = (&'static str, &'static [(&'static str, fn())]);

/// Each scenario file with its tests.
const SCENARIOS: [Scenario; 3] = [("ppp", ppp::TESTS), ("vlan", vlan::TESTS), ("vrf", vrf::TESTS)];

fn main() {
    if helper::ran() {
        return;
    }
    let arguments = Arguments::from_args();
    let missing = if guest::is_here() { None } else { guest::missing() };
    if guest::is_here() || missing.is_some() || arguments.list {
        run(&arguments, missing.as_deref()).exit();
    }
    std::process::exit(guest::run(std::env::args().skip(1)));
}

fn run(arguments: &Arguments, missing: Option<&str>) -> Conclusion {
    if let Some(why) = missing {
        eprintln!("vm: tests that cannot run: {why}");
    }
    let ignored = missing.is_some() && !needs::required();
    let trial = |scenario: &str, name: &str, test: fn()| {
        let missing = missing.map(ToOwned::to_owned);
        let run = move || match missing {
            Some(why) => Err(Failed::from(why)),
            None => {
                test();
                Ok(())
            }
        };
        Trial::test(format!("{scenario}::{name}"), run).with_ignored_flag(ignored)
    };
    let trials = SCENARIOS.iter().flat_map(|(scenario, tests)| {
        tests.iter().map(move |&(name, test)| trial(scenario, name, test))
    });
    libtest_mimic::run(arguments, trials.collect())
}
