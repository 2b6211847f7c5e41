//! Numbers that were rounded before they reached us. YAML and JSON parsers read an integer beyond 64 bits as a double, and so
//! does the Kubernetes API server with one beyond the range of a signed integer.

use serde_json::{Number, Value};

use crate::schema::Violation;

/// Message about such a number, without the number: the digits that were written are not known any more.
pub const MESSAGE: &str = "the number is beyond the range of 64-bit integers (±9223372036854775807), where integers are rounded: write it as a string";

/// Doubles of at least this magnitude, 2^63, may be rounded integers.
const MIN_OVERSIZED: f64 = 9_223_372_036_854_775_808.0;

/// Returns the JSON pointer to the first number beyond the range of a signed integer of 64 bits. A double of this size may be
/// a rounded integer.
#[must_use]
pub fn oversized(value: &Value) -> Option<String> {
    let mut names = Vec::new();
    find(value, &mut names).then(|| {
        names.iter().rev().fold(String::new(), |mut pointer, name: &String| {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            pointer
        })
    })
}

/// Checks that no number of a value was rounded.
///
/// # Errors
/// Returns the violation with the JSON pointer of the number.
pub(crate) fn check(value: &Value) -> Result<(), Vec<Violation>> {
    match oversized(value) {
        Some(pointer) => Err(vec![Violation { pointer, message: MESSAGE.to_owned() }]),
        None => Ok(()),
    }
}

/// Returns whether a value contains such a number, and appends the names of the path to it, innermost first.
fn find(value: &Value, names: &mut Vec<String>) -> bool {
    let name = match value {
        Value::Number(number) => return is_oversized(number),
        Value::Object(fields) => {
            fields.iter().find(|(_, field)| find(field, names)).map(|(name, _)| name.clone())
        }
        Value::Array(items) => items.iter().position(|item| find(item, names)).map(|index| index.to_string()),
        _ => None,
    };
    let is_found = name.is_some();
    names.extend(name);
    is_found
}

fn is_oversized(number: &Number) -> bool {
    number.as_i64().is_none() && number.as_f64().is_none_or(|double| double.abs() >= MIN_OVERSIZED)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Numbers beyond 64 bits are found wherever they stand, and no others.
    #[test]
    fn numbers_beyond_64_bits_are_found() {
        let exact = json!({"a": [i64::MAX, i64::MIN, 1.5, 9.2e18, -0.0], "b": "18446744073709551616"});
        assert_eq!(oversized(&exact), None);
        assert_eq!(oversized(&json!({"a/b": [1, {"n": u64::MAX}]})), Some("/a~1b/1/n".to_owned()));
        for rounded in [json!(1.8e19), json!(-1.8e19), json!(9_223_372_036_854_775_808_u64)] {
            assert_eq!(oversized(&rounded), Some(String::new()), "{rounded}");
        }
    }
}
