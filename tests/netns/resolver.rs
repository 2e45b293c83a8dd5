//! The resolver: what its back end and the file in the runtime directory are told.

use std::fs;

use crate::client::Launch;
use crate::lab::Lab;
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![resolvconf_is_told_and_withdrawn];

/// Input: a client whose PATH holds a `resolvconf` that records how it is run.
/// Expected: once ready, `-a wan0.ip6.dhc6c` with the server's resolvers and domains, the same
/// in `RUN/wan0.resolv.conf`; on TERM `-d wan0.ip6.dhc6c`.
fn resolvconf_is_told_and_withdrawn() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Launch::new(lab.world()).with_resolvconf().start();
    client.wait_ready();

    let log = client.launch().resolvconf_log();
    let told = poll::until("resolvconf is run", poll::SOON, || {
        client.assert_alive();
        fs::read_to_string(&log)
            .ok()
            .filter(|text| text.contains("::54") && text.contains("lab.example.net"))
    });
    assert_eq!(told.lines().next(), Some("-a wan0.ip6.dhc6c"), "{told}");
    assert_resolver(&told);
    let file = fs::read_to_string(client.launch().run_file("wan0.resolv.conf"))
        .expect("the resolver file");
    assert_resolver(&file);

    client.terminate();
    let told = fs::read_to_string(&log).expect("the record of resolvconf");
    assert_eq!(told.lines().last(), Some("-d wan0.ip6.dhc6c"), "{told}");
    assert_eq!(lab.world().cpe().shell("cat /etc/resolv.conf"), "# nothing resolves here\n");
    lab.finish(&[&kea]);
}

fn assert_resolver(text: &str) {
    for server in ["nameserver 2001:db8:0:1::53", "nameserver 2001:db8:0:1::54"] {
        assert!(text.lines().any(|line| line == server), "{server} in:\n{text}");
    }
    assert!(
        text.lines().any(|line| line == "search example.org lab.example.net"),
        "the domains in:\n{text}"
    );
}
