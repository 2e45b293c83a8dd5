//! `dhc6c run`: what happens before and after the loops of the interfaces.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use dhc6c_core::ident::Duid;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet, LocalSet};
use tracing::{info, warn};

use crate::os::control::Asked;
use crate::os::error::{Error, Kind};
use crate::os::link::{Change, Links};
use crate::os::store::Store;
use crate::os::writer::Writer;
use crate::os::{child, clock, permission};

use super::cli::{Global, RunOptions};
use super::config::{self, Configuration, DuidChoice, Shared, Wan};
use super::log::{self, Log};
use super::nearest::nearest;
use super::pattern;
use super::uplink::{Order, Request, Settings, Setup, Uplink};
use super::{Failure, anonymous, ctl};

/// Runs the client on all interfaces until the last of them has ended.
pub(crate) fn run(mut global: Global, options: RunOptions) -> Result<(), Failure> {
    permission::check_descriptors()?;
    child::keep_what_we_inherited();
    let configuration = config::load(&global, &options)?;
    let Shared { log_level, log_format, .. } = &configuration.shared;
    let log = log::start(log_level.value, log_format.value, global.color);
    global.take_directories(&configuration.shared);
    LocalSet::new().block_on(&super::runtime()?, run_all(global, options, configuration, log))
}

async fn run_all(
    global: Global,
    options: RunOptions,
    configuration: Configuration,
    log: Log,
) -> Result<(), Failure> {
    let links = Links::open()?;
    // Misspelt names come first: that needs no permission to be told.
    for wan in &configuration.wans {
        check_interface(wan, &options, &links)
            .map_err(|error| Failure::on(&wan.interface.value, error))?;
    }
    for wan in &configuration.wans {
        permission::check().map_err(|error| Failure::on(&wan.interface.value, error))?;
    }
    std::fs::create_dir_all(&global.run_dir).map_err(|error| {
        Error::new(format!("cannot make the directory {}", global.run_dir.display()), error)
    })?;
    let (requests, receiver) = mpsc::unbounded_channel();
    let store = Store::new(&global.state_dir);
    let writer = Writer::start()?;
    let mut process = Process {
        setup: Rc::new(Setup { global, options, store, writer, requests }),
        uplinks: JoinSet::new(),
        running: BTreeMap::new(),
        duids: Vec::new(),
        signals: Signals::open()?,
        requests: receiver,
        log,
        ready: BTreeSet::new(),
        shared: Shared::default(),
        wans: Vec::new(),
        watched: None,
        has_ended: false,
        stops: false,
    };
    match process.bring_about(configuration, links) {
        Ok(()) => process.run().await,
        Err(failure) => process.give_up(failure).await,
    }
}

/// The interfaces of a process, and what is told to all of them.
struct Process {
    setup: Rc<Setup>,
    uplinks: JoinSet<Ended>,
    running: BTreeMap<String, Running>,
    /// Every DUID in use, with the wish that led to it.
    duids: Vec<(Option<DuidChoice>, Duid)>,
    signals: Signals,
    requests: mpsc::UnboundedReceiver<Request>,
    log: Log,
    /// With `--once`: the interfaces on which everything is there.
    ready: BTreeSet<String>,
    shared: Shared,
    /// The uplinks that are wanted, patterns among them.
    wans: Vec<Wan>,
    /// All links, where a pattern waits for some of them.
    watched: Option<Links>,
    /// An uplink has ended.
    has_ended: bool,
    /// All were told to.
    stops: bool,
}

/// An uplink that runs.
struct Running {
    settings: Rc<Settings>,
    orders: mpsc::UnboundedSender<Order>,
    /// It was told to end because it is wanted no more.
    ends: bool,
}

/// How an uplink has ended.
struct Ended {
    name: String,
    outcome: Result<(), Failure>,
}

