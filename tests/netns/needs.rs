//! What the tier needs from the machine, and how to get it where it is missing.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Programs every test here uses.
const ALWAYS: [&str; 6] = ["ip", "unshare", "nsenter", "setpriv", "mount", "tcpdump"];

/// Why tests that also need `programs` cannot run here, with the command that would change it.
pub(crate) fn missing(programs: &[&str]) -> Option<String> {
    let absent: Vec<&str> =
        ALWAYS.iter().chain(programs).copied().filter(|program| !installed(program)).collect();
    if !absent.is_empty() {
        return Some(format!("{} not installed; run `make tools` as root", absent.join(", ")));
    }
    if !nix::unistd::geteuid().is_root() {
        return Some("not root; run `make test` as root".to_owned());
    }
    if !may_unshare() {
        return Some(
            "no namespaces may be made here; run `make test` with CAP_SYS_ADMIN".to_owned(),
        );
    }
    None
}

/// Whether a tier that cannot run has to fail instead of being ignored.
pub(crate) fn required() -> bool {
    env::var("DHC6C_REQUIRE_NETNS").is_ok_and(|value| value == "1")
}

fn installed(program: &str) -> bool {
    // Daemons live in sbin, which a plain user's PATH may lack.
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(Into::into))
        .any(|directory| Path::new(&directory).join(program).is_file())
}

fn may_unshare() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(try_unshare)
}

fn try_unshare() -> bool {
    Command::new("unshare")
        .args(["-m", "-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
