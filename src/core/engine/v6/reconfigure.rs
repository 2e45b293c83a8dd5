//! A server asks its client to ask: Reconfigure, and the key by which the
//! client knows that it is its server (RFC 9915 §18.2.11, §20.4).

use crate::engine::Event;
use crate::ident::Duid;
use crate::link::Datagram;
use crate::reason::DropReason;
use crate::record::KnownKey;
use crate::time::Instant;
use crate::wire::{DhcpOption, Message, MessageType, ReconfigureKey, TransactionId, code};

use super::answer::{Answer, only};
use super::common::Common;
use super::inform::Inform;
use super::rebind::Rebind;
use super::{Client, State};

/// The most codes of a Reconfigure's Option Request that are asked for.
const MOST_REQUESTED: usize = 32;

/// What a server gave to know its Reconfigure messages by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Authority {
    server: Duid,
    key: ReconfigureKey,
    /// The last replay detection value of that server (RFC 9915 §20.3).
    replay: u64,
}

impl Authority {
    /// What an earlier process was given.
    pub(super) fn resumed(known: &KnownKey) -> Self {
        let KnownKey { server, key, replay } = known.clone();
        Self { server, key, replay }
    }

    /// What has to outlive the process, the replay detection value included.
    pub(super) fn known(&self) -> KnownKey {
        let Self { server, key, replay } = self.clone();
        KnownKey { server, key, replay }
    }

    /// What is known once this answer was taken. A key comes with the first
    /// Reply (RFC 9915 §20.4.2); one that comes later to a client that `holds`
    /// leases counts only where none is known of its server, unless it comes
    /// with new leases: a server that has forgotten those has forgotten its
    /// key. One that is not newer than the last word of its server is a replay.
    pub(super) fn after(known: Option<Self>, answer: &Answer, holds: bool) -> Option<Self> {
        let Some((key, replay)) = answer.key.clone() else { return known };
        let server = answer.server.duid.clone();
        let is_later = match answer.question {
            MessageType::Solicit | MessageType::Request => false,
            MessageType::InformationRequest => holds,
            _ => true,
        };
        match known {
            Some(known) if known.server == server && (is_later || replay <= known.replay) => {
                Some(known)
            }
            _ => Some(Self { server, key, replay }),
        }
    }
}

/// A Reconfigure that got past the door.
#[derive(Debug)]
struct Order {
    kind: MessageType,
    transaction: TransactionId,
    /// What the server would like to be asked for (RFC 6644 §5).
    request: Vec<u16>,
    replay: u64,
}

impl Client {
    /// Does what a server asks for, if it is ours and nothing else is being
    /// asked; the rest is dropped (RFC 9915 §18.2.11).
    pub(super) fn on_reconfigure(&mut self, now: Instant, datagram: &Datagram) {
        match self.admit_reconfigure(datagram) {
            Ok(order) => self.obey(now, datagram, order),
            Err(reason) => self.drop_for(reason),
        }
    }

    fn obey(&mut self, now: Instant, datagram: &Datagram, order: Order) {
        let Order { kind, transaction, request, replay } = order;
        let common = &mut self.common;
        if let Some(authority) = &mut common.authority {
            authority.replay = replay;
        }
        let count = common.counters.received.entry(MessageType::Reconfigure).or_default();
        *count = count.saturating_add(1);
        let received = Event::Received(MessageType::Reconfigure, transaction, datagram.source);
        common.events.extend([received, Event::Reconfigured(kind)]);
        self.turn(|common, _| {
            let mut state = match kind {
                MessageType::Rebind => State::Rebind(Rebind::new(common, now)),
                MessageType::InformationRequest => State::Inform(Inform::reconfigured(common, now)),
                _ => State::renew(common, now),
            };
            if let Some(exchange) = state.exchange_mut() {
                exchange.request = request;
            }
            state
        });
    }

    /// The checks of RFC 9915 §16.11, the cheap ones first. What is asked for
    /// has to be possible: without leases nothing can be extended.
    fn admit_reconfigure(&self, datagram: &Datagram) -> Result<Order, DropReason> {
        let Common { config, authority, server, leases, informed, .. } = &self.common;
        if datagram.destination.is_multicast() {
            return Err(DropReason::Destination);
        }
        let decoded = Message::decode(&datagram.octets)?;
        let options = &decoded.message.options;
        if only(decoded.message.client_ids()) != Some(&config.duid) {
            return Err(DropReason::ClientId);
        }
        let sender = only(decoded.message.server_ids()).ok_or(DropReason::ServerId)?;
        let authentication = only(options.iter().filter_map(|option| match option {
            DhcpOption::Authentication(authentication) => Some(authentication),
            _ => None,
        }));
        let (Some(authority), Some(authentication)) = (authority, authentication) else {
            return Err(DropReason::Authentication);
        };
        let is_ours = server.as_ref().is_some_and(|server| server.duid == *sender);
        if !is_ours || authority.server != *sender {
            return Err(DropReason::ServerId);
        }
        let kinds = options.iter().filter_map(|option| match option {
            DhcpOption::ReconfigureMessage(kind) => Some(*kind),
            _ => None,
        });
        let well_formed = !decoded.malformed.contains(&code::RECONF_MSG);
        let kind = only(kinds).filter(|_| well_formed).ok_or(DropReason::OptionMalformed)?;
        if !authority.key.authenticates(&datagram.octets) {
            return Err(DropReason::Authentication);
        }
        if authentication.replay <= authority.replay {
            return Err(DropReason::Replay);
        }
        let is_possible = match kind {
            MessageType::InformationRequest => leases.any_held() || *informed,
            _ => leases.any_held(),
        };
        let is_free = self.state.is_at_leisure(&self.common);
        if !is_free || !is_possible || !self.common.link.is_usable() {
            return Err(DropReason::State);
        }
        let transaction = decoded.message.transaction;
        let replay = authentication.replay;
        Ok(Order { kind, transaction, request: requested(options), replay })
    }
}

/// The codes that a Reconfigure names and that may be asked for.
fn requested(options: &[DhcpOption]) -> Vec<u16> {
    let codes = options.iter().filter_map(|option| match option {
        DhcpOption::OptionRequest(codes) => Some(codes),
        _ => None,
    });
    let may = |code: &u16| code::may_be_requested(*code);
    codes.flatten().copied().filter(may).take(MOST_REQUESTED).collect()
}
