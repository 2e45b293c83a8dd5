//! What has to outlive the process: the leases with their ends, the server
//! that gave them, and the bounds it set (RFC 9915 §18.2.12).
//!
//! The engine makes a [`Record`] whenever one is worth keeping and is given
//! the last one at the next start. Its times are instants of the boot it was
//! made in; whoever keeps it for longer moves them ([`Record::moved`]).

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::ident::{Duid, Iaid};
use crate::port_set::PortSet;
use crate::prefix::Prefix;
use crate::snapshot::Server;
use crate::time::{Duration, Instant, Until};
use crate::wire::ReconfigureKey;

/// The leases of one interface and what belongs to them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Record {
    /// When it was made.
    pub at: Instant,
    /// The server that answered last.
    pub server: Option<Server>,
    /// The associations that hold something, in the order they are asked
    /// for.
    pub associations: Vec<KnownAssociation>,
    /// SOL_MAX_RT in seconds, where a server set it (RFC 9915 §21.24).
    pub sol_max_rt: Option<u32>,
    /// INF_MAX_RT in seconds, likewise (RFC 9915 §21.25).
    pub inf_max_rt: Option<u32>,
    /// How the server's Reconfigure messages are known.
    #[serde(default)]
    pub reconfigure_key: Option<KnownKey>,
    /// The options in effect as they travel, in hexadecimal: a server says
    /// them with the leases, and not again when these are confirmed
    /// (RFC 9915 §18.2.10.3).
    pub options: String,
    /// The IPv4 lease.
    #[serde(default)]
    pub ipv4: Option<Box<KnownV4>>,
}

/// An IPv4 lease as it is remembered (RFC 2131 §3.2).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct KnownV4 {
    /// The address.
    pub address: Ipv4Addr,
    /// The server that gave it.
    pub server: Ipv4Addr,
    /// When to renew.
    pub t1: Until,
    /// When to rebind.
    pub t2: Until,
    /// The end of the lease.
    pub valid: Until,
    /// These times are of an earlier boot, and nobody knows how long ago that
    /// was: the lease ends then at the latest. No server has stated them anew.
    #[serde(default)]
    pub is_timeless: bool,
    /// Which ports are ours; absent where all of them are.
    pub ports: Option<PortSet>,
    /// The IPv6 address that it was asked for from (RFC 7618 §6).
    pub via: Ipv6Addr,
    /// The IPv6 address that it is bound to (RFC 8539).
    pub source: Option<Ipv6Addr>,
    /// The far ends of the softwire (RFC 8539).
    pub border_relays: Vec<Ipv6Addr>,
    /// The options that came with it as they travel, in hexadecimal.
    pub options: String,
}

/// The key of a server, for its Reconfigure messages (RFC 9915 §20.4).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct KnownKey {
    /// Whose key it is.
    pub server: Duid,
    /// The key.
    pub key: ReconfigureKey,
    /// The last replay detection value of that server (RFC 9915 §20.3).
    pub replay: u64,
}

/// An association as it is remembered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct KnownAssociation {
    /// What it holds.
    pub kind: AssociationKind,
    /// Its IAID.
    pub iaid: Iaid,
    /// When to renew.
    pub t1: Until,
    /// When to rebind.
    pub t2: Until,
    /// What it holds.
    pub leases: Vec<KnownLease>,
}

/// What an association holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AssociationKind {
    /// Addresses: IA_NA (RFC 9915 §21.4).
    Address,
    /// Delegated prefixes: IA_PD (RFC 9915 §21.21).
    Prefix,
}

/// A lease as it is remembered. An address is a prefix of 128 bits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct KnownLease {
    /// The address or prefix.
    pub lease: Prefix,
    /// The payload of PD_EXCLUDE in hexadecimal (RFC 6603 §4.2).
    pub exclude: Option<String>,
    /// The end of its preferred lifetime.
    pub preferred: Until,
    /// The end of its valid lifetime.
    pub valid: Until,
}

/// 2026-11-01 UTC, in seconds since the Unix epoch: a wall clock that says
/// less than this has not been set.
const EARLIEST_TIME: u64 = 1_793_491_200;
/// Ten years: whoever kept a record for longer has a clock that jumped.
const LONGEST_OFF: u64 = 10 * 365 * 86_400;

/// How long the machine was off, by what its wall clock said when a record
/// was `made` and says `now`, in seconds since the Unix epoch; `None` where it
/// cannot be right. Leases are not taken for over because of a clock that was
/// not set, then or now. A second is added for what is cut off of both: a lease
/// is never used for longer than it lasts.
#[must_use]
pub fn time_off(made: u64, now: u64) -> Option<Duration> {
    let is_set = made >= EARLIEST_TIME && now >= EARLIEST_TIME;
    let elapsed = now.checked_sub(made).filter(|elapsed| is_set && *elapsed <= LONGEST_OFF);
    elapsed.map(|elapsed| Duration::from_secs(elapsed + 1))
}

impl Record {
    /// All leases in it.
    pub fn leases(&self) -> impl Iterator<Item = &KnownLease> {
        self.associations.iter().flat_map(|ia| &ia.leases)
    }

    /// True when there is a lease in it.
    #[must_use]
    pub fn has_leases(&self) -> bool {
        self.leases().next().is_some()
    }

