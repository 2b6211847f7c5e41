//! Languages with a stemmer.

use std::sync::LazyLock;
use std::{borrow::Cow, collections::HashSet};

use rust_stemmers::{Algorithm, Stemmer};

/// Language of a text. Its text form is the code of ISO 639-1, such as `de`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, strum::EnumString, strum::Display, strum::VariantArray,
)]
#[allow(missing_docs, reason = "the names of languages need no explanation")]
pub enum Language {
    #[strum(serialize = "ar")]
    Arabic,
    #[strum(serialize = "da")]
    Danish,
    #[strum(serialize = "nl")]
    Dutch,
    #[default]
    #[strum(serialize = "en")]
    English,
    #[strum(serialize = "fi")]
    Finnish,
    #[strum(serialize = "fr")]
    French,
    #[strum(serialize = "de")]
    German,
    #[strum(serialize = "el")]
    Greek,
    #[strum(serialize = "hu")]
    Hungarian,
    #[strum(serialize = "it")]
    Italian,
    #[strum(serialize = "no")]
    Norwegian,
    #[strum(serialize = "pt")]
    Portuguese,
    #[strum(serialize = "ro")]
    Romanian,
    #[strum(serialize = "ru")]
    Russian,
    #[strum(serialize = "es")]
    Spanish,
    #[strum(serialize = "sv")]
    Swedish,
    #[strum(serialize = "ta")]
    Tamil,
    #[strum(serialize = "tr")]
    Turkish,
}

/// Stop words of all languages, by their number.
static STOP_WORDS: LazyLock<Vec<HashSet<&'static str>>> = LazyLock::new(|| {
    let languages = <Language as strum::VariantArray>::VARIANTS;
    languages.iter().map(|language| language.word_list().iter().copied().collect()).collect()
});

impl Language {
    /// Returns whether a word in lower case is so frequent that it says nothing.
    pub(super) fn is_stop_word(self, word: &str) -> bool {
        let position = <Self as strum::VariantArray>::VARIANTS.iter().position(|language| *language == self);
        let words = position.and_then(|position| STOP_WORDS.get(position));
        words.is_some_and(|words| words.contains(word))
    }

    /// Returns the stem of a word in lower case.
    pub(super) fn stem(self, word: &str) -> Cow<'_, str> {
        Stemmer::create(self.algorithm()).stem(word)
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::Arabic => Algorithm::Arabic,
            Self::Danish => Algorithm::Danish,
            Self::Dutch => Algorithm::Dutch,
            Self::English => Algorithm::English,
            Self::Finnish => Algorithm::Finnish,
            Self::French => Algorithm::French,
            Self::German => Algorithm::German,
            Self::Greek => Algorithm::Greek,
            Self::Hungarian => Algorithm::Hungarian,
            Self::Italian => Algorithm::Italian,
            Self::Norwegian => Algorithm::Norwegian,
            Self::Portuguese => Algorithm::Portuguese,
            Self::Romanian => Algorithm::Romanian,
            Self::Russian => Algorithm::Russian,
            Self::Spanish => Algorithm::Spanish,
            Self::Swedish => Algorithm::Swedish,
            Self::Tamil => Algorithm::Tamil,
            Self::Turkish => Algorithm::Turkish,
        }
    }

    /// Returns the list of NLTK, which has none for Tamil.
    fn word_list(self) -> &'static [&'static str] {
        match self {
            Self::Tamil => &[],
            other => stop_words::get(other.to_string()),
        }
    }
}
