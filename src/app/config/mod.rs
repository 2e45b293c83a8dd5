//! From the file and the command line to what the engine and the shell need:
//! typed, checked once.
//!
//! [`load`] gives the whole of it, now and after each reload; two
//! [`Configuration`]s can be compared. Every value is a [`Setting`]: it knows
//! whether it is the default, or which line or flag said so.

mod effective;
mod file;
mod node;
mod setting;
mod show;
mod wish;
mod word;

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::os::error::{Error, Kind};

use super::Failure;
use super::cli::{Global, RunOptions};
use super::ctl::print;
use super::pattern;

use self::file::File;
use self::setting::Origin;

pub(crate) use self::effective::{
    Configuration, KnownIaids, RUN_DIRECTORY, STATE_DIRECTORY, Shared, Wan,
};
pub(crate) use self::setting::Setting;
pub(crate) use self::wish::{
    DuidChoice, MOST_PREFIXES, MOST_SENT, PrefixWish, SentOption, requested_code,
};

/// The file that is read when none is named and this one exists.
pub(crate) const DEFAULT_FILE: &str = "/etc/dhc6c.toml";

/// The longest file that is read, in octets.
const LONGEST: u64 = 1 << 20;

/// Reads the file, if there is one, and puts the command line over it. Names
/// on the command line select uplinks; without any, all of the file are
/// meant. Everything that is wrong is reported at once.
pub(crate) fn load(global: &Global, flags: &RunOptions) -> Result<Configuration, Vec<Error>> {
    let File { shared, wans } = match &global.config {
        Some(path) => read(path)?,
        None if Path::new(DEFAULT_FILE).exists() => read(Path::new(DEFAULT_FILE))?,
        None => File::default(),
    };
    let wans = select(wans, &flags.interfaces).map(|wan| wan.with_flags(flags)).collect();
    let shared = shared.with_flags(global, &flags.hook, flags.dhcp4o6);
    let configuration = Configuration { shared, wans };
    check(&configuration, flags).map_err(|error| vec![error])?;
    Ok(configuration)
}

/// Makes a command that talks to a running client look where the file says
/// that it is. What is wrong with the file is not this command's matter.
pub(crate) fn find_daemon(global: &mut Global) {
    let file = global.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let shared = read(file).unwrap_or_default().shared.with_flags(global, &[], false);
    global.take_directories(&shared);
}

/// `dhc6c config check`: one line where all is well.
pub(crate) fn check_file(global: &Global, path: Option<PathBuf>) -> Result<(), Failure> {
    let path = path.or_else(|| global.config.clone()).unwrap_or_else(|| DEFAULT_FILE.into());
    let file = read(&path)?;
    let uplinks = match file.wans.len() {
        1 => "1 uplink".to_owned(),
        count => format!("{count} uplinks"),
    };
    Ok(print(&format!("{}: ok, {uplinks}", path.display()))?)
}

/// `dhc6c config show`: what is in effect, and where it came from.
pub(crate) fn show_effective(global: &Global, flags: &RunOptions) -> Result<(), Failure> {
    let configuration = load(global, flags)?;
    Ok(print(show::show(&configuration).trim_end())?)
}

fn read(path: &Path) -> Result<File, Vec<Error>> {
    let text = read_text(path).map_err(|error| {
        let what = format!("cannot read {}", path.display());
        vec![Error::new(what, error).kind(Kind::Usage)]
    })?;
    file::parse(path, &text)
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if u64::try_from(length).is_ok_and(|length| length <= LONGEST) {
        Ok(text)
    } else {
        Err(io::Error::other("the file is longer than 1 MiB"))
    }
}

/// The uplinks of these names, each as the file has it, by its name or by a
/// pattern that fits, or bare; all of the file where none is named.
fn select<'a>(wans: Vec<Wan>, names: &'a [String]) -> Box<dyn Iterator<Item = Wan> + 'a> {
    if names.is_empty() {
        return Box::new(wans.into_iter());
    }
    Box::new(names.iter().map(move |name| {
        let interface = Setting { value: name.clone(), origin: Origin::Flag };
        let meant = wans.iter().filter(|wan| pattern::matches(&wan.interface.value, name));
        // Whoever writes the name out means it more than who writes a pattern.
        match meant.min_by_key(|wan| wan.is_pattern()) {
            Some(wan) => Wan { interface, ..wan.clone() },
            None => Wan::new(interface),
        }
    }))
}

/// What goes together neither in the file alone nor on the command line.
fn check(configuration: &Configuration, flags: &RunOptions) -> Result<(), Error> {
    let usage = |why: &str| Error::new("command line", why).kind(Kind::Usage);
    let Configuration { shared, wans } = configuration;
    if wans.is_empty() {
        return Err(usage("no interface is named")
            .hint("try `dhc6c eth0`, or `dhc6c --help`, or name one in a `[[wan]]` of the file"));
    }
    if flags.once && wans.iter().any(Wan::is_pattern) {
        let hint = "name the interfaces: `dhc6c --once ppp0`";
        return Err(usage("--once cannot wait for whatever fits a pattern").hint(hint));
    }
    let is_one = matches!(&wans[..], [wan] if !wan.is_pattern());
    if shared.dhcp4o6.enable.value && shared.dhcp4o6.device.value.is_some() && !is_one {
        let hint = "name one interface, or leave it to hooks: no `device` in `[dhcp4o6]`";
        return Err(usage("a device has room for the IPv4 lease of one uplink").hint(hint));
    }
    for wan in wans {
        if wan.asks_for_nothing() {
            return Err(usage(&format!("nothing is asked for on {}", wan.interface.value))
                .hint("add --pd for a prefix, or --stateless for options alone"));
        }
        if !wan.has_distinct_iaids() {
            let why =
                format!("with this --iaid two prefixes of {} have the same", wan.interface.value);
            return Err(usage(&why).hint("choose one that is far from those of the file"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
