//! The nesting depth of JSON values.

use serde_json::Value;

/// Returns whether lists and objects are nested more than `levels` deep.
#[must_use]
pub fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let deeper = |value: &Value| is_deeper_than(value, levels.saturating_sub(1));
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(deeper),
        Value::Object(fields) => levels == 0 || fields.values().any(deeper),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The depth of a value is that of its deepest branch.
    #[test]
    fn levels_are_counted_along_the_deepest_branch() {
        for (value, depth) in
            [(json!(7), 0), (json!([]), 1), (json!({"a": 1, "b": [1, {}]}), 3), (json!([[], [[]], 1]), 3)]
        {
            let found = (0..9).find(|levels| !is_deeper_than(&value, *levels));
            assert_eq!(found, Some(depth), "{value}");
        }
    }
}
