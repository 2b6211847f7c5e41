//! Git repository that Argo CD reads.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::ensure;

use super::argocd::Processes;

/// Repository with the branch `main`.
pub(super) struct Repository {
    folder: PathBuf,
    /// URL of the repository.
    pub(super) url: String,
}

impl Repository {
    /// Creates an empty repository.
    pub(super) fn create(processes: &Processes, name: &str) -> anyhow::Result<Self> {
        let repository =
            Self { folder: processes.repositories.join(name), url: format!("{}/{name}", processes.url) };
        fs::create_dir_all(&repository.folder)?;
        repository.git(&["init", "--quiet", "--initial-branch=main"])?;
        Ok(repository)
    }

    /// Writes a file. [`Repository::commit`] commits it.
    pub(super) fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let file = self.folder.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(file, text)?)
    }

    /// Returns the text of a file.
    pub(super) fn read(&self, path: &str) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.folder.join(path))?)
    }

    /// Copies a folder with everything below it.
    pub(super) fn copy(&self, source: &Path, path: &str) -> anyhow::Result<()> {
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            let target = format!("{path}/{}", entry.file_name().display());
            if entry.path().is_dir() {
                self.copy(&entry.path(), &target)?;
            } else {
                self.write(&target, &fs::read_to_string(entry.path())?)?;
            }
        }
        Ok(())
    }

    /// Removes a file.
    pub(super) fn remove(&self, path: &str) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.folder.join(path))?)
    }

    /// Commits all changes and returns the revision.
    pub(super) fn commit(&self) -> anyhow::Result<String> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message=change"])?;
        Ok(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut git = Command::new("git");
        git.args([
            "-c",
            "user.name=tests",
            "-c",
            "user.email=tests@smbcopilot.dev",
            "-c",
            "commit.gpgSign=false",
        ]);
        let output = git.args(args).current_dir(&self.folder).output()?;
        ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}
