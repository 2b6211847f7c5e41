//! Errors that are not about the document.

use std::io;
use std::path::PathBuf;

use protocol::parsing::{EXIT_BAD_REQUEST, EXIT_OUT_OF_MEMORY};

/// Reason why the process has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The kernel has refused a limit.
    #[error("failed to set {name}")]
    SetLimit {
        /// Name of the limit.
        name: &'static str,
        /// Error of the kernel.
        source: io::Error,
    },
    /// The filter of system calls cannot be installed.
    #[error("failed to restrict the system calls")]
    RestrictSystemCalls(#[source] seccompiler::Error),
    /// Standard input cannot be read.
    #[error("failed to read standard input")]
    ReadInput(#[source] io::Error),
    /// The first line is too long.
    #[error("failed to read the request: its line is longer than {0} bytes")]
    RequestTooLong(u64),
    /// The first line is not a request.
    #[error("failed to parse the request")]
    ParseRequest(#[source] serde_json::Error),
    /// The numbers of tokens in the request make no sense.
    #[error("failed to use the request: chunkTokens must be at least 1, and maxChunkTokens at least {0}")]
    ChunkTokens(u32),
    /// The tokenizer is missing or invalid.
    #[error("failed to read the tokenizer {}", path.display())]
    ReadTokenizer {
        /// Path in the request.
        path: PathBuf,
        /// Error of the library.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Standard output cannot be written.
    #[error("failed to write the answer")]
    Answer(#[source] io::Error),
}

impl Error {
    /// Returns the exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::ReadInput(error) | Self::Answer(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                EXIT_OUT_OF_MEMORY
            }
            _ => EXIT_BAD_REQUEST,
        }
    }
}