    /// The IAID of the first association of a kind.
    #[must_use]
    pub fn first_iaid(&self, kind: AssociationKind) -> Option<Iaid> {
        self.associations.iter().find(|ia| ia.kind == kind).map(|ia| ia.iaid)
    }

    /// True when this record has to replace `kept`: it says something else,
    /// a lease ends sooner or is preferred for less, or less than half of the valid time that was
    /// kept is left. A mere extension can wait until then; it would wear out
    /// the flash, and the older times err on the safe side.
    #[must_use]
    pub fn replaces(&self, kept: &Self) -> bool {
        if self.without_times() != kept.without_times() {
            return true;
        }
        let ends_otherwise = |new: Until, old: Until| {
            let half = old.instant().map(|end| kept.at + end.since(kept.at) / 2);
            new < old || new > old && half.is_some_and(|at| at <= self.at)
        };
        let ipv4 = self.ipv4.iter().zip(&kept.ipv4).any(|(n, o)| ends_otherwise(n.valid, o.valid));
        ipv4 || self
            .leases()
            .zip(kept.leases())
            .any(|(new, old)| new.preferred < old.preferred || ends_otherwise(new.valid, old.valid))
    }

    /// The record as it reads at `now` of another boot, `elapsed` after it
    /// was made.
    #[must_use]
    pub fn moved(mut self, now: Instant, elapsed: Duration) -> Self {
        let made = self.at;
        let moved = |until: &mut Until| {
            if let Until::At(end) = until {
                *end = now + end.since(made).saturating_sub(elapsed);
            }
        };
        for ia in &mut self.associations {
            moved(&mut ia.t1);
            moved(&mut ia.t2);
            for lease in &mut ia.leases {
                moved(&mut lease.preferred);
                moved(&mut lease.valid);
            }
        }
        if let Some(KnownV4 { t1, t2, valid, .. }) = self.ipv4.as_deref_mut() {
            [t1, t2, valid].into_iter().for_each(moved);
        }
        self.at = now;
        self
    }

    fn without_times(&self) -> Self {
        let mut rest = self.clone();
        rest.at = Instant::BOOT;
        for ia in &mut rest.associations {
            (ia.t1, ia.t2) = (Until::Forever, Until::Forever);
            for lease in &mut ia.leases {
                (lease.preferred, lease.valid) = (Until::Forever, Until::Forever);
            }
        }
        if let Some(KnownV4 { t1, t2, valid, .. }) = rest.ipv4.as_deref_mut() {
            (*t1, *t2, *valid) = (Until::Forever, Until::Forever, Until::Forever);
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Until {
        Until::At(Instant::from_millis(seconds * 1000))
    }

    /// One prefix, made at 100 s and valid until `valid`.
    fn record(made: u64, valid: Until) -> Record {
        let lease = KnownLease {
            lease: "2001:db8:8000::/56".parse().unwrap(),
            exclude: None,
            preferred: valid,
            valid,
        };
        let ia = KnownAssociation {
            kind: AssociationKind::Prefix,
            iaid: Iaid(7),
            t1: at(150),
            t2: at(180),
            leases: vec![lease],
        };
        let at = Instant::from_millis(made * 1000);
        Record { at, associations: vec![ia], ..Record::default() }
    }

    #[test]
    fn fin_03_an_extension_is_kept_when_half_of_the_kept_time_is_over() {
        let kept = record(100, at(300));
        assert!(!record(150, at(350)).replaces(&kept));
        assert!(record(200, at(400)).replaces(&kept));
        assert!(!record(250, at(300)).replaces(&kept), "nothing was extended");
        assert!(!record(250, Until::Forever).replaces(&record(100, Until::Forever)));
    }

    #[test]
    fn fin_03_a_lease_that_ends_sooner_and_any_other_change_are_kept_at_once() {
        let kept = record(100, at(300));
        assert!(record(101, at(299)).replaces(&kept));
        assert!(record(101, at(301)).replaces(&record(100, Until::Forever)));
        let mut deprecated = record(101, at(300));
        deprecated.associations[0].leases[0].preferred = at(101);
        assert!(deprecated.replaces(&kept), "an address that is given up");
        assert!(Record { sol_max_rt: Some(60), ..record(101, at(300)) }.replaces(&kept));
        assert!(Record::default().replaces(&kept));
        assert!(
            !Record { at: Instant::from_millis(9), ..Record::default() }
                .replaces(&Record::default())
        );
    }

    #[test]
    fn fin_03_time_spent_switched_off_counts_and_ends_at_the_end() {
        let now = Instant::from_millis(5000);
        let moved = record(100, at(300)).moved(now, Duration::from_secs(60));
        let ia = &moved.associations[0];
        assert_eq!((ia.t1, ia.t2), (at(5), at(25)));
        assert_eq!(ia.leases[0].valid, at(145));
        let over = record(100, at(300)).moved(now, Duration::from_secs(3600));
        assert!(over.associations[0].leases[0].valid.is_over(now));
        let forever = record(100, Until::Forever).moved(now, Duration::from_secs(3600));
        assert_eq!(forever.associations[0].leases[0].valid, Until::Forever);
    }
}
