//! Replaces secrets in what is written.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use crate::secrets::{Secrets, patterns::patterns};

/// What stands for a secret.
const MARK: &str = "***";

/// Finds the secrets of one workflow in all forms in which they may turn up. Without secrets it does nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor(Option<Arc<Search>>);

struct Search {
    automaton: AhoCorasick,
    /// Bytes of the longest form.
    longest: usize,
}

/// Why secrets cannot be looked for. Then nothing of the run may be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to prepare the search for secrets")]
pub(crate) struct RedactError(#[from] aho_corasick::BuildError);

/// What of a stream is held back: it may be the beginning of a secret.
#[derive(Debug, Default)]
pub(crate) struct Carry(String);

impl Redactor {
    pub(crate) fn new(secrets: &Secrets) -> Result<Self, RedactError> {
        let forms: BTreeSet<String> =
            secrets.values().flat_map(|values| values.values()).flat_map(|value| patterns(value)).collect();
        let Some(longest) = forms.iter().map(String::len).max() else { return Ok(Self::default()) };
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms)?;
        Ok(Self(Some(Arc::new(Search { automaton, longest }))))
    }

    /// Whether there is nothing to look for.
    pub(crate) const fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a text has a secret in it.
    pub(crate) fn finds_in(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|search| search.automaton.is_match(text))
    }

    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(search) if search.automaton.is_match(text) => Cow::Owned(search.replace(text)),
            _ => Cow::Borrowed(text),
        }
    }

    /// Redacts in place.
    pub(crate) fn string(&self, text: &mut String) {
        if let Cow::Owned(redacted) = self.text(text) {
            *text = redacted;
        }
    }

    /// Redacts all strings in a value, names of fields included.
    pub(crate) fn value(&self, value: &mut Value) {
        if self.is_idle() {
            return;
        }
        match value {
            Value::String(text) => self.string(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|value| self.value(value));
                if fields.keys().any(|name| self.finds_in(name)) {
                    *fields = std::mem::take(fields)
                        .into_iter()
                        .map(|(name, value)| (self.text(&name).into_owned(), value))
                        .collect();
                }
            }
            // A secret may be a number, to whoever parses it.
            Value::Number(number) if self.finds_in(&number.to_string()) => *value = Value::from(MARK),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Redacts a line that comes in pieces. What may be the beginning of a secret comes with the next piece.
    pub(crate) fn piece(&self, carry: &mut Carry, piece: &str, is_last: bool) -> String {
        let Some(search) = &self.0 else { return piece.to_owned() };
        let mut text = std::mem::take(&mut carry.0);
        text.push_str(piece);
        if !is_last {
            carry.0 = text.split_off(search.safe_end(&text));
        }
        self.string(&mut text);
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

    /// How far a text can be redacted whatever follows it.
    fn safe_end(&self, text: &str) -> usize {
        let earliest = text.len().saturating_sub(self.longest.saturating_sub(1));
        let earliest = (0..=earliest).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let across =
            self.automaton.find_iter(text).find(|found| found.start() < earliest && found.end() > earliest);
        across.map_or(earliest, |found| found.end())
    }
}

impl std::fmt::Debug for Search {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Search").field("longest", &self.longest).finish_non_exhaustive()
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

    /// A token stands in a run's status for all who may see the run.
    #[test]
    fn values_are_replaced_wherever_they_stand() {
        let mut value = json!({"a s3cret-t0ken": ["x s3cret-t0ken-and-more y", {"b": "czNjcmV0LXQwa2Vu"}], "pin": "1234", "id": 4_711_471_147_u64});
        redactor().value(&mut value);
        assert_eq!(value, json!({"a ***": ["x *** y", {"b": "***"}], "pin": "1234", "id": "***"}));
        assert_eq!(Redactor::default().text("s3cret-t0ken"), "s3cret-t0ken");
    }

    /// A secret that a long line has where it is cut stays readable.
    #[test]
    fn a_secret_across_pieces_is_found_wherever_it_is_cut() {
        let redactor = redactor();
        let line = format!("ü{}s3cret-t0ken{}s3cret-t0ken-and-more", "x".repeat(50), "y".repeat(50));
        let expected = redactor.text(&line).into_owned();
        for cut in (0..line.len()).filter(|cut| line.is_char_boundary(*cut)) {
            let mut carry = Carry::default();
            let first = redactor.piece(&mut carry, &line[..cut], false);
            let last = redactor.piece(&mut carry, &line[cut..], true);
            assert_eq!(first + &last, expected, "cut at {cut}");
        }
    }
}
