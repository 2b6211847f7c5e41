//! Checks by other tools: rustfmt, clippy, and the tests of the Go programs.

use super::libtest::{Report, Tally};
use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

/// Checks the formatting of Rust.
///
/// # Errors
/// Returns an error if a file is not formatted.
pub(super) fn fmt(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
    phase.advice("cargo fmt --all");
    phase.exec(
        Program::new("cargo").dir(&checkout.root).args(["fmt", "--all", "--check", "--", "--color", "never"]),
    )
}

/// Runs clippy with warnings denied.
///
/// # Errors
/// Returns an error if a lint warns.
pub(super) fn clippy(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
    phase.advice("cargo clippy --workspace --all-targets");
    let program = Program::new("cargo").dir(&checkout.root).args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    phase.exec(program)
}

/// Runs the tests of a Go module and checks its formatting. Each Go test is counted as one test.
///
/// # Errors
/// Returns an error if the script fails without a failed test, for example because the formatting differs.
pub(super) fn go_tests(phase: &mut Phase<'_>, checkout: &Checkout, module: &str) -> anyhow::Result<Report> {
    let script = format!("{module}/test.sh");
    phase.advice(format!("sh {script}"));
    let program = Program::new("sh").arg(checkout.path(&script)).arg("-v");
    let (mut tally, mut failures) = (Tally::default(), String::new());
    let end = program.run(&mut |line| {
        let text = line.text();
        phase.log_line(text);
        tally.passed += u32::from(text.starts_with("--- PASS"));
        if text.starts_with("--- FAIL") || text.starts_with("FAIL") {
            tally.failed += u32::from(text.starts_with("---"));
            failures.push_str(&format!("{text}\n"));
        }
    });
    match (end, tally.failed) {
        (Err(error), 0) => Err(error),
        _ => Ok(Report { tally, failures, ..Report::default() }),
    }
}
