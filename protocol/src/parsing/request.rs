//! The request, which precedes the bytes of the document.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// First line of the program's standard input. The bytes of the document follow it until the end of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Media type that the uploader has declared, with or without parameters. `None` and `application/octet-stream` declare
    /// nothing. A document of another type is refused with [`TypeMismatch`](super::FailureCode::TypeMismatch).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_type: Option<String>,
    /// Name of the uploaded file. Its extension decides between text formats that bytes cannot distinguish, such as
    /// Markdown and plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Number of tokens that a chunk should have.
    pub chunk_tokens: u32,
    /// Number of tokens that no chunk exceeds, at most what the embedding model accepts.
    pub max_chunk_tokens: u32,
    /// Absolute path of the embedding model's `tokenizer.json`. `None` estimates tokens: one for each started group of four
    /// bytes (UTF-8) of a word, and one for any other character that is not white space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
    /// Limits of this document.
    pub limits: Limits,
}

/// Limits of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Address space of the process in bytes. It includes the program itself and the document.
    pub memory_bytes: u64,
    /// CPU time of the process in seconds.
    pub cpu_seconds: u64,
    /// Maximum size of the extracted text in bytes of UTF-8.
    pub text_bytes: u64,
    /// Maximum number of chunks.
    pub chunks: u32,
}
