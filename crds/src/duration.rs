//! Durations as people write them: `90s`, `5m`, `24h`, `30d`, `1h30m`.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const PATTERN: &str = "^([0-9]{1,9}(ms|s|m|h|d))+$";

/// A length of time, kept as it was written (so that Argo CD sees no drift): numbers with `ms`, `s`, `m`, `h` or `d`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(String);

/// A string that is no duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no duration: write a number with ms, s, m, h or d, as in 90s, 5m, 24h or 30d")]
pub struct InvalidDuration(String);

impl Duration {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its length.
    ///
    /// # Errors
    /// It does not follow the pattern (an object that never passed the API server), or is longer than 2^64 ms.
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
        json_schema!({"type": "string", "pattern": PATTERN, "maxLength": 32})
    }
}

fn parse(text: &str) -> Option<time::Duration> {
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(millis(unit)?)?)?;
        rest = tail;
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

    /// A timeout of five minutes is taken as five months, or as nothing.
    #[test]
    fn every_unit_and_their_sum_have_their_length() {
        for (text, seconds) in
            [("90s", 90), ("5m", 300), ("24h", 86_400), ("30d", 2_592_000), ("1h30m", 5_400)]
        {
            assert_eq!(text.parse::<Duration>().unwrap().to_std().unwrap().as_secs(), seconds, "{text}");
        }
        assert_eq!("250ms".parse::<Duration>().unwrap().to_std().unwrap().as_millis(), 250);
    }

    /// A typo in a duration is accepted, and means something else than was written.
    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "5", "m", "5 m", "-1s", "1y", "1.5h", "99999999999999999999s"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
        let message = "5".parse::<Duration>().unwrap_err().to_string();
        assert!(message.contains("5m"), "{message}");
    }
}
