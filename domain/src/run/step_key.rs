//! Where in a run something is.

use std::fmt;

use serde::Serialize;

/// A step, or an item of a step with `forEach`. As text `step` or `step/3`: the key of a decision, and what an
/// idempotency key ends with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StepKey {
    /// The step.
    pub step: String,
    /// The item, counted from 0; none = the step as a whole.
    pub item: Option<u32>,
}

impl StepKey {
    /// A step as a whole.
    #[must_use]
    pub fn step(step: impl Into<String>) -> Self {
        Self { step: step.into(), item: None }
    }

    /// An item of a step, counted from 0.
    #[must_use]
    pub fn item(step: impl Into<String>, item: u32) -> Self {
        Self { step: step.into(), item: Some(item) }
    }

    /// From its text; none if it is no place. Names of steps have no `/`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            None => (!text.is_empty()).then(|| Self::step(text)),
            Some((step, item)) => Some(Self::item(step, item.parse().ok()?)),
        }
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.item {
            None => f.write_str(&self.step),
            Some(item) => write!(f, "{}/{item}", self.step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StepKey;

    /// A decision on one item of a fan-out reaches another.
    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in ["fetch", "fetch/0", "fetch/999"] {
            assert_eq!(StepKey::parse(text).map(|key| key.to_string()), Some(text.to_owned()));
        }
        assert_eq!(
            [StepKey::parse(""), StepKey::parse("fetch/x"), StepKey::parse("fetch/1/2")],
            [None, None, None]
        );
    }
}
