//! Conversion between JSON and CEL values.

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use serde_json::{Number, Value};

/// Reason why a CEL value cannot be converted to JSON.
pub(super) enum NotJson {
    /// The JSON would have more bytes than allowed.
    TooLarge,
    /// The value has a type without a JSON representation; the text says which.
    Kind(String),
}

/// Converts JSON to CEL. Integers become `int` (or `uint` beyond its range), other numbers `double`.
pub(super) fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(truth) => cel::Value::Bool(*truth),
        Value::Number(number) => number_to_cel(number),
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => map_to_cel(fields.iter()),
    }
}

/// Converts entries of a JSON object to a CEL map.
pub(super) fn map_to_cel<'a>(entries: impl Iterator<Item = (&'a String, &'a Value)>) -> cel::Value {
    let map: HashMap<Key, cel::Value> =
        entries.map(|(name, value)| (Key::String(Arc::new(name.clone())), to_cel(value))).collect();
    cel::Value::Map(Map { map: Arc::new(map) })
}

fn number_to_cel(number: &Number) -> cel::Value {
    if let Some(integer) = number.as_i64() {
        cel::Value::Int(integer)
    } else if let Some(integer) = number.as_u64() {
        cel::Value::UInt(integer)
    } else {
        cel::Value::Float(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// Converts CEL to JSON of at most `limit` bytes. Timestamps become RFC 3339, durations seconds as in `1.5s`,
/// keys strings. Bytes are refused: the user has to say whether they are text or Base64.
pub(super) fn from_cel(value: &cel::Value, limit: usize) -> Result<Value, NotJson> {
    let mut remaining = limit;
    convert(value, &mut remaining)
}

fn convert(value: &cel::Value, remaining: &mut usize) -> Result<Value, NotJson> {
    charge(remaining, 1)?;
    Ok(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(truth) => Value::Bool(*truth),
        cel::Value::Int(integer) => Value::from(*integer),
        cel::Value::UInt(integer) => Value::from(*integer),
        cel::Value::Float(number) => Value::Number(float(*number)?),
        cel::Value::String(text) => {
            charge(remaining, text.len())?;
            Value::String(text.as_ref().clone())
        }
        cel::Value::List(items) => {
            Value::Array(items.iter().map(|item| convert(item, remaining)).collect::<Result<_, _>>()?)
        }
        cel::Value::Map(map) => convert_map(map, remaining)?,
        cel::Value::Timestamp(time) => Value::String(time.to_rfc3339()),
        cel::Value::Duration(duration) => Value::String(seconds(duration.num_milliseconds())),
        cel::Value::Bytes(_) => {
            return Err(NotJson::Kind("convert bytes with base64.encode or string".to_owned()));
        }
        other => return Err(NotJson::Kind(format!("a {} has no JSON representation", other.type_of()))),
    })
}

fn convert_map(map: &Map, remaining: &mut usize) -> Result<Value, NotJson> {
    let mut fields = serde_json::Map::new();
    for (key, value) in map.map.iter() {
        let key = key.to_string();
        charge(remaining, key.len())?;
        fields.insert(key, convert(value, remaining)?);
    }
    Ok(Value::Object(fields))
}

fn float(number: f64) -> Result<Number, NotJson> {
    Number::from_f64(number).ok_or_else(|| NotJson::Kind(format!("{number} has no JSON representation")))
}

fn seconds(milliseconds: i64) -> String {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let (whole, rest) = (milliseconds.unsigned_abs() / 1000, milliseconds.unsigned_abs() % 1000);
    if rest == 0 { format!("{sign}{whole}s") } else { format!("{sign}{whole}.{rest:03}s") }
}

fn charge(remaining: &mut usize, bytes: usize) -> Result<(), NotJson> {
    *remaining = remaining.checked_sub(bytes).ok_or(NotJson::TooLarge)?;
    Ok(())
}

/// Returns the JSON type of a value, with its article.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
