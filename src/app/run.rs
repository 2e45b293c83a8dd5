//! `dhc6c run`: what happens before and after the loops of the interfaces.

use std::collections::BTreeMap;
use std::rc::Rc;

use dhc6c_core::ident::Duid;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};
use tracing::{info, warn};

use crate::os::control::Asked;
use crate::os::error::{Error, Kind};
use crate::os::link::Links;
use crate::os::store::Store;
use crate::os::writer::Writer;
use crate::os::{child, clock, permission};

use super::cli::{Global, RunOptions};
use super::config::{self, Configuration, DuidChoice, Shared, Wan};
use super::nearest::nearest;
use super::uplink::{Order, Settings, Setup, Uplink};
use super::{Failure, ctl};

/// Runs the client on all interfaces until the last of them has ended.
pub(crate) fn run(mut global: Global, options: RunOptions) -> Result<(), Failure> {
    permission::check_descriptors()?;
    child::keep_what_we_inherited();
    let configuration = config::load(&global, &options)?;
    let Shared { log_level, log_format, .. } = &configuration.shared;
    super::log::start(log_level.value, log_format.value, global.color);
    global.take_directories(&configuration.shared);
    LocalSet::new().block_on(&super::runtime()?, run_all(global, options, configuration))
}

async fn run_all(
    global: Global,
    options: RunOptions,
    configuration: Configuration,
) -> Result<(), Failure> {
    let links = Links::open().await?;
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
    let (reloads, reload_requests) = mpsc::channel(1);
    let store = Store::new(&global.state_dir);
    let writer = Writer::start()?;
    let mut process = Process {
        setup: Rc::new(Setup { global, options, store, writer, reloads }),
        uplinks: JoinSet::new(),
        running: BTreeMap::new(),
        duids: Vec::new(),
        signals: Signals::open()?,
        reloads: reload_requests,
        shared: configuration.shared,
    };
    process.bring_about(configuration.wans, links)?;
    process.run().await
}

/// The interfaces of a process, and what is told to all of them.
struct Process {
    setup: Rc<Setup>,
    uplinks: JoinSet<Result<(), Failure>>,
    running: BTreeMap<String, Running>,
    /// Every DUID in use, with the wish that led to it.
    duids: Vec<(Option<DuidChoice>, Duid)>,
    signals: Signals,
    reloads: mpsc::Receiver<Asked>,
    shared: Shared,
}

/// An uplink that runs.
struct Running {
    settings: Rc<Settings>,
    orders: mpsc::UnboundedSender<Order>,
}

impl Process {
    /// Starts the uplinks that do not run yet, tells the others what is new,
    /// and stops those that are wanted no more. Every uplink watches links
    /// for itself; the first that starts goes on with these.
    fn bring_about(&mut self, wans: Vec<Wan>, links: Links) -> Result<(), Failure> {
        self.running.retain(|_, running| !running.orders.is_closed());
        let names: Vec<_> = wans.iter().map(|wan| wan.interface.value.clone()).collect();
        let mut starting = Vec::new();
        for wan in wans {
            let name = wan.interface.value.clone();
            let duid = same_duid(&mut self.duids, &self.setup, &wan, &links)
                .map_err(|error| Failure::on(&name, error))?;
            let settings = Rc::new(Settings { shared: self.shared.clone(), wan, duid });
            match self.running.get_mut(&name) {
                Some(running) if running.settings == settings => {}
                Some(running) => {
                    running.settings = Rc::clone(&settings);
                    // One that ends at this moment needs no settings.
                    let _ = running.orders.send(Order::Configure(settings));
                }
                None => starting.push((name, settings)),
            }
        }
        let mut links = Some(links);
        for (name, settings) in starting {
            self.start(name, settings, links.take());
        }
        for (name, running) in &self.running {
            if !names.contains(name) {
                let _ = running.orders.send(Order::Stop);
            }
        }
        Ok(())
    }

