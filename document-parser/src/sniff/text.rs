//! Choice between the text formats.

use super::{Declaration, Sniffed};
use crate::document_type::DocumentType;
use crate::error::Error;

/// Beginning of a text in which the first tag or header must be.
const BEGINNING_CHARACTERS: usize = 1024;
/// Fields in the header of a mail. Two of them are enough to recognize it.
const MAIL_FIELDS: [&str; 12] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "received",
    "return-path",
    "reply-to",
    "cc",
    "delivered-to",
    "content-type",
];
/// Media types of tables that spreadsheets declare for CSV files on Windows.
const SPREADSHEET: &str = "application/vnd.ms-excel";

/// Finds out the format of a text.
///
/// # Errors
/// Returns an error if the text is not of the declared format, or if the declared one is not supported.
pub(super) fn sniff(declaration: &Declaration<'_>, text: String) -> Result<Sniffed, Error> {
    let format = declared_format(declaration)?.unwrap_or_else(|| recognize(&text));
    let is_valid = match format {
        DocumentType::Mail => is_mail(&text),
        DocumentType::Html => beginning(&text).contains('<'),
        _ => true,
    };
    if is_valid { Ok(Sniffed::Text(format, text)) } else { Err(declaration.mismatch("text/plain")) }
}

/// Returns the format that is declared. `text/plain` declares any format of text: the file name decides.
fn declared_format(declaration: &Declaration<'_>) -> Result<Option<DocumentType>, Error> {
    let by_name = declaration.by_name.filter(|kind| kind.is_text());
    let Some(declared) = declaration.by_type() else {
        return match declaration.other_type() {
            None if declaration.by_name.is_some() && by_name.is_none() => {
                Err(declaration.mismatch("text/plain"))
            }
            None => Ok(by_name),
            Some(SPREADSHEET) if by_name == Some(DocumentType::Csv) => Ok(by_name),
            Some(other) if other.starts_with("text/") && other != "text/xml" => {
                Ok(by_name.or(Some(DocumentType::Text)))
            }
            Some(other) => Err(Error::UnsupportedType(other.chars().take(100).collect())),
        };
    };
    match declared {
        DocumentType::Text => Ok(by_name.or(Some(DocumentType::Text))),
        declared if declared.is_text() => Ok(Some(declared)),
        _ => Err(declaration.mismatch("text/plain")),
    }
}

/// Returns the format of a text about which nothing is declared.
fn recognize(text: &str) -> DocumentType {
    let start = beginning(text).trim_start().to_ascii_lowercase();
    let is_html = start.starts_with("<!doctype html") || start.starts_with("<html");
    if is_html || (start.starts_with("<?xml") && start.contains("<html")) {
        DocumentType::Html
    } else if start.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        DocumentType::Json
    } else if is_mail(text) {
        DocumentType::Mail
    } else {
        DocumentType::Text
    }
}

fn beginning(text: &str) -> &str {
    let end = text.char_indices().nth(BEGINNING_CHARACTERS).map_or(text.len(), |(index, _)| index);
    text.get(..end).unwrap_or(text)
}

/// Returns whether a text begins with the header of a mail: fields, of which two are usual, and nothing else.
fn is_mail(text: &str) -> bool {
    let mut usual = 0;
    for field in text.lines().take_while(|field| !field.is_empty()) {
        if field.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = field.split_once(':') else { return false };
        if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return false;
        }
        usual += usize::from(MAIL_FIELDS.contains(&name.to_ascii_lowercase().as_str()));
    }
    usual >= 2
}
