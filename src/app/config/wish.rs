//! What may be wished for, on the command line as in the file: typed, checked
//! once.

use std::fmt;
use std::str::FromStr;

use dhc6c_core::engine::{ClientName, NameUpdate};
use dhc6c_core::ident::{Duid, hex_octets};
use dhc6c_core::prefix::Prefix;
use dhc6c_core::wire::{DomainName, NameError, code};

/// The most octets of options to send, all together, and the most prefixes:
/// with identifiers, one lease each and the option request they fit 1232
/// octets, an unfragmented packet on any link.
pub(crate) const MOST_SENT: usize = 512;
/// See [`MOST_SENT`].
pub(crate) const MOST_PREFIXES: usize = 8;

/// A wish for a delegated prefix: any, a length, or a prefix to get again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PrefixWish {
    /// The prefix to get again.
    pub(crate) hint: Option<Prefix>,
    /// How long it is to be, 1 to 64.
    pub(crate) length: Option<u8>,
    /// Nothing is of use without it; nor is one that is longer.
    pub(crate) require: bool,
    /// Its IAID, where it is not the one that follows from its place.
    pub(crate) iaid: Option<u32>,
}

impl PrefixWish {
    /// A wish for a length.
    pub(crate) fn of_length(length: u8) -> Self {
        Self { length: Some(length), ..Self::default() }
    }
}

impl FromStr for PrefixWish {
    type Err = &'static str;

    /// `any`, a length, or a prefix; `::/56` is a length too.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "expected a length of 1 to 64, or a prefix as in 2001:db8::/56";
        if text == "any" {
            return Ok(Self::default());
        }
        let (hint, length) = match text.parse::<Prefix>() {
            Ok(prefix) => (Some(prefix), prefix.length()),
            Err(_) => (None, text.parse().map_err(|_| WRONG)?),
        };
        if !(1..=64).contains(&length) {
            return Err(WRONG);
        }
        let named = hint.filter(|prefix| !prefix.address().is_unspecified());
        let alone = Self::of_length(length);
        Ok(named.map_or(alone, |hint| Self { hint: Some(hint), ..Self::default() }))
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

/// The texts of one vendor's class (RFC 9915 §21.16).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct VendorClass {
    /// The vendor's number.
    pub(crate) enterprise: u32,
    /// What it calls us.
    pub(crate) texts: Vec<String>,
}

impl VendorClass {
    /// The content of the option.
    pub(crate) fn payload(&self) -> Vec<u8> {
        [&self.enterprise.to_be_bytes()[..], &class_payload(&self.texts)].concat()
    }
}

/// Texts, each with its length before it (RFC 9915 §21.15).
pub(crate) fn class_payload(texts: &[String]) -> Vec<u8> {
    let mut payload = Vec::new();
    for text in texts {
        // All of them together are shorter than that, or were refused.
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        payload.extend(length.to_be_bytes());
        payload.extend(text.as_bytes());
    }
    payload
}

/// Our name, and who is to tell the DNS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fqdn {
    pub(crate) name: HostName,
    /// The server, where nothing is said of it.
    pub(crate) update: NameUpdate,
}

impl Fqdn {
    /// As the engine takes it.
    pub(crate) fn wire(&self) -> ClientName {
        ClientName { name: self.name.wire(), update: self.update }
    }
}

/// A name as it is told: one with a dot is whole, a single label is a part
/// (RFC 4704 §4.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HostName {
    name: DomainName,
    is_whole: bool,
}

impl HostName {
    /// As it travels.
    pub(crate) fn wire(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        self.name.encode(&mut octets);
        if !self.is_whole {
            // The root, which the rest of a part would come before.
            octets.pop();
        }
        octets
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.is_whole && !self.name.as_str().contains('.');
        write!(f, "{}{}", self.name, if whole { "." } else { "" })
    }
}

impl FromStr for HostName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Ok(Self { name: text.parse()?, is_whole: text.contains('.') })
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
    fn fqdn_01_a_name_with_a_dot_is_whole_and_another_a_part() {
        let wire = |text: &str| text.parse::<HostName>().unwrap().wire();
        assert_eq!(wire("cpe"), b"\x03cpe");
        assert_eq!(wire("cpe.example.com"), b"\x03cpe\x07example\x03com\0");
        assert_eq!(wire("cpe."), b"\x03cpe\0");
        for text in ["cpe", "cpe.", "cpe.example.com"] {
            assert_eq!(text.parse::<HostName>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn ucl_01_vcl_01_classes_are_texts_with_their_lengths() {
        assert_eq!(class_payload(&["abc".to_owned(), "d".to_owned()]), b"\0\x03abc\0\x01d");
        let class = VendorClass { enterprise: 40808, texts: vec!["x".to_owned()] };
        assert_eq!(class.payload(), b"\0\0\x9f\x68\0\x01x");
    }

    #[test]
    fn wishes_are_checked() {
        assert_eq!("any".parse(), Ok(PrefixWish::default()));
        assert_eq!("56".parse(), Ok(PrefixWish::of_length(56)));
        assert_eq!(
            "2001:db8::1/48".parse(),
            Ok(PrefixWish { hint: "2001:db8::/48".parse().ok(), ..PrefixWish::default() })
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
