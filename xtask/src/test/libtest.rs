//! What test programs print, read back.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

impl Tally {
    /// One check that is no test program, or a test program that could not run.
    pub(crate) const FAILED: Self = Self { passed: 0, failed: 1 };
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The result of a tier: its sum, and what a person needs to see of the failures.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) failures: String,
}

impl Report {
    /// A check that counts as one test.
    pub(crate) fn one_passed() -> Self {
        Self { tally: Tally { passed: 1, failed: 0 }, failures: String::new() }
    }
}

/// What one program of Rust tests printed.
#[derive(Default)]
pub(super) struct Reader {
    tally: Option<Tally>,
    in_failures: bool,
    failures: Vec<String>,
}

/// A failed test may print a whole object; this much of it is enough to begin with, the log has all.
const LINES_SHOWN: usize = 150;

impl Reader {
    /// Takes the next line.
    pub(super) fn line(&mut self, line: &str) {
        if let Some(tally) = summary(line) {
            self.tally = Some(tally);
            self.in_failures = false;
        }
        self.in_failures |= line == "failures:";
        if self.in_failures && self.failures.len() < LINES_SHOWN {
            self.failures.push(line.to_owned());
        }
    }

    /// The report. A program that ended badly without a summary counts as one failure.
    pub(super) fn finish(self, program: &str, end: anyhow::Result<()>) -> Report {
        let mut tally = self.tally.unwrap_or_default();
        let mut failures = self.failures.join("\n");
        if let Err(error) = end {
            if tally.failed == 0 {
                tally += Tally::FAILED;
            }
            failures = format!("{program}: {error:#}\n{failures}\n");
        }
        Report { tally, failures }
    }
}

/// Reads `test result: FAILED. 3 passed; 1 failed; 0 ignored; …`.
fn summary(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |word: &str| {
        let field = counts.split("; ").find(|field| field.ends_with(word))?;
        field.split(' ').next()?.parse().ok()
    };
    Some(Tally { passed: count(" passed")?, failed: count(" failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str], end: anyhow::Result<()>) -> Report {
        let mut reader = Reader::default();
        lines.iter().for_each(|line| reader.line(line));
        reader.finish("crds", end)
    }

    /// The sum at the end would be wrong.
    #[test]
    fn a_summary_is_counted() {
        let line =
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(read(&[line], Ok(())).tally, Tally { passed: 12, failed: 0 });
    }

    /// A program that crashes would pass for one without tests.
    #[test]
    fn a_crash_counts_as_a_failure() {
        let report = read(&["running 3 tests"], Err(anyhow::anyhow!("crds ended with signal: 11")));
        assert_eq!(report.tally, Tally::FAILED);
        assert!(report.failures.contains("signal: 11"));
    }

    /// A red CI whose log does not say why costs another run.
    #[test]
    fn failures_are_shown_with_what_they_printed() {
        let lines = [
            "test a ... FAILED",
            "failures:",
            "---- a stdout ----",
            "left: 1",
            "failures:",
            "    a",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        ];
        let report = read(&lines, Err(anyhow::anyhow!("crds ended with exit status: 101")));
        assert_eq!(report.tally, Tally { passed: 2, failed: 1 });
        assert!(report.failures.contains("left: 1"));
    }
}
