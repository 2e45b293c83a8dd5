//! Kea: the life of a lease: renewed, rebound, taken over by another server, expired.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::client::Client;
use crate::helper;
use crate::kernel;
use crate::lab::Lab;
use crate::pcap::{ELAPSED_TIME, Message, REBIND, RENEW, REPLY, SERVER_ID, SOLICIT, hex};
use crate::poll;
use crate::process::{Process, run};
use crate::servers::Kea;
use crate::world::{Space, WAN_LINK_LOCAL};

pub(crate) const TESTS: &[(&str, fn())] = tests![
    ren_01_rep_02_renewed_at_t1,
    ren_04_reb_01_reb_02_rebinds_then_expires_then_solicits,
    reb_01_another_server_takes_over,
    rx_10_a_flood_of_rubbish_neither_fills_the_log_nor_stops_a_renewal,
];

/// The short lease of these tests.
const T1: f64 = 10.0;
const T2: f64 = 16.0;
const VALID: f64 = 30.0;

/// How far from its instant an event may be seen: a loaded machine, whole-second rounding.
const SLACK: f64 = 1.0;

/// Longer than anything here takes after the lease was obtained.
const LIFE: Duration = Duration::from_secs(60);

/// Input: T1 10, and the server answers.
/// Expected: at T1 a Renew with this server's id, elapsed time 0, and both leases with zero
/// lifetimes; after its Reply the kernel's lifetimes start again.
fn ren_01_rep_02_renewed_at_t1() {
    let lab = Lab::new();
    let kea = Kea::new().short().start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    let reply = lab.capture().first_of(REPLY, poll::SOON);
    let renew = lab.capture().first_of(RENEW, LIFE);

    assert_at("Renew", renew.at, &reply, T1);
    assert_eq!(server_id(&renew), Some(kea.duid().to_owned()));
    assert_eq!(renew.option(ELAPSED_TIME), Some([0, 0].as_slice()));
    assert_eq!(renew.addresses(), reply.addresses());
    assert_eq!(prefixes(&renew), prefixes(&reply));
    assert!(renew.prefixes().iter().all(|prefix| (prefix.preferred, prefix.valid) == (0, 0)));

    lab.capture().first("the Renew's Reply", poll::SOON, |message| {
        message.kind == REPLY && message.xid == renew.xid
    });
    // Without the refresh no more than VALID - T1 = 20 s would be left by now.
    poll::wait_for("the kernel's lifetimes start again", poll::SOON, || {
        let addresses = kernel::addresses(&lab.world().cpe());
        addresses.iter().any(|address| address.valid > 25 && address.preferred > 15)
    });
    let status =
        client.wait_status("state bound", poll::SOON, |status| status.0["state"] == "bound");
    assert!(status.at("/counters/sent/renew").as_u64() >= Some(1), "{status:?}");
    lab.finish(&[&kea]);
}

/// Input: T1 10 s; ten thousand datagrams a second that mean nothing, from before the Renew is
/// due until it has left.
/// Expected: it leaves in its window and is answered; each reason is counted, and has one line in
/// the log a minute, ten lines in all at most; the process holds no more than before.
fn rx_10_a_flood_of_rubbish_neither_fills_the_log_nor_stops_a_renewal() {
    let lab = Lab::new();
    let kea = Kea::new().short().start(lab.world());
    let client = Client::start(lab.world(), &["-v"]);
    client.wait_ready();
    let reply = lab.capture().first_of(REPLY, poll::SOON);
    let us = WAN_LINK_LOCAL.parse().expect("the address of wan0");
    let isp = lab.world().isp();
    // The first thousand warm up what is used once.
    run(&mut helper::flood(&isp, us, 1000));
    let (before, lines) = (client.resources(), client.stderr().lines().count());
    let (begun, came) = (Instant::now(), datagrams(&lab.world().cpe()));
    let flood = Process::spawn("the flood", &mut helper::flood(&isp, us, u32::MAX));
    let renew = lab.capture().first_of(RENEW, LIFE);
    assert_at("Renew", renew.at, &reply, T1);
    println!("the Renew leaves {:+.3} s from T1", renew.at - reply.at - T1);
    lab.capture().first("the Renew's Reply", poll::SOON, |message| {
        message.kind == REPLY && message.xid == renew.xid
    });
    flood.assert_alive();
    let came = datagrams(&lab.world().cpe()) - came;
    let (lasted, came) = (begun.elapsed().as_secs_f64(), f64::from(u32::try_from(came).unwrap()));
    println!("flood: {came} datagrams in {lasted:.1} s");
    // Ten thousand a second are sent; it takes a moment until the first one is.
    assert!(came > 8_000.0 * lasted, "no flood: {came} datagrams in {lasted:.1} s");
    drop(flood);
    let status = client.wait_status("bound", poll::SOON, |status| status.0["state"] == "bound");
    let dropped = status.at("/counters/dropped");
    for reason in ["too-short", "message-type"] {
        assert!(dropped[reason].as_u64() > Some(1000), "{dropped}");
    }
    assert!(dropped["client-id"].as_u64() > Some(0), "{dropped}");
    let told = client.stderr();
    let of_one = told.lines().filter(|line| line.contains("dropped a datagram: too-short"));
    assert!((1..=2).contains(&of_one.count()), "{told}");
    assert!(told.lines().count() - lines <= 10, "{told}");
    before.assert_kept(&client);
    lab.finish(&[&kea]);
}

