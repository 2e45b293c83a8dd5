//! What others get of the client: the wanted state, the picture, the record.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::desired::{Ipv4, Lifetimes};
use crate::ident::hex_octets;
use crate::record::KnownV4;
use crate::snapshot::{self, PortSetView};
use crate::time::Instant;
use crate::wire::text;
use crate::wire::v4::{Kind, Message, Op, Route, V4Option};

use super::common::Common;
use super::lease::{Lease, Times};
use super::{Client, State, answer};

/// The bits of the mask of an address that is alone.
const HOST: u8 = 32;

impl Client {
    /// What the device is to look like, where one is named.
    pub(in crate::engine) fn desired(&self) -> Option<Ipv4> {
        let lease = self.common.usable_lease()?;
        let device = self.common.settings.device.clone()?;
        Some(Ipv4 {
            device,
            address: lease.address,
            length: length(lease),
            valid: lease.times.valid,
            routes: installed(lease),
        })
    }

    /// The IPv6 address that is made for the softwire, while one is needed
    /// that is not there anyhow.
    pub(in crate::engine) fn own_source(&self) -> Option<(Ipv6Addr, Lifetimes)> {
        let source = match &self.state {
            State::Attaching(attaching) => Some(attaching.source),
            State::Requesting(requesting) => requesting.source,
            _ => self.common.lease.as_ref().and_then(|lease| lease.source),
        }?;
        self.common.sources.lifetimes(source).map(|lifetimes| (source, lifetimes))
    }

    /// True while an address of ours is tentative.
    pub(in crate::engine) fn is_attaching(&self) -> bool {
        self.own_source().is_some_and(|(source, _)| !self.common.sources.is_usable(source))
    }

    /// A lease that no server has confirmed yet is still being requested (RFC
    /// 8539 §7.5).
    fn shown_state(&self) -> snapshot::V4State {
        match self.state.name() {
            snapshot::V4State::Bound if !self.common.in_use => snapshot::V4State::Requesting,
            state => state,
        }
    }

    /// A lease, or the search for one at the servers that we were told of, as
    /// others see it; `None` where there is neither.
    pub(in crate::engine) fn snapshot(
        &self,
        now: Instant,
        servers: Vec<Ipv6Addr>,
    ) -> Option<snapshot::Dhcp4o6> {
        let common = &self.common;
        let lease = common.usable_lease();
        if servers.is_empty() && lease.is_none() {
            return None;
        }
        let options = lease.map_or(&common.informed, |lease| &lease.options);
        let mut view = snapshot::Dhcp4o6 {
            state: self.shown_state(),
            servers,
            address: lease.map(|lease| lease.address),
            server: lease.map(|lease| lease.server),
            lease: lease.map(|lease| lease.times.valid.left(now)),
            port_set: lease.and_then(|lease| lease.ports).map(PortSetView::of),
            prefix_length: lease.map(length),
            source: lease.and_then(|lease| lease.source),
            border_relays: lease.map(|lease| lease.border_relays.clone()).unwrap_or_default(),
            ..snapshot::Dhcp4o6::default()
        };
        fill(&mut view, options);
        Some(view)
    }

    /// Why there is no lease, where a server has said so.
    pub(in crate::engine) fn last_error(&self) -> Option<String> {
        self.common.last_error.clone()
    }

    /// What has to outlive the process: the lease in use, or the one of an
    /// earlier process that nobody has denied yet. Where nobody knows when that
    /// ends it says so: the next start, which may know its own times, does not
    /// rely on these.
    pub(in crate::engine) fn record(&self) -> Option<KnownV4> {
        let common = &self.common;
        let is_good = common.in_use || !common.is_verified;
        let lease = common.lease.as_ref().filter(|_| is_good)?;
        let Times { t1, t2, valid } = lease.times;
        Some(KnownV4 {
            address: lease.address,
            server: lease.server,
            t1,
            t2,
            valid,
            is_timeless: common.is_timeless,
            ports: lease.ports,
            via: lease.via,
            source: lease.source,
            border_relays: lease.border_relays.clone(),
            options: known(&lease.options),
        })
    }

    /// Goes on with what an earlier process held: asks whether it is still
    /// ours as soon as there is a way to a server (RFC 2131 §3.2).
    pub(in crate::engine) fn restore(
        &mut self,
        known: &KnownV4,
        in_use: bool,
        times_are_known: bool,
        now: Instant,
    ) {
        let KnownV4 { address, server, t1, t2, valid, ports, via, source, .. } = *known;
        let wants_lease = self.common.settings.address.is_none();
        let is_sound = answer::is_assignable(address)
            && (ports.is_none() || self.common.settings.share)
            && source.is_some() == self.common.settings.binding;
        if !is_sound || !wants_lease || valid.is_over(now) {
            return;
        }
        let times = Times { t1: t1.min(valid), t2: t2.min(valid), valid };
        let border_relays = known.border_relays.clone();
        let options = resumed(&known.options);
        let lease = Lease { address, server, times, ports, options, via, source, border_relays };
        let common: &mut Common = &mut self.common;
        common.lease = Some(lease);
        common.is_timeless = known.is_timeless || !times_are_known;
        if in_use && !common.is_timeless {
            common.confirm();
        }
        common.is_verified = false;
    }
}

