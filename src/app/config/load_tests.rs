//! The file under the command line.

use std::ffi::OsString;

use super::*;
use crate::app::cli::{self, Cli, Task};
use crate::os::file::TestDirectory;

/// What is in effect with this file and these words after `--config FILE`.
fn load_with(text: &str, words: &str) -> Result<Configuration, Vec<Error>> {
    let directory = TestDirectory::new();
    let path = directory.path().join("dhc6c.toml");
    fs::write(&path, text).unwrap();
    let first = ["dhc6c".into(), "run".into(), "--config".into(), path.into()];
    let words = first.into_iter().chain(words.split_whitespace().map(OsString::from));
    match cli::parse(words).unwrap() {
        Cli { global, task: Task::Run(flags) } => load(&global, &flags),
        other => panic!("{other:?}"),
    }
}

fn names(configuration: &Configuration) -> Vec<&str> {
    configuration.wans.iter().map(|wan| wan.interface.value.as_str()).collect()
}

const TWO: &str = "[[wan]]\ninterface = \"eth0\"\nprefix = 56\nreconfigure = false\n\
                   [[wan]]\ninterface = \"eth1\"\nmode = \"stateless\"\n[limits]\nmessages = 3\n";

#[test]
fn names_select_and_the_file_supplies() {
    let all = load_with(TWO, "").unwrap();
    assert_eq!(names(&all), ["eth0", "eth1"]);
    assert!(!all.wans[0].is_named());
    let chosen = load_with(TWO, "eth2 eth1").unwrap();
    assert_eq!(names(&chosen), ["eth2", "eth1"]);
    assert!(chosen.wans[0].is_named() && chosen.wans[1].is_named());
    assert_eq!(chosen.wans[1].mode.origin, Origin::File(7));
    assert_eq!(chosen.wans[0].mode.origin, Origin::Default);
}

#[test]
fn flags_override_the_file() {
    let flags = "--pd=60 --no-na --duid ll --no-dns --initial-delay never --run-dir /r -v --iaid 9";
    let both = load_with(TWO, flags).unwrap();
    assert_eq!(both.shared.run_directory.value, Path::new("/r"));
    assert_eq!(both.shared.log_level.origin, Origin::Flag);
    for wan in &both.wans {
        assert_eq!(wan.prefix.value, ["60".parse().unwrap()]);
        assert_eq!(wan.prefix.origin, Origin::Flag);
        assert_eq!(wan.mode.value, dhc6c_core::snapshot::Mode::Stateful, "a prefix is a lease");
        assert_eq!(wan.iaid.value, Some(9));
    }
    assert!(!both.wans[0].reconfigure.value, "what no flag names stays");
}

#[test]
fn the_engine_does_what_is_in_effect() {
    let Configuration { shared, wans } = load_with(TWO, "").unwrap();
    let duid = "00030001020304".parse::<dhc6c_core::ident::Duid>().unwrap();
    let first = wans[0].engine(&shared, duid.clone(), None, KnownIaids::default(), true);
    assert!(!first.reconfigure_accept && first.initial_delay);
    assert_eq!(first.prefixes.len(), 1);
    assert_eq!(first.prefixes[0].iaid, dhc6c_core::ident::Iaid::of_interface("eth0"));
    assert_eq!(first.request, [23, 24, 31, 56]);
    let second = wans[1].engine(&shared, duid.clone(), None, KnownIaids::default(), false);
    assert!(second.address.is_none() && second.prefixes.is_empty());
    let only =
        "[[wan]]\ninterface = \"a\"\nrequest-only = [23]\naddress = \"none\"\nprefix = \"any\"";
    let Configuration { shared, wans } = load_with(only, "--request 103").unwrap();
    let engine = wans[0].engine(&shared, duid, None, KnownIaids::default(), false);
    assert_eq!(engine.request, [23, 103]);
    assert!(engine.address.is_none());
}

