//! Where this checkout is, and where it builds.

use std::path::{Path, PathBuf};

use anyhow::Context;
use cargo_metadata::MetadataCommand;

/// The repository that xtask was built from.
pub(crate) struct Checkout {
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Cargo's target directory, which may lie elsewhere (`CARGO_TARGET_DIR`).
    pub(crate) target: PathBuf,
}

impl Checkout {
    /// Asks cargo, whose answer also heeds its configuration.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .no_deps()
            .exec()
            .context("failed to ask cargo for the workspace")?;
        Ok(Self { root: metadata.workspace_root.into(), target: metadata.target_directory.into() })
    }

    /// A path inside the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where cargo leaves a program of ours.
    pub(crate) fn cargo_binary(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// Where things are built that cargo does not build: the Go programs, stripped binaries, images.
    pub(crate) fn local(&self) -> PathBuf {
        self.target.join("local")
    }
}
