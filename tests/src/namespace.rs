//! What is done in a tenant's namespace with kubectl: workflows are applied, runs are started and watched.

use std::time::Duration;

use crds::{Workflow, WorkflowRun, WorkflowRunStatus, run::WorkflowRunSpec};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{cluster, wait};

/// Ten times what a run takes on 2 cores, beside others.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A tenant's namespace.
#[derive(Clone)]
pub struct Namespace {
    /// An administrator.
    pub client: Client,
    /// Its name.
    pub name: String,
}

impl Namespace {
    /// The namespace of a tenant that exists.
    ///
    /// # Errors
    /// As [`cluster::client`].
    pub async fn of(tenant: &str) -> anyhow::Result<Self> {
        Ok(Self { client: cluster::client().await?, name: format!("t-{tenant}") })
    }

    /// Its workflows.
    #[must_use]
    pub fn workflows(&self) -> Api<Workflow> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Its runs.
    #[must_use]
    pub fn runs(&self) -> Api<WorkflowRun> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Applies a workflow of this spec (YAML) under a name of its own, and waits until its status is known.
    ///
    /// # Errors
    /// It is refused, or the operator does not see it.
    pub async fn workflow(&self, prefix: &str, spec: &str) -> anyhow::Result<Workflow> {
        let name = cluster::unique(prefix);
        let spec: Value = serde_yaml::from_str(spec)?;
        let workflow = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
                              "metadata": {"name": name}, "spec": spec});
        let params = PatchParams::apply("node-tests").validation_strict();
        self.workflows().patch(&name, &params, &Patch::Apply(workflow)).await?;
        let observed = |workflow: &Workflow| {
            let status = workflow.status.as_ref();
            status.is_some_and(|status| status.observed_generation == workflow.metadata.generation)
        };
        let look = async || Ok(self.workflows().get(&name).await?);
        wait::until("the workflow is validated", DEADLINE, look, observed).await
    }

    /// Starts a run of a workflow.
    ///
    /// # Errors
    /// It is refused.
    pub async fn start(&self, workflow: &str, input: Value) -> anyhow::Result<WorkflowRun> {
        let mut run = WorkflowRun::new(&cluster::unique("run"), WorkflowRunSpec::default());
        workflow.clone_into(&mut run.spec.workflow_ref.name);
        run.spec.input = Some(input);
        Ok(self.runs().create(&PostParams::default(), &run).await?)
    }

    /// Waits until a run is as described.
    ///
    /// # Errors
    /// It is not in time.
    pub async fn until(
        &self,
        run: &WorkflowRun,
        what: &str,
        holds: impl Fn(&WorkflowRunStatus) -> bool,
    ) -> anyhow::Result<WorkflowRunStatus> {
        let name = run.name_any();
        let look = async || Ok(self.runs().get(&name).await?.status.unwrap_or_default());
        wait::until(&format!("run {name}: {what}"), DEADLINE, look, holds).await
    }

    /// Waits for a run's end.
    ///
    /// # Errors
    /// It does not end in time.
    pub async fn end(&self, run: &WorkflowRun) -> anyhow::Result<WorkflowRunStatus> {
        self.until(run, "its end", |status| status.phase.is_some_and(|phase| phase.is_final())).await
    }
}