#[test]
fn two_loads_are_equal_unless_something_changed() {
    let moved = format!("# a comment\n\n{TWO}");
    assert_eq!(load_with(TWO, "").unwrap(), load_with(&moved, "").unwrap());
    let changed = TWO.replace("prefix = 56", "prefix = 57");
    let (old, new) = (load_with(TWO, "").unwrap(), load_with(&changed, "").unwrap());
    assert_ne!(old.wans[0], new.wans[0]);
    assert_eq!(old.wans[1], new.wans[1]);
}

#[test]
fn what_cannot_be_run_is_refused() {
    let error = |text: &str, words: &str| match load_with(text, words) {
        Err(errors) => {
            assert!(errors.iter().all(|error| error.kind == Kind::Usage));
            errors[0].to_string()
        }
        Ok(configuration) => panic!("{:?}", names(&configuration)),
    };
    assert!(error("", "").contains("no interface is named"));
    for words in ["--once", "--once eth0"] {
        assert!(load_with(TWO, words).is_ok(), "{words}");
    }
    let all = "[[wan]]\ninterface = \"ppp*\"\nmode = \"auto\"";
    assert!(error(all, "--once").contains("pattern"));
    assert!(load_with(all, "--once ppp7").is_ok());
    assert_eq!(error("", "--no-na eth0"), "command line: nothing is asked for on eth0");
    assert!(load_with("", "--no-na --pd eth0").is_ok());
    assert!(load_with("", "--no-na --auto eth0").is_ok());
    assert_eq!(load_with("a = 1\nb = 2\n", "eth0").unwrap_err().len(), 2);
    let two = "[[wan]]\ninterface = \"a\"\nprefix = [{}, { iaid = 8 }]";
    assert!(error(two, "--iaid 8").contains("--iaid"));
}

#[test]
fn a_pattern_gives_its_settings_to_every_name_that_fits_and_has_none_of_its_own() {
    let text = "[[wan]]\ninterface = \"ppp*\"\nprefix = 56\n\
                [[wan]]\ninterface = \"ppp1\"\nprefix = 60\n";
    let length = |words: &str| {
        let Configuration { wans, .. } = load_with(text, words).unwrap();
        assert!(wans.iter().all(|wan| !wan.is_pattern()));
        wans[0].prefix.value.first().and_then(|wish| wish.length)
    };
    assert_eq!((length("ppp0"), length("ppp1"), length("eth0")), (Some(56), Some(60), None));
    let all = load_with(text, "").unwrap();
    assert_eq!(names(&all), ["ppp*", "ppp1"]);
    assert_eq!(all.wans[0].of("ppp9").interface.value, "ppp9");
}

#[test]
fn what_stays_in_use_is_not_released() {
    let both = "[[wan]]\ninterface = \"a\"\nkeep-on-stop = true\nrelease-on-stop = true";
    let errors = load_with(both, "").unwrap_err();
    assert!(errors[0].to_string().contains("cannot be released"), "{}", errors[0]);
    let stop = |text: &str, words: &str| {
        let Configuration { wans, .. } = load_with(text, words).unwrap();
        (wans[0].keep_on_stop.value, wans[0].release_on_stop.value)
    };
    let release = "[[wan]]\ninterface = \"a\"\nrelease-on-stop = true";
    let keep = "[[wan]]\ninterface = \"a\"\nkeep-on-stop = true";
    assert_eq!((stop(release, "--keep"), stop(keep, "--release")), ((true, false), (false, true)));
    assert_eq!((stop(release, ""), stop(keep, "")), ((false, true), (true, false)));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_that_names_it() {
    let directory = TestDirectory::new();
    let path = directory.path().join("absent");
    assert!(read(&path).unwrap_err()[0].to_string().contains("absent"));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(read(&path).is_err());
    fs::write(&path, vec![b'#'; 1 << 20]).unwrap();
    assert!(read(&path).is_ok());
    fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(read(&path).is_err());
    assert!(read(directory.path()).is_err());
}
