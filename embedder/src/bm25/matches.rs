//! Words of a text that a query has, too.

use std::collections::HashSet;
use std::ops::Range;

use super::Language;
use super::tokens::{is_part_of_word, stems};

/// Returns the words of a text whose stems a query has: the positions of their characters, in the order of the text.
#[must_use]
pub fn matches(text: &str, query: &str, language: Language) -> Vec<Range<usize>> {
    let wanted: HashSet<String> = stems(query, language).into_iter().collect();
    let is_match = |word: &str| stems(word, language).iter().any(|stem| wanted.contains(stem));
    let (mut found, mut word, mut start) = (Vec::new(), String::new(), 0);
    // The space ends the last word.
    for (position, character) in text.chars().chain([' ']).enumerate() {
        if is_part_of_word(character) {
            if word.is_empty() {
                start = position;
            }
            word.push(character);
        } else if !word.is_empty() {
            if is_match(&word) {
                found.push(start..position);
            }
            word.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word of the text is found in every form that has the same stem, at the positions of its characters.
    #[test]
    fn words_are_found_by_their_stems() {
        let text = "Größe: the Holidays, and a holiday. Ünï holidays";
        let letters: Vec<char> = text.chars().collect();
        let found = matches(text, "What is a HOLIDAY?", Language::English);
        let words: Vec<String> = found.into_iter().map(|range| letters[range].iter().collect()).collect();
        assert_eq!(words, ["Holidays", "holiday", "holidays"]);
        assert_eq!(matches(text, "the of and", Language::English), []);
        assert_eq!(matches("", "holiday", Language::English), []);
    }
}
