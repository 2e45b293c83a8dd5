//! What people and signals ask of a running interface.

use std::rc::Rc;

use dhc6c_core::engine::Input;
use tracing::info;

use crate::app::{ctl, narrate};
use crate::os::clock;
use crate::os::control::{Asked, Command};

use super::{Order, Request, Settings, Uplink};

impl Uplink {
    /// Answers a request from the control socket, or keeps it until it can
    /// be answered; gives what the engine has to know of it.
    pub(super) fn answer(&mut self, asked: Asked) -> Option<Input> {
        match asked.command {
            Command::Status => {
                asked.reply(ctl::status_line(&self.snapshot(clock::now())));
                None
            }
            Command::Page => {
                asked.reply(ctl::page_line(&self.snapshot(clock::now())));
                None
            }
            Command::Watch => {
                self.watchers.push(asked);
                None
            }
            Command::Wait => {
                self.waiters.push(asked);
                None
            }
            Command::Reload => {
                self.note_command("reload");
                // Whoever asks lives no longer than the process.
                let _ = self.setup.requests.send(Request::Reload(asked));
                None
            }
            Command::Renew => Some(self.accept(&asked, "renew", Input::Renew)),
            Command::Rebind => Some(self.accept(&asked, "rebind", Input::Rebind)),
            Command::Release => Some(self.accept(&asked, "release", Input::Release)),
            Command::Restart => Some(self.accept(&asked, "restart", Input::Restart)),
            Command::Stop => {
                self.note_command("stop");
                self.stoppers.push(asked);
                Some(self.obey(Order::Stop))
            }
        }
    }

    /// What the engine has to do when it is told so.
    pub(super) fn obey(&mut self, order: Order) -> Input {
        match order {
            Order::Renew => Input::Renew,
            Order::Restart => Input::Restart,
            Order::Configure(settings) => self.configure(settings),
            Order::Leave => {
                self.leaves_as_it_is = true;
                Input::Tick
            }
            Order::Stop => {
                let wan = &self.settings.wan;
                self.leaves_since.get_or_insert(clock::now());
                self.leaves_all = wan.keep_on_stop.value;
                Input::Stop { release: wan.release_on_stop.value }
            }
        }
    }

    /// Goes on with other settings; the engine keeps what it holds.
    fn configure(&mut self, settings: Rc<Settings>) -> Input {
        let Settings { shared, wan, duid } = &*settings;
        self.kernel.choose_resolver(wan.dns.value);
        if let Some(hooks) = &mut self.hooks {
            hooks.select(shared.selection());
        }
        // The first Solicit is long gone.
        self.hardware = self.links.link_address(&self.device);
        let hardware = self.hardware.as_ref();
        let config = wan.engine(shared, duid.clone(), hardware, self.iaids, false);
        if settings.wan.marks() != self.settings.wan.marks() {
            (self.socket, self.routers) = (None, None);
        }
        self.settings = settings;
        self.open_sockets();
        self.place_routes();
        Input::Configure(Box::new(config))
    }

    /// Tells those who wait for it, once everything is there.
    pub(super) fn tell_ready(&mut self) {
        let asks_to_end = self.once && !self.has_told_ready;
        if (self.waiters.is_empty() && !asks_to_end) || !self.is_ready() {
            return;
        }
        for waiter in self.waiters.drain(..) {
            waiter.reply(ctl::done_line());
        }
        if asks_to_end {
            self.has_told_ready = true;
            // The process outlives its interfaces.
            let _ = self.setup.requests.send(Request::Ready(self.name.clone()));
        }
    }

    fn accept(&mut self, asked: &Asked, name: &str, input: Input) -> Input {
        self.note_command(name);
        asked.reply(ctl::done_line());
        input
    }

    fn note_command(&mut self, name: &str) {
        info!("{}: {name} was asked for", self.name);
        self.tell(&narrate::command_line(&self.name, name));
    }
}