impl Process {
    /// Starts the uplinks that do not run yet, tells the others what is new,
    /// and stops those that are wanted no more. Where a DUID cannot be had
    /// nothing of it is done; an uplink that cannot start is left out, and the
    /// first reason given.
    fn bring_about(&mut self, wanted: Configuration, links: Links) -> Result<(), Failure> {
        let settings = self.resolve(&wanted, &links)?;
        if !wanted.wans.iter().any(Wan::is_pattern) {
            self.watched = None;
        } else if self.watched.is_none() {
            self.watched = Some(Links::open()?);
        }
        self.log.change(wanted.shared.log_level.value, wanted.shared.log_format.value);
        (self.shared, self.wans) = (wanted.shared, wanted.wans);
        for (name, running) in &mut self.running {
            running.ends |= settings.iter().all(|wanted| wanted.name() != name);
            if running.ends {
                // One that ends at this moment needs no orders.
                let _ = running.orders.send(Order::Stop);
            }
        }
        // Every uplink watches links for itself; the first that starts goes on
        // with these.
        let mut links = Some(links);
        let mut outcome = Ok(());
        for settings in settings {
            outcome = outcome.and(self.bring_up(settings, &mut links));
        }
        outcome
    }

    /// The settings of every uplink that is wanted.
    fn resolve(
        &mut self,
        wanted: &Configuration,
        links: &Links,
    ) -> Result<Vec<Rc<Settings>>, Failure> {
        let settings = |wan: Wan| {
            let duid = same_duid(&mut self.duids, &self.setup, &wan, links)
                .map_err(|error| Failure::on(&wan.interface.value, error))?;
            Ok(Rc::new(Settings { shared: wanted.shared.clone(), wan, duid }))
        };
        expanded(&wanted.wans, links, self.running.keys()).into_iter().map(settings).collect()
    }

    /// Has one uplink run with these settings. One that is about to end comes
    /// back when it has.
    fn bring_up(
        &mut self,
        settings: Rc<Settings>,
        links: &mut Option<Links>,
    ) -> Result<(), Failure> {
        match self.running.get_mut(settings.name()) {
            None => self.start(settings, links.take()),
            Some(running) if running.ends || running.settings == settings => Ok(()),
            Some(running) => {
                running.settings = Rc::clone(&settings);
                let _ = running.orders.send(Order::Configure(settings));
                Ok(())
            }
        }
    }

    /// An interface has come that a pattern waits for.
    fn welcome(&mut self, change: Result<Change, Error>) {
        let comes = match change {
            Ok(Change::Link { name, link: Some(_), .. }) => {
                let is_meant = |wan: &Wan| pattern::matches(&wan.interface.value, &name);
                !self.running.contains_key(&name) && self.wans.iter().any(is_meant)
            }
            Ok(change) => change == Change::Resync,
            // Its uplinks see that as well, and fail of it.
            Err(_) => false,
        };
        if comes {
            self.look_again();
        }
    }

    /// Starts what is wanted and does not run.
    fn look_again(&mut self) {
        let wanted = Configuration { shared: self.shared.clone(), wans: self.wans.clone() };
        let done = match Links::open() {
            Ok(links) => self.bring_about(wanted, links),
            Err(error) => Err(error.into()),
        };
        if let Err(failure) = done {
            warn!("{failure}");
        }
    }

    fn start(&mut self, settings: Rc<Settings>, links: Option<Links>) -> Result<(), Failure> {
        let name = settings.name().to_owned();
        let (orders, receiver) = mpsc::unbounded_channel();
        let uplink = Uplink::open(&self.setup, Rc::clone(&settings), receiver, links);
        let uplink = uplink.map_err(|error| Failure::on(&name, error))?;
        self.running.insert(name.clone(), Running { settings, orders, ends: false });
        self.uplinks.spawn_local(async move {
            let outcome = uplink.run().await.map_err(|error| Failure::on(&name, error));
            Ended { name, outcome }
        });
        Ok(())
    }

