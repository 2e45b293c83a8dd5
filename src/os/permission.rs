//! Whether we may do what we are for, before anything is begun.

use super::error::Error;

/// What is needed, by the kernel's number: to change addresses and routes,
/// and to open UDP port 546.
const NEEDED: [(u32, &str); 2] = [(12, "CAP_NET_ADMIN"), (10, "CAP_NET_BIND_SERVICE")];

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
