//! The messages we send: which options stand in which message, in which
//! order (RFC 9915 §18.2.1 to §18.2.8 and appendix B).

use crate::engine::Config;
use crate::ident::Duid;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::{DhcpOption, Ia, Message, MessageType, TransactionId, code};

use super::exchange::Exchange;

/// The longest message: what fits an unfragmented packet on any link, the
/// minimum MTU of 1280 less the headers of IPv6 and UDP (RFC 8200 §5).
const LONGEST: usize = 1232;

/// Builds the message of an exchange, as it is sent at `now`.
///
/// `ias` are the associations it names, `server` the one it is for.
pub(super) fn message(
    config: &Config,
    exchange: &Exchange,
    server: Option<&Duid>,
    ias: Vec<DhcpOption>,
    now: Instant,
) -> Message {
    let kind = exchange.kind;
    let mut options = Vec::new();
    // RFC 7844 §4.4.1: whoever asks for options alone need not say who it is.
    if names_client(config, kind) {
        options.push(DhcpOption::ClientId(config.duid.clone()));
    }
    options.extend(server.cloned().map(DhcpOption::ServerId));
    options.push(DhcpOption::ElapsedTime(exchange.retx.elapsed(now)));
    if kind == MessageType::Solicit && exchange.rapid_commit {
        options.push(DhcpOption::RapidCommit);
    }
    let asks = requests_options(kind);
    if asks && config.reconfigure_accept && !config.anonymous {
        options.push(DhcpOption::ReconfigureAccept);
    }
    options.extend(ias);
    if asks {
        options.push(DhcpOption::OptionRequest(option_request(config, exchange)));
        options.extend(
            config
                .send
                .iter()
                .filter(|_| !config.anonymous)
                .map(|(code, payload)| DhcpOption::Raw { code: *code, payload: payload.clone() }),
        );
        options.extend(name(config).filter(|_| tells_name(kind)));
    }
    if config.anonymous {
        shuffle(&mut options, exchange.transaction);
    }
    let mut message = Message { kind, transaction: exchange.transaction, options };
    let is_too_long =
        |message: &Message| message.encode().is_ok_and(|octets| octets.len() > LONGEST);
    while is_too_long(&message) && (drop_hint(&mut message) || drop_lease(&mut message)) {}
    message
}

/// True for a message that says who we are (RFC 9915 §18.2.6, RFC 7844
/// §4.4.1).
pub(super) const fn names_client(config: &Config, kind: MessageType) -> bool {
    !(config.anonymous && matches!(kind, MessageType::InformationRequest))
}

/// Puts the options, and the codes that are asked for, into an order that says
/// nothing of who wrote this (RFC 7844 §4.1); the same through an exchange.
fn shuffle(options: &mut [DhcpOption], TransactionId([a, b, c]): TransactionId) {
    let mut rng = Rng::from_number(u64::from(u32::from_be_bytes([0, a, b, c])));
    mix(options, &mut rng);
    for option in options {
        if let DhcpOption::OptionRequest(codes) = option {
            mix(codes, &mut rng);
        }
    }
}

/// The shuffle of Fisher and Yates.
fn mix<T>(items: &mut [T], rng: &mut Rng) {
    for last in (1..items.len()).rev() {
        // Both fit: there are a few dozen at most.
        let other = rng.between(0, u64::try_from(last).unwrap_or(0));
        items.swap(last, usize::try_from(other).unwrap_or(0));
    }
}

/// Our name, where there is one to be told.
fn name(config: &Config) -> Option<DhcpOption> {
    let fqdn = config.fqdn.as_ref().filter(|_| !config.anonymous)?;
    let payload = [&[fqdn.update.flags()], &fqdn.name[..]].concat();
    Some(DhcpOption::Raw { code: code::CLIENT_FQDN, payload })
}

/// The only messages that a name may stand in (RFC 4704 §5).
const fn tells_name(kind: MessageType) -> bool {
    !matches!(kind, MessageType::InformationRequest)
}

/// Leaves out one wish for a length; false when there is none.
fn drop_hint(message: &mut Message) -> bool {
    let is_hint = |option: &DhcpOption| matches!(option, DhcpOption::IaPrefix(prefix) if prefix.prefix.address().is_unspecified());
    associations(message).any(|ia| {
        let place = ia.options.iter().position(is_hint);
        place.is_some_and(|place| {
            ia.options.remove(place);
            true
        })
    })
}

/// Leaves out one lease, of the association that has the most; false when
/// none has more than one. What is left out is not extended and ends in its
/// time.
fn drop_lease(message: &mut Message) -> bool {
    let several = associations(message).filter(|ia| ia.options.len() > 1);
    several.max_by_key(|ia| ia.options.len()).is_some_and(|ia| ia.options.pop().is_some())
}

fn associations(message: &mut Message) -> impl Iterator<Item = &mut Ia> {
    message.options.iter_mut().filter_map(|option| match option {
        DhcpOption::IaNa(ia) | DhcpOption::IaPd(ia) => Some(ia),
        _ => None,
    })
}

/// The messages that carry an Option Request (RFC 9915 §21.7).
const fn requests_options(kind: MessageType) -> bool {
    matches!(
        kind,
        MessageType::Solicit
            | MessageType::Request
            | MessageType::Renew
            | MessageType::Rebind
            | MessageType::InformationRequest
    )
}

/// What is asked for: the configured codes, those the kind of message must
/// ask for (RFC 9915 §18.2.1, §18.2.6, §21.23), and PD_EXCLUDE with prefixes
/// (RFC 6603 §4.2). In ascending order, each once.
fn option_request(config: &Config, exchange: &Exchange) -> Vec<u16> {
    let mut codes = [&config.request[..], &exchange.request].concat();
    if exchange.kind == MessageType::InformationRequest {
        codes.extend([code::INFORMATION_REFRESH_TIME, code::INF_MAX_RT]);
    } else {
        // RFC 9915 §21.23: refresh time MUST NOT be asked for elsewhere.
        codes.retain(|&code| code != code::INFORMATION_REFRESH_TIME);
        codes.push(code::SOL_MAX_RT);
        codes.extend(name(config).map(|_| code::CLIENT_FQDN));
        if !config.prefixes.is_empty() {
            codes.push(code::PD_EXCLUDE);
        }
    }
    // RFC 7341 §9: in every message that asks for options, and only by those
    // who want it.
    codes.extend(config.dhcp4o6.as_ref().map(|_| code::DHCP4_O_DHCP6_SERVER));
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
