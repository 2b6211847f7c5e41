//! Where this checkout is, and where it builds.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value;

use crate::program::Program;

/// How our programs are compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Profile {
    /// Quick to compile: for tests and for local images.
    Dev,
    /// Optimised: for figures, and for what is published.
    Release,
}

impl Profile {
    /// The name that cargo knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Release => "release",
        }
    }

    /// Where cargo leaves what it builds with it, below its target directory.
    fn folder(self) -> &'static str {
        match self {
            Profile::Dev => "debug",
            Profile::Release => "release",
        }
    }
}

/// The repository that xtask was built from.
pub(crate) struct Checkout {
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Cargo's target directory, which may lie elsewhere (`CARGO_TARGET_DIR`).
    pub(crate) target: PathBuf,
    /// What programs and images are built with.
    pub(crate) profile: Profile,
}

impl Checkout {
    /// Asks cargo, whose answer also heeds its configuration.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let metadata = Program::new("cargo")
            .args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"])
            .arg(manifest)
            .capture()
            .context("failed to ask cargo for the workspace")?;
        let metadata: Value = serde_json::from_str(&metadata).context("failed to parse cargo's metadata")?;
        let path = |field: &str| {
            let text = metadata.get(field).and_then(Value::as_str);
            text.map(PathBuf::from).with_context(|| format!("failed to find {field} in cargo's metadata"))
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")?, profile: Profile::Dev })
    }

    /// The same checkout, its programs built with another profile.
    pub(crate) fn with(&self, profile: Profile) -> Self {
        Self { root: self.root.clone(), target: self.target.clone(), profile }
    }

    /// A path inside the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where cargo leaves a program of ours.
    pub(crate) fn cargo_binary(&self, name: &str) -> PathBuf {
        self.target.join(self.profile.folder()).join(name)
    }

    /// Where things are built that cargo does not build: the Go programs, and what follows.
    pub(crate) fn local(&self) -> PathBuf {
        self.target.join("local")
    }

    /// Our programs without debug information, as the images take them.
    pub(crate) fn programs(&self) -> PathBuf {
        self.of_profile().join("bin")
    }

    /// The images, as OCI layouts.
    pub(crate) fn images(&self) -> PathBuf {
        self.of_profile().join("images")
    }

    /// Each profile's apart, so that one never passes for the other.
    fn of_profile(&self) -> PathBuf {
        match self.profile {
            Profile::Dev => self.local(),
            Profile::Release => self.local().join("release"),
        }
    }
}
