//! What is in effect: the file's settings under those of the command line.

use std::path::PathBuf;

use dhc6c_core::desired::ROUTE_METRIC;
use dhc6c_core::engine::{self, PrefixRequest, Quirk, SendLimit};
use dhc6c_core::ident::{Duid, Iaid, LinkAddress};
use dhc6c_core::record::{AssociationKind, Record};
use dhc6c_core::snapshot::Mode;
use dhc6c_core::time::Duration;
use dhc6c_core::wire::code;

use crate::app::cli::{Global, InitialDelay, RunOptions};
use crate::app::log::{Format, Verbosity};
use crate::app::pattern;
use crate::os::hook::{self, Selection};
use crate::os::resolver::Choice;
use crate::os::socket::Marks;

use super::setting::{Origin, Setting};
use super::wish::{DuidChoice, Fqdn, PrefixWish, SentOption, VendorClass, class_payload};
use super::word::{AddressWish, EventName, Style, Word as _};

/// Where leases and the DUID are kept unless somebody says otherwise.
pub(crate) const STATE_DIRECTORY: &str = "/var/lib/dhc6c";
/// Where sockets, locks and resolver data are kept unless somebody says
/// otherwise.
pub(crate) const RUN_DIRECTORY: &str = "/run/dhc6c";
/// Where hooks are looked for unless somebody says otherwise.
const HOOK_DIRECTORY: &str = "/etc/dhc6c/hooks.d";

/// Everything in effect.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Configuration {
    /// What all uplinks share.
    pub(crate) shared: Shared,
    /// The uplinks, in the order of the command line or of the file.
    pub(crate) wans: Vec<Wan>,
}

/// What all uplinks of a process share.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shared {
    /// Where leases and the DUID are kept.
    pub(crate) state_directory: Setting<PathBuf>,
    /// Where sockets, locks and resolver data are kept.
    pub(crate) run_directory: Setting<PathBuf>,
    /// Where hooks are looked for.
    pub(crate) hook_directory: Setting<PathBuf>,
    /// How long a hook may take, in seconds.
    pub(crate) hook_timeout: Setting<u32>,
    /// Hooks that are run besides those of the directory.
    pub(crate) hooks: Setting<Vec<Hook>>,
    /// How much is logged.
    pub(crate) log_level: Setting<Verbosity>,
    /// How it is logged.
    pub(crate) log_format: Setting<Format>,
    /// IPv4 over IPv6.
    pub(crate) dhcp4o6: Dhcp4o6,
    /// How many messages may leave an interface within the seconds below:
    /// 1 to 20 (RFC 9915 §14.1).
    pub(crate) limit_messages: Setting<u32>,
    /// At least 20.
    pub(crate) limit_seconds: Setting<u32>,
}

/// What is wanted of DHCPv4 over DHCPv6.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dhcp4o6 {
    /// Ask for it at all.
    pub(crate) enable: Setting<bool>,
    /// A part of the ports of an address will do.
    pub(crate) share: Setting<bool>,
    /// The lease is to be bound to an IPv6 address.
    pub(crate) binding: Setting<bool>,
    /// The device that gets the address.
    pub(crate) device: Setting<Option<String>>,
}

/// A program to run when something happens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hook {
    /// The program.
    pub(crate) path: PathBuf,
    /// How it is told.
    pub(crate) style: Style,
    /// What it is run for.
    pub(crate) on: Vec<EventName>,
}

