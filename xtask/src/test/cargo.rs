//! The checks that other tools make: formatting, lints, Go's tests.

use super::libtest::{Report, Tally};
use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

/// Rust and Go are formatted. Errors: they are not.
pub(super) fn fmt(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
    phase.advice("cargo fmt --all; gofmt -w local/kube");
    phase.exec(
        Program::new("cargo").dir(&checkout.root).args(["fmt", "--all", "--check", "--", "--color", "never"]),
    )?;
    let unformatted = phase.capture(Program::new("gofmt").arg("-l").arg(checkout.path("local/kube")))?;
    if !unformatted.is_empty() {
        anyhow::bail!("not formatted by gofmt:\n{unformatted}");
    }
    Ok(())
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

/// The tests of smb-kube. Each Go test counts.
pub(super) fn go(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<Report> {
    phase.advice("cd local/kube && go test ./...");
    // The flags are those of the build: with others, all of Kubernetes would be compiled once more.
    let program = Program::new("go").env("CGO_ENABLED", "0").env("GOFLAGS", "-trimpath");
    let program = program.dir(&checkout.path("local/kube")).args(["test", "-v", "./..."]);
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
