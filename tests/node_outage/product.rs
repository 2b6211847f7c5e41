//! The components of the product, and taking them away.

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

/// Where the product is installed.
pub(super) const NAMESPACE: &str = "smb-copilot";
/// A component is back within seconds; with a lease that must expire first, half a minute. Some times that.
const DEADLINE: Duration = Duration::from_secs(120);
/// Held by the scenario that runs.
static ALONE: Mutex<()> = Mutex::const_new(());

/// One Deployment of the product.
pub(super) struct Component {
    deployments: Api<Deployment>,
    pods: Api<Pod>,
    /// Its pods.
    selector: ListParams,
    name: String,
    _alone: MutexGuard<'static, ()>,
}

impl Component {
    /// Waits for all other scenarios to end, and for the component to be up.
    pub(super) async fn alone(name: &str) -> anyhow::Result<Self> {
        let alone = ALONE.lock().await;
        let client = cluster::client().await?;
        let component = Self::new(&client, name, alone);
        component.wait_up().await?;
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

    /// Takes all its pods away, and waits until they are gone.
    pub(super) async fn take_down(&self) -> anyhow::Result<()> {
        self.scale(0).await?;
        let look = async || self.pods().await;
        wait::until("all its pods are gone", DEADLINE, look, BTreeSet::is_empty).await.map(drop)
    }

    /// Gives it its pod back, and waits until that is ready.
    pub(super) async fn bring_up(&self) -> anyhow::Result<()> {
        self.scale(1).await?;
        self.wait_up().await
    }

    /// Replaces its pods by new ones, and waits until these are ready.
    pub(super) async fn restart(&self) -> anyhow::Result<()> {
        self.replaced(async || self.pods.delete_collection(&DeleteParams::default(), &self.selector).await)
            .await
    }

    /// Takes its pods out of the cluster at once, as when their machine is gone, and waits for their replacement.
    pub(super) async fn lose(&self) -> anyhow::Result<()> {
        let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        self.replaced(async || self.pods.delete_collection(&at_once, &self.selector).await).await
    }

    /// Ends its processes in the way in which nothing can be done any more. The kubelet starts them again.
    pub(super) async fn kill(&self) -> anyhow::Result<()> {
        for pod in self.pods().await? {
            kill_process_of(&pod)?;
        }
        Ok(())
    }

    /// Waits until it is up as it should be.
    pub(super) async fn wait_up(&self) -> anyhow::Result<()> {
        let look = async || Ok(self.deployments.get(&self.name).await?);
        let what = format!("{} is up", self.name);
        wait::until(&what, DEADLINE, look, is_up).await.map(drop)
    }

    /// How often the containers of its pods were started again.
    pub(super) async fn restarts(&self) -> anyhow::Result<i32> {
        let pods = self.pods.list(&self.selector).await?;
        let statuses = pods.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
        Ok(statuses.map(|container| container.restart_count).sum())
    }

    async fn replaced<T>(&self, take: impl AsyncFnOnce() -> kube::Result<T>) -> anyhow::Result<()> {
        let before = self.pods().await?;
        ensure!(!before.is_empty(), "{} has no pod to take", self.name);
        take().await?;
        let look = async || self.pods().await;
        let are_new = |now: &BTreeSet<String>| !now.is_empty() && now.is_disjoint(&before);
        wait::until("its pods are new ones", DEADLINE, look, are_new).await?;
        self.wait_up().await
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

fn is_up(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else { return false };
    status.observed_generation == deployment.metadata.generation
        && status.updated_replicas == Some(1)
        && status.available_replicas == Some(1)
        && status.replicas == Some(1)
}

/// The node's processes are this machine's: the one of a pod has its name in its environment.
fn kill_process_of(pod: &str) -> anyhow::Result<()> {
    let mark = format!("POD_NAME={pod}");
    let is_it = |directory: &Path| {
        let environment = fs::read(directory.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let process = fs::read_dir("/proc")?.flatten().map(|entry| entry.path()).find(|path| is_it(path));
    let process = process.with_context(|| format!("no process of pod {pod} on this machine"))?;
    let pid = process.file_name().context("a process has a number")?;
    let killed = Command::new("kill").arg("-KILL").arg(pid).status()?;
    ensure!(killed.success(), "kill said {killed}");
    Ok(())
}
