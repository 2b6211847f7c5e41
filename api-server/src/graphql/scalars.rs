//! Custom scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::db::Timestamp;

/// Time in RFC 3339 format, in UTC, such as `2026-11-24T08:00:00Z`.
#[derive(Clone, Copy, Debug)]
pub(super) struct DateTime(pub(super) Timestamp);

#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => {
                let time: jiff::Timestamp = text.parse().map_err(|_| InputValueError::custom(RFC_3339))?;
                Ok(Self(time.into()))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_jiff().to_string())
    }
}

const RFC_3339: &str = "expected an RFC 3339 time such as 2026-11-24T08:00:00Z";
