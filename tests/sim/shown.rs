//! What is shown to people and programs is fit for both: text of servers that
//! could do harm to a terminal, a log or a script never gets there.

use serde_json::Value;

/// Where names stand, which programs take for names of hosts.
const NAMES: [&str; 4] = ["domains", "aftr", "fqdn", "sip_domains"];

/// No string in a snapshot has control characters or marks that turn the
/// direction of what is around them, and names are those of hosts.
pub fn judge(shown: &Value) {
    judge_under("", shown);
}

fn judge_under(key: &str, shown: &Value) {
    match shown {
        Value::String(text) => {
            let is_good = |c: char| !c.is_control() && !turns(c);
            assert!(text.chars().all(is_good), "{key} shows {text:?}");
            let is_host = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let is_name = NAMES.contains(&key);
            assert!(!is_name || text.chars().all(is_host), "{key} shows the name {text:?}");
        }
        Value::Array(several) => several.iter().for_each(|one| judge_under(key, one)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| judge_under(key, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The marks of Unicode's bidirectional algorithm.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
