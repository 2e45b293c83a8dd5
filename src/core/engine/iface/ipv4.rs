//! DHCPv4 over DHCPv6 on an interface: its client, the carrier below it, and
//! what of DHCPv6 decides about them (RFC 7341 §9).

use crate::desired::Desired;
use crate::engine::dhcp4o6::{Carrier, Packet};
use crate::engine::v4::{self, Path, Sources, Via};
use crate::engine::{Config, Deadline, Event, Input, Output, Why};
use crate::link::Datagram;
use crate::reason::DropReason;
use crate::record::Record;
use crate::rng::Rng;
use crate::snapshot;
use crate::time::Instant;
use crate::wire::MessageType;

use super::Interface;

/// IPv4 on an interface: its client, and what carries its messages.
#[derive(Debug)]
pub(super) struct Ipv4 {
    pub(super) client: v4::Client,
    carrier: Carrier,
}

impl Ipv4 {
    pub(super) fn new(settings: v4::Settings, rng: &mut Rng) -> Self {
        let client = v4::Client::new(settings, Rng::from_seed(rng.octets()));
        Self { client, carrier: Carrier::default() }
    }

    /// IPv4 as others see it, from the moment that servers for it are known.
    pub(super) fn snapshot(&self, now: Instant) -> Option<snapshot::Dhcp4o6> {
        self.client.snapshot(now, self.carrier.destinations())
    }
}

impl Interface {
    /// Another configuration: what is not wanted any more is given up.
    pub(super) fn configure_v4(&mut self, now: Instant, config: &Config) {
        match (v4::Settings::of(config), &mut self.v4) {
            (None, v4) => {
                let Some(mut former) = v4.take() else { return };
                former.client.stop();
                while let Some(event) = former.client.poll_event() {
                    self.client.tell(event);
                }
            }
            (Some(settings), Some(v4)) => v4.client.configure(now, settings),
            (Some(settings), v4) => *v4 = Some(Box::new(Ipv4::new(settings, self.client.rng()))),
        }
    }

    /// What concerns IPv4 as well as IPv6.
    pub(super) fn tell_v4(&mut self, now: Instant, input: &Input) {
        match input {
            Input::AddressUsable(address) => self.place.set_usable(*address, true),
            Input::AddressMissing(address) => self.place.set_usable(*address, false),
            Input::AddressDuplicate(address) => {
                self.place.set_usable(*address, false);
                if self.v4.as_mut().is_some_and(|v4| v4.client.on_duplicate(now, *address)) {
                    self.client.tell(Event::DadFailed(*address));
                }
            }
            _ => {}
        }
        let Some(Ipv4 { client: v4, carrier }) = self.v4.as_deref_mut() else { return };
        match input {
            Input::AddressMissing(_) | Input::AddressDuplicate(_) => {
                carrier.forget_farewells(&self.place);
            }
            Input::Renew => v4.hurry(now, false),
            Input::Rebind => v4.hurry(now, true),
            Input::Ipv4AddressDuplicate(address) => v4.decline(now, *address),
            // Before the IPv6 leases are given back (RFC 9915 §18.2.7).
            Input::Release => v4.release(now, false),
            Input::Restart => v4.release(now, true),
            Input::Stop { release: true } => v4.release(now, false),
            Input::Stop { release: false } => v4.stop(),
            _ => {}
        }
        self.carry_farewell();
    }

    /// What gives a lease back, or declines it, is on its way at once.
    fn carry_farewell(&mut self) {
        let Some(v4) = &mut self.v4 else { return };
        while let Some(query) = v4.client.farewell() {
            if v4.carrier.send_farewell(&self.place, &query) {
                self.client.note_carried(MessageType::Dhcpv4Query);
            }
        }
    }

    pub(super) fn on_v4_answer(&mut self, now: Instant, datagram: &Datagram) {
        let Some(v4) = self.v4.as_mut().filter(|_| !self.client.is_stopped()) else { return };
        let dropped = match v4.carrier.admit(&self.place, datagram) {
            Ok(response) => {
                let malformed = response.malformed.iter().map(|_| DropReason::OptionMalformed);
                let malformed: Vec<_> = malformed.collect();
                v4.client.advance(now);
                [malformed, v4.client.take(now, &response, datagram.destination)].concat()
            }
            Err(reason) => vec![reason],
        };
        self.client.note_answer_carried(&dropped);
        self.carry_farewell();
    }

    /// The machine has slept, perhaps on its way to another link: this is a
    /// disconnection (RFC 2131 §3.7).
    pub(super) fn resume_v4(&mut self, now: Instant) {
        if let Some(v4) = &mut self.v4 {
            v4.client.connect(now, None);
        }
        self.forget_v4_if_anonymous(now);
    }

