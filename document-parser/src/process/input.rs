//! Standard input: the line with the request, then the document.

use std::io::{BufRead, Read};

use document_parser::MIN_MAX_CHUNK_TOKENS;
use protocol::parsing::Request;

use super::error::Error;

/// Maximum length of the line with the request: names and paths have at most a few KiB.
const MAX_REQUEST_BYTES: u64 = 64 * 1024;

/// Reads the request.
///
/// # Errors
/// Returns an error if the first line is not a valid request.
pub(super) fn read_request(stdin: &mut impl BufRead) -> Result<Request, Error> {
    let mut line = Vec::new();
    stdin.by_ref().take(MAX_REQUEST_BYTES).read_until(b'\n', &mut line).map_err(Error::ReadInput)?;
    if line.last() != Some(&b'\n')
        && u64::try_from(line.len()).is_ok_and(|length| length >= MAX_REQUEST_BYTES)
    {
        return Err(Error::RequestTooLong(MAX_REQUEST_BYTES));
    }
    let request: Request = serde_json::from_slice(&line).map_err(Error::ParseRequest)?;
    if request.chunk_tokens == 0 || request.max_chunk_tokens < MIN_MAX_CHUNK_TOKENS {
        return Err(Error::ChunkTokens(MIN_MAX_CHUNK_TOKENS));
    }
    Ok(request)
}

/// Reads the document until the end of the stream. The limit of the address space bounds its size.
///
/// # Errors
/// Returns an error if standard input cannot be read.
pub(super) fn read_document(stdin: &mut impl Read) -> Result<Vec<u8>, Error> {
    let mut document = Vec::new();
    stdin.read_to_end(&mut document).map_err(Error::ReadInput)?;
    Ok(document)
}