/// The settings of one uplink.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wan {
    /// Its name; one of the command line has to exist, one of the file is
    /// waited for.
    pub(crate) interface: Setting<String>,
    /// Leases and options, or options alone.
    pub(crate) mode: Setting<Mode>,
    /// Whether an address is wanted.
    pub(crate) address: Setting<AddressWish>,
    /// The prefixes to ask for.
    pub(crate) prefix: Setting<Vec<PrefixWish>>,
    /// For how many seconds a server that gives a part is passed over.
    pub(crate) ia_max_wait: Setting<u32>,
    /// Offer the exchange of two messages.
    pub(crate) rapid_commit: Setting<bool>,
    /// Options to ask for besides those every host has use for.
    pub(crate) request: Setting<Vec<u16>>,
    /// Options to ask for instead of those.
    pub(crate) request_only: Setting<Option<Vec<u16>>>,
    /// Options to send.
    pub(crate) send: Setting<Vec<SentOption>>,
    /// Our identifier; `None` is the stored one, or a new one.
    pub(crate) duid: Setting<Option<DuidChoice>>,
    /// The first IAID; `None` is made from the name.
    pub(crate) iaid: Setting<Option<u32>>,
    /// Our name, for the DNS.
    pub(crate) fqdn: Setting<Option<Fqdn>>,
    /// What kind of user we are.
    pub(crate) user_class: Setting<Vec<String>>,
    /// What vendors call us.
    pub(crate) vendor_class: Setting<Vec<VendorClass>>,
    /// Say as little as possible of who we are.
    pub(crate) anonymous: Setting<bool>,
    /// What its servers mishandle.
    pub(crate) quirks: Setting<Vec<Quirk>>,
    /// The priority of our packets within this machine (SO_PRIORITY).
    pub(crate) priority: Setting<Option<u8>>,
    /// The class of our packets in the network (RFC 2474).
    pub(crate) dscp: Setting<Option<u8>>,
    /// The routing table of its routes; `None` is that of the VRF that it is
    /// in, or else the main one.
    pub(crate) table: Setting<Option<u32>>,
    /// The VRF that it belongs into; it is not used while it is elsewhere.
    pub(crate) vrf: Setting<Option<String>>,
    /// Accept Reconfigure.
    pub(crate) reconfigure: Setting<bool>,
    /// Send a Release on stop.
    pub(crate) release_on_stop: Setting<bool>,
    /// Leave the configuration in place on stop.
    pub(crate) keep_on_stop: Setting<bool>,
    /// When the first Solicit is delayed.
    pub(crate) initial_delay: Setting<InitialDelay>,
    /// Who is told of name servers.
    pub(crate) dns: Setting<Choice>,
    /// The metric of our routes.
    pub(crate) metric: Setting<u32>,
}

/// The first IAIDs of an earlier process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownIaids {
    address: Option<Iaid>,
    prefix: Option<Iaid>,
}

impl KnownIaids {
    /// Those in what it kept.
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            address: record.first_iaid(AssociationKind::Address),
            prefix: record.first_iaid(AssociationKind::Prefix),
        }
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            state_directory: Setting::default(STATE_DIRECTORY.into()),
            run_directory: Setting::default(RUN_DIRECTORY.into()),
            hook_directory: Setting::default(HOOK_DIRECTORY.into()),
            hook_timeout: Setting::default(30),
            hooks: Setting::default(Vec::new()),
            log_level: Setting::default(Verbosity::Normal),
            log_format: Setting::default(Format::Plain),
            dhcp4o6: Dhcp4o6 {
                enable: Setting::default(false),
                share: Setting::default(true),
                binding: Setting::default(false),
                device: Setting::default(None),
            },
            limit_messages: Setting::default(20),
            limit_seconds: Setting::default(20),
        }
    }
}

impl Shared {
    /// The same with what the command line says.
    pub(super) fn with_flags(mut self, global: &Global, hooks: &[PathBuf], dhcp4o6: bool) -> Self {
        let bare = |path: &PathBuf| Hook { path: path.clone(), ..Hook::bare() };
        let all = self.hooks.value.iter().cloned().chain(hooks.iter().map(bare)).collect();
        self.hooks.override_with((!hooks.is_empty()).then_some(all));
        self.state_directory.override_with(global.given_state_dir.clone());
        self.run_directory.override_with(global.given_run_dir.clone());
        self.log_level.override_with(global.given_verbosity());
        self.log_format.override_with(global.log_format);
        self.dhcp4o6.enable.override_with(dhcp4o6.then_some(true));
        self
    }

    /// The hooks as the system runs them.
    pub(crate) fn selection(&self) -> Selection {
        let hook = |hook: &Hook| hook::Hook {
            path: hook.path.clone(),
            on: Some(hook.on.iter().map(|name| name.0).collect()),
        };
        Selection {
            directory: self.hook_directory.value.clone(),
            listed: self.hooks.value.iter().map(hook).collect(),
            limit: Duration::from_secs(u64::from(self.hook_timeout.value)),
        }
    }

    /// The settings that differ from `other` and are read at the start alone.
    pub(crate) fn needs_restart(&self, other: &Self) -> impl Iterator<Item = &'static str> {
        let differs = [
            (self.state_directory != other.state_directory, "state-dir"),
            (self.run_directory != other.run_directory, "run-dir"),
        ];
        differs.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| name)
    }
}

