//! The lease file: octets give leases or a reason, and whatever the leases
//! say, a client goes on with them.

#[path = "../../../src/os/store/leases.rs"]
mod leases;

use dhc6c_core::engine::{Interface, Restored};
use dhc6c_core::ident::Duid;
use dhc6c_core::record::Record;
use dhc6c_core::time::{Duration, Instant};
use leases::{Kept, Moment};

use super::subject::{Subject, wants_all};

/// The boot that the files of the corpus were written in.
const BOOT: &str = "this";
/// Within 2027, in seconds since the Unix epoch.
const WALL: u64 = 1_800_000_000;

/// What is read is written and read again as it was, and a client that is
/// restored with it lives by the rules until everything has ended.
pub fn check(octets: &[u8]) {
    for boot in [BOOT, "another"] {
        let moment = present(boot);
        let Ok(kept) = leases::read(octets, &moment) else { return };
        let written = leases::write(&kept.duid, kept.record.clone(), &moment);
        let again = leases::read(&written, &moment).expect("what is written is read");
        assert_eq!((&again.duid, &again.record), (&kept.duid, &kept.record));
        for in_use in [false, true] {
            go_on(kept.clone(), in_use, moment.now);
        }
    }
}

/// A file that a client of the checks writes of what it holds.
pub fn file(duid: &Duid, record: Record) -> Vec<u8> {
    leases::write(duid, record, &present(BOOT))
}

fn present(boot: &str) -> Moment {
    Moment { boot: boot.to_owned(), now: Instant::from_millis(3_000_000), wall: WALL }
}

fn go_on(kept: Kept, in_use: bool, now: Instant) {
    let Kept { duid, mut record, times_are_known } = kept;
    let mut config = wants_all(duid);
    // What the file has is what is wanted, or nothing of it would be used.
    for (wanted, known) in config.prefixes.iter_mut().zip(&mut record.associations) {
        known.iaid = wanted.iaid;
    }
    let restored = Restored { record, in_use, times_are_known };
    let interface = Interface::restore(config.clone(), [7; 32], restored, now);
    let mut subject = Subject::of(interface, config, now);
    subject.link(true);
    subject.advance(Duration::from_secs(120));
    subject.is_answered = true;
    subject.advance(Duration::from_secs(20_000));
    subject.finish();
}
