//! The number of values in JSON.

use serde_json::Value;

/// Returns the number of values in a value: itself, and all elements and members at any depth.
#[must_use]
pub fn count_values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count_values).sum(),
        Value::Object(members) => members.values().map(count_values).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Lists, objects and what they contain are counted.
    #[test]
    fn values_are_counted_at_every_depth() {
        for (value, count) in [(json!(7), 1), (json!([]), 1), (json!({"a": [1, {}], "b": null}), 5)] {
            assert_eq!(count_values(&value), count, "{value}");
        }
    }
}
