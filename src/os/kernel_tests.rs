//! The adapters against a real kernel, each test in a network namespace of
//! its own with a veth pair `u0` (ours) and `p0` (the peer).
//!
//! They need root and iproute2, and fail with a sentence that says so without
//! them. `cargo test --bin dhc6c -- --ignored kernel_tests` runs them.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};

use dhc6c_core::desired::{Desired, Ipv4, Lifetimes, Resolver as Told};
use dhc6c_core::link::Link;
use dhc6c_core::time::{Duration, Instant, Lifetime};
use dhc6c_core::wire::v4::Route;
use nix::sched::{CloneFlags, unshare};

use super::apply::{Kernel, RoutePlace};
use super::clock::{self, Timer};
use super::error::Kind;
use super::file::TestDirectory;
use super::journal::Journal;
use super::link::{AddressState, Change, Links, ipv6_enabled};
use super::resolver::{Choice, Resolver};
use super::socket::Marks;
use super::udp::Socket;

const ADDRESS: &str = "2001:db8:1::1000";
const PREFIX: &str = "2001:db8:8000::/56";
/// Longer than duplicate address detection on a slow machine.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs a test on a thread of its own: namespaces belong to threads.
fn in_namespace(test: impl AsyncFnOnce(World) + Send + 'static) {
    let body = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("this test needs root, to make a namespace");
        ip("link set lo up");
        ip("link add u0 type veth peer name p0");
        ip("link set u0 up");
        ip("link set p0 up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { test(World::new().await).await });
    };
    if let Err(panic) = std::thread::spawn(body).join() {
        std::panic::resume_unwind(panic);
    }
}

/// A namespace in which both ends are up and have their link-local addresses.
struct World {
    links: Links,
    directory: TestDirectory,
    index: u32,
    link_local: Ipv6Addr,
}

impl World {
    async fn new() -> Self {
        let mut links = Links::open().unwrap();
        loop {
            let ready = |name| links.find(name).filter(|link| link.up && link.link_local.is_some());
            if let (Some(ours), Some(_)) = (ready("u0"), ready("p0")) {
                let link_local = ours.link_local.unwrap();
                let directory = TestDirectory::new();
                return Self { links, directory, index: ours.index, link_local };
            }
            next(&mut links).await;
        }
    }

    /// A kernel adapter as a process has it that starts now.
    fn kernel(&self) -> Kernel {
        let (journal, warning) = Journal::open(&self.directory.path().join("u0.journal"));
        assert_eq!(warning, None);
        let resolver = Resolver::new(self.directory.path(), "u0", Choice::None);
        Kernel::open("u0", self.index, RoutePlace::default(), journal, resolver, clock::now())
            .unwrap()
    }

    async fn until(&mut self, wanted: &Change) {
        while next(&mut self.links).await != *wanted {}
    }

    fn usable(&self, address: &str) -> Change {
        Change::AddressUsable { index: self.index, address: address.parse().unwrap() }
    }

    fn duplicate(&self, address: &str) -> Change {
        Change::AddressDuplicate { index: self.index, address: address.parse().unwrap() }
    }

    fn removed(&self, address: &str) -> Change {
        Change::AddressRemoved { index: self.index, address: address.parse().unwrap() }
    }

    fn files(&self) -> usize {
        fs::read_dir(self.directory.path()).unwrap().count()
    }
}

/// The next change, or a failure when none comes.
async fn next(links: &mut Links) -> Change {
    let mut timer = Timer::new().unwrap();
    timer.set(Some(clock::now() + PATIENCE));
    tokio::select! {
        change = links.next() => change.unwrap(),
        () = timer.expired() => panic!("no news from the kernel"),
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.expect("this test needs iproute2").success(), "ip {arguments}");
}

