//! Components of the installed product, and their outages.

use std::{collections::BTreeSet, fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;
use tests::{cluster, wait};
use tokio::sync::{Mutex, MutexGuard};

/// Namespace in which the product is installed.
pub(super) const NAMESPACE: &str = "smb-copilot";
/// Deadline of a wait: some times the restart of a component, which takes seconds, or half a minute if a
/// lease has to expire first.
const DEADLINE: Duration = Duration::from_secs(120);
/// Lock that the running test holds.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A Deployment of the product.
pub(super) struct Component {
    deployments: Api<Deployment>,
    pods: Api<Pod>,
    /// Selector of its pods.
    selector: ListParams,
    name: String,
    _alone: MutexGuard<'static, ()>,
}

impl Component {
    /// Waits until no other test is running and the component is ready.
    pub(super) async fn exclusive(name: &str) -> anyhow::Result<Self> {
        let alone = ALONE.lock().await;
        let client = cluster::client().await?;
        let component = Self::new(&client, name, alone);
        component.wait_until_ready().await?;
        Ok(component)
    }

    fn new(client: &Client, name: &str, alone: MutexGuard<'static, ()>) -> Self {
        let labels = format!("app.kubernetes.io/name=smb-copilot,app.kubernetes.io/component={name}");
        Self {
            deployments: Api::namespaced(client.clone(), NAMESPACE),
            pods: Api::namespaced(client.clone(), NAMESPACE),
            selector: ListParams::default().labels(&labels),
            name: format!("smb-copilot-{name}"),
            _alone: alone,
        }
    }

    /// Scales the component to zero and waits until its pods are deleted.
    pub(super) async fn scale_down(&self) -> anyhow::Result<()> {
        self.scale(0).await?;
        let observe = async || self.pods().await;
        wait::until("all its pods are deleted", DEADLINE, observe, BTreeSet::is_empty).await.map(drop)
    }

    /// Scales the component to one pod and waits until it is ready.
    pub(super) async fn scale_up(&self) -> anyhow::Result<()> {
        self.scale(1).await?;
        self.wait_until_ready().await
    }

    /// Deletes its pods and waits until their replacements are ready.
    pub(super) async fn restart(&self) -> anyhow::Result<()> {
        self.replace_pods(async || {
            self.pods.delete_collection(&DeleteParams::default(), &self.selector).await
        })
        .await
    }

    /// Deletes its pods without a grace period, as after the loss of their node, and waits until their
    /// replacements are ready.
    pub(super) async fn delete_pods_now(&self) -> anyhow::Result<()> {
        let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        self.replace_pods(async || self.pods.delete_collection(&at_once, &self.selector).await).await
    }

    /// Kills its processes with SIGKILL. The kubelet starts them again.
    pub(super) async fn kill(&self) -> anyhow::Result<()> {
        for pod in self.pods().await? {
            kill_process_of_pod(&pod)?;
        }
        Ok(())
    }

    /// Waits until the Deployment has its ready pods.
    pub(super) async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let observe = async || Ok(self.deployments.get(&self.name).await?);
        let what = format!("{} is up", self.name);
        wait::until(&what, DEADLINE, observe, is_ready).await.map(drop)
    }

    /// Returns how often the containers of its pods were restarted.
    pub(super) async fn restarts(&self) -> anyhow::Result<i32> {
        let pods = self.pods.list(&self.selector).await?;
        let statuses = pods.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
        Ok(statuses.map(|container| container.restart_count).sum())
    }

    async fn replace_pods<T>(&self, take: impl AsyncFnOnce() -> kube::Result<T>) -> anyhow::Result<()> {
        let before = self.pods().await?;
        ensure!(!before.is_empty(), "{} has no pod to replace", self.name);
        take().await?;
        let observe = async || self.pods().await;
        let are_new = |now: &BTreeSet<String>| !now.is_empty() && now.is_disjoint(&before);
        wait::until("its pods are replaced", DEADLINE, observe, are_new).await?;
        self.wait_until_ready().await
    }

    async fn scale(&self, replicas: i32) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        self.deployments.patch(&self.name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    async fn pods(&self) -> anyhow::Result<BTreeSet<String>> {
        let pods = self.pods.list(&self.selector).await?;
        Ok(pods.into_iter().filter_map(|pod| pod.metadata.name).collect())
    }
}

fn is_ready(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else { return false };
    status.observed_generation == deployment.metadata.generation
        && status.updated_replicas == Some(1)
        && status.available_replicas == Some(1)
        && status.replicas == Some(1)
}

/// Kills the process of a pod. The processes of the node run on this machine; that of a pod has the name of
/// the pod in its environment.
fn kill_process_of_pod(pod: &str) -> anyhow::Result<()> {
    let mark = format!("POD_NAME={pod}");
    let is_process_of_pod = |directory: &Path| {
        let environment = fs::read(directory.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let process =
        fs::read_dir("/proc")?.flatten().map(|entry| entry.path()).find(|path| is_process_of_pod(path));
    let process = process.with_context(|| format!("no process of pod {pod} on this machine"))?;
    let pid = process.file_name().context("the path has no process ID")?;
    let killed = Command::new("kill").arg("-KILL").arg(pid).status()?;
    ensure!(killed.success(), "kill failed: {killed}");
    Ok(())
}
