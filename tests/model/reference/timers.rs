//! T1 and T2 (RFC 9915 §14.2, §18.2.4).

use dhc6c_core::time::{Duration, Instant, Lifetime, Until};
use dhc6c_core::wire::{Ia, Message, StatusCode};

use super::stated::{fails, ias, status_of};
use super::{Kind, Reference, SOL_MAX_RT};

/// When a timer runs out: exactly then, or within bounds where the choice is
/// the client's (RFC 9915 §14.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Timer {
    earliest: Until,
    /// Not after.
    pub(super) latest: Until,
}

impl Timer {
    /// A timer that runs out exactly then.
    pub(super) const fn at(until: Until) -> Self {
        Self { earliest: until, latest: until }
    }

    /// True when it may have run out.
    pub(super) fn may_be_over(self, now: Instant) -> bool {
        self.earliest.is_over(now)
    }

    /// What is refused has no T1 and T2, which are zero there: the choice is
    /// the client's (RFC 9915 §14.2). It need not ask for it before `others`
    /// are extended, but has to before it ends: then what was stated last
    /// counts.
    fn beside(self, others: Self, end: Until) -> Self {
        Self {
            earliest: if others.latest < end { Until::Forever } else { self.earliest },
            latest: if others.earliest < end { Until::Forever } else { self.latest },
        }
    }

    fn soonest(self, other: Self) -> Self {
        Self { earliest: self.earliest.min(other.earliest), latest: self.latest.min(other.latest) }
    }
}

/// T1 and T2 of an association whose first lease ends at `end`. Zero is the
/// client's choice, and so is a time at which there is no lease any more.
pub(super) fn timers(now: Instant, ia: &Ia, end: Until) -> (Timer, Timer) {
    let timer = |time: Lifetime| match time.from_start(now) {
        at if !time.is_zero() && (at < end || at == Until::Forever) => Timer::at(at),
        _ => Timer { earliest: Until::At(now + Duration::from_millis(1)), latest: end },
    };
    let (mut t1, t2) = (timer(ia.t1), timer(ia.t2));
    if ia.t1.is_zero() {
        t1.latest = t1.latest.min(t2.latest);
    }
    (t1, t2)
}

impl Reference {
    /// The earliest T1 of all associations (RFC 9915 §18.2.4).
    pub(super) fn t1(&self) -> Timer {
        self.soonest(|(t1, _)| *t1)
    }

    /// The earliest T2.
    pub(super) fn t2(&self) -> Timer {
        self.soonest(|(_, t2)| *t2)
    }

    fn soonest(&self, which: impl Fn(&(Timer, Timer)) -> Timer) -> Timer {
        let never = Timer::at(Until::Forever);
        let others = self.timers.iter().filter(|(kind, _)| !self.refused.contains(kind));
        let others = others.map(|(_, (t1, t2))| t1.soonest(*t2)).fold(never, Timer::soonest);
        let counted = self.timers.iter().map(|(kind, timers)| match which(timers) {
            timer if self.refused.contains(kind) => timer.beside(others, self.end(*kind)),
            timer => timer,
        });
        counted.fold(never, Timer::soonest)
    }

    /// When the first lease of a kind ends.
    fn end(&self, kind: Kind) -> Until {
        let held = self.leases.iter().filter(|((held, _), _)| *held == kind);
        held.map(|(_, held)| held.valid).min().unwrap_or(Until::Forever)
    }

    /// An answer that extends nothing has ended what T1 or T2 began. The next
    /// attempt is limited in its rate and may wait as long as a Solicit in
    /// its place (RFC 9915 §18.2.10.1), but not beyond T2.
    pub(super) fn put_off(&mut self, now: Instant) {
        let again = Until::At(now + SOL_MAX_RT);
        for (t1, t2) in self.timers.values_mut() {
            if t2.latest.is_over(now) {
                t2.latest = again;
            }
            if t1.latest.is_over(now) {
                t1.latest = again.min(t2.latest);
            }
        }
    }

    /// Notes what is refused while another is extended. What a server does not
    /// know is looked for instead (RFC 9915 §18.2.10.1).
    pub(super) fn note_refused(&mut self, message: &Message) {
        for (kind, ia) in ias(message).filter(|(_, ia)| fails(status_of(ia.status()))) {
            self.refused.insert(kind);
            if status_of(ia.status()) == StatusCode::NO_BINDING {
                self.lose_refused(kind);
            }
        }
    }

    /// The server does not know what it has refused beside another: its timers
    /// do not count any more.
    pub(super) fn lose_refused(&mut self, kind: Kind) {
        if self.refused.contains(&kind) {
            self.timers.remove(&kind);
        }
    }

    /// What is refused and long due has to be asked for by then, where it is
    /// what counts from now on.
    pub(super) fn allow_refused(&mut self, then: Instant) {
        let Self { timers, refused, .. } = self;
        let late = timers.iter_mut().filter(|(kind, _)| refused.contains(kind));
        for timer in late.flat_map(|(_, (t1, t2))| [t1, t2]) {
            timer.latest = timer.latest.max(Until::At(then));
        }
    }

    pub(super) fn forget_idle_timers(&mut self) {
        let Self { timers, leases, .. } = self;
        timers.retain(|kind, _| leases.keys().any(|(held, _)| held == kind));
    }
}
