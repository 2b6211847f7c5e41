//! The log file of a command, which gets all output of all programs.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The file. Lines of phases that run at the same time are mixed, so each line names its phase.
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Creates the file, replacing that of the previous run.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("failed to create {}", folder.display()))?;
        }
        let file = File::create(path).with_context(|| format!("failed to create {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(super) fn begin(&self, phase: &str) {
        self.write(&format!("==> {phase}\n"));
    }

    pub(super) fn write_line(&self, phase: &str, text: &str) {
        self.write(&format!("{phase} | {text}\n"));
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one line in one call, so that lines of two threads do not interleave.
    fn write(&self, line: &str) {
        // A full disk makes the work itself fail, whose error must not be hidden by this one.
        let _ = (&self.file).write_all(line.as_bytes());
    }
}
