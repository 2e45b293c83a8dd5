//! Hooks of a running client.

use std::os::unix::fs::PermissionsExt as _;

use crate::client::{Client, Launch, code};
use crate::kernel;
use crate::lab::Lab;
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    a_life_is_told_in_order,
    a_hook_that_hangs_holds_up_neither_the_lease_nor_the_end,
    x_05_without_room_for_a_process_the_lease_is_kept_and_the_next_hook_runs,
    a_reload_asks_for_what_is_new_and_keeps_the_address,
];

/// Writes a program of these lines and gives its path.
pub(crate) fn program(lab: &Lab, lines: &str) -> String {
    let path = lab.world().dir().join("hook");
    std::fs::write(&path, format!("#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n{lines}\n"))
        .expect("a hook");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    path.display().to_string()
}

/// Input: a client with address and prefix and a hook; `renew`; then TERM.
/// Expected: started, bound, updated, unbound, stopped, with the leases of that moment; the
/// kernel has the address when `bound` is told.
fn a_life_is_told_in_order() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let told = lab.world().dir().join("told");
    let lines = format!(
        "echo \"$1 $2 [$DHC6C_PREFIXES] $(ip -6 addr show dev wan0 scope global | grep -c inet6)\" \
         >> {}",
        told.display()
    );
    let hook = program(&lab, &lines);
    let client = Client::start(lab.world(), &["--pd", "--hook", &hook]);
    client.wait_ready();
    let prefix = kernel::unreachable(&lab.world().cpe()).remove(0);
    let renewed = client.launch().control(&["renew", "wan0"]);
    assert_eq!(code(renewed.status), 0);
    let read = || std::fs::read_to_string(&told).unwrap_or_default();
    poll::until("an update", poll::SOON, || read().contains(" updated ").then_some(()));
    client.terminate();

    let held = format!("[{prefix}] 1");
    let expected = ["started [] 0", &format!("bound {held}"), &format!("updated {held}")];
    let text = read();
    let lines: Vec<_> = text.lines().map(|line| line.trim_start_matches("wan0 ")).collect();
    assert_eq!(lines[..3], expected, "{text}");
    assert_eq!(lines[3..], ["unbound [] 0", "stopped [] 0"], "{text}");
    lab.finish(&[&kea]);
}

/// Input: a hook that never ends; then TERM.
/// Expected: ready all the same; the renewal comes at its time; exit 0 within 3 s.
fn a_hook_that_hangs_holds_up_neither_the_lease_nor_the_end() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let hook = program(&lab, "trap '' TERM; [ $2 = started ] || exec sleep 600");
    let client = Client::start(lab.world(), &["--hook", &hook]);
    client.wait_ready();
    client.terminate();
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[&kea]);
}

/// Input: a client of an ordinary user, to whom the kernel gives no further process; `renew`;
/// then it gives them again; `renew`.
/// Expected: the first renewal is done without its hook, which is logged; the second is told, with
/// the state of then; address and client stay.
fn x_05_without_room_for_a_process_the_lease_is_kept_and_the_next_hook_runs() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let told = lab.world().dir().join("told");
    std::fs::write(&told, "").expect("a file");
    std::fs::set_permissions(&told, std::fs::Permissions::from_mode(0o666)).expect("a mode");
    let hook = program(&lab, &format!("echo \"$2 [$DHC6C_ADDRESSES]\" >> {}", told.display()));
    let read = || std::fs::read_to_string(&told).unwrap_or_default();
    let launch = Launch::new(lab.world()).with(&["--hook", &hook]).with_capabilities();
    let client = launch.start();
    let status = client.wait_ready();
    poll::until("the address is told", poll::SOON, || read().contains("bound [2").then_some(()));
    let cpe = lab.world().cpe();
    // Of its own user: root need not have the right to do this everywhere.
    let limit = |most: u32| {
        let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        cpe.shell(&format!("{nobody} prlimit --pid {} --nproc={most}:", client.pid()))
    };
    let renew = || assert_eq!(code(client.launch().control(&["renew", "wan0"]).status), 0);

    limit(0);
    renew();
    client.wait_line("the hook cannot be run", |line| {
        line.contains(&hook) && line.contains("Resource temporarily unavailable")
    });
    assert!(!read().contains("updated"), "{}", read());
    limit(1024);
    renew();
    let address = status.text("/addresses/0/address");
    let line = format!("updated [{address}]");
    poll::until("the next renewal is told", poll::SOON, || read().contains(&line).then_some(()));
    assert_eq!(kernel::addresses(&cpe).len(), 1);
    client.terminate();
    lab.finish(&[&kea]);
}

/// Input: a client with a file; the file then asks for a prefix too, and `reload`; then the
/// file is broken, and `reload`.
/// Expected: the prefix comes and the address stays; the broken file is refused with its place,
/// and nothing changes.
fn a_reload_asks_for_what_is_new_and_keeps_the_address() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let cpe = lab.world().cpe();
    let file = "[[wan]]\ninterface = \"wan0\"\n";
    let launch = Launch::new(lab.world()).with_file(file);
    let client = launch.start();
    client.wait_ready();
    let address = kernel::addresses(&cpe)[0].address;

    let path = client.launch().file();
    std::fs::write(&path, format!("{file}prefix = 56\n")).expect("the file");
    let done = client.launch().control(&["reload"]);
    assert_eq!(code(done.status), 0, "{}", String::from_utf8_lossy(&done.stderr));
    client.wait_status("a prefix", poll::SOON, |status| !status.list("/prefixes").is_empty());
    poll::until("the route", poll::SOON, || (!kernel::unreachable(&cpe).is_empty()).then_some(()));
    assert_eq!(kernel::addresses(&cpe)[0].address, address);

    std::fs::write(&path, format!("{file}prefex = 56\n")).expect("the file");
    let refused = client.launch().control(&["reload"]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(code(refused.status), 2, "{why}");
    assert!(why.contains(":3:1: ") && why.contains("did you mean `prefix`"), "{why}");
    assert_eq!(kernel::unreachable(&cpe).len(), 1);
    client.terminate();
    lab.finish(&[&kea]);
}
