//! JSON to CEL values and back.

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use serde_json::{Number, Value};

/// Why a CEL value has no JSON.
pub(super) enum NotJson {
    /// More bytes than allowed.
    TooLarge,
    /// The type that has no form in JSON.
    Kind(String),
}

/// Whole numbers become `int` (or `uint` beyond its range), others `double`.
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

/// A map of the given entries.
pub(super) fn map_to_cel<'a>(entries: impl Iterator<Item = (&'a String, &'a Value)>) -> cel::Value {
    let map: HashMap<Key, cel::Value> =
        entries.map(|(name, value)| (Key::String(Arc::new(name.clone())), to_cel(value))).collect();
    cel::Value::Map(Map { map: Arc::new(map) })
}

fn number_to_cel(number: &Number) -> cel::Value {
    if let Some(whole) = number.as_i64() {
        cel::Value::Int(whole)
    } else if let Some(whole) = number.as_u64() {
        cel::Value::UInt(whole)
    } else {
        cel::Value::Float(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// Timestamps become RFC 3339, durations seconds as in `1.5s`, keys strings. Bytes are refused: whether they are text
/// or Base64 is the user's to say.
pub(super) fn from_cel(value: &cel::Value, limit: usize) -> Result<Value, NotJson> {
    let mut left = limit;
    convert(value, &mut left)
}

fn convert(value: &cel::Value, left: &mut usize) -> Result<Value, NotJson> {
    pay(left, 1)?;
    Ok(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(truth) => Value::Bool(*truth),
        cel::Value::Int(whole) => Value::from(*whole),
        cel::Value::UInt(whole) => Value::from(*whole),
        cel::Value::Float(number) => Value::Number(float(*number)?),
        cel::Value::String(text) => {
            pay(left, text.len())?;
            Value::String(text.as_ref().clone())
        }
        cel::Value::List(items) => {
            Value::Array(items.iter().map(|item| convert(item, left)).collect::<Result<_, _>>()?)
        }
        cel::Value::Map(map) => convert_map(map, left)?,
        cel::Value::Timestamp(time) => Value::String(time.to_rfc3339()),
        cel::Value::Duration(duration) => Value::String(seconds(duration.num_milliseconds())),
        cel::Value::Bytes(_) => {
            return Err(NotJson::Kind("use base64.encode or string for bytes".to_owned()));
        }
        other => return Err(NotJson::Kind(format!("a {} has no form in JSON", other.type_of()))),
    })
}

fn convert_map(map: &Map, left: &mut usize) -> Result<Value, NotJson> {
    let mut fields = serde_json::Map::new();
    for (key, value) in map.map.iter() {
        let key = key.to_string();
        pay(left, key.len())?;
        fields.insert(key, convert(value, left)?);
    }
    Ok(Value::Object(fields))
}

fn float(number: f64) -> Result<Number, NotJson> {
    Number::from_f64(number).ok_or_else(|| NotJson::Kind(format!("{number} has no form in JSON")))
}

fn seconds(milliseconds: i64) -> String {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let (whole, rest) = (milliseconds.unsigned_abs() / 1000, milliseconds.unsigned_abs() % 1000);
    if rest == 0 { format!("{sign}{whole}s") } else { format!("{sign}{whole}.{rest:03}s") }
}

fn pay(left: &mut usize, bytes: usize) -> Result<(), NotJson> {
    *left = left.checked_sub(bytes).ok_or(NotJson::TooLarge)?;
    Ok(())
}

/// What JSON calls the type of a value.
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
