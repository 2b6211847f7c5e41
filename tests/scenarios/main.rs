//! Executes all scenarios, or those whose names contain the first argument, and prints the results in the
//! format of a Rust test program.

use std::{
    io::Write as _,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::ensure;
use futures::{StreamExt as _, stream};
use tests::scenario::{Harness, Outcome, ScenarioFile, find, run_scenario};

/// Number of scenarios executed concurrently. Two cores start about two pods a second; with more scenarios,
/// each of them only takes longer.
const CONCURRENCY: usize = 8;

#[tokio::main]
async fn main() -> ExitCode {
    match run_all().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            print(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Executes the selected scenarios; returns whether all of them passed.
async fn run_all() -> anyhow::Result<bool> {
    let started = now();
    let filter = filter();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let selected: Vec<ScenarioFile> =
        find(&folder)?.into_iter().filter(|file| file.name.contains(&filter)).collect();
    ensure!(!selected.is_empty() || !filter.is_empty(), "there are no scenarios in {}", folder.display());
    print(&format!("running {} scenarios", selected.len()));
    let harness = Harness::start().await?;
    let (harness, mut summary) = (&harness, Summary::default());
    let mut outcomes = stream::iter(&selected)
        .map(|file| async move { (&file.name, run_scenario(harness, file).await) })
        .buffer_unordered(CONCURRENCY);
    while let Some((name, outcome)) = outcomes.next().await {
        summary.add(name, outcome);
    }
    summary.print(started.elapsed());
    Ok(summary.failures.is_empty())
}

#[derive(Default)]
struct Summary {
    passed: usize,
    skipped: usize,
    /// Names of the scenarios that failed, with the reasons.
    failures: Vec<(String, String)>,
}

impl Summary {
    fn add(&mut self, name: &str, outcome: Outcome) {
        match outcome {
            Outcome::Passed(time) => {
                self.passed += 1;
                print(&format!("scenario {name} ... ok ({:.1} s)", time.as_secs_f64()));
            }
            Outcome::Skipped(reason) => {
                self.skipped += 1;
                print(&format!("scenario {name} ... ignored: {reason}"));
            }
            Outcome::Failed(time, reason) => {
                print(&format!("scenario {name} ... FAILED ({:.1} s)", time.as_secs_f64()));
                self.failures.push((name.to_owned(), reason));
            }
        }
    }

    /// Prints the failures, and the last line, which `cargo xtask test` parses.
    fn print(&self, time: Duration) {
        if !self.failures.is_empty() {
            print("\nfailures:\n");
        }
        for (name, reason) in &self.failures {
            print(&format!("---- {name} ----\n{reason}\n"));
        }
        let word = if self.failures.is_empty() { "ok" } else { "FAILED" };
        print(&format!(
            "test result: {word}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s",
            self.passed,
            self.failures.len(),
            self.skipped,
            time.as_secs_f64()
        ));
    }
}

/// Returns the text that the names of the scenarios contain. Options of Rust test programs are ignored.
fn filter() -> String {
    std::env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default()
}

fn now() -> Instant {
    Instant::now()
}

/// Prints a line; a closed pipe is ignored.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
