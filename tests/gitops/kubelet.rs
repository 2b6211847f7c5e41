//! The part of the kubelet: reports the pods of the product as ready. Without it, no Deployment is ever available.

use std::{thread, time::Duration};

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use tests::{cluster, operator_process::NAMESPACE};

const PODS: &str = "app.kubernetes.io/name=smb-copilot";
/// Interval at which new pods are reported as ready.
const INTERVAL: Duration = Duration::from_millis(200);

/// Starts a thread that reports each pod of the product as ready until the test process ends.
pub(super) fn start() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("kubelet".to_owned()).spawn(move || runtime.block_on(run()))?;
    Ok(())
}

async fn run() -> anyhow::Result<()> {
    let client = cluster::client().await.context("the client of the kubelet")?;
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        // The API server refuses a status of a pod that was deleted meanwhile.
        let _ = report_ready(&client).await;
    }
}

async fn report_ready(client: &Client) -> anyhow::Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    for pod in pods.list(&ListParams::default().labels(PODS)).await? {
        if pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running") {
            continue;
        }
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let status = json!({"status": {"phase": "Running", "conditions": ready}});
        pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(status)).await?;
    }
    Ok(())
}
