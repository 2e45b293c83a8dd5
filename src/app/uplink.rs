//! The one loop: an interface's engine between its inputs and its outputs.
//! What people and signals ask for is in `commands`, what hooks are told in
//! `hooks`, what becomes of the interface in `link`, the end in `finish`.

mod commands;
mod finish;
mod hooks;
mod link;

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::rc::Rc;

use dhc6c_core::desired::{self, Desired};
use dhc6c_core::engine::{Deadline, Event, Input, Interface, Output, Restored};
use dhc6c_core::ident::{Duid, LinkAddress};
use dhc6c_core::link::{Datagram, Link, RouterMessage};
use dhc6c_core::prefix::Prefix;
use dhc6c_core::reason::DropReason;
use dhc6c_core::record::Record;
use dhc6c_core::snapshot::{Mode, Snapshot};
use dhc6c_core::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use crate::os::apply::Kernel;
use crate::os::clock::{self, Sleep, Timer};
use crate::os::control::{Asked, Control};
use crate::os::error::Error;
use crate::os::hook::Hooks;
use crate::os::icmp6::RouterSocket;
use crate::os::journal::Journal;
use crate::os::link::{AddressState, Change, Links};
use crate::os::lock::Lock;
use crate::os::resolver::Resolver;
use crate::os::store::{Kept, Store};
use crate::os::udp::{SERVERS, Socket};
use crate::os::writer::Writer;

use super::cli::{Global, InitialDelay, RunOptions};
use super::config::{KnownIaids, Shared, Wan};
use super::narrate;

/// How long after boot the first Solicit is delayed (a power cut
/// brings a whole street up at once).
const BOOT_RUSH: Duration = Duration::from_secs(60);

/// How far apart two lines of the log are about what was dropped for the same
/// reason.
const DROP_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// What all interfaces of a process share.
pub(crate) struct Setup {
    pub(crate) global: Global,
    pub(crate) options: RunOptions,
    /// What is kept between runs.
    pub(crate) store: Store,
    /// Writes it.
    pub(crate) writer: Writer,
    /// Where what concerns the whole process goes.
    pub(crate) requests: mpsc::UnboundedSender<Request>,
}

/// What an interface tells whoever runs all of them.
pub(crate) enum Request {
    /// Somebody wants the configuration to be read again.
    Reload(Asked),
    /// With `--once`: everything is there on the interface of this name.
    Ready(String),
}

/// The settings of one interface, and of all.
#[derive(Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) shared: Shared,
    pub(crate) wan: Wan,
    /// Our DUID.
    pub(crate) duid: Duid,
}

impl Settings {
    /// The name of the interface.
    pub(crate) fn name(&self) -> &str {
        &self.wan.interface.value
    }
}

/// What a signal, or whoever runs the interfaces, tells one of them.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Extend the leases now.
    Renew,
    /// Give the leases back and start over.
    Restart,
    /// Go on with these settings.
    Configure(Rc<Settings>),
    /// With `--once`: end, and leave everything in place.
    Leave,
    /// Stop as configured.
    Stop,
}

/// One interface that the client runs on.
pub(crate) struct Uplink {
    /// The name that it was started with: of its files and for commands.
    name: String,
    /// What the kernel calls it now.
    device: String,
    engine: Interface,
    kernel: Kernel,
    /// Absent while the interface is gone, or its port cannot be had.
    socket: Option<Socket>,
    /// Absent besides where routers do not matter.
    routers: Option<RouterSocket>,
    links: Links,
    link: Link,
    /// The link-layer address that the engine knows.
    hardware: Option<LinkAddress>,
    timer: Timer,
    sleep: Sleep,
    control: Control,
    lock: Lock,
    setup: Rc<Setup>,
    settings: Rc<Settings>,
    /// The IAIDs of an earlier process.
    iaids: KnownIaids,
    orders: mpsc::UnboundedReceiver<Order>,
    once: bool,
    /// With `--once`: it was told that everything is there.
    has_told_ready: bool,
    /// With `--once`: everything is there on the other interfaces too.
    leaves_as_it_is: bool,
    give_up_at: Option<Instant>,
    /// Those who follow what happens.
    watchers: Vec<Asked>,
    /// Those who wait until everything is there.
    waiters: Vec<Asked>,
    /// Those who wait for the end.
    stoppers: Vec<Asked>,
    /// The end has begun, and what is configured is to stay.
    leaves_all: bool,
    /// When the end has begun.
    leaves_since: Option<Instant>,
    /// Absent where nothing is to be changed.
    hooks: Option<Hooks>,
    /// The prefixes that hooks were told of.
    told_prefixes: Vec<Prefix>,
    /// What the system refused last.
    refused: Option<String>,
    /// What the engine wants of the system.
    desired: Desired,
    /// When something was last logged to be dropped, by the reason.
    drops_logged: BTreeMap<DropReason, Instant>,
}

