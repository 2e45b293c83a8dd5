//! The configuration file in place of the command line.

use crate::client::Launch;
use crate::kernel;
use crate::lab::Lab;

pub(crate) const TESTS: &[(&str, fn())] =
    tests![interface_of_the_file_is_waited_for, everything_wrong_is_told_before_anything_is_done];

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
