//! Program that parses one document: a request and the bytes of the document on standard input, an answer on standard output.

mod process;

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    match process::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut message = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                message = format!("{message}: {error}");
                cause = error.source();
            }
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(error.exit_code())
        }
    }
}
