//! From a datagram to an answer that a state may act on: the door, then the
//! parsing. Whatever gets past here is for us, in answer to our last
//! question, and makes sense in itself (RFC 9915 §16).

use std::net::Ipv6Addr;

use crate::ident::{Duid, Iaid};
use crate::link::Datagram;
use crate::prefix::Prefix;
use crate::reason::{DropCounts, DropReason};
use crate::snapshot::Server;
use crate::time::Lifetime;
use crate::wire::{
    Authentication, DhcpOption, Ia, IaAddress, IaPrefix, Message, MessageType, ReconfigureKey,
    Status, StatusCode, TransactionId,
};

use super::association::{Kind, Leased, MAX_LEASES, Offer};
use super::settings::Settings;

/// What the open exchange lets in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    /// The transaction of the open exchange.
    pub(super) transaction: TransactionId,
    /// An Advertise is an answer.
    pub(super) advertise: bool,
    /// A Reply is an answer; with rapid commit only (RFC 9915 §18.2.1).
    pub(super) reply: ReplyKind,
    /// The message that is open.
    pub(super) question: MessageType,
    /// The only server that may answer, where one was asked.
    pub(super) server: Option<&'a Duid>,
}

/// Which Reply is an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ReplyKind {
    /// None: a Solicit without rapid commit is open.
    No,
    /// One that carries the Rapid Commit option.
    RapidCommit,
    /// Any.
    Yes,
}

/// An Advertise or Reply that got past the door.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) kind: MessageType,
    /// The message that it answers.
    pub(super) question: MessageType,
    pub(super) server: Server,
    /// The status of the whole, if it is no success.
    pub(super) failure: Option<Status>,
    /// The associations, the first of each kind and IAID, in order.
    pub(super) ias: Vec<OfferedIa>,
    pub(super) sol_max_rt: Option<u32>,
    pub(super) inf_max_rt: Option<u32>,
    pub(super) refresh: Option<Lifetime>,
    /// A key for Reconfigure messages with the replay detection value that
    /// came with it (RFC 9915 §20.4.2).
    pub(super) key: Option<(ReconfigureKey, u64)>,
    pub(super) settings: Settings,
}

/// An association as a server's message states it, checked for sense.
#[derive(Clone, Debug)]
pub(super) struct OfferedIa {
    pub(super) kind: Kind,
    pub(super) iaid: Iaid,
    pub(super) t1: Lifetime,
    pub(super) t2: Lifetime,
    /// The association's status, if it is no success.
    pub(super) failure: Option<Status>,
    pub(super) offers: Vec<Offer>,
}

impl OfferedIa {
    /// True when there is a lease in it that lasts.
    pub(super) fn gives(&self) -> bool {
        self.failure.is_none() && self.offers.iter().any(|offer| !offer.valid.is_zero())
    }
}

impl Answer {
    /// True where it or an association in it says that we are elsewhere.
    pub(super) fn says_not_on_link(&self) -> bool {
        let failures = self.ias.iter().filter_map(|ia| ia.failure.as_ref());
        let mut all = self.failure.iter().chain(failures);
        all.any(|status| status.code == StatusCode::NOT_ON_LINK)
    }

    /// The offer for one association.
    pub(super) fn ia(&self, kind: Kind, iaid: Iaid) -> Option<&OfferedIa> {
        self.ias.iter().find(|ia| ia.kind == kind && ia.iaid == iaid)
    }
}

/// The shortest prefix that is taken. Providers themselves get a /20 or so;
/// an unreachable route for more would cut off half of the Internet.
const SHORTEST_PREFIX: u8 = 16;