/// How many datagrams have come for the sockets of a namespace, those included that found a
/// full queue.
fn datagrams(space: &Space) -> u64 {
    let counts = space.proc("net/snmp6");
    let count = |name: &str| {
        let line = counts.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0)
    };
    count("Udp6InDatagrams") + count("Udp6RcvbufErrors")
}

/// Input: the server is killed once the client is bound, and starts again after the expiry.
/// Expected: Renew at T1 and no later than T2, Rebind without a server id at T2, address and
/// route until the end of their valid lifetime and no longer (±1 s), a Solicit, and bound
/// again when the server is back.
fn ren_04_reb_01_reb_02_rebinds_then_expires_then_solicits() {
    let lab = Lab::new();
    let server = Kea::new().short();
    let kea = server.start(lab.world());
    let client = Client::start(lab.world(), &["--pd"]);
    client.wait_ready();
    kea.kill();
    let reply = lab.capture().first_of(REPLY, poll::SOON);

    assert_at("the first Renew", lab.capture().first_of(RENEW, LIFE).at, &reply, T1);
    assert_rebinds_at_t2(&lab, &reply);
    let (held, gone) = watch_expiry(&lab, &client);
    assert!(
        held >= VALID + reply.at - SLACK && gone <= VALID + reply.at + SLACK,
        "{}",
        gone - reply.at
    );

    let solicit = lab.capture().first("a Solicit after the expiry", LIFE, |message| {
        message.kind == SOLICIT && message.at > reply.at
    });
    assert!(solicit.at >= reply.at + VALID - SLACK, "a Solicit while the lease was valid");
    let renews = lab.capture().messages().into_iter().filter(|message| message.kind == RENEW);
    assert!(renews.clone().all(|renew| renew.at <= reply.at + T2 + SLACK), "a Renew after T2");

    let again = server.start(lab.world());
    client.wait_ready();
    assert_eq!(kernel::addresses(&lab.world().cpe()).len(), 1);
    assert_eq!(kernel::unreachable(&lab.world().cpe()).len(), 1);
    lab.finish(&[&again]);
}

/// Input: the server is killed once the client is bound; another one with another DUID and
/// the same pools takes its place at once.
/// Expected: it stays silent to the Renew, which is not for it, and answers the Rebind; the
/// client takes it for its server and keeps an address all the time.
fn reb_01_another_server_takes_over() {
    let lab = Lab::new();
    let first = Kea::new().short().start(lab.world());
    let client = Client::start(lab.world(), &[]);
    client.wait_ready();
    first.kill();
    let second = Kea::new().short().second().start(lab.world());
    let reply = lab.capture().first_of(REPLY, poll::SOON);

    let rebind = assert_rebinds_at_t2(&lab, &reply);
    let answer = lab.capture().first("the Rebind's Reply", LIFE, |message| {
        message.kind == REPLY && message.xid == rebind.xid
    });
    assert_eq!(server_id(&answer), Some(second.duid().to_owned()));
    let status = client.wait_status("the second server", poll::SOON, |status| {
        status.0["state"] == "bound" && status.0["server"]["duid"] == second.duid()
    });
    assert_eq!(*status.at("/ready"), true);
    let held: Vec<_> =
        kernel::addresses(&lab.world().cpe()).iter().map(|held| held.address).collect();
    assert_eq!(held, answer.addresses());
    lab.finish(&[&first, &second]);
}

/// Waits for the first Rebind, which has no server id and comes at T2, and returns it.
fn assert_rebinds_at_t2(lab: &Lab, reply: &Message) -> Message {
    let rebind = lab.capture().first_of(REBIND, LIFE);
    assert_at("the first Rebind", rebind.at, reply, T2);
    assert_eq!(server_id(&rebind), None);
    assert_eq!(rebind.option(ELAPSED_TIME), Some([0, 0].as_slice()));
    assert_eq!(rebind.addresses(), reply.addresses());
    assert_eq!(prefixes(&rebind), prefixes(reply));
    rebind
}

/// Watches address and route until both are gone: when both were last seen, and when both
/// were first missed.
fn watch_expiry(lab: &Lab, client: &Client) -> (f64, f64) {
    let cpe = lab.world().cpe();
    let mut held = 0.0;
    poll::until("address and route are gone", LIFE, || {
        client.assert_alive();
        let before = now();
        let address = !kernel::addresses(&cpe).is_empty();
        let route = !kernel::unreachable(&cpe).is_empty();
        if address && route {
            held = before;
        }
        (!address && !route).then(|| (held, now()))
    })
}

fn assert_at(what: &str, at: f64, reply: &Message, after: f64) {
    let elapsed = at - reply.at;
    assert!(
        (elapsed - after).abs() <= SLACK,
        "{what} {elapsed:.2} s after the Reply, not {after} s"
    );
}

fn server_id(message: &Message) -> Option<String> {
    message.option(SERVER_ID).map(hex)
}

fn prefixes(message: &Message) -> Vec<String> {
    message.prefixes().into_iter().map(|prefix| prefix.prefix).collect()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}