/// What woke the loop.
enum Woken {
    Timer,
    Datagram(std::io::Result<Datagram>),
    Router(std::io::Result<RouterMessage>),
    Link(Result<Change, Error>),
    Asked(Asked),
    Ordered(Order),
    HooksBegun,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Stopped,
    Once,
    TimedOut,
    Failed,
}

impl Uplink {
    /// Opens everything the interface needs; leftovers of a process that was
    /// killed are removed with the first wanted state. It goes on with the
    /// table of links given, or makes one of its own.
    pub(crate) fn open(
        setup: &Rc<Setup>,
        settings: Rc<Settings>,
        orders: mpsc::UnboundedReceiver<Order>,
        links: Option<Links>,
    ) -> Result<Self, Error> {
        let Setup { global, options, store, .. } = &**setup;
        let Settings { wan, duid, .. } = &*settings;
        let name = wan.interface.value.as_str();
        let lock = Lock::take(&global.run_dir, name)?;
        let links = match links {
            Some(links) => links,
            None => Links::open()?,
        };
        let link = link::as_far_as_wanted(&links, wan, links.find(name).unwrap_or_default());
        // One that is waited for gets its socket when it comes.
        let socket =
            (link.index != 0).then(|| Socket::open(name, link.index, wan.marks())).transpose()?;
        let minds_routers = link.index != 0 && wan.mode.value == Mode::Auto;
        let routers =
            minds_routers.then(|| RouterSocket::open(name, link.index, wan.marks())).transpose()?;
        let now = clock::now();
        let (journal, warning) = Journal::open(&global.run_dir.join(format!("{name}.journal")));
        if let Some(warning) = warning {
            warn!("{name}: {warning}");
        }
        let in_use = !journal.is_empty();
        let (kept, warning) = store.leases(name, duid, now);
        if let Some(warning) = warning {
            warn!("{name}: {warning}");
        }
        // What was kept would say who we are.
        let kept = kept.filter(|_| !wan.anonymous.value);
        let resolver = Resolver::new(&global.run_dir, name, wan.dns.value);
        let routes = link::place_of_routes(&links, wan, link.index);
        let mut kernel = Kernel::open(name, link.index, routes, journal, resolver, now)?;
        if options.dry_run {
            kernel.pretend();
        }
        let control = Control::open(&global.run_dir, name)?;
        let initial_delay = match wan.initial_delay.value {
            InitialDelay::Always => true,
            InitialDelay::Never => false,
            // A link that is not usable yet is one whose carrier just rose.
            InitialDelay::Auto => now < Instant::BOOT + BOOT_RUSH || !link.is_usable(),
        };
        let iaids = kept.as_ref().map(|kept| KnownIaids::of(&kept.record)).unwrap_or_default();
        let hardware = links.link_address(name);
        let config =
            wan.engine(&settings.shared, duid.clone(), hardware.as_ref(), iaids, initial_delay);
        let engine = match kept {
            Some(Kept { record, times_are_known, .. }) => {
                let restored = Restored { record, in_use, times_are_known };
                Interface::restore(config, clock::entropy()?, restored, now)
            }
            None => Interface::new(config, clock::entropy()?),
        };
        let hooks = (!options.dry_run).then(|| Hooks::new(settings.shared.selection()));
        let (name, once) = (name.to_owned(), options.once);
        let give_up_at = options.timeout.map(|s| now + Duration::from_secs(u64::from(s)));
        Ok(Self {
            device: name.clone(),
            name,
            engine,
            kernel,
            socket,
            routers,
            links,
            link,
            hardware,
            timer: Timer::new()?,
            sleep: Sleep::new(),
            control,
            lock,
            setup: Rc::clone(setup),
            settings,
            iaids,
            orders,
            once,
            has_told_ready: false,
            leaves_as_it_is: false,
            give_up_at,
            watchers: Vec::new(),
            waiters: Vec::new(),
            stoppers: Vec::new(),
            leaves_all: false,
            leaves_since: None,
            hooks,
            told_prefixes: Vec::new(),
            refused: None,
            desired: Desired::default(),
            drops_logged: BTreeMap::new(),
        })
    }

