//! What reaches servers and clients: questions and answers, the words of
//! routers, and datagrams out of nowhere.

use std::net::Ipv6Addr;

use dhc6c_core::engine::Input;
use dhc6c_core::link::Datagram;
use dhc6c_core::wire::MessageType;

use crate::history::Entry;
use crate::router::Router;
use crate::server::Question;

use super::{Happening, Server, World};

/// So many of the latest answers can be replayed.
const REPLAYABLE: usize = 4;

impl World {
    pub(super) fn serve(
        &mut self,
        server: usize,
        client: usize,
        client_address: Ipv6Addr,
        octets: &[u8],
    ) {
        let node = &mut self.servers[server];
        if node.unreachable {
            return;
        }
        self.history.add(self.now, || Entry::Reached(server, octets.to_vec()));
        let source = node.link_local;
        if node.is_watched {
            let (before, octets) = (node.model.clone(), octets.to_vec());
            let question =
                Question { server: before, now: self.now, client: client_address, octets };
            self.troubled = Some((server, question));
        }
        let answers = node.model.handle(self.now, client_address, octets);
        for answer in answers {
            self.history.add(self.now, || Entry::Answered(server, answer.octets.clone()));
            let late = self.rng.delay(self.servers[server].model.dials.late);
            for (at, octets) in self.arrivals(&answer.octets) {
                let datagram = Datagram { source, destination: answer.destination, octets };
                self.enqueue(at + late, Happening::AtClient { client, datagram });
            }
        }
    }

    pub(super) fn deliver(&mut self, client: usize, datagram: Datagram) {
        if !self.clients[client].is_connected() {
            return;
        }
        self.history.add(self.now, || Entry::Delivered(client, datagram.octets.clone()));
        let ours = self.clients[client].known_link.link_local;
        self.clients[client].oracle.is_offered(&datagram, ours);
        if self.heard.len() == REPLAYABLE {
            self.heard.pop_front();
        }
        self.heard.push_back(datagram.clone());
        self.input(client, Input::Datagram(datagram));
    }

    /// Hands the first client a datagram out of nowhere.
    pub fn inject(&mut self, datagram: Datagram) {
        self.deliver(0, datagram);
    }

    /// Hands the first client a Reconfigure that it must not obey, as it comes
    /// to this address.
    pub fn forge_to(&mut self, destination: Ipv6Addr, octets: Vec<u8>) {
        self.clients[0].oracle.expects_refusal();
        self.inject(Datagram { source: self.servers[0].link_local, destination, octets });
    }

    /// A router says this to everybody.
    pub fn hear(&mut self, router: &Router) {
        self.note(format!("{router:?}"));
        let message = router.message();
        for client in 0..self.clients.len() {
            if self.clients[client].is_connected() {
                self.input(client, Input::Router(message.clone()));
            }
        }
    }

    pub(super) fn answer_as_router(&mut self) {
        if let Some(router) = self.router.clone() {
            self.hear(&router);
        }
    }

    /// The server that the first client deals with; the first one, where it
    /// deals with none that is here.
    #[must_use]
    pub fn own_server(&self) -> usize {
        let own = self.client().kept.as_ref().and_then(|kept| kept.server.as_ref());
        let is_own = |server: &Server| own.is_some_and(|own| own.duid == server.model.config.duid);
        self.servers.iter().position(is_own).unwrap_or_default()
    }

    /// The client's server sends it a Reconfigure.
    pub fn reconfigure(&mut self, kind: MessageType) {
        let client = self.client().config.duid.clone();
        let server = self.own_server();
        let octets = self.servers[server].model.reconfigure(&client, kind);
        self.inject_from_server(octets);
    }

    /// Hands the first client octets of the first server's, at its
    /// link-local address, if it has one.
    pub fn inject_from_server(&mut self, octets: Vec<u8>) {
        let Some(destination) = self.client().link.link_local else { return };
        self.inject(Datagram { source: self.servers[0].link_local, destination, octets });
    }
}
