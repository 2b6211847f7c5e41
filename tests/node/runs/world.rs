//! A tenant of these scenarios' own, and what is done in it.

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

/// Ten times what it takes on 2 cores, with all scenarios at once.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);
const MANAGER: &str = "node-tests";

/// The tenant's slug. The first scenario makes it, with its plan and a service that its runs may call.
static TENANT: OnceCell<String> = OnceCell::const_new();

/// The tenant's namespace.
pub(super) struct World {
    pub(super) client: Client,
    pub(super) namespace: String,
}

impl World {
    pub(super) async fn enter() -> anyhow::Result<Self> {
        let client = cluster::client().await?;
        let slug = TENANT.get_or_try_init(|| make(&client)).await?;
        Ok(Self { namespace: format!("t-{slug}"), client })
    }

    pub(super) fn runs(&self) -> Api<WorkflowRun> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies a workflow of this spec (YAML) under a name of its own, and waits until its status is known.
    pub(super) async fn workflow(&self, prefix: &str, spec: &str) -> anyhow::Result<Workflow> {
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
        self.runs().create(&PostParams::default(), &run).await?;
        Ok(name)
    }

    /// Waits until a run is as described.
    pub(super) async fn until(
        &self,
        run: &str,
        what: &str,
        holds: impl Fn(&WorkflowRunStatus) -> bool,
    ) -> anyhow::Result<WorkflowRunStatus> {
        let look = async || Ok(self.runs().get(run).await?.status.unwrap_or_default());
        wait::until(&format!("run {run}: {what}"), DEADLINE, look, holds).await
    }

    /// Waits for a run's end.
    pub(super) async fn end(&self, run: &str) -> anyhow::Result<WorkflowRunStatus> {
        self.until(run, "its end", |status| status.phase.is_some_and(|phase| phase.is_final())).await
    }

    /// Runs a workflow of this spec to its end.
    pub(super) async fn run(
        &self,
        prefix: &str,
        spec: &str,
        input: Value,
    ) -> anyhow::Result<WorkflowRunStatus> {
        let workflow = self.workflow(prefix, spec).await?;
        let run = self.start(&workflow, input).await?;
        self.end(&run).await
    }
}

/// A step of a run; an untouched one where status has none.
pub(super) fn step(status: &WorkflowRunStatus, name: &str) -> StepStatus {
    status.steps.iter().find(|step| step.name == name).cloned().unwrap_or_default()
}

/// Whether an attempt at a step has begun, as far as status tells.
pub(super) fn is_running(name: &str, attempt: u32) -> impl Fn(&WorkflowRunStatus) -> bool {
    move |status| {
        let step = step(status, name);
        step.phase == StepPhase::Running && step.attempt == Some(attempt)
    }
}

/// `kind/code` of what ended a run, and the message.
pub(super) fn error(status: &WorkflowRunStatus) -> anyhow::Result<(String, String)> {
    let error = status.error.clone().with_context(|| format!("no error in {status:#?}"))?;
    Ok((format!("{:?}/{}", error.kind, error.code), error.message))
}

async fn make(client: &Client) -> anyhow::Result<String> {
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
