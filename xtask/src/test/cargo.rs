//! The checks that other tools make: formatting, lints, Go's tests.

use super::libtest::{Report, Tally};
use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

/// Rust is formatted. Errors: it is not.
pub(super) fn fmt(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
    phase.advice("cargo fmt --all");
    phase.exec(
        Program::new("cargo").dir(&checkout.root).args(["fmt", "--all", "--check", "--", "--color", "never"]),
    )
}

/// No lint warns. Errors: one does.
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

/// The tests and the formatting of smb-kube. Each Go test counts.
pub(super) fn go(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<Report> {
    phase.advice("sh local/kube/test.sh");
    let program = Program::new("sh").arg(checkout.path("local/kube/test.sh")).arg("-v");
    let (mut tally, mut failures) = (Tally::default(), String::new());
    let end = program.run(&mut |line| {
        let text = line.text();
        phase.line(text);
        tally.passed += u32::from(text.starts_with("--- PASS"));
        if text.starts_with("--- FAIL") || text.starts_with("FAIL") {
            tally.failed += u32::from(text.starts_with("---"));
            failures.push_str(&format!("{text}\n"));
        }
    });
    match (end, tally.failed) {
        (Err(error), 0) => Err(error),
        _ => Ok(Report { tally, failures }),
    }
}
