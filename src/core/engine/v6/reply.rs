//! What a Reply to Solicit, Request, Renew or Rebind does to the leases: one
//! place for all four (RFC 9915 §18.2.10.1).

use crate::engine::Event;
use crate::time::Instant;
use crate::wire::StatusCode;

use super::answer::Answer;
use super::common::{Common, Trust};
use super::leases::Taken;

/// What to make of a Reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// As if it had not come: the retransmission goes on, which limits its
    /// rate and its duration (RFC 9915 §18.2.10, UnspecFail).
    Ignore,
    /// The client is on another link than it thinks.
    NotOnLink,
    /// There is no lease in it, and the server says it has none for us.
    Nothing,
    /// The server knows nothing of an association of ours.
    NoBinding,
    /// Leases are held. `complete` unless one that is held was left out, or
    /// none was extended.
    Leases { complete: bool },
}

/// Takes a Reply in as a whole and says what it means. `event` is what
/// others are told when leases were extended.
pub(super) fn take(common: &mut Common, now: Instant, answer: &Answer, event: Event) -> Verdict {
    common.take_max_rt(answer);
    common.note_failures(answer);
    match answer.failure.as_ref().map(|status| status.code) {
        // A status for addresses or prefixes alone may stand at the top with
        // good associations below it.
        None | Some(StatusCode::NO_ADDRS_AVAIL | StatusCode::NO_PREFIX_AVAIL) => {}
        Some(StatusCode::NOT_ON_LINK) => return Verdict::NotOnLink,
        Some(StatusCode::NO_BINDING) => {
            if common.leases.disown() {
                common.search_now(now);
            }
            return Verdict::NoBinding;
        }
        Some(_) => return Verdict::Ignore,
    }
    // A complete candidate is made, then committed whole.
    let mut candidate = common.leases.clone();
    let mut taken = candidate.take(answer, now);
    if taken.granted && common.trust == Trust::Timeless {
        // What it does not state has no end that anybody knows.
        taken.missing |= candidate.keep_stated(answer);
    }
    if candidate.lacks_required() && !common.leases.any_held() {
        return Verdict::Nothing;
    }
    for (prefix, wished) in candidate.too_long(&common.leases) {
        common.events.push_back(Event::PrefixTooLong(prefix, wished));
    }
    let before = core::mem::replace(&mut common.leases, candidate);
    if taken.lost || !common.leases.any_lost() {
        common.search_now(now);
    }
    let verdict = verdict(taken, common.leases.any_held());
    if taken.granted {
        common.note_leases(answer, event);
    } else {
        if taken.updated {
            common.events.push_back(event);
        }
        common.note_loss(&before);
        common.note_expiry();
    }
    verdict
}

/// The most urgent consequence first: an unknown association is asked for
/// at once, a missing one waits for the retransmission.
const fn verdict(taken: Taken, held: bool) -> Verdict {
    match taken {
        Taken { not_on_link: true, granted: false, .. } => Verdict::NotOnLink,
        Taken { no_binding: true, .. } => Verdict::NoBinding,
        Taken { granted: false, .. } if !held => Verdict::Nothing,
        // Refused as a whole: the retransmission goes on, to any server in
        // the end.
        Taken { granted: false, .. } => Verdict::Leases { complete: false },
        Taken { missing, .. } => Verdict::Leases { complete: !missing },
    }
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
