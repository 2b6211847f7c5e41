//! The example: two plans, two tenants, their workflows, and one run.

pub(crate) mod report;
pub(crate) mod run;

use std::path::PathBuf;

use crate::build::images::LOCAL_REGISTRY;
use crate::checkout::Checkout;
use crate::cluster::{Cluster, rollout};
use crate::phase::Phase;

/// Namespace of the example's run.
pub(crate) const TENANT_NAMESPACE: &str = "t-acme";
/// Workflow of the example's run.
pub(crate) const WORKFLOW: &str = "order-invoice";

/// Starts the price service. Does not wait for its pod.
pub(crate) fn start_services(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    cluster: &Cluster,
    registry: &str,
) -> anyhow::Result<()> {
    let manifests = std::fs::read_to_string(checkout.path("examples/services/prices.yaml"))?;
    cluster.apply(phase, manifests.replace(LOCAL_REGISTRY, registry))
}

/// Waits until the price service is rolled out.
pub(crate) fn wait_for_services(phase: &mut Phase<'_>, cluster: &Cluster) -> anyhow::Result<()> {
    rollout::wait_for(phase, cluster, "shop", &["deployment/prices"])
}

/// Applies plans, tenants and workflows, and waits until each is Ready.
///
/// # Errors
/// Returns an error if one is refused or does not become Ready in time.
pub(crate) fn apply(phase: &mut Phase<'_>, checkout: &Checkout, cluster: &Cluster) -> anyhow::Result<()> {
    phase.advice(
        "kubectl describe splan,sten; kubectl --namespace smb-copilot logs deployment/smb-copilot-operator",
    );
    // Waits for the objects of the example only: objects that a user has created may be invalid.
    for folders in [&["examples/plans", "examples/tenants"][..], &["examples/workflows"]] {
        let folders: Vec<PathBuf> = folders.iter().map(|folder| checkout.path(folder)).collect();
        cluster.apply_folders(phase, &folders)?;
        wait_ready(phase, cluster, &folders)?;
    }
    Ok(())
}

fn wait_ready(phase: &mut Phase<'_>, cluster: &Cluster, folders: &[PathBuf]) -> anyhow::Result<()> {
    let wait = cluster.kubectl().args(["wait", "--for=condition=Ready", "--timeout=50s"]);
    phase.exec(folders.iter().fold(wait, |wait, folder| wait.arg("--filename").arg(folder)))
}