impl Dhcp4o6 {
    /// As the engine takes it: for an uplink with this link-layer address, if
    /// it has any.
    fn engine(&self, hardware: Option<&LinkAddress>, iaid: Iaid) -> Option<engine::Dhcp4o6> {
        // DHCPv4 has a place for an address, and none is as good as another.
        let none = LinkAddress { hardware_type: 0, octets: Vec::new() };
        let bare = engine::Dhcp4o6::new(hardware.cloned().unwrap_or(none), iaid);
        self.enable.value.then(|| engine::Dhcp4o6 {
            share: self.share.value,
            binding: self.binding.value,
            device: self.device.value.clone(),
            ..bare
        })
    }
}

impl Hook {
    /// A hook for every event.
    pub(super) fn bare() -> Self {
        let on = EventName::WORDS.iter().map(|&(_, event)| event).collect();
        Self { path: PathBuf::new(), style: Style::Native, on }
    }
}

impl Wan {
    /// An uplink about which nothing is said but its name.
    pub(super) fn new(interface: Setting<String>) -> Self {
        Self {
            interface,
            mode: Setting::default(Mode::Stateful),
            address: Setting::default(AddressWish::Try),
            prefix: Setting::default(Vec::new()),
            ia_max_wait: Setting::default(0),
            rapid_commit: Setting::default(false),
            request: Setting::default(Vec::new()),
            request_only: Setting::default(None),
            send: Setting::default(Vec::new()),
            duid: Setting::default(None),
            iaid: Setting::default(None),
            fqdn: Setting::default(None),
            user_class: Setting::default(Vec::new()),
            vendor_class: Setting::default(Vec::new()),
            anonymous: Setting::default(false),
            quirks: Setting::default(Vec::new()),
            priority: Setting::default(None),
            dscp: Setting::default(None),
            table: Setting::default(None),
            vrf: Setting::default(None),
            reconfigure: Setting::default(true),
            release_on_stop: Setting::default(false),
            keep_on_stop: Setting::default(false),
            initial_delay: Setting::default(InitialDelay::Auto),
            dns: Setting::default(Choice::Auto),
            metric: Setting::default(ROUTE_METRIC),
        }
    }

    /// The same with what the command line says.
    pub(super) fn with_flags(mut self, flags: &RunOptions) -> Self {
        let RunOptions { pd, request, send, .. } = flags;
        // Whoever asks for a prefix now wants leases, whatever the file says.
        let leases = !pd.is_empty() && self.mode.value == Mode::Stateless;
        self.mode.override_with(leases.then_some(Mode::Stateful));
        self.mode.override_with(flags.stateless.then_some(Mode::Stateless));
        self.mode.override_with(flags.auto.then_some(Mode::Auto));
        self.address.override_with(flags.no_na.then_some(AddressWish::None));
        self.prefix.override_with((!pd.is_empty()).then(|| pd.clone()));
        self.rapid_commit.override_with(flags.rapid_commit.then_some(true));
        self.request.override_with((!request.is_empty()).then(|| request.clone()));
        self.send.override_with((!send.is_empty()).then(|| send.clone()));
        self.duid.override_with(flags.duid.clone().map(Some));
        self.iaid.override_with(flags.iaid.map(Some));
        self.initial_delay.override_with(flags.initial_delay);
        self.dns.override_with(flags.no_dns.then_some(Choice::None));
        // Either excludes the other: what is kept in use is not given back.
        let stop = flags.release || flags.keep;
        self.release_on_stop.override_with(stop.then_some(flags.release));
        self.keep_on_stop.override_with(stop.then_some(flags.keep));
        self
    }

    /// True when it stands for all interfaces whose names fit.
    pub(crate) fn is_pattern(&self) -> bool {
        pattern::is_one(&self.interface.value)
    }

    /// The settings for one of the interfaces that it stands for.
    pub(crate) fn of(&self, name: &str) -> Self {
        let Setting { origin, .. } = self.interface;
        Self { interface: Setting { value: name.to_owned(), origin }, ..self.clone() }
    }

    /// True when the command line names it, so that it has to exist.
    pub(crate) fn is_named(&self) -> bool {
        self.interface.origin == Origin::Flag
    }

    /// True where there is nothing that servers could give.
    pub(super) fn asks_for_nothing(&self) -> bool {
        let no_leases = self.address.value == AddressWish::None && self.prefix.value.is_empty();
        self.mode.value == Mode::Stateful && no_leases
    }

