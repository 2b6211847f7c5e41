//! Key of a step or of an item of a step.

use std::fmt;

use serde::Serialize;

/// Key of a step, or of one item of a step with `forEach`. Its text form is `step` or `step/3`: the key of a
/// decision and the suffix of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StepKey {
    /// Name of the step.
    pub step: String,
    /// Index of the item, starting at 0; `None` for the step itself.
    pub item: Option<u32>,
}

impl StepKey {
    /// Returns the key of a step.
    #[must_use]
    pub fn step(step: impl Into<String>) -> Self {
        Self { step: step.into(), item: None }
    }

    /// Returns the key of an item of a step; indexes start at 0.
    #[must_use]
    pub fn item(step: impl Into<String>, item: u32) -> Self {
        Self { step: step.into(), item: Some(item) }
    }

    /// Parses the text form, or returns `None` if it is invalid. Names of steps contain no `/`.
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

    /// A key is parsed from its own text form, so a decision reaches exactly its item.
    #[test]
    fn a_step_key_is_parsed_from_its_text_form() {
        for text in ["fetch", "fetch/0", "fetch/999"] {
            assert_eq!(StepKey::parse(text).map(|key| key.to_string()), Some(text.to_owned()));
        }
        assert_eq!(
            [StepKey::parse(""), StepKey::parse("fetch/x"), StepKey::parse("fetch/1/2")],
            [None, None, None]
        );
    }
}
