//! Durations in the notation of the custom resources: `90s`, `5m`, `24h`, `30d`, `1h30m`.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const MESSAGE: &str =
    "a duration consists of numbers with the units ms, s, m, h or d, such as 90s, 5m, 24h or 30d";
const PATTERN: &str = "^([0-9]{1,9}(ms|s|m|h|d))+$";

/// Duration that consists of numbers with the units `ms`, `s`, `m`, `h` or `d`. The original text is preserved, so that
/// Argo CD detects no drift.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(String);

/// Error for a string that is not a valid duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a valid duration: use numbers with the units ms, s, m, h or d, such as 90s, 5m, 24h or 30d"
)]
pub struct InvalidDuration(String);

impl Duration {
    /// Returns the duration as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the duration as a [`std::time::Duration`].
    ///
    /// # Errors
    /// Returns an error if the text does not match the pattern, which is possible only for an object that the API server
    /// has not validated, or if the duration exceeds 2^64 ms.
    pub fn to_std(&self) -> Result<time::Duration, InvalidDuration> {
        parse(&self.0).ok_or_else(|| InvalidDuration(self.0.clone()))
    }
}

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(|_| Self(text.to_owned())).ok_or_else(|| InvalidDuration(text.to_owned()))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A rule has a message with examples, a pattern has none.
        json_schema!({
            "type": "string",
            "maxLength": 32,
            "x-kubernetes-validations": [{"rule": format!("self.matches('{PATTERN}')"), "message": MESSAGE}],
        })
    }
}

fn parse(text: &str) -> Option<time::Duration> {
    let mut total = 0_u64;
    let mut remainder = text;
    while !remainder.is_empty() {
        let digits = remainder.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = remainder.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(millis(unit)?)?)?;
        remainder = tail;
    }
    (!text.is_empty()).then_some(time::Duration::from_millis(total))
}

fn millis(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each unit, and a sum of several, is read with its length.
    #[test]
    fn units_and_sums_of_them_are_read_correctly() {
        for (text, seconds) in
            [("90s", 90), ("5m", 300), ("24h", 86_400), ("30d", 2_592_000), ("1h30m", 5_400)]
        {
            assert_eq!(text.parse::<Duration>().unwrap().to_std().unwrap().as_secs(), seconds, "{text}");
        }
        assert_eq!("250ms".parse::<Duration>().unwrap().to_std().unwrap().as_millis(), 250);
    }

    /// A string that is not a duration is rejected with a message that shows valid examples.
    #[test]
    fn an_invalid_duration_is_rejected_with_examples() {
        for text in ["", "5", "m", "5 m", "-1s", "1y", "1.5h", "99999999999999999999s"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
        let message = "5".parse::<Duration>().unwrap_err().to_string();
        assert!(message.contains("5m"), "{message}");
    }
}
