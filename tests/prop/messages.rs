//! Strategies: valid messages, and what becomes of them on the way.

use std::net::Ipv6Addr;

use dhc6c_core::ident::{Duid, Iaid};
use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::{
    Authentication, DhcpOption, DomainName, Ia, IaAddress, IaPrefix, Message, MessageType,
    NtpSource, ServerText, Status, StatusCode, TransactionId,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

const TYPES: [MessageType; 11] = [
    MessageType::Solicit,
    MessageType::Advertise,
    MessageType::Request,
    MessageType::Confirm,
    MessageType::Renew,
    MessageType::Rebind,
    MessageType::Reply,
    MessageType::Release,
    MessageType::Decline,
    MessageType::Reconfigure,
    MessageType::InformationRequest,
];

/// Codes that options of their own form stand for, and that raw ones so do
/// not.
const TYPED: [u16; 22] =
    [1, 2, 3, 5, 6, 7, 8, 11, 13, 14, 19, 20, 23, 24, 25, 26, 31, 32, 56, 82, 83, 4];

/// What a Reconfigure may ask for.
const RECONFIGURED: [MessageType; 3] =
    [MessageType::Renew, MessageType::Rebind, MessageType::InformationRequest];

/// Any message that can be written.
pub fn message() -> impl Strategy<Value = Message> {
    let kind = proptest::sample::select(&TYPES[..]);
    (kind, any::<[u8; 3]>(), vec(option(), 0..12)).prop_map(|(kind, transaction, options)| {
        Message { kind, transaction: TransactionId(transaction), options }
    })
}

/// Any option of the top level.
pub fn option() -> impl Strategy<Value = DhcpOption> {
    let address = vec(prop_oneof![4 => address_lease(), 1 => leaf()], 0..4);
    let prefix = vec(prop_oneof![4 => prefix_lease(), 1 => leaf()], 0..4);
    prop_oneof![
        4 => leaf(),
        2 => association(address).prop_map(DhcpOption::IaNa),
        2 => association(prefix).prop_map(DhcpOption::IaPd),
    ]
}

fn association(options: impl Strategy<Value = Vec<DhcpOption>>) -> impl Strategy<Value = Ia> {
    (any::<u32>(), time(), time(), options).prop_map(|(iaid, t1, t2, options)| Ia {
        iaid: Iaid(iaid),
        t1,
        t2,
        options,
    })
}

fn address_lease() -> impl Strategy<Value = DhcpOption> {
    (address(), time(), time(), vec(leaf(), 0..2)).prop_map(
        |(address, preferred, valid, options)| {
            DhcpOption::IaAddress(IaAddress { address, preferred, valid, options })
        },
    )
}

fn prefix_lease() -> impl Strategy<Value = DhcpOption> {
    (address(), 0..=128_u8, time(), time(), vec(leaf(), 0..2)).prop_map(
        |(address, length, preferred, valid, options)| {
            let prefix = Prefix::new(address, length).expect("a length up to 128");
            DhcpOption::IaPrefix(IaPrefix { prefix, preferred, valid, options })
        },
    )
}

fn leaf() -> impl Strategy<Value = DhcpOption> {
    let raw = (any::<u16>(), vec(any::<u8>(), 0..40))
        .prop_filter("a code without a form of its own", |(code, _)| !TYPED.contains(code))
        .prop_map(|(code, payload)| DhcpOption::Raw { code, payload });
    let addresses = || vec(address(), 1..4);
    prop_oneof![
        duid().prop_map(DhcpOption::ClientId),
        duid().prop_map(DhcpOption::ServerId),
        vec(any::<u16>(), 0..8).prop_map(DhcpOption::OptionRequest),
        any::<u8>().prop_map(DhcpOption::Preference),
        any::<u16>().prop_map(DhcpOption::ElapsedTime),
        authentication().prop_map(DhcpOption::Authentication),
        status().prop_map(DhcpOption::Status),
        proptest::sample::select(&RECONFIGURED[..]).prop_map(DhcpOption::ReconfigureMessage),
        Just(DhcpOption::RapidCommit),
        Just(DhcpOption::ReconfigureAccept),
        addresses().prop_map(DhcpOption::DnsServers),
        vec(name(), 1..4).prop_map(DhcpOption::DomainList),
        addresses().prop_map(DhcpOption::SntpServers),
        vec(ntp_source(), 1..3).prop_map(DhcpOption::NtpServer),
        time().prop_map(DhcpOption::InformationRefreshTime),
        any::<u32>().prop_map(DhcpOption::SolMaxRt),
        any::<u32>().prop_map(DhcpOption::InfMaxRt),
        raw,
    ]
}

fn authentication() -> impl Strategy<Value = Authentication> {
    (any::<[u8; 3]>(), any::<u64>(), vec(any::<u8>(), 0..20)).prop_map(
        |([protocol, algorithm, method], replay, information)| Authentication {
            protocol,
            algorithm,
            method,
            replay,
            information,
        },
    )
}

fn status() -> impl Strategy<Value = Status> {
    (0..8_u16, vec(any::<u8>(), 0..20)).prop_map(|(code, message)| Status {
        code: StatusCode(code),
        message: ServerText::new(&message),
    })
}

fn ntp_source() -> impl Strategy<Value = NtpSource> {
    prop_oneof![
        address().prop_map(NtpSource::Unicast),
        address().prop_map(NtpSource::Multicast),
        name().prop_map(NtpSource::Name),
    ]
}

fn name() -> impl Strategy<Value = DomainName> {
    let label = || vec(proptest::sample::select(&b"abcxyz019_"[..]), 1..12);
    vec(label(), 1..5).prop_map(|labels| {
        let labels: Vec<_> =
            labels.into_iter().map(|l| String::from_utf8_lossy(&l).into_owned()).collect();
        labels.join(".").parse().expect("labels of letters make a name")
    })
}

fn duid() -> impl Strategy<Value = Duid> {
    vec(any::<u8>(), Duid::SHORTEST..=Duid::LONGEST)
        .prop_map(|octets| Duid::new(&octets).expect("a length in range"))
}

fn address() -> impl Strategy<Value = Ipv6Addr> {
    prop_oneof![
        any::<u128>().prop_map(Ipv6Addr::from_bits),
        any::<u16>().prop_map(|last| Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last)),
        Just(Ipv6Addr::UNSPECIFIED),
    ]
}

