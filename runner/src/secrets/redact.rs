//! Replaces secrets in texts and JSON values.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use crate::secrets::{
    Secrets,
    patterns::{MIN_BYTES, patterns},
};

/// Replacement of a secret.
const MARK: &str = "***";

/// Search for the secrets of one workflow in all their encodings. Without secrets it changes nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor {
    search: Option<Arc<Search>>,
    /// Values that are too short to be searched for in output.
    short_values: Arc<BTreeSet<String>>,
}

struct Search {
    automaton: AhoCorasick,
    /// Length of the longest encoding in bytes.
    max_pattern_bytes: usize,
}

/// The search cannot be set up, so that no output of the run may be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to prepare the search for secrets")]
pub(crate) struct RedactError(#[from] aho_corasick::BuildError);

/// End of a stream so far that is held back because a secret may begin in it.
#[derive(Debug, Default)]
pub(crate) struct Remainder(String);

impl Redactor {
    /// Returns a redactor for the values of these secrets.
    ///
    /// # Errors
    /// Returns an error if the values have too many encodings for the search.
    pub(crate) fn new(secrets: &Secrets) -> Result<Self, RedactError> {
        let forms: BTreeSet<String> =
            secrets.values().flat_map(|values| values.values()).flat_map(|value| patterns(value)).collect();
        let values = secrets.values().flat_map(|values| values.values());
        // Headers are sent without the line break at the end of a value.
        let short =
            values.map(|value| value.trim_end()).filter(|value| (1..MIN_BYTES).contains(&value.len()));
        let short_values = Arc::new(short.map(str::to_owned).collect());
        let Some(max_pattern_bytes) = forms.iter().map(String::len).max() else {
            return Ok(Self { search: None, short_values });
        };
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms)?;
        Ok(Self { search: Some(Arc::new(Search { automaton, max_pattern_bytes })), short_values })
    }

    /// Returns whether there are no secrets to search for.
    pub(crate) const fn is_idle(&self) -> bool {
        self.search.is_none()
    }

    /// Returns whether a text contains a secret, or the value of one that is too short to be searched for in output. For texts
    /// that are better not sent than sent with a secret.
    pub(crate) fn may_reveal(&self, text: &str) -> bool {
        self.matches(text) || self.short_values.iter().any(|value| text.contains(value))
    }

    /// Returns whether a text contains a secret.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.search.as_ref().is_some_and(|search| search.automaton.is_match(text))
    }

    /// Returns the text with all secrets replaced.
    pub(crate) fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.search {
            Some(search) if search.automaton.is_match(text) => Cow::Owned(search.replace(text)),
            _ => Cow::Borrowed(text),
        }
    }

    /// Replaces all secrets in a string.
    pub(crate) fn redact_string(&self, text: &mut String) {
        if let Cow::Owned(redacted) = self.redact_text(text) {
            *text = redacted;
        }
    }

    /// Replaces all secrets in the strings, field names and numbers of a JSON value.
    pub(crate) fn redact_value(&self, value: &mut Value) {
        if self.is_idle() {
            return;
        }
        match value {
            Value::String(text) => self.redact_string(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.redact_value(value)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|value| self.redact_value(value));
                if fields.keys().any(|name| self.matches(name)) {
                    *fields = std::mem::take(fields)
                        .into_iter()
                        .map(|(name, value)| (self.redact_text(&name).into_owned(), value))
                        .collect();
                }
            }
            // A secret such as a PIN may be parsed as a number.
            Value::Number(number) if self.matches(&number.to_string()) => *value = Value::from(MARK),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Returns the redacted part of a text that arrives in pieces. The end of a piece is held back in `remainder` if a
    /// secret may begin in it, and is returned with the next piece.
    pub(crate) fn redact_piece(&self, remainder: &mut Remainder, piece: &str, is_last: bool) -> String {
        let Some(search) = &self.search else { return piece.to_owned() };
        let mut text = std::mem::take(&mut remainder.0);
        text.push_str(piece);
        if !is_last {
            remainder.0 = text.split_off(search.safe_end(&text));
        }
        self.redact_string(&mut text);
        text
    }
}

impl Search {
    fn replace(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        self.automaton.replace_all_with(text, &mut redacted, |_, _, to| {
            to.push_str(MARK);
            true
        });
        redacted
    }

    /// Returns the offset up to which the redaction of a text does not depend on what follows it.
    fn safe_end(&self, text: &str) -> usize {
        let earliest = text.len().saturating_sub(self.max_pattern_bytes.saturating_sub(1));
        let earliest = (0..=earliest).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let spanning =
            self.automaton.find_iter(text).find(|found| found.start() < earliest && found.end() > earliest);
        spanning.map_or(earliest, |found| found.end())
    }
}

impl std::fmt::Debug for Search {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Search")
            .field("max_pattern_bytes", &self.max_pattern_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor() -> Redactor {
        let secrets = json!({"erp": {"token": "s3cret-t0ken", "pin": "1234", "long": "s3cret-t0ken-and-more", "id": "4711471147"}});
        Redactor::new(&serde_json::from_value(secrets).unwrap()).unwrap()
    }

    /// Secrets are replaced in strings, field names and numbers, at any depth.
    #[test]
    fn secrets_are_replaced_everywhere_in_a_value() {
        let mut value = json!({"a s3cret-t0ken": ["x s3cret-t0ken-and-more y", {"b": "czNjcmV0LXQwa2Vu"}], "pin": "1234", "id": 4_711_471_147_u64});
        redactor().redact_value(&mut value);
        assert_eq!(value, json!({"a ***": ["x *** y", {"b": "***"}], "pin": "1234", "id": "***"}));
        assert_eq!(Redactor::default().redact_text("s3cret-t0ken"), "s3cret-t0ken");
    }

    /// A value that is too short to be searched for in output is still found in a text that would be sent to another host.
    #[test]
    fn short_values_are_found_where_they_would_be_revealed() {
        let redactor = redactor();
        assert!(redactor.may_reveal("pin 1234") && !redactor.matches("pin 1234"));
        assert!(redactor.may_reveal("s3cret-t0ken") && !redactor.may_reveal("pin 5678"));
        let short = serde_json::from_value(json!({"erp": {"pin": "1234", "empty": ""}})).unwrap();
        let short = Redactor::new(&short).unwrap();
        assert!(short.may_reveal("x1234") && !short.may_reveal("x"));
        let line = serde_json::from_value(json!({"erp": {"pin": "123 567\n"}})).unwrap();
        assert!(Redactor::new(&line).unwrap().may_reveal("pin 123 567"));
    }

    /// A secret is replaced wherever a line is split, also within the secret.
    #[test]
    fn a_secret_across_pieces_is_found_at_every_split() {
        let redactor = redactor();
        let line = format!("ü{}s3cret-t0ken{}s3cret-t0ken-and-more", "x".repeat(50), "y".repeat(50));
        let expected = redactor.redact_text(&line).into_owned();
        for cut in (0..line.len()).filter(|cut| line.is_char_boundary(*cut)) {
            let mut remainder = Remainder::default();
            let first = redactor.redact_piece(&mut remainder, &line[..cut], false);
            let last = redactor.redact_piece(&mut remainder, &line[cut..], true);
            assert_eq!(first + &last, expected, "cut at {cut}");
        }
    }
}
