//! What one message of a client may hold, whatever the history (RFC 9915
//! §16, §21 and appendices B and C). Each breach is a panic that says which.

use std::collections::BTreeSet;

use dhc6c_core::wire::{DhcpOption, Ia, Message, MessageType, code};

/// The largest payload that fits the smallest MTU of IPv6: 1280 less the
/// headers of IPv6 and UDP.
const LARGEST: usize = 1232;

const USER_CLASS: u16 = 15;
const VENDOR_CLASS: u16 = 16;
const VENDOR_OPTS: u16 = 17;

/// Codes that MUST NOT stand in an ORO (RFC 9915 §21.7).
const NEVER_REQUESTED: [u16; 18] = [
    code::CLIENTID,
    code::SERVERID,
    code::IA_NA,
    code::IA_TA,
    code::IA_PD,
    code::IAADDR,
    code::IAPREFIX,
    code::ORO,
    code::ELAPSED_TIME,
    code::PREFERENCE,
    9,
    code::AUTH,
    12,
    code::STATUS_CODE,
    code::RAPID_COMMIT,
    USER_CLASS,
    VENDOR_CLASS,
    code::RECONF_ACCEPT,
];

/// Options that a message must have and those it may have besides.
struct Row {
    must: &'static [u16],
    may: &'static [u16],
}

/// RFC 9915 appendix B, for what clients send. Classes and vendor options
/// may stand in all of them.
const fn row(kind: MessageType) -> Option<Row> {
    use MessageType as T;
    use code::{CLIENTID, ELAPSED_TIME, IA_NA, IA_PD, ORO, RAPID_COMMIT, RECONF_ACCEPT, SERVERID};
    Some(match kind {
        T::Solicit => Row {
            must: &[CLIENTID, ELAPSED_TIME, ORO],
            may: &[IA_NA, IA_PD, RAPID_COMMIT, RECONF_ACCEPT],
        },
        T::Request | T::Renew => Row {
            must: &[CLIENTID, SERVERID, ELAPSED_TIME, ORO],
            may: &[IA_NA, IA_PD, RECONF_ACCEPT],
        },
        T::Rebind => {
            Row { must: &[CLIENTID, ELAPSED_TIME, ORO], may: &[IA_NA, IA_PD, RECONF_ACCEPT] }
        }
        T::Confirm => Row { must: &[CLIENTID, ELAPSED_TIME], may: &[IA_NA] },
        // Appendix B has a star for IA_PD in Decline; §18.2.8 forbids it and
        // is the authority.
        T::Decline => Row { must: &[CLIENTID, SERVERID, ELAPSED_TIME], may: &[IA_NA] },
        T::Release => Row { must: &[CLIENTID, SERVERID, ELAPSED_TIME], may: &[IA_NA, IA_PD] },
        T::InformationRequest => {
            // The server stands in the answer to a Reconfigure.
            Row { must: &[ELAPSED_TIME, ORO], may: &[CLIENTID, SERVERID, RECONF_ACCEPT] }
        }
        T::Advertise | T::Reply | T::Reconfigure | T::Dhcpv4Query | T::Dhcpv4Response => {
            return None;
        }
    })
}

/// Decodes what a client sent and judges it by itself. `extra` are options
/// that the configuration told the client to send.
#[must_use]
pub fn judge(octets: &[u8], extra: &BTreeSet<u16>) -> Message {
    assert!(octets.len() <= LARGEST, "{} octets do not fit the smallest MTU", octets.len());
    let decoded = Message::decode(octets).expect("what a client sends decodes");
    assert_eq!(decoded.malformed, [] as [u16; 0], "malformed options");
    let message = decoded.message;
    assert_eq!(message.encode().as_deref(), Ok(octets), "encoding it again gives other octets");

    let kind = message.kind;
    let row = row(kind).unwrap_or_else(|| panic!("a client never sends {kind}"));
    for option in &message.options {
        let code = option.code();
        let known = row.must.contains(&code) || row.may.contains(&code);
        let class = matches!(code, USER_CLASS | VENDOR_CLASS | VENDOR_OPTS);
        assert!(known || class || extra.contains(&code), "option {code} does not belong in {kind}");
    }
    for &code in row.must {
        assert_eq!(count(&message, code), 1, "{kind} has exactly one option {code}");
    }
    for code in [code::RAPID_COMMIT, code::RECONF_ACCEPT] {
        assert!(count(&message, code) <= 1, "{kind} has option {code} once at most");
    }
    judge_option_request(&message);
    judge_associations(&message);
    message
}

