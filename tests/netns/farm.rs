//! The farm: every server the client is tried against, each told to lease addresses
//! 2001:db8:0:1::1000-1fff and /56 prefixes on the same terms.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::process::output;
use crate::servers::{Kea, Server, dnsmasq_of};
use crate::world::{Space, World};

/// Builds from Debian's newest suite, which `make tools` unpacks.
const NEWEST_KEA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/newest/kea-dhcp6");
const NEWEST_DNSMASQ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/newest/dnsmasq");

/// The client's DUID: dhcp6s delegates to a host that it knows by it.
pub(crate) const CLIENT: &str = "0003000102000000c001";

/// On which terms a server leases.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    /// T1 10, T2 16, preferred 20, valid 30 s instead of 1000, 1600, 3000, 4000.
    pub(crate) short: bool,
    /// A Solicit with Rapid Commit is answered by a Reply.
    pub(crate) rapid: bool,
}

/// Lifetimes that outlast any test, and no rapid commit.
pub(crate) const LONG: Terms = Terms { short: false, rapid: false };
/// Lifetimes that a test can watch.
pub(crate) const SHORT: Terms = Terms { short: true, rapid: false };
/// Two messages.
pub(crate) const RAPID: Terms = Terms { short: false, rapid: true };

/// A kind of server.
pub(crate) struct Model {
    /// Its name in the names of tests.
    pub(crate) name: &'static str,
    /// What has to be installed.
    pub(crate) programs: &'static [&'static str],
    /// It has prefixes.
    pub(crate) delegates: bool,
    /// It can be told to lease for seconds; else a command renews in the timer's place.
    pub(crate) leases_for_seconds: bool,
    /// Scenarios that go another way than they should, each with what this server does.
    pub(crate) faults: &'static [(&'static str, &'static str)],
    start: fn(&World, Terms) -> Server,
}

/// What dibbler 1.0.1 says to a Rebind: the client keeps the prefix for as long as it is valid,
/// and the next Renew extends it.
const DIBBLER_REBIND: &str = "answers a Rebind with an IA_PD without the prefix";

/// What dhcpy6d 1.2.3 says to a Rebind: the client asks for the prefix again by a Request.
const DHCPY6D_REBIND: &str = "answers a Rebind without the prefix and with NoBinding";

/// What dhcpy6d 1.2.3 says to a Renew of what it has forgotten: the client drops the address, as
/// it is told, and a Request gets it back within milliseconds.
const DHCPY6D_FORGOTTEN: &str = "answers a Renew of a forgotten address with lifetimes of 0";

impl Model {
    /// What is known to go wrong in this scenario.
    pub(crate) fn fault(&self, scenario: &str) -> Option<&'static str> {
        self.faults.iter().find(|(name, _)| *name == scenario).map(|(_, fault)| *fault)
    }

    /// Starts it. Started again in the same world, it finds its leases.
    pub(crate) fn start(&self, world: &World, terms: Terms) -> Server {
        (self.start)(world, terms)
    }

    /// Removes all a killed server knows of its leases.
    pub(crate) fn forget(&self, world: &World) {
        let dir = world.dir().display().to_string();
        world.isp().shell(&format!(
            "rm -rf {dir}/kea1 {dir}/dnsmasq {dir}/server /var/lib/dibbler/* /var/lib/dhcpv6/*"
        ));
    }
}

/// Every server, the ones of Debian stable first.
pub(crate) const MODELS: [Model; 8] = [
    Model {
        name: "kea_stable",
        programs: &["kea-dhcp6"],
        delegates: true,
        leases_for_seconds: true,
        faults: &[],
        start: |world, terms| kea(terms).start(world),
    },
    Model {
        name: "kea_newest",
        programs: &[NEWEST_KEA],
        delegates: true,
        leases_for_seconds: true,
        faults: &[],
        start: |world, terms| kea(terms).of(NEWEST_KEA).start(world),
    },
    Model {
        name: "dnsmasq_stable",
        programs: &["dnsmasq"],
        delegates: false,
        leases_for_seconds: false,
        faults: &[],
        start: |world, _| dnsmasq_of(world, "dnsmasq"),
    },
    Model {
        name: "dnsmasq_newest",
        programs: &[NEWEST_DNSMASQ],
        delegates: false,
        leases_for_seconds: false,
        faults: &[],
        start: |world, _| dnsmasq_of(world, NEWEST_DNSMASQ),
    },
    Model {
        name: "isc_dhcpd",
        programs: &["dhcpd"],
        delegates: true,
        leases_for_seconds: true,
        faults: &[],
        start: dhcpd,
    },
    Model {
        name: "wide_dhcp6s",
        programs: &["dhcp6s"],
        delegates: true,
        leases_for_seconds: true,
        faults: &[],
        start: dhcp6s,
    },
    Model {
        name: "dibbler",
        programs: &["dibbler-server"],
        delegates: true,
        leases_for_seconds: true,
        faults: &[
            ("rebind", DIBBLER_REBIND),
            ("rebind_after_restart", DIBBLER_REBIND),
            ("killed_client", DIBBLER_REBIND),
        ],
        start: dibbler,
    },
    Model {
        name: "dhcpy6d",
        programs: &["dhcpy6d"],
        delegates: true,
        leases_for_seconds: true,
        faults: &[
            ("renew", "answers a Renew without the prefix and with NoPrefixAvail"),
            ("rebind", DHCPY6D_REBIND),
            ("confirm_after_restart", "answers every Confirm with NotOnLink"),
            ("rebind_after_restart", DHCPY6D_REBIND),
            ("server_without_memory", DHCPY6D_FORGOTTEN),
            ("killed_client", DHCPY6D_REBIND),
        ],
        start: dhcpy6d,
    },
];

