//! Why a document cannot be used.

use protocol::parsing::FailureCode;

/// Reason why a document cannot be used. The text is for the person who has uploaded it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The type is not supported.
    #[error(
        "documents of type {0} cannot be read; upload txt, md, html, csv, json, pdf, docx, pptx, xlsx or eml"
    )]
    UnsupportedType(String),
    /// The type is not the declared one.
    #[error(
        "the document was declared as {declared}, but it is {found}; declare its type, or upload another file"
    )]
    TypeMismatch {
        /// Declared media type, or the one of the file name.
        declared: String,
        /// Media type of the bytes.
        found: String,
    },
    /// The text is too long.
    #[error("the text of the document is longer than {0} bytes; split it into smaller ones")]
    TextTooLong(u64),
    /// A part of the document exceeds its limit.
    #[error("the document has more than {limit} {parts}; split it into smaller ones")]
    TooManyParts {
        /// What there are too many of.
        parts: &'static str,
        /// Limit.
        limit: usize,
    },
    /// There is no text.
    #[error("the document has no text")]
    EmptyText,
    /// There are images instead of text.
    #[error(
        "the {0} pages of the document have images and no text; run text recognition (OCR) on it and upload the result"
    )]
    NeedsOcr(u32),
    /// A password is required.
    #[error("the document requires a password; remove it and upload the document again")]
    Encrypted,
    /// The format is violated.
    #[error("the document cannot be read: {0}")]
    Corrupt(String),
    /// The document unpacks to too much.
    #[error("the document unpacks to much more data than documents have: {0}")]
    DecompressionBomb(String),
    /// There are too many chunks.
    #[error("the document has more than {0} chunks; split it into smaller ones, or ask for a higher limit")]
    TooManyChunks(u32),
}

impl Error {
    /// Returns the code of the failure.
    #[must_use]
    pub fn code(&self) -> FailureCode {
        match self {
            Self::UnsupportedType(_) => FailureCode::UnsupportedType,
            Self::TypeMismatch { .. } => FailureCode::TypeMismatch,
            Self::TextTooLong(_) | Self::TooManyParts { .. } => FailureCode::TooLarge,
            Self::EmptyText => FailureCode::EmptyText,
            Self::NeedsOcr(_) => FailureCode::NeedsOcr,
            Self::Encrypted => FailureCode::Encrypted,
            Self::Corrupt(_) => FailureCode::Corrupt,
            Self::DecompressionBomb(_) => FailureCode::DecompressionBomb,
            Self::TooManyChunks(_) => FailureCode::QuotaExceeded,
        }
    }
}
