//! The answer: text and chunks, or why the document cannot be read.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The only line of the program's standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// The document has text.
    Parsed(Parsed),
    /// The document cannot be used. The same bytes fail in the same way again.
    Failed(Failure),
}

/// Text of a document and its chunks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parsed {
    /// Media type that the bytes have, without parameters, such as `application/pdf`.
    pub mime_type: String,
    /// Extracted text. It has no NUL character, which Postgres cannot store: each is replaced by U+FFFD.
    pub text: String,
    /// Number of pages, or of slides; `None` for types without pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_count: Option<u32>,
    /// What the document says about itself: `title`, `author` and `language`, each present if it is known, and
    /// `skippedAttachments` with the names and codes of a mail's attachments that cannot be read. Values are strings of at most
    /// 1,000 characters.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// Chunks in the order of the text. They do not overlap, and there is only white space between them.
    pub chunks: Vec<Chunk>,
}

/// A section of the text that is embedded and found as a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chunk {
    /// Number of the chunk in the document, starting at 0.
    pub ordinal: u32,
    /// Offset of the first character in [`Parsed::text`], counted in Unicode scalar values.
    pub start: u64,
    /// Offset behind the last character, counted in Unicode scalar values. The text of the chunk is exactly `start..end`.
    pub end: u64,
    /// Number of tokens of the text, without the special tokens that a model adds.
    pub tokens: u32,
    /// Number of the page on which the chunk begins, starting at 1. In an attachment of a mail, it is a page of the attachment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_page: Option<u32>,
    /// Number of the page on which the chunk ends, starting at 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_page: Option<u32>,
    /// Headings above the chunk, the outermost first.
    #[serde(default)]
    pub headings: Vec<String>,
}

/// Reason why a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Machine-readable code.
    pub code: FailureCode,
    /// Explanation for the user who has uploaded the document.
    pub message: String,
}

/// Code of a failure.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The bytes are of no type that the program reads.
    UnsupportedType,
    /// The bytes are of another type than the declared one.
    TypeMismatch,
    /// The extracted text exceeds [`Limits::text_bytes`](super::Limits::text_bytes), or a part of the document its limit.
    TooLarge,
    /// The document has no text.
    EmptyText,
    /// The document has pages with images and no text.
    NeedsOcr,
    /// The document requires a password.
    Encrypted,
    /// The document violates its format, or a parser failed on it.
    Corrupt,
    /// The document unpacks to more than is permitted.
    DecompressionBomb,
    /// Parsing exceeded its time.
    ParseTimeout,
    /// Parsing exceeded its memory.
    ParseOom,
    /// The document has more chunks than [`Limits::chunks`](super::Limits::chunks).
    QuotaExceeded,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Codes have the same text in JSON as in the API and in the database.
    #[test]
    fn codes_have_one_text() {
        for code in <FailureCode as strum::VariantArray>::VARIANTS {
            assert_eq!(serde_json::to_value(code).unwrap(), json!(code.to_string()));
        }
        assert_eq!(FailureCode::ParseOom.to_string(), "PARSE_OOM");
    }

    /// An answer is an object with one field, which names its kind.
    #[test]
    fn an_answer_names_its_kind() {
        let answer: Answer =
            serde_json::from_value(json!({"failed": {"code": "NEEDS_OCR", "message": "scanned"}})).unwrap();
        let failure = Failure { code: FailureCode::NeedsOcr, message: "scanned".to_owned() };
        assert_eq!(answer, Answer::Failed(failure));
    }
}
