//! What hooks are told of.

use dhc6c_core::engine::Event;
use dhc6c_core::prefix::Prefix;
use dhc6c_core::snapshot::Snapshot;

use super::Uplink;

impl Uplink {
    /// Has the hooks of an event run, if there are any for it.
    pub(super) fn fire(&mut self, event: &Event, snapshot: &Snapshot) {
        // An end that leaves everything in place takes nothing away.
        if self.leaves_all && *event == Event::Unbound {
            return;
        }
        let Some(name) = self.hook_event(event, snapshot) else { return };
        let mut besides = Vec::new();
        if name == "prefix-replaced" {
            besides.push(("DHC6C_OLD_PREFIX", words(&self.told_prefixes)));
            besides.push(("DHC6C_NEW_PREFIX", words(&prefixes(snapshot))));
        }
        if let Event::DadFailed(address) = event {
            besides.push(("DHC6C_DUPLICATE", address.to_string()));
        }
        self.told_prefixes = prefixes(snapshot);
        self.fire_named(name, snapshot, besides);
    }

    /// The same for an event of a known name.
    pub(super) fn fire_named(
        &self,
        name: &'static str,
        snapshot: &Snapshot,
        besides: Vec<(&'static str, String)>,
    ) {
        if let Some(hooks) = &self.hooks {
            hooks.fire(name, snapshot, besides);
        }
    }

    fn hook_event(&self, event: &Event, snapshot: &Snapshot) -> Option<&'static str> {
        let replaced = || is_replaced(&self.told_prefixes, &prefixes(snapshot));
        Some(match event {
            Event::Updated | Event::Rebound if replaced() => "prefix-replaced",
            Event::Bound => "bound",
            Event::Updated => "updated",
            Event::Rebound => "rebound",
            Event::Informed => "informed",
            Event::DadFailed(_) => "dad-failed",
            Event::Unbound => "unbound",
            Event::Stopped => "stopped",
            _ => return None,
        })
    }
}

/// A prefix that was told is gone or has had its time, and another is there
/// (RFC 9096 §3.1).
fn is_replaced(old: &[Prefix], new: &[Prefix]) -> bool {
    let gone = old.iter().any(|prefix| !new.contains(prefix));
    gone && new.iter().any(|prefix| !old.contains(prefix))
}

/// The prefixes to use: those whose preferred lifetime is not over.
fn prefixes(snapshot: &Snapshot) -> Vec<Prefix> {
    let fresh = snapshot.prefixes.iter().filter(|prefix| !prefix.preferred.is_zero());
    fresh.map(|prefix| prefix.prefix).collect()
}

fn words(prefixes: &[Prefix]) -> String {
    prefixes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_replaced_when_one_goes_and_another_comes() {
        let prefix = |text: &str| text.parse::<Prefix>().unwrap();
        let (a, b) = (prefix("2001:db8:a::/56"), prefix("2001:db8:b::/56"));
        assert!(is_replaced(&[a], &[b]));
        assert!(!is_replaced(&[a], &[a, b]));
        assert!(!is_replaced(&[a, b], &[a]));
        assert!(!is_replaced(&[], &[a]));
    }
}
