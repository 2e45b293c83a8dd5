//! Kea: what is asked for, what comes back, and what the kernel then holds.

use std::net::Ipv6Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::capture::dialogue;
use crate::client::Client;
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{
    ADVERTISE, Association, IA_NA, IA_PD, INFORMATION_REQUEST, Message, Prefix, RAPID_COMMIT,
    REPLY, REQUEST, SERVER_ID, SOLICIT,
};
use crate::poll;
use crate::servers::Kea;

pub(crate) const TESTS: &[(&str, fn())] = tests![
    rep_03_rep_04_address_as_128_past_dad,
    tx_02_pd_05_prefix_alone_as_unreachable_route,
    iaid_01_address_and_prefix_in_one_exchange,
    iaid_04_several_prefix_associations,
    sol_03_length_hint_on_the_wire,
    sol_14_rapid_commit_in_two_messages,
    sol_14_rapid_commit_refused_in_four_messages,
    inf_01_stateless_options_without_address,
    sol_08_sol_13_ren_03_prefix_without_address,
    sol_08_sol_13_ren_03_address_without_prefix,
];

/// The IAID derived from the name `wan0`: the first four octets of its MD5.
const IAID: u32 = 0x63c1_44a5;

/// What a dialogue without rapid commit looks like.
const FOUR: [u8; 4] = [SOLICIT, ADVERTISE, REQUEST, REPLY];

