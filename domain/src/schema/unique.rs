//! The keyword `uniqueItems` in time n·log n for every list.
//!
//! The validator's own implementation compares hashes, which many different values share: all lists that
//! consist of empty lists, and integers beyond 2⁵³ that are next to each other.

use std::cmp::Ordering;

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Number, Value};

/// The keyword `uniqueItems`.
struct UniqueItems {
    is_required: bool,
}

/// Creates the keyword from its value in the schema.
pub(super) fn create<'a>(
    _: &'a Map<String, Value>,
    value: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    Ok(Box::new(UniqueItems { is_required: value.as_bool().unwrap_or(false) }))
}

impl<'i> Keyword<'i> for UniqueItems {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            Ok(())
        } else {
            Err(ValidationError::custom("value has non-unique elements"))
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        match instance {
            Value::Array(items) if self.is_required => are_unique(items),
            _ => true,
        }
    }
}

fn are_unique(items: &[Value]) -> bool {
    let mut sorted: Vec<&Value> = items.iter().collect();
    sorted.sort_unstable_by(|left, right| compare(left, right));
    sorted.windows(2).all(|pair| match pair {
        [left, right] => compare(left, right) != Ordering::Equal,
        _ => true,
    })
}

/// Orders values so that exactly those that JSON Schema considers equal are equal: numbers by their value, and
/// objects without regard to the order of properties.
fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => left
            .len()
            .cmp(&right.len())
            .then_with(|| first_difference(left.iter().zip(right).map(|(left, right)| compare(left, right)))),
        (Value::Object(left), Value::Object(right)) => left.len().cmp(&right.len()).then_with(|| {
            let (left, right) = (sorted_fields(left), sorted_fields(right));
            first_difference(left.iter().zip(&right).map(|((left_name, left), (right_name, right))| {
                left_name.cmp(right_name).then_with(|| compare(left, right))
            }))
        }),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn first_difference(mut orderings: impl Iterator<Item = Ordering>) -> Ordering {
    orderings.find(|ordering| *ordering != Ordering::Equal).unwrap_or(Ordering::Equal)
}

fn sorted_fields(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    fields
}

/// Compares numbers by their exact value, so that the order is total: a double may be equal to two different
/// integers once they are converted.
fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(integer), None) => compare_with_double(integer, right),
        (None, Some(integer)) => compare_with_double(integer, left).reverse(),
        (None, None) => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
    }
}

/// Doubles beyond it are greater than every integer of JSON.
const MAX_DOUBLE: f64 = 1e30;

/// Returns a number as an integer, if it is one.
fn integer(number: &Number) -> Option<i128> {
    number.as_i128().or_else(|| number.as_f64().filter(|double| double.fract() == 0.0).and_then(floor))
}

fn compare_with_double(integer: i128, number: &Number) -> Ordering {
    let double = number.as_f64().unwrap_or(f64::NAN);
    match floor(double) {
        // The double lies between its floor and the next integer.
        Some(floor) if integer <= floor => Ordering::Less,
        Some(_) => Ordering::Greater,
        None if double > 0.0 => Ordering::Less,
        None => Ordering::Greater,
    }
}

/// Returns the greatest integer that is not greater than a double; `None` beyond [`MAX_DOUBLE`].
fn floor(double: f64) -> Option<i128> {
    #[expect(clippy::as_conversions, reason = "a double of at most 1e30, without a fraction")]
    (double.abs() < MAX_DOUBLE).then(|| double.floor() as i128)
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Elements are equal exactly when JSON Schema says so.
    #[test]
    fn elements_are_compared_as_json() {
        for (items, expected) in [
            (json!([1, 2, 3]), true),
            (json!([1, 1.0]), false),
            (json!([0, -0.0]), false),
            (json!([9_007_199_254_740_993_u64, 9_007_199_254_740_992_u64]), true),
            (json!([1, "1", true, null, [1], {"a": 1}]), true),
            (json!([{"a": 1, "b": 2}, {"b": 2, "a": 1}]), false),
            (json!([1.5, 1, 2, 1.25, 1e300, -1e300, 1e299]), true),
            (json!([1e300, 1e300]), false),
            (json!([[[], []], [[[]]], [], [[]]]), true),
            (json!([[1, [2]], [1, [2]]]), false),
            (json!([]), true),
        ] {
            assert_eq!(are_unique(items.as_array().expect("a list")), expected, "{items}");
        }
    }
}