    /// Waits for the loops to end. One that fails later than at the start
    /// takes no other with it; the failure shows in the exit code.
    async fn run(mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        while !self.uplinks.is_empty() || self.waits_for_the_first() {
            tokio::select! {
                Some(ended) = self.uplinks.join_next() => {
                    outcome = outcome.and(self.note_end(ended));
                }
                told = self.signals.next() => match told {
                    Told::Order(order) => self.order(&order),
                    Told::Reload => _ = self.reload(),
                },
                change = next_of(self.watched.as_mut()) => self.welcome(change),
                Some(request) = self.requests.recv() => match request {
                    Request::Reload(asked) => self.reload_for(asked),
                    Request::Ready(name) => self.note_ready(name),
                },
            }
        }
        if let Ok(setup) = Rc::try_unwrap(self.setup) {
            setup.writer.finish();
        }
        outcome
    }

    fn note_end(&mut self, ended: Result<Ended, JoinError>) -> Result<(), Failure> {
        self.has_ended = true;
        let Ended { name, outcome } = match ended {
            Ok(ended) => ended,
            // A bug, and no reason to leave the others unattended.
            Err(panic) => {
                self.running.retain(|_, running| !running.orders.is_closed());
                let failure = Failure::from(Error::new("internal error", panic));
                warn!("{failure}");
                return Err(failure);
            }
        };
        let ended = self.running.remove(&name);
        if self.setup.options.once {
            // The others may have waited for it; where it failed, nothing of
            // theirs is left either.
            match &outcome {
                Ok(()) => self.leave_together(),
                Err(_) => self.order(&Order::Stop),
            }
        }
        if let Err(failure) = &outcome
            && !self.uplinks.is_empty()
        {
            warn!("{failure}");
        }
        // It was wanted again before it had ended.
        if ended.is_some_and(|ended| ended.ends) && !self.stops {
            self.look_again();
        }
        outcome
    }

    /// Stops what has started, because something else could not.
    async fn give_up(mut self, failure: Failure) -> Result<(), Failure> {
        self.order(&Order::Stop);
        let _ = self.run().await;
        Err(failure)
    }

    /// Only patterns are wanted, and nothing has come yet that fits one.
    fn waits_for_the_first(&self) -> bool {
        self.watched.is_some() && !self.has_ended && !self.stops
    }

    fn order(&mut self, order: &Order) {
        self.stops |= matches!(order, Order::Stop);
        for running in self.running.values() {
            // Those that have ended need no orders.
            let _ = running.orders.send(order.clone());
        }
    }

    /// With `--once` all interfaces end together, when everything is there on
    /// each of them.
    fn note_ready(&mut self, name: String) {
        self.ready.insert(name);
        self.leave_together();
    }

    fn leave_together(&mut self) {
        if self.running.keys().all(|name| self.ready.contains(name)) {
            self.order(&Order::Leave);
        }
    }

    /// Reloads for whoever asked, and for all who have asked meanwhile.
    fn reload_for(&mut self, asked: Asked) {
        let mut asking = vec![asked];
        while let Ok(request) = self.requests.try_recv() {
            match request {
                Request::Reload(asked) => asking.push(asked),
                Request::Ready(name) => self.note_ready(name),
            }
        }
        let answer = match self.reload() {
            Ok(()) => ctl::done_line(),
            Err(failure) => ctl::failed_line(&failure),
        };
        for asked in asking {
            asked.reply(answer.clone());
        }
    }

    /// Reads the configuration again and applies what is new in it. One that
    /// is broken changes nothing; the reasons are logged and given.
    fn reload(&mut self) -> Result<(), Failure> {
        let done = self.try_reload();
        match &done {
            Ok(()) => info!("the configuration was read again"),
            Err(failure) => warn!("reload: {failure}"),
        }
        done
    }

    fn try_reload(&mut self) -> Result<(), Failure> {
        let Setup { global, options, .. } = &*self.setup;
        let wanted = config::load(global, options)?;
        let links = Links::open()?;
        for name in wanted.shared.needs_restart(&self.shared) {
            warn!("a new {name} takes effect at the next start");
        }
        self.bring_about(wanted, links)
    }
}