/// Input: `dhc6c wan0` and a server with addresses.
/// Expected: the leased address as /128 without a route for its /64, past DAD, with the
/// server's lifetimes; status agrees with the wire and the kernel.
fn rep_03_rep_04_address_as_128_past_dad() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &[]);
    let status = client.wait_ready();
    let cpe = lab.world().cpe();

    let addresses = kernel::addresses(&cpe);
    let [address] = addresses.as_slice() else { panic!("one address: {addresses:?}") };
    let reply = lab.capture().first_of(REPLY, poll::SOON);
    assert_eq!(reply.addresses(), [address.address]);
    assert_eq!(address.length, 128);
    assert!(address.no_prefix_route && !address.tentative, "{address:?}");
    assert_left("preferred", address.preferred, 3000, &reply);
    assert_left("valid", address.valid, 4000, &reply);
    let routes = kernel::routes(&cpe);
    assert!(!routes.iter().any(|route| route.destination == "2001:db8:0:1::/64"), "{routes:?}");
    assert!(kernel::unreachable(&cpe).is_empty());

    assert_eq!(status.text("/state"), "bound");
    assert_eq!(status.text("/server/duid"), kea.duid());
    assert_eq!(status.text("/addresses/0/address"), address.address.to_string());
    assert_eq!(status.text("/addresses/0/state"), "preferred");
    assert_eq!(dialogue(&lab.capture().messages()), FOUR);
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --no-na --pd wan0`.
/// Expected: an unreachable route for the delegated /56 and no address; no IA_NA is sent.
fn tx_02_pd_05_prefix_alone_as_unreachable_route() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--no-na", "--pd"]);
    let status = client.wait_ready();

    let leased = leased_prefixes(&lab);
    assert_eq!(leased.len(), 1);
    assert!(leased[0].ends_with("/56"), "{leased:?}");
    assert_eq!(kernel::unreachable(&lab.world().cpe()), leased);
    assert!(kernel::addresses(&lab.world().cpe()).is_empty());
    assert_eq!(status.text("/prefixes/0/prefix"), leased[0]);
    assert_eq!(*status.at("/addresses"), json!([]));
    assert!(lab.capture().settled().iter().all(|message| message.associations(IA_NA).is_empty()));
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --pd wan0`.
/// Expected: one exchange of four messages, each with one IA_NA and one IA_PD, both with the
/// IAID that the name gives; both leases are in the kernel.
fn iaid_01_address_and_prefix_in_one_exchange() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    let status = client.wait_ready();

    let messages = lab.capture().settled();
    assert_eq!(dialogue(&messages), FOUR);
    for message in &messages {
        assert_eq!(iaid(&message.associations(IA_NA)), IAID);
        assert_eq!(iaid(&message.associations(IA_PD)), IAID);
    }
    assert_eq!(kernel_addresses(&lab), lab.capture().first_of(REPLY, poll::SOON).addresses());
    assert_eq!(kernel::unreachable(&lab.world().cpe()), leased_prefixes(&lab));
    assert_eq!(*status.at("/addresses/0/iaid"), json!(IAID));
    assert_eq!(*status.at("/prefixes/0/iaid"), json!(IAID));
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --pd --pd wan0`.
/// Expected: two IA_PDs, the second with the next IAID, two prefixes, two unreachable routes.
fn iaid_04_several_prefix_associations() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd", "--pd"]);
    let status = client.wait_ready();

    let asked = lab.capture().first_of(SOLICIT, poll::SOON).associations(IA_PD);
    let iaids: Vec<_> = asked.iter().map(|association| association.iaid).collect();
    assert_eq!(iaids, [IAID, IAID + 1]);
    let mut routes = kernel::unreachable(&lab.world().cpe());
    let mut leased = leased_prefixes(&lab);
    routes.sort();
    leased.sort();
    assert_eq!(leased.len(), 2);
    assert_eq!(routes, leased);
    assert_eq!(status.list("/prefixes").len(), 2);
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --pd=60 wan0`; the server delegates nothing but /56.
/// Expected: the Solicit carries ::/60 with lifetimes 0; the /56 is accepted.
fn sol_03_length_hint_on_the_wire() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--pd=60"]);
    client.wait_ready();

    let solicit = lab.capture().first_of(SOLICIT, poll::SOON);
    assert_eq!(solicit.prefixes(), [Prefix { preferred: 0, valid: 0, prefix: "::/60".to_owned() }]);
    assert_eq!(leased_prefixes(&lab).len(), 1);
    assert_eq!(kernel::unreachable(&lab.world().cpe()), leased_prefixes(&lab));
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --rapid-commit wan0` and a server that does it.
/// Expected: Solicit and Reply, both with option 14, and nothing else.
fn sol_14_rapid_commit_in_two_messages() {
    let lab = Lab::new();
    let kea = Kea::new().rapid_commit().start(lab.world());
    let client = Client::start(lab.world(), &["--rapid-commit"]);
    client.wait_ready();

    let messages = lab.capture().settled();
    assert_eq!(dialogue(&messages), [SOLICIT, REPLY]);
    assert!(messages.iter().all(|message| message.has(RAPID_COMMIT)));
    assert_eq!(kernel_addresses(&lab), messages[messages.len() - 1].addresses());
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --rapid-commit wan0` and a server that does not do it.
/// Expected: option 14 in the Solicit alone; bound after four messages.
fn sol_14_rapid_commit_refused_in_four_messages() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--rapid-commit"]);
    client.wait_ready();

    let messages = lab.capture().settled();
    assert_eq!(dialogue(&messages), FOUR);
    let with_option = messages.iter().filter(|message| message.has(RAPID_COMMIT));
    assert!(
        with_option.clone().count() > 0
            && with_option.clone().all(|message| message.kind == SOLICIT)
    );
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --stateless --request 65001 wan0` (and the options it asks for by itself).
/// Expected: Information-request without IA or server; its ORO has 83 and 32; every option is
/// in status, the unknown one under `raw`; no address anywhere.
fn inf_01_stateless_options_without_address() {
    let lab = Lab::new();
    let kea = Kea::new().start(lab.world());
    let client = Client::start(lab.world(), &["--stateless", "--request", "65001"]);
    let status = client.wait_ready();

    let messages = lab.capture().settled();
    assert_eq!(dialogue(&messages), [INFORMATION_REQUEST, REPLY]);
    let requested = messages[0].requested();
    for code in [23, 24, 31, 32, 56, 83, 65001] {
        assert!(requested.contains(&code), "{code} in {requested:?}");
    }
    assert!(
        [IA_NA, IA_PD, SERVER_ID].iter().all(|&code| !messages[0].has(code)),
        "{:?}",
        messages[0]
    );
    assert_eq!(status.text("/state"), "informed");
    assert_eq!(status.text("/mode"), "stateless");
    assert_eq!(*status.at("/options/dns"), json!(["2001:db8:0:1::53", "2001:db8:0:1::54"]));
    assert_eq!(*status.at("/options/domains"), json!(["example.org", "lab.example.net"]));
    assert_eq!(*status.at("/options/ntp"), json!(["2001:db8:0:1::123"]));
    assert_eq!(*status.at("/options/sntp"), json!(["2001:db8:0:1::124"]));
    assert_eq!(*status.at("/options/raw/65001"), json!(["c0ffee"]));
    assert_eq!(*status.at("/timers"), json!(null));
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --pd wan0` and a server without addresses (NoAddrsAvail in the IA_NA).
/// Expected: ready with the prefix alone; the next Renew asks for the address again.
fn sol_08_sol_13_ren_03_prefix_without_address() {
    let lab = Lab::new();
    let kea = Kea::new().short().without_addresses().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    let status = client.wait_ready();

    assert_eq!(kernel::unreachable(&lab.world().cpe()), leased_prefixes(&lab));
    assert!(kernel::addresses(&lab.world().cpe()).is_empty());
    assert_eq!(*status.at("/addresses"), json!([]));
    let renew = renew(&lab);
    assert_eq!(renew.prefixes().len(), 1);
    assert_eq!(renew.associations(IA_NA).len(), 1, "{renew:?}");
    assert!(renew.addresses().is_empty());
    client.assert_alive();
    lab.finish(&[&kea]);
}

