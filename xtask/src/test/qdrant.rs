//! The Qdrant for one machine: its Python packages, and its conformance tests.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::libtest::{Report, Tally};
use crate::build::fingerprint::Fingerprint;
use crate::checkout::Checkout;
use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::{Program, quote};

/// The downloads have 60 MB.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(300);
/// A failure shows at most this many lines of the test program; the log has all of them.
const MAX_FAILURE_LINES: usize = 150;

/// The server in `local/qdrant`, with its packages in the cache, which all instances share.
pub(crate) struct Server {
    folder: PathBuf,
    packages: PathBuf,
}

impl Server {
    /// Returns the server; downloads nothing.
    ///
    /// # Errors
    /// Returns an error if the list of packages cannot be read.
    pub(crate) fn new(checkout: &Checkout, instance: &Instance) -> anyhow::Result<Self> {
        let folder = checkout.path("local/qdrant");
        let hash = Fingerprint::default().tree(&folder.join("requirements.txt"))?.finish();
        let packages = instance.cache.join(format!("qdrant-{}", hash.get(..16).unwrap_or(&hash)));
        Ok(Self { folder, packages })
    }

    /// Downloads the packages unless the cache has them.
    ///
    /// # Errors
    /// Returns an error if the package index cannot be reached, or if a package differs from its pinned hash.
    pub(crate) fn download(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if self.packages.is_dir() {
            phase.outcome("up to date");
            return Ok(());
        }
        phase.advice("check that pip can reach its index: `pip3 download qdrant-client`");
        let beside = self.packages.with_extension("new");
        let _ = std::fs::remove_dir_all(&beside); // left by a run that was killed
        let install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"];
        let program = Program::new("python3").limit(DOWNLOAD_TIMEOUT).args(install);
        let requirements = self.folder.join("requirements.txt");
        phase.exec(program.arg("--target").arg(&beside).arg("--requirement").arg(requirements))?;
        std::fs::rename(&beside, &self.packages).context("failed to move the packages to the cache")
    }

    /// Returns the environment variable for test programs that start the server: the value of `PYTHONPATH`.
    pub(crate) fn environment(&self) -> (String, String) {
        ("SMBCOPILOT_TEST_QDRANT_PYTHONPATH".to_owned(), self.python_path())
    }

    /// Runs the conformance tests whose names contain the filter. With `QDRANT_URL` and `QDRANT_API_KEY` in the
    /// environment, they test the Qdrant there.
    ///
    /// # Errors
    /// Returns an error if the test program fails without a failed test.
    pub(super) fn test(&self, phase: &mut Phase<'_>, filter: Option<&str>) -> anyhow::Result<Report> {
        let arguments =
            ["-W", "ignore::UserWarning", "-m", "unittest", "discover", "-v", "-t", ".", "-s", "tests"];
        let mut program =
            Program::new("python3").dir(&self.folder).env("PYTHONPATH", self.python_path()).args(arguments);
        if let Some(text) = filter {
            program = program.arg("-k").arg(text);
        }
        phase.advice(format!(
            "cd local/qdrant && PYTHONPATH={} python3 -m unittest",
            quote(&self.python_path())
        ));
        let mut reader = Reader::default();
        let end = program.run(&mut |line| {
            phase.log_line(line.text());
            reader.read_line(line.text());
        });
        reader.finish(end)
    }

    fn python_path(&self) -> String {
        format!("{}:{}", self.packages.display(), self.folder.display())
    }
}

/// Reader of the output of `unittest`.
#[derive(Default)]
struct Reader {
    tally: Option<Tally>,
    failures: Vec<String>,
}

impl Reader {
    fn read_line(&mut self, line: &str) {
        if let Some(run) = line.strip_prefix("Ran ").and_then(|rest| rest.split(' ').next()?.parse().ok()) {
            self.tally = Some(Tally { passed: run, failed: 0 });
        }
        if let Some(tally) = &mut self.tally {
            let failed = count(line, "failures=") + count(line, "errors=");
            tally.failed += failed;
            tally.passed = tally.passed.saturating_sub(failed + count(line, "skipped="));
        }
        let in_failures = !self.failures.is_empty() && self.tally.is_none();
        if (in_failures || line.starts_with("======")) && self.failures.len() < MAX_FAILURE_LINES {
            self.failures.push(line.to_owned());
        }
    }

    /// Returns the report. The program fails with exit status 5 if no test matches the filter.
    fn finish(self, end: anyhow::Result<()>) -> anyhow::Result<Report> {
        let tally = self.tally.unwrap_or_default();
        match end {
            Err(error) if tally != Tally::default() && tally.failed == 0 => Err(error),
            Err(error) if self.tally.is_none() => Err(error),
            _ => Ok(Report { tally, failures: self.failures.join("\n"), ..Report::default() }),
        }
    }
}

/// Returns the number after a word of a summary such as `FAILED (failures=1, skipped=2)`, or 0.
fn count(line: &str, word: &str) -> u32 {
    let is_summary = line.starts_with("FAILED (") || line.starts_with("OK (");
    let number = line.split_once(word).map_or("", |(_, rest)| rest);
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number.get(..end).filter(|_| is_summary).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str], end: anyhow::Result<()>) -> anyhow::Result<Report> {
        let mut reader = Reader::default();
        lines.iter().for_each(|line| reader.read_line(line));
        reader.finish(end)
    }

    /// Failed, broken and skipped tests did not pass, and failures are reported with their output.
    #[test]
    fn a_summary_of_python_tests_is_counted() {
        let lines = [
            "test_a (tests.A.test_a) ... FAIL",
            "======================================================================",
            "AssertionError: 1 != 2",
            "Ran 12 tests in 0.5s",
            "FAILED (failures=1, errors=2, skipped=3)",
        ];
        let report = read(&lines, Err(anyhow::anyhow!("exit status: 1"))).expect("tests were counted");
        assert_eq!(report.tally, Tally { passed: 6, failed: 3 });
        assert!(report.failures.contains("1 != 2"));
        assert_eq!(read(&["Ran 12 tests in 0.5s", "OK"], Ok(())).expect("passed").tally.passed, 12);
    }

    /// A test program that cannot start is an error, and a filter that selects nothing is not.
    #[test]
    fn a_test_program_that_does_not_start_is_an_error() {
        assert!(read(&["No module named grpc"], Err(anyhow::anyhow!("exit status: 1"))).is_err());
        let nothing = read(&["Ran 0 tests in 0.0s", "NO TESTS RAN"], Err(anyhow::anyhow!("exit status: 5")));
        assert_eq!(nothing.expect("nothing to run").tally, Tally::default());
    }
}
