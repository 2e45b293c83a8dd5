//! Whether we may do what we are for, before anything is begun.

use nix::sys::resource::{Resource, getrlimit};

use super::error::Error;

/// What is needed, by the kernel's number: to change addresses and routes,
/// and to open UDP port 546.
const NEEDED: [(u32, &str); 2] = [(12, "CAP_NET_ADMIN"), (10, "CAP_NET_BIND_SERVICE")];

/// The descriptors that an interface and what it stands on need, with some to
/// spare.
const DESCRIPTORS: u64 = 32;

/// Checks that enough files may be open. The runtime does not survive a start
/// without; later on whatever cannot be opened is opened when that is possible.
pub(crate) fn check_descriptors() -> Result<(), Error> {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((most, _)) if most < DESCRIPTORS => {
            Err(Error::new("cannot start", format!("no more than {most} files may be open"))
                .hint(format!("raise the limit to {DESCRIPTORS} at least: ulimit -n")))
        }
        // Where the kernel does not say, it will say what it refuses.
        _ => Ok(()),
    }
}

/// Checks the capabilities of this process; the error names what is missing.
pub(crate) fn check() -> Result<(), Error> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    // Where that cannot be read, the kernel itself will say what is missing.
    let missing = effective(&status).map(missing).unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::permission("cannot start", &missing.join(" and ")))
}

/// The set of effective capabilities in /proc/PID/status.
fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn missing(effective: u64) -> Vec<&'static str> {
    let lacks = |&(number, _): &(u32, &str)| effective >> number & 1 == 0;
    NEEDED.iter().filter(|needed| lacks(needed)).map(|&(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_capabilities_are_named() {
        let status = "Name:\tdhc6c\nCapPrm:\t0\nCapEff:\t0000000000001400\nCapBnd:\t1\n";
        assert_eq!(missing(effective(status).unwrap()), [""; 0]);
        assert_eq!(missing(1 << 12), ["CAP_NET_BIND_SERVICE"]);
        assert_eq!(missing(0), ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"]);
        assert_eq!(effective("Name:\tx\n"), None);
    }
}
