//! Text and chunks of a document.
//!
//! [`parse`] finds out the type of the bytes ([`sniff`]), extracts text with headings and pages ([`format`]), and divides the text
//! into chunks ([`chunk`]). It does no I/O. The program around it limits memory and CPU time, because a parser may need any amount
//! of both; see `docs/decisions/0042-parsing-documents.md`.

mod archive;
mod chunk;
mod content;
mod document_type;
mod encoding;
mod error;
mod format;
mod parse;
mod sniff;

pub use chunk::{MIN_MAX_CHUNK_TOKENS, Tokens};
pub use error::Error;
pub use parse::parse;
