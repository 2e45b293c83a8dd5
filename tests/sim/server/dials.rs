//! How a server misbehaves: one plain field each, all off by default. To add
//! one, add the field, read it where it matters (here, for what concerns the
//! message as a whole), and turn it in a scenario.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use dhc6c_core::ident::Duid;
use dhc6c_core::time::{Duration, Lifetime};
use dhc6c_core::wire::{
    DhcpOption, Ia, IaAddress, IaPrefix, Message, MessageType, StatusCode, TransactionId, code,
};

use super::association::Times;
use super::{ALL_DHCP_RELAY_AGENTS_AND_SERVERS, Answer};

/// What a server does that it should not, or may do and seldom does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dials {
    /// Answers nothing at all.
    pub silent: bool,
    /// Answers nothing to these.
    pub silent_to: BTreeSet<MessageType>,

    /// Has no address for anybody: NoAddrsAvail in every IA_NA.
    pub refuse_addresses: bool,
    /// Has no prefix for anybody: NoPrefixAvail in every IA_PD.
    pub refuse_prefixes: bool,
    /// Refuses by an IA with nothing in it, without a status.
    pub refuse_without_status: bool,
    /// Leaves every IA_NA out of its answers.
    pub omit_addresses: bool,
    /// Leaves every IA_PD out of its answers.
    pub omit_prefixes: bool,
    /// Knows no binding in Renew and Rebind for IA_NA, whatever it gave.
    pub forget_addresses: bool,
    /// Knows no binding in Renew and Rebind for IA_PD, whatever it gave.
    pub forget_prefixes: bool,
    /// Takes leases back in Renew and Rebind: both lifetimes zero.
    pub zero_lifetimes: bool,
    /// Takes prefixes back in Renew and Rebind: NoPrefixAvail within each, and
    /// both lifetimes zero; addresses are extended.
    pub lose_prefixes: bool,
    /// Gives preferred lifetimes that are longer than the valid ones.
    pub preferred_over_valid: bool,
    /// Gives T1 greater than T2.
    pub t1_over_t2: bool,
    /// Gives these times in place of its own.
    pub times: Option<Times>,
    /// Gives prefixes other times than addresses.
    pub prefix_times: Option<Times>,
    /// Gives so many leases more in every association than it should.
    pub extra_leases: u16,
    /// Says every lease twice.
    pub doubles_leases: bool,
    /// Says every association a second time, with a lease of nobody in it.
    pub doubles_associations: bool,
    /// Says name servers and search lists a second time, and not the same.
    pub doubles_options: bool,
    /// Ends what it gave in Renew and Rebind, and gives something else beside
    /// it.
    pub renumbers: bool,
    /// Gives every IA_PD what it gives the first.
    pub same_prefix: bool,
    /// Gives prefixes of its own length, whatever the client would like.
    pub ignore_hints: bool,
    /// Gives a prefix of the length wished for, beside the one it has given,
    /// in Renew and Rebind (RFC 8168 §3.5).
    pub adds_wished_lengths: bool,
    /// Gives declined addresses out again.
    pub reuse_declined: bool,
    /// Puts this PD_EXCLUDE into every prefix, whatever it is worth.
    pub pd_exclude: Option<Vec<u8>>,
    /// Says this within every lease.
    pub lease_status: Option<StatusCode>,
    /// Says this within every association, beside its leases.
    pub association_status: Option<StatusCode>,
    /// Adds these within every lease.
    pub within_leases: Vec<DhcpOption>,
    /// Adds these within every association.
    pub within_associations: Vec<DhcpOption>,

    /// This status, and nothing else, in Advertise.
    pub advertise_status: Option<StatusCode>,
    /// This status in place of leases in the answer to Request.
    pub request_status: Option<StatusCode>,
    /// This status in place of leases in the answer to Renew.
    pub renew_status: Option<StatusCode>,
    /// This status in place of leases in the answer to Rebind.
    pub rebind_status: Option<StatusCode>,
    /// This status in the answer to Confirm.
    pub confirm_status: Option<StatusCode>,
    /// This status beside the options in the answer to Information-request.
    pub inform_status: Option<StatusCode>,

    /// Keeps these options back even from those who ask.
    pub withhold: BTreeSet<u16>,
    /// Adds these to every answer, asked for or not.
    pub unasked: Vec<DhcpOption>,
    /// Puts these before everything else.
    pub first: Vec<DhcpOption>,
    /// Answers with another transaction id.
    pub wrong_transaction: bool,
    /// What becomes of the client identifier.
    pub client_id: Identifier,
    /// What becomes of the server identifier.
    pub server_id: Identifier,
    /// Sends this type of message, be it one or not, in place of the right one.
    pub wrong_type: Option<u8>,
    /// Sends its answers to the multicast group.
    pub to_multicast: bool,
    /// Leaves Rapid Commit out of the Reply that it stands for.
    pub hide_rapid_commit: bool,
    /// Answers up to this much later than the link needs.
    pub late: Duration,
    /// Sends every answer this many times more.
    pub repeat: u8,
    /// Fills every answer with an unknown option to this many octets.
    pub padded_to: Option<usize>,
    /// Appends these octets to the message.
    pub trailing: Vec<u8>,
    /// Cuts the message after this many octets.
    pub cut_after: Option<usize>,
}

/// What becomes of an identifier in an answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Identifier {
    /// It is right.
    #[default]
    Right,
    /// It is not there.
    Missing,
    /// It is somebody else's.
    Wrong,
    /// It is there twice.
    Double,
    /// It is there, and somebody else's before it.
    Contradicts,
    /// Nothing is in it.
    Empty,
    /// It is shorter than any DUID (RFC 9915 §11.1).
    Short,
    /// It is longer than any DUID.
    Long,
}

