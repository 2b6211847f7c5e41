//! The output of Rust test programs.

use std::fmt;
use std::ops::AddAssign;

/// Numbers of tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

impl Tally {
    /// One failure: a check, or a test program that could not run.
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

/// Result of a tier: the number of tests and the output of those that failed.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) failures: String,
    /// Lines that tests print for the user: those that begin with `result: `.
    pub(crate) results: String,
}

impl Report {
    /// Returns the report of one check that passed.
    pub(crate) fn one_passed() -> Self {
        Self { tally: Tally { passed: 1, failed: 0 }, ..Self::default() }
    }
}

/// Reader of the output of one Rust test program.
#[derive(Default)]
pub(super) struct Reader {
    tally: Option<Tally>,
    in_failures: bool,
    in_backtrace: bool,
    failures: Vec<String>,
    results: String,
}

/// Begin of a line that a test prints for the user.
const RESULT: &str = "result: ";

/// A failed test may print a large object; the log has all lines, and the backtraces.
const MAX_FAILURE_LINES: usize = 150;

impl Reader {
    /// Reads the next line.
    pub(super) fn read_line(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix(RESULT) {
            self.results.push_str(result);
            self.results.push('\n');
        }
        if let Some(tally) = summary(line) {
            self.tally = Some(tally);
            self.in_failures = false;
        }
        self.in_failures |= line == "failures:";
        self.in_backtrace |= line.eq_ignore_ascii_case("stack backtrace:");
        self.in_backtrace &= !line.is_empty();
        if self.in_failures && !self.in_backtrace && self.failures.len() < MAX_FAILURE_LINES {
            self.failures.push(line.to_owned());
        }
    }

    /// Returns the report. A program that failed without a summary counts as one failure.
    pub(super) fn finish(self, program: &str, end: anyhow::Result<()>) -> Report {
        let mut tally = self.tally.unwrap_or_default();
        let mut failures = self.failures.join("\n");
        if let Err(error) = end {
            if tally.failed == 0 {
                tally += Tally::FAILED;
            }
            failures = format!("{program}: {error:#}\n{failures}\n");
        }
        Report { tally, failures, results: self.results }
    }
}

/// Parses `test result: FAILED. 3 passed; 1 failed; 0 ignored; …`.
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
        lines.iter().for_each(|line| reader.read_line(line));
        reader.finish("crds", end)
    }

    /// The numbers in a summary are added to the result.
    #[test]
    fn a_summary_is_counted() {
        let line =
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(read(&[line], Ok(())).tally, Tally { passed: 12, failed: 0 });
    }

    /// A backtrace does not displace the failures after it.
    #[test]
    fn backtraces_are_left_to_the_log() {
        let lines =
            ["failures:", "---- a stdout ----", "Stack backtrace:", "   0: anyhow", "", "---- b stdout ----"];
        let report = read(&lines, Err(anyhow::anyhow!("crds failed: exit status: 101")));
        assert!(report.failures.contains("b stdout"));
        assert!(!report.failures.contains("   0: "), "{}", report.failures);
    }

    /// A test program that crashes counts as a failure.
    #[test]
    fn a_crash_counts_as_a_failure() {
        let report = read(&["running 3 tests"], Err(anyhow::anyhow!("crds failed: signal: 11")));
        assert_eq!(report.tally, Tally::FAILED);
        assert!(report.failures.contains("signal: 11"));
    }

    /// What a test prints for the user is reported.
    #[test]
    fn results_are_reported() {
        let lines = ["result: 20000 requests", "test a ... ok"];
        assert_eq!(read(&lines, Ok(())).results, "20000 requests\n");
    }

    /// Failed tests are reported with their output.
    #[test]
    fn failures_are_shown_with_their_output() {
        let lines = [
            "test a ... FAILED",
            "failures:",
            "---- a stdout ----",
            "left: 1",
            "failures:",
            "    a",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        ];
        let report = read(&lines, Err(anyhow::anyhow!("crds failed: exit status: 101")));
        assert_eq!(report.tally, Tally { passed: 2, failed: 1 });
        assert!(report.failures.contains("left: 1"));
    }
}
