//! A tenant of its own for each scenario, and waiting for what the operator makes of it.

use crds::{Plan, Tenant, Workflow, WorkflowRun, WorkflowRunStatus};
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Namespace, Pod},
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{cluster, wait};

use super::{DEADLINE, objects, process};

/// A tenant that is ready, and its namespace.
pub(super) struct World {
    pub(super) client: Client,
    pub(super) slug: String,
    pub(super) namespace: String,
    pub(super) plans: Api<Plan>,
    pub(super) tenants: Api<Tenant>,
    pub(super) namespaces: Api<Namespace>,
    pub(super) workflows: Api<Workflow>,
    pub(super) runs: Api<WorkflowRun>,
    pub(super) jobs: Api<Job>,
    pub(super) pods: Api<Pod>,
}

impl World {
    /// Nothing is made yet, but for the operator.
    pub(super) async fn empty(prefix: &str) -> anyhow::Result<Self> {
        let client = cluster::client().await?;
        process::ensure(&client).await?;
        let slug = cluster::unique(prefix);
        let namespace = format!("t-{slug}");
        Ok(Self {
            plans: Api::all(client.clone()),
            tenants: Api::all(client.clone()),
            namespaces: Api::all(client.clone()),
            workflows: Api::namespaced(client.clone(), &namespace),
            runs: Api::namespaced(client.clone(), &namespace),
            jobs: Api::namespaced(client.clone(), &namespace),
            pods: Api::namespaced(client.clone(), &namespace),
            slug,
            namespace,
            client,
        })
    }

    /// A plan and a tenant of the same name, and the tenant is ready.
    pub(super) async fn with_tenant(prefix: &str, plan: Value) -> anyhow::Result<Self> {
        let world = Self::empty(prefix).await?;
        objects::create(&world.plans, "Plan", &world.slug, plan).await?;
        objects::create(&world.tenants, "Tenant", &world.slug, json!({"planRef": {"name": world.slug}}))
            .await?;
        world.tenant_with_ready("True").await?;
        Ok(world)
    }

    /// The same with a workflow `intake` that is valid: a Python step, then an expression.
    pub(super) async fn with_workflow(prefix: &str, plan: Value) -> anyhow::Result<Self> {
        let world = Self::with_tenant(prefix, plan).await?;
        objects::create(&world.workflows, "Workflow", "intake", objects::intake()).await?;
        world.workflow_with_valid("intake", "True").await?;
        Ok(world)
    }

    /// Waits until condition Ready of the tenant has this status.
    pub(super) async fn tenant_with_ready(&self, ready: &str) -> anyhow::Result<Tenant> {
        let get = async || Ok(self.tenants.get(&self.slug).await?);
        let holds = |tenant: &Tenant| {
            let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
            crds::conditions::get(conditions, "Ready").is_some_and(|condition| {
                condition.status == ready && condition.observed_generation == tenant.metadata.generation
            })
        };
        wait::until(&format!("the tenant has Ready={ready}"), DEADLINE, get, holds).await
    }

    /// Waits until condition Valid of a workflow has this status.
    pub(super) async fn workflow_with_valid(&self, name: &str, valid: &str) -> anyhow::Result<Workflow> {
        let get = async || Ok(self.workflows.get(name).await?);
        let holds = |workflow: &Workflow| {
            let conditions = workflow.status.as_ref().map_or(&[][..], |status| &status.conditions);
            crds::conditions::get(conditions, "Valid").is_some_and(|condition| {
                condition.status == valid && condition.observed_generation == workflow.metadata.generation
            })
        };
        wait::until(&format!("workflow {name} has Valid={valid}"), DEADLINE, get, holds).await
    }

    /// Creates a run of `intake`.
    pub(super) async fn run(&self, name: &str, input: Value) -> anyhow::Result<WorkflowRun> {
        let spec = json!({"workflowRef": {"name": "intake"}, "input": input});
        objects::create(&self.runs, "WorkflowRun", name, spec).await
    }

    /// Creates a run of `intake` as the runner of another one would.
    pub(super) async fn sub_run(&self, name: &str, parent: &str, trigger: Value) -> anyhow::Result<()> {
        let runner = format!("system:serviceaccount:{}:smb-runner", self.namespace);
        let groups = ["system:serviceaccounts", "system:authenticated"];
        let runs: Api<WorkflowRun> =
            Api::namespaced(cluster::client_as(&runner, &groups).await?, &self.namespace);
        let run = serde_json::from_value(json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
            "metadata": {"name": name, "labels": {"smbcopilot.dev/parent": parent}},
            "spec": {"workflowRef": {"name": "intake"}, "input": {"quantity": 1}, "trigger": trigger},
        }))?;
        runs.create(&PostParams::default(), &run).await?;
        Ok(())
    }

    /// Waits until a run's status is as wanted.
    pub(super) async fn run_until(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&WorkflowRunStatus) -> bool,
    ) -> anyhow::Result<WorkflowRunStatus> {
        let get = async || Ok(self.runs.get(name).await?.status.unwrap_or_default());
        wait::until(&format!("run {name} {what}"), DEADLINE, get, holds).await
    }

    /// Waits until a pod holds a run; returns the pod's uid.
    pub(super) async fn assigned(&self, name: &str) -> anyhow::Result<String> {
        let status = self.run_until(name, "is assigned", |status| held_by(status).is_some()).await?;
        Ok(held_by(&status).unwrap_or_default())
    }

    /// The Jobs of a run that are not being deleted.
    pub(super) async fn jobs_of(&self, run: &str) -> anyhow::Result<Vec<Job>> {
        let of_run = ListParams::default().labels(&format!("smbcopilot.dev/run={run}"));
        let jobs = self.jobs.list(&of_run).await?.items;
        Ok(jobs.into_iter().filter(|job| job.metadata.deletion_timestamp.is_none()).collect())
    }

    /// Waits until nothing is left of a run's Jobs.
    pub(super) async fn no_jobs_of(&self, run: &str) -> anyhow::Result<()> {
        let what = format!("the Jobs of run {run} are gone");
        wait::until(&what, DEADLINE, async || self.jobs_of(run).await, Vec::is_empty).await?;
        Ok(())
    }

    /// Writes what a runner or a kubelet would.
    pub(super) async fn write_run(&self, name: &str, status: Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"status": status}));
        self.runs.patch_status(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Writes the last status of a runner.
    pub(super) async fn finish_run(&self, name: &str) -> anyhow::Result<()> {
        self.write_run(name, json!({"phase": "Succeeded", "finishedAt": "2026-11-24T08:00:02Z"})).await
    }

    /// The pod that holds a run.
    pub(super) async fn pod_of(&self, name: &str) -> anyhow::Result<String> {
        let run = self.runs.get(name).await?;
        Ok(run.status.and_then(|status| status.runner?.pod).unwrap_or_default())
    }

    /// Deletes a pod as a person would.
    pub(super) async fn delete_pod(&self, pod: &str) -> anyhow::Result<()> {
        self.pods.delete(pod, &DeleteParams::default()).await?;
        Ok(())
    }
}

/// The uid of the pod that holds a run.
pub(super) fn held_by(status: &WorkflowRunStatus) -> Option<String> {
    status.runner.as_ref()?.pod_uid.clone()
}
