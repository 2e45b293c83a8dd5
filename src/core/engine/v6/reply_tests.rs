//! What Replies do to what all states share.

use super::*;
use crate::engine::Config;
use crate::rng::Rng;
use crate::snapshot::Server;
use crate::time::Duration;
use crate::wire::{MessageType, ServerText, Status};

use super::super::settings::Settings;

fn common() -> Common {
    let config = Config::new("eth0", "00030001021122334455".parse().unwrap());
    Common::new(config.into(), Rng::from_number(1))
}

fn failing(code: StatusCode) -> Answer {
    Answer {
        kind: MessageType::Reply,
        question: MessageType::Request,
        key: None,
        server: Server {
            duid: "00030001021122334466".parse().unwrap(),
            address: "fe80::1".parse().unwrap(),
            preference: 0,
        },
        failure: Some(Status { code, message: ServerText::default() }),
        ias: Vec::new(),
        sol_max_rt: Some(60),
        inf_max_rt: Some(86_400),
        refresh: None,
        settings: Settings::default(),
    }
}

#[test]
fn rep_01_bounds_are_taken_from_a_reply_that_fails() {
    for code in 1..=6 {
        let mut common = common();
        take(&mut common, Instant::BOOT, &failing(StatusCode(code)), Event::Updated);
        assert_eq!(common.sol_max_rt, Duration::from_secs(60));
        assert_eq!(common.inf_max_rt, Duration::from_secs(86_400));
    }
}

#[test]
fn sol_11_inf_05_bounds_outside_their_own_are_ignored() {
    for seconds in [0, 45, 59, 86_401, 87_000, u32::MAX] {
        let mut common = common();
        let answer = Answer {
            sol_max_rt: Some(seconds),
            inf_max_rt: Some(seconds),
            ..failing(StatusCode::UNSPEC_FAIL)
        };
        take(&mut common, Instant::BOOT, &answer, Event::Updated);
        assert_eq!(common.sol_max_rt, Duration::from_secs(3600), "{seconds}");
        assert_eq!(common.inf_max_rt, Duration::from_secs(3600), "{seconds}");
    }
}

/// UseMulticast has no meaning any more (RFC 9915 §21.13): a plain failure.
#[test]
fn req_03_a_status_at_the_top_decides_what_becomes_of_the_exchange() {
    let cases = [
        (StatusCode::UNSPEC_FAIL, Verdict::Ignore),
        (StatusCode::USE_MULTICAST, Verdict::Ignore),
        (StatusCode(99), Verdict::Ignore),
        (StatusCode::NOT_ON_LINK, Verdict::NotOnLink),
        (StatusCode::NO_BINDING, Verdict::NoBinding),
        (StatusCode::NO_ADDRS_AVAIL, Verdict::Nothing),
        (StatusCode::NO_PREFIX_AVAIL, Verdict::Nothing),
    ];
    for (code, verdict) in cases {
        let mut common = common();
        assert_eq!(take(&mut common, Instant::BOOT, &failing(code), Event::Updated), verdict);
        assert!(common.last_error.is_some(), "{code}: it is shown");
    }
}
