//! Leases outlive the process: what is in use is on the disk, and what was in
//! use when a process was killed is used on by the next one (RFC 9915
//! §18.2.12).

use std::collections::BTreeMap;

use dhc6c_core::desired::Ipv4;
use dhc6c_core::engine::{Config, Restored};
use dhc6c_core::ident::Iaid;
use dhc6c_core::record::{AssociationKind, KnownLease, Record};
use dhc6c_core::time::{Instant, Until};

use crate::hooks::Leases;
use crate::server::Lease;

use super::Grants;

/// More leases than this, all in all, are cut to it: a record may be anybody's.
const MOST: usize = 32;

/// Whatever is in use is kept, with an end that is not later: the next
/// process may have nothing else to go by.
pub(super) fn judge_kept(kept: Option<&Record>, in_use: &Leases, ipv4: Option<&Ipv4>) {
    let mut ends: BTreeMap<Lease, Until> = BTreeMap::new();
    for (lease, _, known) in kept.into_iter().flat_map(known) {
        let end = ends.entry(lease).or_insert(known.valid);
        *end = known.valid.min(*end);
    }
    for (lease, lifetimes) in in_use {
        let end = ends.get(lease);
        assert!(end.is_some(), "{lease:?} is in use, and a crash would lose it");
        assert!(end <= Some(&lifetimes.valid), "{lease:?} is kept for longer than it lasts");
    }
    if let Some(ipv4) = ipv4 {
        let known = kept.and_then(|record| record.ipv4.as_deref());
        let same = known.filter(|known| known.address == ipv4.address);
        assert!(same.is_some(), "{} is in use, and a crash would lose it", ipv4.address);
        assert!(same.is_some_and(|known| known.valid <= ipv4.valid), "{ipv4:?} is kept too long");
    }
}

/// The leases that a new process has to use from its beginning: those that
/// were in use, have not ended and are wanted.
pub(super) fn to_be_resumed(config: &Config, restored: &Restored, now: Instant) -> Vec<Lease> {
    let Restored { record, in_use, times_are_known } = restored;
    let is_flood = record.leases().count() > MOST;
    if !in_use || !times_are_known || record.server.is_none() || is_flood {
        return Vec::new();
    }
    let lasting = known(record).filter(|(.., known)| !known.valid.is_over(now));
    let wanted = lasting.filter(|(lease, iaid, _)| wants(config, *lease, *iaid));
    wanted.map(|(lease, ..)| lease).collect()
}

/// The configuration has this association.
fn wants(config: &Config, lease: Lease, iaid: Iaid) -> bool {
    match lease {
        Lease::Address(_) => config.address == Some(iaid),
        Lease::Prefix(_) => config.prefixes.iter().any(|request| request.iaid == iaid),
    }
}

/// The configuration has every association that was given this lease: which of
/// them has it, nobody can tell where two were.
pub(super) fn is_wanted(config: &Config, granted: &Grants, lease: Lease) -> bool {
    let mut given_to = granted.keys().filter(|(given, _)| *given == lease);
    given_to.all(|(_, iaid)| wants(config, lease, *iaid))
}

/// All in a record.
pub(super) fn known(record: &Record) -> impl Iterator<Item = (Lease, Iaid, &KnownLease)> {
    record.associations.iter().flat_map(|ia| {
        ia.leases.iter().map(|known| {
            let lease = match ia.kind {
                AssociationKind::Address => Lease::Address(known.lease.address()),
                AssociationKind::Prefix => Lease::Prefix(known.lease),
            };
            (lease, ia.iaid, known)
        })
    })
}
