//! Bad input: what the client refuses, with which words and which exit code. None of these
//! needs a server, except where the refusal is a wait that ends.

use std::fs;

use crate::client::{Client, Launch, code};
use crate::helper;
use crate::kernel;
use crate::lab::Lab;
use crate::poll;
use crate::process::Process;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    missing_interface_suggests_a_near_name,
    interface_without_ipv6_ends_with_a_hint,
    interface_that_is_down_is_waited_for,
    no_permission_names_the_capability,
    commands_of_a_stranger_are_refused_whether_they_name_an_interface_or_not,
    port_546_taken_names_the_holder,
    second_client_on_the_same_interface,
    unknown_flag,
    impossible_prefix_length,
    no_interface,
    status_without_a_daemon,
];

/// Exit codes.
const FAILURE: i32 = 1;
const USAGE: i32 = 2;
const NO_DAEMON: i32 = 3;
const PERMISSION: i32 = 5;

/// Input: `dhc6c wan` where wan0 exists.
/// Expected: exit 1, a line for `wan`, a hint with wan0.
fn missing_interface_suggests_a_near_name() {
    let lab = Lab::new();
    let client = Launch::new(lab.world()).on("wan").start();
    let message = refused(&client, FAILURE, "wan");
    let hint = hint(&message);
    assert!(hint.contains("wan0"), "{hint}");
    silent(lab);
}

/// Input: `dhc6c wan0` with net.ipv6.conf.wan0.disable_ipv6 = 1.
/// Expected: exit 1, a line for wan0 that names IPv6, a hint with the sysctl.
fn interface_without_ipv6_ends_with_a_hint() {
    let lab = Lab::new();
    lab.world().cpe().shell("echo 1 > /proc/sys/net/ipv6/conf/wan0/disable_ipv6");
    let client = Client::start(lab.world(), &[]);
    let message = refused(&client, FAILURE, "wan0");
    assert!(message.contains("IPv6"), "{message}");
    assert!(hint(&message).contains("disable_ipv6"), "{message}");
    lab.finish(&[]);
}

/// Input: `dhc6c wan0` while wan0 is down; then it comes up.
/// Expected: one line that says so and nothing sent; bound after it came up.
fn interface_that_is_down_is_waited_for() {
    let lab = Lab::with_wan_down();
    let server = crate::servers::dnsmasq(lab.world());
    let client = Client::start(lab.world(), &[]);
    let says_so = |line: &str| line.contains("wan0") && line.contains("down");
    client.wait_line("wan0 and down", says_so);
    client.status();
    assert!(lab.capture().messages().is_empty());
    lab.world().wan_up();
    client.wait_ready();
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    let lines = client.stderr().lines().filter(|line| says_so(line)).count();
    assert_eq!(lines, 1, "{}", client.stderr());
    lab.finish(&[&server]);
}

/// Input: `dhc6c wan0` as nobody.
/// Expected: exit 5, the missing capability by name.
fn no_permission_names_the_capability() {
    let lab = Lab::new();
    let client = Launch::new(lab.world()).unprivileged().start();
    let message = refused(&client, PERMISSION, "wan0");
    let named = ["CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN", "CAP_NET_RAW"]
        .iter()
        .any(|name| message.contains(name));
    assert!(named, "{message}");
    silent(lab);
}

/// Input: commands of nobody, who is not in the group, to a client that runs.
/// Expected: exit 5 and the group, with an interface and without.
fn commands_of_a_stranger_are_refused_whether_they_name_an_interface_or_not() {
    let lab = Lab::new();
    let client = Client::start(lab.world(), &[]);
    client.status();
    let stranger = Launch::new(lab.world()).unprivileged();
    for words in [&["status"][..], &["status", "wan0"], &["wait"], &["wait", "wan0"], &["stop"]] {
        let output = stranger.control(words);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(output.status), PERMISSION, "{words:?}: {told}");
        assert!(hint(&told).contains("group"), "{words:?}: {told}");
    }
    client.terminate();
    lab.finish(&[]);
}

