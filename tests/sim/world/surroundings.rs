//! What an accident may make a difference to.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hasher as _};
use std::net::Ipv6Addr;

use crate::link::Netem;
use crate::server::{ModelServer, ServerConfig, Store};

use super::{Server, World};

/// What an accident acts on: the client itself, and what is around it.
#[derive(PartialEq)]
pub struct Surroundings {
    engine: u64,
    link: Netem,
    taken: BTreeSet<Ipv6Addr>,
    servers: Vec<(bool, ServerConfig, Store)>,
}

impl World {
    /// What an accident acts on.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        let server = |server: &Server| {
            let ModelServer { config, store, .. } = &server.model;
            (server.unreachable, config.clone(), store.clone())
        };
        Surroundings {
            engine: fingerprint(&self.client().interface),
            link: self.link,
            taken: self.client().kernel.taken.clone(),
            servers: self.servers.iter().map(server).collect(),
        }
    }
}

/// A number that is another one where anything in it is.
fn fingerprint(value: &impl fmt::Debug) -> u64 {
    struct Digest(DefaultHasher);
    impl fmt::Write for Digest {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut digest = Digest(DefaultHasher::new());
    write!(digest, "{value:?}").expect("a digest takes all");
    digest.0.finish()
}
