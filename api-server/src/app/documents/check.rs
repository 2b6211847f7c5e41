//! Checks of the fields of documents.

use headers::ContentType;
use serde_json::Value;

use crate::app::{Error, Violation};

/// Maximum length of the name of a file, in characters.
const MAX_NAME_LETTERS: usize = 255;
/// Maximum length of a media type, in bytes, as of RFC 6838.
const MAX_TYPE_BYTES: usize = 127;
/// Maximum number of tags of a document.
const MAX_TAGS: usize = 32;
/// Maximum length of a tag, in characters.
const MAX_TAG_LETTERS: usize = 64;
/// Maximum size of metadata as JSON, in bytes. A page of documents has up to a hundred of them, decoded and as text.
const MAX_METADATA_BYTES: usize = 4 << 10;
/// Maximum number of values in metadata, lists and objects included: each can take some hundred bytes once it is decoded.
const MAX_METADATA_VALUES: usize = 64;

/// Fields to check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked<'a> {
    pub(super) file_name: &'a str,
    pub(super) declared_type: Option<&'a str>,
    pub(super) metadata: &'a Value,
    pub(super) tags: &'a [String],
}

/// Checks the fields of a document, and returns its tags: each once, in alphabetical order.
///
/// # Errors
/// Returns an error with everything that is not valid.
pub(super) fn check(action: &'static str, fields: Checked<'_>) -> Result<Vec<String>, Error> {
    let Checked { file_name, declared_type, metadata, tags } = fields;
    let mut violations = Vec::new();
    if !is_text(file_name, MAX_NAME_LETTERS) || file_name.contains('/') {
        let message =
            format!("must have 1 to {MAX_NAME_LETTERS} characters, and no `/` and no control characters");
        violations.push(violation("/fileName", message));
    }
    if !declared_type.is_none_or(is_media_type) {
        let message = "must be a media type without parameters, such as `application/pdf`";
        violations.push(violation("/mimeType", message.to_owned()));
    }
    let (bytes, values) = (metadata.to_string().len(), number_of_values(metadata));
    if !metadata.is_object() || bytes > MAX_METADATA_BYTES || values > MAX_METADATA_VALUES {
        let message = format!(
            "must be an object of at most {MAX_METADATA_BYTES} bytes as JSON and {MAX_METADATA_VALUES} values; it has {bytes} bytes \
             and {values} values"
        );
        violations.push(violation("/metadata", message));
    }
    if tags.len() > MAX_TAGS {
        violations
            .push(violation("/tags", format!("must have at most {MAX_TAGS} tags; it has {}", tags.len())));
    }
    let wrong = tags.iter().enumerate().take(MAX_TAGS).filter(|(_, tag)| !is_text(tag, MAX_TAG_LETTERS));
    violations.extend(wrong.map(|(position, _)| {
        let message = format!("must have 1 to {MAX_TAG_LETTERS} characters, and no control characters");
        violation(&format!("/tags/{position}"), message)
    }));
    if !violations.is_empty() {
        return Err(Error::InvalidRequest { action, violations });
    }
    let mut tags = tags.to_vec();
    tags.sort_unstable();
    tags.dedup();
    Ok(tags)
}

/// Returns the error of one field.
pub(super) fn violation(pointer: &str, message: String) -> Violation {
    Violation { pointer: pointer.to_owned(), code: "invalid".to_owned(), message }
}

/// Returns the number of values in a value, itself included. The parser of JSON bounds the depth.
fn number_of_values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(number_of_values).sum(),
        Value::Object(fields) => fields.values().map(number_of_values).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn is_text(text: &str, letters: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= letters && !text.chars().any(char::is_control)
}

fn is_media_type(text: &str) -> bool {
    text.len() <= MAX_TYPE_BYTES && !text.contains(';') && text.parse::<ContentType>().is_ok()
}
