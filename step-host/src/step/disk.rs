//! Failures of steps whose files fill the space for them.

use std::path::Path;

use nix::sys::statvfs::statvfs;
use protocol::host::Outcome;

/// Number of free bytes below which the space counts as full. A write fails if it does not fit, however little that is.
const FULL_BELOW_BYTES: u64 = 64 * 1024;
/// Number of free files below which the space counts as full. Some file systems report no number of files at all.
const FULL_BELOW_FILES: u64 = 16;

/// Signals by which the kernel ends a program for what it does with its files: SIGBUS, if a file in its memory cannot grow,
/// and SIGXFSZ, if a file exceeds the size limit.
const FILE_SIGNALS: [i32; 2] = [7, 25];

/// Returns the size of the file system of a step's directory in bytes if it is full.
pub(super) fn full_space(work_dir: &Path) -> Option<u64> {
    let statistics = statvfs(work_dir).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(statistics.fragment_size());
    let has_bytes = bytes(statistics.blocks_available()) >= FULL_BELOW_BYTES;
    let has_files = statistics.files() == 0 || statistics.files_available() >= FULL_BELOW_FILES;
    (!has_bytes || !has_files).then(|| bytes(statistics.blocks()))
}

/// Returns the outcome of a step, or that its files are the likely cause of its failure.
pub(super) fn explain(outcome: Outcome, full_space: Option<u64>) -> Outcome {
    let cause = match &outcome {
        Outcome::Exception { r#type, message, traceback: _ } => format!("{}: {message}", r#type),
        Outcome::Exit { code, out_of_memory: false } if *code != 0 => format!("it exited with code {code}"),
        Outcome::Signal { number } if FILE_SIGNALS.contains(number) => format!("signal {number} ended it"),
        _ => return outcome,
    };
    let Some(bytes) = full_space else { return outcome };
    let message = format!(
        "the files of the step fill the {bytes} bytes for them; write less, or raise resources.memory, of which half is for \
         files ({cause})"
    );
    Outcome::DiskFull { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a failure of the step's own code is explained by full space.
    #[test]
    fn only_a_failure_of_the_code_is_explained() {
        let failed = Outcome::Exit { code: 1, out_of_memory: false };
        assert!(
            matches!(explain(failed.clone(), Some(4096)), Outcome::DiskFull { message } if message.contains("4096"))
        );
        assert_eq!(explain(failed.clone(), None), failed);
        for outcome in [
            Outcome::Ok { value: 1.into() },
            Outcome::OomKilled,
            Outcome::Exit { code: 0, out_of_memory: false },
        ] {
            assert_eq!(explain(outcome.clone(), Some(4096)), outcome);
        }
    }
}
