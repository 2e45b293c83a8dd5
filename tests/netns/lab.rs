//! World and capture together, and the report at the end of a test.

use crate::capture::Capture;
use crate::pcap::{Message, SERVER_ID, hex};
use crate::process::Process;
use crate::servers::Server;
use crate::world::{Space, World};

/// What every test starts with. A test that does not reach [`Lab::finish`] has failed: its
/// files are kept and named.
pub(crate) struct Lab {
    capture: Capture,
    world: World,
    finished: bool,
}

impl Lab {
    /// A world with wan0 up (its link-local address still tentative) and the capture running.
    pub(crate) fn new() -> Self {
        let lab = Self::with_wan_down();
        lab.world.wan_up();
        lab
    }

    /// A world with wan0 down and the capture running.
    pub(crate) fn with_wan_down() -> Self {
        Self::of(World::new())
    }

    /// [`Lab::new`] with a place for a relay between client and server.
    pub(crate) fn relayed() -> Self {
        let lab = Self::of(World::relayed());
        lab.world.wan_up();
        lab
    }

    /// [`Lab::new`] with places for two servers; what wan0 sends and gets is captured.
    pub(crate) fn paired() -> Self {
        let lab = Self::of(World::paired());
        lab.world.wan_up();
        lab
    }

    /// A world with other links than the usual ones: `prepare` sees to it that the ends are
    /// called wan0 and isp0 in the end, and says where what wan0 sends is to be captured.
    #[allow(dead_code, reason = "the vm tier lays links of its own")]
    pub(crate) fn on_links(prepare: impl FnOnce(&World) -> (Space, &'static str)) -> Self {
        let world = World::new();
        let place = prepare(&world);
        Self { capture: Capture::start_at(&world, place), world, finished: false }
    }

    fn of(world: World) -> Self {
        let place = world.far_end();
        Self { capture: Capture::start_at(&world, place), world, finished: false }
    }

    /// Starts dhcrelay in the place that [`Lab::relayed`] has for it.
    pub(crate) fn start_relay(&self) -> Process {
        let arguments = ["-6", "-d", "-l", "down0", "-u", "2001:db8:0:2::1%up0", "--no-pid"];
        let mut command = self.world.relay().command("dhcrelay");
        Process::spawn("dhcrelay", command.args(arguments))
    }

    /// The namespaces.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// The wire.
    pub(crate) fn capture(&self) -> &Capture {
        &self.capture
    }

    /// Ends a test that has passed: each server's DUID has to be in the capture, so that the
    /// test cannot have talked to another one, or to none.
    pub(crate) fn finish(mut self, servers: &[&Server]) {
        let messages = self.capture.messages();
        for server in servers {
            assert!(seen(&messages, server.duid()), "{} never answered", server.name());
            eprintln!("server: {} (DUID {} seen in the capture)", server.name(), server.duid());
        }
        if servers.is_empty() {
            assert!(
                !messages.iter().any(|message| message.has(SERVER_ID)),
                "a server that was not started"
            );
            eprintln!("server: none");
        }
        self.finished = true;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !self.finished {
            self.world.keep();
            eprintln!("--- the capture of this test: {}", self.capture.file().display());
        }
    }
}

fn seen(messages: &[Message], duid: &str) -> bool {
    messages.iter().any(|message| message.option(SERVER_ID).is_some_and(|data| hex(data) == duid))
}
