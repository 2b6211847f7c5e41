//! Lower bounds given by the cluster: the start of a pod that does nothing, and writes that respond to writes.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::{Value, json};
use tests::cluster;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);
/// Number of writes of a warm run: its creation, its assignment, one per advance, and its end.
const WRITES_PER_RUN: u32 = 5;

/// Returns the times until all containers of pods like a runner's pod are running.
pub(super) async fn pods(
    client: &Client,
    namespace: &str,
    like: Option<&str>,
    count: usize,
) -> anyhow::Result<Vec<Duration>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let template = idle_pod_like(&pods, like).await?;
    let mut changes = watcher(pods.clone(), watcher::Config::default()).applied_objects().boxed();
    let mut times = Vec::new();
    for _ in 0..count {
        let name = cluster::unique("floor");
        let mut pod = template.clone();
        pod.metadata.name = Some(name.clone());
        let started = Instant::now();
        pods.create(&PostParams::default(), &pod).await?;
        let runs = async {
            while let Some(pod) = changes.try_next().await? {
                if pod.name_any() == name && all_containers_run(&pod) {
                    return anyhow::Ok(started.elapsed());
                }
            }
            anyhow::bail!("the watch ended")
        };
        times.push(timeout(DEADLINE, runs).await.context("timed out waiting for the start of a pod")??);
        pods.delete(&name, &DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() })
            .await?;
    }
    Ok(times)
}

/// Returns a pod with the images, users and resources of a runner's pod whose containers do nothing. The
/// runner's pod is that of the last run, or any that exists.
async fn idle_pod_like(pods: &Api<Pod>, like: Option<&str>) -> anyhow::Result<Pod> {
    let found = match like {
        Some(name) => pods.get_opt(name).await?,
        None => None,
    };
    let found = match found {
        Some(pod) => pod,
        None => pods
            .list(&ListParams::default())
            .await?
            .items
            .into_iter()
            .next()
            .context("found no pod of a runner")?,
    };
    let spec = found.spec.context("a pod has a spec")?;
    let containers: Vec<Value> = spec
        .containers
        .iter()
        .map(|container| {
            json!({"name": container.name, "image": container.image, "imagePullPolicy": "IfNotPresent",
                   "command": ["sleep", "600"], "resources": container.resources,
                   "securityContext": container.security_context})
        })
        .collect();
    Ok(serde_json::from_value(json!({
        "metadata": {},
        "spec": {"restartPolicy": "Never", "automountServiceAccountToken": false, "securityContext": spec.security_context,
                 "terminationGracePeriodSeconds": 0, "containers": containers}
    }))?)
}

fn all_containers_run(pod: &Pod) -> bool {
    let statuses =
        pod.status.as_ref().and_then(|status| status.container_statuses.clone()).unwrap_or_default();
    let runs = |status: &k8s_openapi::api::core::v1::ContainerStatus| {
        status.state.as_ref().is_some_and(|state| state.running.is_some())
    };
    !statuses.is_empty() && statuses.iter().all(runs)
}

/// Returns the times of a series of writes: one task creates an object, then two tasks write to it in turn,
/// each as soon as it observes the write of the other.
pub(super) async fn writes(client: &Client, namespace: &str, count: usize) -> anyhow::Result<Vec<Duration>> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let other = tokio::spawn(respond(maps.clone()));
    let mut changes = watcher(maps.clone(), watcher::Config::default()).applied_objects().boxed();
    let mut times = Vec::new();
    for _ in 0..count {
        let name = cluster::unique("floor");
        let map = json!({"metadata": {"name": name}, "data": {"write": "0"}});
        let started = Instant::now();
        maps.create(&PostParams::default(), &serde_json::from_value(map)?).await?;
        let end = async {
            while let Some(map) = changes.try_next().await? {
                match number(&map) {
                    Some(WRITES_PER_RUN) if map.name_any() == name => return anyhow::Ok(started.elapsed()),
                    Some(write) if map.name_any() == name && write % 2 == 1 => {
                        next(&maps, &name, write).await?
                    }
                    _ => {}
                }
            }
            anyhow::bail!("the watch ended")
        };
        times.push(timeout(DEADLINE, end).await.context("timed out waiting for the responding writes")??);
        maps.delete(&name, &DeleteParams::default()).await?;
    }
    other.abort();
    Ok(times)
}

/// Responds to each even write, as the second task.
async fn respond(maps: Api<ConfigMap>) -> anyhow::Result<()> {
    let mut changes = watcher(maps.clone(), watcher::Config::default()).applied_objects().boxed();
    while let Some(map) = changes.try_next().await? {
        if let Some(write) = number(&map).filter(|write| write % 2 == 0) {
            next(&maps, &map.name_any(), write).await?;
        }
    }
    Ok(())
}

async fn next(maps: &Api<ConfigMap>, name: &str, write: u32) -> anyhow::Result<()> {
    let patch = json!({"data": {"write": (write + 1).to_string()}});
    maps.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

fn number(map: &ConfigMap) -> Option<u32> {
    map.data.as_ref()?.get("write")?.parse().ok()
}
