//! The file: its known keys, and what each of them means.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dhc6c_core::engine::NameUpdate;
use dhc6c_core::snapshot::Mode;
use toml::de::{DeTable, DeValue};

use crate::app::pattern;
use crate::os::error::{Error, Kind};

use super::effective::{Dhcp4o6, Hook, Shared, Wan};
use super::node::{
    Key, Node, Problem, Read, Text, boolean, list, number, parsed, printable, put, string, table,
    walk, word, wrong,
};
use super::setting::{Origin, Setting};
use super::wish::{
    DuidChoice, Fqdn, HostName, MOST_PREFIXES, MOST_SENT, PrefixWish, SentOption, VendorClass,
    requested_code,
};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct File {
    pub(super) shared: Shared,
    pub(super) wans: Vec<Wan>,
}

/// Reads the text of the file at `path`; everything that is wrong with it is
/// reported at once, in the order of the file.
pub(crate) fn parse(path: &Path, text: &str) -> Result<File, Vec<Error>> {
    let mut file = File::default();
    let (tree, broken) = DeTable::parse_recoverable(text);
    let text = Text(text);
    let mut problems = if broken.is_empty() {
        walk(tree.get_ref(), TOP, &mut file, text).err().unwrap_or_default()
    } else {
        // What is no TOML means nothing; guesses about the rest would mislead.
        let problem = |error: &toml::de::Error| Problem {
            at: error.span().map_or(0, |span| span.start),
            why: error.message().replace('\n', ", "),
        };
        broken.iter().map(problem).collect()
    };
    if problems.is_empty() {
        return Ok(file);
    }
    problems.sort_unstable_by_key(|problem| problem.at);
    let error = |Problem { at, why }: Problem| {
        let (line, column) = text.position(at);
        Error::new(format!("{}:{line}:{column}", path.display()), why).kind(Kind::Usage)
    };
    Err(problems.into_iter().map(error).collect())
}

/// The top level.
pub(super) const TOP: &[Key<File>] = &[
    Key::new("state-dir", |file, node, text| {
        put(&mut file.shared.state_directory, node, text, directory(node))
    }),
    Key::new("run-dir", |file, node, text| {
        put(&mut file.shared.run_directory, node, text, directory(node))
    }),
    Key::new("wan", wans),
    Key::new("hooks", |file, node, text| {
        walk(table(node, "the table `[hooks]`")?, HOOKS, &mut file.shared, text)
    }),
    Key::new("dhcp4o6", |file, node, text| {
        walk(table(node, "the table `[dhcp4o6]`")?, DHCP4O6, &mut file.shared.dhcp4o6, text)
    }),
    Key::new("log", |file, node, text| {
        walk(table(node, "the table `[log]`")?, LOG, &mut file.shared, text)
    }),
    Key::new("limits", |file, node, text| {
        walk(table(node, "the table `[limits]`")?, LIMITS, &mut file.shared, text)
    }),
    Key::new("lan", |_, node, _| empty(node, "[[lan]]")),
    Key::new("softwire", |_, node, _| empty(node, "[softwire]")),
    Key::new("metrics", |_, node, _| empty(node, "[metrics]")),
];

