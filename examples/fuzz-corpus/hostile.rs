//! What went wrong elsewhere, as octets.

use dhc6c_core::time::Lifetime;
use dhc6c_core::wire::{DhcpOption, Ia, Message, ServerText, Status, StatusCode, code};

/// An honest message, spoilt in all the ways that have felled a client
/// somewhere.
pub fn variants(octets: &[u8]) -> Vec<Vec<u8>> {
    let message = Message::decode(octets).expect("an honest message").message;
    let with = |spoil: &dyn Fn(&mut Message)| {
        let mut spoilt = message.clone();
        spoil(&mut spoilt);
        spoilt.encode().expect("short options fit")
    };
    let raw = |code, payload: &[u8]| DhcpOption::Raw { code, payload: payload.to_vec() };
    let appended = |tail: &[u8]| [octets, tail].concat();
    let mut variants = vec![
        appended(&[0]),
        appended(&[0, 0, 0]),
        appended(&[0, 0, 0, 0]),
        appended(&[0, 3, 0xff, 0xff]),
        appended(&[0, 13, 0, 0]),
        appended(&[0, 13, 0, 1, 0]),
        appended(&[0, 14, 0, 1, 0]),
        octets[..octets.len() * 2 / 3].to_vec(),
        octets[..octets.len() - 1].to_vec(),
        with(&|m| m.options.push(raw(code::DNS_SERVERS, &[0x20; 17]))),
        with(&|m| m.options.push(raw(code::DOMAIN_LIST, b"\xc0\x00\x40;$(id)"))),
        with(&|m| m.options.push(raw(code::NTP_SERVER, &[0, 1, 0, 16, 0]))),
        with(&|m| m.options.push(raw(103, b"http://[::1]/\x1b[2J\n"))),
        with(&|m| m.options.push(DhcpOption::SolMaxRt(60))),
        with(&|m| m.options.push(DhcpOption::InfMaxRt(u32::MAX))),
        with(&|m| m.options.push(DhcpOption::InformationRefreshTime(Lifetime(1)))),
        with(&|m| m.options.extend(m.options.clone())),
        with(&|m| m.options.reverse()),
    ];
    for number in 0..=6 {
        let status = Status { code: StatusCode(number), message: ServerText::new(b"\x9b2J\nno") };
        variants.push(with(&|m| m.options.push(DhcpOption::Status(status.clone()))));
        variants.push(with(&|m| {
            each_ia(m, |ia| ia.options = vec![DhcpOption::Status(status.clone())]);
        }));
        variants.push(with(&|m| {
            each_lease(m, |_, _, options| options.push(DhcpOption::Status(status.clone())));
        }));
    }
    let times = [0, 1, 10, 7200, u32::MAX - 1, u32::MAX].map(Lifetime);
    for (one, other) in times.into_iter().flat_map(|one| times.map(|other| (one, other))) {
        variants.push(with(&|m| each_ia(m, |ia| (ia.t1, ia.t2) = (one, other))));
        variants.push(with(&|m| each_lease(m, |p, v, _| (*p, *v) = (one, other))));
    }
    for length in [0, 1, 63, 64, 128, 129, 200, 255] {
        variants.push(with(&|m| {
            let lease = [&[0, 0, 0, 9, 0, 0, 0, 9, length][..], &[0x20; 16]].concat();
            each_ia(m, |ia| ia.options = vec![raw(code::IAPREFIX, &lease)]);
        }));
    }
    variants
}

fn each_ia(message: &mut Message, mut spoil: impl FnMut(&mut Ia)) {
    for option in &mut message.options {
        if let DhcpOption::IaNa(ia) | DhcpOption::IaPd(ia) = option {
            spoil(ia);
        }
    }
}

fn each_lease(
    message: &mut Message,
    mut spoil: impl FnMut(&mut Lifetime, &mut Lifetime, &mut Vec<DhcpOption>),
) {
    each_ia(message, |ia| {
        for option in &mut ia.options {
            match option {
                DhcpOption::IaAddress(l) => spoil(&mut l.preferred, &mut l.valid, &mut l.options),
                DhcpOption::IaPrefix(l) => spoil(&mut l.preferred, &mut l.valid, &mut l.options),
                _ => {}
            }
        }
    });
}

/// Router Advertisements: all flags, no prefix to too many, and options of
/// every bad length.
pub fn advertisements() -> Vec<Vec<u8>> {
    let header = |flags: u8| vec![134, 0, 0, 0, 64, flags, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let prefix = |flags: u8, length: u8, valid: u32, preferred: u32, first: u8| {
        let times = [valid.to_be_bytes(), preferred.to_be_bytes()].concat();
        [&[3, 4, length, flags], &times[..], &[0; 4], &[first, 1, 0x0d, 0xb8], &[0; 12]].concat()
    };
    let mut advertisements = Vec::new();
    for flags in [0, 0x40, 0x80, 0xc0] {
        advertisements.push(header(flags));
        for on in [0xc0, 0xd0, 0x80, 0x10] {
            advertisements.push([header(flags), prefix(on, 64, 7200, 3600, 0x20)].concat());
        }
    }
    let times = [(0, 0), (1, 1), (u32::MAX, u32::MAX), (9, 10), (u32::MAX, 0)];
    for (valid, preferred) in times {
        advertisements.push([header(0xc0), prefix(0xd0, 64, valid, preferred, 0x20)].concat());
    }
    for (length, first) in [(0, 0x20), (129, 0x20), (255, 0x20), (64, 0xfe), (64, 0xff), (64, 0)] {
        advertisements.push([header(0xc0), prefix(0xd0, length, 9, 9, first)].concat());
    }
    let many: Vec<u8> = (0..40).flat_map(|first| prefix(0xc0, 64, 9, 9, first)).collect();
    advertisements.push([header(0xc0), many].concat());
    let tails: [&[u8]; 6] =
        [&[3, 0], &[3], &[3, 4, 64], &[5, 1, 0, 0, 0, 0, 5, 220], &[25, 3, 0, 0], &[24, 0xff]];
    advertisements.extend(tails.map(|tail| [&header(0x80)[..], tail].concat()));
    advertisements.extend([vec![], header(0)[..15].to_vec(), vec![133, 0, 0, 0, 0, 0, 0, 0]]);
    advertisements
}

/// Lines that are requests, almost requests, and none.
pub fn requests() -> Vec<Vec<u8>> {
    let commands = [
        "status", "page", "watch", "wait", "renew", "rebind", "release", "restart", "reload",
        "stop",
    ];
    let line = |command: &str| format!("{{\"command\":\"{command}\"}}\n").into_bytes();
    let mut lines: Vec<_> = commands.into_iter().map(line).collect();
    let others: [&[u8]; 14] = [
        b"",
        b"\n",
        b"garbage\n",
        b"{}",
        b"{\"command\":",
        b"{\"command\":null}",
        b"{\"command\":[\"stop\"]}",
        b"{\"command\":{\"stop\":null}}",
        b"{\"command\":\"Stop\"}",
        b"{\"command\":\"stop\",\"command\":\"wait\"}",
        b"{\"command\":\"stop\",\"more\":[[[{\"x\":1e999}]]]}\n",
        b"{\"command\":\"\\u0073top\"}",
        b"\xff\xfe{}",
        b"{\"command\":\"stop\"} x",
    ];
    lines.extend(others.map(<[u8]>::to_vec));
    lines.push(vec![b'['; 1000]);
    lines.push([&b"{\"command\":\"stop\""[..], &[b' '; 2000], b"}"].concat());
    lines
}
