//! The world of one test: three network namespaces joined by a bridge.
//!
//! ```text
//!   isp: isp0 ───┐ sw: br0 ┌─── wan0 :cpe
//!   2001:db8:0:1::1/64     │    (DAD as on a real host)
//!   fe80::1      └─────────┘
//! ```
//! With a relay between, isp0 is on a bridge of its own, br1, and the relay has `down0` on br0
//! and `up0` on br1 (2001:db8:0:2::/64).
//!
//! The bridge keeps the server's interface running while wan0 goes down and up. A process
//! that sleeps holds each namespace together with a mount namespace of its own, so that no
//! program here reads or writes the machine's /etc, /run or /var/lib. Everything ends with
//! the test, also after a panic; what a killed test left behind is swept by the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::poll;
use crate::process::{Process, output, run};

/// The hardware address of the CPE's uplink.
pub(crate) const WAN_MAC: &str = "02:00:00:00:c0:01";
/// Its address that is made of that.
pub(crate) const WAN_LINK_LOCAL: &str = "fe80::ff:fe00:c001";

/// Runs first in each namespace: private copies of what programs write to.
/// A router advertisement is never processed (see [`World::link_cpe`]), and no resolver, bus
/// or service manager of the machine can be reached, because /run is empty.
const HOLD: &str = r#"
set -e
mount -t tmpfs -o size=64m tmpfs "$1"
for place in etc var/lib var/log; do
  layer=$1/${place##*/}
  mkdir "$layer.upper" "$layer.work"
  mount -t overlay overlay -o "lowerdir=/$place,upperdir=$layer.upper,workdir=$layer.work" "/$place"
done
mount -t tmpfs -o size=16m tmpfs /run
mount -t sysfs -o ro sysfs /sys
rm -rf /etc/resolv.conf /etc/dhc6c.toml /etc/dhc6c /var/lib/dibbler /var/lib/dhcpv6
echo '# nothing resolves here' > /etc/resolv.conf
mkdir -p /var/lib/kea /var/lib/dibbler /var/lib/dhcpv6 /var/log/dibbler /etc/dibbler /run/kea
ip link set lo up
echo ready
exec sleep infinity
"#;

/// A network namespace with its mount namespace; a handle, cheap to clone.
#[derive(Clone)]
pub(crate) struct Space {
    holder: u32,
}

impl Space {
    /// A command that runs in this namespace and is killed when the test dies.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder.to_string(), "-m", "-n", "--"]);
        command.args(["setpriv", "--pdeathsig", "KILL", "--"]).arg(program);
        command
    }

    /// Runs a line of shell here; it must succeed.
    pub(crate) fn shell(&self, line: &str) -> String {
        run(self.command("sh").args(["-ec", line]))
    }

    /// The text of a file of /proc as this namespace sees it (`net/udp6`).
    pub(crate) fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.holder)).unwrap_or_default()
    }

    /// Everything that lives in this network namespace but its holder.
    fn others(&self) -> Vec<i32> {
        let network = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let ours = network(&self.holder.to_string());
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.parse().is_ok_and(|pid: u32| pid != self.holder))
            .filter(|pid| ours.is_some() && network(pid) == ours)
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }
}

/// The namespaces of one test and its directory.
pub(crate) struct World {
    id: String,
    dir: PathBuf,
    spaces: Vec<(&'static str, Process)>,
    layout: Layout,
    keep: bool,
}

/// What lies between client and server.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Layout {
    /// A bridge.
    Plain,
    /// A relay.
    Relayed,
    /// A bridge with two servers on it, the second in `isp2` (2001:db8:0:1::2, fe80::2).
    Paired,
}

impl World {
    /// Builds the namespaces and links; wan0 exists and is down.
    pub(crate) fn new() -> Self {
        Self::build(Layout::Plain)
    }

    /// The same with a place for a relay between the two sides.
    pub(crate) fn relayed() -> Self {
        Self::build(Layout::Relayed)
    }

    /// The same with places for two servers.
    pub(crate) fn paired() -> Self {
        Self::build(Layout::Paired)
    }

