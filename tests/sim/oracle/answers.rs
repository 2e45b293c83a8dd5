//! An answer is taken only where it answers what was asked, by whom it was
//! asked (RFC 9915 §16).

use std::collections::BTreeSet;

use dhc6c_core::ident::{Duid, Iaid};
use dhc6c_core::time::Instant;
use dhc6c_core::wire::{DhcpOption, Ia, Message, MessageType, TransactionId};

use crate::server::Lease;

use super::{Oracle, contradicts_itself, fails, leases};

/// Messages with one transaction id.
pub(super) struct Exchange {
    pub(super) kind: MessageType,
    pub(super) transaction: TransactionId,
    pub(super) first: Instant,
    /// The server that was asked, where it was one.
    server: Option<Duid>,
    /// Two messages will do.
    is_rapid: bool,
    /// The associations that it is about, those for addresses first.
    associations: (BTreeSet<Iaid>, BTreeSet<Iaid>),
    /// What it names: each lease and the association that it is in.
    pub(super) named: BTreeSet<(Iaid, Lease)>,
}

impl Exchange {
    /// An exchange that begins with this message.
    pub(super) fn begun(message: &Message, now: Instant) -> Self {
        let mut exchange = Self {
            kind: message.kind,
            transaction: message.transaction,
            first: now,
            server: message.server_ids().next().cloned(),
            is_rapid: message.options.contains(&DhcpOption::RapidCommit),
            associations: (BTreeSet::new(), BTreeSet::new()),
            named: BTreeSet::new(),
        };
        exchange.goes_on(message);
        exchange
    }

    /// It goes on with this message, which may be about more by now.
    pub(super) fn goes_on(&mut self, message: &Message) {
        let (addresses, prefixes) = &mut self.associations;
        addresses.extend(message.ia_nas().map(|ia| ia.iaid));
        prefixes.extend(message.ia_pds().map(|ia| ia.iaid));
        for ia in message.ia_nas().chain(message.ia_pds()) {
            self.named.extend(leases(ia).map(|lease| (ia.iaid, lease)));
        }
    }

    /// The associations of a Reply that count: they were asked about, make sense
    /// and are not refused; of those that stand there twice the first that
    /// makes sense.
    pub(super) fn answered<'a>(&self, reply: &'a Message) -> Vec<&'a Ia> {
        let of = |asked: &BTreeSet<Iaid>, ias: &mut dyn Iterator<Item = &'a Ia>| {
            let mut open = asked.clone();
            ias.filter(|ia| !contradicts_itself(ia) && open.remove(&ia.iaid)).collect::<Vec<_>>()
        };
        let (addresses, prefixes) = &self.associations;
        let mut answered = of(addresses, &mut reply.ia_nas());
        answered.extend(of(prefixes, &mut reply.ia_pds()));
        answered.retain(|ia| !ia.status().is_some_and(fails));
        answered
    }
}

impl Oracle {
    /// The client has taken this answer.
    pub(super) fn judge_answer(&self, answer: &Message) {
        let exchange = self.exchange.as_ref().expect("an answer is taken to no question");
        assert_eq!(answer.transaction, exchange.transaction, "an answer to another question");
        assert!(self.came_to_us, "an answer is taken that came to another address");
        let is_discovery = exchange.kind == MessageType::Solicit;
        match answer.kind {
            MessageType::Advertise => assert!(is_discovery, "an Advertise for {}", exchange.kind),
            _ if is_discovery => {
                let is_rapid = answer.options.contains(&DhcpOption::RapidCommit);
                assert!(is_rapid && exchange.is_rapid, "a Reply without rapid commit");
            }
            _ => {}
        }
        let hides = self.anonymous && exchange.kind == MessageType::InformationRequest;
        let ours: &[_] = if hides { &[] } else { &[&self.duid] };
        assert!(answer.client_ids().eq(ours.iter().copied()), "an answer to another client");
        let mut servers = answer.server_ids();
        let (server, second) = (servers.next(), servers.next());
        assert!(server.is_some() && second.is_none(), "an answer of nobody or of two");
        let asked = exchange.server.as_ref();
        assert!(asked.is_none() || asked == server, "an answer of a server that was not asked");
    }
}
