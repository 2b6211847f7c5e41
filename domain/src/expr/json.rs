//! Conversion between JSON and CEL values.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
    CelTimestamp, CelType, CelUInt,
};
use cel::common::value::Val;
use serde_json::{Number, Value};

/// Reason why a CEL value cannot be converted to JSON.
pub(super) enum NotJson {
    /// The JSON would have more bytes than allowed.
    TooLarge,
    /// The value has a type without a JSON representation; the text says which.
    Kind(String),
}

/// Converts JSON to CEL, borrowing its texts. Integers become `int` (or `uint` beyond its range), other numbers
/// `double`.
pub(super) fn to_cel<'v>(value: &'v Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(truth) => Box::new(CelBool::from(*truth)),
        Value::Number(number) => number_to_cel(number),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(to_cel).collect::<Vec<_>>())),
        Value::Object(fields) => map_to_cel(fields.iter()),
    }
}

/// Converts entries of a JSON object to a CEL map.
pub(super) fn map_to_cel<'v>(entries: impl Iterator<Item = (&'v String, &'v Value)>) -> Box<dyn Val + 'v> {
    let map: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> = entries
        .map(|(name, value)| (CelMapKey::String(CelString::from(name.as_str())), to_cel(value)))
        .collect();
    Box::new(CelMap::from(map))
}

fn number_to_cel<'v>(number: &Number) -> Box<dyn Val + 'v> {
    if let Some(integer) = number.as_i64() {
        Box::new(CelInt::from(integer))
    } else if let Some(integer) = number.as_u64() {
        Box::new(CelUInt::from(integer))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}

/// Converts CEL to JSON of at most `limit` bytes. Timestamps become RFC 3339, durations seconds as in `1.5s`,
/// keys strings. Bytes are refused: the user has to say whether they are text or Base64. Integers
/// beyond the range of a signed integer of 64 bits are refused, too.
pub(super) fn from_cel(value: &dyn Val, limit: usize) -> Result<Value, NotJson> {
    let mut remaining = limit;
    convert(value, &mut remaining)
}

fn convert(value: &dyn Val, remaining: &mut usize) -> Result<Value, NotJson> {
    charge(remaining, 1)?;
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return Ok(Value::Bool(*truth.inner()));
    }
    if let Some(integer) = value.downcast_ref::<CelInt>() {
        return Ok(Value::from(*integer.inner()));
    }
    if let Some(integer) = value.downcast_ref::<CelUInt>() {
        return unsigned(*integer.inner()).map(Value::from);
    }
    if let Some(number) = value.downcast_ref::<CelDouble>() {
        return float(*number.inner()).map(Value::Number);
    }
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        charge(remaining, text.inner().len())?;
        return Ok(Value::String(text.inner().to_owned()));
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        let items = list.inner().iter().map(|item| convert(item.as_ref(), remaining));
        return items.collect::<Result<_, _>>().map(Value::Array);
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        return convert_map(map, remaining);
    }
    convert_special(value)
}

fn convert_special(value: &dyn Val) -> Result<Value, NotJson> {
    if value.downcast_ref::<CelNull>().is_some() {
        return Ok(Value::Null);
    }
    if let Some(time) = value.downcast_ref::<CelTimestamp>() {
        return Ok(Value::String(time.inner().to_rfc3339()));
    }
    if let Some(duration) = value.downcast_ref::<CelDuration>() {
        return Ok(Value::String(seconds(duration.inner().num_milliseconds())));
    }
    if let Some(type_name) = value.downcast_ref::<CelType>() {
        return Ok(Value::String(type_name.name().to_owned()));
    }
    if value.downcast_ref::<CelBytes<'_>>().is_some() {
        return Err(NotJson::Kind("convert bytes with base64.encode or string".to_owned()));
    }
    Err(NotJson::Kind(format!("a {} has no JSON representation", value.get_type().name())))
}

fn convert_map(map: &CelMap<'_>, remaining: &mut usize) -> Result<Value, NotJson> {
    let mut fields = serde_json::Map::new();
    for (key, value) in map.inner() {
        let key = key_text(key);
        charge(remaining, key.len())?;
        fields.insert(key, convert(value.as_ref(), remaining)?);
    }
    Ok(Value::Object(fields))
}

fn key_text(key: &CelMapKey<'_>) -> String {
    match key {
        CelMapKey::Bool(truth) => truth.inner().to_string(),
        CelMapKey::Int(integer) => integer.inner().to_string(),
        CelMapKey::UInt(integer) => integer.inner().to_string(),
        CelMapKey::String(text) => text.inner().to_owned(),
    }
}

/// Converts an unsigned integer. The Kubernetes API server would round one beyond the range of a signed integer.
fn unsigned(integer: u64) -> Result<i64, NotJson> {
    i64::try_from(integer).map_err(|_| {
        NotJson::Kind(format!(
            "the integer {integer} is beyond the range of 64-bit integers: convert it with string()"
        ))
    })
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
