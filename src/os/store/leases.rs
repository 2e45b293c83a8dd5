//! The lease file: what stands in it, and what of that holds in this boot.
//!
//! Nothing in here touches a file or a clock.

use dhc6c_core::ident::Duid;
use dhc6c_core::record::{self, Record};
use dhc6c_core::time::Instant;
use serde::{Deserialize, Serialize};

/// The version that is written and understood.
const VERSION: u32 = 1;

/// Leases that were kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    /// Whose they are.
    pub(crate) duid: Duid,
    /// What was held, in the time of this boot.
    pub(crate) record: Record,
    /// Its ends can be relied on: no reboot lies between, or the clock knows
    /// how long that took.
    pub(crate) times_are_known: bool,
}

/// Now, in all three ways.
pub(crate) struct Moment {
    /// Which boot this is.
    pub(crate) boot: String,
    /// The time of this boot.
    pub(crate) now: Instant,
    /// Seconds since the Unix epoch, as far as the clock knows.
    pub(crate) wall: u64,
}

/// The file.
#[derive(Deserialize, Serialize)]
struct Document {
    version: u32,
    /// Which boot the record's instants belong to.
    boot: String,
    /// When it was made, in seconds since the Unix epoch.
    wall: u64,
    /// The client that holds the leases.
    duid: Duid,
    record: Record,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// What to write of the leases that `duid` holds.
pub(crate) fn write(duid: &Duid, record: Record, present: &Moment) -> Vec<u8> {
    let (boot, wall) = (present.boot.clone(), present.wall);
    let document = Document { version: VERSION, boot, wall, duid: duid.clone(), record };
    // Our own types always have a JSON form.
    serde_json::to_vec(&document).unwrap_or_default()
}

/// What a file holds at `present`.
///
/// # Errors
/// Why it cannot be used: no JSON, of another version, or not whole.
pub(crate) fn read(octets: &[u8], present: &Moment) -> Result<Kept, String> {
    let head: Head = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
    if head.version != VERSION {
        return Err(format!("its version is {}, not {VERSION}", head.version));
    }
    let document: Document = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
    Ok(kept(document, present))
}

/// Leases of this boot are read as they are: its clock never steps. Those of
/// another are as much older as the wall clock says, unless that cannot be
/// right.
fn kept(document: Document, present: &Moment) -> Kept {
    let Document { boot, wall, duid, record, .. } = document;
    if boot == present.boot {
        return Kept { duid, record, times_are_known: true };
    }
    let elapsed = record::time_off(wall, present.wall);
    let record = record.moved(present.now, elapsed.unwrap_or_default());
    Kept { duid, record, times_are_known: elapsed.is_some() }
}

#[cfg(test)]
mod tests {
    use dhc6c_core::time::Duration;

    use super::*;

    /// 2026-12-01 UTC: a clock that is set.
    const SET: u64 = 1_796_083_200;

    /// A record with something in it, made 100 s after boot.
    fn record() -> Record {
        let text = r#"{"at":100000,"server":null,"associations":[{"kind":"prefix","iaid":7,
            "t1":{"At":150000},"t2":{"At":180000},"leases":[{"lease":"2001:db8:8000::/56",
            "exclude":null,"preferred":{"At":200000},"valid":{"At":300000}}]}],
            "sol_max_rt":null,"inf_max_rt":null,"options":""}"#;
        serde_json::from_str(text).unwrap()
    }

    fn ours() -> Duid {
        "000100012b2c3d4e021122334455".parse().unwrap()
    }

    fn document(boot: &str, wall: u64) -> Document {
        let boot = boot.to_owned();
        Document { version: VERSION, boot, wall, duid: ours(), record: record() }
    }

    fn present(wall: u64) -> Moment {
        Moment { boot: "now".to_owned(), now: Instant::from_millis(5000), wall }
    }

    #[test]
    fn fin_03_a_reboot_costs_the_time_that_it_took() {
        let same = kept(document("now", 5), &present(0));
        assert_eq!(same, Kept { duid: ours(), record: record(), times_are_known: true });
        let wall = SET;
        let later = kept(document("before", wall), &present(wall + 60));
        assert!(later.times_are_known);
        let moved = record().moved(Instant::from_millis(5000), Duration::from_secs(61));
        assert_eq!(later.record, moved);
    }

    #[test]
    fn fin_03_a_clock_that_cannot_be_right_knows_no_times() {
        let wall = SET;
        // It runs backwards; it has not been set since 1970, then or now.
        for (then, now) in [(wall, wall - 1), (wall, 5), (3, 5), (3, wall)] {
            assert!(!kept(document("before", then), &present(now)).times_are_known);
        }
    }

    /// What was kept in this boot needs no wall clock; what was kept in
    /// another keeps its times only where that clock has not stepped, and the
    /// leases themselves whatever it says.
    #[test]
    fn fin_03_a_wall_clock_that_steps_by_fifty_years() {
        const FIFTY_YEARS: i64 = 50 * 365 * 86_400;
        let steps = [-FIFTY_YEARS, 0, FIFTY_YEARS];
        for (then, now) in steps.into_iter().flat_map(|then| steps.map(|now| (then, now))) {
            let (made, present) =
                (SET.saturating_add_signed(then), present((SET + 60).saturating_add_signed(now)));
            let same = kept(document("now", made), &present);
            assert_eq!(same, Kept { duid: ours(), record: record(), times_are_known: true });

            let other = kept(document("before", made), &present);
            // A clock that is wrong by the same then and now still counts
            // seconds, unless it says that it was never set.
            let is_known = then == now && then >= 0;
            assert_eq!(other.times_are_known, is_known, "{then} then, {now} now");
            let off = Duration::from_secs(if is_known { 61 } else { 0 });
            assert_eq!(other.record, record().moved(Instant::from_millis(5000), off));
            assert!(other.record.leases().all(|lease| !lease.valid.is_over(present.now)));
        }
    }

    /// The file is a contract: what this version wrote, every later one reads.
    #[test]
    fn the_format_of_the_lease_file_is_pinned() {
        let text = serde_json::to_string(&document("b", 7)).unwrap();
        assert!(
            text.starts_with("{\"version\":1,\"boot\":\"b\",\"wall\":7,\"duid\":\"0001"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Document>(&text).unwrap().record, record());
    }
}
