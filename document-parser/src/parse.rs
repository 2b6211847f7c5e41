//! The parser: type, text, chunks.

use protocol::parsing::{Parsed, Request};
use serde_json::{Map, Value};

use crate::chunk::{self, Sizes, Tokens};
use crate::content::{Content, Extracted};
use crate::document_type::DocumentType;
use crate::error::Error;
use crate::format::{self, Context};
use crate::sniff::Source;

/// Returns the text of a document and its chunks.
///
/// # Errors
/// Returns an error if the document cannot be used. It may also take any time and memory, overflow the stack, or panic: the process
/// must be limited.
pub fn parse(request: &Request, bytes: &[u8], tokens: &Tokens) -> Result<Parsed, Error> {
    let source = Source {
        bytes,
        declared_type: request.declared_type.as_deref(),
        file_name: request.file_name.as_deref(),
    };
    let context = Context { max_text_bytes: request.limits.text_bytes };
    let Extracted { document_type, content } = format::extract(context, &source)?;
    let Content { sections, page_count, metadata } = content;
    let text_length = sections.iter().map(|section| section.text.len()).sum::<usize>();
    if u64::try_from(text_length).is_ok_and(|length| length > request.limits.text_bytes) {
        return Err(Error::TextTooLong(request.limits.text_bytes));
    }
    if sections.iter().all(|section| section.text.trim().is_empty()) {
        return Err(Error::EmptyText);
    }
    let sizes = Sizes::new(request.chunk_tokens, request.max_chunk_tokens, request.limits.chunks);
    let (text, chunks) = chunk::divide(sections, tokens, sizes)?;
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), Value::String(value)));
    Ok(Parsed {
        mime_type: DocumentType::media_type(document_type).to_owned(),
        text,
        page_count,
        metadata: metadata.collect::<Map<String, Value>>(),
        chunks,
    })
}