/// Input: `dhc6c wan0` while another process holds UDP port 546.
/// Expected: exit 1, the holder's name and pid.
fn port_546_taken_names_the_holder() {
    let lab = Lab::new();
    let holder =
        Process::spawn("the holder of port 546", &mut helper::hold_port(&lab.world().cpe()));
    poll::wait_for("the port is held", poll::SOON, || {
        holder.assert_alive();
        holder.stdout().contains("ready")
    });
    let client = Client::start(lab.world(), &[]);
    let message = refused(&client, FAILURE, "wan0");
    let name =
        fs::read_to_string(format!("/proc/{}/comm", holder.pid())).expect("the holder's name");
    assert!(message.contains("546"), "{message}");
    assert!(
        message.contains(name.trim()) && has_number(&message, holder.pid()),
        "{} in: {message}",
        holder.pid()
    );
    silent(lab);
}

/// Input: a second `dhc6c wan0` with the same runtime directory.
/// Expected: exit 1, the first one's pid; the first one runs on.
fn second_client_on_the_same_interface() {
    let lab = Lab::new();
    let first = Client::start(lab.world(), &[]);
    first.status();
    let second = Client::start(lab.world(), &[]);
    let message = refused(&second, FAILURE, "wan0");
    assert!(has_number(&message, first.pid()), "{} in: {message}", first.pid());
    first.status();
    lab.finish(&[]);
}

/// Input: `dhc6c --no-such-flag … wan0`.
/// Expected: exit 2; the flag is named.
fn unknown_flag() {
    let lab = Lab::new();
    let client = Client::start(lab.world(), &["--no-such-flag"]);
    assert_eq!(client.exit_code(poll::SOON), USAGE, "{}", client.stderr());
    assert!(client.stderr().contains("--no-such-flag"), "{}", client.stderr());
    silent(lab);
}

/// Input: `dhc6c --pd=200 wan0`.
/// Expected: exit 2; the value is named.
fn impossible_prefix_length() {
    let lab = Lab::new();
    let client = Client::start(lab.world(), &["--pd=200"]);
    assert_eq!(client.exit_code(poll::SOON), USAGE, "{}", client.stderr());
    assert!(client.stderr().contains("200"), "{}", client.stderr());
    silent(lab);
}

/// Input: `dhc6c` and `dhc6c run` without a name, where there is no configuration file.
/// Expected: exit 2 and a line that asks for an interface.
fn no_interface() {
    let lab = Lab::new();
    let launch = Launch::new(lab.world());
    for arguments in [[].as_slice(), &["run"]] {
        let output = launch.control(arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code(output.status), USAGE, "{message}");
        assert!(message.contains("interface"), "{message}");
    }
    silent(lab);
}

/// Input: `dhc6c status`, `status wan0`, `status --json`, `stop wan0` with no daemon.
/// Expected: exit 3 and a line that says so.
fn status_without_a_daemon() {
    let lab = Lab::new();
    let launch = Launch::new(lab.world());
    for arguments in
        [["status"].as_slice(), &["status", "wan0"], &["status", "--json"], &["stop", "wan0"]]
    {
        let output = launch.control(arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code(output.status), NO_DAEMON, "{arguments:?}: {message}");
        assert!(message.starts_with("dhc6c: "), "{arguments:?}: {message}");
    }
    silent(lab);
}

/// Waits for the refusal, checks its form (`dhc6c: IFACE: WHAT: WHY`) and code, returns all it
/// wrote.
fn refused(client: &Client, expected: i32, interface: &str) -> String {
    let found = client.exit_code(poll::SOON);
    let message = client.stderr();
    assert_eq!(found, expected, "{message}");
    let start = format!("dhc6c: {interface}: ");
    let line = message.lines().find_map(|line| line.strip_prefix(&start));
    let line = line.unwrap_or_else(|| panic!("a line with `{start}` in:\n{message}"));
    assert!(line.contains(": "), "what and why: {line}");
    message
}

/// The refusal's `hint:` line.
fn hint(message: &str) -> &str {
    let hint = message.lines().find(|line| line.trim_start().starts_with("hint: "));
    hint.unwrap_or_else(|| panic!("no hint in:\n{message}"))
}

/// Whether a pid stands in the text as a word of its own.
fn has_number(text: &str, number: u32) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|word| word == number.to_string())
}

/// Ends a test in which nothing may have been sent or applied.
fn silent(lab: Lab) {
    assert!(lab.capture().settled().is_empty(), "{:?}", lab.capture().messages());
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[]);
}