    /// What was held would say who we are on another link (RFC 7844 §3.3).
    pub(super) fn forget_v4_if_anonymous(&mut self, now: Instant) {
        if let Some(v4) = self.v4.as_mut().filter(|_| self.config.anonymous) {
            v4.client.forget(now);
        }
    }

    /// DHCPv4 goes on as long as the DHCPv6 servers say so, and from the
    /// addresses that they have given (RFC 7341 §9).
    pub(super) fn follow_v6(&mut self, now: Instant) {
        self.forget_withdrawn(&self.wanted());
        let Some(v4) = &mut self.v4 else { return };
        v4.carrier.set_servers(self.client.dhcp4o6_servers());
        let leased = self.client.addresses();
        v4.carrier.set_leased(leased.clone());
        v4.carrier.pin(v4.client.shared_from());
        v4.client.take_sources(
            now,
            Sources {
                usable: self.place.usable().collect(),
                leased,
                delegated: self.client.delegated(),
            },
        );
        let way = v4.carrier.way(&self.place).into_iter();
        let paths: Vec<_> = way.map(|(source, server)| Path { source, server }).collect();
        // Whether we are on another link is found out once: by IPv6, which
        // gives that up after ten seconds (RFC 9915 §18.2.3).
        let is_held_up = self.client.is_verifying() && v4.client.is_off();
        let via = Some(Via(paths)).filter(|via| !via.0.is_empty() && !is_held_up);
        v4.client.connect(now, via);
        v4.client.advance(now);
    }

    /// Addresses that are not wanted any more are gone before anybody says so.
    fn forget_withdrawn(&mut self, wanted: &Desired) {
        let gone = self.desired.addresses.keys().filter(|a| !wanted.addresses.contains_key(a));
        gone.for_each(|address| self.place.set_usable(*address, false));
    }

    /// What the kernel and the resolver should look like.
    pub(super) fn wanted(&self) -> Desired {
        let mut desired = self.client.desired();
        if let Some(Ipv4 { client: v4, .. }) = self.v4.as_deref() {
            desired.ipv4 = v4.desired().map(Box::new);
            desired.addresses.extend(v4.own_source());
        }
        desired
    }

    pub(super) fn record(&self, now: Instant) -> Option<Record> {
        let record = self.client.record(now)?;
        let ipv4 = self.v4.as_ref().and_then(|v4| v4.client.record());
        Some(Record { ipv4: ipv4.map(Box::new), ..record })
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        // The client says last that it has stopped.
        let v4 = self.v4.as_mut().and_then(|v4| v4.client.poll_event());
        v4.or_else(|| self.client.poll_event())
    }

    pub(super) fn farewell(&mut self, now: Instant) -> Option<Packet> {
        let may_send = !self.is_stopped() && self.limit.opens_at() <= now;
        let v4 = self.v4.as_mut()?;
        if !self.place.link().is_usable() {
            v4.carrier.forget_farewells(&self.place);
        }
        may_send.then(|| v4.carrier.next_farewell()).flatten()
    }

    /// The addresses that are not desired any more are gone.
    pub(super) fn withdraw(&mut self, desired: &Desired) {
        self.forget_withdrawn(desired);
        if let Some(v4) = &mut self.v4 {
            v4.carrier.forget_farewells(&self.place);
        }
    }

    /// The next datagram with a DHCPv4 message, one for each server.
    pub(super) fn transmit_v4(&mut self, now: Instant) -> Option<Packet> {
        if self.is_stopped() {
            return None;
        }
        let v4 = self.v4.as_mut()?;
        self.desired_is_stale = true;
        if !v4.carrier.has_waiting(&self.place)
            && let Some(query) = v4.client.transmit(now)
        {
            v4.carrier.send(&self.place, &query);
            self.client.note_carried(MessageType::Dhcpv4Query);
        }
        v4.carrier.next(&self.place)
    }

    /// A datagram leaves.
    pub(super) fn sent(&mut self, now: Instant, packet: Packet) -> Output {
        self.limit.record(now);
        let Packet { source, destination, octets } = packet;
        Output::TransmitTo { destination, source, octets }
    }

    pub(super) fn v4_deadline(&self) -> Option<Deadline> {
        let v4 = self.v4.as_ref().filter(|_| !self.is_stopped())?;
        let waiting = Deadline { at: Instant::BOOT, why: Why::Transmit };
        let waiting = v4.carrier.has_waiting(&self.place).then_some(waiting);
        let next = Deadline::soonest(v4.client.deadline(), waiting).map(|next| self.limited(next));
        // What ends meanwhile is not held up by the limit.
        Deadline::soonest(next, v4.client.expiry())
    }
}
