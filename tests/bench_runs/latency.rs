//! From the creation of a run to its end, as one who watches sees it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use crds::{
    Workflow, WorkflowRun,
    run::{RunPhase, WorkflowRef, WorkflowRunSpec},
};
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::{Value, json};
use tests::{cluster, wait};
use tokio::time::timeout;

/// Ten times what a cold run takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// The runs of a namespace, as they change.
pub(super) struct Watch {
    runs: Api<WorkflowRun>,
    workflows: Api<Workflow>,
    changes: BoxStream<'static, Result<WorkflowRun, watcher::Error>>,
    pod: Option<String>,
}

impl Watch {
    pub(super) async fn start(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        let runs: Api<WorkflowRun> = Api::namespaced(client.clone(), namespace);
        let changes = watcher(runs.clone(), watcher::Config::default()).applied_objects().boxed();
        Ok(Self { runs, workflows: Api::namespaced(client.clone(), namespace), changes, pod: None })
    }

    /// The pod of the last run.
    pub(super) fn pod(&self) -> Option<&str> {
        self.pod.as_deref()
    }

    /// Applies a workflow, and waits until it is valid.
    pub(super) async fn workflow(&self, prefix: &str, spec: Value) -> anyhow::Result<String> {
        let name = cluster::unique(prefix);
        let workflow = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
                              "metadata": {"name": name}, "spec": spec});
        self.workflows.patch(&name, &PatchParams::apply("bench"), &Patch::Apply(workflow)).await?;
        let look = async || Ok(self.workflows.get(&name).await?.status.unwrap_or_default());
        let is_seen = |status: &crds::WorkflowStatus| status.revision.is_some();
        wait::until("the workflow is valid", DEADLINE, look, is_seen).await?;
        Ok(name)
    }

    /// One after the other.
    pub(super) async fn runs(&mut self, workflow: &str, count: usize) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        for _ in 0..count {
            times.push(self.run(workflow).await?);
        }
        Ok(times)
    }

    /// How long one takes. Errors: it does not succeed.
    pub(super) async fn run(&mut self, workflow: &str) -> anyhow::Result<Duration> {
        let name = cluster::unique("run");
        let spec = WorkflowRunSpec {
            workflow_ref: WorkflowRef { name: workflow.to_owned() },
            ..WorkflowRunSpec::default()
        };
        let started = now();
        self.runs.create(&PostParams::default(), &WorkflowRun::new(&name, spec)).await?;
        let end = async {
            while let Some(run) = self.changes.try_next().await? {
                let status = run.status.clone().unwrap_or_default();
                if run.name_any() != name {
                    continue;
                }
                self.pod = status.runner.and_then(|runner| runner.pod).or(self.pod.take());
                match status.phase {
                    Some(RunPhase::Succeeded) => return Ok(started.elapsed()),
                    Some(phase) if phase.is_final() => bail!("run {name} is {phase}: {:?}", status.error),
                    _ => {}
                }
            }
            bail!("the watch ended")
        };
        timeout(DEADLINE, end).await.with_context(|| format!("run {name} does not end"))?
    }
}

pub(super) fn now() -> Instant {
    Instant::now()
}