/// `[[wan]]`.
pub(super) const WAN: &[Key<Wan>] = &[
    Key::new("interface", |wan, node, text| put(&mut wan.interface, node, text, interface(node))),
    Key::new("mode", |wan, node, text| put(&mut wan.mode, node, text, word(node))),
    Key::new("address", |wan, node, text| put(&mut wan.address, node, text, word(node))),
    Key::new("prefix", |wan, node, text| put(&mut wan.prefix, node, text, prefixes(node, text))),
    Key::new("ia-max-wait", |wan, node, text| {
        put(&mut wan.ia_max_wait, node, text, number(node, 0..=86400))
    }),
    Key::new("rapid-commit", |wan, node, text| {
        put(&mut wan.rapid_commit, node, text, boolean(node))
    }),
    Key::new("request", |wan, node, text| put(&mut wan.request, node, text, codes(node))),
    Key::new("request-only", |wan, node, text| {
        put(&mut wan.request_only, node, text, codes(node).map(Some))
    }),
    Key::new("send", |wan, node, text| put(&mut wan.send, node, text, sent(node))),
    Key::new("duid", |wan, node, text| put(&mut wan.duid, node, text, duid(node))),
    Key::new("iaid", |wan, node, text| {
        put(&mut wan.iaid, node, text, number(node, 0..=u32::MAX).map(Some))
    }),
    Key::new("reconfigure", |wan, node, text| put(&mut wan.reconfigure, node, text, boolean(node))),
    Key::new("release-on-stop", |wan, node, text| {
        put(&mut wan.release_on_stop, node, text, boolean(node))
    }),
    Key::new("keep-on-stop", |wan, node, text| {
        put(&mut wan.keep_on_stop, node, text, boolean(node))
    }),
    Key::new("initial-delay", |wan, node, text| {
        put(&mut wan.initial_delay, node, text, word(node))
    }),
    Key::new("dns", |wan, node, text| put(&mut wan.dns, node, text, word(node))),
    Key::new("metric", |wan, node, text| {
        put(&mut wan.metric, node, text, number(node, 1..=u32::MAX))
    }),
    Key::new("fqdn", |wan, node, text| put(&mut wan.fqdn, node, text, fqdn(node, text).map(Some))),
    Key::new("user-class", |wan, node, text| put(&mut wan.user_class, node, text, classes(node))),
    Key::new("vendor-class", |wan, node, text| {
        put(&mut wan.vendor_class, node, text, vendor_classes(node))
    }),
    Key::new("anonymous", |wan, node, text| put(&mut wan.anonymous, node, text, boolean(node))),
    Key::new("quirks", |wan, node, text| {
        put(&mut wan.quirks, node, text, list(node, "a list of quirks", word))
    }),
    Key::new("priority", |wan, node, text| {
        put(&mut wan.priority, node, text, number(node, 0..=7).map(small).map(Some))
    }),
    Key::new("dscp", |wan, node, text| {
        put(&mut wan.dscp, node, text, number(node, 0..=63).map(small).map(Some))
    }),
    Key::new("table", |wan, node, text| {
        put(&mut wan.table, node, text, number(node, 1..=u32::MAX).map(Some))
    }),
    Key::new("vrf", |wan, node, text| put(&mut wan.vrf, node, text, device(node).map(Some))),
    Key::later("sysctl"),
];

/// `[hooks]`.
pub(super) const HOOKS: &[Key<Shared>] = &[
    Key::new("dir", |shared, node, text| {
        put(&mut shared.hook_directory, node, text, directory(node))
    }),
    Key::new("timeout", |shared, node, text| {
        put(&mut shared.hook_timeout, node, text, number(node, 1..=3600))
    }),
    Key::new("run", |shared, node, text| put(&mut shared.hooks, node, text, hooks(node, text))),
];

/// `[dhcp4o6]`.
pub(super) const DHCP4O6: &[Key<Dhcp4o6>] = &[
    Key::new("enable", |dhcp4o6, node, text| put(&mut dhcp4o6.enable, node, text, boolean(node))),
    Key::new("share", |dhcp4o6, node, text| put(&mut dhcp4o6.share, node, text, boolean(node))),
    Key::new("binding", |dhcp4o6, node, text| put(&mut dhcp4o6.binding, node, text, boolean(node))),
    Key::new("device", |dhcp4o6, node, text| {
        put(&mut dhcp4o6.device, node, text, device(node).map(Some))
    }),
];

