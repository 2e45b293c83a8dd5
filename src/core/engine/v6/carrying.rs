//! What DHCPv4 over DHCPv6 asks of the DHCPv6 client (RFC 7341 §9): where to
//! go, which addresses there are, and what to count.

use std::net::Ipv6Addr;

use crate::desired::Lifetimes;
use crate::prefix::Prefix;
use crate::reason::DropReason;
use crate::wire::MessageType;

use super::{Client, State};

impl Client {
    /// Where DHCPv4 messages are to be sent, if the servers want that; an
    /// empty list means all of the link (RFC 7341 §7.2).
    pub(in crate::engine) fn dhcp4o6_servers(&self) -> Option<Vec<Ipv6Addr>> {
        let is_configured = self.holds_something() && self.common.is_in_use();
        self.common.settings.dhcp4o6_servers().filter(|_| is_configured && !self.is_stopped())
    }

    /// The addresses that are leased.
    pub(in crate::engine) fn addresses(&self) -> Vec<Ipv6Addr> {
        self.common.desired().addresses.into_keys().collect()
    }

    /// The prefixes that are delegated.
    pub(in crate::engine) fn delegated(&self) -> Vec<(Prefix, Lifetimes)> {
        self.common.desired().unreachable.into_iter().collect()
    }

    /// True while a server is asked whether what is held fits the link.
    pub(in crate::engine) fn is_verifying(&self) -> bool {
        match &self.state {
            State::Confirm(_) => true,
            State::Rebind(rebind) => rebind.verifies(),
            _ => false,
        }
    }

    /// Counts a message that carried a DHCPv4 one out.
    pub(in crate::engine) fn note_carried(&mut self, kind: MessageType) {
        let count = self.common.counters.sent.entry(kind).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts an answer that carried a DHCPv4 message, or why it was dropped.
    pub(in crate::engine) fn note_answer_carried(&mut self, dropped: &[DropReason]) {
        if dropped.is_empty() {
            let kind = MessageType::Dhcpv4Response;
            let count = self.common.counters.received.entry(kind).or_default();
            *count = count.saturating_add(1);
        }
        dropped.iter().for_each(|reason| self.drop_for(*reason));
    }
}
