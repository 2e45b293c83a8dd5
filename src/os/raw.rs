//! System calls that no library wraps: the one home of `unsafe`.

/// Sees to it that no program we run gets a descriptor that whoever started
/// us left open; our own are not passed on anyhow. Kernels before Linux 5.11
/// do not know the call, and then the starter's care has to do.
pub(crate) fn keep_descriptors() {
    use nix::libc::{CLOSE_RANGE_CLOEXEC, SYS_close_range, c_uint, syscall};
    #[allow(unsafe_code, reason = "it marks descriptors and touches no memory; std has no call")]
    // SAFETY: three integers, no pointer; marking a descriptor close-on-exec
    // invalidates none.
    let _ = unsafe { syscall(SYS_close_range, 3 as c_uint, c_uint::MAX, CLOSE_RANGE_CLOEXEC) };
}