    /// Runs until the interface is told to stop, or `--once` is done. However
    /// it ends, the system is left as the contract says.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        match self.serve().await {
            Ok(end) => self.finish(end).await,
            Err(error) => self.finish(End::Failed).await.and(Err(error)),
        }
    }

    async fn serve(&mut self) -> Result<End, Error> {
        self.note_first_link();
        self.fire_named("started", &self.snapshot(clock::now()), Vec::new());
        self.engine.handle_input(clock::now(), Input::Link(self.link));
        self.note_addresses(clock::now());
        self.drain(clock::now());
        // What an earlier process left behind and nobody wants any more.
        self.apply(clock::now());
        loop {
            let now = clock::now();
            self.drain(now);
            self.tell_ready();
            if let Some(end) = self.end(now) {
                return Ok(end);
            }
            let deadline = self.engine.poll_deadline();
            self.timer.set(earliest(deadline.map(|deadline| deadline.at), self.give_up_at));
            let woken = self.wait().await;
            if self.sleep.is_over() {
                info!("{}: the machine was suspended", self.name);
                self.engine.handle_input(clock::now(), Input::Resumed);
                self.drain(clock::now());
            }
            if let Some(input) = self.input(woken, deadline)? {
                self.engine.handle_input(clock::now(), input);
            }
        }
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self) -> Woken {
        tokio::select! {
            () = self.timer.expired() => Woken::Timer,
            datagram = receive(self.socket.as_mut()) => Woken::Datagram(datagram),
            message = hear(self.routers.as_mut()) => Woken::Router(message),
            change = self.links.next() => Woken::Link(change),
            asked = self.control.next() => Woken::Asked(asked),
            // The sender lives as long as the process.
            Some(order) = self.orders.recv() => Woken::Ordered(order),
            () = begun(self.hooks.as_ref()) => Woken::HooksBegun,
        }
    }

    /// What the engine has to know of what woke us.
    fn input(&mut self, woken: Woken, due: Option<Deadline>) -> Result<Option<Input>, Error> {
        Ok(match woken {
            Woken::Timer => {
                if let Some(due) = due.filter(|due| due.at <= clock::now()) {
                    self.tell(&narrate::deadline_line(&self.name, due));
                }
                Some(Input::Tick)
            }
            Woken::Datagram(Ok(datagram)) => Some(Input::Datagram(datagram)),
            Woken::Router(Ok(message)) => Some(Input::Router(message)),
            Woken::Datagram(Err(error)) | Woken::Router(Err(error)) => {
                // The network is down, say; the link tells when it is back.
                debug!("{}: cannot receive: {error}", self.name);
                None
            }
            Woken::Link(change) => self.link_input(change?),
            Woken::Asked(asked) => self.answer(asked),
            Woken::Ordered(order) => Some(self.obey(order)),
            // Perhaps that was the last thing missing.
            Woken::HooksBegun => None,
        })
    }

    /// Tells what the system refused, and shows the last of it in the status.
    fn note_failures(&mut self, failures: impl IntoIterator<Item = Error>) {
        for failure in failures {
            warn!("{}: {failure}", self.name);
            self.refused = Some(failure.to_string());
        }
    }

    /// Does what the engine wants until it wants nothing more.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.engine.poll_output(now) {
            match output {
                // An end that leaves everything in place: nothing is unbound.
                Output::Desired(_) | Output::Event(Event::Unbound | Event::Dhcp4o6Unbound)
                    if self.leaves_all => {}
                Output::Desired(desired) => {
                    self.desired = *desired;
                    self.apply(now);
                }
                Output::Keep(record) => self.keep(*record),
                Output::Event(event) => self.narrate(now, &event),
                Output::Transmit(octets) => self.send(&octets),
                Output::TransmitTo { destination, source, octets } => {
                    self.send_to(destination, source, &octets);
                }
                Output::SolicitRouters => self.solicit_routers(),
            }
        }
    }

    /// Has the leases written down for the next start.
    fn keep(&self, record: Record) {
        let Setup { store, writer, options, .. } = &*self.setup;
        if !options.dry_run && !self.settings.wan.anonymous.value {
            let (path, octets) = store.leases_file(&self.name, &self.settings.duid, record);
            writer.write(path, octets);
        }
    }

    fn apply(&mut self, now: Instant) {
        self.refused = None;
        let failures = self.kernel.apply(&self.desired, now);
        self.note_failures(failures);
        if desired::diff(&self.desired, self.kernel.actual()).is_empty() {
            self.engine.handle_input(now, Input::Applied);
        }
        self.note_usable(now);
    }

    /// An address that was there before us passes no detection again.
    fn note_usable(&mut self, now: Instant) {
        for &address in self.desired.addresses.keys() {
            // One that is not really there is not looked for.
            if self.kernel.pretends()
                || self.links.address(self.link.index, address) == Some(AddressState::Usable)
            {
                self.engine.handle_input(now, Input::AddressUsable(address));
            }
        }
    }

    /// Addresses that others have put on the interface may be sent from as
    /// well (RFC 7341 §9).
    fn note_addresses(&mut self, now: Instant) {
        for address in self.links.usable(self.link.index) {
            self.engine.handle_input(now, Input::AddressUsable(address));
        }
    }

    fn send(&mut self, octets: &[u8]) {
        let Some(source) = self.link.link_local else { return };
        self.send_to(SERVERS, source, octets);
    }

    fn send_to(&mut self, destination: Ipv6Addr, source: Ipv6Addr, octets: &[u8]) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(destination, source, octets) {
            // It is sent again by and by, as if it had been lost on the way.
            debug!("{}: cannot send: {error}", self.name);
            self.refused = Some(format!("cannot send: {error}"));
        }
    }

    fn solicit_routers(&self) {
        let (Some(routers), Some(source)) = (&self.routers, self.link.link_local) else { return };
        let link_address = self.links.link_address(&self.device);
        if let Err(error) = routers.solicit(source, link_address.as_ref()) {
            debug!("{}: cannot solicit routers: {error}", self.name);
        }
    }

    fn narrate(&mut self, now: Instant, event: &Event) {
        let snapshot = self.snapshot(now);
        if self.is_worth_a_line(now, event) {
            narrate::log(event, &snapshot);
        }
        self.fire(event, &snapshot);
        if !self.watchers.is_empty() {
            self.tell(&narrate::line(event, &snapshot));
        }
    }

    /// Of what is dropped there is one line a reason a minute: whoever sends
    /// rubbish does not fill our log with it.
    fn is_worth_a_line(&mut self, now: Instant, event: &Event) -> bool {
        let Event::Dropped(reason) = event else { return true };
        let last = self.drops_logged.get(reason).copied();
        let is_due = last.is_none_or(|last| now >= last + DROP_LOG_INTERVAL);
        if is_due {
            self.drops_logged.insert(*reason, now);
        }
        is_due
    }

    /// Tells those who watch; whoever reads too slowly is let go.
    fn tell(&mut self, line: &str) {
        self.watchers.retain(|watcher| watcher.reply(line.to_owned()));
    }

    fn snapshot(&self, now: Instant) -> Snapshot {
        let mut snapshot = self.engine.snapshot(now);
        snapshot.name.clone_from(&self.device);
        snapshot.ready = self.is_ready();
        if snapshot.last_error.is_none() {
            snapshot.last_error.clone_from(&self.refused);
        }
        snapshot
    }

    /// Ready as the engine sees it, and the hooks have been started.
    fn is_ready(&self) -> bool {
        self.engine.is_ready() && self.hooks.as_ref().is_none_or(Hooks::have_begun)
    }

    fn end(&self, now: Instant) -> Option<End> {
        if self.engine.is_stopped() {
            return Some(End::Stopped);
        }
        if self.leaves_as_it_is && self.is_ready() {
            return Some(End::Once);
        }
        self.give_up_at.filter(|&at| at <= now).map(|_| End::TimedOut)
    }
}

/// Waits for a datagram, for ever where there is no socket.
async fn receive(socket: Option<&mut Socket>) -> std::io::Result<Datagram> {
    match socket {
        Some(socket) => socket.receive().await,
        None => std::future::pending().await,
    }
}

/// Waits for a router, for ever where nobody listens.
async fn hear(routers: Option<&mut RouterSocket>) -> std::io::Result<RouterMessage> {
    match routers {
        Some(routers) => routers.receive().await,
        None => std::future::pending().await,
    }
}

/// Waits until hooks have begun, for ever where there are none.
async fn begun(hooks: Option<&Hooks>) {
    match hooks {
        Some(hooks) => hooks.begun().await,
        None => std::future::pending().await,
    }
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
