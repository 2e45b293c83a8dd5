//! The commands that look at what is kept between runs: `lease` and `duid`.
//! They need no running client.

use dhc6c_core::ident::Duid;
use dhc6c_core::record::KnownLease;
use dhc6c_core::time::{Instant, Until};

use crate::os::clock;
use crate::os::error::{Error, Kind};
use crate::os::link::Links;
use crate::os::store::{Kept, Store};

use super::cli::{DuidTask, Global, LeaseTask};
use super::ctl::{json, print};

/// `dhc6c lease [show|flush] [IFACE]`
pub(crate) fn lease(global: &Global, task: LeaseTask) -> Result<(), Error> {
    let store = Store::new(&global.state_dir);
    match task {
        LeaseTask::Show { interface, json: as_json } => show(&store, interface, as_json),
        LeaseTask::Flush { interface } => {
            let mut any = false;
            for name in named(&store, interface.clone()) {
                any |= store.forget_leases(&name)?;
            }
            if any { Ok(()) } else { Err(nothing_kept(interface.as_deref())) }
        }
    }
}

fn show(store: &Store, interface: Option<String>, as_json: bool) -> Result<(), Error> {
    let now = clock::now();
    let mut objects = Vec::new();
    for name in named(store, interface.clone()) {
        let (kept, warning) = store.all_leases(&name, now);
        if let Some(warning) = warning {
            return Err(warning);
        }
        let holds = |kept: &Kept| kept.record.has_leases() || kept.record.ipv4.is_some();
        let Some(kept) = kept.filter(holds) else { continue };
        if !as_json {
            print(text(&name, &kept, now).trim_end())?;
        }
        let times = kept.times_are_known;
        objects.push(serde_json::json!({
            "name": name, "duid": kept.duid, "times_are_known": times, "server": kept.record.server,
            "leases": kept.record.leases().map(|lease| object(lease, now)).collect::<Vec<_>>(),
            "ipv4": kept.record.ipv4.as_ref().map(|lease| serde_json::json!({
                "address": lease.address,
                "valid": (!lease.is_timeless).then(|| lease.valid.left(now)),
            })),
        }));
    }
    if objects.is_empty() {
        return Err(nothing_kept(interface.as_deref()));
    }
    if as_json { print(&json(&objects)) } else { Ok(()) }
}

fn object(lease: &KnownLease, now: Instant) -> serde_json::Value {
    serde_json::json!({
        "lease": lease.lease,
        "preferred": lease.preferred.left(now),
        "valid": lease.valid.left(now),
    })
}

fn text(name: &str, kept: &Kept, now: Instant) -> String {
    let mut text = format!("{name}  DUID {}\n", kept.duid);
    let leases = kept.record.leases().map(|lease| (lease.lease.to_string(), lease.valid, true));
    let ipv4 = kept.record.ipv4.iter();
    let ipv4 = ipv4.map(|lease| (lease.address.to_string(), lease.valid, !lease.is_timeless));
    for (lease, valid, is_known) in leases.chain(ipv4) {
        let until = match valid {
            _ if !(kept.times_are_known && is_known) => "unknown, the clock is not set".to_owned(),
            valid if valid.is_over(now) => "over".to_owned(),
            valid => clock::wall_after(Until::left(valid, now)),
        };
        text.push_str(&format!("  {lease} until {until}\n"));
    }
    text
}

fn named(store: &Store, interface: Option<String>) -> Vec<String> {
    interface.map_or_else(|| store.interfaces(), |name| vec![name])
}

fn nothing_kept(interface: Option<&str>) -> Error {
    let of = interface.map_or_else(String::new, |name| format!(" of {name}"));
    Error::new("no leases", format!("none{of} are kept in the state directory"))
}

/// `dhc6c duid [show|set|new]`
pub(crate) fn duid(global: &Global, task: DuidTask) -> Result<(), Error> {
    let store = Store::new(&global.state_dir);
    let duid = match task {
        DuidTask::Show => match store.duid() {
            (Some(duid), _) => return print(&duid.to_string()),
            (None, Some(warning)) => return Err(warning),
            (None, None) => {
                return Err(Error::new("no DUID", "none is stored yet")
                    .hint("the first run makes one; `dhc6c duid new` does so now"));
            }
        },
        DuidTask::Set { duid } => duid,
        DuidTask::New => new()?,
    };
    store.set_duid(&duid)?;
    print(&duid.to_string())
}

/// A DUID-LLT of the first interface that can give one and of this moment
/// (RFC 9915 §11.2).
fn new() -> Result<Duid, Error> {
    let links = super::runtime()?.block_on(async { Links::open() })?;
    let link = links.address_for_duid("").ok_or_else(|| {
        Error::new("cannot make a DUID", "no interface has a link-layer address")
            .kind(Kind::Runtime)
            .hint("`dhc6c duid set HEX` stores any")
    })?;
    Ok(Duid::llt(&link, clock::unix_seconds()))
}
