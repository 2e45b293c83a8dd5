//! Every key, good and bad.

use std::collections::BTreeSet;

use dhc6c_core::engine::Quirk;

use super::*;
use crate::app::config::effective::Configuration;
use crate::app::config::word::{Style, Word};
use crate::os::resolver::Choice;

/// What is wrong with a text: `line:column: why`.
fn errors(text: &str) -> Vec<String> {
    let name = |error: &Error| error.to_string().trim_start_matches("f:").to_owned();
    match parse(Path::new("f"), text) {
        Ok(_) => Vec::new(),
        Err(errors) => {
            assert!(errors.iter().all(|error| error.kind == Kind::Usage));
            errors.iter().map(name).collect()
        }
    }
}

fn error(text: &str) -> String {
    match &errors(text)[..] {
        [error] => error.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

/// A file with this line in its only `[[wan]]`.
fn wan_with(line: &str) -> String {
    format!("[[wan]]\ninterface = \"eth0\"\n{line}\n")
}

/// Keys with a good value of each kind.
const GOOD: &[(&str, &[&str])] = &[
    ("interface", &[]),
    ("mode", &["\"stateful\"", "\"stateless\"", "\"auto\""]),
    ("address", &["\"try\"", "\"require\"", "\"none\""]),
    (
        "prefix",
        &[
            "56",
            "\"56\"",
            "\"any\"",
            "\"2001:db8::/56\"",
            "[]",
            "[{}]",
            "[56, \"2001:db8::/56\"]",
            "[{ length = 56, iaid = 7, require = true }, { hint = \"2001:db8::/48\" }]",
            "[{ length = 52, hint = \"2001:db8::/48\" }]",
        ],
    ),
    ("ia-max-wait", &["0", "30"]),
    ("rapid-commit", &["true", "false"]),
    ("request", &["[]", "[\"ntp-server\", 103, \"NTP_SERVER\", \"17\"]"]),
    ("request-only", &["[]", "[23]"]),
    ("send", &["{}", "{ 15 = \"0003616263\", vendor-class = \"00:00:AB:cd\" }"]),
    ("duid", &["\"auto\"", "\"llt\"", "\"ll\"", "\"uuid\"", "\"00:03:00:01:02:03\""]),
    ("iaid", &["0", "4294967295", "0x1f", "1_000"]),
    ("reconfigure", &["true", "false"]),
    ("release-on-stop", &["true", "false"]),
    ("keep-on-stop", &["true", "false"]),
    ("initial-delay", &["\"auto\"", "\"always\"", "\"never\""]),
    ("dns", &["\"auto\"", "\"resolved\"", "\"resolvconf\"", "\"none\""]),
    ("metric", &["1", "1024", "4294967295"]),
    (
        "fqdn",
        &[
            "\"cpe\"",
            "\"cpe.example.net\"",
            "\"cpe.\"",
            "{ name = \"cpe\" }",
            "{ name = \"cpe\", update = \"server\" }",
            "{ name = \"cpe\", update = \"client\" }",
            "{ name = \"cpe\", update = \"none\" }",
        ],
    ),
    ("user-class", &["\"abc\"", "[\"a\", \"b\"]", "[]"]),
    ("vendor-class", &["{ 40808 = \"model\" }", "{ 1 = [\"a\", \"b\"], 2 = \"c\" }", "{}"]),
    ("anonymous", &["true", "false"]),
    ("quirks", &["[]", "[\"refused-spoils-renew\", \"length-spoils-lease\"]"]),
    ("priority", &["0", "7"]),
    ("dscp", &["0", "63"]),
    ("table", &["1", "254", "4294967295"]),
    ("vrf", &["\"red\""]),
];

#[test]
fn every_supported_key_of_an_uplink_is_taken() {
    for (name, values) in GOOD {
        for value in *values {
            assert_eq!(
                errors(&wan_with(&format!("{name} = {value}"))),
                [""; 0],
                "{name} = {value}"
            );
        }
    }
    let supported = WAN.iter().filter(|key| key.take.is_some()).map(|key| key.name);
    assert!(supported.eq(GOOD.iter().map(|(name, _)| *name)), "a key is not in the table above");
}

#[test]
fn a_key_that_is_not_built_yet_says_so() {
    for key in WAN.iter().filter(|key| key.take.is_none()) {
        let name = key.name;
        let said = error(&wan_with(&format!("{name} = 1")));
        assert_eq!(said, format!("3:1: `{name}` is not supported yet"));
    }
    for head in ["[[lan]]", "[softwire]", "[metrics]"] {
        let said = error(&format!("{head}\nx = 1\n"));
        assert_eq!(said, format!("1:1: `{head}` is not supported yet"));
    }
    assert_eq!(errors("lan = []\n[dhcp4o6]\n[softwire]\n[metrics]\n"), [""; 0]);
}

#[test]
fn what_is_wanted_of_ipv4_is_one_table_for_all_uplinks() {
    let table = "[dhcp4o6]\nenable = true\nshare = false\nbinding = true\ndevice = \"sw0\"\n";
    let Dhcp4o6 { enable, share, binding, device } =
        parse(Path::new("f"), table).unwrap().shared.dhcp4o6;
    assert_eq!((enable.value, share.value, binding.value), (true, false, true));
    assert_eq!(device.value.as_deref(), Some("sw0"));
    for wrong in ["enable = 1", "share = \"no\"", "device = \"sw*\"", "device = \"\"", "server = 1"]
    {
        assert_eq!(errors(&format!("[dhcp4o6]\n{wrong}\n")).len(), 1, "{wrong}");
    }
}

#[test]
fn every_key_refuses_what_it_cannot_be() {
    let names = WAN.iter().filter(|key| key.take.is_some()).map(|key| key.name);
    for name in names.filter(|name| *name != "interface") {
        for value in
            ["-1", "2024-01-01", "1.5", "\"\\u0007\"", "[[]]", "[2024-01-01]", "[{ x = 1 }]"]
        {
            let said = errors(&wan_with(&format!("{name} = {value}")));
            assert!(!said.is_empty(), "{name} = {value}");
            assert!(said.iter().all(|said| said.starts_with("3:")), "{said:?}");
            assert!(!said.iter().any(|said| said.contains(char::is_control)), "{said:?}");
        }
    }
}

#[test]
fn bad_values_are_explained() {
    let cases = [
        (
            "mode = \"statefull\"",
            "3:8: expected `stateful`, `stateless`, `auto`, found `statefull`: did you mean `stateful`?",
        ),
        ("mode = true", "3:8: expected `stateful`, `stateless`, `auto`, found `true`"),
        ("dns = \"file\"", "3:7: `file` is not supported yet"),
        ("metric = 0", "3:10: expected a number from 1 to 4294967295, found `0`"),
        ("table = 0", "3:9: expected a number from 1 to 4294967295, found `0`"),
        ("vrf = \"re*\"", "3:7: a pattern makes no sense here"),
        ("fqdn = \"a b\"", "3:8: expected a name as in `cpe.example.net`, found `a b`"),
        ("fqdn = { update = \"none\" }", "3:8: `name` is missing"),
        (
            "fqdn = { name = \"cpe\", update = \"nobody\" }",
            "3:33: expected `server`, `client`, `none`, found `nobody`",
        ),
        ("user-class = \"\"", "3:14: a class is a line of text"),
        ("vendor-class = { x = \"a\" }", "3:18: the number of an enterprise is expected"),
        ("dscp = 64", "3:8: expected a number from 0 to 63, found `64`"),
        ("prefix = 65", "3:10: expected a number from 1 to 64, found `65`"),
        ("prefix = [56, 0]", "3:15: expected a number from 1 to 64, found `0`"),
        ("prefix = [{ require = 1 }]", "3:23: expected `true` or `false`, found `1`"),
        ("prefix = [{ iaid = 7 }, { iaid = 7 }]", "3:10: two prefixes have the same IAID"),
        (
            "prefix = [1, 2, 3, 4, 5, 6, 7, 8, 9]",
            "3:10: more than 8 prefixes do not fit one message",
        ),
        ("iaid = 4294967296", "3:8: expected a number from 0 to 4294967295, found `4294967296`"),
        (
            "duid = \"zz\"",
            "3:8: expected `auto`, `llt`, `ll`, `uuid` or 3 to 130 octets in hexadecimal, found `zz`",
        ),
        (
            "request = [1]",
            "3:12: `1`: it belongs to the protocol itself and is not asked for by hand",
        ),
        ("send = { 15 = \"0\" }", "3:10: HEX has an even number of hexadecimal digits"),
        ("rapid-commit = 1", "3:16: expected `true` or `false`, found `1`"),
        ("interfaces = 1", "3:1: unknown key `interfaces`: did you mean `interface`?"),
        ("colour = 1", "3:1: unknown key `colour`"),
        ("mode = \"stateless\"\nprefix = 56", "4:10: no prefix can be had with mode `stateless`"),
        (
            "request = []\nrequest-only = []",
            "3:11: stands beside `request-only`: put all codes there",
        ),
        ("mode = \"stateful\"\nmode = \"stateful\"", "4:1: duplicate key"),
    ];
    for (line, said) in cases {
        assert_eq!(error(&wan_with(line)), said, "{line}");
    }
    let many = format!("send = {{ 17 = \"{}\" }}", "00".repeat(513));
    assert_eq!(error(&wan_with(&many)), "3:8: more than 512 octets do not fit one message");
}

#[test]
fn an_uplink_has_one_good_name() {
    assert_eq!(error("[[wan]]\n"), "1:1: `interface` is missing");
    assert_eq!(error(&wan_with(&wan_with(""))), "3:1: `eth0` has a table `[[wan]]` already");
    assert_eq!(errors("[[wan]]\ninterface = \"ppp*\""), [""; 0]);
    for name in ["", ".", "..", "a/b", "a b", "a:b", "sixteen-letters-"] {
        let said = error(&format!("[[wan]]\ninterface = \"{name}\""));
        assert_eq!(said, format!("2:13: `{name}` cannot be the name of an interface"));
    }
    assert_eq!(error("wan = 1"), "1:7: expected tables `[[wan]]`, found `1`");
    assert_eq!(error("[wan]"), "1:1: expected tables `[[wan]]`, found a table");
}

#[test]
fn what_is_shared_is_taken_or_refused() {
    let good = "state-dir = \"/a\"\nrun-dir = \"/b\"\n[log]\nlevel = \"debug\"\nformat = \"plain\"\n\
                [limits]\nmessages = 1\nseconds = 60\n[hooks]\ndir = \"/c\"\ntimeout = 5\n\
                run = [{ path = \"/d\", style = \"native\", on = [\"bound\", \"stopped\"] }]\n";
    assert_eq!(errors(good), [""; 0]);
    let cases = [
        ("state-dir = \"a\"", "1:13: expected an absolute path, found `a`"),
        ("statedir = \"/a\"", "1:1: unknown key `statedir`: did you mean `state-dir`?"),
        ("log = 1", "1:7: expected the table `[log]`, found `1`"),
        (
            "[log]\nlevel = \"loud\"",
            "2:9: expected `warning`, `info`, `debug`, `trace`, found `loud`",
        ),
        ("[hooks]\ntimeout = 0", "2:11: expected a number from 1 to 3600, found `0`"),
        ("[hooks]\nrun = [{ style = \"native\" }]", "2:8: `path` is missing"),
        (
            "[hooks]\nrun = [{ path = \"/x\", style = \"dhcpcd\" }]",
            "2:31: `dhcpcd` is not supported yet",
        ),
    ];
    for (text, said) in cases {
        assert_eq!(error(text), said, "{text}");
    }
    assert!(
        error("[hooks]\nrun = [{ path = \"/x\", on = [\"bond\"] }]")
            .ends_with("did you mean `bound`?")
    );
}

#[test]
fn tx_03_no_setting_lets_more_than_twenty_messages_out_in_twenty_seconds() {
    for (line, least, most) in [("messages", 1, 20), ("seconds", 20, 86400)] {
        for value in [-1, 0, 1, 19, 20, 21, 86400, 86401] {
            let said = errors(&format!("[limits]\n{line} = {value}"));
            assert_eq!(said.is_empty(), (least..=most).contains(&value), "{line} = {value}");
        }
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_order() {
    let text = "state-dir = 1\n[[wan]]\ninterfce = \"eth0\"\nprefix = [0, {lenght = 1}]\n\
                \u{20}\u{20}request = [\"ü\", 1]; \n";
    let broken = errors(text);
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].starts_with("5:21: "), "{broken:?}");
    let places: Vec<_> = errors(&text.replace(';', ""))
        .iter()
        .map(|said| said.splitn(3, ':').take(2).collect::<Vec<_>>().join(":"))
        .collect();
    assert_eq!(places, ["1:13", "2:1", "3:1", "4:11", "4:15", "5:14", "5:19"]);
}

/// One of everything.
pub(in crate::app::config) const FULL: &str = r#"state-dir = "/a"
[[wan]]
interface = "eth0"
prefix = [56, { length = 60, iaid = 7 }, { hint = "2001:db8::/48", length = 52, require = true }, "any"]
request = ["ntp-server", 103]
send = { 15 = "0003616263" }
duid = "00030001020304"
[[wan]]
interface = "eth1" # the second
mode = """stateless"""
request-only = [ 23, 0x18, ]
dns = 'none'
[hooks]
run = [{ path = "/etc/ü\"", on = ["bound"] }]
[log]
level = "debug"
[limits]
messages = 5
"#;

#[test]
fn no_part_of_a_file_and_no_change_to_it_makes_us_panic() {
    let (mut good, mut bad) = (0, 0);
    let mut count = |text: &str| match parse(Path::new("f"), text) {
        Ok(file) => {
            let File { shared, wans } = file;
            let _ = crate::app::config::show::show(&Configuration { shared, wans });
            good += 1;
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| error.to_string().lines().count() == 1));
            bad += 1;
        }
    };
    let ends: Vec<_> = FULL.char_indices().map(|(at, _)| at).collect();
    for &at in &ends {
        count(&FULL[..at]);
        count(&FULL[at..]);
        for put in ["[", "{", "\"", "=", "\n", "\0", "é", "-9", ".x", "'''"] {
            count(&format!("{}{put}{}", &FULL[..at], &FULL[at..]));
        }
    }
    for deep in ["[", "{a=", "a.", "[["] {
        count(&deep.repeat(20_000));
        count(&format!("wan = {}", deep.repeat(20_000)));
    }
    assert!(good > 20 && bad > 1000, "{good} {bad}");
}

