//! A server on isp0; Kea and dnsmasq in detail. `farm` has the others.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::poll;
use crate::process::{Process, output};
use crate::world::{Space, World};

/// A running server.
pub(crate) struct Server {
    process: Process,
    name: String,
    duid: String,
    log: PathBuf,
}

impl Server {
    /// Program and version, for the report.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its DUID in hexadecimal: the proof that a message is its own.
    pub(crate) fn duid(&self) -> &str {
        &self.duid
    }

    /// All it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Lets it answer nothing until [`Server::resume`]; what arrives meanwhile waits.
    pub(crate) fn pause(&self) {
        self.process.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.process.signal(Signal::SIGCONT);
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&self) {
        self.process.signal(Signal::SIGKILL);
        self.process.wait_exit(poll::SOON);
    }

    /// Ends it as a crash would, and what it remembers of Kea's leases with it.
    pub(crate) fn kill_and_forget(self) {
        self.kill();
        fs::remove_file(self.log.with_file_name("leases.csv")).expect("the leases");
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(
        space: &Space,
        name: String,
        duid: String,
        log: PathBuf,
        command: &mut Command,
    ) -> Self {
        let server = Self { process: Process::spawn(&name, command), name, duid, log };
        poll::wait_for("the server listens on port 547", poll::SOON, || {
            server.process.assert_alive();
            listens(&space.proc("net/udp6"))
        });
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- {}, its log:\n{log}{}", self.name, self.process.stderr());
        }
    }
}

/// Whether a socket is bound to UDP port 547 (the hexadecimal after the local address).
fn listens(udp6: &str) -> bool {
    udp6.lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(1))
        .any(|local| local.ends_with(":0223"))
}

/// A configuration of Kea: addresses 2001:db8:0:1::1000-1fff and /56 prefixes out of
/// 2001:db8:8000::/48, with resolver, time and private options, and long lifetimes.
pub(crate) struct Kea {
    program: &'static str,
    number: u8,
    config: Value,
}

impl Kea {
    /// T1 1000, T2 1600, preferred 3000, valid 4000; no rapid commit.
    pub(crate) fn new() -> Self {
        let config =
            serde_json::from_str(include_str!("servers/kea6.json")).expect("the template is JSON");
        Self { program: "kea-dhcp6", number: 1, config }
    }

    /// Another build of it.
    pub(crate) fn of(mut self, program: &'static str) -> Self {
        self.program = program;
        self
    }

    /// T1 10, T2 16, preferred 20, valid 30: a lease whose whole life a test can watch.
    pub(crate) fn short(self) -> Self {
        self.times([10, 16, 20, 30])
    }

    /// T1, T2, preferred and valid lifetime in seconds.
    pub(crate) fn times(mut self, seconds: [u32; 4]) -> Self {
        let names = ["renew-timer", "rebind-timer", "preferred-lifetime", "valid-lifetime"];
        for (name, seconds) in names.into_iter().zip(seconds) {
            self.config["Dhcp6"][name] = json!(seconds);
        }
        self
    }

    /// Has other addresses and prefixes: 2001:db8:0:5::1000-1fff, and /56 out of
    /// 2001:db8:9000::/48.
    pub(crate) fn renumbered(mut self) -> Self {
        let subnet = self.subnet();
        subnet["subnet"] = json!("2001:db8:0:5::/64");
        subnet["pools"] = json!([{ "pool": "2001:db8:0:5::1000 - 2001:db8:0:5::1fff" }]);
        subnet["pd-pools"][0]["prefix"] = json!("2001:db8:9000::");
        self
    }

    /// Answers an IA_NA with NoAddrsAvail.
    pub(crate) fn without_addresses(mut self) -> Self {
        self.subnet()["pools"] = json!([]);
        self
    }

    /// Answers an IA_PD with NoPrefixAvail.
    pub(crate) fn without_prefixes(mut self) -> Self {
        self.subnet()["pd-pools"] = json!([]);
        self
    }

    /// Answers a Solicit with Rapid Commit by a Reply.
    pub(crate) fn rapid_commit(mut self) -> Self {
        self.subnet()["rapid-commit"] = json!(true);
        self
    }

    /// Listens also where a relay sends to.
    pub(crate) fn relayed(mut self) -> Self {
        self.config["Dhcp6"]["interfaces-config"]["interfaces"] =
            json!(["isp0", "isp0/2001:db8:0:2::1"]);
        self
    }

    /// Carries DHCPv4 to kea-dhcp4, and says with option 88 that it can be asked at `servers`: a
    /// list, or nothing for the group of all servers.
    pub(crate) fn carrying(mut self, servers: &str) -> Self {
        let dhcp6 = &mut self.config["Dhcp6"];
        dhcp6["dhcp4o6-port"] = json!(6767);
        let option = match servers {
            "" => json!({ "name": "dhcp4o6-server-addr", "csv-format": false, "data": "" }),
            list => json!({ "name": "dhcp4o6-server-addr", "data": list }),
        };
        dhcp6["option-data"].as_array_mut().expect("options").push(option);
        let own = format!("isp0/2001:db8:0:1::{}", self.number);
        dhcp6["interfaces-config"]["interfaces"].as_array_mut().expect("a list").push(json!(own));
        self
    }

    /// A server with another DUID and no memory of the first one's leases.
    pub(crate) fn second(mut self) -> Self {
        self.number = 2;
        self
    }

