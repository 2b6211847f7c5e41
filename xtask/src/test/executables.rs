//! The test programs of the workspace, which are built once and run tier by tier.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::libtest::{Reader, Report};
use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

/// A test program.
pub(crate) struct Executable {
    /// Name of the package, as in `cargo test -p`.
    pub(crate) package: String,
    /// Name of the target: the library, the program, or the file of tests.
    pub(crate) target: String,
    path: PathBuf,
    folder: PathBuf,
}

impl Executable {
    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder of its package.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Selects the test programs of a tier.
pub(super) type Select = fn(&Executable) -> bool;

/// Builds the test programs of the workspace: all, or those selected by options of cargo.
///
/// # Errors
/// Returns an error if one does not compile.
pub(crate) fn build(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    selection: &[&str],
) -> anyhow::Result<Vec<Executable>> {
    phase.advice("fix the compiler's errors, or run `cargo test --workspace --no-run` by hand");
    let program = Program::new("cargo")
        .dir(&checkout.root)
        .args(["test", "--profile", checkout.profile.name(), "--workspace", "--no-run"])
        .arg("--message-format=json-render-diagnostics")
        .args(selection);
    let messages = phase.capture(program)?;
    let mut found = Vec::new();
    for message in messages.lines().filter(|line| line.starts_with('{')) {
        let message = serde_json::from_str(message).context("failed to parse a message of cargo")?;
        found.extend(executable(&message));
    }
    // Sorted, so that `node_outage`, which stops parts of the node, runs after `node`, and `uninstall` after all others.
    found.sort_by(|one, other| (&one.package, &one.target).cmp(&(&other.package, &other.target)));
    phase.outcome(format!("{} test programs", found.len()));
    Ok(found)
}

/// Returns the test program that a message of cargo announces, if it announces one.
fn executable(message: &Value) -> Option<Executable> {
    let text = |pointer: &str| message.pointer(pointer)?.as_str();
    if text("/reason") != Some("compiler-artifact") || message.pointer("/profile/test")? != &Value::Bool(true)
    {
        return None;
    }
    let folder = Path::new(text("/manifest_path")?).parent()?;
    Some(Executable {
        package: folder.file_name()?.to_string_lossy().into_owned(),
        target: text("/target/name")?.to_owned(),
        path: text("/executable")?.into(),
        folder: folder.to_owned(),
    })
}

/// Runs the selected programs one after the other, each in its package's folder as cargo does, with all of their tests or
/// those whose names contain the filter.
pub(super) fn run(
    phase: &mut Phase<'_>,
    (all, select): (&[Executable], Select),
    filter: Option<&str>,
    environment: &[(String, String)],
    limit: Duration,
) -> anyhow::Result<Report> {
    let mut sum = Report::default();
    for executable in all.iter().filter(|executable| select(executable)) {
        let report = run_one(phase, executable, filter, environment, limit);
        sum.tally += report.tally;
        sum.failures.push_str(&report.failures);
        sum.results.push_str(&report.results);
    }
    Ok(sum)
}

fn run_one(
    phase: &mut Phase<'_>,
    executable: &Executable,
    filter: Option<&str>,
    environment: &[(String, String)],
    limit: Duration,
) -> Report {
    let name = format!("{} {}", executable.package, executable.target);
    phase.log_line(&format!("running {name}"));
    let mut program = Program::new(&executable.path)
        .dir(&executable.folder)
        .env("CARGO_MANIFEST_DIR", &executable.folder)
        .args(filter)
        // The output of tests that pass has results for the user.
        .arg("--show-output")
        .limit(limit);
    for (key, value) in environment {
        program = program.env(key, value);
    }
    let mut reader = Reader::default();
    let end = program.run(&mut |line| {
        reader.read_line(line.text());
        phase.log_line(line.text());
    });
    reader.finish(&name, end)
}