/// Lets a datagram in or says why not. Malformed options and lifetimes that
/// make no sense are counted and left out.
///
/// The order is that of increasing cost; the source port is not looked at
/// (some servers answer from an ephemeral one), nor the source address (a
/// relay's).
///
/// # Errors
/// The reason to drop the whole datagram.
pub(super) fn admit(
    datagram: &Datagram,
    link_local: Option<Ipv6Addr>,
    client: Option<&Duid>,
    expected: Option<Expected<'_>>,
    dropped: &mut DropCounts,
) -> Result<Answer, DropReason> {
    // Unicast and ours: an Advertise or Reply comes to the address we sent
    // from (RFC 9915 §16: multicast SHOULD NOT be accepted).
    if Some(datagram.destination) != link_local {
        return Err(DropReason::Destination);
    }
    let decoded = Message::decode(&datagram.octets)?;
    let message = decoded.message;
    check_role(message.kind)?;
    let expected = expected.ok_or(DropReason::State)?;
    match message.kind {
        MessageType::Advertise if expected.advertise => {}
        MessageType::Reply if expected.reply != ReplyKind::No => {}
        _ => return Err(DropReason::State),
    }
    if message.transaction != expected.transaction {
        return Err(DropReason::TransactionId);
    }
    // Whoever did not say who it is gets an answer that does not either
    // (RFC 9915 §16.10).
    let mut ids = message.client_ids();
    if (ids.next(), ids.next()) != (client, None) {
        return Err(DropReason::ClientId);
    }
    let server = only(message.server_ids()).ok_or(DropReason::ServerId)?;
    if expected.server.is_some_and(|asked| asked != server) {
        return Err(DropReason::ServerId);
    }
    let rapid = message.options.contains(&DhcpOption::RapidCommit);
    if message.kind == MessageType::Reply && expected.reply == ReplyKind::RapidCommit && !rapid {
        return Err(DropReason::State);
    }
    // RFC 9915 §20.2: at most one.
    if authentications(&message).count() > 1 {
        return Err(DropReason::Authentication);
    }
    decoded.malformed.iter().for_each(|_| dropped.count(DropReason::OptionMalformed));
    let answer = parse(&message, server.clone(), datagram.source, dropped);
    Ok(Answer { question: expected.question, ..answer })
}

/// Refuses what other roles send (RFC 9915 §16.2 to §16.14).
const fn check_role(kind: MessageType) -> Result<(), DropReason> {
    match kind {
        MessageType::Advertise | MessageType::Reply => Ok(()),
        // It answers nothing; its own door is in `reconfigure`.
        MessageType::Reconfigure => Err(DropReason::State),
        MessageType::Solicit
        | MessageType::Request
        | MessageType::Confirm
        | MessageType::Renew
        | MessageType::Rebind
        | MessageType::Release
        | MessageType::Decline
        | MessageType::InformationRequest => Err(DropReason::Role),
        // They have no transaction id, and a door of their own.
        MessageType::Dhcpv4Query | MessageType::Dhcpv4Response => Err(DropReason::MessageType),
    }
}

/// The only item, `None` of none or several.
pub(super) fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

fn authentications(message: &Message) -> impl Iterator<Item = &Authentication> {
    message.options.iter().filter_map(|option| match option {
        DhcpOption::Authentication(authentication) => Some(authentication),
        _ => None,
    })
}

fn parse(message: &Message, duid: Duid, source: Ipv6Addr, dropped: &mut DropCounts) -> Answer {
    let mut answer = Answer {
        kind: message.kind,
        question: message.kind,
        server: Server { duid, address: source, preference: 0 },
        failure: message.status().and_then(failure),
        ias: Vec::new(),
        sol_max_rt: None,
        inf_max_rt: None,
        refresh: None,
        key: authentications(message).find_map(|found| Some((found.key()?, found.replay))),
        settings: Settings::of(&message.options),
    };
    let mut preference = None;
    for option in &message.options {
        match option {
            DhcpOption::IaNa(ia) => add_ia(&mut answer.ias, Kind::Address, ia, dropped),
            DhcpOption::IaPd(ia) => add_ia(&mut answer.ias, Kind::Prefix, ia, dropped),
            // Of doubles of what may appear once, the first counts.
            DhcpOption::Preference(value) => _ = preference.get_or_insert(*value),
            DhcpOption::SolMaxRt(value) => _ = answer.sol_max_rt.get_or_insert(*value),
            DhcpOption::InfMaxRt(value) => _ = answer.inf_max_rt.get_or_insert(*value),
            DhcpOption::InformationRefreshTime(time) => _ = answer.refresh.get_or_insert(*time),
            _ => {}
        }
    }
    answer.server.preference = preference.unwrap_or(0);
    if message.kind == MessageType::Advertise {
        // It is kept beside others; a Reply is taken at once, and whole.
        answer.ias.iter_mut().for_each(|ia| ia.offers.truncate(2 * MAX_LEASES));
    }
    answer
}

