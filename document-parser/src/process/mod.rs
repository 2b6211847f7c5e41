//! The process: limits, request, tokenizer, filter of system calls, document, answer, in this order.

mod error;
mod input;
mod limits;
mod syscalls;

use std::io::{self, Write as _};
use std::panic;

use document_parser::{Tokens, parse};
use protocol::parsing::{Answer, Failure, FailureCode, Request};

use self::error::Error;

/// Stack for the parsers. Some of them recurse for nested elements, of which `document_parser` permits a few hundred levels.
/// It is reserved, and occupies memory only where it is used.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Parses the document of standard input.
///
/// # Errors
/// Returns an error if the document is not the reason why there is no answer.
pub(crate) fn run() -> Result<(), Error> {
    limits::restrict_process()?;
    let mut stdin = io::stdin().lock();
    let request = input::read_request(&mut stdin)?;
    limits::restrict_resources(request.limits)?;
    let tokens = read_tokenizer(&request)?;
    limits::forbid_files()?;
    syscalls::restrict()?;
    let document = input::read_document(&mut stdin)?;
    answer(&parse_document(&request, &document, &tokens))
}

fn read_tokenizer(request: &Request) -> Result<Tokens, Error> {
    match &request.tokenizer {
        Some(path) => {
            Tokens::from_file(path).map_err(|source| Error::ReadTokenizer { path: path.clone(), source })
        }
        None => Ok(Tokens::estimate()),
    }
}

/// Parses a document. A panic of a parser concerns the document.
fn parse_document(request: &Request, document: &[u8], tokens: &Tokens) -> Answer {
    let parse = || stacker::grow(STACK_BYTES, || parse(request, document, tokens));
    match panic::catch_unwind(panic::AssertUnwindSafe(parse)) {
        Ok(Ok(parsed)) => Answer::Parsed(parsed),
        Ok(Err(error)) => Answer::Failed(Failure { code: error.code(), message: error.to_string() }),
        Err(_) => Answer::Failed(Failure {
            code: FailureCode::Corrupt,
            message: "the document cannot be read; open it and save it again, or convert it to another type"
                .to_owned(),
        }),
    }
}

fn answer(answer: &Answer) -> Result<(), Error> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut stdout, answer).map_err(|error| Error::Answer(error.into()))?;
    stdout.write_all(b"\n").and_then(|()| stdout.flush()).map_err(Error::Answer)
}
