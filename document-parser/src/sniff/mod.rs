//! The type of a document, by its bytes.
//!
//! PDF, Office and other binary types are recognized by their bytes alone, and must be what is declared. Text formats cannot be
//! distinguished with certainty (a line of CSV is a paragraph of Markdown), so that declared type and file name choose between
//! them, and the text must then be valid in that format.

mod declaration;
mod text;

use undoc::FormatType;

use self::declaration::Declaration;
use crate::document_type::DocumentType;
use crate::error::Error;
use crate::{archive, encoding};

/// Beginning of a file in which `%PDF-` may be: other readers accept as much before it.
const PDF_HEADER_BYTES: usize = 1024;

/// Types that consist of text and are of no use as text, each with its first bytes.
const MARKUP: [(&[u8], &str); 2] = [(b"{\\rtf", "application/rtf"), (b"%!PS", "application/postscript")];

/// Bytes of a document, and what the uploader says about them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) declared_type: Option<&'a str>,
    pub(crate) file_name: Option<&'a str>,
}

/// Document whose type is known.
#[derive(Debug)]
pub(crate) enum Sniffed {
    Pdf,
    /// One of docx, pptx and xlsx.
    Office(DocumentType),
    /// A text format, with the decoded text.
    Text(DocumentType, String),
}

/// Finds out the type of a document.
///
/// # Errors
/// Returns an error if the type is not supported or not the declared one, if the document requires a password, or if it is empty.
pub(crate) fn sniff(source: &Source<'_>) -> Result<Sniffed, Error> {
    let Source { bytes, .. } = *source;
    if bytes.is_empty() {
        return Err(Error::EmptyText);
    }
    let declaration = Declaration::new(source);
    if bytes.get(..PDF_HEADER_BYTES).unwrap_or(bytes).windows(5).any(|window| window == b"%PDF-") {
        declaration.confirm(DocumentType::Pdf)?;
        return Ok(Sniffed::Pdf);
    }
    if bytes.starts_with(b"PK\x03\x04")
        || bytes.starts_with(b"PK\x05\x06")
        || bytes.starts_with(b"\xd0\xcf\x11\xe0")
    {
        return sniff_office(bytes, &declaration);
    }
    if let Some((_, media_type)) = MARKUP.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(declaration.refuse(media_type));
    }
    match encoding::decode(bytes, declaration.charset().as_deref()) {
        Some(text) => text::sniff(&declaration, text),
        None => {
            Err(declaration
                .refuse(infer::get(bytes).map_or("application/octet-stream", |kind| kind.mime_type())))
        }
    }
}

fn sniff_office(bytes: &[u8], declaration: &Declaration<'_>) -> Result<Sniffed, Error> {
    if bytes.starts_with(b"PK") {
        archive::check(bytes)?;
    }
    let office = match undoc::detect_format_from_bytes(bytes) {
        Ok(FormatType::Docx) => DocumentType::Docx,
        Ok(FormatType::Pptx) => DocumentType::Pptx,
        Ok(FormatType::Xlsx) => DocumentType::Xlsx,
        Ok(FormatType::Doc) => return Err(declaration.refuse("application/msword")),
        Ok(FormatType::Xls) => return Err(declaration.refuse("application/vnd.ms-excel")),
        Ok(FormatType::Ppt) => return Err(declaration.refuse("application/vnd.ms-powerpoint")),
        Err(undoc::Error::Encrypted) => return Err(Error::Encrypted),
        Err(_) => return Err(declaration.refuse("application/zip")),
    };
    declaration.confirm(office)?;
    Ok(Sniffed::Office(office))
}
