//! News of the kernel, which may get lost: everything after that is lost as
//! well, until the shell reads the kernel anew.

use dhc6c_core::engine::Input;
use dhc6c_core::link::Link;
use dhc6c_core::snapshot::StateName;
use dhc6c_core::time::Duration;

use crate::kernel::Detection;

use super::{Happening, Strike, World, input_of};

/// The shell notices this late at most that netlink has lost something.
const NOTICED: Duration = Duration::from_secs(1);

impl World {
    /// Netlink is overrun: news is lost until the kernel is read anew.
    pub fn overrun(&mut self) {
        self.lose_news(0, Strike::Overrun);
    }

    fn lose_news(&mut self, client: usize, why: Strike) {
        self.clients[client].loses_news.get_or_insert(why);
        let at = self.now + self.rng.delay(NOTICED);
        self.enqueue(at, Happening::ReadAnew { client });
    }

    /// Whether the news that there is now gets lost.
    pub(super) fn loses_news(&mut self, client: usize) -> bool {
        let node = &self.clients[client];
        // Nobody listens.
        if self.has_fallen() || node.state == StateName::Stopped {
            return false;
        }
        let chance = node.netlink_loss;
        if node.loses_news.is_none() && chance > 0 && self.rng.chance(chance) {
            self.lose_news(client, Strike::NewsLost);
        }
        let Some(why) = self.clients[client].loses_news else { return false };
        self.note("netlink loses it");
        self.strikes(client, why);
        true
    }

    /// A detection ends.
    pub(super) fn detect(&mut self, client: usize, detection: Detection) {
        let Some(verdict) = self.clients[client].kernel.finish(detection) else { return };
        if !self.loses_news(client) {
            self.input(client, input_of(verdict, detection.address));
        }
    }

    /// The shell reads anew how things are, and says what it finds.
    pub(super) fn read_anew(&mut self, client: usize) {
        self.note("the kernel is read anew");
        let node = &mut self.clients[client];
        node.loses_news = None;
        let (link, known) = (node.link, node.known_link);
        // The kernel counts how often the carrier went.
        let has_flapped = core::mem::take(&mut node.lost_carrier) && known.up && link.up;
        if has_flapped {
            self.input(client, Input::Link(Link { up: false, ..link }));
        }
        if has_flapped || link != known {
            self.input(client, Input::Link(link));
        }
        self.apply(client);
        for (address, verdict) in self.clients[client].kernel.verdicts() {
            self.input(client, input_of(verdict, address));
        }
    }
}
