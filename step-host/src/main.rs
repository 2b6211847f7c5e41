//! Program of every host container: starts the processes of steps on request and streams their output to the runner.

mod child_io;
mod config;
mod framed;
mod host;
mod install;
mod launch;
mod leftovers;
mod listen;
mod oom_kills;
mod output_reader;
mod own_process;
mod processes;
mod python;
mod step;
mod volumes;

use std::{
    error::Error,
    ffi::OsStr,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let done = match (args.next().as_deref().and_then(OsStr::to_str), args.next()) {
        (Some("install"), Some(directory)) => install::install(Path::new(&directory)).map_err(Into::into),
        (Some(launch::SUBCOMMAND), None) => return launch::launch(),
        _ => serve(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log_error(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    let config = config::Config::from_args(std::env::args_os().skip(1), &|name| std::env::var_os(name))?;
    host::serve(&config)?;
    Ok(())
}

/// Writes an error with all its sources as one JSON line to the container's log.
fn log_error(error: &dyn Error) {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    let line = serde_json::json!({"level": "ERROR", "target": "step_host", "message": message});
    let _ = writeln!(io::stderr(), "{line}");
}
