//! Tokens of a text: exactly by a tokenizer, or estimated.

use std::path::Path;

use tokenizers::Tokenizer;

/// Bytes of a word for which the estimate counts a token. Tokenizers have about four letters a token in European languages.
const ESTIMATED_TOKEN_BYTES: usize = 4;

/// Source of token offsets.
pub struct Tokens(Option<Box<Tokenizer>>);

impl Tokens {
    /// Creates an estimate: a token for each started group of four bytes (UTF-8) of a word, and one for any other character
    /// that is not white space.
    #[must_use]
    pub fn estimate() -> Self {
        Self(None)
    }

    /// Reads a `tokenizer.json`. Its truncation and padding are ignored.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is invalid.
    pub fn from_file(path: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut tokenizer = Tokenizer::from_file(path)?;
        tokenizer.with_truncation(None)?;
        tokenizer.with_padding(None);
        Ok(Self(Some(Box::new(tokenizer))))
    }

    /// Returns the start and end of each token of a text, in bytes. If the tokenizer fails, they are estimated.
    pub(super) fn offsets(&self, text: &str) -> Vec<(usize, usize)> {
        let encoded = self.0.as_ref().and_then(|tokenizer| tokenizer.encode(text, false).ok());
        encoded.map_or_else(|| estimate(text), |encoding| encoding.get_offsets().to_vec())
    }

    /// Returns the number of tokens of a text that stands alone.
    pub(super) fn count(&self, text: &str) -> usize {
        self.offsets(text).len()
    }
}

fn estimate(text: &str) -> Vec<(usize, usize)> {
    let mut offsets: Vec<(usize, usize)> = Vec::new();
    let mut is_in_word = false;
    for (start, character) in text.char_indices() {
        let end = start + character.len_utf8();
        let is_of_word = character.is_alphanumeric();
        match offsets.last_mut() {
            Some((first, last)) if is_in_word && is_of_word && end - *first <= ESTIMATED_TOKEN_BYTES => {
                *last = end
            }
            _ if character.is_whitespace() => {}
            _ => offsets.push((start, end)),
        }
        is_in_word = is_of_word;
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The estimate counts words by their length, and marks one by one.
    #[test]
    fn words_and_marks_are_estimated() {
        for (text, expected) in
            [("", 0), ("word", 1), ("words", 2), ("two words", 3), ("a-b!", 4), ("  \n", 0), ("東京", 2)]
        {
            assert_eq!(Tokens::estimate().count(text), expected, "{text:?}");
        }
    }
}