/// Input: `dhc6c --pd wan0` and a server without prefixes (NoPrefixAvail in the IA_PD).
/// Expected: ready with the address alone; the next Renew asks for the prefix again.
fn sol_08_sol_13_ren_03_address_without_prefix() {
    let lab = Lab::new();
    let kea = Kea::new().short().without_prefixes().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    let status = client.wait_ready();

    assert_eq!(kernel_addresses(&lab), lab.capture().first_of(REPLY, poll::SOON).addresses());
    assert!(kernel::unreachable(&lab.world().cpe()).is_empty());
    assert_eq!(*status.at("/prefixes"), json!([]));
    let renew = renew(&lab);
    assert_eq!(renew.addresses(), kernel_addresses(&lab));
    assert_eq!(renew.associations(IA_PD).len(), 1, "{renew:?}");
    client.assert_alive();
    lab.finish(&[&kea]);
}

/// The first Renew: T1 is 10 s.
fn renew(lab: &Lab) -> Message {
    lab.capture().first_of(crate::pcap::RENEW, poll::SOON + poll::SOON)
}

/// The prefixes of the first Reply, in its order.
fn leased_prefixes(lab: &Lab) -> Vec<String> {
    let reply = lab.capture().first_of(REPLY, poll::SOON);
    reply.prefixes().into_iter().map(|prefix| prefix.prefix).collect()
}

fn kernel_addresses(lab: &Lab) -> Vec<Ipv6Addr> {
    kernel::addresses(&lab.world().cpe()).iter().map(|address| address.address).collect()
}

fn iaid(associations: &[Association]) -> u32 {
    let [association] = associations else { panic!("one association: {associations:?}") };
    association.iaid
}

/// A lifetime the kernel counts down from the Reply on; it rounds, and so does this clock.
fn assert_left(what: &str, left: u64, granted: u64, reply: &Message) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let expected = granted as f64 - (now - reply.at);
    assert!(
        (left as f64 - expected).abs() <= 2.0,
        "{what}: {left} s left, {expected:.1} s expected"
    );
}
