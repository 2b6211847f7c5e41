//! The log of a command: all output of all programs, and the last lines of the phase that runs.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// So many lines does a failure show.
const TAIL: usize = 20;

pub(super) struct Log {
    path: PathBuf,
    file: File,
    tail: VecDeque<String>,
}

impl Log {
    /// A new file in the place of the last run's.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("failed to create {}", folder.display()))?;
        }
        let file = File::create(path).with_context(|| format!("failed to create {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file, tail: VecDeque::new() })
    }

    pub(super) fn begin(&mut self, phase: &str) {
        self.tail.clear();
        self.write(&format!("==> {phase}"));
    }

    pub(super) fn line(&mut self, text: &str) {
        self.tail.push_back(text.to_owned());
        if self.tail.len() > TAIL {
            self.tail.pop_front();
        }
        self.write(text);
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn tail(&self) -> impl Iterator<Item = &str> {
        self.tail.iter().map(String::as_str)
    }

    fn write(&mut self, text: &str) {
        // A full disk shows itself in the work; it must not hide the work's own error.
        let _ = writeln!(self.file, "{text}");
    }
}
