//! Durations of runs, from the creation of a run to its end as a watch delivers them, for benchmarks.

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
use tokio::time::timeout;

use crate::{cluster, wait};

/// Deadline of a run: ten times the duration of a run with a new pod.
const DEADLINE: Duration = Duration::from_secs(60);

/// Watch of the runs of a namespace.
pub struct RunWatch {
    runs: Api<WorkflowRun>,
    workflows: Api<Workflow>,
    changes: BoxStream<'static, Result<WorkflowRun, watcher::Error>>,
    pod: Option<String>,
}

impl RunWatch {
    /// Returns a watch with the identity of a client. It connects when the first run is started.
    #[must_use]
    pub fn new(client: &Client, namespace: &str) -> Self {
        let runs: Api<WorkflowRun> = Api::namespaced(client.clone(), namespace);
        let changes = watcher(runs.clone(), watcher::Config::default()).applied_objects().boxed();
        Self { runs, workflows: Api::namespaced(client.clone(), namespace), changes, pod: None }
    }

    /// Returns the name of the pod of the last run.
    #[must_use]
    pub fn pod(&self) -> Option<&str> {
        self.pod.as_deref()
    }

    /// Applies a workflow and waits until it is valid.
    ///
    /// # Errors
    /// Returns an error if the workflow is refused, or is not valid before the deadline.
    pub async fn apply_workflow(&self, prefix: &str, spec: Value) -> anyhow::Result<String> {
        let name = cluster::unique(prefix);
        let workflow = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
                              "metadata": {"name": name}, "spec": spec});
        self.workflows.patch(&name, &PatchParams::apply("bench"), &Patch::Apply(workflow)).await?;
        let observe = async || Ok(self.workflows.get(&name).await?.status.unwrap_or_default());
        let is_valid = |status: &crds::WorkflowStatus| status.revision.is_some();
        wait::until("the workflow is valid", DEADLINE, observe, is_valid).await?;
        Ok(name)
    }

    /// Executes runs one after the other and returns their durations.
    ///
    /// # Errors
    /// Returns an error if a run does not succeed.
    pub async fn runs(&mut self, workflow: &str, count: usize) -> anyhow::Result<Vec<Duration>> {
        let mut times = Vec::new();
        for _ in 0..count {
            times.push(self.run(workflow).await?);
        }
        Ok(times)
    }

    /// Executes a run and returns its duration.
    ///
    /// # Errors
    /// Returns an error if the run does not succeed.
    pub async fn run(&mut self, workflow: &str) -> anyhow::Result<Duration> {
        let name = cluster::unique("run");
        let spec = WorkflowRunSpec {
            workflow_ref: WorkflowRef { name: workflow.to_owned() },
            ..WorkflowRunSpec::default()
        };
        let started = Instant::now();
        k8s_client::create(&self.runs, &PostParams::default(), &WorkflowRun::new(&name, spec)).await?;
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
