//! Quantities as Kubernetes writes them: `250m`, `64Mi`, `4`.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const PATTERN: &str = "^[0-9]+(\\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";

/// An amount of a resource, kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantity(String);

/// A string that is no quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no quantity: write a number with m, k, M, G, T, Ki, Mi, Gi or Ti, as in 250m or 64Mi")]
pub struct InvalidQuantity(String);

impl Quantity {
    /// A quantity from its text; it is checked where it is read.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its value in thousandths (millicores for CPU; divide by 1,000 for bytes or counts).
    ///
    /// # Errors
    /// It does not follow the pattern, or is larger than 2^128 thousandths.
    pub fn to_milli(&self) -> Result<u128, InvalidQuantity> {
        parse_milli(&self.0).ok_or_else(|| InvalidQuantity(self.0.clone()))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN, "maxLength": 24})
    }
}

fn parse_milli(text: &str) -> Option<u128> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse::<u128>().ok()?;
    let milli = whole.parse::<u128>().ok()?.checked_mul(1_000)?.checked_add(thousandths)?;
    if unit == "m" { Some(milli / 1_000) } else { milli.checked_mul(factor(unit)?) }
}

fn factor(unit: &str) -> Option<u128> {
    Some(match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "P" => 1_000_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "Pi" => 1 << 50,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit of 64 MiB is enforced as another one.
    #[test]
    fn quantities_have_the_value_that_kubernetes_gives_them() {
        for (text, milli) in
            [("250m", 250), ("4", 4_000), ("1.5", 1_500), ("64Mi", 67_108_864_000), ("5G", 5_000_000_000_000)]
        {
            assert_eq!(Quantity::new(text).to_milli(), Ok(milli), "{text}");
        }
    }

    /// A typo in a limit is taken for no limit.
    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "Mi", "-1", "1e3", "1..2", "1 Gi", "1.2345"] {
            assert!(Quantity::new(text).to_milli().is_err(), "{text}");
        }
    }
}
