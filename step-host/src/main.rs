//! The program of every host container: starts a step's process on request and streams its output.

mod config;
mod framed;
mod host;
mod listen;
mod oom;
mod python;
mod step;
mod sweep;

use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    let config = config::Config::from_args(std::env::args_os().skip(1), &|name| std::env::var_os(name))?;
    host::serve(&config)?;
    Ok(())
}

/// One line with the whole chain, to the container's log.
fn report(error: &dyn Error) {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    let line = serde_json::json!({"level": "ERROR", "target": "step_host", "message": message});
    let _ = writeln!(io::stderr(), "{line}");
}