fn ip_says(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What `ip` says of one address, on one line; empty without it.
fn address_line(address: &str) -> String {
    let text = ip_says("-6 -o address show dev u0");
    text.lines().find(|line| line.contains(&format!(" {address}/"))).unwrap_or_default().to_owned()
}

fn lifetimes(now: Instant, preferred: u32, valid: u32) -> Lifetimes {
    let end = |seconds| Lifetime(seconds).from_start(now);
    Lifetimes { preferred: end(preferred), valid: end(valid) }
}

fn with_address(address: &str, preferred: u32, valid: u32) -> Desired {
    let lifetimes = lifetimes(clock::now(), preferred, valid);
    Desired { addresses: [(address.parse().unwrap(), lifetimes)].into(), ..Desired::default() }
}

fn with_prefix(prefix: &str) -> Desired {
    let lifetimes = lifetimes(clock::now(), 200, 300);
    Desired { unreachable: [(prefix.parse().unwrap(), lifetimes)].into(), ..Desired::default() }
}

#[test]
#[ignore = "needs root"]
fn an_address_is_added_changed_and_removed() {
    in_namespace(async |mut world| {
        let mut kernel = world.kernel();
        let wanted = with_address(ADDRESS, 20, 30);
        assert_eq!(kernel.apply(&wanted, clock::now()), []);
        assert!(address_line(ADDRESS).contains("tentative"), "{}", address_line(ADDRESS));
        world.until(&world.usable(ADDRESS)).await;
        let line = address_line(ADDRESS);
        assert!(line.contains("/128 ") && line.contains("noprefixroute"), "{line}");
        assert!(line.contains("valid_lft 2") || line.contains("valid_lft 30sec"), "{line}");
        assert_eq!(ip_says("-6 route show dev u0 2001:db8:1::/48"), "");

        let wanted = with_address(ADDRESS, 200, 300);
        assert_eq!(kernel.apply(&wanted, clock::now()), []);
        let line = address_line(ADDRESS);
        assert!(line.contains("valid_lft 300sec preferred_lft 200sec"), "{line}");
        assert!(!line.contains("tentative"), "a new lifetime is no new address: {line}");
        let wanted = with_address(ADDRESS, u32::MAX, u32::MAX);
        assert_eq!(kernel.apply(&wanted, clock::now()), []);
        assert!(address_line(ADDRESS).contains("valid_lft forever"), "{}", address_line(ADDRESS));

        assert_eq!(kernel.withdraw(clock::now()), []);
        world.until(&world.removed(ADDRESS)).await;
        assert_eq!(address_line(ADDRESS), "");
        assert_eq!(world.files(), 0, "an orderly stop leaves no journal");
    });
}

#[test]
#[ignore = "needs root"]
fn a_second_apply_and_a_resync_change_nothing() {
    in_namespace(async |mut world| {
        let mut kernel = world.kernel();
        let mut wanted = with_address(ADDRESS, 200, 300);
        wanted.unreachable = with_prefix(PREFIX).unreachable;
        kernel.apply(&wanted, clock::now());
        world.until(&world.usable(ADDRESS)).await;
        let before = fs::metadata(world.directory.path().join("u0.journal")).unwrap();
        assert_eq!(kernel.resync(clock::now()), Ok(false));
        assert_eq!(dhc6c_core::desired::diff(&wanted, kernel.actual()), []);
        assert_eq!(kernel.apply(&wanted, clock::now()), []);
        let after = fs::metadata(world.directory.path().join("u0.journal")).unwrap();
        assert_eq!(before.modified().unwrap(), after.modified().unwrap());
        assert_eq!(
            world.links.address(world.index, ADDRESS.parse().unwrap()),
            Some(AddressState::Usable)
        );
    });
}

#[test]
#[ignore = "needs root"]
fn a_duplicate_address_is_reported_whether_the_kernel_deletes_it_or_not() {
    in_namespace(async |mut world| {
        for (address, seconds) in [("2001:db8:1::1", 300), ("2001:db8:1::2", u32::MAX)] {
            ip(&format!("address add {address}/128 dev p0 nodad"));
            let mut kernel = world.kernel();
            kernel.apply(&with_address(address, seconds, seconds), clock::now());
            world.until(&world.duplicate(address)).await;
            println!("DAD failed, lifetime {seconds}: then there is {:?}", address_line(address));
            assert_eq!(kernel.withdraw(clock::now()), []);
            assert_eq!(address_line(address), "");
        }
        assert_eq!(world.files(), 0);
    });
}

#[test]
#[ignore = "needs root"]
fn unreachable_routes_come_and_go_and_others_stay() {
    in_namespace(async |world| {
        ip("-6 route add unreachable 2001:db8:9000::/56 metric 1024 proto static");
        let mut kernel = world.kernel();
        let mut wanted = with_prefix(PREFIX);
        wanted.unreachable.extend(with_prefix("2001:db8:9000::/56").unreachable);
        let errors = kernel.apply(&wanted, clock::now());
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(kernel.apply(&wanted, clock::now()), [], "it is said once");
        let routes = ip_says("-6 route show type unreachable");
        assert!(
            routes.contains("unreachable 2001:db8:8000::/56 dev lo proto dhcp metric 1024"),
            "{routes}"
        );
        assert_eq!(kernel.resync(clock::now()), Ok(false));
        assert_eq!(kernel.withdraw(clock::now()), []);
        let routes = ip_says("-6 route show type unreachable");
        assert!(!routes.contains("8000") && routes.contains("9000"), "{routes}");
        assert_eq!(world.files(), 0);
    });
}

#[test]
#[ignore = "needs root"]
fn what_a_killed_process_left_behind_is_taken_over_or_removed() {
    in_namespace(async |mut world| {
        let kept = "2001:db8:1::aaaa";
        let mut wanted = with_address(ADDRESS, 200, 300);
        wanted.addresses.extend(with_address(kept, 200, 300).addresses);
        wanted.unreachable = with_prefix(PREFIX).unreachable;
        wanted.resolver =
            Some(Told { servers: vec!["2001:db8::53".parse().unwrap()], domains: vec![] });
        let mut killed = world.kernel();
        assert_eq!(killed.apply(&wanted, clock::now()), []);
        world.until(&world.usable(kept)).await;
        drop(killed);
        ip("address add 2001:db8:1::5/128 dev u0 nodad");
        assert_eq!(world.files(), 2);

        let mut kernel = world.kernel();
        assert_eq!(kernel.actual().addresses.len(), 2);
        let wanted = with_address(kept, 200, 300);
        assert_eq!(kernel.apply(&wanted, clock::now()), []);
        assert_eq!(address_line(ADDRESS), "");
        assert_ne!(address_line(kept), "");
        assert_ne!(address_line("2001:db8:1::5"), "");
        assert_eq!(ip_says("-6 route show type unreachable"), "");
        assert_eq!(world.files(), 1, "the resolver's file is gone");
    });
}

#[test]
#[ignore = "needs root"]
fn what_was_left_on_another_interface_is_removed_from_there() {
    in_namespace(async |mut world| {
        let mut killed = world.kernel();
        assert_eq!(killed.apply(&with_address(ADDRESS, 200, 300), clock::now()), []);
        world.until(&world.usable(ADDRESS)).await;
        drop(killed);
        world.index = world.links.find("p0").unwrap().index;
        let kernel = world.kernel();
        assert_eq!(kernel.actual().addresses.len(), 0);
        assert_eq!(address_line(ADDRESS), "");
    });
}

#[test]
#[ignore = "needs root"]
fn an_address_of_somebody_else_is_never_changed_nor_removed() {
    in_namespace(async |world| {
        ip(&format!("address add {ADDRESS}/64 dev u0 nodad"));
        let before = address_line(ADDRESS);
        let mut kernel = world.kernel();
        let errors = kernel.apply(&with_address(ADDRESS, 20, 30), clock::now());
        assert_eq!(errors.len(), 1, "{errors:?}");
        println!("{}", errors[0]);
        assert_eq!(kernel.apply(&with_address(ADDRESS, 200, 300), clock::now()), []);
        assert_eq!(kernel.withdraw(clock::now()), []);
        assert_eq!(address_line(ADDRESS), before);
        assert_eq!(world.files(), 0);
    });
}

#[test]
#[ignore = "needs root"]
fn what_others_remove_is_put_back_three_times_and_again_with_the_next_lease() {
    in_namespace(async |mut world| {
        let mut kernel = world.kernel();
        let wanted = with_address(ADDRESS, 200, 300);
        assert_eq!(kernel.apply(&wanted, clock::now()), []);
        for round in 1..=4 {
            world.until(&world.usable(ADDRESS)).await;
            ip(&format!("address del {ADDRESS}/128 dev u0"));
            world.until(&world.removed(ADDRESS)).await;
            assert_eq!(kernel.resync(clock::now()), Ok(true));
            let errors = kernel.apply(&wanted, clock::now());
            assert_eq!(errors.len(), usize::from(round == 4), "round {round}: {errors:?}");
            assert_eq!(address_line(ADDRESS).is_empty(), round == 4, "round {round}");
        }
        assert_eq!(kernel.apply(&wanted, clock::now()), []);
        assert_eq!(address_line(ADDRESS), "");
        assert_eq!(kernel.apply(&with_address(ADDRESS, 400, 600), clock::now()), []);
        assert_ne!(address_line(ADDRESS), "");
    });
}

#[test]
#[ignore = "needs root"]
fn ipv6_switched_off_is_named_as_such() {
    in_namespace(async |world| {
        assert!(ipv6_enabled("u0"));
        fs::write("/proc/sys/net/ipv6/conf/u0/disable_ipv6", "1").unwrap();
        assert!(!ipv6_enabled("u0"));
        let mut kernel = world.kernel();
        let errors = kernel.apply(&with_address(ADDRESS, 200, 300), clock::now());
        assert_eq!(errors.len(), 1);
        println!("{} ({:?})", errors[0], errors[0].hint);
        assert!(errors[0].why.contains("IPv6 is disabled"), "{}", errors[0]);
    });
}

#[test]
#[ignore = "needs root"]
fn carrier_rename_and_replacement_of_the_interface_are_seen() {
    in_namespace(async |mut world| {
        let index = world.index;
        let link = |name: &str, link| Change::Link { index, name: name.to_owned(), link };
        let link_local = Some(world.link_local);
        ip("link set p0 down");
        world.until(&link("u0", Some(Link { index, up: false, link_local }))).await;
        ip("link set p0 up");
        world.until(&link("u0", Some(Link { index, up: true, link_local }))).await;
        let there = Some(Link { index, up: true, link_local });
        ip("link set u0 name w0");
        world.until(&link("w0", there)).await;
        assert_eq!((world.links.find("u0"), world.links.find("w0")), (None, there));
        ip("link set w0 name u0");
        world.until(&link("u0", there)).await;

        let mut kernel = world.kernel();
        let wanted = with_address(ADDRESS, 200, 300);
        kernel.apply(&wanted, clock::now());
        ip("link del u0");
        world.until(&link("u0", None)).await;
        assert_eq!(kernel.resync(clock::now()), Ok(true));
        ip("link add u0 type veth peer name p0");
        while world.links.find("u0").is_none() {
            next(&mut world.links).await;
        }
        let new = world.links.find("u0").unwrap().index;
        assert_ne!(new, index);
        assert_eq!(kernel.set_index(new, clock::now()), Ok(()));
        assert_eq!(kernel.apply(&wanted, clock::now()), []);
        assert_ne!(address_line(ADDRESS), "");
        assert!(world.links.link_address("u0").is_some());
        assert_eq!(world.links.link_address("nosuchlink0"), None);
        assert_eq!(world.links.address_for_duid("nosuchlink0").map(|a| a.hardware_type), Some(1));
    });
}

/// An IPv4 lease for the device `sw0`, with a route to everywhere.
fn with_ipv4(address: &str, valid: u32) -> Desired {
    let ipv4 = Ipv4 {
        device: "sw0".to_owned(),
        address: address.parse().unwrap(),
        length: 32,
        valid: Lifetime(valid).from_start(clock::now()),
        routes: vec![Route::default_by(Ipv4Addr::new(192, 0, 2, 1))],
    };
    Desired { ipv4: Some(Box::new(ipv4)), ..Desired::default() }
}

/// The IPv4 addresses of `sw0` and the IPv4 default routes, as `ip` shows them.
fn ipv4_of_device() -> (String, String) {
    let addresses = ip_says("-4 -o address show dev sw0");
    (addresses, ip_says("-4 route show default"))
}

#[test]
#[ignore = "needs root"]
fn an_ipv4_lease_is_an_address_and_a_route_on_its_device() {
    in_namespace(async |mut world| {
        let mut kernel = world.kernel();
        let wanted = with_ipv4("192.0.2.18", 300);
        let errors = kernel.apply(&wanted, clock::now());
        assert!(errors[0].why.contains("no device sw0"), "{errors:?}");
        ip("link add sw0 type veth peer name b0");
        ip("link set b0 up");
        ip("link set sw0 up");
        assert_eq!(kernel.apply(&wanted, clock::now()), []);
        let (addresses, routes) = ipv4_of_device();
        assert!(addresses.contains("192.0.2.18/32"), "{addresses}");
        assert!(addresses.contains("noprefixroute"), "{addresses}");
        assert!(["valid_lft 300sec", "valid_lft 299sec"].iter().any(|t| addresses.contains(t)));
        let expected = "default via 192.0.2.1 dev sw0 proto dhcp src 192.0.2.18 metric 1024 onlink";
        assert_eq!(routes.trim(), expected);

        // A longer lease changes the address; another address takes its place.
        assert_eq!(kernel.apply(&with_ipv4("192.0.2.18", 900), clock::now()), []);
        assert!(ipv4_of_device().0.contains("valid_lft 900sec"));
        assert_eq!(kernel.apply(&with_ipv4("192.0.2.19", 900), clock::now()), []);
        let (addresses, routes) = ipv4_of_device();
        assert!(addresses.contains("192.0.2.19/32") && !addresses.contains("192.0.2.18"));
        assert!(routes.contains("src 192.0.2.19") && routes.lines().count() == 1, "{routes}");

        // What others remove is seen and put back.
        ip("address del 192.0.2.19/32 dev sw0");
        let index = loop {
            if let Change::Ipv4Removed { index } = next(&mut world.links).await {
                break index;
            }
        };
        assert!(kernel.has_ipv4_on(index));
        assert_eq!(kernel.resync(clock::now()), Ok(true));
        assert_eq!(kernel.apply(&with_ipv4("192.0.2.19", 900), clock::now()), []);
        assert!(ipv4_of_device().1.contains("src 192.0.2.19"));
        // A device that goes down loses its routes without a word.
        ip("link set sw0 down");
        ip("link set sw0 up");
        assert_eq!(ipv4_of_device().1, "");
        kernel.look_again(clock::now()).unwrap();
        assert_eq!(kernel.apply(&with_ipv4("192.0.2.19", 900), clock::now()), []);
        assert!(ipv4_of_device().1.contains("src 192.0.2.19"));

        assert_eq!(kernel.withdraw(clock::now()), []);
        assert_eq!(ipv4_of_device(), Default::default());
        assert_eq!(world.files(), 0);
    });
}

#[test]
#[ignore = "needs root"]
fn an_ipv4_lease_of_a_killed_process_is_taken_over_and_others_are_left_alone() {
    in_namespace(async |world| {
        ip("link add sw0 type veth peer name b0");
        ip("link set b0 up");
        ip("link set sw0 up");
        ip("address add 198.51.100.1/24 dev sw0");
        ip("-4 route add 203.0.113.0/24 dev sw0 proto dhcp");
        let others = ipv4_of_device();
        let mut killed = world.kernel();
        assert_eq!(killed.apply(&with_ipv4("192.0.2.18", 300), clock::now()), []);
        drop(killed);
        // One that goes on with the lease changes nothing but its lifetime.
        let mut next = world.kernel();
        assert_eq!(next.apply(&with_ipv4("192.0.2.18", 900), clock::now()), []);
        let (addresses, routes) = ipv4_of_device();
        assert!(addresses.contains("valid_lft 900sec"), "{addresses}");
        assert_eq!(routes.lines().count(), 1, "{routes}");
        drop(next);
        // One that has no lease clears up.
        let mut last = world.kernel();
        assert_eq!(last.apply(&Desired::default(), clock::now()), []);
        assert_eq!(ipv4_of_device(), others);
        assert!(ip_says("-4 route show 203.0.113.0/24").contains("sw0"));
        assert_eq!(last.withdraw(clock::now()), []);
        assert_eq!(world.files(), 0);
        // What is there already is used, and left there.
        ip("address add 192.0.2.18/32 dev sw0");
        ip("-4 route add default dev sw0 metric 1024");
        let others = ipv4_of_device();
        let mut guest = world.kernel();
        let errors = guest.apply(&with_ipv4("192.0.2.18", 300), clock::now());
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert_eq!(guest.withdraw(clock::now()), []);
        assert_eq!(ipv4_of_device(), others);
    });
}

#[test]
#[ignore = "needs root"]
fn lost_news_is_made_good() {
    in_namespace(async |mut world| {
        // More than the socket holds, while nobody reads.
        let mut batch = String::new();
        for number in 1..=4000 {
            batch += &format!("address add 2001:db8:2::{number:x}/128 dev p0 nodad\n");
        }
        batch += &format!("address add {ADDRESS}/128 dev u0 nodad\n");
        let mut child =
            Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(batch.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        world.until(&Change::Resync).await;
        world.until(&world.usable(ADDRESS)).await;
        let last = "2001:db8:2::fa0".parse().unwrap();
        let peer = world.links.find("p0").unwrap().index;
        assert_eq!(world.links.address(peer, last), Some(AddressState::Usable));
        // And the watch goes on.
        ip(&format!("address del {ADDRESS}/128 dev u0"));
        world.until(&world.removed(ADDRESS)).await;
    });
}

#[test]
#[ignore = "needs root"]
fn rx_11_datagrams_go_to_the_servers_and_come_by_our_interface_alone() {
    in_namespace(async |mut world| {
        let servers = "ff02::1:2".parse().unwrap();
        let peer = world.links.find("p0").unwrap().index;
        let server = UdpSocket::bind("[::]:547").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        server.join_multicast_v6(&servers, peer).unwrap();
        let mut socket = Socket::open("u0", world.index, Marks::default()).unwrap();
        socket.send(servers, world.link_local, b"solicit").unwrap();
        let mut buffer = [0; 99];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"solicit");
        assert_eq!(from.ip(), world.link_local);
        assert_eq!(from.port(), 546);

        let to = SocketAddrV6::new(world.link_local, 546, 0, peer);
        server.send_to(b"", to).unwrap();
        server.send_to(b"reply", to).unwrap();
        assert!(socket.receive().await.unwrap().octets.is_empty());
        let reply = socket.receive().await.unwrap();
        assert_eq!((reply.octets, reply.destination), (b"reply".to_vec(), world.link_local));

        // What comes by another interface is not ours (RX-11), whatever address
        // it is for: a link-local address may be on both.
        ip("link add u1 type veth peer name p1");
        ip(&format!("address add {}/64 dev u1 nodad", world.link_local));
        ip("link set u1 up");
        ip("link set p1 up");
        while !["u1", "p1"].iter().all(|name| world.links.find(name).is_some_and(|it| it.up)) {
            next(&mut world.links).await;
        }
        let [other, far_end] = ["u1", "p1"].map(|name| world.links.find(name).unwrap().index);
        let mut other = Socket::open("u1", other, Marks::default()).unwrap();
        let astray = SocketAddrV6::new(world.link_local, 546, 0, far_end);
        // Refused for as long as the address of p1 is tentative.
        while server.send_to(b"astray", astray).is_err() {
            next(&mut world.links).await;
        }
        assert_eq!(other.receive().await.unwrap().octets, b"astray");
        server.send_to(b"next", to).unwrap();
        assert_eq!(socket.receive().await.unwrap().octets, b"next");

        let Err(error) = Socket::open("u0", world.index, Marks::default()) else {
            panic!("two at one port")
        };
        println!("{error} ({:?})", error.hint);
        assert_eq!(error.kind, Kind::Runtime);
        assert!(error.why.contains(&format!("(pid {})", std::process::id())), "{error}");
        assert!(
            Socket::open("p0", peer, Marks::default()).is_ok(),
            "another interface has its own port 546"
        );
    });
}

#[test]
#[ignore = "needs root"]
fn of_routes_only_the_removal_of_ours_is_news() {
    in_namespace(async |mut world| {
        ip("-6 route add unreachable 2001:db8:1::/56 metric 1024 proto dhcp");
        ip("-6 route add 2001:db8:2::/56 dev u0");
        ip("-6 route add blackhole 2001:db8:3::/56 proto dhcp");
        ip("-6 route del 2001:db8:2::/56");
        ip("-6 route del blackhole 2001:db8:3::/56");
        ip("-6 route del unreachable 2001:db8:1::/56 metric 1024");
        let change = loop {
            // The links are still settling.
            if let Change::RouteRemoved { destination, .. } = world.links.next().await.unwrap() {
                break destination;
            }
        };
        assert_eq!(change.to_string(), "2001:db8:1::/56", "the first that was told");
    });
}

#[test]
#[ignore = "needs root"]
fn an_idle_process_is_never_woken() {
    // The end of any child that another test has started wakes every runtime
    // of its process, so this one needs a process of its own.
    if std::env::var_os("DHC6C_TEST_ALONE").is_none() {
        let name = "os::kernel_tests::an_idle_process_is_never_woken";
        let alone = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--include-ignored", "--nocapture"])
            .env("DHC6C_TEST_ALONE", "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&alone.stdout);
        let alarm = String::from_utf8_lossy(&alone.stderr);
        assert!(alone.status.success() && told.contains("1 passed"), "{told}{alarm}");
        return;
    }
    in_namespace(async |mut world| {
        let mut socket = Socket::open("u0", world.index, Marks::default()).unwrap();
        let mut kernel = world.kernel();
        kernel.apply(&with_address(ADDRESS, 2000, 3000), clock::now());
        world.until(&world.usable(ADDRESS)).await;
        let mut timer = Timer::new().unwrap();
        timer.set(Some(clock::now() + Duration::from_secs(1000)));
        // Another thread looks at this one, which cannot without waking.
        let task = fs::read_link("/proc/thread-self").unwrap();
        let (done, mut over) = tokio::sync::oneshot::channel();
        let watcher = std::thread::spawn(move || {
            let task = Path::new("/proc").join(task);
            std::thread::sleep(Duration::from_secs(1));
            let before = switches(&task);
            std::thread::sleep(Duration::from_secs(4));
            let after = switches(&task);
            done.send(()).unwrap();
            (before, after)
        });
        loop {
            tokio::select! {
                datagram = socket.receive() => panic!("{datagram:?}"),
                change = world.links.next() => println!("while idle: {change:?}"),
                () = timer.expired() => panic!("the timer fired"),
                _ = &mut over => break,
            }
        }
        let (before, after) = watcher.join().unwrap();
        assert_eq!(before, after, "context switches of the idle thread");
    });
}

/// How often a thread slept, and how often it was interrupted.
fn switches(task: &Path) -> Vec<String> {
    let status = fs::read_to_string(task.join("status")).unwrap();
    status.lines().filter(|line| line.contains("ctxt_switches")).map(str::to_owned).collect()
}
