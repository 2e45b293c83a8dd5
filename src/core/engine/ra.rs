//! What the routers of a link say of DHCPv6, and what follows for a client
//! that asks for no more than they offer (RFC 4861 §4.2, RFC 7084 WAA-6 and
//! WPD-4, RFC 9762 §7). Without a router that says something, nothing is
//! asked for.
//!
//! Only [`super::iface`] calls in here. It asks routers to say something
//! where none has, and knows nothing of leases.

use std::collections::BTreeMap;

use crate::ident::Iaid;
use crate::link::{Link, RouterMessage};
use crate::prefix::Prefix;
use crate::reason::DropReason;
use crate::record::{AssociationKind, Record};
use crate::rng::Rng;
use crate::snapshot::Mode;
use crate::time::{Duration, Instant, Until};
use crate::wire::ra::RouterAdvertisement;

use super::retx::{ROUTER_SOLICITATION, Retransmission};
use super::{Config, Deadline, PrefixChange, PrefixRequest, Why};

/// The most prefixes that are remembered.
const MOST_PREFIXES: usize = 64;
/// The longest prefix that hosts can form addresses from by themselves
/// (RFC 4862 §5.5.3, RFC 9762 §7.1).
const LONGEST_PREFIX: u8 = 64;
/// A change of the link's prefixes leads to one question in this time
/// (RFC 9915 §18.2.12).
const CHANGE_INTERVAL: Duration = Duration::from_secs(30);

/// What is known of the routers of a link.
#[derive(Debug)]
pub(super) struct RouterWatch {
    /// Asks for advertisements until the first one comes.
    solicitation: Option<Retransmission>,
    /// What the routers have said. It stays so until the link is left: leases
    /// are not dropped because a flag is.
    said: Said,
    /// A router has said something since the link was entered.
    heard: bool,
    prefixes: BTreeMap<Prefix, Known>,
    /// What has changed since somebody was last asked about it.
    change: Option<PrefixChange>,
    /// Nobody is asked before.
    asks_from: Instant,
}

/// What routers have said of DHCPv6.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Said {
    /// Addresses are to be had: the M flag.
    managed: bool,
    /// There is something to ask for: the M or the O flag.
    anything: bool,
    /// Addresses are to be asked for: the M flag, and not all prefixes of the
    /// link stand for delegation (RFC 9762 §7.1).
    addresses: bool,
    /// Prefixes are rather to be asked for: the P flag.
    delegation: bool,
}

/// What is known of a prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Known {
    preferred: Until,
    on_link: bool,
    delegating: bool,
}

impl RouterWatch {
    pub(super) const fn new() -> Self {
        Self {
            solicitation: None,
            said: Said { managed: false, anything: false, addresses: false, delegation: false },
            heard: false,
            prefixes: BTreeMap::new(),
            change: None,
            asks_from: Instant::BOOT,
        }
    }

    /// Goes on as if routers had said what led to these leases, or to options
    /// where there are none.
    pub(super) fn resume(&mut self, config: &Config, record: &Record) {
        let has = |kind| record.first_iaid(kind).is_some();
        self.said = Said {
            managed: has(AssociationKind::Address),
            anything: true,
            addresses: has(AssociationKind::Address),
            delegation: has(AssociationKind::Prefix) && config.prefixes.is_empty(),
        };
    }

    /// The link is usable from now on, or has come back: routers are asked
    /// after a random delay (RFC 4861 §6.3.7). What the routers of the last
    /// link have said counts only for somebody who `holds` something of it.
    pub(super) fn enter_link(&mut self, now: Instant, holds: bool, rng: &mut Rng) {
        if !holds {
            self.said = Said::default();
            self.prefixes.clear();
            self.change = None;
        }
        self.heard = false;
        let start = now + rng.delay(ROUTER_SOLICITATION.max_delay);
        self.solicitation = Some(Retransmission::new(ROUTER_SOLICITATION, start));
    }

    /// The link is gone or down: nobody can be asked.
    pub(super) fn leave_link(&mut self) {
        self.solicitation = None;
    }