fn count(message: &Message, code: u16) -> usize {
    message.options.iter().filter(|option| option.code() == code).count()
}

/// The codes that a message asks for.
#[must_use]
pub fn requested(message: &Message) -> Vec<u16> {
    let codes = message.options.iter().filter_map(|option| match option {
        DhcpOption::OptionRequest(codes) => Some(codes.as_slice()),
        _ => None,
    });
    codes.flatten().copied().collect()
}

fn judge_option_request(message: &Message) {
    let kind = message.kind;
    let codes = requested(message);
    let unique: BTreeSet<u16> = codes.iter().copied().collect();
    assert_eq!(unique.len(), codes.len(), "the ORO repeats a code: {codes:?}");
    for code in NEVER_REQUESTED {
        assert!(!unique.contains(&code), "option {code} must not stand in an ORO");
    }
    let refresh = code::INFORMATION_REFRESH_TIME;
    match kind {
        MessageType::InformationRequest => {
            assert!(unique.contains(&code::INF_MAX_RT), "no INF_MAX_RT in the ORO of {kind}");
            assert!(unique.contains(&refresh), "no refresh time in the ORO of {kind}");
        }
        MessageType::Solicit | MessageType::Request | MessageType::Renew | MessageType::Rebind => {
            assert!(unique.contains(&code::SOL_MAX_RT), "no SOL_MAX_RT in the ORO of {kind}");
            assert!(!unique.contains(&refresh), "refresh time in the ORO of {kind}");
        }
        _ => {}
    }
}

fn judge_associations(message: &Message) {
    let (nas, pds): (Vec<_>, Vec<_>) = (message.ia_nas().collect(), message.ia_pds().collect());
    for ias in [&nas, &pds] {
        let unique: BTreeSet<_> = ias.iter().map(|ia| ia.iaid).collect();
        assert_eq!(unique.len(), ias.len(), "an IAID stands twice");
    }
    let needs_one = !matches!(message.kind, MessageType::InformationRequest);
    assert_eq!(needs_one, !nas.is_empty() || !pds.is_empty(), "associations in {}", message.kind);
    nas.iter().for_each(|ia| judge_association(ia, code::IAADDR));
    pds.iter().for_each(|ia| judge_association(ia, code::IAPREFIX));
}

/// RFC 9915 appendix C and the SHOULDs of §21.4, §21.6, §21.21 and §21.22:
/// what a client sends has no lifetimes, no timers and no empty leases.
fn judge_association(ia: &Ia, lease: u16) {
    assert!(ia.t1.is_zero() && ia.t2.is_zero(), "a client sends T1 and T2 as zero");
    for option in &ia.options {
        assert_eq!(option.code(), lease, "this option does not belong in this IA");
    }
    for address in ia.addresses() {
        assert!(address.preferred.is_zero() && address.valid.is_zero(), "lifetimes of an address");
        assert!(!address.address.is_unspecified(), "the address :: in an IA");
        assert!(address.options.is_empty(), "options in an IAADDR");
    }
    for prefix in ia.prefixes() {
        assert!(prefix.preferred.is_zero() && prefix.valid.is_zero(), "lifetimes of a prefix");
        assert!(prefix.prefix.length() > 0, "a prefix of length zero in an IA");
        let strange = prefix.options.iter().find(|option| option.code() != code::PD_EXCLUDE);
        assert_eq!(strange, None, "options in an IAPREFIX");
    }
}
