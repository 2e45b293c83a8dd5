//! What the engine wants of the kernel and the resolver, whole, and the pure
//! difference to what is there.
//!
//! The engine never says "add this address". It says how things should be,
//! and [`diff`] gives the steps from how they are. So a lost step, a restart
//! or somebody else's hand is mended by asking again.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::prefix::Prefix;
use crate::time::{Duration, Until};
use crate::wire::DomainName;
use crate::wire::v4::Route;

/// The metric of the routes we install: the kernel's own default for IPv6.
/// Assigned parts of a delegated prefix are longer, so they win anyhow.
pub const ROUTE_METRIC: u32 = 1024;

/// The kernel counts lifetimes in whole seconds and rounds up; that much
/// more than wanted is no difference, since we remove at the exact end.
const LIFETIME_SLACK: Duration = Duration::from_secs(2);

/// The whole wanted state of one uplink.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Desired {
    /// Addresses on the uplink, each as /128 without a prefix route
    /// (RFC 9915 §18.2.10.1).
    pub addresses: BTreeMap<Ipv6Addr, Lifetimes>,
    /// Delegated prefixes whose unassigned rest must not go back to the
    /// provider (RFC 7084 WPD-5): each gets an unreachable route.
    pub unreachable: BTreeMap<Prefix, Lifetimes>,
    /// What the resolver should be told; `None` without any.
    pub resolver: Option<Resolver>,
    /// The IPv4 lease on the device that it is for; `None` without a lease,
    /// and where no device is named.
    #[serde(default)]
    pub ipv4: Option<Box<Ipv4>>,
}

/// An IPv4 lease on a device.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ipv4 {
    /// The name of the device, which is not ours to make.
    pub device: String,
    /// The address.
    pub address: Ipv4Addr,
    /// The bits of its mask, 1 to 32; without a route for what they cover.
    pub length: u8,
    /// Its end.
    pub valid: Until,
    /// Routes by way of the device.
    pub routes: Vec<Route>,
}

/// When something stops being preferred and when it stops being usable.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Lifetimes {
    /// The end of the preferred lifetime.
    pub preferred: Until,
    /// The end of the valid lifetime, not before `preferred`.
    pub valid: Until,
}

/// Name servers and search list of one uplink.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Resolver {
    /// Name servers, best first.
    pub servers: Vec<Ipv6Addr>,
    /// Search list, first first.
    pub domains: Vec<DomainName>,
}

/// One change to bring about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Step {
    /// Add the address, with duplicate address detection.
    AddAddress(Ipv6Addr, Lifetimes),
    /// Change the lifetimes of an address of ours.
    UpdateAddress(Ipv6Addr, Lifetimes),
    /// Remove an address of ours.
    RemoveAddress(Ipv6Addr),
    /// Add an unreachable route.
    AddUnreachable(Prefix),
    /// Remove an unreachable route of ours.
    RemoveUnreachable(Prefix),
    /// Tell the resolver.
    SetResolver(Resolver),
    /// Take back what the resolver was told.
    ClearResolver,
    /// Make a device have this IPv4 address with its routes, and no other of
    /// ours.
    SetIpv4(Box<Ipv4>),
    /// Remove the IPv4 address of ours, and its routes.
    ClearIpv4,
}

/// What of ours is there: the same shape as what is wanted.
pub type Actual = Desired;

/// The steps from `actual` to `desired`. Additions come first, so that
/// nothing in use is missing in between; no steps where both agree.
#[must_use]
pub fn diff(desired: &Desired, actual: &Actual) -> Vec<Step> {
    let mut steps = Vec::new();
    for (&address, &wanted) in &desired.addresses {
        match actual.addresses.get(&address) {
            None => steps.push(Step::AddAddress(address, wanted)),
            Some(there) if !agree(wanted, *there) => {
                steps.push(Step::UpdateAddress(address, wanted));
            }
            Some(_) => {}
        }
    }
    let missing = |prefix: &&Prefix| !actual.unreachable.contains_key(prefix);
    steps.extend(desired.unreachable.keys().filter(missing).map(|p| Step::AddUnreachable(*p)));
    if desired.resolver != actual.resolver {
        steps.push(desired.resolver.clone().map_or(Step::ClearResolver, Step::SetResolver));
    }
    if !ipv4_agrees(desired.ipv4.as_deref(), actual.ipv4.as_deref()) {
        steps.push(desired.ipv4.clone().map_or(Step::ClearIpv4, Step::SetIpv4));
    }
    let surplus = |address: &&Ipv6Addr| !desired.addresses.contains_key(address);
    steps.extend(actual.addresses.keys().filter(surplus).map(|a| Step::RemoveAddress(*a)));
    let surplus = |prefix: &&Prefix| !desired.unreachable.contains_key(prefix);
    steps.extend(actual.unreachable.keys().filter(surplus).map(|p| Step::RemoveUnreachable(*p)));
    steps
}