    /// The first IAID.
    pub(super) fn first_iaid(&self) -> Iaid {
        let derived = || match self.anonymous.value {
            // RFC 7844 §4.5.1: one that everybody may have.
            true => Iaid(0),
            false => Iaid::of_interface(&self.interface.value),
        };
        self.iaid.value.map_or_else(derived, Iaid)
    }

    /// The prefix associations to ask for, each with its IAID: the one given,
    /// or the one that follows from its place after `first`.
    pub(super) fn prefix_requests(&self, first: Iaid) -> Vec<PrefixRequest> {
        (0..)
            .zip(&self.prefix.value)
            .map(|(index, wish)| PrefixRequest {
                iaid: wish.iaid.map_or_else(|| first.further(index), Iaid),
                hint: wish.hint,
                length: wish.length,
                longest: wish.length.filter(|_| wish.require),
                require: wish.require,
                retired: false,
            })
            .collect()
    }

    /// True when no two prefix associations have the same IAID
    /// (RFC 9915 §12).
    pub(super) fn has_distinct_iaids(&self) -> bool {
        let requests = self.prefix_requests(self.first_iaid());
        let is_new = |(index, request): (usize, &PrefixRequest)| {
            !requests.iter().take(index).any(|other| other.iaid == request.iaid)
        };
        requests.iter().enumerate().all(is_new)
    }

    /// What is sent besides what the protocol asks for: the options given, and
    /// the classes.
    fn sent(&self) -> Vec<(u16, Vec<u8>)> {
        let given = self.send.value.iter().map(|sent| (sent.code, sent.payload.clone()));
        let user = Some(&self.user_class.value).filter(|texts| !texts.is_empty());
        let user = user.map(|texts| (code::USER_CLASS, class_payload(texts)));
        let vendor = self.vendor_class.value.iter();
        let vendor = vendor.map(|class| (code::VENDOR_CLASS, class.payload()));
        given.chain(user).chain(vendor).collect()
    }

    /// How many octets of it there are in a message.
    pub(super) fn sent_octets(&self) -> usize {
        let name = self.fqdn.value.as_ref().map_or(0, |fqdn| fqdn.name.wire().len() + 5);
        name + self.sent().iter().map(|(_, payload)| payload.len() + 4).sum::<usize>()
    }

    /// How its packets are marked.
    pub(crate) const fn marks(&self) -> Marks {
        Marks { dscp: self.dscp.value, priority: self.priority.value }
    }

    /// What the engine of this uplink is to do; `hardware` is its link-layer
    /// address.
    pub(crate) fn engine(
        &self,
        shared: &Shared,
        duid: Duid,
        hardware: Option<&LinkAddress>,
        known: KnownIaids,
        initial_delay: bool,
    ) -> engine::Config {
        // What was used before is used again, unless somebody says otherwise:
        // the leases hang on it.
        let first = |known: Option<Iaid>| {
            known.filter(|_| self.iaid.value.is_none()).unwrap_or_else(|| self.first_iaid())
        };
        let bare = engine::Config::new(&self.interface.value, duid);
        let stateful = self.mode.value != Mode::Stateless;
        let wants_address = stateful && self.address.value != AddressWish::None;
        let usual = self.request_only.value.as_ref().unwrap_or(&bare.request);
        let window = Duration::from_secs(u64::from(shared.limit_seconds.value));
        // At most 20, so it fits; fewer than written could only be safer.
        let messages = usize::try_from(shared.limit_messages.value).unwrap_or(1);
        engine::Config {
            mode: self.mode.value,
            address: wants_address.then(|| first(known.address)),
            require_address: self.address.value == AddressWish::Require,
            patience: Duration::from_secs(u64::from(self.ia_max_wait.value)),
            prefixes: if stateful { self.prefix_requests(first(known.prefix)) } else { Vec::new() },
            rapid_commit: self.rapid_commit.value,
            reconfigure_accept: self.reconfigure.value,
            request: usual.iter().chain(&self.request.value).copied().collect(),
            send: self.sent(),
            fqdn: self.fqdn.value.as_ref().map(Fqdn::wire),
            anonymous: self.anonymous.value,
            quirks: self.quirks.value.clone(),
            initial_delay,
            limit: SendLimit::new(messages, window),
            dhcp4o6: shared.dhcp4o6.engine(hardware, first(known.address)).map(Box::new),
            ..bare
        }
    }
}
