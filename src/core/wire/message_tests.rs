//! Messages by the test vectors.

use super::*;
use crate::ident::Iaid;
use crate::wire::text;

fn octets(hex: &str) -> Vec<u8> {
    crate::ident::hex_octets(hex).unwrap()
}

const SOLICIT: &str = "011234560001000e000100012b2c3d4e021122334455000800020000001400000003000c00000001000000\
    000000000000190029000000010000000000000000001a0019000000000000000038000000000000000000\
    000000000000000006001000170018004300520058005e005f0060";

const REPLY: &str = "071234570001000e000100012b2c3d4e0211223344550002000e00010001aabbccdd02aabbccddee001900\
    2f000000010000070800000b40001a001f00000e1000001c203820010db800123400000000000000000000\
    43000240ff00030028000000010000070800000b400005001820010db8001234ff00000000000000010000\
    0e1000001c200017001020010db80000000000000000000000530060002c005c0014c00002123820010db8\
    001234005d000400083400005a001020010db8ffff0000000000000000000100580000";

fn vector(hex: &str) -> Message {
    let octets = octets(hex);
    let decoded = Message::decode(&octets).unwrap();
    assert_eq!(decoded.malformed, []);
    assert_eq!(text::hex(&decoded.message.encode().unwrap()), text::hex(&octets));
    decoded.message
}

#[test]
fn the_solicit_vector_is_read_and_written() {
    let solicit = vector(SOLICIT);
    assert_eq!(solicit.kind, MessageType::Solicit);
    assert_eq!(solicit.transaction.to_string(), "123456");
    assert_eq!(solicit.client_ids().next().unwrap().to_string(), "000100012b2c3d4e021122334455");
    let ia = solicit.ia_pds().next().unwrap();
    assert_eq!(ia.prefixes().next().unwrap().prefix.to_string(), "::/56");
    let request = DhcpOption::OptionRequest(vec![23, 24, 67, 82, 88, 94, 95, 96]);
    assert_eq!(solicit.options.last(), Some(&request));
}

#[test]
fn the_reply_vector_is_read_and_written() {
    let reply = vector(REPLY);
    assert_eq!(reply.kind, MessageType::Reply);
    let ia = reply.ia_pds().next().unwrap();
    assert_eq!((ia.iaid, ia.t1.0, ia.t2.0), (Iaid(1), 1800, 2880));
    let prefix = ia.prefixes().next().unwrap();
    assert_eq!((prefix.preferred.0, prefix.valid.0), (3600, 7200));
    let excluded = prefix.prefix.excluded(prefix.pd_exclude().unwrap()).unwrap();
    assert_eq!(excluded.to_string(), "2001:db8:12:34ff::/64");
    let address = reply.ia_nas().next().unwrap().addresses().next().unwrap().clone();
    assert_eq!(address.address.to_string(), "2001:db8:12:34ff::1");
    let raw: Vec<u16> = reply
        .options
        .iter()
        .filter_map(|o| if let DhcpOption::Raw { code, .. } = o { Some(*code) } else { None })
        .collect();
    assert_eq!(raw, [96, 88]);
}

#[test]
fn short_datagrams_and_unknown_types_are_refused() {
    for length in 0..4 {
        assert_eq!(Message::decode(&vec![7; length]), Err(DropReason::TooShort));
    }
    for kind in (0..=255_u8).filter(|kind| !(1..=11).contains(kind)) {
        assert_eq!(Message::decode(&[kind, 0, 0, 0]), Err(DropReason::MessageType), "{kind}");
    }
}

#[test]
fn every_type_keeps_its_code() {
    for code in 1..=11 {
        assert_eq!(MessageType::from_code(code).unwrap().code(), code);
    }
}

/// Nothing is cut where the datagram is long.
#[test]
fn a_reply_of_64_kib_is_read_whole() {
    let mut message = vector(REPLY);
    message.options.push(DhcpOption::Raw { code: 65000, payload: vec![0xaa; 65_000] });
    let octets = message.encode().unwrap();
    assert_eq!(Message::decode(&octets).unwrap().message, message);
}

#[test]
fn a_message_too_long_to_encode_is_an_error() {
    let huge = DhcpOption::Raw { code: 65000, payload: vec![0; 70_000] };
    let message = Message {
        kind: MessageType::Solicit,
        transaction: TransactionId([0; 3]),
        options: vec![huge],
    };
    assert_eq!(message.encode(), Err(TooLong));
}
