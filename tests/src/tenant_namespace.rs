//! Namespace of an existing tenant, in which tests apply workflows and start runs as with kubectl.

use std::time::Duration;

use crds::{Workflow, WorkflowRun, WorkflowRunStatus, run::WorkflowRunSpec};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{cluster, wait};

/// Deadline of a wait: ten times the duration of a run on 2 cores beside others.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Namespace of a tenant.
#[derive(Clone)]
pub struct TenantNamespace {
    /// Client with the identity of the administrator.
    pub client: Client,
    /// Name of the namespace.
    pub name: String,
}

impl TenantNamespace {
    /// Returns the namespace of an existing tenant.
    ///
    /// # Errors
    /// Returns the errors of [`cluster::client`].
    pub async fn for_tenant(tenant: &str) -> anyhow::Result<Self> {
        Ok(Self { client: cluster::client().await?, name: format!("t-{tenant}") })
    }

    /// Returns the API for the workflows of the namespace.
    #[must_use]
    pub fn workflows(&self) -> Api<Workflow> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Returns the API for the runs of the namespace.
    #[must_use]
    pub fn runs(&self) -> Api<WorkflowRun> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Applies a workflow with this spec (YAML) and a unique name, and waits until the operator has validated
    /// it.
    ///
    /// # Errors
    /// Returns an error if the workflow is refused, or is not validated before the deadline.
    pub async fn apply_workflow(&self, prefix: &str, spec: &str) -> anyhow::Result<Workflow> {
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
        let observe = async || Ok(self.workflows().get(&name).await?);
        wait::until("the workflow is validated", DEADLINE, observe, observed).await
    }

    /// Starts a run of a workflow.
    ///
    /// # Errors
    /// Returns an error if the run is refused.
    pub async fn start(&self, workflow: &str, input: Value) -> anyhow::Result<WorkflowRun> {
        let mut run = WorkflowRun::new(&cluster::unique("run"), WorkflowRunSpec::default());
        workflow.clone_into(&mut run.spec.workflow_ref.name);
        run.spec.input = Some(input);
        Ok(k8s_client::create(&self.runs(), &PostParams::default(), &run).await?)
    }

    /// Waits until the status of a run satisfies a condition, and returns the status.
    ///
    /// # Errors
    /// Returns an error if it does not before the deadline.
    pub async fn wait_until(
        &self,
        run: &WorkflowRun,
        what: &str,
        condition: impl Fn(&WorkflowRunStatus) -> bool,
    ) -> anyhow::Result<WorkflowRunStatus> {
        let name = run.name_any();
        let observe = async || Ok(self.runs().get(&name).await?.status.unwrap_or_default());
        wait::until(&format!("run {name}: {what}"), DEADLINE, observe, condition).await
    }

    /// Waits until a run has ended, and returns its status.
    ///
    /// # Errors
    /// Returns an error if it does not end before the deadline.
    pub async fn wait_for_end(&self, run: &WorkflowRun) -> anyhow::Result<WorkflowRunStatus> {
        self.wait_until(run, "it has ended", |status| status.phase.is_some_and(|phase| phase.is_final()))
            .await
    }
}
