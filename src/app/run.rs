//! `dhc6c run`: what happens before and after the loops of the interfaces.

use std::rc::Rc;

use dhc6c_core::ident::Duid;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tracing::{info, warn};

use crate::os::error::{Error, Kind};
use crate::os::link::Links;
use crate::os::store::Store;
use crate::os::{clock, permission};

use super::Failure;
use super::cli::{Global, RunOptions};
use super::config::{self, Configuration, DuidChoice, Wan};
use super::nearest::nearest;
use super::uplink::{Setup, Uplink};

/// Runs the client on all interfaces until the last of them has ended.
pub(crate) fn run(mut global: Global, options: RunOptions) -> Result<(), Failure> {
    let configuration = config::load(&global, &options)?;
    global.take_directories(&configuration.shared);
    super::log::start(configuration.shared.log_level.value);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Error::new("cannot start", error))?;
    LocalSet::new().block_on(&runtime, run_all(global, options, configuration))
}

async fn run_all(
    global: Global,
    options: RunOptions,
    configuration: Configuration,
) -> Result<(), Failure> {
    let Configuration { shared, wans } = configuration;
    let links = Links::open().await?;
    // Misspelt names come first: that needs no permission to be told.
    for wan in &wans {
        check_interface(wan, &links).map_err(|error| Failure::on(&wan.interface.value, error))?;
    }
    for wan in &wans {
        permission::check().map_err(|error| Failure::on(&wan.interface.value, error))?;
    }
    std::fs::create_dir_all(&global.run_dir).map_err(|error| {
        Error::new(format!("cannot make the directory {}", global.run_dir.display()), error)
    })?;
    let (stop, stopped) = watch::channel(false);
    let setup = Rc::new(Setup { global, options, shared, stop: stopped });
    let mut uplinks = JoinSet::new();
    let mut duids = Vec::new();
    for wan in wans {
        let name = wan.interface.value.clone();
        let duid = same_duid(&mut duids, &setup.global, &wan, &links)
            .map_err(|error| Failure::on(&name, error))?;
        let setup = Rc::clone(&setup);
        uplinks.spawn_local(async move {
            match Uplink::open(&setup, &wan, duid).await {
                Ok(uplink) => uplink.run().await,
                Err(error) => Err(error),
            }
            .map_err(|error| Failure::on(&name, error))
        });
    }
    // Every loop watches for itself; this one was for the beginning.
    drop(links);
    join(uplinks, stop).await
}

/// Waits for the loops to end; a signal or a failure ends them all.
async fn join(
    mut uplinks: JoinSet<Result<(), Failure>>,
    stop: watch::Sender<bool>,
) -> Result<(), Failure> {
    let mut signals = Signals::open()?;
    let mut outcome = Ok(());
    loop {
        tokio::select! {
            ended = uplinks.join_next() => match ended {
                None => return outcome,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(failure))) => {
                    outcome = outcome.and(Err(failure));
                    stop.send_replace(true);
                }
                // A bug, and no reason to leave the others unattended.
                Some(Err(panic)) => {
                    outcome = outcome.and(Err(Error::new("internal error", panic).into()));
                    stop.send_replace(true);
                }
            },
            name = signals.stop() => {
                info!("{name}: stopping");
                stop.send_replace(true);
            }
        }
    }
}

/// The signals of the contract.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn open() -> Result<Self, Error> {
        let open = |kind| signal(kind).map_err(|e| Error::new("cannot watch signals", e));
        Ok(Self {
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
            hangup: open(SignalKind::hangup())?,
        })
    }

    /// Waits until one asks to stop.
    async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => {
                    info!("SIGHUP: nothing to reload, there is no configuration file");
                }
            }
        }
    }
}

/// An interface that exists and speaks IPv6, or one of the file that is
/// waited for.
fn check_interface(wan: &Wan, links: &Links) -> Result<(), Error> {
    let name = wan.interface.value.as_str();
    if links.find(name).is_none() {
        if !wan.is_named() {
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
    global: &Global,
    wan: &Wan,
    links: &Links,
) -> Result<Duid, Error> {
    if let Some((_, duid)) = known.iter().find(|(choice, _)| *choice == wan.duid.value) {
        return Ok(duid.clone());
    }
    let duid = duid(global, wan, links)?;
    known.push((wan.duid.value.clone(), duid.clone()));
    Ok(duid)
}

/// Our DUID: the one given, the stored one, or a new one that is stored.
fn duid(global: &Global, wan: &Wan, links: &Links) -> Result<Duid, Error> {
    let choice = wan.duid.value.as_ref();
    let link = links.link_address(&wan.interface.value);
    match (choice, &link) {
        (Some(DuidChoice::Given(duid)), _) => return Ok(duid.clone()),
        (Some(DuidChoice::Ll), Some(link)) => return Ok(Duid::ll(link)),
        _ => {}
    }
    let store = Store::new(&global.state_dir);
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
