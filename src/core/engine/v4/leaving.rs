//! Giving a lease back: DHCPRELEASE and DHCPDECLINE, which nobody answers
//! (RFC 2131 §4.4.4, §4.4.6).

use crate::time::Duration;

use super::ask::{self, Question};
use super::common::Common;

/// How long to wait before starting over after an address was declined
/// (RFC 2131 §3.1 step 5).
pub(super) const AFTER_DECLINE: Duration = Duration::from_secs(10);

/// Gives the lease back, where there is a way to its server.
pub(super) fn release(common: &mut Common) {
    part(common, |lease| Question::Release(lease));
}

/// Tells the server that somebody else has the address.
pub(super) fn decline(common: &mut Common) {
    part(common, |lease| Question::Decline(lease));
}

fn part(common: &mut Common, question: fn(&super::lease::Lease) -> Question<'_>) {
    if let Some(lease) = &common.lease {
        let xid = u32::from_be_bytes(common.rng.octets());
        let query = ask::query(&common.settings, &question(lease), xid, 0);
        common.farewell.push_back(query);
    }
    common.give_up();
    // Whoever gives something back does not want it again.
    common.former = None;
}
