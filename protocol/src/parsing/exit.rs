//! The meaning of an exit without an answer.

use super::{Failure, FailureCode};

/// Exit code if the request cannot be parsed, the tokenizer cannot be read, or the limits cannot be set. The document is not the cause.
pub const EXIT_BAD_REQUEST: u8 = 64;
/// Exit code if memory is exhausted.
pub const EXIT_OUT_OF_MEMORY: u8 = 71;

/// Text that Rust writes to standard error before it aborts a process that has no memory left.
const ALLOCATION_FAILED: &str = "memory allocation of ";
/// Text that Rust writes to standard error before it aborts a process whose stack is full.
const STACK_OVERFLOWED: &str = "has overflowed its stack";

// Numbers of signals on Linux, which are the same for x86-64 and arm64.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with a code.
    Code(i32),
    /// A signal terminated it.
    Signal(i32),
    /// The caller killed it, since it took too long by the clock.
    TimedOut,
}

/// Returns what an exit without a valid answer means for the document, given the last lines of standard error. `None` if the document is not the
/// cause: the installation or the request must be changed, and the document can be parsed again afterwards.
#[must_use]
pub fn failure(exit: Exit, stderr: &str) -> Option<Failure> {
    let (code, message) = match exit {
        Exit::Code(code) if code == i32::from(EXIT_BAD_REQUEST) => return None,
        Exit::Code(code) if code == i32::from(EXIT_OUT_OF_MEMORY) => out_of_memory(),
        Exit::Signal(SIGABRT) if stderr.contains(ALLOCATION_FAILED) => out_of_memory(),
        Exit::Signal(SIGABRT) if stderr.contains(STACK_OVERFLOWED) => {
            (FailureCode::Corrupt, "the document is nested too deeply to be parsed".to_owned())
        }
        Exit::TimedOut | Exit::Signal(SIGXCPU | SIGKILL) => (
            FailureCode::ParseTimeout,
            "parsing the document took too long; split it into smaller ones".to_owned(),
        ),
        Exit::Code(code) => {
            (FailureCode::Corrupt, format!("the parser exited with code {code} and no answer"))
        }
        Exit::Signal(signal) => (FailureCode::Corrupt, format!("signal {signal} terminated the parser")),
    };
    Some(Failure { code, message })
}

fn out_of_memory() -> (FailureCode, String) {
    (
        FailureCode::ParseOom,
        "parsing the document needs too much memory; split it into smaller ones".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(exit: Exit, stderr: &str) -> Option<FailureCode> {
        failure(exit, stderr).map(|failure| failure.code)
    }

    /// Each way in which a limit ends the process has the code of that limit.
    #[test]
    fn limits_have_their_codes() {
        let allocation = "memory allocation of 1073741824 bytes failed\n";
        assert_eq!(code(Exit::Signal(SIGABRT), allocation), Some(FailureCode::ParseOom));
        assert_eq!(code(Exit::Code(EXIT_OUT_OF_MEMORY.into()), ""), Some(FailureCode::ParseOom));
        for exit in [Exit::TimedOut, Exit::Signal(SIGXCPU), Exit::Signal(SIGKILL)] {
            assert_eq!(code(exit, ""), Some(FailureCode::ParseTimeout));
        }
    }

    /// A crash of a parser concerns the document; a request that the program refuses does not.
    #[test]
    fn a_crash_is_a_corrupt_document() {
        let overflow = "\nthread 'main' (12) has overflowed its stack\nfatal runtime error: stack overflow\n";
        assert_eq!(code(Exit::Signal(SIGABRT), overflow), Some(FailureCode::Corrupt));
        assert_eq!(code(Exit::Signal(11), ""), Some(FailureCode::Corrupt));
        assert_eq!(code(Exit::Code(0), ""), Some(FailureCode::Corrupt));
        assert_eq!(code(Exit::Code(EXIT_BAD_REQUEST.into()), "no tokenizer"), None);
    }
}
