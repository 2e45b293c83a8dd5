//! What a message states, read as RFC 9915 has it.

use dhc6c_core::desired::Desired;
use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::{Lifetime, Until};
use dhc6c_core::wire::{Ia, Message, Status, StatusCode};

use super::Kind;

/// A lease as a message states it.
pub(super) struct Stated {
    pub(super) prefix: Prefix,
    pub(super) preferred: Lifetime,
    pub(super) valid: Lifetime,
}

impl Stated {
    /// RFC 9915 §21.6, §21.22.
    pub(super) fn is_sound(&self) -> bool {
        self.preferred <= self.valid
    }

    /// It is there, and lasts.
    pub(super) fn gives(&self) -> bool {
        self.is_sound() && !self.valid.is_zero()
    }
}

/// The associations of a message.
pub(super) fn ias(message: &Message) -> impl Iterator<Item = (Kind, &Ia)> {
    let addresses = message.ia_nas().map(|ia| (Kind::Address, ia));
    addresses.chain(message.ia_pds().map(|ia| (Kind::Prefix, ia)))
}

/// The leases of an association.
pub(super) fn leases(ia: &Ia) -> impl Iterator<Item = Stated> + '_ {
    let addresses = ia.addresses().filter_map(|lease| {
        let prefix = Prefix::new(lease.address, 128)?;
        Some(Stated { prefix, preferred: lease.preferred, valid: lease.valid })
    });
    let prefixes = ia.prefixes().map(|lease| Stated {
        prefix: lease.prefix,
        preferred: lease.preferred,
        valid: lease.valid,
    });
    addresses.chain(prefixes)
}

/// No refusal, and timers in order (RFC 9915 §21.4, §21.21).
pub(super) fn is_usable(ia: &Ia) -> bool {
    !fails(status_of(ia.status())) && (ia.t1 <= ia.t2 || ia.t2.is_zero())
}

/// RFC 9915 §21.13: without the option it is Success.
pub(super) fn status_of(status: Option<&Status>) -> StatusCode {
    status.map_or(StatusCode::SUCCESS, |status| status.code)
}

/// True for everything else.
pub(super) fn fails(status: StatusCode) -> bool {
    status != StatusCode::SUCCESS
}

/// What is in use, and until when.
pub(super) fn used(desired: &Desired) -> impl Iterator<Item = (Prefix, Until, Until)> + '_ {
    let addresses =
        desired.addresses.iter().filter_map(|(address, l)| Some((Prefix::new(*address, 128)?, l)));
    let all = addresses.chain(desired.unreachable.iter().map(|(prefix, l)| (*prefix, l)));
    all.map(|(prefix, l)| (prefix, l.preferred, l.valid))
}
