//! Routes to delegated prefixes, through the clients that hold them.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::process::Command;

use dhc6c_core::prefix::Prefix;

use crate::server::Delegation;

/// The routes of one interface that we made.
pub struct Routes {
    interface: String,
    there: BTreeMap<Prefix, Ipv6Addr>,
}

impl Routes {
    pub fn new(interface: &str) -> Self {
        Self { interface: interface.to_owned(), there: BTreeMap::new() }
    }

    /// Makes the routes agree with the delegations.
    pub fn follow(&mut self, delegations: impl Iterator<Item = Delegation>) {
        let wanted: BTreeMap<_, _> =
            delegations.map(|delegation| (delegation.prefix, delegation.client)).collect();
        for (prefix, client) in &wanted {
            if self.there.get(prefix) != Some(client) {
                self.ip("replace", *prefix, *client);
            }
        }
        for (prefix, client) in &self.there {
            if !wanted.contains_key(prefix) {
                self.ip("del", *prefix, *client);
            }
        }
        self.there = wanted;
    }

    fn ip(&self, verb: &str, prefix: Prefix, client: Ipv6Addr) {
        let (prefix, client) = (prefix.to_string(), client.to_string());
        let arguments = ["-6", "route", verb, &prefix, "via", &client, "dev", &self.interface];
        println!("lab-server: ip {}", arguments.join(" "));
        match Command::new("ip").args(arguments).status() {
            Ok(status) if status.success() => {}
            Ok(status) => eprintln!("lab-server: ip: {status}"),
            Err(error) => eprintln!("lab-server: ip: {error}"),
        }
    }
}
