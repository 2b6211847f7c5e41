//! Messages between the api-server and the program `document-parser`, which turns one document into text and chunks.
//!
//! The api-server starts the program once for each document. It writes a [`Request`] as one line of JSON to its standard
//! input, then the bytes of the document, and closes the stream. The program writes an [`Answer`] as one line of JSON to its
//! standard output and exits with code 0. If it ends without an answer, [`failure`] says what that means for the document.
//!
//! Standard output and standard error must be pipes: the program may not write to files. The thread that starts it must live longer
//! than the program, because the kernel kills the child when that thread ends. So start it from a thread of the runtime, not from one for
//! blocking calls.
//!
//! The program limits its own memory and CPU time. The api-server limits the time by the clock: it kills the process group,
//! and reports [`Exit::TimedOut`].

mod answer;
mod exit;
mod request;

pub use answer::{Answer, Chunk, Failure, FailureCode, Parsed};
pub use exit::{EXIT_BAD_REQUEST, EXIT_OUT_OF_MEMORY, Exit, failure};
pub use request::{Limits, Request};
