//! Names of enum values in API responses. Kubernetes objects spell them in PascalCase, the API in UPPER_SNAKE_CASE.

use serde::Serialize;
use serde_json::Value;

/// Converts a name from PascalCase to UPPER_SNAKE_CASE: `TimedOut` becomes `TIMED_OUT`.
#[must_use]
pub fn upper_snake(pascal: &str) -> String {
    let mut upper = String::with_capacity(pascal.len() + 4);
    for (index, letter) in pascal.char_indices() {
        if index > 0 && letter.is_ascii_uppercase() {
            upper.push('_');
        }
        upper.push(letter.to_ascii_uppercase());
    }
    upper
}

/// Returns the name that serde gives an enum value without fields, or an empty string for any other value.
#[must_use]
pub fn serde_name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crds::run::TriggerKind;

    use super::*;
    use crate::store::RunStatus;

    /// Clients receive the names that the API documents.
    #[test]
    fn pascal_case_becomes_upper_snake_case() {
        assert_eq!(["Running", "TimedOut"].map(upper_snake), ["RUNNING", "TIMED_OUT"]);
    }

    /// A renamed Rust variant does not change the wire format.
    #[test]
    fn enum_names_are_the_serialized_ones() {
        assert_eq!(serde_name(&RunStatus::TimedOut), "TIMED_OUT");
        assert_eq!(serde_name(&TriggerKind::Api), "Api");
    }
}
