//! Values of request bodies. Names of attributes are compared without regard to case (RFC 7643, section 2.1), and unknown attributes are
//! ignored: identity providers send many that this service does not have.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::problem::invalid;
use crate::problem::Problem;

/// JSON object.
pub(super) type Object = Map<String, Value>;

/// Returns the value of an attribute, whose name is in lower case. A null counts as absent.
pub(super) fn field<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    let value = object.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    value.map(|(_, value)| value).filter(|value| !value.is_null())
}

/// Reads a text. An empty one, like null, is absent.
///
/// # Errors
/// Returns an error if it is another value.
pub(super) fn text(value: &Value, pointer: &str) -> Result<Option<String>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)),
        _ => Err(invalid("invalidValue", pointer, "must be a string")),
    }
}

/// Reads a text that must not be absent.
///
/// # Errors
/// Returns an error if it is absent, or another value.
pub(super) fn required_text(value: &Value, pointer: &str) -> Result<String, Problem> {
    text(value, pointer)?.ok_or_else(|| invalid("invalidValue", pointer, "is required"))
}

/// Reads a truth value, which Entra ID writes as `"True"` or `"False"`.
///
/// # Errors
/// Returns an error if it is another value.
pub(super) fn boolean(value: &Value, pointer: &str) -> Result<bool, Problem> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(invalid("invalidValue", pointer, "must be true or false")),
    }
}

/// Reads the IDs of members: a list, or a single one, of objects with `value`, or of texts.
///
/// # Errors
/// Returns an error if a member has no ID.
pub(super) fn members(value: &Value) -> Result<BTreeSet<Uuid>, Problem> {
    let id = |member: &Value| {
        let id = member.as_object().and_then(|member| field(member, "value")).unwrap_or(member);
        id.as_str().and_then(|id| id.parse().ok()).ok_or_else(|| {
            invalid("invalidValue", "/members", "must be users of this service: each has its ID as `value`")
        })
    };
    match value {
        Value::Null => Ok(BTreeSet::new()),
        Value::Array(members) => members.iter().map(id).collect(),
        member => Ok(BTreeSet::from([id(member)?])),
    }
}
