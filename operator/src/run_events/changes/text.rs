//! Texts in Events.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// Maximum number of characters of an error message.
const MAX_MESSAGE_CHARS: usize = 256;
/// Maximum number of entries of a list.
const MAX_ENTRIES: usize = 3;

/// Returns the code and the beginning of the message of an error, in one line.
pub(super) fn error(code: &str, message: &str) -> String {
    let message = beginning(message);
    if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") }
}

/// Returns the beginning of a message, in one line.
pub(super) fn beginning(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Returns the first entries, and the number of the others.
pub(super) fn list(entries: &[String]) -> String {
    let shown = entries.get(..MAX_ENTRIES.min(entries.len())).unwrap_or_default().join("; ");
    match entries.len().saturating_sub(MAX_ENTRIES) {
        0 => shown,
        others => format!("{shown}; and {others} more"),
    }
}

/// Returns the number and the name of an item.
pub(super) fn item(index: u32, label: Option<&String>) -> String {
    match label {
        Some(label) => format!("item {index} ({label})"),
        None => format!("item {index}"),
    }
}

/// Returns a time in seconds.
pub(super) fn time(time: &MicroTime) -> String {
    let seconds = Timestamp::from_second(time.0.as_second()).unwrap_or(time.0);
    seconds.to_string()
}
