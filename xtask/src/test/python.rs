//! Python packages for tests, pinned with hashes in a `requirements.txt`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::build::fingerprint::Fingerprint;
use crate::checkout::Checkout;
use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::Program;

/// The largest download has 5 MB.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(120);

/// Packages in the cache, which all instances share.
pub(crate) struct Packages {
    requirements: PathBuf,
    packages: PathBuf,
    variable: &'static str,
}

impl Packages {
    /// Returns Cedar, another engine for policies, with which the decisions of `domain` are compared; downloads nothing.
    ///
    /// # Errors
    /// Returns an error if the list of packages cannot be read.
    pub(crate) fn cedar(checkout: &Checkout, instance: &Instance) -> anyhow::Result<Self> {
        let requirements = checkout.path("domain/tests/cedar/requirements.txt");
        Self::new(instance, "cedar", requirements, "SMBCOPILOT_TEST_CEDAR_PYTHONPATH")
    }

    /// Returns scim2-tester, which checks that a server conforms to SCIM 2.0; downloads nothing.
    ///
    /// # Errors
    /// Returns an error if the list of packages cannot be read.
    pub(crate) fn scim(checkout: &Checkout, instance: &Instance) -> anyhow::Result<Self> {
        let requirements = checkout.path("api-server/src/http/scim/conformance/requirements.txt");
        Self::new(instance, "scim", requirements, "SMBCOPILOT_TEST_SCIM_PYTHONPATH")
    }

    fn new(
        instance: &Instance,
        name: &str,
        requirements: PathBuf,
        variable: &'static str,
    ) -> anyhow::Result<Self> {
        let hash = Fingerprint::default().tree(&requirements)?.finish();
        let packages = instance.cache.join(format!("{name}-{}", hash.get(..16).unwrap_or(&hash)));
        Ok(Self { requirements, packages, variable })
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
        phase.advice("check that pip can reach its index: `pip3 download pydantic`");
        let beside = self.packages.with_extension("new");
        let _ = std::fs::remove_dir_all(&beside); // left by a run that was killed
        let install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"];
        let program = Program::new("python3").limit(DOWNLOAD_TIMEOUT).args(install);
        phase.exec(program.arg("--target").arg(&beside).arg("--requirement").arg(&self.requirements))?;
        std::fs::rename(&beside, &self.packages).context("failed to move the packages to the cache")
    }

    /// Returns the environment variable with the folder of the packages, for the test that uses them.
    pub(crate) fn environment(&self) -> (String, String) {
        (self.variable.to_owned(), self.packages.display().to_string())
    }
}
