//! Stems of a text.

use super::Language;

/// Length of a word in characters above which it is ignored: such words are encoded data.
const MAX_WORD_CHARACTERS: usize = 40;

/// Returns the stems of a text in its order, without stop words. Words consist of letters, digits and underscores.
pub(super) fn stems(text: &str, language: Language) -> Vec<String> {
    let text = text.to_lowercase();
    let words = text.split(|character: char| !is_part_of_word(character));
    let words = words.filter(|word| !word.is_empty() && !language.is_stop_word(word));
    let words = words.filter(|word| word.chars().nth(MAX_WORD_CHARACTERS).is_none());
    words.map(|word| language.stem(word).into_owned()).filter(|stem| !stem.is_empty()).collect()
}

/// Returns whether words contain a character.
pub(super) fn is_part_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
