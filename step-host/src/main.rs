//! The program of every host container: starts a step's process on request and streams its output.

mod config;
mod framed;
mod host;
mod install;
mod launch;
mod listen;
mod oom;
mod python;
mod step;
mod sweep;

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