/// The keys that the manual explains: the first bold word after each `.TP`.
fn explained(manual: &str) -> BTreeSet<&str> {
    let items = manual.split(".TP\n").skip(1);
    let heads = items.filter_map(|item| item.lines().next()?.split_once(".B"));
    heads.filter_map(|(_, head)| head.split_whitespace().find(|word| *word != "R")).collect()
}

fn names<T>(keys: &'static [Key<T>], supported: bool) -> impl Iterator<Item = &'static str> {
    keys.iter().filter(move |key| key.take.is_some() == supported).map(|key| key.name)
}

#[test]
fn the_manual_explains_every_supported_key_and_no_other() {
    let manual = include_str!("../../../man/dhc6c.toml.5").replace('\\', "");
    let tables = ["wan", "hooks", "log", "limits", "lan", "dhcp4o6", "softwire", "metrics"];
    let known: BTreeSet<_> = names(TOP, true)
        .filter(|name| !tables.contains(name))
        .chain(names(WAN, true))
        .chain(names(HOOKS, true).chain(names(LOG, true)).chain(names(LIMITS, true)))
        .chain(names(DHCP4O6, true))
        .chain(names(PREFIX, true).chain(names(HOOK, true)).chain(names(FQDN, true)))
        // Explained in the same way, though they are words for a key.
        .chain(<Quirk as Word>::WORDS.iter().map(|(word, _)| *word))
        .collect();
    assert_eq!(explained(&manual), known);
    for table in tables {
        assert!(manual.contains(&format!("[{table}]")), "{table}");
    }
}

#[test]
fn the_manual_says_what_is_not_supported_and_calls_nothing_else_so() {
    let manual = include_str!("../../../man/dhc6c.toml.5").replace('\\', "");
    let (before, said) = manual.split_once(".SH NOT SUPPORTED YET\n").unwrap();
    let said = said.split(".SH ").next().unwrap();
    let bold: BTreeSet<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix(".BR ").or(line.strip_prefix(".B ")))
        .flat_map(|line| line.split([' ', ',', '.', '"']))
        .filter(|word| !word.is_empty() && *word != "and" && !word.starts_with('['))
        .collect();
    let later: BTreeSet<_> = names(WAN, false)
        .chain(<Choice as Word>::LATER.iter().copied())
        .chain(<Style as Word>::LATER.iter().copied())
        // What they are words for.
        .chain(["dns", "style"])
        .collect();
    assert_eq!(bold, later);
    assert!(!before.contains("Not supported yet"));
}

#[test]
fn the_examples_of_the_documents_are_good() {
    let manual = include_str!("../../../man/dhc6c.toml.5").replace('\\', "");
    let example = manual.split(".SH EXAMPLE\n.nf\n").nth(1).unwrap();
    assert_eq!(errors(example.split(".fi").next().unwrap()), [""; 0]);
    let readme = include_str!("../../../README.md");
    let examples: Vec<_> = readme.split("```toml\n").skip(1).collect();
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(errors(example.split("```").next().unwrap()), [""; 0]);
    }
}
