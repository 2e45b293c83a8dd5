//! The Authentication option and the one protocol that uses it: RKAP, by
//! which a client knows that a Reconfigure is its server's (RFC 9915 §20).

use core::fmt;
use core::ops::Range;

use hmac::digest::Key;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::ident::hex_octets;

use super::code;
use super::frame::Options;
use super::text;

/// RKAP in the protocol field (RFC 9915 §20.4.1).
const RKAP: u8 = 3;
/// HMAC-MD5 in the algorithm field (RFC 9915 §20.4.1).
const HMAC_MD5: u8 = 1;
/// A counter that only grows, in the RDM field (RFC 9915 §20.3).
const COUNTER: u8 = 0;
/// The type of information that is a key (RFC 9915 §20.4.1).
const IS_KEY: u8 = 1;
/// The type of information that is a digest (RFC 9915 §20.4.1).
const IS_DIGEST: u8 = 2;
/// Protocol, algorithm, RDM, replay detection, and the type of what follows.
const BEFORE_DIGEST: usize = 12;
/// Type and transaction of a message (RFC 9915 §8), and code and length of an
/// option (RFC 9915 §21.1).
const HEADER: usize = 4;

/// An Authentication option (RFC 9915 §21.11).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Authentication {
    /// Which protocol it belongs to.
    pub protocol: u8,
    /// Which algorithm of that.
    pub algorithm: u8,
    /// How replays are detected (RDM).
    pub method: u8,
    /// The replay detection value; of a counter a later one is greater.
    pub replay: u64,
    /// What the protocol says.
    pub information: Vec<u8>,
}

impl Authentication {
    /// The option by which a server gives its key (RFC 9915 §20.4.1).
    #[must_use]
    pub fn of_key(key: &ReconfigureKey, replay: u64) -> Self {
        Self::rkap(replay, IS_KEY, key.0)
    }

    /// The option of a Reconfigure whose digest has not been worked out yet.
    #[must_use]
    pub fn unsigned(replay: u64) -> Self {
        Self::rkap(replay, IS_DIGEST, [0; 16])
    }

    fn rkap(replay: u64, kind: u8, value: [u8; 16]) -> Self {
        let information = core::iter::once(kind).chain(value).collect();
        Self { protocol: RKAP, algorithm: HMAC_MD5, method: COUNTER, replay, information }
    }

    /// The key in it, if that is what it brings.
    #[must_use]
    pub fn key(&self) -> Option<ReconfigureKey> {
        self.value(IS_KEY).map(ReconfigureKey)
    }

    /// True when it brings a digest.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.value(IS_DIGEST).is_some()
    }

    fn value(&self, wanted: u8) -> Option<[u8; 16]> {
        let Self { protocol: RKAP, algorithm: HMAC_MD5, method: COUNTER, information, .. } = self
        else {
            return None;
        };
        let (&kind, value) = information.split_first()?;
        (kind == wanted).then(|| value.try_into().ok())?
    }

    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let (&[protocol, algorithm, method], rest) = payload.split_first_chunk::<3>()?;
        let (replay, information) = rest.split_first_chunk::<8>()?;
        Some(Self {
            protocol,
            algorithm,
            method,
            replay: u64::from_be_bytes(*replay),
            information: information.to_vec(),
        })
    }

    pub(super) fn encode(&self, octets: &mut Vec<u8>) {
        octets.extend_from_slice(&[self.protocol, self.algorithm, self.method]);
        octets.extend_from_slice(&self.replay.to_be_bytes());
        octets.extend_from_slice(&self.information);
    }
}

/// A key by which a client knows its server's Reconfigure messages. It is
/// written down with the leases, and shown to nobody.
#[derive(Clone, Eq, PartialEq)]
pub struct ReconfigureKey([u8; 16]);

impl ReconfigureKey {
    /// The key of these octets.
    #[must_use]
    pub const fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// Its octets.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 16] {
        &self.0
    }

    /// Works out the digest of a whole message and puts it in its place
    /// there; false where there is no place for one.
    #[must_use]
    pub fn sign(&self, message: &mut [u8]) -> bool {
        let Some(span) = digest_span(message) else { return false };
        let digest = self.digest(message, &span).finalize().into_bytes();
        message.get_mut(span).is_some_and(|place| {
            place.copy_from_slice(&digest);
            true
        })
    }

    /// True when the digest in a whole message is the one that the holder of
    /// this key would have put there (RFC 9915 §20.4.3). It takes the same
    /// time whatever the digest.
    #[must_use]
    pub fn authenticates(&self, message: &[u8]) -> bool {
        digest_span(message).is_some_and(|span| {
            let stated = message.get(span.clone()).unwrap_or_default();
            self.digest(message, &span).verify_slice(stated).is_ok()
        })
    }

    /// The HMAC of a message with zeroes in place of the digest.
    fn digest(&self, message: &[u8], span: &Range<usize>) -> Hmac<Md5> {
        let (before, rest) = message.split_at_checked(span.start).unwrap_or_default();
        let (digest, after) = rest.split_at_checked(span.len()).unwrap_or_default();
        // A key shorter than a block is filled up with zeroes (RFC 2104 §2).
        let mut key = Key::<Hmac<Md5>>::default();
        key.iter_mut().zip(self.0).for_each(|(place, octet)| *place = octet);
        let mut mac = Hmac::<Md5>::new(&key);
        mac.update(before);
        digest.iter().for_each(|_| mac.update(&[0]));
        mac.update(after);
        mac
    }
}