/// A status that is no success.
fn failure(status: &Status) -> Option<Status> {
    (status.code != StatusCode::SUCCESS).then(|| status.clone())
}

fn add_ia(ias: &mut Vec<OfferedIa>, kind: Kind, ia: &Ia, dropped: &mut DropCounts) {
    if ias.iter().any(|known| known.kind == kind && known.iaid == ia.iaid) {
        return;
    }
    // T1 beyond T2 spoils the association (RFC 9915 §21.4, §21.21).
    if ia.t1 > ia.t2 && !ia.t2.is_zero() {
        dropped.count(DropReason::Lifetime);
        return;
    }
    let offers: Vec<_> = match kind {
        Kind::Address => ia.addresses().filter_map(|a| address_offer(a, dropped)).collect(),
        Kind::Prefix => ia.prefixes().filter_map(|p| prefix_offer(p, dropped)).collect(),
    };
    // What takes leases away makes room for others.
    let (taken, given): (Vec<_>, Vec<_>) =
        offers.into_iter().partition(|offer| offer.valid.is_zero());
    ias.push(OfferedIa {
        kind,
        iaid: ia.iaid,
        t1: ia.t1,
        t2: ia.t2,
        failure: ia.status().and_then(failure),
        offers: taken.into_iter().chain(given).collect(),
    });
}

fn address_offer(lease: &IaAddress, dropped: &mut DropCounts) -> Option<Offer> {
    let Some((preferred, valid)) = lifetimes(lease.preferred, lease.valid, lease.status()) else {
        dropped.count(DropReason::Lifetime);
        return None;
    };
    if !is_assignable(lease.address) {
        dropped.count(DropReason::OptionMalformed);
        return None;
    }
    let what = Leased::Address { address: lease.address, usable: false };
    Some(Offer { what, preferred, valid })
}

fn prefix_offer(lease: &IaPrefix, dropped: &mut DropCounts) -> Option<Offer> {
    let Some((preferred, valid)) = lifetimes(lease.preferred, lease.valid, lease.status()) else {
        dropped.count(DropReason::Lifetime);
        return None;
    };
    if !is_delegable(lease.prefix) {
        dropped.count(DropReason::OptionMalformed);
        return None;
    }
    let exclude = lease.pd_exclude().filter(|option| {
        let usable = lease.prefix.excluded(option).is_some();
        if !usable {
            dropped.count(DropReason::OptionMalformed);
        }
        usable
    });
    let what = Leased::Prefix { prefix: lease.prefix, exclude: exclude.map(<[u8]>::to_vec) };
    Some(Offer { what, preferred, valid })
}

/// Lifetimes that can be used: preferred not beyond valid (RFC 9915 §21.6,
/// §21.22). A lease whose own status is a failure is a lost one.
fn lifetimes(
    preferred: Lifetime,
    valid: Lifetime,
    status: Option<&Status>,
) -> Option<(Lifetime, Lifetime)> {
    if preferred > valid {
        return None;
    }
    match status.and_then(failure) {
        None => Some((preferred, valid)),
        Some(_) => Some((Lifetime::ZERO, Lifetime::ZERO)),
    }
}

/// A prefix that a server can sensibly delegate.
pub(super) fn is_delegable(prefix: Prefix) -> bool {
    prefix.length() >= SHORTEST_PREFIX && is_assignable(prefix.address())
}

/// An address that a server can sensibly lease, or a prefix can start with.
pub(super) fn is_assignable(address: Ipv6Addr) -> bool {
    !(address.is_unspecified()
        || address.is_multicast()
        || address.is_loopback()
        || address.is_unicast_link_local()
        || address.to_ipv4_mapped().is_some())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