fn kea(terms: Terms) -> Kea {
    let kea = if terms.short { Kea::new().short() } else { Kea::new() };
    if terms.rapid { kea.rapid_commit() } else { kea }
}

fn dhcpd(world: &World, terms: Terms) -> Server {
    let template = include_str!("servers/dhcpd6.conf");
    let files = Files::new(world, "dhcpd6.conf", template, terms, "option dhcp6.rapid-commit;");
    let leases = files.empty("leases");
    Server::start(
        &world.isp(),
        packaged("ISC dhcpd", "isc-dhcp-server"),
        "0003000102000000a004".to_owned(),
        files.log(),
        files
            .command(world, "dhcpd", "-6 -f -d -cf $CONFIG -lf $LEASES -pf $DIR/pid isp0")
            .env("LEASES", leases),
    )
}

fn dhcp6s(world: &World, terms: Terms) -> Server {
    let template = include_str!("servers/dhcp6s.conf");
    let files = Files::new(world, "dhcp6s.conf", template, terms, "allow rapid-commit;");
    // The length of the DUID in the host's byte order, and the DUID.
    let octets = [10, 0, 0, 3, 0, 1, 2, 0, 0, 0, 0xa0, 5];
    let duid = files.dir.join("duid");
    fs::write(&duid, octets).expect("the server's DUID");
    world.isp().shell(&format!("cp {} /var/lib/dhcpv6/dhcp6s_duid", duid.display()));
    Server::start(
        &world.isp(),
        packaged("WIDE dhcp6s", "wide-dhcpv6-server"),
        "0003000102000000a005".to_owned(),
        files.log(),
        &mut files.command(world, "dhcp6s", "-f -D -c $CONFIG -P $DIR/pid isp0"),
    )
}

/// Its paths are fixed; /etc, /var/lib and /var/log are the namespace's own.
fn dibbler(world: &World, terms: Terms) -> Server {
    let template = include_str!("servers/dibbler.conf");
    let files = Files::new(world, "server.conf", template, terms, "rapid-commit 1");
    world.isp().shell(&format!(
        "cp {} /etc/dibbler/server.conf; echo 00:03:00:01:02:00:00:00:a0:06 > /var/lib/dibbler/server-duid",
        files.config.display()
    ));
    Server::start(
        &world.isp(),
        packaged("dibbler-server", "dibbler-server"),
        "0003000102000000a006".to_owned(),
        files.log(),
        &mut files.command(world, "dibbler-server", "run"),
    )
}

/// It ends at once without a name server, a log file and a database file.
fn dhcpy6d(world: &World, terms: Terms) -> Server {
    let template = include_str!("servers/dhcpy6d.conf");
    let files = Files::new(world, "dhcpy6d.conf", template, terms, "rapid_commit = yes");
    files.empty("server.log");
    files.empty("leases.sqlite");
    world.isp().shell("echo nameserver ::1 > /etc/resolv.conf");
    Server::start(
        &world.isp(),
        packaged("dhcpy6d", "dhcpy6d"),
        "0003000102000000a007".to_owned(),
        files.log(),
        &mut files.command(
            world,
            "dhcpy6d",
            "--config $CONFIG --user root --group root --really-do-it yes",
        ),
    )
}

/// What a server reads and writes.
pub(crate) struct Files {
    dir: PathBuf,
    config: PathBuf,
}

impl Files {
    /// Fills in a template; `rapid` is the line that allows rapid commit.
    pub(crate) fn new(
        world: &World,
        name: &str,
        template: &str,
        terms: Terms,
        rapid: &str,
    ) -> Self {
        let dir = world.dir().join("server");
        fs::create_dir_all(&dir).expect("the server's directory");
        let [t1, t2, preferred, valid] =
            if terms.short { [10, 16, 20, 30] } else { [1000, 1600, 3000, 4000] };
        let text = template
            .replace("@DIR@", &dir.display().to_string())
            .replace("@T1@", &t1.to_string())
            .replace("@T2@", &t2.to_string())
            .replace("@PREFERRED@", &preferred.to_string())
            .replace("@VALID@", &valid.to_string())
            .replace("@RAPID@", if terms.rapid { rapid } else { "" })
            .replace("@CLIENT@", &pairs(CLIENT));
        let config = dir.join(name);
        fs::write(&config, text).expect("the server's configuration");
        Self { dir, config }
    }

    /// A file that has to exist; what it holds stays.
    pub(crate) fn empty(&self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        fs::OpenOptions::new().create(true).append(true).open(&path).expect("the server's file");
        path
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// A command with these arguments, `$CONFIG` and `$DIR` filled in; what it prints is its log.
    pub(crate) fn command(&self, world: &World, program: &str, arguments: &str) -> Command {
        let space: Space = world.isp();
        let mut command = space.command("sh");
        command.env("CONFIG", &self.config).env("DIR", &self.dir).arg("-c");
        command.arg(format!("exec {program} {arguments} >> $DIR/server.log 2>&1"));
        command
    }
}

/// `00:03:…` of `0003…`.
fn pairs(hex: &str) -> String {
    let pairs: Vec<_> = hex.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
    pairs.join(":")
}

/// A server that does not tell its version: its package does.
fn packaged(name: &str, package: &str) -> String {
    let query = output(Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]));
    format!("{name} {}", String::from_utf8_lossy(&query.stdout))
}