/// An entry of `run` in `[hooks]`.
pub(super) const HOOK: &[Key<Hook>] = &[
    Key::new("path", |hook, node, _| {
        hook.path = directory(node)?;
        Ok(())
    }),
    Key::new("style", |hook, node, _| {
        hook.style = word(node)?;
        Ok(())
    }),
    Key::new("on", |hook, node, _| {
        hook.on = list(node, "a list of events", word)?;
        Ok(())
    }),
];

/// `[log]`.
pub(super) const LOG: &[Key<Shared>] = &[
    Key::new("level", |shared, node, text| put(&mut shared.log_level, node, text, word(node))),
    Key::new("format", |shared, node, text| put(&mut shared.log_format, node, text, word(node))),
];

/// `[limits]`: fewer messages or longer spans than RFC 9915 §14.1 allows,
/// never more, so that no setting lets more than 20 out within 20 s.
pub(super) const LIMITS: &[Key<Shared>] = &[
    Key::new("messages", |shared, node, text| {
        put(&mut shared.limit_messages, node, text, number(node, 1..=20))
    }),
    Key::new("seconds", |shared, node, text| {
        put(&mut shared.limit_seconds, node, text, number(node, 20..=86400))
    }),
];

/// An entry of `prefix`.
pub(super) const PREFIX: &[Key<PrefixWish>] = &[
    Key::new("length", |wish, node, _| {
        wish.length = Some(length(node)?);
        Ok(())
    }),
    Key::new("hint", |wish, node, _| {
        let PrefixWish { hint, length, .. } = prefix(node)?;
        wish.hint = hint;
        // A length without a prefix is one wherever it is written.
        wish.length = wish.length.or(length);
        Ok(())
    }),
    Key::new("iaid", |wish, node, _| {
        wish.iaid = Some(number(node, 0..=u32::MAX)?);
        Ok(())
    }),
    Key::new("require", |wish, node, _| {
        wish.require = boolean(node)?;
        Ok(())
    }),
];

/// `fqdn` as a table.
pub(super) const FQDN: &[Key<(Option<HostName>, NameUpdate)>] = &[
    Key::new("name", |(name, _), node, _| {
        *name = Some(host_name(node)?);
        Ok(())
    }),
    Key::new("update", |(_, update), node, _| {
        *update = word(node)?;
        Ok(())
    }),
];

fn wans(file: &mut File, node: &Node<'_>, text: Text<'_>) -> Read<()> {
    let read = list(node, "tables `[[wan]]`", |entry| wan(entry, text));
    let doubles = doubles(node);
    match read {
        Ok(wans) if doubles.is_empty() => {
            file.wans = wans;
            Ok(())
        }
        read => Err(read.err().into_iter().flatten().chain(doubles).collect()),
    }
}

/// The tables whose interface has one already.
fn doubles(node: &Node<'_>) -> Vec<Problem> {
    let DeValue::Array(entries) = node.get_ref() else { return Vec::new() };
    let name = |entry: &Node<'_>| match entry.get_ref() {
        DeValue::Table(table) => table.get("interface")?.get_ref().as_str().map(str::to_owned),
        _ => None,
    };
    let mut known = BTreeSet::new();
    let mut problems = Vec::new();
    for entry in entries {
        if let Some(name) = name(entry)
            && !known.insert(name.clone())
        {
            let why = format!("`{}` has a table `[[wan]]` already", printable(&name));
            problems.push(Problem { at: entry.span().start, why });
        }
    }
    problems
}

