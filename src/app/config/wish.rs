//! What may be wished for, on the command line as in the file: typed, checked
//! once.

use std::net::Ipv6Addr;
use std::str::FromStr;

use dhc6c_core::ident::{Duid, hex_octets};
use dhc6c_core::prefix::Prefix;
use dhc6c_core::wire::code;

/// The most octets of options to send, all together, and the most prefixes:
/// with identifiers, one lease each and the option request they fit 1232
/// octets, an unfragmented packet on any link.
pub(crate) const MOST_SENT: usize = 512;
/// See [`MOST_SENT`].
pub(crate) const MOST_PREFIXES: usize = 8;

/// A wish for a delegated prefix: any, a length, or a prefix to get again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PrefixWish {
    /// The prefix to get again; `::/56` wishes for a length alone.
    pub(crate) hint: Option<Prefix>,
    /// Its IAID, where it is not the one that follows from its place.
    pub(crate) iaid: Option<u32>,
}

impl PrefixWish {
    /// A wish for any prefix, or for this one.
    pub(crate) const fn new(hint: Option<Prefix>) -> Self {
        Self { hint, iaid: None }
    }
}

/// A prefix that only says how long it is.
pub(crate) fn length_alone(length: u8) -> Option<Prefix> {
    Prefix::new(Ipv6Addr::UNSPECIFIED, length)
}

impl FromStr for PrefixWish {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "expected a length of 1 to 64, or a prefix as in 2001:db8::/56";
        if text == "any" {
            return Ok(Self::new(None));
        }
        let prefix = if text.contains('/') {
            text.parse::<Prefix>().ok()
        } else {
            text.parse().ok().and_then(length_alone)
        };
        prefix.filter(|p| (1..=64).contains(&p.length())).map(|p| Self::new(Some(p))).ok_or(WRONG)
    }
}

/// Reads a code to ask for, as a number or a name of the registry.
pub(crate) fn requested_code(text: &str) -> Result<u16, String> {
    let code = code::parse(text)
        .ok_or_else(|| "expected a number or a name as in `ntp-server`".to_owned())?;
    if !code::may_be_requested(code) {
        return Err("it belongs to the protocol itself and is not asked for by hand".to_owned());
    }
    Ok(code)
}

/// An option to send as it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SentOption {
    /// Its code.
    pub(crate) code: u16,
    /// What is in it.
    pub(crate) payload: Vec<u8>,
}

impl SentOption {
    /// How many octets it takes in a message.
    pub(crate) fn length(&self) -> usize {
        self.payload.len() + 4
    }
}

impl FromStr for SentOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (code, payload) =
            text.split_once(':').ok_or("expected CODE:HEX as in 15:000361626364")?;
        let code = code::parse(code).ok_or("CODE is a number or a name")?;
        if code::is_protocol(code) {
            return Err("it belongs to the protocol itself and is not sent by hand".to_owned());
        }
        let payload = hex_octets(payload).ok_or("HEX has an even number of hexadecimal digits")?;
        Ok(Self { code, payload })
    }
}

/// Which DUID to use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum DuidChoice {
    /// This one.
    Given(Duid),
    /// The stored one, or a new DUID-LLT (RFC 9915 §11.2).
    Llt,
    /// Made from the link-layer address each time (RFC 9915 §11.4).
    Ll,
    /// The stored one if it is a UUID, or a new one (RFC 9915 §11.5).
    Uuid,
}

impl FromStr for DuidChoice {
    type Err = dhc6c_core::ident::DuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "llt" => Self::Llt,
            "ll" => Self::Ll,
            "uuid" => Self::Uuid,
            hex => Self::Given(hex.parse()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_checked() {
        assert_eq!("any".parse(), Ok(PrefixWish::new(None)));
        assert_eq!("56".parse(), Ok(PrefixWish::new(Some("::/56".parse().unwrap()))));
        assert_eq!(
            "2001:db8::1/48".parse(),
            Ok(PrefixWish::new(Some("2001:db8::/48".parse().unwrap())))
        );
        for text in ["0", "65", "200", "2001:db8::", "::/0", "::/129", ""] {
            assert!(text.parse::<PrefixWish>().is_err(), "{text}");
        }
    }

    #[test]
    fn sent_options_are_checked() {
        let sent: SentOption = "vendor-class:0000abcd".parse().unwrap();
        assert_eq!((sent.code, sent.payload.len()), (16, 4));
        for text in ["15", "x:00", "15:0", "1:0003"] {
            assert!(text.parse::<SentOption>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_protocol_asks_for_itself_is_refused() {
        assert_eq!(requested_code("dns-servers"), Ok(23));
        for text in ["1", "oro", "sol-max-rt", "nothing", "70000"] {
            assert!(requested_code(text).is_err(), "{text}");
        }
    }
}
