//! What is in effect, in the words of the file, each line with its origin.
//! It can be read as a file again and means the same.

use std::fmt::Write as _;
use std::path::Path;

use dhc6c_core::wire::{code, text};

use super::effective::{Configuration, Hook, Shared, Wan};
use super::setting::{Origin, Setting};
use super::wish::{DuidChoice, Fqdn, PrefixWish, SentOption, VendorClass};
use super::word::Word;

/// Writes everything in effect.
pub(crate) fn show(configuration: &Configuration) -> String {
    let mut page = Page::default();
    page.shared(&configuration.shared);
    configuration.wans.iter().for_each(|wan| page.wan(wan));
    page.0
}

/// Text that grows by lines.
#[derive(Default)]
struct Page(String);

impl Page {
    fn shared(&mut self, shared: &Shared) {
        self.value("state-dir", &shared.state_directory, |path| path_text(path));
        self.value("run-dir", &shared.run_directory, |path| path_text(path));
        self.head("[hooks]");
        self.value("dir", &shared.hook_directory, |path| path_text(path));
        self.value("timeout", &shared.hook_timeout, ToString::to_string);
        self.value("run", &shared.hooks, |hooks| list(hooks, hook));
        let dhcp4o6 = &shared.dhcp4o6;
        self.head("[dhcp4o6]");
        self.value("enable", &dhcp4o6.enable, ToString::to_string);
        self.value("share", &dhcp4o6.share, ToString::to_string);
        self.value("binding", &dhcp4o6.binding, ToString::to_string);
        if let Some(device) = &dhcp4o6.device.value {
            self.line("device", &quoted(device), dhcp4o6.device.origin);
        }
        self.head("[log]");
        self.value("level", &shared.log_level, |&level| word(level));
        self.value("format", &shared.log_format, |&format| word(format));
        self.head("[limits]");
        self.value("messages", &shared.limit_messages, ToString::to_string);
        self.value("seconds", &shared.limit_seconds, ToString::to_string);
    }

    fn wan(&mut self, wan: &Wan) {
        self.head("[[wan]]");
        self.value("interface", &wan.interface, |name| quoted(name));
        self.value("mode", &wan.mode, |&mode| word(mode));
        self.value("address", &wan.address, |&wish| word(wish));
        self.value("prefix", &wan.prefix, |wishes| list(wishes, prefix));
        self.value("ia-max-wait", &wan.ia_max_wait, ToString::to_string);
        self.value("rapid-commit", &wan.rapid_commit, ToString::to_string);
        // Both at once would be refused.
        match &wan.request_only.value {
            None => self.value("request", &wan.request, |codes| list(codes, named)),
            Some(only) => {
                let all: Vec<_> = only.iter().chain(&wan.request.value).copied().collect();
                self.line("request-only", &list(&all, named), wan.request_only.origin);
            }
        }
        self.value("send", &wan.send, |options| sent(options));
        self.value("duid", &wan.duid, |choice| duid(choice.as_ref()));
        self.line("iaid", &wan.first_iaid().0.to_string(), wan.iaid.origin);
        if let Some(name) = &wan.fqdn.value {
            self.line("fqdn", &fqdn(name), wan.fqdn.origin);
        }
        self.value("user-class", &wan.user_class, |texts| list(texts, |text| quoted(text)));
        self.value("vendor-class", &wan.vendor_class, |classes| vendor_classes(classes));
        self.value("anonymous", &wan.anonymous, ToString::to_string);
        self.value("quirks", &wan.quirks, |quirks| list(quirks, |&quirk| word(quirk)));
        for (key, setting) in [("priority", &wan.priority), ("dscp", &wan.dscp)] {
            if let Some(number) = setting.value {
                self.line(key, &number.to_string(), setting.origin);
            }
        }
        if let Some(table) = wan.table.value {
            self.line("table", &table.to_string(), wan.table.origin);
        }
        if let Some(vrf) = &wan.vrf.value {
            self.line("vrf", &quoted(vrf), wan.vrf.origin);
        }
        self.value("reconfigure", &wan.reconfigure, ToString::to_string);
        self.value("release-on-stop", &wan.release_on_stop, ToString::to_string);
        self.value("keep-on-stop", &wan.keep_on_stop, ToString::to_string);
        self.value("initial-delay", &wan.initial_delay, |&when| word(when));
        self.value("dns", &wan.dns, |&choice| word(choice));
        self.value("metric", &wan.metric, ToString::to_string);
    }

    fn head(&mut self, head: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "\n{head}");
    }

    fn value<T>(&mut self, key: &str, setting: &Setting<T>, write: impl FnOnce(&T) -> String) {
        self.line(key, &write(&setting.value), setting.origin);
    }

    fn line(&mut self, key: &str, value: &str, origin: Origin) {
        let _ = writeln!(self.0, "{key} = {value}  # {origin}");
    }
}

fn word(value: impl Word) -> String {
    quoted(value.word())
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn path_text(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn list<T>(values: &[T], write: impl Fn(&T) -> String) -> String {
    format!("[{}]", values.iter().map(write).collect::<Vec<_>>().join(", "))
}

fn prefix(wish: &PrefixWish) -> String {
    let length = wish.length.map(|length| format!("length = {length}"));
    let hint = wish.hint.map(|hint| format!("hint = \"{hint}\""));
    let iaid = wish.iaid.map(|iaid| format!("iaid = {iaid}"));
    let require = wish.require.then(|| "require = true".to_owned());
    match length.into_iter().chain(hint).chain(iaid).chain(require).collect::<Vec<_>>() {
        parts if parts.is_empty() => "{}".to_owned(),
        parts => format!("{{ {} }}", parts.join(", ")),
    }
}

fn fqdn(Fqdn { name, update }: &Fqdn) -> String {
    let name = quoted(&name.to_string());
    format!("{{ name = {name}, update = {} }}", word(*update))
}

/// The name of a code, or the code where it has none.
fn named(code: &u16) -> String {
    code::name(*code).map_or_else(|| code.to_string(), quoted)
}

fn sent(options: &[SentOption]) -> String {
    let options = options.iter().map(|option| {
        let name = code::name(option.code).map_or_else(|| option.code.to_string(), str::to_owned);
        format!("{name} = \"{}\"", text::hex(&option.payload))
    });
    match options.collect::<Vec<_>>() {
        parts if parts.is_empty() => "{}".to_owned(),
        parts => format!("{{ {} }}", parts.join(", ")),
    }
}

fn vendor_classes(classes: &[VendorClass]) -> String {
    let classes = classes
        .iter()
        .map(|class| format!("{} = {}", class.enterprise, list(&class.texts, |text| quoted(text))));
    match classes.collect::<Vec<_>>() {
        parts if parts.is_empty() => "{}".to_owned(),
        parts => format!("{{ {} }}", parts.join(", ")),
    }
}

fn duid(choice: Option<&DuidChoice>) -> String {
    match choice {
        None => quoted("auto"),
        Some(DuidChoice::Llt) => quoted("llt"),
        Some(DuidChoice::Ll) => quoted("ll"),
        Some(DuidChoice::Uuid) => quoted("uuid"),
        Some(DuidChoice::Given(duid)) => quoted(&duid.to_string()),
    }
}

fn hook(hook: &Hook) -> String {
    let on = list(&hook.on, |&event| word(event));
    format!("{{ path = {}, style = {}, on = {on} }}", path_text(&hook.path), word(hook.style))
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
