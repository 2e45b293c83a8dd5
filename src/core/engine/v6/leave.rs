//! Giving addresses back that others use (RFC 9915 §18.2.8).

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use crate::engine::retx;
use crate::ident::{Duid, Iaid};
use crate::time::{Instant, Lifetime, Until};
use crate::wire::{DhcpOption, Ia, IaAddress, MessageType};

use super::State;
use super::bound::Bound;
use super::common::{Common, Contents};
use super::exchange::Exchange;
use super::request::Request;
use super::solicit::Solicit;

/// Giving back addresses that others use. Leases that are good stay in use
/// meanwhile.
#[derive(Debug)]
pub(super) struct Decline {
    pub(super) exchange: Exchange,
    server: Option<Duid>,
    declined: Vec<Declined>,
}

/// An address that is given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declined {
    pub(super) iaid: Iaid,
    pub(super) address: Ipv6Addr,
    /// Its end; there is nothing to decline after that.
    pub(super) until: Until,
}

impl Decline {
    /// Declines an address, and those that were being declined already.
    pub(super) fn new(
        common: &mut Common,
        now: Instant,
        before: State,
        duplicate: Declined,
    ) -> Self {
        let mut declined = match before {
            State::Decline(decline) => decline.declined,
            _ => Vec::new(),
        };
        declined.push(duplicate);
        Self {
            exchange: Exchange::new(MessageType::Decline, retx::DECLINE, now, &mut common.rng),
            server: common.server.as_ref().map(|server| server.duid.clone()),
            declined,
        }
    }

    /// The server that gave the addresses.
    pub(super) const fn server(&self) -> Option<&Duid> {
        self.server.as_ref()
    }

    /// Each association once, with what is declined alone.
    pub(super) fn contents(&self) -> Contents {
        let mut named: BTreeMap<Iaid, Vec<DhcpOption>> = BTreeMap::new();
        for &Declined { iaid, address, .. } in &self.declined {
            let (preferred, valid) = (Lifetime::ZERO, Lifetime::ZERO);
            let lease = IaAddress { address, preferred, valid, options: Vec::new() };
            named.entry(iaid).or_default().push(DhcpOption::IaAddress(lease));
        }
        let ias = named.into_iter().map(|(iaid, leases)| Ia::asking(iaid, leases));
        (self.server.clone(), ias.map(DhcpOption::IaNa).collect())
    }

    /// DEC_MAX_RC transmissions went unanswered, or all of it has ended.
    pub(super) fn on_time(mut self, common: &mut Common, now: Instant) -> State {
        self.declined.retain(|declined| !declined.until.is_over(now));
        if self.declined.is_empty() || self.exchange.retx.has_failed(now) {
            self.done(common, now)
        } else {
            State::Decline(self)
        }
    }

    /// Any Reply ends it, whatever its status (RFC 9915 §18.2.10.2).
    pub(super) fn on_answer(self, common: &mut Common, now: Instant) -> State {
        self.done(common, now)
    }

    /// What was declined counts as not received: it is asked for again. A
    /// server that holds other leases of ours is asked at once, and with the
    /// next Renew if that brought another duplicate.
    fn done(self, common: &mut Common, now: Instant) -> State {
        match self.server {
            Some(server) if common.leases.any_held() => {
                if common.refusal_delay().is_zero() {
                    State::Request(Request::replacing(common, now, server))
                } else {
                    State::Bound(Bound)
                }
            }
            _ => State::Solicit(Solicit::again(common, now)),
        }
    }
}
