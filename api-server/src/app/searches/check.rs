//! Checks of searches.

use std::ops::RangeInclusive;

use super::Search;
use crate::app::{Error, Violation};

pub(super) const ACTION: &str = "search";

/// Maximum length of a query, in characters. Embedding models read about a thousand.
const MAX_QUERY_LETTERS: usize = 2_000;
/// Permitted numbers of hits. There are at most twice as many candidates.
const LIMITS: RangeInclusive<usize> = 1..=50;
/// Maximum number of values of a filter. Qdrant compares each point with each of them.
const MAX_VALUES: usize = 100;
/// Maximum length of a tag or a media type, in characters: that of a media type by RFC 6838, which is longer than tags are.
const MAX_VALUE_LETTERS: usize = 127;

/// Checks a search.
///
/// # Errors
/// Returns an error with everything that is not valid.
pub(super) fn check(search: &Search) -> Result<(), Error> {
    let Search { query, mode: _, limit, grouping: _, documents, tags, mime_types } = search;
    let mut violations = Vec::new();
    if query.trim().is_empty() || query.chars().count() > MAX_QUERY_LETTERS {
        violations.push(violation("/query", format!("must have 1 to {MAX_QUERY_LETTERS} characters")));
    }
    if !LIMITS.contains(limit) {
        violations.push(violation("/limit", format!("must be {} to {}", LIMITS.start(), LIMITS.end())));
    }
    let lists = [("/documentIds", documents.len()), ("/tags", tags.len()), ("/mimeTypes", mime_types.len())];
    let too_long = lists.into_iter().filter(|(_, values)| *values > MAX_VALUES);
    violations.extend(
        too_long.map(|(pointer, _)| violation(pointer, format!("must have at most {MAX_VALUES} items"))),
    );
    for (pointer, values) in [("/tags", tags), ("/mimeTypes", mime_types)] {
        let wrong = values.iter().take(MAX_VALUES).enumerate().filter(|(_, value)| !is_value(value));
        violations.extend(wrong.map(|(position, _)| {
            let message = format!("must have 1 to {MAX_VALUE_LETTERS} characters, and no control characters");
            violation(&format!("{pointer}/{position}"), message)
        }));
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::InvalidRequest { action: ACTION, violations }) }
}

fn is_value(value: &str) -> bool {
    let letters = value.chars().count();
    (1..=MAX_VALUE_LETTERS).contains(&letters) && !value.chars().any(char::is_control)
}

fn violation(pointer: &str, message: String) -> Violation {
    Violation { pointer: pointer.to_owned(), code: "invalid".to_owned(), message }
}
