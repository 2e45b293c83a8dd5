//! How a run ends, and what it leaves.

use crate::capture::dialogue;
use crate::client::{Client, STOP, code};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{RELEASE, SOLICIT};
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    rel_04_term_withdraws_without_release,
    rel_04_stop_withdraws_without_release,
    once_leaves_the_address_and_ends,
    sol_15_once_with_timeout_gives_up,
];

/// Input: TERM to a client with address and prefix.
/// Expected: exit 0 within 3 s; address, route, socket and lock are gone; no Release.
fn rel_04_term_withdraws_without_release() {
    withdrawn_without_release(Client::terminate);
}

/// Input: `dhc6c stop wan0` beside a client with address and prefix.
/// Expected: the same as for TERM.
fn rel_04_stop_withdraws_without_release() {
    withdrawn_without_release(|client| {
        let output = client.launch().control(&["stop", "wan0"]);
        assert_eq!(code(output.status), 0, "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(client.exit_code(STOP), 0, "{}", client.stderr());
    });
}

fn withdrawn_without_release(stop: impl FnOnce(&Client)) {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    assert_holds_both(&lab);
    stop(&client);

    kernel::assert_clean(&lab.world().cpe());
    assert_gone(&client);
    assert!(!dialogue(&lab.capture().settled()).contains(&RELEASE));
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --once wan0`.
/// Expected: exit 0 once the address is past DAD; the address stays; socket and lock are
/// gone; no Release.
fn once_leaves_the_address_and_ends() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--once"]);
    assert_eq!(client.exit_code(poll::BIND), 0, "{}", client.stderr());

    let addresses = kernel::addresses(&lab.world().cpe());
    assert!(addresses.len() == 1 && !addresses[0].tentative, "{addresses:?}");
    assert_gone(&client);
    assert!(!dialogue(&lab.capture().settled()).contains(&RELEASE));
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --once --timeout 3 wan0` where no server is.
/// Expected: Solicits, then exit 4 and nothing applied.
fn sol_15_once_with_timeout_gives_up() {
    let lab = Lab::new();
    let client = Client::start(lab.world(), &["--once", "--timeout", "3"]);
    assert_eq!(client.exit_code(poll::SOON), 4, "{}", client.stderr());

    assert!(
        client.stderr().lines().any(|line| line.starts_with("dhc6c: wan0: ")),
        "{}",
        client.stderr()
    );
    kernel::assert_clean(&lab.world().cpe());
    assert_gone(&client);
    assert_eq!(dialogue(&lab.capture().settled()), [SOLICIT]);
    lab.finish(&[]);
}

fn assert_holds_both(lab: &Lab) {
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    assert_eq!(kernel::unreachable(&lab.world().cpe()).len(), 1);
}

fn assert_gone(client: &Client) {
    for name in ["wan0.sock", "wan0.lock"] {
        assert!(!client.launch().run_file(name).exists(), "{name} stayed");
    }
}