impl Dials {
    /// True where a Reply lacks an IA on purpose.
    pub(super) const fn omits_an_ia(&self) -> bool {
        self.omit_addresses || self.omit_prefixes
    }

    /// The honest answer as it leaves this server.
    pub(super) fn twist(&self, mut message: Message, client: Ipv6Addr) -> Vec<Answer> {
        let keep = |option: &DhcpOption| match option {
            DhcpOption::IaNa(_) => !self.omit_addresses,
            DhcpOption::IaPd(_) => !self.omit_prefixes,
            DhcpOption::RapidCommit => !self.hide_rapid_commit,
            _ => true,
        };
        message.options.retain(keep);
        if self.same_prefix {
            repeat_first_prefix(&mut message.options);
        }
        for option in &mut message.options {
            if let DhcpOption::IaNa(ia) | DhcpOption::IaPd(ia) = option {
                ia.options.extend(self.within_associations.iter().cloned());
            }
        }
        if self.doubles_associations {
            double_associations(&mut message.options);
        }
        if self.doubles_options {
            double_options(&mut message.options);
        }
        message.options.splice(0..0, self.first.iter().cloned());
        message.options.extend(self.unasked.iter().cloned());
        self.client_id.twist(&mut message.options, code::CLIENTID);
        self.server_id.twist(&mut message.options, code::SERVERID);
        if self.wrong_transaction {
            let TransactionId([a, b, c]) = message.transaction;
            message.transaction = TransactionId([a, b, !c]);
        }
        let mut octets = message.encode().expect("a model server's answers are short");
        if let Some(length) = self.padded_to {
            octets.extend(unknown_option(length - octets.len()));
        }
        octets[0] = self.wrong_type.unwrap_or(octets[0]);
        octets.extend_from_slice(&self.trailing);
        octets.truncate(self.cut_after.unwrap_or(usize::MAX));
        let group = self.to_multicast.then_some(ALL_DHCP_RELAY_AGENTS_AND_SERVERS);
        let answer = Answer { destination: group.unwrap_or(client), octets };
        vec![answer; 1 + usize::from(self.repeat)]
    }
}

impl Identifier {
    fn twist(self, options: &mut Vec<DhcpOption>, code: u16) {
        let Some(place) = options.iter().position(|option| option.code() == code) else {
            return;
        };
        match self {
            Self::Right => {}
            Self::Missing => drop(options.remove(place)),
            Self::Wrong => options[place] = somebody_else(code),
            Self::Double => options.insert(place, options[place].clone()),
            Self::Contradicts => options.insert(place, somebody_else(code)),
            Self::Empty => options[place] = DhcpOption::Raw { code, payload: Vec::new() },
            Self::Short => options[place] = DhcpOption::Raw { code, payload: vec![0; 2] },
            Self::Long => options[place] = DhcpOption::Raw { code, payload: vec![1; 131] },
        }
    }
}

/// An option that nobody knows, of so many octets in all.
fn unknown_option(length: usize) -> Vec<u8> {
    let payload = u16::try_from(length - 4).expect("it fits an option");
    let mut octets = [65_000_u16.to_be_bytes(), payload.to_be_bytes()].concat();
    octets.resize(length, 0x5a);
    octets
}

fn repeat_first_prefix(options: &mut [DhcpOption]) {
    let mut first = None;
    for option in options {
        if let DhcpOption::IaPd(ia) = option {
            ia.options.clone_from(first.get_or_insert_with(|| ia.options.clone()));
        }
    }
}

/// Each association once more behind the others, with another lease.
fn double_associations(options: &mut Vec<DhcpOption>) {
    let (preferred, valid) = (Lifetime(3600), Lifetime(7200));
    let address = "2001:db8:bad::d0".parse().expect("an address");
    let prefix = "2001:db8:bad0::/56".parse().expect("a prefix");
    let again = |ia: &Ia, lease| Ia { options: vec![lease], ..ia.clone() };
    let second = |option: &DhcpOption| match option {
        DhcpOption::IaNa(ia) => {
            let lease = IaAddress { address, preferred, valid, options: Vec::new() };
            Some(DhcpOption::IaNa(again(ia, DhcpOption::IaAddress(lease))))
        }
        DhcpOption::IaPd(ia) => {
            let lease = IaPrefix { prefix, preferred, valid, options: Vec::new() };
            Some(DhcpOption::IaPd(again(ia, DhcpOption::IaPrefix(lease))))
        }
        _ => None,
    };
    let seconds: Vec<_> = options.iter().filter_map(second).collect();
    options.extend(seconds);
}

/// Name servers and a search list once more behind the others, not the same.
fn double_options(options: &mut Vec<DhcpOption>) {
    let second = |option: &DhcpOption| match option {
        DhcpOption::DnsServers(_) => {
            let server = "2001:db8:bad::53".parse().expect("an address");
            Some(DhcpOption::DnsServers(vec![server]))
        }
        DhcpOption::DomainList(_) => {
            Some(DhcpOption::DomainList(vec!["example.org".parse().expect("a name")]))
        }
        _ => None,
    };
    let seconds: Vec<_> = options.iter().filter_map(second).collect();
    options.extend(seconds);
}

fn somebody_else(code: u16) -> DhcpOption {
    let duid = Duid::new(b"\0\x03\0\x01nobody").expect("ten octets are a DUID");
    match code {
        code::CLIENTID => DhcpOption::ClientId(duid),
        _ => DhcpOption::ServerId(duid),
    }
}
