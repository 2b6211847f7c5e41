//! A failed phase, with what a person needs to fix it.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};

/// A phase that was stopped because one beside it failed.
#[derive(Debug)]
pub(super) struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cancelled, because another phase failed")
    }
}

impl std::error::Error for Cancelled {}

/// A failed phase: its name, its cause, its last lines of output, the path of the log, and advice.
#[derive(Debug)]
pub(crate) struct Failed {
    phase: String,
    cause: String,
    tail: VecDeque<String>,
    log: PathBuf,
    advice: String,
}

impl Failed {
    pub(super) fn new(
        phase: &str,
        source: &anyhow::Error,
        tail: VecDeque<String>,
        log: &Path,
        advice: String,
    ) -> Self {
        let cause = format!("{source:#}");
        Self { phase: phase.to_owned(), cause, tail, log: log.to_owned(), advice }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n{} failed: {}", self.phase, self.cause)?;
        for line in &self.tail {
            writeln!(out, "  | {line}")?;
        }
        writeln!(out, "log: {}", self.log.display())?;
        write!(out, "try: {}", self.advice)
    }
}

impl std::error::Error for Failed {}

#[cfg(test)]
mod tests {
    use super::super::Phases;

    /// A failure names its phase, its cause, the last lines of output, the log and what to try.
    #[test]
    fn a_failure_names_phase_cause_log_and_advice() {
        let path = std::env::temp_dir().join(format!("xtask-phase-{}.log", std::process::id()));
        let phases = Phases::new(&path, false).unwrap();
        let error = phases
            .run("boot", |phase| -> anyhow::Result<()> {
                (1..=30).for_each(|n| phase.log_line(&format!("line {n}")));
                phase.advice("turn it off and on");
                anyhow::bail!("no power")
            })
            .unwrap_err()
            .to_string();
        assert!(error.contains("boot failed: no power"), "{error}");
        assert!(
            error.contains("line 30") && error.contains("line 11\n") && !error.contains("line 10\n"),
            "{error}"
        );
        assert!(
            error.contains(&path.display().to_string()) && error.contains("turn it off and on"),
            "{error}"
        );
        std::fs::remove_file(path).unwrap();
    }
}
