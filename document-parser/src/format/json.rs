//! JSON: the text as it is, if it is valid.

use serde::de::IgnoredAny;

use crate::content::{Content, Section};
use crate::error::Error;

/// Returns a JSON text, or a sequence of them (JSON Lines). They are validated without a tree and without recursion, so that their depth
/// does not matter.
///
/// # Errors
/// Returns an error if the text is not valid.
pub(super) fn extract(text: String) -> Result<Content, Error> {
    for value in serde_json::Deserializer::from_str(&text).into_iter::<IgnoredAny>() {
        value.map_err(|error| Error::Corrupt(format!("it is not valid JSON: {error}")))?;
    }
    Ok(Content { sections: vec![Section { text, ..Section::default() }], ..Content::default() })
}
