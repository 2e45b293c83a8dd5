//! A server without a memory: what a client gets follows from its DUID, so a
//! million clients cost nothing, and a failover pair agrees without a word.
//!
//! Its messages are real ones and honest (RFC 9915 §18.3); it knows what a
//! client needs to be bound, which is Solicit and Request.

use std::net::Ipv6Addr;

use dhc6c_core::ident::Duid;
use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::{DhcpOption, Ia, IaAddress, IaPrefix, Message, MessageType};

/// Leases outlast every run, so that no Renew mixes with the storm.
const TIMES: [Lifetime; 4] =
    [Lifetime(172_800), Lifetime(276_480), Lifetime(345_600), Lifetime(691_200)];

/// A server without a memory.
pub struct Responder {
    duid: Duid,
    sol_max_rt: Option<u32>,
}

impl Responder {
    /// One of several servers, which gives SOL_MAX_RT in seconds where it is
    /// told to (RFC 9915 §21.24).
    #[must_use]
    pub fn number(number: u8, sol_max_rt: Option<u32>) -> Self {
        let octets = [0, 3, 0, 1, 2, 0, 0, 0, 0x5e, number];
        Self { duid: Duid::new(&octets).expect("ten octets are a DUID"), sol_max_rt }
    }

    /// The answer to a Solicit, or to a Request to this server.
    #[must_use]
    pub fn answer(&self, octets: &[u8]) -> Option<Vec<u8>> {
        let question = Message::decode(octets).ok()?.message;
        let kind = match question.kind {
            MessageType::Solicit => MessageType::Advertise,
            MessageType::Request if question.server_ids().eq([&self.duid]) => MessageType::Reply,
            _ => return None,
        };
        let client = question.client_ids().next()?.clone();
        let number = number_of(&client)?;
        let identifiers = [DhcpOption::ClientId(client), DhcpOption::ServerId(self.duid.clone())];
        let granted = question.options.iter().filter_map(|option| grant(option, number));
        let bound = self.sol_max_rt.map(DhcpOption::SolMaxRt);
        let options = identifiers.into_iter().chain(granted).chain(bound).chain(resolver());
        let options = options.collect();
        let message = Message { kind, transaction: question.transaction, options };
        Some(message.encode().expect("a short message"))
    }
}

/// The DUID of a client with this number.
#[must_use]
pub fn duid_of(number: u32) -> Duid {
    let octets = [&[0, 3, 0, 1, 2, 0], &number.to_be_bytes()[..]].concat();
    Duid::new(&octets).expect("ten octets are a DUID")
}

/// Two name servers and a search list.
fn resolver() -> [DhcpOption; 2] {
    let server = |number| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0x53, number);
    let domain = "example.net".parse().expect("a name");
    [DhcpOption::DnsServers(vec![server(1), server(2)]), DhcpOption::DomainList(vec![domain])]
}

fn number_of(duid: &Duid) -> Option<u32> {
    duid.octets().last_chunk().map(|octets| u32::from_be_bytes(*octets))
}

/// The lease of a client for one of its associations.
fn grant(option: &DhcpOption, number: u32) -> Option<DhcpOption> {
    let [t1, t2, preferred, valid] = TIMES;
    let options = vec![];
    let (iaid, lease) = match option {
        DhcpOption::IaNa(ia) => {
            let pool = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 1, 0, 0, 0).to_bits();
            let address = Ipv6Addr::from_bits(pool + u128::from(number));
            (ia.iaid, DhcpOption::IaAddress(IaAddress { address, preferred, valid, options }))
        }
        DhcpOption::IaPd(ia) => {
            let pool = Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0).to_bits();
            let address = Ipv6Addr::from_bits(pool + (u128::from(number) << 72));
            let prefix = Prefix::new(address, 56)?;
            (ia.iaid, DhcpOption::IaPrefix(IaPrefix { prefix, preferred, valid, options }))
        }
        _ => return None,
    };
    let granted = Ia { iaid, t1, t2, options: vec![lease] };
    Some(match option {
        DhcpOption::IaNa(_) => DhcpOption::IaNa(granted),
        _ => DhcpOption::IaPd(granted),
    })
}
