//! Argo CD as processes of the tests, with its objects in the cluster.

mod install;
mod processes;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tests::environment::variable;

pub(crate) use processes::Processes;

/// Namespace of Argo CD.
pub(crate) const NAMESPACE: &str = "argocd";

/// Installs Argo CD in the cluster and starts its programs, which work in this folder.
///
/// # Errors
/// Returns an error if a program cannot be started, or if the API server refuses an object.
pub(crate) async fn start(folder: &Path) -> anyhow::Result<Processes> {
    install::install().await?;
    Processes::start(folder)
}

/// Returns the folder of smb-argocd, kubectl and helm.
fn programs() -> anyhow::Result<PathBuf> {
    let kubectl = PathBuf::from(variable("SMBCOPILOT_TEST_KUBECTL")?);
    Ok(kubectl.parent().context("the folder of kubectl")?.to_owned())
}