    fn build(layout: Layout) -> Self {
        sweep();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("dhc6c-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(&id);
        fs::create_dir_all(&dir).expect("the test's directory");
        let mut world = Self { id, dir, spaces: Vec::new(), layout, keep: false };
        let further = match layout {
            Layout::Plain => None,
            Layout::Relayed => Some("relay"),
            Layout::Paired => Some("isp2"),
        };
        for name in ["sw", "isp", "cpe"].into_iter().chain(further) {
            world.hold(name);
        }
        world.link();
        world
    }

    /// The directory of this test's files, the same in every namespace.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The server's side.
    pub(crate) fn isp(&self) -> Space {
        self.space("isp")
    }

    /// The client's side.
    pub(crate) fn cpe(&self) -> Space {
        self.space("cpe")
    }

    /// The second server's side, in a world that has one.
    pub(crate) fn isp2(&self) -> Space {
        self.space("isp2")
    }

    /// The relay's place, in a world that has one.
    pub(crate) fn relay(&self) -> Space {
        self.space("relay")
    }

    /// Where what the client sends and gets is seen, at the far end of its link.
    pub(crate) fn far_end(&self) -> (Space, &'static str) {
        match self.layout {
            Layout::Plain => (self.isp(), "isp0"),
            Layout::Relayed => (self.relay(), "down0"),
            // Either server hears only what is for it.
            Layout::Paired => (self.space("sw"), "p-cpe-wan0"),
        }
    }

    /// Brings wan0 up. Its link-local address is then tentative for a second or two.
    pub(crate) fn wan_up(&self) {
        self.cpe().shell("ip link set wan0 up");
    }

    /// Takes the carrier away from wan0 and gives it back, so often; both last `half` seconds.
    pub(crate) fn flap_carrier(&self, times: u32, half: &str) -> Process {
        let line = format!(
            "for flap in $(seq {times}); do
               ip link set p-cpe-wan0 down; sleep {half}; ip link set p-cpe-wan0 up; sleep {half}; done"
        );
        Process::spawn("the flaps", self.space("sw").command("sh").args(["-ec", &line]))
    }

    /// Takes the carrier of wan0 away, or gives it back, at the other end of its cable.
    pub(crate) fn carrier(&self, there: bool) {
        let state = if there { "up" } else { "down" };
        self.space("sw").shell(&format!("ip link set p-cpe-wan0 {state}"));
    }

    /// The server does not hear messages of these kinds from now on, for as long as
    /// [`World::listen`] is not called. What it is not to answer is lost for sure; to stop a
    /// server once something is seen would be a race with it.
    pub(crate) fn be_deaf_for(&self, kinds: &[u8]) {
        let kinds: Vec<_> = kinds.iter().map(u8::to_string).collect();
        let kinds = kinds.join(", ");
        // The type of a message is the first octet behind the UDP header.
        self.isp().shell(&format!(
            "nft 'table inet deaf {{ chain hear {{ type filter hook input priority 0;
               udp dport 547 @th,64,8 {{ {kinds} }} drop; }}; }}'"
        ));
    }

    /// The server hears everything again.
    pub(crate) fn listen(&self) {
        self.isp().shell("nft delete table inet deaf");
    }

    /// Makes wan0 anew after it was deleted, and brings it up.
    pub(crate) fn plug_wan_anew(&self) {
        self.plug("cpe", "wan0", "br0");
        self.link_cpe();
        self.wan_up();
    }

    /// Another uplink of the client's on the same link, switched on.
    pub(crate) fn second_wan(&self) {
        self.further_wan(1);
    }

    /// Uplink `wan<number>` of the client's on the same link, switched on.
    pub(crate) fn further_wan(&self, number: u32) {
        let name = format!("wan{number}");
        self.plug("cpe", &name, "br0");
        self.cpe().shell(&format!(
            "echo 0 > /proc/sys/net/ipv6/conf/{name}/accept_ra; ip link set {name} up"
        ));
    }

    /// Leaves the directory for the person who looks into a failure.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }

    fn space(&self, name: &str) -> Space {
        let (_, holder) =
            self.spaces.iter().find(|(known, _)| *known == name).expect("a space of ours");
        Space { holder: holder.pid() }
    }

    fn hold(&mut self, name: &'static str) {
        let private = self.dir.join(format!("ns-{name}"));
        fs::create_dir(&private).expect("the namespace's directory");
        let holder = Process::spawn(
            &format!("the holder of {name}"),
            Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "--"])
                .args(["unshare", "-m", "-n", "--propagation", "private", "sh", "-c", HOLD, "hold"])
                .arg(private),
        );
        poll::wait_for("the namespace is ready", poll::SOON, || {
            holder.assert_alive();
            holder.stdout().contains("ready")
        });
        // The name is for people: `ip netns exec NAME …` while a test runs.
        run(Command::new("ip").args([
            "netns",
            "attach",
            &self.named(name),
            &holder.pid().to_string(),
        ]));
        self.spaces.push((name, holder));
    }

    fn named(&self, space: &str) -> String {
        format!("{}-{space}", self.id)
    }

    fn link(&self) {
        self.space("sw").shell(
            "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
             echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
             for bridge in br0 br1; do
               ip link add $bridge type bridge forward_delay 0 stp_state 0 mcast_snooping 0
               ip link set $bridge up; done",
        );
        self.plug("cpe", "wan0", "br0");
        if self.layout == Layout::Relayed {
            self.plug("isp", "isp0", "br1");
            self.plug("relay", "down0", "br0");
            self.plug("relay", "up0", "br1");
        } else {
            self.plug("isp", "isp0", "br0");
        }
        self.link_isp("isp", 1);
        self.link_cpe();
        match self.layout {
            Layout::Plain => {}
            Layout::Relayed => self.link_relay(),
            Layout::Paired => {
                self.plug("isp2", "isp0", "br0");
                self.link_isp("isp2", 2);
            }
        }
    }

    /// An interface in a namespace, with its other end on a bridge.
    fn plug(&self, space: &str, end: &str, bridge: &str) {
        let port = format!("p-{space}-{end}");
        run(Command::new("ip")
            .args(["link", "add", "name", &port, "netns", &self.named("sw")])
            .args(["type", "veth", "peer", "name", end, "netns", &self.named(space)]));
        self.space("sw").shell(&format!("ip link set {port} master {bridge} up"));
    }

    /// Both interfaces of the relay, usable at once, and the server's address towards it.
    fn link_relay(&self) {
        self.relay().shell(
            "for end in down0:1 up0:2; do
               echo 0 > /proc/sys/net/ipv6/conf/${end%:*}/accept_dad
               ip link set ${end%:*} up
               ip -6 addr add 2001:db8:0:${end#*:}::fe/64 dev ${end%:*} nodad; done",
        );
        self.isp().shell("ip -6 addr add 2001:db8:0:2::1/64 dev isp0 nodad");
    }

    /// The server's interface: one link-local address (a server opens a socket on each and
    /// would answer twice), usable at once.
    fn link_isp(&self, space: &str, number: u8) {
        let space = self.space(space);
        space.shell(&format!(
            "for knob in accept_dad=0 dad_transmits=0 addr_gen_mode=1; do
               echo ${{knob#*=}} > /proc/sys/net/ipv6/conf/isp0/${{knob%=*}}; done
             ip link set isp0 address 02:00:00:00:a0:0{number} up
             ip -6 addr add 2001:db8:0:1::{number}/64 dev isp0 nodad
             ip -6 addr add fe80::{number}/64 dev isp0 nodad"
        ));
        // A server that starts on an interface which is not yet running stays deaf.
        poll::wait_for("isp0 has a carrier", poll::SOON, || {
            space.shell("cat /sys/class/net/isp0/operstate").trim() == "up"
        });
    }

    /// The client's interface: DAD as on any host; no router advertisement is processed, so
    /// that every global address on it is the client's work.
    fn link_cpe(&self) {
        self.cpe().shell(&format!(
            "for knob in accept_dad=1 dad_transmits=1 optimistic_dad=0 addr_gen_mode=0 accept_ra=0 autoconf=0; do
               echo ${{knob#*=}} > /proc/sys/net/ipv6/conf/wan0/${{knob%=*}}; done
             ip link set wan0 address {WAN_MAC}"
        ));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (name, holder) in &self.spaces {
            for pid in (Space { holder: holder.pid() }).others() {
                // It may have ended since it was listed.
                signal::kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
            }
            forget(&self.named(name));
        }
        self.spaces.clear();
        if !self.keep {
            fs::remove_dir_all(&self.dir).ok();
        }
    }
}

/// Removes a namespace's name; the namespace itself ends with its last process.
fn forget(name: &str) {
    // Fails only where the name is already gone, which is what is wanted.
    output(Command::new("ip").args(["netns", "del", name]));
}

/// Removes the names left by test processes that were killed. Their processes died with them.
fn sweep() {
    let Ok(names) = fs::read_dir("/run/netns") else { return };
    for name in names.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let pid = name
            .strip_prefix("dhc6c-")
            .and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            forget(&name);
        }
    }
}