/// The uplinks with a name each: those of a pattern are there, or run since
/// they were.
fn expanded<'a>(
    wans: &[Wan],
    links: &'a Links,
    running: impl Iterator<Item = &'a String>,
) -> Vec<Wan> {
    let (patterns, mut named): (Vec<_>, Vec<_>) = wans.iter().cloned().partition(Wan::is_pattern);
    let usable = links.names().filter(|name| crate::os::link::ipv6_enabled(name));
    let names: Vec<_> = usable.chain(running.map(String::as_str)).collect();
    for pattern in patterns {
        let fitting = names.iter().filter(|name| pattern::matches(&pattern.interface.value, name));
        for name in fitting {
            if named.iter().all(|wan| wan.interface.value != **name) {
                named.push(pattern.of(name));
            }
        }
    }
    named
}

/// Waits for the next change, for ever where none is looked for.
async fn next_of(links: Option<&mut Links>) -> Result<Change, Error> {
    match links {
        Some(links) => links.next().await,
        None => std::future::pending().await,
    }
}

/// What a signal says.
enum Told {
    Order(Order),
    Reload,
}

/// The signals of the contract.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    renew: Signal,
    restart: Signal,
}

impl Signals {
    fn open() -> Result<Self, Error> {
        let open = |kind| signal(kind).map_err(|e| Error::new("cannot watch signals", e));
        Ok(Self {
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
            hangup: open(SignalKind::hangup())?,
            renew: open(SignalKind::user_defined1())?,
            restart: open(SignalKind::user_defined2())?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) -> Told {
        let (name, told) = tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM: stopping", Told::Order(Order::Stop)),
            _ = self.interrupt.recv() => ("SIGINT: stopping", Told::Order(Order::Stop)),
            _ = self.hangup.recv() => ("SIGHUP: reloading", Told::Reload),
            _ = self.renew.recv() => ("SIGUSR1: renewing", Told::Order(Order::Renew)),
            _ = self.restart.recv() => ("SIGUSR2: starting over", Told::Order(Order::Restart)),
        };
        info!("{name}");
        told
    }
}

/// An interface that exists and speaks IPv6, or one that is waited for: of
/// the file, or because a flag says so.
fn check_interface(wan: &Wan, options: &RunOptions, links: &Links) -> Result<(), Error> {
    let name = wan.interface.value.as_str();
    if wan.is_pattern() {
        return Ok(());
    }
    if links.find(name).is_none() {
        if !wan.is_named() || options.wait_iface {
            return Ok(());
        }
        let error = Error::new("cannot start", "no such interface");
        return Err(match nearest(name, links.names()) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("`ip link` lists the interfaces"),
        });
    }
    if wan.is_named() && !crate::os::link::ipv6_enabled(name) {
        return Err(Error::new("cannot start", "IPv6 is disabled on this interface")
            .hint(format!("enable it: sysctl net.ipv6.conf.{name}.disable_ipv6=0")));
    }
    Ok(())
}

/// One DUID for all interfaces that say the same about it (RFC 9915 §11),
/// even where it cannot be stored.
fn same_duid(
    known: &mut Vec<(Option<DuidChoice>, Duid)>,
    setup: &Setup,
    wan: &Wan,
    links: &Links,
) -> Result<Duid, Error> {
    if wan.anonymous.value {
        // Of this interface alone.
        return duid(setup, wan, links);
    }
    if let Some((_, duid)) = known.iter().find(|(choice, _)| *choice == wan.duid.value) {
        return Ok(duid.clone());
    }
    let duid = duid(setup, wan, links)?;
    known.push((wan.duid.value.clone(), duid.clone()));
    Ok(duid)
}

