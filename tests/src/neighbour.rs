//! A tenant beside the one that a test attacks with. Its runs finish whatever the other tenant does.

use std::time::{Duration, Instant};

use crds::{WorkflowRun, WorkflowRunStatus, run::RunPhase};
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{cluster, scenario::apply_tenant, tenant_namespace::TenantNamespace};

/// Workflow with one step that needs neither a network nor Python.
const WORKFLOW: &str = "
input: {schema: {type: object, properties: {quantity: {type: integer}}}}
steps:
- {name: double, expr: {value: '${{ input.quantity * 2 }}'}}
";

/// A tenant of its own plan, with a workflow of one step.
pub struct Neighbour {
    /// Namespace of the tenant.
    pub namespace: TenantNamespace,
    workflow: String,
}

impl Neighbour {
    /// Creates the tenant and its workflow, and waits until both are ready. The operator must be running.
    ///
    /// # Errors
    /// Returns an error if the tenant or the workflow does not become ready before the deadline.
    pub async fn create() -> anyhow::Result<Self> {
        let slug = cluster::unique("neighbour");
        apply_tenant(&cluster::client().await?, &slug, &json!({})).await?;
        let namespace = TenantNamespace::for_tenant(&slug).await?;
        let workflow = namespace.apply_workflow("double", WORKFLOW).await?.name_any();
        Ok(Self { namespace, workflow })
    }

    /// Starts a run, waits until it succeeds in a pod, and returns the time that this took. For the node tier.
    ///
    /// # Errors
    /// Returns an error if the run does not succeed before the deadline.
    pub async fn finish_run(&self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let run = self.start().await?;
        let status = self.namespace.wait_for_end(&run).await?;
        expect_success(&run, &status)?;
        Ok(begun.elapsed())
    }

    /// Starts a run, waits until the operator assigns it to a pod, finishes it as its runner would, and returns the time
    /// that this took. For the control-plane tier, in which no pod starts.
    ///
    /// # Errors
    /// Returns an error if the run is not assigned before the deadline.
    pub async fn finish_run_without_node(&self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let run = self.start().await?;
        let is_assigned = |status: &WorkflowRunStatus| {
            status.runner.as_ref().is_some_and(|runner| runner.pod_uid.is_some())
        };
        self.namespace.wait_until(&run, "it is assigned to a pod", is_assigned).await?;
        let finished = telemetry::clock::now().to_string();
        let patch = json!({"status": {"phase": RunPhase::Succeeded, "queue": null, "finishedAt": finished}});
        let runs = self.namespace.runs();
        runs.patch_status(&run.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(begun.elapsed())
    }

    async fn start(&self) -> anyhow::Result<WorkflowRun> {
        self.namespace.start(&self.workflow, json!({"quantity": 21})).await
    }
}

fn expect_success(run: &WorkflowRun, status: &WorkflowRunStatus) -> anyhow::Result<()> {
    let (phase, error) = (status.phase, &status.error);
    anyhow::ensure!(
        phase == Some(RunPhase::Succeeded),
        "the neighbour's run {} ended as {phase:?}: {error:?}",
        run.name_any()
    );
    Ok(())
}
