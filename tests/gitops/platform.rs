//! The platform, installed from Git as the guide says, from an empty cluster.

use std::fs;

use anyhow::{Context as _, anyhow};
use kube::Client;
use tests::{cluster, docs::page::root, kubectl::kubectl_with_input, operator_process::OperatorProcess};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::{
    application::{Application, Status},
    argocd,
    argocd::Processes,
    kubelet,
    repository::Repository,
};

/// URL of the repository in the manifests of the guide.
const EXAMPLE_URL: &str = "https://git.acme.example/platform.git";
/// Lease of the operator of the tests.
const LEASE: &str = "operator-of-gitops-tests";

static PLATFORM: OnceCell<Result<Platform, String>> = OnceCell::const_new();

/// Held by a test during which no other test may change the charts.
static CHARTS: Mutex<()> = Mutex::const_new(());

/// What all tests share.
pub(super) struct Platform {
    pub(super) processes: Processes,
    /// Repository of the platform, with the layout that the guide describes.
    pub(super) repository: Repository,
    _operator: OperatorProcess,
}

/// Starts Argo CD unless it is running, lets it install the platform, and starts the operator.
///
/// # Errors
/// Returns the same error to each caller if that is not possible.
pub(super) async fn ensure() -> anyhow::Result<&'static Platform> {
    let platform = PLATFORM.get_or_init(async || start().await.map_err(|error| format!("{error:#}"))).await;
    platform.as_ref().map_err(|error| anyhow!(error.clone()))
}

/// Returns a client and the programs of Argo CD, once the platform is installed.
pub(super) async fn client() -> anyhow::Result<(Client, &'static Processes)> {
    let platform = ensure().await?;
    Ok((cluster::client().await?, &platform.processes))
}

/// Waits until no other test uses the charts, and keeps others from changing them until the guard is dropped.
pub(super) async fn charts() -> MutexGuard<'static, ()> {
    CHARTS.lock().await
}

async fn start() -> anyhow::Result<Platform> {
    let folder = std::env::temp_dir().join(format!("smb-gitops-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let processes = argocd::start(&folder).await.context("failed to start Argo CD")?;
    let repository = create_repository(&processes).context("failed to create the repository")?;
    kubelet::start()?;
    for file in ["docs/gitops/projects.yaml", "docs/gitops/root.yaml"] {
        let manifests = with_url(&fs::read_to_string(root().join(file))?, &repository.url);
        kubectl_with_input(&["apply", "--filename=-"], &manifests).await?;
    }
    let client = cluster::client().await?;
    let is_installed =
        |status: &Status| status.text("/sync/status") == "Synced" && status.health() == "Healthy";
    Application::named(&client, "smb-copilot").until("installed", is_installed).await?;
    let operator = OperatorProcess::start(&client, LEASE, "127.0.0.1:0").await?;
    Ok(Platform { processes, repository, _operator: operator })
}

/// Creates the repository of the platform from our charts and examples. The price service is left out, since no pods run.
fn create_repository(processes: &Processes) -> anyhow::Result<Repository> {
    let repository = Repository::create(processes, "platform")?;
    let root = root();
    repository.copy(&root.join("charts"), "charts")?;
    for folder in ["plans", "tenants"] {
        repository.copy(&root.join("examples").join(folder), &format!("tenancy/{folder}"))?;
    }
    for entry in fs::read_dir(root.join("examples/workflows"))? {
        let entry = entry?;
        let text = fs::read_to_string(entry.path())?;
        let manifest: serde_json::Value = serde_yaml::from_str(&text)?;
        let namespace = manifest.pointer("/metadata/namespace").and_then(serde_json::Value::as_str);
        let tenant = namespace.and_then(|namespace| namespace.strip_prefix("t-"));
        let tenant = tenant.with_context(|| format!("{} has no namespace", entry.path().display()))?;
        repository.write(&format!("workflows/{tenant}/{}", entry.file_name().display()), &text)?;
    }
    for entry in fs::read_dir(root.join("docs/gitops/apps"))? {
        let entry = entry?;
        let manifest = with_url(&fs::read_to_string(entry.path())?, &repository.url);
        repository.write(&format!("apps/{}", entry.file_name().display()), &manifest)?;
    }
    repository.commit()?;
    Ok(repository)
}

/// Returns manifests of the guide for the repository with this URL.
pub(super) fn with_url(manifests: &str, url: &str) -> String {
    manifests.replace(EXAMPLE_URL, url)
}
