//! Tenant of these tests, with workflows and runs.

use std::time::Duration;

use anyhow::Context as _;
use crds::{
    Plan, Tenant, Workflow, WorkflowRun, WorkflowRunStatus,
    conditions::{READY, is_true},
    run::{StepPhase, StepStatus, WorkflowRunSpec},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{cluster, wait};
use tokio::sync::OnceCell;

use super::service;

/// Deadline of a wait: ten times the duration of a run on 2 cores beside all other tests.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);
const MANAGER: &str = "node-tests";

/// Slug of the tenant, which the first test creates with its plan and a service that its runs may call.
static TENANT: OnceCell<String> = OnceCell::const_new();

/// Namespace of the tenant.
pub(super) struct Fixture {
    pub(super) client: Client,
    pub(super) namespace: String,
}

impl Fixture {
    pub(super) async fn get_or_create() -> anyhow::Result<Self> {
        let client = cluster::client().await?;
        let slug = TENANT.get_or_try_init(|| create_tenant(&client)).await?;
        Ok(Self { namespace: format!("t-{slug}"), client })
    }

    pub(super) fn runs(&self) -> Api<WorkflowRun> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies a workflow with this spec (YAML) and a unique name, and waits until the operator has validated
    /// it.
    pub(super) async fn apply_workflow(&self, prefix: &str, spec: &str) -> anyhow::Result<Workflow> {
        let name = cluster::unique(prefix);
        let spec: Value = serde_yaml::from_str(spec)?;
        let workflow = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
                              "metadata": {"name": name}, "spec": spec});
        let workflows: Api<Workflow> = Api::namespaced(self.client.clone(), &self.namespace);
        workflows
            .patch(&name, &PatchParams::apply(MANAGER).validation_strict(), &Patch::Apply(workflow))
            .await?;
        let observed = |workflow: &Workflow| {
            let status = workflow.status.as_ref();
            status.is_some_and(|status| status.observed_generation == workflow.metadata.generation)
        };
        wait::until("the workflow is validated", DEADLINE, async || Ok(workflows.get(&name).await?), observed)
            .await
    }

    /// Starts a run of a workflow.
    pub(super) async fn start(&self, workflow: &Workflow, input: Value) -> anyhow::Result<String> {
        let name = cluster::unique("run");
        let mut run = WorkflowRun::new(&name, WorkflowRunSpec::default());
        run.spec.workflow_ref.name = workflow.name_any();
        run.spec.input = Some(input);
        k8s_client::create(&self.runs(), &PostParams::default(), &run).await?;
        Ok(name)
    }

    /// Waits until the status of a run satisfies a condition.
    pub(super) async fn wait_until(
        &self,
        run: &str,
        what: &str,
        condition: impl Fn(&WorkflowRunStatus) -> bool,
    ) -> anyhow::Result<WorkflowRunStatus> {
        let observe = async || Ok(self.runs().get(run).await?.status.unwrap_or_default());
        wait::until(&format!("run {run}: {what}"), DEADLINE, observe, condition).await
    }

    /// Waits until a run has ended.
    pub(super) async fn wait_for_end(&self, run: &str) -> anyhow::Result<WorkflowRunStatus> {
        self.wait_until(run, "it has ended", |status| status.phase.is_some_and(|phase| phase.is_final()))
            .await
    }

    /// Applies a workflow with this spec and runs it to its end.
    pub(super) async fn run(
        &self,
        prefix: &str,
        spec: &str,
        input: Value,
    ) -> anyhow::Result<WorkflowRunStatus> {
        let workflow = self.apply_workflow(prefix, spec).await?;
        let run = self.start(&workflow, input).await?;
        self.wait_for_end(&run).await
    }
}

/// Returns the status of a step; the default one if the step has not started.
pub(super) fn step(status: &WorkflowRunStatus, name: &str) -> StepStatus {
    status.steps.iter().find(|step| step.name == name).cloned().unwrap_or_default()
}

/// Returns a condition: whether this attempt of a step is running according to the status.
pub(super) fn is_running(name: &str, attempt: u32) -> impl Fn(&WorkflowRunStatus) -> bool {
    move |status| {
        let step = step(status, name);
        step.phase == StepPhase::Running && step.attempt == Some(attempt)
    }
}

/// Returns the error of a run as `kind/code`, with its message.
pub(super) fn error(status: &WorkflowRunStatus) -> anyhow::Result<(String, String)> {
    let error = status.error.clone().with_context(|| format!("no error in {status:#?}"))?;
    Ok((format!("{:?}/{}", error.kind, error.code), error.message))
}

async fn create_tenant(client: &Client) -> anyhow::Result<String> {
    let slug = cluster::unique("runs");
    let host = service::deploy(client, &slug).await?;
    let plan = json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Plan", "metadata": {"name": slug},
        "spec": {"displayName": "Runs", "network": {"egress": [
            {"namespace": slug, "podLabels": {"app": "flaky"}, "ports": [8080], "hosts": [host]}]}}
    });
    let tenant = json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": slug},
        "spec": {"displayName": "Runs", "planRef": {"name": slug}, "settings": {"host": host}}
    });
    let params = PatchParams::apply(MANAGER).validation_strict();
    Api::<Plan>::all(client.clone()).patch(&slug, &params, &Patch::Apply(plan)).await?;
    let tenants = Api::<Tenant>::all(client.clone());
    tenants.patch(&slug, &params, &Patch::Apply(tenant)).await?;
    let is_ready =
        |tenant: &Tenant| tenant.status.as_ref().is_some_and(|status| is_true(&status.conditions, READY));
    wait::until("the tenant is ready", DEADLINE, async || Ok(tenants.get(&slug).await?), is_ready).await?;
    Ok(slug)
}
