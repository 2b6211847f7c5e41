//! The Python package of Cedar, another engine for policies, with which the decisions of `domain` are compared.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::build::fingerprint::Fingerprint;
use crate::checkout::Checkout;
use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::Program;

/// The download has 5 MB.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(120);

/// The package in the cache, which all instances share.
pub(crate) struct Cedar {
    requirements: PathBuf,
    packages: PathBuf,
}

impl Cedar {
    /// Returns the package; downloads nothing.
    ///
    /// # Errors
    /// Returns an error if the list of packages cannot be read.
    pub(crate) fn new(checkout: &Checkout, instance: &Instance) -> anyhow::Result<Self> {
        let requirements = checkout.path("domain/tests/cedar/requirements.txt");
        let hash = Fingerprint::default().tree(&requirements)?.finish();
        let packages = instance.cache.join(format!("cedar-{}", hash.get(..16).unwrap_or(&hash)));
        Ok(Self { requirements, packages })
    }

    /// Downloads the package unless the cache has it.
    ///
    /// # Errors
    /// Returns an error if the package index cannot be reached, or if the package differs from its pinned hash.
    pub(crate) fn download(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if self.packages.is_dir() {
            phase.outcome("up to date");
            return Ok(());
        }
        phase.advice("check that pip can reach its index: `pip3 download cedarpy`");
        let beside = self.packages.with_extension("new");
        let _ = std::fs::remove_dir_all(&beside); // left by a run that was killed
        let install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"];
        let program = Program::new("python3").limit(DOWNLOAD_TIMEOUT).args(install);
        phase.exec(program.arg("--target").arg(&beside).arg("--requirement").arg(&self.requirements))?;
        std::fs::rename(&beside, &self.packages).context("failed to move the package to the cache")
    }

    /// Returns the environment variable for the test that uses the package.
    pub(crate) fn environment(&self) -> (String, String) {
        ("SMBCOPILOT_TEST_CEDAR_PYTHONPATH".to_owned(), self.packages.display().to_string())
    }
}
