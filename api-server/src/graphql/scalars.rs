//! Custom scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use jiff::Timestamp;

use crate::db;

/// Time in RFC 3339 format, in UTC, such as `2026-11-24T08:00:00Z`.
#[derive(Clone, Copy, Debug)]
pub(super) struct DateTime(pub(super) Timestamp);

impl From<db::Timestamp> for DateTime {
    fn from(timestamp: db::Timestamp) -> Self {
        Self(timestamp.to_jiff())
    }
}

/// Time in RFC 3339 format, in UTC, such as `2026-11-24T08:00:00Z`.
#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Ok(Self(text.parse().map_err(|_| InputValueError::custom(RFC_3339))?)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Integer of up to 64 bits, as a JSON number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Int64(pub(super) u64);

/// Integer of up to 64 bits, as a JSON number.
#[Scalar]
impl ScalarType for Int64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => {
                number.as_u64().map(Self).ok_or_else(|| InputValueError::expected_type(value))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

const RFC_3339: &str = "expected an RFC 3339 time such as 2026-11-24T08:00:00Z";
