//! The checkout of the repository and its build folders.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value;

use crate::program::Program;

/// Cargo profile that the programs are compiled with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Profile {
    /// Fast to compile: for tests and local images.
    Dev,
    /// Optimised: for benchmarks and published images.
    Release,
}

impl Profile {
    /// Returns the name of the profile, as in `cargo build --profile`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Release => "release",
        }
    }

    /// Returns the folder below cargo's target directory that the profile builds into.
    fn folder(self) -> &'static str {
        match self {
            Profile::Dev => "debug",
            Profile::Release => "release",
        }
    }
}

/// The checkout that xtask was built from.
pub(crate) struct Checkout {
    /// Folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Cargo's target directory, which may be outside of the checkout (`CARGO_TARGET_DIR`).
    pub(crate) target: PathBuf,
    /// Profile of programs and images.
    pub(crate) profile: Profile,
}

impl Checkout {
    /// Returns the checkout as cargo describes it, which takes cargo's configuration into account.
    ///
    /// # Errors
    /// Returns an error if cargo fails or its output cannot be parsed.
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

    /// Returns the same checkout with another profile.
    pub(crate) fn with(&self, profile: Profile) -> Self {
        Self { root: self.root.clone(), target: self.target.clone(), profile }
    }

    /// Returns the absolute path of a file in the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Returns the path that cargo builds a program to.
    pub(crate) fn cargo_binary(&self, name: &str) -> PathBuf {
        self.target.join(self.profile.folder()).join(name)
    }

    /// Returns the folder of what cargo does not build: the Go programs, stripped programs and images.
    pub(crate) fn local(&self) -> PathBuf {
        self.target.join("local")
    }

    /// Returns the folder of the programs without debug information, as images contain them.
    pub(crate) fn programs(&self) -> PathBuf {
        self.profile_folder().join("bin")
    }

    /// Returns the folder of the images, as OCI layouts.
    pub(crate) fn images(&self) -> PathBuf {
        self.profile_folder().join("images")
    }

    /// Returns a separate folder for each profile, so that programs of one are never used for the other.
    fn profile_folder(&self) -> PathBuf {
        match self.profile {
            Profile::Dev => self.local(),
            Profile::Release => self.local().join("release"),
        }
    }
}
