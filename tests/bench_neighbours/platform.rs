//! Restarts and memory of operator and api-server.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt as _, api::ListParams};
use tokio::{sync::watch, task::JoinHandle, time::interval};

/// Namespace of the release.
const NAMESPACE: &str = "smb-copilot";
/// Values of the label `app.kubernetes.io/component`.
pub(super) const COMPONENTS: [&str; 2] = ["operator", "api-server"];
/// Interval of observations while an attack runs; memory that grows within one is visible in the restarts.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);

/// Access to the pods of the platform.
#[derive(Clone)]
pub(super) struct Platform {
    pods: Api<Pod>,
}

/// State of one component.
#[derive(Clone, Debug, Default)]
pub(super) struct Component {
    /// Restarts by UID of the pod.
    restarts: BTreeMap<String, i32>,
    /// Resident memory of its processes in KiB.
    pub(super) memory: u64,
}

/// State of all components, by name.
pub(super) type Components = BTreeMap<&'static str, Component>;

/// Task that records the highest memory.
pub(super) struct Sampler {
    stop: watch::Sender<()>,
    task: JoinHandle<Components>,
}

impl Platform {
    pub(super) fn new(client: Client) -> Self {
        Self { pods: Api::namespaced(client, NAMESPACE) }
    }

    /// Returns the restarts and the memory of each component.
    pub(super) async fn observe(&self) -> anyhow::Result<Components> {
        let mut components = Components::new();
        for name in COMPONENTS {
            let selector = ListParams::default().labels(&format!("app.kubernetes.io/component={name}"));
            let pods = self.pods.list(&selector).await.context("failed to list the pods of the platform")?;
            let restarts = pods.iter().map(|pod| (pod.uid().unwrap_or_default(), restarts(pod))).collect();
            let memory = pods.iter().map(|pod| memory(&pod.name_any())).sum();
            components.insert(name, Component { restarts, memory });
        }
        Ok(components)
    }

    /// Records the highest memory of each component until [`Sampler::stop`].
    pub(super) fn sample(&self, first: &Components) -> Sampler {
        let (platform, mut peak) = (self.clone(), first.clone());
        let (stop, mut stopped) = watch::channel(());
        let task = tokio::spawn(async move {
            let mut ticks = interval(SAMPLE_INTERVAL);
            loop {
                tokio::select! {
                    _ = stopped.changed() => return peak,
                    _ = ticks.tick() => {}
                }
                // An observation that fails is skipped; the one after the attack must succeed.
                for (name, observed) in platform.observe().await.unwrap_or_default() {
                    let highest = peak.entry(name).or_default();
                    highest.memory = highest.memory.max(observed.memory);
                }
            }
        });
        Sampler { stop, task }
    }
}

impl Sampler {
    /// Ends the task and returns the highest memory.
    pub(super) async fn stop(self) -> Components {
        drop(self.stop);
        self.task.await.unwrap_or_default()
    }
}

impl Component {
    /// Returns the number of restarts since an earlier observation. A new pod counts as one.
    pub(super) fn restarts_since(&self, before: &Self) -> i32 {
        let of_pod = |(uid, count): (&String, &i32)| match before.restarts.get(uid) {
            Some(earlier) => count - earlier,
            None => count + 1,
        };
        self.restarts.iter().map(of_pod).sum()
    }
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    statuses.into_iter().flatten().map(|status| status.restart_count).sum()
}

/// Returns the resident memory in KiB of the processes that have the pod's name in their environment. The processes
/// of the node run on the same machine.
fn memory(pod: &str) -> u64 {
    let variable = format!("POD_NAME={pod}");
    let is_of_pod = |process: &Path| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    processes.filter(|process| is_of_pod(process)).filter_map(|process| resident(&process)).sum()
}

fn resident(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
