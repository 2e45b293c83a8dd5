//! The control socket: a line gives a request or a reason.

#[path = "../../../src/os/control/request.rs"]
mod request;

use request::{LONGEST, Request};

/// A request reads the same when it is written again; a refusal has a reason
/// that fits one line of the answer.
pub fn check(line: &[u8]) {
    match Request::read(line) {
        Ok(request) => {
            assert!(u64::try_from(line.len()).is_ok_and(|length| length <= LONGEST));
            let again = serde_json::to_vec(&request).expect("a request has a JSON form");
            assert_eq!(Request::read(&again), Ok(request));
        }
        Err(why) => {
            let answer = serde_json::json!({ "error": why }).to_string();
            assert!(!why.is_empty() && !answer.contains('\n'), "{answer}");
        }
    }
}
