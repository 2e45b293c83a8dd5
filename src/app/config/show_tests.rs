//! What is shown, to the letter.

use super::*;
use crate::app::config::file;

fn configuration(text: &str) -> Configuration {
    let file::File { shared, wans } = file::parse(Path::new("f"), text).unwrap();
    Configuration { shared, wans }
}

const GOLDEN: &str = r#"state-dir = "/a"  # file:1
run-dir = "/run/dhc6c"  # default

[hooks]
dir = "/etc/dhc6c/hooks.d"  # default
timeout = 30  # default
run = [{ path = "/etc/ü\"", style = "native", on = ["bound"] }]  # file:14

[dhcp4o6]
enable = false  # default
share = true  # default
binding = false  # default

[log]
level = "debug"  # file:16
format = "plain"  # default

[limits]
messages = 5  # file:18
seconds = 20  # default

[[wan]]
interface = "eth0"  # file:3
mode = "stateful"  # default
address = "try"  # default
prefix = [{ length = 56 }, { length = 60, iaid = 7 }, { length = 52, hint = "2001:db8::/48", require = true }, {}]  # file:4
ia-max-wait = 0  # default
rapid-commit = false  # default
request = ["ntp-server", "dhcp-captive-portal"]  # file:5
send = { user-class = "0003616263" }  # file:6
duid = "00030001020304"  # file:7
iaid = 2711991250  # default
user-class = []  # default
vendor-class = {}  # default
anonymous = false  # default
quirks = []  # default
reconfigure = true  # default
release-on-stop = false  # default
keep-on-stop = false  # default
initial-delay = "auto"  # default
dns = "auto"  # default
metric = 1024  # default

[[wan]]
interface = "eth1"  # file:9
mode = "stateless"  # file:10
address = "try"  # default
prefix = []  # default
ia-max-wait = 0  # default
rapid-commit = false  # default
request-only = ["dns-servers", "domain-list"]  # file:11
"#;

#[test]
fn what_is_in_effect_is_shown_with_its_origin() {
    let shown = show(&configuration(file::tests::FULL));
    assert!(shown.starts_with(GOLDEN), "{shown}");
}

#[test]
fn what_is_shown_means_the_same_as_a_file() {
    let once = configuration(file::tests::FULL);
    let shown = show(&once);
    // The IAID is made from the name in one and written in the other.
    assert_eq!(shown.split('#').count(), show(&configuration(&shown)).split('#').count());
    let without_origin = |text: &str| {
        let cut = |line: &str| line.split("  #").next().unwrap_or_default().to_owned();
        text.lines().map(cut).collect::<Vec<_>>()
    };
    assert_eq!(without_origin(&show(&configuration(&shown))), without_origin(&shown));
}

#[test]
fn every_supported_key_is_shown() {
    let text = "[[wan]]\ninterface = \"a\"\n[[wan]]\ninterface = \"b\"\nrequest-only = []\n\
                fqdn = \"c\"\npriority = 1\ndscp = 2\ntable = 3\nvrf = \"d\"\n[dhcp4o6]\ndevice = \"e\"\n";
    let shown = show(&configuration(text));
    let wan = file::WAN.iter().filter(|key| key.take.is_some()).map(|key| key.name);
    let shared = file::HOOKS.iter().chain(file::LOG).chain(file::LIMITS).map(|key| key.name);
    let shared = shared.chain(file::DHCP4O6.iter().map(|key| key.name));
    for name in wan.chain(shared).chain(["state-dir", "run-dir"]) {
        assert!(shown.lines().any(|line| line.starts_with(&format!("{name} = "))), "{name}");
    }
}