    /// Starts it. Started again in the same world, it finds its leases.
    pub(crate) fn start(&self, world: &World) -> Server {
        self.start_in(world, &world.isp())
    }

    /// One of two servers that know each other's leases; `mode` is `hot-standby` or
    /// `load-balancing`. The first is the primary; it has half of the pools in the second mode.
    pub(crate) fn pair(mode: &str) -> [Self; 2] {
        [1, 2].map(|number| {
            // Two repetitions of a Renew, after 10 and 30 s, fit in before T2.
            let mut kea = Self::new().times([10, 50, 60, 90]);
            kea.number = number;
            kea.join_pair(mode);
            kea
        })
    }

    fn join_pair(&mut self, mode: &str) {
        let second = if mode == "hot-standby" { "standby" } else { "secondary" };
        let peer = |number: u8, role: &str| {
            json!({ "name": format!("server{number}"), "role": role, "auto-failover": true,
                    "url": format!("http://[2001:db8:0:1::{number}]:8001/") })
        };
        let relationship = json!({
            "this-server-name": format!("server{}", self.number), "mode": mode,
            "heartbeat-delay": 1000, "max-response-delay": 4000, "max-ack-delay": 1000,
            "max-unacked-clients": 0,
            "multi-threading": { "enable-multi-threading": true, "http-dedicated-listener": true,
                                 "http-listener-threads": 1, "http-client-threads": 1 },
            "peers": [peer(1, "primary"), peer(2, second)],
        });
        let hooks = "/usr/lib/x86_64-linux-gnu/kea/hooks";
        self.config["Dhcp6"]["hooks-libraries"] = json!([
            { "library": format!("{hooks}/libdhcp_lease_cmds.so"), "parameters": {} },
            { "library": format!("{hooks}/libdhcp_ha.so"),
              "parameters": { "high-availability": [relationship] } },
        ]);
        self.config["Dhcp6"]["multi-threading"] = json!({ "enable-multi-threading": true });
        if mode == "load-balancing" {
            self.subnet()["pools"] = json!([
                { "pool": "2001:db8:0:1::1000 - 2001:db8:0:1::17ff", "client-class": "HA_server1" },
                { "pool": "2001:db8:0:1::1800 - 2001:db8:0:1::1fff", "client-class": "HA_server2" },
            ]);
            self.subnet()["pd-pools"] = json!([
                { "prefix": "2001:db8:8000::", "prefix-len": 49, "delegated-len": 56,
                  "client-class": "HA_server1" },
                { "prefix": "2001:db8:8000:8000::", "prefix-len": 49, "delegated-len": 56,
                  "client-class": "HA_server2" },
            ]);
        }
    }

    /// Starts it in another place than the usual one.
    pub(crate) fn start_in(&self, world: &World, space: &Space) -> Server {
        let mac = format!("02000000a00{}", self.number);
        let dir = world.dir().join(format!("kea{}", self.number));
        fs::create_dir_all(&dir).expect("the server's directory");
        let file = dir.join("kea6.json");
        let text = self
            .config
            .to_string()
            .replace("@DIR@", &dir.display().to_string())
            .replace("@MAC@", &mac);
        fs::write(&file, text).expect("the server's configuration");
        Server::start(
            space,
            format!("Kea {}", version(self.program, "-v")),
            format!("00030001{mac}"),
            dir.join("server.log"),
            space
                .command(self.program)
                .arg("-c")
                .arg(file)
                .env("KEA_PIDFILE_DIR", &dir)
                .env("KEA_LOCKFILE_DIR", &dir)
                // Without these, Kea 3 accepts no file outside of /var.
                .env("KEA_DHCP_DATA_DIR", &dir)
                .env("KEA_LOG_FILE_DIR", &dir),
        )
    }

    fn subnet(&mut self) -> &mut Value {
        &mut self.config["Dhcp6"]["subnet6"][0]
    }
}

/// dnsmasq with addresses 2001:db8:0:1::1000-1fff, leases of 240 s and preference 255.
pub(crate) fn dnsmasq(world: &World) -> Server {
    dnsmasq_of(world, "dnsmasq")
}

/// [`dnsmasq`] from another build.
pub(crate) fn dnsmasq_of(world: &World, program: &str) -> Server {
    start_dnsmasq(world, program, include_str!("servers/dnsmasq.conf"))
}

/// dnsmasq with options alone.
pub(crate) fn dnsmasq_stateless(world: &World) -> Server {
    start_dnsmasq(world, "dnsmasq", include_str!("servers/dnsmasq-stateless.conf"))
}

fn start_dnsmasq(world: &World, program: &str, template: &str) -> Server {
    let dir = world.dir().join("dnsmasq");
    fs::create_dir_all(&dir).expect("the server's directory");
    let file = dir.join("dnsmasq.conf");
    let text =
        template.replace("@DIR@", &dir.display().to_string()).replace("@UID@", "02:00:00:00:a0:03");
    fs::write(&file, text).expect("the server's configuration");
    Server::start(
        &world.isp(),
        format!("dnsmasq {}", version(program, "-v")),
        // DUID-EN: enterprise 32473 (documentation) and the identifier above.
        "000200007ed902000000a003".to_owned(),
        dir.join("server.log"),
        world.isp().command(program).arg("-k").arg("-C").arg(file),
    )
}

/// The first word of a program's version text that starts with a digit.
fn version(program: &str, flag: &str) -> String {
    let printed = output(Command::new(program).arg(flag)).stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let number =
        printed.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    number.unwrap_or("of unknown version").to_owned()
}
