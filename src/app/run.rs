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
use crate::os::{clock, permission};

use super::cli::{Global, RunOptions};
use super::config::DuidChoice;
use super::uplink::{Order, Setup, Uplink};
use super::{Failure, ctl};

/// Runs the client on all interfaces until the last of them has ended.
pub(crate) fn run(global: &Global, options: RunOptions) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Error::new("cannot start", error))?;
    LocalSet::new().block_on(&runtime, run_all(global.clone(), options))
}

async fn run_all(global: Global, options: RunOptions) -> Result<(), Failure> {
    let links = Links::open().await?;
    // Misspelt names come first: that needs no permission to be told.
    for name in &options.interfaces {
        let waits = options.wait_iface && links.find(name).is_none();
        if !waits {
            check_interface(name, &links).map_err(|error| Failure::on(name, error))?;
        }
    }
    for name in &options.interfaces {
        permission::check().map_err(|error| Failure::on(name, error))?;
    }
    std::fs::create_dir_all(&global.run_dir).map_err(|error| {
        Error::new(format!("cannot make the directory {}", global.run_dir.display()), error)
    })?;
    let store = Store::new(&global.state_dir);
    // One for all interfaces (RFC 9915 §11).
    let duid = duid(&store, &options, &links)?;
    // Every loop watches for itself; this one was for the beginning.
    drop(links);
    let (reloads, reload_requests) = mpsc::channel(1);
    let names = options.interfaces.clone();
    let writer = Writer::start()?;
    let setup = Rc::new(Setup { global, options, duid, store, writer, reloads });
    let mut process = Process {
        setup,
        uplinks: JoinSet::new(),
        orders: BTreeMap::new(),
        signals: Signals::open()?,
        reloads: reload_requests,
    };
    for name in names {
        process.start(name);
    }
    process.run().await
}

/// The interfaces of a process, and what is told to all of them.
struct Process {
    setup: Rc<Setup>,
    uplinks: JoinSet<Result<(), Failure>>,
    orders: BTreeMap<String, mpsc::UnboundedSender<Order>>,
    signals: Signals,
    reloads: mpsc::Receiver<Asked>,
}

impl Process {
    fn start(&mut self, name: String) {
        let (orders, receiver) = mpsc::unbounded_channel();
        self.orders.insert(name.clone(), orders);
        let setup = Rc::clone(&self.setup);
        self.uplinks.spawn_local(async move {
            match Uplink::open(&setup, &name, receiver).await {
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
                    Told::Reload => self.reload(),
                },
                Some(asked) = self.reloads.recv() => {
                    self.reload();
                    asked.reply(ctl::done_line());
                }
            }
        }
        if let Ok(setup) = Rc::try_unwrap(self.setup) {
            setup.writer.finish();
        }
        outcome
    }

    fn order(&mut self, order: &Order) {
        // Those that have ended need no orders.
        self.orders.retain(|_, orders| orders.send(order.clone()).is_ok());
    }

    fn reload(&self) {
        info!("nothing to reload, there is no configuration file");
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

/// An interface that exists and speaks IPv6.
fn check_interface(name: &str, links: &Links) -> Result<(), Error> {
    if links.find(name).is_none() {
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

/// The name that is most like a misspelt one, if any is like it at all.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.map(|known| (distance(name, known), known)).min()?;
    (near.0 <= 2 && near.0 < near.1.len()).then_some(near.1)
}

/// How many letters have to be changed, added or left out (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, a) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let best = (diagonal + usize::from(a != b)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Our DUID: the one given, the stored one, or a new one that is stored.
fn duid(store: &Store, options: &RunOptions, links: &Links) -> Result<Duid, Error> {
    let choice = options.duid.as_ref();
    let link = options.interfaces.first().and_then(|name| links.link_address(name));
    match (choice, &link) {
        (Some(DuidChoice::Given(duid)), _) => return Ok(duid.clone()),
        (Some(DuidChoice::Ll), Some(link)) => return Ok(Duid::ll(link)),
        _ => {}
    }
    let (stored, warning) = store.duid();
    if let Some(warning) = warning {
        warn!("{warning}");
    }
    if let Some(stored) = stored {
        return check_kind(stored, choice);
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
        .hint("leave --duid out, or remove the file `duid` in the state directory first"))
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
    fn a_misspelt_interface_is_guessed() {
        let names = ["lo", "eth0", "eth1", "wlan0"];
        let guess = |name| nearest(name, names.into_iter());
        assert_eq!(guess("eht0"), Some("eth0"));
        assert_eq!(guess("wan0"), Some("wlan0"));
        assert_eq!(guess("enp3s0"), None);
        assert_eq!(guess("xx"), None, "two letters off of two is no likeness");
    }

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
