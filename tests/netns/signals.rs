//! What signals do to a running client.

use nix::sys::signal::Signal;

use crate::capture::dialogue;
use crate::client::{Client, Launch, STOP};
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{ADVERTISE, Message, RELEASE, RENEW, REPLY, REQUEST, SOLICIT};
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    ren_07_usr1_renews_and_usr2_starts_over,
    hup_reads_the_file_again_and_keeps_the_lease,
    rel_04_int_withdraws_without_release,
];

/// What was said after these messages, once so many have been.
fn since(lab: &Lab, before: usize, count: usize) -> Vec<Message> {
    poll::wait_for("the dialogue", poll::SOON, || lab.capture().messages().len() >= before + count);
    lab.capture().settled().split_off(before)
}

/// Input: USR1, then USR2, to a bound client.
/// Expected: Renew and Reply, then Release and Reply and four messages; bound at the end.
fn ren_07_usr1_renews_and_usr2_starts_over() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let before = lab.capture().settled().len();
    client.signal(Signal::SIGUSR1);
    assert_eq!(dialogue(&since(&lab, before, 2)), [RENEW, REPLY]);

    let before = lab.capture().settled().len();
    client.signal(Signal::SIGUSR2);
    let said = dialogue(&since(&lab, before, 6));
    assert_eq!(said, [RELEASE, REPLY, SOLICIT, ADVERTISE, REQUEST, REPLY]);
    client.wait_ready();
    client.terminate();
    lab.finish(&[&kea]);
}

/// Input: the file asks for a prefix too; HUP. Expected: the prefix comes, the address stays.
fn hup_reads_the_file_again_and_keeps_the_lease() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    let file = "[[wan]]\ninterface = \"wan0\"\n";
    let client = Launch::new(lab.world()).with_file(file).start();
    client.wait_ready();
    let address = kernel::addresses(&cpe)[0].address;
    std::fs::write(client.launch().file(), format!("{file}prefix = 56\n")).expect("the file");
    client.signal(Signal::SIGHUP);
    poll::wait_for("the route", poll::SOON, || kernel::unreachable(&cpe).len() == 1);
    assert_eq!(kernel::addresses(&cpe)[0].address, address);
    client.terminate();
    lab.finish(&[&kea]);
}

/// Input: INT to a bound client. Expected: exit 0 within 3 s, nothing left, no Release.
fn rel_04_int_withdraws_without_release() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    client.signal(Signal::SIGINT);
    assert_eq!(client.exit_code(STOP), 0, "{}", client.stderr());
    kernel::assert_clean(&lab.world().cpe());
    assert!(!dialogue(&lab.capture().settled()).contains(&RELEASE));
    lab.finish(&[&kea]);
}
