//! What happens to a client, as octets say it, and how a datagram is made to
//! pass the door.

use dhc6c_core::time::Duration;
use dhc6c_core::wire::frame::Options;
use dhc6c_core::wire::{MessageType, code};

use super::subject::Subject;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'a> {
    /// These octets arrive as they are.
    Datagram(&'a [u8]),
    /// These octets arrive with what the door looks at put right.
    Answer(&'a [u8]),
    /// From now on the server answers, or it is silent.
    Honest(bool),
    /// Time passes.
    Wait(Duration),
    /// Time passes until something is due.
    Deadline,
    /// The carrier comes or goes.
    Carrier(bool),
    /// Somebody says something.
    Command(u8),
}

/// Happenings, one after the other: an octet that says what, and
/// what belongs to it. A datagram has its length in two octets before it; one
/// that is cut short is as long as there are octets.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// Reads from the front.
    pub fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    fn octet(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn datagram(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(u16::from_be_bytes([self.octet()?, self.octet()?]));
        let (datagram, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        Some(datagram)
    }
}

impl<'a> Iterator for Script<'a> {
    type Item = Happening<'a>;

    fn next(&mut self) -> Option<Happening<'a>> {
        Some(match self.octet()? % 8 {
            0 | 1 => Happening::Answer(self.datagram()?),
            2 => Happening::Datagram(self.datagram()?),
            3 => Happening::Honest(self.octet()? % 2 == 1),
            // A tenth of a second to a year.
            4 => Happening::Wait(Duration::from_millis(100 << (self.octet()? % 29))),
            5 => Happening::Deadline,
            6 => Happening::Carrier(self.octet()? % 2 == 1),
            _ => Happening::Command(self.octet()?),
        })
    }
}

/// One answer as a script.
pub fn answer(octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len()).expect("a datagram");
    [&[0], &length.to_be_bytes()[..], octets].concat()
}

/// The message with our transaction, our identifiers and our associations;
/// a Reconfigure is signed. Everything else stays.
pub fn past_the_door(octets: &[u8], subject: &Subject) -> Vec<u8> {
    let Some((&[kind, ..], options)) = octets.split_first_chunk::<4>() else {
        return octets.to_vec();
    };
    let asked = subject.last.as_ref().filter(|_| kind != MessageType::Reconfigure.code());
    let transaction = asked.map_or([0; 3], |asked| asked.transaction.0);
    let mut message = [&[kind], &transaction[..]].concat();
    // Whoever did not say who it is, is not told.
    if asked.is_none_or(|asked| asked.client_ids().next().is_some()) {
        append(&mut message, code::CLIENTID, subject.config.duid.octets());
    }
    append(&mut message, code::SERVERID, subject.server.config.duid.octets());
    append_options(&mut message, options, subject);
    if kind == MessageType::Reconfigure.code() {
        let key = subject.server.config.reconfigure_key.as_ref();
        // Without a place for the digest it stays unsigned.
        let _ = key.is_some_and(|key| key.sign(&mut message));
    }
    message
}

fn append_options(message: &mut Vec<u8>, options: &[u8], subject: &Subject) {
    let mut addresses = subject.config.address.into_iter();
    let mut prefixes = subject.config.prefixes.iter().map(|prefix| prefix.iaid);
    let mut walked = 0;
    for option in Options::new(options).map_while(Result::ok) {
        walked += 4 + option.payload.len();
        let iaid = match option.code {
            code::CLIENTID | code::SERVERID => continue,
            code::IA_NA => addresses.next(),
            code::IA_PD => prefixes.next(),
            _ => None,
        };
        let mut payload = option.payload.to_vec();
        if let (Some(iaid), Some(place)) = (iaid, payload.first_chunk_mut::<4>()) {
            *place = iaid.0.to_be_bytes();
        }
        append(message, option.code, &payload);
    }
    message.extend_from_slice(&options[walked..]);
}

/// Adds an option.
pub fn append(message: &mut Vec<u8>, code: u16, payload: &[u8]) {
    let length = u16::try_from(payload.len()).expect("it came in an option");
    message.extend([code.to_be_bytes(), length.to_be_bytes()].concat());
    message.extend_from_slice(payload);
}
