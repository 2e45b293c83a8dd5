//! The guest: booted by the program on the machine, in which the same program runs again.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::needs;

/// Set in the guest.
const HERE: &str = "DHC6C_GUEST";

/// What the guest needs beside what the netns tier needs.
const PROGRAMS: [&str; 3] = ["qemu-system-x86_64", "kea-dhcp6", "pppd"];

/// How the guest says how its program ended.
const END: &str = "guest: exit ";

/// True in the guest.
pub(crate) fn is_here() -> bool {
    env::var_os(HERE).is_some()
}

/// Why no guest can be booted here, with the command that would change it.
pub(crate) fn missing() -> Option<String> {
    needs::missing(&PROGRAMS).or_else(|| {
        let built = directory().join("initrd").is_file();
        (!built).then(|| "the guest is not built; run `make tools` as root".to_owned())
    })
}

/// Boots a guest that runs this program with these arguments, passes on what it prints, and
/// returns its exit code.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> i32 {
    let script = script(arguments);
    let directory = directory();
    let mut qemu = Command::new("qemu-system-x86_64")
        // Emulated by name: where /dev/kvm is there and does not work, the guest would hang.
        .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"])
        .args(["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"])
        .arg("-kernel")
        .arg(directory.join("kernel"))
        .arg("-initrd")
        .arg(directory.join("initrd"))
        .args(["-fsdev", "local,id=machine,path=/,security_model=none,readonly=on,multidevs=remap"])
        .args(["-device", "virtio-9p-pci,fsdev=machine,mount_tag=machine"])
        .arg("-append")
        .arg(format!("console=ttyS0 quiet panic=-1 run={}", script.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("qemu starts");
    let code = pass_on(qemu.stdout.take().expect("its output is piped"));
    qemu.wait().expect("qemu is our child");
    fs::remove_file(script).ok();
    code.unwrap_or_else(|| {
        eprintln!("vm: the guest ended without a word of how its program did");
        1
    })
}

/// Where the guest is built: beside the programs that are tested in it.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/guest")
}

/// The guest's orders, in a file that it sees.
fn script(arguments: impl Iterator<Item = String>) -> PathBuf {
    let quoted = |text: String| format!("'{}'", text.replace('\'', r"'\''"));
    let program = env::current_exe().expect("our own path").display().to_string();
    // The console is a terminal there, and what it shows is read by programs.
    let plain = "--color=never".to_owned();
    let words = std::iter::once(program).chain(arguments).chain([plain]);
    let words: Vec<_> = words.map(quoted).collect();
    let required = if needs::required() { "DHC6C_REQUIRE_NETNS=1 " } else { "" };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guest-{}", std::process::id()));
    fs::write(&file, format!("{HERE}=1 {required}{}\n", words.join(" "))).expect("the orders");
    file
}

/// Prints the guest's console from our program's first line on; the exit code at the end.
fn pass_on(console: impl Read) -> Option<i32> {
    let mut code = None;
    for line in BufReader::new(console).split(b'\n') {
        let line = line.expect("the console can be read");
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        match line.strip_prefix(END) {
            Some(number) => code = number.trim().parse().ok(),
            None => println!("{line}"),
        }
    }
    code
}
