//! A failed phase, as a person needs to see it.

use std::fmt;
use std::path::PathBuf;

use super::log::Log;

/// Names the phase, shows its last lines, and says where the rest is and what to try.
#[derive(Debug)]
pub(crate) struct Failed {
    phase: String,
    cause: String,
    tail: Vec<String>,
    log: PathBuf,
    advice: String,
}

impl Failed {
    pub(super) fn new(phase: &str, source: &anyhow::Error, log: &Log, advice: String) -> Self {
        Self {
            phase: phase.to_owned(),
            cause: format!("{source:#}"),
            tail: log.tail().map(str::to_owned).collect(),
            log: log.path().to_owned(),
            advice,
        }
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

    /// A failure that hides its phase, its cause, its log or the way on leaves the user alone.
    #[test]
    fn a_failure_names_phase_cause_log_and_advice() {
        let path = std::env::temp_dir().join(format!("xtask-phase-{}.log", std::process::id()));
        let mut phases = Phases::new(&path, false).unwrap();
        let error = phases
            .run("boot", |phase| -> anyhow::Result<()> {
                (1..=30).for_each(|n| phase.line(&format!("line {n}")));
                phase.advice("turn it off and on");
                anyhow::bail!("no power")
            })
            .unwrap_err()
            .to_string();
        assert!(error.contains("boot failed: no power"), "{error}");
        assert!(error.contains("line 30") && !error.contains("line 11\n"), "{error}");
        assert!(
            error.contains(&path.display().to_string()) && error.contains("turn it off and on"),
            "{error}"
        );
        std::fs::remove_file(path).unwrap();
    }
}
