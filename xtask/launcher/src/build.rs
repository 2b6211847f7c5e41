//! Building `xtask` with cargo, shown as one line.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::{ChildStderr, Command, Stdio};
use std::time::Instant;

use crate::environment::without_cargo_variables;

/// What fits beside the name of the phase in 80 columns.
const PROGRESS_WIDTH: usize = 40;

/// Builds `xtask` into `folder`, in which this program is, too. Prints nothing if it is up to date, so that the output of `cargo xtask env` stays what a shell
/// evaluates; all progress goes to standard error.
///
/// # Errors
/// Returns cargo's output if `xtask` does not compile.
pub(crate) fn build(root: &Path, folder: &Path) -> Result<(), String> {
    let started = Instant::now();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    without_cargo_variables(&mut cargo);
    let mut child = cargo
        .args(["build", "--package", "xtask", "--target-dir"])
        .arg(folder.parent().unwrap_or(folder))
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("failed to start cargo: {error}"))?;
    let output = child.stderr.take().map(|pipe| follow(pipe, started)).unwrap_or_default();
    let status = child.wait().map_err(|error| format!("failed to wait for cargo: {error}"))?;
    if !status.success() {
        return Err(format!("{}\nxtask does not compile: cargo {status}", output.lines.join("\n")));
    }
    if output.crates > 0 {
        let row = format!(
            "✓ {:<34} {:>7.1} s  {} crates\n",
            "build xtask",
            started.elapsed().as_secs_f64(),
            output.crates
        );
        show(&row);
    }
    Ok(())
}

/// What cargo printed.
#[derive(Default)]
struct Output {
    lines: Vec<String>,
    /// Number of crates that were compiled.
    crates: usize,
}

/// Reads cargo's output to its end; on a terminal, shows the crate that is being compiled.
fn follow(pipe: ChildStderr, started: Instant) -> Output {
    let is_terminal = std::io::stderr().is_terminal();
    let mut output = Output::default();
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        let text = line.trim();
        output.crates += usize::from(text.starts_with("Compiling"));
        // Nothing is shown for an up-to-date build, which prints `Finished` alone.
        if is_terminal && !text.starts_with("Finished") {
            let text: String = text.chars().take(PROGRESS_WIDTH).collect();
            show(&format!(
                "\r\x1b[K… {:<34} {:>7.1} s  {text}",
                "build xtask",
                started.elapsed().as_secs_f64()
            ));
        }
        output.lines.push(line);
    }
    if is_terminal && output.lines.len() > 1 {
        show("\r\x1b[K");
    }
    output
}

fn show(text: &str) {
    // A closed pipe is the reader's decision.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