fn wan(entry: &Node<'_>, text: Text<'_>) -> Read<Wan> {
    let table = table(entry, "a table `[[wan]]`")?;
    let mut wan = Wan::new(Setting::default(String::new()));
    let mut problems = walk(table, WAN, &mut wan, text).err().unwrap_or_default();
    let at = |key: &str| table.get(key).map_or(entry.span(), toml::Spanned::span);
    let mut complain = |key: &str, why: &str| {
        problems.push(Problem { at: at(key).start, why: why.to_owned() });
    };
    if !table.contains_key("interface") {
        complain("", "`interface` is missing");
    }
    if wan.request.origin != Origin::Default && wan.request_only.origin != Origin::Default {
        complain("request", "stands beside `request-only`: put all codes there");
    }
    if wan.sent_octets() > MOST_SENT {
        complain("send", "more than 512 octets, classes and name included, do not fit");
    }
    if wan.mode.value == Mode::Stateless && !wan.prefix.value.is_empty() {
        complain("prefix", "no prefix can be had with mode `stateless`");
    }
    if wan.keep_on_stop.value && wan.release_on_stop.value {
        complain("release-on-stop", "what `keep-on-stop` leaves in use cannot be released");
    }
    if !wan.has_distinct_iaids() {
        complain("prefix", "two prefixes have the same IAID");
    }
    if problems.is_empty() { Ok(wan) } else { Err(problems) }
}

fn empty(node: &Node<'_>, name: &str) -> Read<()> {
    match node.get_ref() {
        DeValue::Table(table) if table.is_empty() => Ok(()),
        DeValue::Array(entries) if entries.is_empty() => Ok(()),
        _ => wrong(node.span(), format!("`{name}` is not supported yet")),
    }
}

fn directory(node: &Node<'_>) -> Read<PathBuf> {
    const WHAT: &str = "an absolute path";
    let text = string(node, WHAT)?;
    if text.starts_with('/') && !text.contains('\0') {
        return Ok(text.into());
    }
    wrong(node.span(), format!("expected {WHAT}, found `{}`", printable(text)))
}

/// The name of an interface, or a pattern with `*` and `?`.
fn interface(node: &Node<'_>) -> Read<String> {
    name(node, "the name of an interface, or a pattern as in `ppp*`")
}

fn device(node: &Node<'_>) -> Read<String> {
    let name = name(node, "the name of an interface")?;
    if pattern::is_one(&name) {
        return wrong(node.span(), "a pattern makes no sense here");
    }
    Ok(name)
}

fn name(node: &Node<'_>, what: &str) -> Read<String> {
    let name = string(node, what)?;
    if !pattern::is_possible(name) {
        let found = printable(name);
        return wrong(node.span(), format!("`{found}` cannot be the name of an interface"));
    }
    Ok(name.to_owned())
}

fn duid(node: &Node<'_>) -> Read<Option<DuidChoice>> {
    let what = "`auto`, `llt`, `ll`, `uuid` or 3 to 130 octets in hexadecimal";
    if string(node, what)? == "auto" { Ok(None) } else { parsed(node, what).map(Some) }
}

fn prefixes(node: &Node<'_>, text: Text<'_>) -> Read<Vec<PrefixWish>> {
    let wishes = match node.get_ref() {
        DeValue::Array(_) => list(node, "", |entry| prefix_entry(entry, text))?,
        _ => vec![prefix(node)?],
    };
    if wishes.len() > MOST_PREFIXES {
        return wrong(
            node.span(),
            format!("more than {MOST_PREFIXES} prefixes do not fit one message"),
        );
    }
    Ok(wishes)
}

fn prefix_entry(node: &Node<'_>, text: Text<'_>) -> Read<PrefixWish> {
    let DeValue::Table(table) = node.get_ref() else { return prefix(node) };
    let mut wish = PrefixWish::default();
    walk(table, PREFIX, &mut wish, text)?;
    Ok(wish)
}

fn length(node: &Node<'_>) -> Read<u8> {
    // Within 1 to 64, so it fits.
    number(node, 1..=64).map(|length| u8::try_from(length).unwrap_or(64))
}

/// A length, or a text as on the command line.
fn prefix(node: &Node<'_>) -> Read<PrefixWish> {
    if matches!(node.get_ref(), DeValue::Integer(_)) {
        return length(node).map(PrefixWish::of_length);
    }
    parsed(node, "a length of 1 to 64, or a prefix as in `2001:db8::/56`")
}

