//! ISC's pairs for DHCPv4 over DHCPv6, server and client: of either the one half speaks DHCPv6
//! and hands to the other what that is carrying, over ports 6767 and 6768 of ::1.

use std::fs;
use std::path::{Path, PathBuf};

use crate::farm::{Files, LONG};
use crate::kea4o6::is_open;
use crate::poll;
use crate::process::Process;
use crate::servers::Server;
use crate::world::World;

/// Builds that can do this, which `make tools` makes: Debian's cannot.
pub(crate) const DHCPD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/isc/sbin/dhcpd");
pub(crate) const DHCLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/isc/sbin/dhclient");

/// A running pair of servers.
pub(crate) struct Servers {
    /// The one that speaks DHCPv6.
    pub(crate) v6: Server,
    v4: Process,
}

impl Servers {
    /// Starts both: 192.0.2.100-199, PSID 52 of 8 bits behind 6, T1 6, T2 30, 60 s; they are to
    /// be asked at 2001:db8:0:1::1.
    pub(crate) fn start(world: &World) -> Self {
        // It takes part in no network that it has no address of.
        world.isp().shell("ip addr add 192.0.2.1/24 dev isp0");
        let v6 = start_v6(world);
        let files = Files::new(world, "dhcpd4.conf", include_str!("servers/dhcpd4.conf"), LONG, "");
        let leases = files.empty("leases4");
        let v4 = Process::spawn(
            "dhcpd -4",
            files
                .command(world, DHCPD, "-4 -4o6 6767 -f -d -cf $CONFIG -lf $LEASES -pf $DIR/pid4")
                .env("LEASES", leases),
        );
        poll::wait_for("dhcpd -4 listens to dhcpd -6", poll::SOON, || {
            v4.assert_alive();
            is_open(&world.isp(), 6768)
        });
        Self { v6, v4 }
    }

    /// Panics if the one that speaks DHCPv4 has ended.
    pub(crate) fn assert_alive(&self) {
        self.v4.assert_alive();
    }
}

fn start_v6(world: &World) -> Server {
    let template = format!(
        "{}option dhcp6.dhcp4-o-dhcp6-server 2001:db8:0:1::1;\n",
        include_str!("servers/dhcpd6.conf")
    );
    let files = Files::new(world, "dhcpd6.conf", &template, LONG, "");
    let leases = files.empty("leases");
    Server::start(
        &world.isp(),
        "ISC dhcpd 4.4.3-P1 with DHCPv4 over DHCPv6".to_owned(),
        "0003000102000000a004".to_owned(),
        files.log(),
        files
            .command(world, DHCPD, "-6 -4o6 6767 -f -d -cf $CONFIG -lf $LEASES -pf $DIR/pid isp0")
            .env("LEASES", leases),
    )
}

/// A running pair of clients on wan0. It changes nothing there: its script does nothing.
pub(crate) struct Clients {
    v6: Process,
    v4: Process,
}

impl Clients {
    /// Starts both, asking for option 88 and for option 159.
    pub(crate) fn start(world: &World) -> Self {
        // Its script would wait for that; without it dhclient ends at once.
        poll::wait_for("wan0 has its link-local address", poll::SOON, || {
            let usable = "ip -6 addr show dev wan0 scope link -tentative";
            world.cpe().shell(usable).contains("inet6")
        });
        let dir = world.dir().join("dhclient");
        fs::create_dir_all(&dir).expect("the client's directory");
        let script = dir.join("script");
        fs::write(&script, "#!/bin/sh\nexit 0\n").expect("its script");
        crate::client::executable(&script);
        let v6 = dhclient(world, &dir, "-6", "also request dhcp6.dhcp4-o-dhcp6-server;\n");
        poll::wait_for("dhclient -6 listens to dhclient -4", poll::SOON, || {
            v6.assert_alive();
            is_open(&world.cpe(), 6767)
        });
        let ports = "option v4-portparams code 159 = string;\nalso request v4-portparams;\n";
        let v4 = dhclient(world, &dir, "-4", ports);
        Self { v6, v4 }
    }

    /// Panics if one of them has ended.
    pub(crate) fn assert_alive(&self) {
        self.v6.assert_alive();
        self.v4.assert_alive();
    }
}

/// One half of it, with this configuration.
fn dhclient(world: &World, dir: &Path, family: &str, config: &str) -> Process {
    let file = |name: &str| -> PathBuf { dir.join(format!("{name}{family}")) };
    fs::write(file("conf"), config).expect("its configuration");
    fs::write(file("leases"), "").expect("its leases");
    let mut command = world.cpe().command(DHCLIENT);
    command.args([family, "-4o6", "6767", "-d", "-v"]);
    if family == "-6" {
        command.args(["-N", "-D", "LL"]);
    }
    command.arg("-sf").arg(dir.join("script")).arg("-cf").arg(file("conf"));
    command.arg("-lf").arg(file("leases")).arg("-pf").arg(file("pid")).arg("wan0");
    Process::spawn(&format!("dhclient {family}"), &mut command)
}
