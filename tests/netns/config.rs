//! The configuration file in place of the command line.

use crate::client::Launch;
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{REQUEST, SOLICIT};
use crate::poll;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    interface_of_the_file_is_waited_for,
    everything_wrong_is_told_before_anything_is_done,
    fqdn_01_ucl_01_vcl_01_who_we_are_is_said_and_every_message_is_marked,
];

/// Input: `dhc6c --config FILE` where the file names wan0, which comes into being later.
/// Expected: one line that says so; then bound, as the file says.
fn interface_of_the_file_is_waited_for() {
    let lab = Lab::with_wan_down();
    let server = crate::servers::dnsmasq(lab.world());
    lab.world().cpe().shell("ip link set wan0 name other");
    let client = Launch::new(lab.world())
        .with_file("[[wan]]\ninterface = \"wan0\"\nprefix = []\n[log]\nlevel = \"debug\"\n")
        .start();
    client.wait_line("wan0, waiting", |line| line.contains("wan0") && line.contains("waiting"));
    lab.world().cpe().shell("ip link set other name wan0");
    lab.world().wan_up();
    client.wait_ready();
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    client.wait_line("a message in the log", |line| line.contains("sent solicit"));
    lab.finish(&[&server]);
}

/// Input: a file with a name, classes and a DSCP. Expected: Solicit and Request carry them;
/// all that is sent has the class in the network.
fn fqdn_01_ucl_01_vcl_01_who_we_are_is_said_and_every_message_is_marked() {
    let lab = Lab::new();
    let server = crate::servers::dnsmasq(lab.world());
    let client = Launch::new(lab.world())
        .with_file(
            "[[wan]]\ninterface = \"wan0\"\nfqdn = \"cpe.example.net\"\nuser-class = \"abc\"\n\
             vendor-class = { 40808 = \"box\" }\ndscp = 46\npriority = 6\n",
        )
        .start();
    client.wait_ready();
    for kind in [SOLICIT, REQUEST] {
        let message = lab.capture().first_of(kind, poll::SOON);
        assert_eq!(message.option(39), Some(b"\x01\x03cpe\x07example\x03net\0".as_slice()));
        assert_eq!(message.option(15), Some(b"\0\x03abc".as_slice()));
        assert_eq!(message.option(16), Some(b"\0\0\x9f\x68\0\x03box".as_slice()));
        assert!(message.requested().contains(&39));
        assert_eq!(message.dscp, 46);
    }
    lab.finish(&[&server]);
}

/// Input: `dhc6c --config FILE` with two mistakes in the file.
/// Expected: exit 2, a line for each with its place, nothing sent.
fn everything_wrong_is_told_before_anything_is_done() {
    let lab = Lab::new();
    let client = Launch::new(lab.world())
        .with_file("[[wan]]\ninterface = \"wan0\"\nprefix = 65\nmdoe = \"stateless\"\n")
        .start();
    assert_eq!(client.exit_code(crate::client::STOP), 2);
    let told = client.stderr();
    let lines: Vec<_> = told.lines().filter(|line| line.contains("dhc6c.toml")).collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].contains(":3:10: ") && lines[1].ends_with("did you mean `mode`?"), "{told}");
    assert!(lab.capture().settled().is_empty());
    lab.finish(&[]);
}