/// Lifetimes and timers: the borders more often than the rest.
fn time() -> impl Strategy<Value = Lifetime> {
    prop_oneof![Just(0), Just(1), Just(u32::MAX - 1), Just(u32::MAX), any::<u32>(), 0..7200_u32]
        .prop_map(Lifetime)
}

/// One change to the octets of a message.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// Another octet at a place.
    Set(proptest::sample::Index, u8),
    /// The message ends here.
    Cut(proptest::sample::Index),
    /// Octets come in between.
    Insert(proptest::sample::Index, Vec<u8>),
    /// Octets fall out.
    Remove(proptest::sample::Index, u8),
    /// A stretch comes again at the end.
    Repeat(proptest::sample::Index, u8),
}

/// A few changes.
pub fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    use proptest::sample::Index;
    let border = prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xff)];
    let mutation = prop_oneof![
        4 => (any::<Index>(), border).prop_map(|(at, octet)| Mutation::Set(at, octet)),
        1 => any::<Index>().prop_map(Mutation::Cut),
        1 => (any::<Index>(), vec(any::<u8>(), 1..8)).prop_map(|(at, octets)| Mutation::Insert(at, octets)),
        1 => (any::<Index>(), 1..8_u8).prop_map(|(at, count)| Mutation::Remove(at, count)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Mutation::Repeat(at, count)),
    ];
    vec(mutation, 1..5)
}

/// The octets after the changes.
pub fn mutate(mut octets: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        if octets.is_empty() {
            break;
        }
        let length = octets.len();
        let span = |at: usize, count: u8| at..(at + usize::from(count)).min(length);
        match mutation {
            Mutation::Set(at, octet) => octets[at.index(length)] = *octet,
            Mutation::Cut(at) => octets.truncate(at.index(length)),
            Mutation::Insert(at, more) => {
                let at = at.index(length);
                octets.splice(at..at, more.iter().copied());
            }
            Mutation::Remove(at, count) => drop(octets.drain(span(at.index(length), *count))),
            Mutation::Repeat(at, count) => {
                octets.extend_from_within(span(at.index(length), *count));
            }
        }
    }
    octets
}
