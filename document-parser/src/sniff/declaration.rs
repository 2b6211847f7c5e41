//! What the uploader says about the type of a document.

use std::str::FromStr;

use super::Source;
use crate::document_type::DocumentType;
use crate::error::Error;

/// Declared type of a document.
#[derive(Debug)]
pub(super) struct Declaration<'a> {
    /// Value of `Content-Type`.
    value: Option<&'a str>,
    /// Media type of the value, in lower case without parameters; `None` if it says nothing.
    media_type: Option<String>,
    /// Type by the file name.
    pub(super) by_name: Option<DocumentType>,
}

impl<'a> Declaration<'a> {
    pub(super) fn new(source: &Source<'a>) -> Self {
        let value = source.declared_type;
        let media_type = value.and_then(|value| value.split(';').next());
        let media_type = media_type.map(|name| name.trim().to_ascii_lowercase());
        let media_type = media_type
            .filter(|name| !["", "application/octet-stream", "binary/octet-stream"].contains(&name.as_str()));
        Self { value, media_type, by_name: source.file_name.and_then(DocumentType::from_file_name) }
    }

    /// Returns the declared type, if it is one that can be read.
    pub(super) fn by_type(&self) -> Option<DocumentType> {
        self.media_type.as_deref().and_then(|name| DocumentType::from_str(name).ok())
    }

    /// Returns the declared media type, if it is none that can be read.
    pub(super) fn other_type(&self) -> Option<&str> {
        self.media_type.as_deref().filter(|_| self.by_type().is_none())
    }

    /// Returns the parameter `charset`.
    pub(super) fn charset(&self) -> Option<String> {
        let (_, value) = self.value?.split_once(';')?;
        let value = value.split(';').find_map(|parameter| parameter.trim().strip_prefix("charset="))?;
        Some(value.trim().trim_matches('"').to_owned())
    }

    /// Checks that the type of the bytes is the declared one. A declared type takes precedence over the file name.
    ///
    /// # Errors
    /// Returns an error if it is another type.
    pub(super) fn confirm(&self, found: DocumentType) -> Result<(), Error> {
        let agrees = match (self.other_type(), self.by_type().or(self.by_name)) {
            (Some(other), _) => is_other_name(other, found),
            (None, Some(declared)) => declared == found,
            (None, None) => true,
        };
        if agrees { Ok(()) } else { Err(self.mismatch(found.media_type())) }
    }

    /// Returns the error for bytes that cannot be read: a mismatch if the declared type could be.
    pub(super) fn refuse(&self, found: &str) -> Error {
        let declared = match self.other_type() {
            Some(_) => None,
            None => self.by_type().or(self.by_name),
        };
        match declared {
            Some(_) => self.mismatch(found),
            None => Error::UnsupportedType(found.to_owned()),
        }
    }

    /// Returns the error for bytes of another type than the declared one.
    pub(super) fn mismatch(&self, found: &str) -> Error {
        let by_name = || self.by_name.map(|kind| kind.media_type().to_owned());
        let declared = self.media_type.clone().or_else(by_name).unwrap_or_default();
        Error::TypeMismatch { declared: declared.chars().take(100).collect(), found: found.to_owned() }
    }
}

/// Returns whether programs declare a type by a media type of another one: Office documents as archives, which they are, or by the types of their
/// predecessors.
fn is_other_name(media_type: &str, found: DocumentType) -> bool {
    match media_type {
        "application/zip" | "application/x-zip-compressed" => {
            matches!(found, DocumentType::Docx | DocumentType::Pptx | DocumentType::Xlsx)
        }
        "application/msword" => found == DocumentType::Docx,
        "application/vnd.ms-excel" => found == DocumentType::Xlsx,
        "application/vnd.ms-powerpoint" => found == DocumentType::Pptx,
        _ => false,
    }
}