impl fmt::Debug for ReconfigureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReconfigureKey(..)")
    }
}

impl Serialize for ReconfigureKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text::hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for ReconfigureKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let octets = hex_octets(&String::deserialize(deserializer)?);
        let key = octets.and_then(|octets| octets.try_into().ok()).map(Self);
        key.ok_or_else(|| D::Error::custom("a key is 16 octets in hexadecimal"))
    }
}

/// Where the digest stands in a message.
fn digest_span(message: &[u8]) -> Option<Range<usize>> {
    let mut at = HEADER;
    for option in Options::new(message.get(HEADER..)?) {
        let option = option.ok()?;
        at = at.checked_add(HEADER)?;
        if option.code == code::AUTH {
            let is_digest = Authentication::decode(option.payload)?.is_digest();
            let start = at.checked_add(BEFORE_DIGEST)?;
            return is_digest.then_some(start..start.checked_add(16)?);
        }
        at = at.checked_add(option.payload.len())?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{DhcpOption, Message, MessageType};
    use super::*;

    fn key() -> ReconfigureKey {
        ReconfigureKey::new(core::array::from_fn(|index| index as u8))
    }

    /// A Reconfigure that asks for a Renew, signed with the key above.
    fn reconfigure() -> Vec<u8> {
        hex_octets(
            "0a0000000002000e00010001aabbccdd02aabbccddee0001000e000100012b2c3d4e021122334455\
             0013000105000b001c030100112233445566778902865e183e507728955f5ad60a339729c9",
        )
        .unwrap()
    }

    #[test]
    fn rec_02_the_key_of_a_reply_and_nothing_else_is_one() {
        let payload =
            hex_octets("030100112233445566778801000102030405060708090a0b0c0d0e0f").unwrap();
        let option = Authentication::decode(&payload).unwrap();
        assert_eq!(option.key(), Some(key()));
        assert_eq!(option.replay, 0x1122_3344_5566_7788);
        assert_eq!(option, Authentication::of_key(&key(), option.replay));
        let mut octets = Vec::new();
        option.encode(&mut octets);
        assert_eq!(octets, payload);
        // Protocol, algorithm, RDM, type, and a length that is not 28.
        for place in [0, 1, 2, 11] {
            let mut other = payload.clone();
            other[place] ^= 2;
            assert_eq!(Authentication::decode(&other).unwrap().key(), None, "octet {place}");
        }
        for length in 0..payload.len() {
            let short = Authentication::decode(&payload[..length]);
            assert_eq!(short.and_then(|option| option.key()), None, "{length} octets");
        }
        let long = [&payload[..], &[0]].concat();
        assert_eq!(Authentication::decode(&long).unwrap().key(), None);
    }

    #[test]
    fn rec_03_the_digest_of_the_vector_is_right_and_any_change_makes_it_wrong() {
        let message = reconfigure();
        assert!(key().authenticates(&message));
        for bit in 0..message.len() * 8 {
            let mut changed = message.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!key().authenticates(&changed), "bit {bit}");
        }
        assert!(!ReconfigureKey::new([0; 16]).authenticates(&message));
        for length in 0..message.len() {
            assert!(!key().authenticates(&message[..length]), "{length} octets");
        }
    }

    #[test]
    fn rec_03_a_message_is_signed_as_it_is_checked() {
        let mut message = reconfigure();
        let end = message.len();
        message[end - 16..].fill(0);
        assert!(key().sign(&mut message));
        assert_eq!(message, reconfigure());
        let bare = Message {
            kind: MessageType::Reconfigure,
            transaction: super::super::TransactionId([0; 3]),
            options: vec![DhcpOption::Authentication(Authentication::of_key(&key(), 1))],
        };
        assert!(!key().sign(&mut bare.encode().unwrap()), "there is no place for a digest");
    }

    #[test]
    fn a_key_is_shown_to_nobody_but_the_lease_file() {
        assert_eq!(format!("{:?}", key()), "ReconfigureKey(..)");
        let read = |text: &'static str| {
            let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
                serde::de::IntoDeserializer::into_deserializer(text);
            ReconfigureKey::deserialize(text)
        };
        assert_eq!(read("000102030405060708090a0b0c0d0e0f"), Ok(key()));
        assert!(read("00").is_err() && read("x").is_err());
    }
}
