//! Kea's pair for DHCPv4 over DHCPv6: kea-dhcp6 takes the queries and hands them to kea-dhcp4,
//! over ports 6767 and 6768 of ::1.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::poll;
use crate::process::Process;
use crate::servers::{Kea, Server};
use crate::world::{Space, World};

/// A configuration of kea-dhcp4: 192.0.2.100-199, for an hour and more, with a router.
pub(crate) struct Kea4 {
    number: u8,
    config: Value,
}

/// A running kea-dhcp4.
pub(crate) struct Server4 {
    process: Process,
    log: std::path::PathBuf,
    leases: std::path::PathBuf,
}

impl Kea4 {
    /// T1 1000, T2 1600, 4000 s.
    pub(crate) fn new() -> Self {
        let config =
            serde_json::from_str(include_str!("servers/kea4.json")).expect("the template is JSON");
        Self { number: 1, config }
    }

    /// T1, T2 and lifetime in seconds.
    pub(crate) fn times(mut self, seconds: [u32; 3]) -> Self {
        for (name, seconds) in ["renew-timer", "rebind-timer", "valid-lifetime"].iter().zip(seconds)
        {
            self.config["Dhcp4"][name] = json!(seconds);
        }
        self
    }

    /// Gives wan0 an address with PSID 52 of 8 bits behind 6: RFC 7618's option 159.
    pub(crate) fn shared(mut self) -> Self {
        self.subnet()["reservations"] = json!([{
            "hw-address": crate::world::WAN_MAC, "ip-address": "192.0.2.18",
            "option-data": [{ "name": "v4-portparams", "data": "6, 52/8", "always-send": true }],
        }]);
        self
    }

    /// Gives other addresses than before, and denies those of before.
    pub(crate) fn renumbered(mut self) -> Self {
        self.config["Dhcp4"]["authoritative"] = json!(true);
        self.subnet()["subnet"] = json!("198.51.100.0/24");
        self.subnet()["pools"] = json!([{ "pool": "198.51.100.100 - 198.51.100.199" }]);
        self
    }

    /// A second server, in the place of the second one.
    pub(crate) fn second(mut self) -> Self {
        self.number = 2;
        self
    }

    /// Starts it beside its kea-dhcp6.
    pub(crate) fn start(&self, world: &World) -> Server4 {
        let space = if self.number == 1 { world.isp() } else { world.isp2() };
        // It gives nothing over IPv6 without a socket for IPv4.
        space.shell(&format!(
            "ip addr show dev isp0 | grep -q 192.0.2.{0}/ || ip addr add 192.0.2.{0}/24 dev isp0",
            self.number
        ));
        let dir = world.dir().join(format!("kea4-{}", self.number));
        fs::create_dir_all(&dir).expect("the server's directory");
        let file = dir.join("kea4.json");
        let text = self.config.to_string().replace("@DIR@", &dir.display().to_string());
        fs::write(&file, text).expect("the server's configuration");
        let process = Process::spawn(
            "kea-dhcp4",
            space
                .command("kea-dhcp4")
                .arg("-c")
                .arg(file)
                .env("KEA_PIDFILE_DIR", &dir)
                .env("KEA_LOCKFILE_DIR", &dir),
        );
        let server =
            Server4 { process, log: dir.join("server4.log"), leases: dir.join("leases4.csv") };
        poll::wait_for("kea-dhcp4 listens to kea-dhcp6", poll::SOON, || {
            server.process.assert_alive();
            is_open(&space, 6768)
        });
        server
    }

    fn subnet(&mut self) -> &mut Value {
        &mut self.config["Dhcp4"]["subnet4"][0]
    }
}

impl Server4 {
    /// Ends it as a crash would, and its leases with it.
    pub(crate) fn kill_and_forget(self) {
        self.process.signal(Signal::SIGKILL);
        self.process.wait_exit(poll::SOON);
        fs::remove_file(&self.leases).expect("the leases");
    }
}

impl Drop for Server4 {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(60).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            eprintln!("--- kea-dhcp4, the end of its log:\n{}", last.join("\n"));
        }
    }
}

/// Starts both, kea-dhcp6 with this list of servers for option 88.
pub(crate) fn start_pair(world: &World, kea: Kea, kea4: &Kea4, servers: &str) -> (Server, Server4) {
    let server = kea.carrying(servers).start_in(world, &world.isp());
    (server, kea4.start(world))
}

/// Whether a UDP socket has this port, in hexadecimal after the local address.
pub(crate) fn is_open(space: &Space, port: u16) -> bool {
    let end = format!(":{port:04X}");
    let table = space.proc("net/udp6");
    table.lines().filter_map(|line| line.split_whitespace().nth(1)).any(|it| it.ends_with(&end))
}
