//! From what a client holds to what outlives it, and back (RFC 9915
//! §18.2.12). A record comes from a file that anybody may have written, so
//! what makes no sense in it is left out.

use crate::desired::Lifetimes;
use crate::ident::hex_octets;
use crate::prefix::Prefix;
use crate::record::{KnownAssociation, KnownLease};
use crate::time::Instant;
use crate::wire::text;

use super::answer;
use super::association::{Association, Kind, Lease, LeaseTimers, Leased, MAX_LEASES};
use super::leases::Leases;

impl Leases {
    /// The associations that hold something, as they are remembered.
    pub(super) fn known(&self) -> Vec<KnownAssociation> {
        let known = |ia: &Association| KnownAssociation {
            kind: ia.kind,
            iaid: ia.iaid,
            t1: ia.timers.t1,
            t2: ia.timers.t2,
            leases: ia.leases.iter().filter_map(known_lease).collect(),
        };
        self.0.iter().filter(|ia| ia.is_held()).map(known).collect()
    }

    /// Takes back what is remembered of the associations that are wanted and
    /// still valid; the rest is asked for again.
    pub(super) fn resume(&mut self, known: &[KnownAssociation], now: Instant) {
        // What was held of earlier and fewer associations may be more than the
        // share that each has now.
        let most = MAX_LEASES.max(self.0.len());
        let mut resumed: Vec<Leased> = Vec::new();
        for ia in &mut self.0 {
            let same = |known: &&KnownAssociation| known.kind == ia.kind && known.iaid == ia.iaid;
            let Some(known) = known.iter().find(same) else { continue };
            let kind = ia.kind;
            for lease in known.leases.iter().filter_map(|lease| known_again(kind, lease)) {
                if lease.lifetimes.valid.is_over(now) {
                    ia.note_former(&lease.what);
                    continue;
                }
                let is_new = !resumed.iter().any(|other| other.is_same(&lease.what));
                if is_new && resumed.len() < most {
                    resumed.push(lease.what.clone());
                    ia.leases.push(lease);
                }
            }
            if ia.is_held() {
                // Not later than either says (RFC 9915 §18.2.4).
                ia.timers = LeaseTimers { t1: known.t1.min(known.t2), t2: known.t2 };
            }
        }
    }
}

fn known_lease(lease: &Lease) -> Option<KnownLease> {
    let Lifetimes { preferred, valid } = lease.lifetimes;
    Some(match &lease.what {
        Leased::Address { address, .. } => {
            KnownLease { lease: Prefix::new(*address, 128)?, exclude: None, preferred, valid }
        }
        Leased::Prefix { prefix, exclude } => KnownLease {
            lease: *prefix,
            exclude: exclude.as_deref().map(text::hex),
            preferred,
            valid,
        },
    })
}

fn known_again(kind: Kind, known: &KnownLease) -> Option<Lease> {
    let KnownLease { lease: prefix, preferred, valid, .. } = *known;
    let what = match kind {
        Kind::Address if prefix.length() == 128 && answer::is_assignable(prefix.address()) => {
            Leased::Address { address: prefix.address(), usable: false }
        }
        Kind::Prefix if answer::is_delegable(prefix) => {
            let exclude = known.exclude.as_deref().and_then(hex_octets);
            let exclude = exclude.filter(|option| prefix.excluded(option).is_some());
            Leased::Prefix { prefix, exclude }
        }
        _ => return None,
    };
    Some(Lease { what, lifetimes: Lifetimes { preferred: preferred.min(valid), valid } })
}