    /// Takes an advertisement in; true when it says something new.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(super) fn take(
        &mut self,
        now: Instant,
        message: &RouterMessage,
    ) -> Result<bool, DropReason> {
        let RouterMessage { source, hop_limit, octets } = message;
        let advertised = RouterAdvertisement::decode(*source, *hop_limit, octets)?;
        let before = self.said;
        self.solicitation = None;
        self.heard = true;
        let mut is_new = false;
        for told in advertised.prefixes {
            let preferred = told.preferred.from_start(now);
            let known = Known { preferred, on_link: told.on_link, delegating: told.delegating };
            is_new |= self.note(now, told.prefix, known);
        }
        self.said.managed |= advertised.managed;
        self.said.anything |= advertised.managed || advertised.other;
        self.said.delegation |= self.delegates();
        is_new |= self.expire(now);
        Ok(is_new || before != self.said)
    }

    /// Drops what has had its time; true when something had. Addresses may be
    /// asked for where the last prefix goes that stood for delegation.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let over = |_: &Prefix, known: &mut Known| known.preferred.is_over(now);
        let gone: Vec<_> = self.prefixes.extract_if(.., over).collect();
        gone.iter().for_each(|(_, known)| self.note_change(*known));
        self.said.addresses |= self.said.managed && !self.all_delegate();
        !gone.is_empty()
    }

    /// What to ask the servers about now, once: how the prefixes of the link
    /// have changed.
    pub(super) fn take_change(&mut self, now: Instant) -> Option<PrefixChange> {
        if self.asks_from > now {
            return None;
        }
        let change = self.change.take()?;
        self.asks_from = now + CHANGE_INTERVAL;
        // RFC 9762 §7.1: not about a list that is empty now.
        (change == PrefixChange::OnLink || self.delegates()).then_some(change)
    }

    /// Forgets changes: nothing is held that they could matter to.
    pub(super) const fn forget_change(&mut self) {
        self.change = None;
    }

    /// What of a configuration the routers have something for.
    pub(super) fn effective(&self, config: &Config) -> Config {
        let Said { anything, addresses, delegation, .. } = self.said;
        let mut prefixes = config.prefixes.clone();
        if prefixes.is_empty() && delegation {
            prefixes = vec![PrefixRequest {
                length: Some(LONGEST_PREFIX),
                longest: Some(LONGEST_PREFIX),
                retired: self.heard && !self.delegates(),
                ..PrefixRequest::any(Iaid::of_interface(&config.name))
            }];
        }
        let address = config.address.filter(|_| addresses);
        let stateful = address.is_some() || !prefixes.is_empty() && (anything || delegation);
        let mode = match (stateful, anything) {
            (true, _) => Mode::Stateful,
            (false, true) => Mode::Stateless,
            (false, false) => Mode::Auto,
        };
        Config { mode, address, prefixes, ..config.clone() }
    }

    /// When it has something to do.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let solicitation = self.solicitation.as_ref().map(Retransmission::next);
        let transmit = solicitation.map(|at| Deadline { at, why: Why::Transmit });
        let first = self.prefixes.values().map(|known| known.preferred).min();
        let expire = first.and_then(Until::instant).map(|at| Deadline { at, why: Why::Expire });
        let change = self.change.map(|_| Deadline { at: self.asks_from, why: Why::Refresh });
        Deadline::soonest(Deadline::soonest(transmit, expire), change)
    }

    /// True when a Router Solicitation is to leave now; it counts as sent.
    pub(super) fn solicits(&mut self, now: Instant, link: &Link, rng: &mut Rng) -> bool {
        let due = self.solicitation.as_mut().filter(|retx| link.is_usable() && retx.is_due(now));
        due.map(|retx| retx.sent(now, rng)).is_some()
    }

    /// Notes a prefix; true when that is news.
    fn note(&mut self, now: Instant, prefix: Prefix, known: Known) -> bool {
        if known.preferred.is_over(now) {
            let gone = self.prefixes.remove(&prefix);
            gone.into_iter().for_each(|known| self.note_change(known));
            return gone.is_some();
        }
        let before = self.prefixes.get(&prefix).copied();
        if before.is_none() && self.prefixes.len() >= MOST_PREFIXES {
            return false;
        }
        self.prefixes.insert(prefix, known);
        match before {
            Some(before) if before.delegating == known.delegating => false,
            _ => {
                self.note_change(Known {
                    delegating: known.delegating || before.is_some(),
                    ..known
                });
                true
            }
        }
    }

    fn note_change(&mut self, known: Known) {
        let change = if known.delegating { PrefixChange::Delegating } else { PrefixChange::OnLink };
        if known.delegating || known.on_link {
            self.change = self.change.max(Some(change));
        }
    }

    /// The list of RFC 9762 §7.1 is not empty.
    fn delegates(&self) -> bool {
        self.prefixes.values().any(|known| known.delegating)
    }

    /// RFC 9762 §7.1: then addresses are not asked for.
    fn all_delegate(&self) -> bool {
        !self.prefixes.is_empty() && self.prefixes.values().all(|known| known.delegating)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Managed or not, a prefix that nobody has seen, and a route of lifetime
    /// zero (RFC 4191 §2.3).
    fn advertisement(number: u32) -> RouterMessage {
        let flags = if number.is_multiple_of(2) { 0x80 } else { 0 };
        let mut octets = vec![134, 0, 0, 0, 64, flags, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        octets.extend([3, 4, 64, 0xc0, 0, 0, 2, 88, 0, 0, 2, 88, 0, 0, 0, 0]);
        let [a, b, c, d] = number.to_be_bytes();
        octets.extend([0x20, 1, 0xd, 0xb8, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]);
        octets.extend([24, 3, 48, 0, 0, 0, 0, 0]);
        octets.extend([0x20, 1, 0xd, 0xb8, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]);
        let source = "fe80::1".parse().unwrap();
        RouterMessage { source, hop_limit: 255, octets }
    }

    #[test]
    fn ra_01_a_million_advertisements_take_no_room_and_ask_once_in_an_interval() {
        let mut watch = RouterWatch::new();
        let mut asked = 0;
        for number in 0..1_000_000_u32 {
            let now = Instant::from_millis(u64::from(number) / 10);
            watch.take(now, &advertisement(number)).unwrap();
            asked += u32::from(watch.take_change(now).is_some());
            assert!(watch.prefixes.len() <= MOST_PREFIXES);
        }
        // They took a hundred seconds.
        let intervals = 100 / u32::try_from(CHANGE_INTERVAL.as_secs()).unwrap();
        assert!(asked <= 1 + intervals, "{asked}");
    }
}
