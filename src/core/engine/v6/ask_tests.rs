//! Messages we send, by the vectors and by the tables of appendix B.

use super::*;
use crate::engine::{ClientName, NameUpdate, PrefixRequest, retx};
use crate::ident::Iaid;
use crate::rng::Rng;
use crate::wire::{TransactionId, text};

use super::super::leases::Leases;

fn config() -> Config {
    let duid = "000100012b2c3d4e021122334455".parse().unwrap();
    Config { address: Some(Iaid(1)), ..Config::new("eth0", duid) }
}

fn build(config: &Config, kind: MessageType, server: Option<&Duid>) -> Message {
    let mut exchange = Exchange::new(kind, retx::SOLICIT, Instant::BOOT, &mut Rng::from_number(1));
    exchange.transaction = TransactionId([0x12, 0x34, 0x56]);
    exchange.rapid_commit = config.rapid_commit;
    message(config, &exchange, server, Leases::new(config).asking(), Instant::BOOT)
}

fn requested(message: &Message) -> Vec<u16> {
    let lists = message.options.iter().filter_map(|option| match option {
        DhcpOption::OptionRequest(codes) => Some(codes.clone()),
        _ => None,
    });
    lists.flatten().collect()
}

#[test]
fn sol_01_sol_03_the_solicit_vector_is_what_we_send() {
    let wish = PrefixRequest { length: Some(56), ..PrefixRequest::any(Iaid(1)) };
    let config = Config { prefixes: vec![wish], request: vec![23, 24, 88, 94, 95, 96], ..config() };
    let solicit = build(&config, MessageType::Solicit, None);
    assert_eq!(
        text::hex(&solicit.encode().unwrap()),
        "011234560001000e000100012b2c3d4e021122334455000800020000001400000003000c0000000100000000\
         0000000000190029000000010000000000000000001a0019000000000000000038000000000000000000000000\
         000000000006001000170018004300520058005e005f0060"
    );
}

#[test]
fn sol_01_a_bare_client_asks_for_exactly_these_options() {
    let solicit = build(&config(), MessageType::Solicit, None);
    assert_eq!(requested(&solicit), [23, 24, 31, 56, 82]);
    assert!(!solicit.options.contains(&DhcpOption::RapidCommit));
}

#[test]
fn inf_01_inf_04_refresh_time_is_asked_for_in_information_requests_alone() {
    let config = Config { request: vec![23, 32, 24], ..config() };
    let inform = message(
        &config,
        &Exchange::new(
            MessageType::InformationRequest,
            retx::INFORMATION_REQUEST,
            Instant::BOOT,
            &mut Rng::from_number(1),
        ),
        None,
        Vec::new(),
        Instant::BOOT,
    );
    assert_eq!(requested(&inform), [23, 24, 32, 83]);
    assert_eq!(inform.client_ids().count(), 1);
    assert_eq!(inform.server_ids().count(), 0);
    assert_eq!(inform.ia_nas().count() + inform.ia_pds().count(), 0);
    for kind in
        [MessageType::Solicit, MessageType::Request, MessageType::Renew, MessageType::Rebind]
    {
        assert_eq!(requested(&build(&config, kind, None)), [23, 24, 82], "{kind}");
    }
}

#[test]
fn pd_02_pd_exclude_is_asked_for_with_prefixes_alone() {
    let prefixes = vec![PrefixRequest::any(Iaid(1))];
    let with = Config { prefixes, ..config() };
    assert!(requested(&build(&with, MessageType::Renew, None)).contains(&67));
    assert!(!requested(&build(&config(), MessageType::Renew, None)).contains(&67));
}

#[test]
fn fqdn_01_the_flags_say_who_tells_the_dns() {
    for (update, flags) in [(NameUpdate::Server, 1), (NameUpdate::Client, 0), (NameUpdate::None, 4)]
    {
        let fqdn = Some(ClientName { name: b"\x03cpe\0".to_vec(), update });
        let message = build(&Config { fqdn, ..config() }, MessageType::Solicit, None);
        let name = message.options.iter().find(|option| option.code() == 39);
        let payload = vec![flags, 3, b'c', b'p', b'e', 0];
        assert_eq!(name, Some(&DhcpOption::Raw { code: 39, payload }), "{update:?}");
    }
}

#[test]
fn dnr_01_sntp_01_what_is_wanted_is_asked_for_in_every_question() {
    let config = Config { request: vec![144, 31], ..config() };
    for kind in [MessageType::Solicit, MessageType::Request, MessageType::InformationRequest] {
        let asked = requested(&build(&config, kind, None));
        assert!(asked.contains(&144) && asked.contains(&31), "{kind}: {asked:?}");
    }
}

#[test]
fn boot_01_architecture_and_network_interface_are_said_where_configured() {
    // RFC 5970 §3.3: x64 UEFI; §3.4: UNDI, version 3.1.
    let said = [(61, vec![0, 7]), (62, vec![1, 3, 1])];
    let config = Config { send: said.to_vec(), ..config() };
    for kind in [MessageType::Solicit, MessageType::InformationRequest] {
        let message = build(&config, kind, None);
        for (code, payload) in said.clone() {
            assert!(message.options.contains(&DhcpOption::Raw { code, payload }), "{kind} {code}");
        }
    }
}

#[test]
fn fqdn_01_our_name_stands_in_four_messages_and_is_asked_for_there() {
    let fqdn = Some(ClientName { name: b"\x03cpe".to_vec(), update: NameUpdate::Server });
    let config = Config { fqdn, ..config() };
    let server: Duid = "00010001aabbccdd02aabbccddee".parse().unwrap();
    let name = DhcpOption::Raw { code: 39, payload: b"\x01\x03cpe".to_vec() };
    for kind in
        [MessageType::Solicit, MessageType::Request, MessageType::Renew, MessageType::Rebind]
    {
        let message = build(&config, kind, Some(&server));
        assert!(message.options.contains(&name), "S, neither O nor N: {kind}");
        assert!(requested(&message).contains(&39));
        let mut octets = Vec::new();
        name.encode(&mut octets).unwrap();
        assert_eq!(text::hex(&octets), "002700050103637065", "the vector");
    }
    for kind in [
        MessageType::Confirm,
        MessageType::Release,
        MessageType::Decline,
        MessageType::InformationRequest,
    ] {
        let message = build(&config, kind, Some(&server));
        assert!(!message.options.contains(&name), "{kind}");
        assert!(!requested(&message).contains(&39), "{kind}");
    }
}

#[test]
fn req_01_dec_01_a_decline_carries_no_request_for_options() {
    let server: Duid = "00010001aabbccdd02aabbccddee".parse().unwrap();
    let config = Config { send: vec![(15, vec![0, 1, 97])], rapid_commit: true, ..config() };
    let decline = build(&config, MessageType::Decline, Some(&server));
    let codes: Vec<_> = decline.options.iter().map(DhcpOption::code).collect();
    assert_eq!(codes, [1, 2, 8, 3]);
    let request = build(&config, MessageType::Request, Some(&server));
    let codes: Vec<_> = request.options.iter().map(DhcpOption::code).collect();
    assert_eq!(codes, [1, 2, 8, 20, 3, 6, 15]);
    let solicit = build(&config, MessageType::Solicit, None);
    let codes: Vec<_> = solicit.options.iter().map(DhcpOption::code).collect();
    assert_eq!(codes, [1, 8, 14, 20, 3, 6, 15]);
}
