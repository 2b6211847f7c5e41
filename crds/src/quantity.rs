//! Resource quantities in the notation of Kubernetes: `250m`, `64Mi`, `4`.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const PATTERN: &str = "^[0-9]+(\\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";

/// Quantity of a resource. The original text is preserved, so that Argo CD detects no drift.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantity(String);

/// Error for a string that is not a valid quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a valid quantity: use a number with the suffix m, k, M, G, T, P, Ki, Mi, Gi, Ti or Pi, such as 250m or 64Mi"
)]
pub struct InvalidQuantity(String);

impl Quantity {
    /// Creates a quantity from its text. Does not validate the text; [`Quantity::to_milli`] does.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the quantity as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value in thousandths: millicores for CPU; bytes and counts are the result divided by 1,000.
    ///
    /// # Errors
    /// Returns an error if the text does not match the pattern or the value exceeds 2^128 thousandths.
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
    let (integer, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if integer.is_empty() || fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse::<u128>().ok()?;
    let milli = integer.parse::<u128>().ok()?.checked_mul(1_000)?.checked_add(thousandths)?;
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

    /// A quantity has the value that Kubernetes gives it.
    #[test]
    fn quantities_have_the_value_that_kubernetes_gives_them() {
        for (text, milli) in
            [("250m", 250), ("4", 4_000), ("1.5", 1_500), ("64Mi", 67_108_864_000), ("5G", 5_000_000_000_000)]
        {
            assert_eq!(Quantity::new(text).to_milli(), Ok(milli), "{text}");
        }
    }

    /// A string that is not a quantity is rejected, instead of being treated as no limit.
    #[test]
    fn an_invalid_quantity_is_rejected() {
        for text in ["", "Mi", "-1", "1e3", "1..2", "1 Gi", "1.2345"] {
            assert!(Quantity::new(text).to_milli().is_err(), "{text}");
        }
    }
}
