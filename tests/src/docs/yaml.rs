//! Words that YAML 1.1 and YAML 1.2 read differently.
//!
//! kubectl and Helm read YAML 1.1: `required: [n]` requires a property named `false`.

use granit_parser::{Event, Parser, ScalarStyle};

/// Words that YAML 1.1 reads as booleans, and YAML 1.2 as text.
const BOOLEANS: &[&str] =
    &["y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"];

/// Returns a message for each unquoted word that the two versions read differently, with its line.
#[must_use]
pub fn ambiguous_words(text: &str) -> Vec<String> {
    let mut messages = Vec::new();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((Event::Scalar(word, ScalarStyle::Plain, _, None), span)) if is_ambiguous(&word) => {
                let line = span.start.line();
                messages.push(format!("line {line}: put {word} in quotes: YAML 1.1 reads it differently"));
            }
            Ok(_) => {}
            Err(error) => {
                messages.push(error.to_string());
                break;
            }
        }
    }
    messages
}

/// Returns whether a plain word is a boolean, or a number in octal notation, for YAML 1.1 only.
fn is_ambiguous(word: &str) -> bool {
    let is_octal = word.len() > 1 && word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit());
    is_octal || BOOLEANS.contains(&word)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::docs::page;

    /// Unquoted words are found as keys, values and items of lists, and quoted ones are accepted.
    #[test]
    fn unquoted_words_are_found() {
        let text = "on: [User]\na: {n: 1, b: [y, x]}\nmode: 0755\n\"no\": 'off'\ncode: |\n  on: x\nzero: 0\n";
        let found = ambiguous_words(text);
        let lines: Vec<&str> = found.iter().filter_map(|message| message.split(':').next()).collect();
        assert_eq!(lines, ["line 1", "line 2", "line 2", "line 3"], "{found:?}");
        assert_eq!(ambiguous_words("a: [").len(), 1, "invalid YAML is reported");
    }

    /// No example in the documentation means something else to kubectl than to its reader.
    #[test]
    fn no_page_has_an_ambiguous_word() {
        let mut found = Vec::new();
        for page in page::pages().unwrap() {
            for block in page.blocks.iter().filter(|block| block.language == "yaml") {
                let messages = ambiguous_words(&block.text);
                found.extend(
                    messages.iter().map(|message| format!("{}:{}: {message}", page.path, block.line)),
                );
            }
        }
        assert!(found.is_empty(), "{found:#?}");
    }

    /// No example file means something else to kubectl than to its reader.
    #[test]
    fn no_example_has_an_ambiguous_word() {
        let files = page::files(&page::root().join("examples"), "yaml").unwrap();
        assert!(files.len() > 20, "{files:?}");
        for file in files {
            let found = ambiguous_words(&fs::read_to_string(&file).unwrap());
            assert!(found.is_empty(), "{}: {found:#?}", file.display());
        }
    }
}
