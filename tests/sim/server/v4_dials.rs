//! How a DHCPv4 server misbehaves: one plain field each, all off by default.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use dhc6c_core::wire::dhcp4o6::Response;
use dhc6c_core::wire::v4::{Kind, Message, Op, V4Option};

/// Where the fields are in a message (RFC 2131 §2).
const HOPS: usize = 3;
const GIADDR: usize = 24;
const HARDWARE: usize = 28;
const COOKIE: usize = 236;
const OPTIONS: usize = 240;

/// What a server does that it should not, or may do and seldom does.
#[derive(Clone, Debug, Default)]
pub struct V4Dials {
    /// Answers nothing at all.
    pub silent: bool,
    /// Answers nothing to these.
    pub silent_to: BTreeSet<Kind>,
    /// Denies what it has offered.
    pub deny_select: bool,
    /// Denies what a client has from before.
    pub deny_reboot: bool,
    /// Denies a client that renews.
    pub deny_renew: bool,
    /// Denies a client that rebinds.
    pub deny_rebind: bool,
    /// Calls itself this.
    pub other_id: Option<Ipv4Addr>,
    /// Binds leases to the first IPv6 address that it was told, for ever.
    pub keep_source: bool,

    /// The flags of the response, which say nothing.
    pub flags: [u8; 3],
    /// The response carries nothing.
    pub carry_nothing: bool,
    /// The response carries the message twice.
    pub carry_twice: bool,
    /// Options that nobody knows stand around the message.
    pub unknown_around: bool,
    /// Cuts the message after so many octets.
    pub cut_after: Option<usize>,
    /// Another cookie.
    pub bad_cookie: bool,
    /// Says that it is a client's.
    pub op_request: bool,
    /// Hops and a relay's address, which are not for clients.
    pub relay_fields: bool,
    /// Another hardware address.
    pub wrong_hardware: bool,
    /// A hardware address that is longer than its field.
    pub long_hardware: bool,
    /// Another transaction.
    pub wrong_xid: bool,
    /// Leaves these options out.
    pub withhold: BTreeSet<u8>,
    /// These options in place of the right ones.
    pub instead: Vec<V4Option>,
    /// The kind of the message in this many octets; one is right.
    pub kind_length: Option<u8>,
    /// Options in the fields of the boot file too, which point to themselves.
    pub overload: bool,
    /// Long options come in parts.
    pub in_parts: bool,
    /// No end option.
    pub no_end: bool,
    /// These octets are the options.
    pub raw_options: Option<Vec<u8>>,
    /// Sends this kind of message in place of the right one.
    pub wrong_kind: Option<Kind>,
}

impl V4Dials {
    /// True where a request is denied that should be granted.
    pub(super) const fn denies(&self, selects: bool, renews: bool, unicast: bool) -> bool {
        match (selects, renews, unicast) {
            (true, ..) => self.deny_select,
            (_, true, true) => self.deny_renew,
            (_, true, false) => self.deny_rebind,
            _ => self.deny_reboot,
        }
    }

    /// The honest answer as it leaves this server.
    pub(super) fn twist(&self, mut message: Message, mut response: Response) -> Vec<u8> {
        message.kind = self.wrong_kind.unwrap_or(message.kind);
        message.options.retain(|option| {
            let is_replaced = self.instead.iter().any(|other| other.code() == option.code());
            !self.withhold.contains(&option.code()) && !is_replaced
        });
        message.options.extend(self.instead.iter().cloned());
        if self.wrong_xid {
            message.xid ^= 1;
        }
        if self.op_request {
            message.op = Op::Request;
        }
        if self.in_parts {
            message.options.push(V4Option::Raw { code: 224, payload: vec![7; 600] });
        }
        response.v4 = self.spoil(message.encode());
        let octets = response.encode().expect("a model server's answers are short");
        self.wrap(octets, &response.v4)
    }

    /// What is not to be had from an honest encoder.
    fn spoil(&self, mut octets: Vec<u8>) -> Vec<u8> {
        if self.relay_fields {
            octets[HOPS] = 9;
            octets[GIADDR..GIADDR + 4].copy_from_slice(&[10, 0, 0, 1]);
        }
        if self.wrong_hardware {
            octets[HARDWARE] ^= 0xff;
        }
        if self.long_hardware {
            octets[2] = 200;
        }
        if self.bad_cookie {
            octets[COOKIE] ^= 0xff;
        }
        if let Some(length) = self.kind_length {
            let kind = octets[OPTIONS + 2];
            let payload = vec![kind; usize::from(length)];
            octets.splice(OPTIONS..OPTIONS + 3, [&[53, length], &payload[..]].concat());
        }
        if self.overload {
            // In `file` and in `sname`: an overload again, and no end.
            let field = [52, 1, 3, 0, 0];
            octets[44..49].copy_from_slice(&field);
            octets[108..113].copy_from_slice(&field);
            octets.splice(OPTIONS..OPTIONS, [52, 1, 3]);
        }
        if let Some(raw) = &self.raw_options {
            octets.truncate(OPTIONS);
            octets.extend(raw);
        }
        if self.no_end {
            octets.pop();
        }
        octets.truncate(self.cut_after.unwrap_or(usize::MAX));
        octets
    }

    fn wrap(&self, mut octets: Vec<u8>, v4: &[u8]) -> Vec<u8> {
        octets[1..4].copy_from_slice(&self.flags);
        if self.carry_nothing {
            octets.truncate(4);
        }
        if self.carry_twice {
            let length = u16::try_from(v4.len()).expect("a short message").to_be_bytes();
            octets.extend([&[0, 87], &length[..], v4].concat());
        }
        if self.unknown_around {
            let unknown = [0xff, 0xf0, 0, 2, 1, 2];
            octets.splice(4..4, unknown);
            octets.extend(unknown);
        }
        octets
    }
}