    fn start(&mut self, name: String, settings: Rc<Settings>, links: Option<Links>) {
        let (orders, receiver) = mpsc::unbounded_channel();
        let running = Running { settings: Rc::clone(&settings), orders };
        self.running.insert(name.clone(), running);
        let setup = Rc::clone(&self.setup);
        self.uplinks.spawn_local(async move {
            match Uplink::open(&setup, settings, receiver, links).await {
                Ok(uplink) => uplink.run().await,
                Err(error) => Err(error),
            }
            .map_err(|error| Failure::on(&name, error))
        });
    }

    /// Waits for the loops to end; a failure ends them all.
    async fn run(mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        loop {
            tokio::select! {
                ended = self.uplinks.join_next() => match ended {
                    None => break,
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(failure))) => {
                        outcome = outcome.and(Err(failure));
                        self.order(&Order::Stop);
                    }
                    // A bug, and no reason to leave the others unattended.
                    Some(Err(panic)) => {
                        outcome = outcome.and(Err(Error::new("internal error", panic).into()));
                        self.order(&Order::Stop);
                    }
                },
                told = self.signals.next() => match told {
                    Told::Order(order) => self.order(&order),
                    Told::Reload => _ = self.reload().await,
                },
                Some(asked) = self.reloads.recv() => {
                    asked.reply(match self.reload().await {
                        Ok(()) => ctl::done_line(),
                        Err(why) => ctl::refused_line(&why),
                    });
                }
            }
        }
        if let Ok(setup) = Rc::try_unwrap(self.setup) {
            setup.writer.finish();
        }
        outcome
    }

    fn order(&self, order: &Order) {
        for running in self.running.values() {
            // Those that have ended need no orders.
            let _ = running.orders.send(order.clone());
        }
    }

    /// Reads the configuration again and applies what is new in it. One that
    /// is broken changes nothing; the reasons are logged and given.
    async fn reload(&mut self) -> Result<(), String> {
        let done = self.try_reload().await;
        match &done {
            Ok(()) => info!("the configuration was read again"),
            Err(why) => warn!("the configuration stays as it is: {why}"),
        }
        done
    }

    async fn try_reload(&mut self) -> Result<(), String> {
        let Setup { global, options, .. } = &*self.setup;
        let Configuration { shared, wans } =
            config::load(global, options).map_err(|errors| in_words(&errors))?;
        let links = Links::open().await.map_err(|error| error.to_string())?;
        for name in shared.needs_restart(&self.shared) {
            warn!("a new {name} takes effect at the next start");
        }
        self.shared = shared;
        self.bring_about(wans, links).map_err(|failure| in_words(&failure.errors))
    }
}

fn in_words(errors: &[Error]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
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
    if !crate::os::link::ipv6_enabled(name) {
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
    let link = links.link_address(&wan.interface.value);
    match (choice, &link) {
        (Some(DuidChoice::Given(duid)), _) => return Ok(duid.clone()),
        (Some(DuidChoice::Ll), Some(link)) => return Ok(Duid::ll(link)),
        // RFC 7844 §4.3: what the link knows of us anyhow.
        (None, Some(link)) if wan.anonymous.value => return Ok(Duid::ll(link)),
        _ => {}
    }
    let Setup { store, options, .. } = setup;
    let (stored, warning) = store.duid();
    if let Some(warning) = warning {
        warn!("{warning}");
    }
    if let Some(stored) = stored {
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
    match (store.set_duid(&made), link) {
        (Ok(()), _) => Ok(made),
        // RFC 9915 §11.2: without stable storage a DUID-LLT MUST NOT be used.
        (Err(error), Some(link)) => {
            warn!("{error}; the DUID is made from the link-layer address alone");
            Ok(Duid::ll(&link))
        }
        (Err(error), None) => {
            warn!("{error}; the DUID will be another one after a restart");
            Ok(made)
        }
    }
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
