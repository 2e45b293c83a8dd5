//! What hooks are told of.

use dhc6c_core::engine::Event;
use dhc6c_core::prefix::Prefix;
use dhc6c_core::snapshot::Snapshot;

use super::Uplink;

impl Uplink {
    /// Has the hooks of an event run, if there are any for it.
    pub(super) fn fire(&mut self, event: &Event, snapshot: &Snapshot) {
        let Some(name) = event.hook_name() else { return };
        let old = std::mem::replace(&mut self.told_prefixes, prefixes(snapshot));
        let new = &self.told_prefixes;
        let (name, besides) = match event {
            Event::Updated | Event::Rebound if is_replaced(&old, new) => {
                let besides =
                    vec![("DHC6C_OLD_PREFIX", words(&old)), ("DHC6C_NEW_PREFIX", words(new))];
                ("prefix-replaced", besides)
            }
            Event::DadFailed(address) => (name, vec![("DHC6C_DUPLICATE", address.to_string())]),
            _ => (name, Vec::new()),
        };
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
