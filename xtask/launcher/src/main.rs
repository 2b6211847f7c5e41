//! `cargo xtask`: prints the plan of `up`, builds the program `xtask`, and becomes it.
//!
//! `xtask` has dependencies that take a while to compile. This program has none, so the plan is on the screen before
//! they are compiled, and their build is shown like every other phase.

mod build;
mod environment;
mod plan;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&arguments) {
        Ok(never) => match never {},
        Err(message) => {
            let _ = std::io::stderr().write_all(format!("{message}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// Prints the plan, builds `xtask` and replaces this process by it.
///
/// # Errors
/// Returns the text to show if `xtask` does not compile or cannot be started.
fn run(arguments: &[OsString]) -> Result<std::convert::Infallible, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = std::env::current_exe().map_err(|error| format!("failed to find this program: {error}"))?;
    let folder = own.parent().ok_or("failed to find the folder of this program")?;
    if let Some(plan) = plan::plan(arguments, folder) {
        // A closed pipe is the reader's decision.
        let _ = std::io::stdout().write_all(plan.as_bytes());
        let _ = std::io::stdout().flush();
    }
    build::build(&root, folder)?;
    let mut xtask = Command::new(folder.join("xtask"));
    environment::without_cargo_variables(&mut xtask);
    let error = xtask.args(arguments).exec();
    Err(format!("failed to start xtask: {error}"))
}