/// Enters a step that was carried out into what is there.
pub fn enter(actual: &mut Actual, step: &Step) {
    match step {
        Step::AddAddress(address, lifetimes) | Step::UpdateAddress(address, lifetimes) => {
            actual.addresses.insert(*address, *lifetimes);
        }
        Step::RemoveAddress(address) => {
            actual.addresses.remove(address);
        }
        Step::AddUnreachable(prefix) => {
            let forever = Lifetimes { preferred: Until::Forever, valid: Until::Forever };
            actual.unreachable.insert(*prefix, forever);
        }
        Step::RemoveUnreachable(prefix) => {
            actual.unreachable.remove(prefix);
        }
        Step::SetResolver(resolver) => actual.resolver = Some(resolver.clone()),
        Step::ClearResolver => actual.resolver = None,
        Step::SetIpv4(ipv4) => actual.ipv4 = Some(ipv4.clone()),
        Step::ClearIpv4 => actual.ipv4 = None,
    }
}

fn ipv4_agrees(wanted: Option<&Ipv4>, there: Option<&Ipv4>) -> bool {
    let (Some(wanted), Some(there)) = (wanted, there) else {
        return wanted.is_none() && there.is_none();
    };
    let rest = |ipv4: &Ipv4| Ipv4 { valid: Until::Forever, ..ipv4.clone() };
    rest(wanted) == rest(there) && near(wanted.valid, there.valid)
}

fn agree(wanted: Lifetimes, there: Lifetimes) -> bool {
    near(wanted.preferred, there.preferred) && near(wanted.valid, there.valid)
}

fn near(wanted: Until, there: Until) -> bool {
    match (wanted, there) {
        (Until::Forever, Until::Forever) => true,
        // Never the shorter one: the kernel would end it too soon.
        (Until::At(wanted), Until::At(there)) => {
            there >= wanted && there.since(wanted) < LIFETIME_SLACK
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Instant, Lifetime};

    fn lifetimes(preferred: u32, valid: u32) -> Lifetimes {
        let end = |seconds| Lifetime(seconds).from_start(Instant::BOOT);
        Lifetimes { preferred: end(preferred), valid: end(valid) }
    }

    fn desired() -> Desired {
        Desired {
            addresses: [("2001:db8::1".parse().unwrap(), lifetimes(20, 30))].into(),
            unreachable: [("2001:db8:8000::/56".parse().unwrap(), lifetimes(20, 30))].into(),
            resolver: Some(Resolver {
                servers: vec!["2001:db8::53".parse().unwrap()],
                domains: vec!["example.net".parse().unwrap()],
            }),
            ipv4: Some(Box::new(Ipv4 {
                device: "sw0".to_owned(),
                address: Ipv4Addr::new(192, 0, 2, 18),
                length: 32,
                valid: lifetimes(0, 30).valid,
                routes: vec![Route::default_by(Ipv4Addr::UNSPECIFIED)],
            })),
        }
    }

    #[test]
    fn following_the_steps_leads_to_what_was_wanted() {
        let full = desired();
        let mut other = desired();
        other.addresses = [("2001:db8::2".parse().unwrap(), lifetimes(5, 9))].into();
        other.resolver = None;
        other.ipv4.iter_mut().for_each(|ipv4| ipv4.routes.clear());
        let states = [Desired::default(), full, other];
        for from in &states {
            for to in &states {
                let mut actual = from.clone();
                for step in diff(to, from) {
                    enter(&mut actual, &step);
                }
                assert_eq!(diff(to, &actual), [], "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn what_agrees_takes_no_step_and_rounding_is_agreement() {
        let mut actual = desired();
        assert_eq!(diff(&desired(), &actual), []);
        actual.addresses.values_mut().for_each(|l| *l = lifetimes(21, 31));
        assert_eq!(diff(&desired(), &actual), []);
        actual.addresses.values_mut().for_each(|l| *l = lifetimes(20, 40));
        assert!(matches!(diff(&desired(), &actual)[..], [Step::UpdateAddress(..)]));
    }

    #[test]
    fn additions_come_before_removals() {
        let mut actual = desired();
        actual.addresses = [("2001:db8::9".parse().unwrap(), lifetimes(20, 30))].into();
        let steps = diff(&desired(), &actual);
        assert!(matches!(steps[..], [Step::AddAddress(..), Step::RemoveAddress(..)]));
    }
}
