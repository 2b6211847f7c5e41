//! Comparison of an example with a response: they differ only in IDs, names and times that are new for each object.

use serde_json::Value;
use uuid::Uuid;

/// Length from which a text without spaces is a cursor.
const CURSOR_LENGTH: usize = 40;
/// Length from which letters and digits in a name are random.
const RANDOM_LENGTH: usize = 6;

/// Returns a value with the same text in place of everything that is new for each object.
pub(super) fn comparable(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), comparable(value))).collect()
        }
        Value::Array(items) => items.iter().map(comparable).collect(),
        Value::String(text) => Value::String(comparable_text(text)),
        value => value.clone(),
    }
}

fn comparable_text(text: &str) -> String {
    if text.parse::<Uuid>().is_ok() {
        return "an ID".to_owned();
    }
    if text.parse::<jiff::Timestamp>().is_ok() {
        return "a time".to_owned();
    }
    // The beginning of an API key, which may have no digit.
    if text.starts_with("smbc_live_") && text.len() < CURSOR_LENGTH {
        return "a key".to_owned();
    }
    // The issuer of the tests has another port each time.
    if text.starts_with("http://127.0.0.1:") {
        return "https://issuer.example".to_owned();
    }
    if text.len() >= CURSOR_LENGTH && !text.contains(' ') {
        return "a cursor".to_owned();
    }
    let is_random =
        |part: &str| part.len() >= RANDOM_LENGTH && part.contains(|letter: char| letter.is_ascii_digit());
    let parts = text.split('-').map(|part| if is_random(part) { "random" } else { part });
    parts.collect::<Vec<_>>().join("-")
}

/// Objects that differ in what is new are equal, and all other differences remain.
#[test]
fn only_what_is_new_is_ignored() {
    let one = serde_json::json!({"id": "a0000000-0000-4000-8000-000000000001", "name": "invoice-0kq7w2x", "at": "2026-11-24T08:00:00Z"});
    let other = serde_json::json!({"id": "019ad3c4-0000-7000-8000-000000000000", "name": "invoice-9zz1b4c", "at": "2026-11-25T08:00:00Z"});
    assert_eq!(comparable(&one), comparable(&other));
    let changed = serde_json::json!({"id": "a0000000-0000-4000-8000-000000000001", "name": "report-0kq7w2x", "at": null});
    assert_ne!(comparable(&one), comparable(&changed));
}
