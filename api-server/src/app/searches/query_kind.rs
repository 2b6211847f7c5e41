//! Kinds of queries, which decide whether meaning or words count for more.

use serde::Serialize;

/// Maximum number of words of an identifier, such as `SKU 4711 rev. B`. Longer queries are sentences.
const MAX_WORDS: usize = 4;

/// Kind of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QueryKind {
    /// A name that has to occur as it is written, such as `INV-2026-0815`.
    Identifier,
    /// Everything else.
    Question,
}

impl QueryKind {
    /// Returns the kind of a query. It is an identifier if it has few words, and at least half of them are written as identifiers are.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        let words: Vec<&str> = query.split_whitespace().collect();
        let identifiers = words.iter().filter(|word| is_identifier(word)).count();
        let is_identifier =
            words.len() <= MAX_WORDS && !query.trim_end().ends_with('?') && identifiers * 2 >= words.len();
        if is_identifier && !words.is_empty() { Self::Identifier } else { Self::Question }
    }
}

/// Returns whether a word has a digit, a sign that words do not have, a capital letter after its first one, or a sigil.
fn is_identifier(word: &str) -> bool {
    let inner = word.trim_matches(|letter| matches!(letter, ',' | ';' | '!' | '"' | '\'' | '(' | ')'));
    let inner = inner.trim_end_matches('.');
    let has_sign = inner.chars().any(|letter| matches!(letter, '_' | ':' | '/' | '\\' | '.' | '@' | '#'));
    let has_capital = inner.chars().skip(1).any(char::is_uppercase);
    let has_sigil = inner.starts_with(['$', '%', '&', '-']);
    inner.chars().any(char::is_numeric) || has_sign || has_capital || has_sigil
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers, codes and names of programs are identifiers; questions and headings are not, also if they contain one.
    #[test]
    fn identifiers_and_questions_are_distinguished() {
        for query in [
            "INV-2026-0815",
            "SKU 4711",
            "Net::LDAP",
            "local_qdrant",
            "camelCase",
            "anna@acme.example",
            "$ENV",
        ] {
            assert_eq!(QueryKind::from_query(query), QueryKind::Identifier, "{query}");
        }
        for query in [
            "How many days of holiday do I have?",
            "holiday",
            "Sick leave",
            "What is in INV-2026-0815?",
            "who pays the invoice INV-2026-0815",
            "employees with well-known names",
            "",
        ] {
            assert_eq!(QueryKind::from_query(query), QueryKind::Question, "{query}");
        }
    }
}
