//! Extraction of text, one module for each family of types.

mod html;
mod json;
mod mail;
mod markdown;
mod office;
mod pdf;

use crate::content::{Content, Extracted, Section};
use crate::document_type::DocumentType;
use crate::error::Error;
use crate::sniff::{Sniffed, Source, sniff};

/// Limits of an extraction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// Maximum size of a section's text in bytes.
    pub(crate) max_text_bytes: u64,
}

/// Returns the type and the text of a document.
///
/// # Errors
/// Returns an error if the document cannot be used.
pub(crate) fn extract(context: Context, source: &Source<'_>) -> Result<Extracted, Error> {
    match sniff(source)? {
        Sniffed::Text(DocumentType::Mail, _) => {
            let content = mail::extract(context, source.bytes)?;
            Ok(Extracted { document_type: DocumentType::Mail, content })
        }
        other => extract_single(context, source, other),
    }
}

/// Returns the type and the text of an attachment. Attachments of an attached mail are ignored.
///
/// # Errors
/// Returns an error if the attachment cannot be used.
fn extract_attachment(context: Context, source: &Source<'_>) -> Result<Extracted, Error> {
    let sniffed = sniff(source)?;
    extract_single(context, source, sniffed)
}

fn extract_single(context: Context, source: &Source<'_>, sniffed: Sniffed) -> Result<Extracted, Error> {
    let (document_type, content) = match sniffed {
        Sniffed::Pdf => (DocumentType::Pdf, pdf::extract(context, source.bytes)?),
        Sniffed::Office(office) => (office, office::extract(context, office, source.bytes)?),
        Sniffed::Text(format, text) => (format, extract_text(context, format, text, source.bytes)?),
    };
    Ok(Extracted { document_type, content })
}

fn extract_text(
    context: Context,
    format: DocumentType,
    text: String,
    bytes: &[u8],
) -> Result<Content, Error> {
    let is_too_long = u64::try_from(text.len()).is_ok_and(|length| length > context.max_text_bytes);
    match format {
        DocumentType::Html => html::extract(&text),
        DocumentType::Mail => mail::extract_message(bytes),
        _ if is_too_long => Err(Error::TextTooLong(context.max_text_bytes)),
        DocumentType::Markdown => Ok(markdown::extract(text)),
        DocumentType::Json => json::extract(text),
        _ => Ok(Content { sections: vec![Section { text, ..Section::default() }], ..Content::default() }),
    }
}
