//! dnsmasq: a server with preference 255, and one without addresses.

use serde_json::json;

use crate::capture::dialogue;
use crate::client::Client;
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{ADVERTISE, INFORMATION_REQUEST, REPLY, REQUEST, SOLICIT};
use crate::poll;
use crate::servers::{dnsmasq, dnsmasq_stateless};

pub(crate) const TESTS: &[(&str, fn())] =
    tests![sol_05_preference_255_ends_the_wait, inf_01_stateless_options];

/// Input: `dhc6c wan0` and a server with preference 255.
/// Expected: the Request follows the Advertise without the wait for further ones; the address
/// is in the kernel as /128.
fn sol_05_preference_255_ends_the_wait() {
    let lab = Lab::new();
    let server = dnsmasq(lab.world());
    let client = Client::start(lab.world(), &[]);
    let status = client.wait_ready();

    assert_eq!(dialogue(&lab.capture().settled()), [SOLICIT, ADVERTISE, REQUEST, REPLY]);
    let offer = lab.capture().first_of(ADVERTISE, poll::SOON);
    let request = lab.capture().first_of(REQUEST, poll::SOON);
    // The wait would last until 1.0 to 1.1 s after the Solicit.
    assert!(request.at - offer.at < 0.8, "{:.3} s", request.at - offer.at);
    assert_eq!(*status.at("/server/preference"), json!(255));
    let addresses = kernel::addresses(&lab.world().cpe());
    assert_eq!(addresses.len(), 1);
    assert_eq!(addresses[0].length, 128);
    assert_eq!(addresses[0].address, lab.capture().first_of(REPLY, poll::SOON).addresses()[0]);
    lab.finish(&[&server]);
}

/// Input: `dhc6c --stateless wan0` and a server that has options alone.
/// Expected: informed with the server's resolvers and domains; no address.
fn inf_01_stateless_options() {
    let lab = Lab::new();
    let server = dnsmasq_stateless(lab.world());
    let client = Client::start(lab.world(), &["--stateless"]);
    let status = client.wait_ready();

    assert_eq!(dialogue(&lab.capture().settled()), [INFORMATION_REQUEST, REPLY]);
    assert_eq!(status.text("/state"), "informed");
    assert_eq!(*status.at("/options/dns"), json!(["2001:db8:0:1::53", "2001:db8:0:1::54"]));
    assert_eq!(*status.at("/options/domains"), json!(["example.org", "lab.example.net"]));
    assert_eq!(*status.at("/options/sntp"), json!(["2001:db8:0:1::124"]));
    kernel::assert_clean(&lab.world().cpe());
    lab.finish(&[&server]);
}