fn codes(node: &Node<'_>) -> Read<Vec<u16>> {
    list(node, "a list of codes or names of options", |entry| {
        let text = match entry.get_ref() {
            DeValue::Integer(_) => number(entry, 0..=65535)?.to_string(),
            _ => string(entry, "the code or the name of an option")?.to_owned(),
        };
        requested_code(&text)
            .or_else(|why| wrong(entry.span(), format!("`{}`: {why}", printable(&text))))
    })
}

fn sent(node: &Node<'_>) -> Read<Vec<SentOption>> {
    let table = table(node, "a table of codes and hexadecimal as in `{ 15 = \"0003616263\" }`")?;
    let mut sent = Vec::new();
    let mut problems = Vec::new();
    for (code, value) in table {
        let option = string(value, "hexadecimal digits").and_then(|hex| {
            let option = format!("{}:{hex}", code.get_ref()).parse::<SentOption>();
            option.or_else(|why| wrong(code.span(), why))
        });
        match option {
            Ok(option) => sent.push(option),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() && sent.iter().map(SentOption::length).sum::<usize>() > MOST_SENT {
        return wrong(node.span(), format!("more than {MOST_SENT} octets do not fit one message"));
    }
    if problems.is_empty() { Ok(sent) } else { Err(problems) }
}

/// A name, or a table of it and of who tells the DNS.
fn fqdn(node: &Node<'_>, text: Text<'_>) -> Read<Fqdn> {
    let mut said = (None, NameUpdate::Server);
    match node.get_ref() {
        DeValue::Table(table) => walk(table, FQDN, &mut said, text)?,
        _ => said.0 = Some(host_name(node)?),
    }
    let (name, update) = said;
    name.map_or_else(|| wrong(node.span(), "`name` is missing"), |name| Ok(Fqdn { name, update }))
}

fn host_name(node: &Node<'_>) -> Read<HostName> {
    parsed(node, "a name as in `cpe.example.net`")
}

/// A number that was read within the bounds of an octet.
fn small(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// A text, or several.
fn classes(node: &Node<'_>) -> Read<Vec<String>> {
    const WHAT: &str = "a text, or a list of texts";
    let class = |node: &Node<'_>| {
        let text = string(node, WHAT)?;
        if text.is_empty() || text.contains(char::is_control) {
            return wrong(node.span(), "a class is a line of text");
        }
        Ok(text.to_owned())
    };
    match node.get_ref() {
        DeValue::Array(_) => list(node, WHAT, class),
        _ => Ok(vec![class(node)?]),
    }
}

/// Texts by enterprise number.
fn vendor_classes(node: &Node<'_>) -> Read<Vec<VendorClass>> {
    let table = table(node, "a table as in `{ 40808 = \"model\" }`")?;
    let mut classes = Vec::new();
    for (enterprise, texts) in table {
        let Ok(number) = enterprise.get_ref().parse() else {
            return wrong(enterprise.span(), "the number of an enterprise is expected");
        };
        classes.push(VendorClass { enterprise: number, texts: self::classes(texts)? });
    }
    Ok(classes)
}

fn hooks(node: &Node<'_>, text: Text<'_>) -> Read<Vec<Hook>> {
    list(node, "a list of tables as in `{ path = \"/etc/dhc6c/up\" }`", |entry| hook(entry, text))
}

fn hook(entry: &Node<'_>, text: Text<'_>) -> Read<Hook> {
    let table = table(entry, "a table as in `{ path = \"/etc/dhc6c/up\" }`")?;
    let mut hook = Hook::bare();
    walk(table, HOOK, &mut hook, text)?;
    if hook.path.as_os_str().is_empty() {
        return wrong(entry.span(), "`path` is missing");
    }
    Ok(hook)
}

#[cfg(test)]
#[path = "file_tests.rs"]
pub(super) mod tests;