/// Our DUID: the one given, the stored one, or a new one that is stored.
fn duid(setup: &Setup, wan: &Wan, links: &Links) -> Result<Duid, Error> {
    let choice = wan.duid.value.as_ref();
    let link = links.address_for_duid(&wan.interface.value);
    match (choice, &link) {
        (Some(DuidChoice::Given(duid)), _) => return Ok(duid.clone()),
        (Some(DuidChoice::Ll), Some(link)) => return Ok(Duid::ll(link)),
        (None, _) if wan.anonymous.value => {
            return anonymous::duid(links.link_address(&wan.interface.value).as_ref());
        }
        _ => {}
    }
    let Setup { store, options, .. } = setup;
    if let Some(stored) = stored_duid(store) {
        return check_kind(stored, choice);
    }
    if let Some(duid) = duid_of_leases(store, wan) {
        if !options.dry_run
            && let Err(error) = store.set_duid(&duid)
        {
            warn!("{error}");
        }
        return Ok(duid);
    }
    let made = match &link {
        Some(link) if choice != Some(&DuidChoice::Uuid) => Duid::llt(link, clock::unix_seconds()),
        _ => Duid::uuid(random_uuid(clock::entropy()?)),
    };
    if options.dry_run {
        return Ok(link.map_or(made, |link| Duid::ll(&link)));
    }
    let failed = match store.add_duid(&made) {
        Ok(true) => return Ok(made),
        // Another process was faster, or what is there is no DUID.
        Ok(false) => match stored_duid(store) {
            Some(stored) => return check_kind(stored, choice),
            None => match store.set_duid(&made) {
                Ok(()) => return Ok(made),
                Err(error) => error,
            },
        },
        Err(error) => error,
    };
    // RFC 9915 §11.2: without stable storage a DUID-LLT MUST NOT be used.
    Ok(if let Some(link) = link {
        warn!("{failed}; the DUID is made from the link-layer address alone");
        Duid::ll(&link)
    } else {
        warn!("{failed}; the DUID will be another one after a restart");
        made
    })
}

fn stored_duid(store: &Store) -> Option<Duid> {
    let (stored, warning) = store.duid();
    if let Some(warning) = warning {
        warn!("{warning}");
    }
    stored
}

/// The DUID that leases are kept of: under another one they would be lost. It
/// is not stored itself where there was no room for it when it was made.
fn duid_of_leases(store: &Store, wan: &Wan) -> Option<Duid> {
    let (kept, _) = store.all_leases(&wan.interface.value, clock::now());
    let duid = kept.filter(|kept| kept.record.has_leases())?.duid;
    check_kind(duid, wan.duid.value.as_ref()).ok()
}

/// A stored DUID is kept for ever: all leases hang on it. One of another kind
/// than asked for is neither used nor replaced.
fn check_kind(stored: Duid, choice: Option<&DuidChoice>) -> Result<Duid, Error> {
    // The first two octets are the type.
    let wanted: &[u8] = match choice {
        Some(DuidChoice::Llt) => &[0, 1],
        Some(DuidChoice::Uuid) => &[0, 4],
        _ => &[],
    };
    if stored.octets().starts_with(wanted) {
        return Ok(stored);
    }
    Err(Error::new("cannot use a DUID of this kind", format!("{stored} is stored"))
        .kind(Kind::Usage)
        .hint("leave `duid` out, or remove the file `duid` in the state directory first"))
}

/// A random UUID, version 4 (RFC 9562 §5.4).
fn random_uuid(octets: [u8; 32]) -> [u8; 16] {
    let [a, b, c, d, e, f, version, g, variant, h, i, j, k, l, m, n, ..] = octets;
    let (version, variant) = (version & 0x0f | 0x40, variant & 0x3f | 0x80);
    [a, b, c, d, e, f, version, g, variant, h, i, j, k, l, m, n]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duid_02_a_stored_duid_is_not_replaced_by_one_of_another_kind() {
        let stored: Duid = "000100012b2c3d4e021122334455".parse().unwrap();
        assert_eq!(check_kind(stored.clone(), None), Ok(stored.clone()));
        assert_eq!(check_kind(stored.clone(), Some(&DuidChoice::Llt)), Ok(stored.clone()));
        assert_eq!(check_kind(stored, Some(&DuidChoice::Uuid)).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn duid_04_a_random_uuid_says_so() {
        let uuid = random_uuid([0xff; 32]);
        assert_eq!((uuid[6] >> 4, uuid[8] >> 6), (4, 2));
    }
}
