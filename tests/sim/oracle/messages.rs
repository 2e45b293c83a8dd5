//! What a client sends: how often, in which exchange, and about which leases.

use dhc6c_core::record::Record;
use dhc6c_core::time::Instant;
use dhc6c_core::wire::dhcp4o6::Query;
use dhc6c_core::wire::{DhcpOption, Message, MessageType, v4};

use std::net::Ipv6Addr;

use crate::grammar;
use crate::server::Lease;

use super::answers::Exchange;
use super::{MESSAGES, Oracle, WINDOW, leases, survival};

impl Oracle {
    /// The client sends this, while this is kept.
    #[must_use]
    pub fn sends(&mut self, now: Instant, octets: &[u8], kept: Option<&Record>) -> Message {
        assert!(!self.stopped, "a client that has stopped sends");
        self.judge_rate(now);
        let message = grammar::judge(octets, &self.extra);
        let hides = self.anonymous && message.kind == MessageType::InformationRequest;
        let ours: &[_] = if hides { &[] } else { &[&self.duid] };
        assert!(message.client_ids().eq(ours.iter().copied()), "the client identifier is not ours");
        for id in message.server_ids() {
            assert!(self.servers.contains(id), "no server has said to be {id}");
        }
        self.judge_exchange(now, &message);
        self.judge_leases(now, &message);
        if matches!(message.kind, MessageType::Release | MessageType::Decline) {
            self.gives_back(&message, kept);
        }
        self.promises.send(message.kind);
        message
    }

    /// The client sends a message of DHCPv4 over DHCPv6.
    #[must_use]
    pub fn sends_v4(
        &mut self,
        now: Instant,
        to: Ipv6Addr,
        source: Ipv6Addr,
        octets: &[u8],
    ) -> (Query, v4::Message) {
        assert!(!self.stopped, "a client that has stopped sends");
        self.judge_rate(now);
        self.v4.sends(to, source, octets)
    }

    /// The client asks the routers to say something: a message too.
    pub fn solicits(&mut self, now: Instant) {
        assert!(!self.stopped, "a client that has stopped asks routers");
        self.judge_rate(now);
    }

    /// What is given back is not used any more, not even by the next process:
    /// it is out of the record before the message leaves.
    fn gives_back(&mut self, message: &Message, kept: Option<&Record>) {
        for ia in message.ia_nas().chain(message.ia_pds()) {
            for lease in leases(ia) {
                let mut known = kept.into_iter().flat_map(survival::known);
                let is_kept = known.any(|(known, iaid, _)| (known, iaid) == (lease, ia.iaid));
                assert!(!is_kept, "{lease:?} is given back, and a crash would bring it back");
                self.given_back.insert((lease, ia.iaid));
            }
        }
    }

    fn judge_rate(&mut self, now: Instant) {
        if self.sent.len() == MESSAGES {
            let oldest = self.sent.pop_front().expect("twenty are there");
            let since = now.since(oldest);
            assert!(since >= WINDOW, "{} messages in {since:?}", MESSAGES + 1);
        }
        self.sent.push_back(now);
        self.pace.sends(now);
    }

    /// RFC 9915 §15, §16.1 and §21.9.
    fn judge_exchange(&mut self, now: Instant, message: &Message) {
        let elapsed = elapsed(message);
        match &mut self.exchange {
            Some(exchange) if exchange.transaction == message.transaction => {
                assert_eq!(exchange.kind, message.kind, "a transaction id is used again");
                let hundredths = now.since(exchange.first).as_millis() / 10;
                let expected = u16::try_from(hundredths).unwrap_or(u16::MAX);
                assert_eq!(elapsed, expected, "elapsed time of {}", message.kind);
                exchange.goes_on(message);
            }
            _ => {
                assert_eq!(elapsed, 0, "elapsed time of the first {}", message.kind);
                self.exchange = Some(Exchange::begun(message, now));
            }
        }
    }

    /// What is renewed, given back or asked about was given, and not longer
    /// ago than it lasts (RFC 9915 §15, §18.2.4).
    fn judge_leases(&self, now: Instant, message: &Message) {
        use MessageType as T;
        if matches!(message.kind, T::Solicit | T::Request | T::InformationRequest) {
            return;
        }
        for lease in message.ia_nas().chain(message.ia_pds()).flat_map(leases) {
            if lease.is_hint() {
                continue;
            }
            let granted = self.granted(lease);
            assert!(granted.is_some(), "{lease:?} in {} was never given", message.kind);
            let over =
                !self.timeless && granted.is_some_and(|lifetimes| lifetimes.valid.is_over(now));
            assert!(!over, "{lease:?} in {} is over", message.kind);
            let gone = matches!(message.kind, T::Release | T::Decline);
            let held = match lease {
                Lease::Address(address) => self.desired.addresses.contains_key(&address),
                Lease::Prefix(prefix) => self.desired.unreachable.contains_key(&prefix),
            };
            assert!(!(gone && held), "{lease:?} is still in use in {}", message.kind);
        }
    }
}

/// Hundredths of a second, as a message says.
#[must_use]
pub fn elapsed(message: &Message) -> u16 {
    let time = message.options.iter().find_map(|option| match option {
        DhcpOption::ElapsedTime(time) => Some(*time),
        _ => None,
    });
    time.expect("every message of a client has an elapsed time")
}
