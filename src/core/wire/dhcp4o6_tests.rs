//! The two messages against the vectors, and what is refused.

use super::*;
use crate::ident::hex_octets;

fn hex(text: &str) -> Vec<u8> {
    hex_octets(text).unwrap()
}

fn response(options: &str) -> Result<Response, DropReason> {
    Response::decode(&hex(&format!("15000000{options}")))
}

#[test]
fn dhcp_4o6_06_4o6_08_4o6_09_a_query_has_flags_and_one_message() {
    let query = |unicast, request| Query { unicast, request, v4: vec![0xaa; 3] };
    let encoded = |unicast, request| query(unicast, request).encode().unwrap();
    assert_eq!(encoded(false, vec![]), hex("14000000 00570003 aaaaaa".replace(' ', "").as_str()));
    assert_eq!(encoded(true, vec![]), hex("1480000000570003aaaaaa"));
    let asking = query(false, vec![90, 137]);
    let octets = asking.encode().unwrap();
    assert_eq!(octets, hex("1400000000060004005a008900570003aaaaaa"));
    assert_eq!(Query::decode(&octets), Ok(asking));
    assert!(Query { unicast: false, request: vec![], v4: vec![0; 70_000] }.encode().is_err());
}

#[test]
fn dhcp_4o6_07_the_flags_of_a_response_say_nothing() {
    for flags in ["000000", "ffffff", "800000", "123456"] {
        let response = Response::decode(&hex(&format!("15{flags}00570001aa")));
        assert_eq!(response.unwrap().v4, [0xaa], "{flags}");
    }
}

#[test]
fn dhcp_4o6_11_a_response_carries_exactly_one_message() {
    assert_eq!(response(""), Err(DropReason::V4Malformed));
    assert_eq!(response("00070001ff"), Err(DropReason::V4Malformed));
    assert_eq!(response("00570001aa00570001aa"), Err(DropReason::V4Malformed));
    assert_eq!(response("00570009aa"), Err(DropReason::OptionMalformed));
    assert_eq!(response("ffee000000570001aafffe000100").unwrap().v4, [0xaa], "unknown ones around");
    assert_eq!(response("00570000").unwrap().v4, [0; 0]);
    assert_eq!(Response::decode(&hex("140000000057000100")), Err(DropReason::MessageType));
    assert_eq!(Response::decode(&hex("150000")), Err(DropReason::TooShort));
    assert!(response(&"fff00000".repeat(600)).is_err());
}

#[test]
fn dhcp_4o6b_03_4o6b_02_a_binding_prefix_and_far_ends_are_read_by_their_rules() {
    let of = |options: &str| response(&format!("00570001aa{options}")).unwrap();
    let good = of("005a001020010db8ffff00000000000000000001008900083820010db8001234");
    assert_eq!(good.border_relays, ["2001:db8:ffff::1".parse::<Ipv6Addr>().unwrap()]);
    assert_eq!(good.binding_prefix, "2001:db8:12:3400::/56".parse().ok());
    assert_eq!(good.malformed, []);
    // 129 bits; an octet too few; one too many; nothing at all.
    for option in [
        "008900128120010db800123400000000000000000000",
        "008900073820010db80012",
        "008900093820010db800123456",
        "00890000",
    ] {
        let read = of(option);
        assert_eq!((read.binding_prefix, read.malformed), (None, vec![137]), "{option}");
    }
    // Bits beyond the length do not count.
    assert_eq!(of("008900022fff").malformed, [137]);
    assert_eq!(of("0089000204ff").binding_prefix, "f000::/4".parse().ok());
    assert_eq!(of("0089000100").binding_prefix, "::/0".parse().ok());
    let unusable =
        ["00".repeat(16), format!("{}01", "00".repeat(15)), format!("ff02{}", "00".repeat(14))];
    for address in unusable {
        let read = of(&format!("005a0010{address}"));
        assert_eq!((read.border_relays, read.malformed), (vec![], vec![90]), "{address}");
    }
    assert_eq!(of("005a000f20010db8ffff000000000000000000").malformed, [90]);
    assert_eq!(of(&"005a001020010db8ffff00000000000000000001".repeat(50)).border_relays.len(), 8);
}

#[test]
fn a_response_is_read_as_it_was_written() {
    let response = Response {
        v4: vec![1, 2, 3],
        border_relays: vec!["2001:db8:ffff::1".parse().unwrap()],
        binding_prefix: "2001:db8:12:3400::/56".parse().ok(),
        malformed: vec![],
    };
    assert_eq!(Response::decode(&response.encode().unwrap()), Ok(response));
}
