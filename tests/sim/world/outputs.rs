//! What becomes of the outputs of a client: messages on the link, the kernel
//! as desired, the record, and what is told.

use std::net::Ipv6Addr;

use dhc6c_core::engine::Output;
use dhc6c_core::time::{Duration, Instant};

use crate::client::{Sent, SentV4};
use crate::history::Entry;

use super::{Happening, Strike, World};

/// Detection of duplicates takes a second or two.
const DETECTION: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(2));
/// The shell needs this long at most to apply what is desired.
const APPLYING: Duration = Duration::from_millis(20);

impl World {
    /// The kernel is made to look as desired.
    pub(super) fn apply(&mut self, client: usize) {
        let desired = self.clients[client].desired.clone();
        for detection in self.clients[client].kernel.apply(&desired) {
            let (shortest, longest) = DETECTION;
            let at = self.now + shortest + self.rng.delay(longest.saturating_sub(shortest));
            self.enqueue(at, Happening::Detected { client, detection });
        }
    }

    pub(super) fn act(&mut self, client: usize, output: Output) {
        match output {
            Output::Transmit(octets) => self.transmit(client, octets),
            Output::TransmitTo { destination, source, octets } => {
                self.transmit_to(client, destination, source, &octets);
            }
            Output::SolicitRouters => {
                self.history.add(self.now, || Entry::Note("asks the routers".to_owned()));
                let (now, node) = (self.now, &mut self.clients[client]);
                assert!(node.known_link.is_usable(), "asks on a link that is down");
                node.oracle.solicits(now);
                node.solicited.push(now);
                // RFC 4861 §6.2.6, MAX_RA_DELAY_TIME.
                let at = now + self.rng.delay(Duration::from_millis(500));
                self.enqueue(at, Happening::RouterAnswers);
            }
            Output::Desired(desired) => {
                self.history.add(self.now, || Entry::Wanted(client, desired.clone()));
                self.clients[client].oracle.desires(&desired);
                self.clients[client].desired = *desired;
                self.apply(client);
                let at = self.now + self.rng.delay(APPLYING);
                self.enqueue(at, Happening::Applied { client });
            }
            Output::Keep(record) => {
                let client = &mut self.clients[client];
                client.kept_before = client.kept.replace(*record);
                client.keeps += 1;
            }
            Output::Event(event) => {
                self.history.add(self.now, || Entry::Told(client, event.clone()));
                let number = client;
                let client = &mut self.clients[number];
                client.oracle.hears(self.now, &event);
                let is_for_hooks = event.hook_name().is_some();
                client.events.push((self.now, event));
                if is_for_hooks {
                    client.tell_hooks();
                    if client.hooks.is_hanging(self.now) {
                        self.strikes(number, Strike::HookWaits);
                    }
                }
            }
        }
    }

    fn transmit(&mut self, client: usize, octets: Vec<u8>) {
        self.history.add(self.now, || Entry::Sent(client, octets.clone()));
        let node = &mut self.clients[client];
        let source = node.known_link.link_local.filter(|_| node.known_link.up);
        let source = source.expect("it sends on a link that is usable");
        let message = node.oracle.sends(self.now, &octets, node.kept.as_ref());
        node.sent.push(Sent { at: self.now, message });
        if !node.can_send_from(source) {
            // It does not know that yet; the kernel refuses.
            return self.history.add(self.now, || Entry::Lost);
        }
        for server in 0..self.servers.len() {
            self.carry(server, client, source, &octets);
        }
    }

    /// A message of DHCPv4 over DHCPv6 goes to whoever has that address.
    fn transmit_to(&mut self, client: usize, to: Ipv6Addr, source: Ipv6Addr, octets: &[u8]) {
        self.history.add(self.now, || Entry::SentV4(client, to, octets.to_vec()));
        let node = &mut self.clients[client];
        assert!(node.believes_in(source), "sends from {source}, which it does not have");
        let (query, message) = node.oracle.sends_v4(self.now, to, source, octets);
        node.sent_v4.push(SentV4 { at: self.now, to, source, query, message });
        if !node.can_send_from(source) {
            return self.history.add(self.now, || Entry::Lost);
        }
        for server in 0..self.servers.len() {
            if self.servers[server].model.listens_at(to) {
                self.carry(server, client, source, octets);
            }
        }
    }

    fn carry(&mut self, server: usize, client: usize, source: Ipv6Addr, octets: &[u8]) {
        for (at, octets) in self.arrivals(octets) {
            self.enqueue(at, Happening::AtServer { server, client, source, octets });
        }
    }

    pub(super) fn arrivals(&mut self, octets: &[u8]) -> Vec<(Instant, Vec<u8>)> {
        let arrivals = self.link.carry(self.now, octets, &mut self.rng);
        if arrivals.is_empty() {
            self.history.add(self.now, || Entry::Lost);
        }
        arrivals
    }
}