/// The mask of an address: it is alone where it is shared or nobody says.
fn length(lease: &Lease) -> u8 {
    let stated = lease.options.iter().find_map(|option| match option {
        V4Option::SubnetMask(length) => Some(*length),
        _ => None,
    });
    stated.filter(|length| !lease.is_shared() && *length > 0).unwrap_or(HOST)
}

/// The routes that a server gives: those of option 121, or by the routers
/// where there is none (RFC 3442).
fn routes(options: &[V4Option]) -> Vec<Route> {
    let given = options.iter().find_map(|option| match option {
        V4Option::Routes(routes) => Some(routes.clone()),
        _ => None,
    });
    let routers = options.iter().find_map(|option| match option {
        V4Option::Routers(routers) => routers.first(),
        _ => None,
    });
    given.unwrap_or_else(|| routers.copied().map(Route::default_by).into_iter().collect())
}

/// Those of them that are put into the kernel: the one to everywhere, which
/// gives way to every other. A narrower one would take traffic from routes
/// that others made, our management or a VPN's (CVE-2024-3661); it is shown
/// and passed on to hooks, who may know better.
fn installed(lease: &Lease) -> Vec<Route> {
    let is_good = |route: &Route| route.is_default() && can_be_router(route.router, lease);
    routes(&lease.options).into_iter().filter(is_good).take(1).collect()
}

/// False for what the kernel refuses as a router once it has the lease's
/// address: the interface would be waited for in vain.
fn can_be_router(router: Ipv4Addr, lease: &Lease) -> bool {
    let hosts = u32::MAX.checked_shr(u32::from(length(lease))).unwrap_or(0);
    let (bits, address) = (router.to_bits(), lease.address.to_bits());
    // Of an address and its other end both are hosts (RFC 3021).
    let is_subnets = hosts > 1 && (bits ^ address) & !hosts == 0;
    let is_for_all = is_subnets && bits & hosts == hosts;
    router.is_unspecified()
        || !(is_for_all
            || router == lease.address
            || router.octets()[0] == 0
            || router.is_loopback()
            || router.is_multicast()
            || router.is_broadcast())
}

/// Shows what came with a lease.
fn fill(view: &mut snapshot::Dhcp4o6, options: &[V4Option]) {
    view.routes = routes(options);
    for option in options {
        match option {
            V4Option::DnsServers(servers) => view.dns.clone_from(servers),
            V4Option::DomainName(name) => view.domain = Some(name.clone()),
            V4Option::HostName(name) => view.host_name = Some(name.clone()),
            V4Option::DomainSearch(names) => view.domains.clone_from(names),
            V4Option::NtpServers(servers) => view.ntp.clone_from(servers),
            V4Option::Mtu(mtu) => view.mtu = Some(*mtu),
            V4Option::Broadcast(address) => view.broadcast = Some(*address),
            V4Option::CaptivePortal(uri) => view.captive_portal = Some(uri.clone()),
            V4Option::Raw { code, payload } => {
                view.raw.insert(*code, text::hex(payload));
            }
            _ => {}
        }
    }
}

/// Options as they travel, in hexadecimal.
fn known(options: &[V4Option]) -> String {
    let mut octets = Vec::new();
    options.iter().for_each(|option| option.encode(&mut octets));
    text::hex(&octets)
}

/// Options that were remembered; none where that makes no sense.
fn resumed(known: &str) -> Vec<V4Option> {
    let frame = Message {
        op: Op::Reply,
        hardware: crate::ident::LinkAddress { hardware_type: 1, octets: Vec::new() },
        xid: 0,
        secs: 0,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        kind: Kind::Ack,
        options: Vec::new(),
    };
    let mut octets = frame.encode();
    octets.pop();
    octets.extend(hex_octets(known).unwrap_or_default());
    Message::decode(&octets).map(|decoded| decoded.message.options).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Until;

    fn lease(length: u8, routes: Vec<Route>) -> Lease {
        let end = Until::Forever;
        Lease {
            address: Ipv4Addr::new(192, 0, 2, 18),
            server: Ipv4Addr::new(192, 0, 2, 1),
            times: Times { t1: end, t2: end, valid: end },
            ports: None,
            options: vec![V4Option::SubnetMask(length), V4Option::Routes(routes)],
            via: Ipv6Addr::UNSPECIFIED,
            source: None,
            border_relays: Vec::new(),
        }
    }

    #[test]
    fn dhcp_4o6_18_a_route_that_the_kernel_refuses_is_passed_over() {
        let cases = [
            ("192.0.2.1", 24, true),
            ("198.51.100.255", 24, true),
            ("0.0.0.0", 24, true),
            ("192.0.2.255", 24, false),
            ("192.0.2.0", 24, true),
            ("192.0.2.255", 32, true),
            ("192.0.2.19", 31, true),
            ("192.0.2.18", 32, false),
            ("0.1.2.3", 24, false),
            ("127.0.0.1", 24, false),
            ("224.0.0.1", 24, false),
            ("255.255.255.255", 24, false),
        ];
        for (router, length, is_good) in cases {
            let route = Route::default_by(router.parse().unwrap());
            let other = Route::default_by(Ipv4Addr::new(192, 0, 2, 2));
            let found = installed(&lease(length, vec![route, other]));
            assert_eq!(found, [if is_good { route } else { other }], "{router}/{length}");
            let alone = installed(&lease(length, vec![route]));
            assert_eq!(alone.len(), usize::from(is_good), "{router}/{length} alone");
        }
    }
}
