//! Tenant of one test, with waits for what the operator writes.

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
use tests::{cluster, qdrant_process, tenant_deletion, wait};

use super::{DEADLINE, NAMESPACE_DEADLINE, objects, process};

/// A tenant with the APIs of its namespace.
pub(super) struct Fixture {
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

impl Fixture {
    /// Starts the operator and chooses a unique name; creates no object.
    pub(super) async fn new(prefix: &str) -> anyhow::Result<Self> {
        let client = cluster::client().await?;
        qdrant_process::ensure_unless_stopped()?;
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

    /// Creates a plan and a tenant with the same name, and waits until the tenant is ready.
    pub(super) async fn with_tenant(prefix: &str, plan: Value) -> anyhow::Result<Self> {
        let fixture = Self::new(prefix).await?;
        objects::create(&fixture.plans, "Plan", &fixture.slug, plan).await?;
        objects::create(
            &fixture.tenants,
            "Tenant",
            &fixture.slug,
            json!({"planRef": {"name": fixture.slug}}),
        )
        .await?;
        fixture.tenant_with_ready("True").await?;
        Ok(fixture)
    }

    /// Does the same and creates a valid workflow `intake` with a Python step and an expression.
    pub(super) async fn with_workflow(prefix: &str, plan: Value) -> anyhow::Result<Self> {
        let fixture = Self::with_tenant(prefix, plan).await?;
        objects::create(&fixture.workflows, "Workflow", "intake", objects::intake()).await?;
        fixture.workflow_with_valid("intake", "True").await?;
        Ok(fixture)
    }

    /// Waits until the condition `Ready` of the tenant has this status.
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

    /// Changes the spec of the tenant.
    pub(super) async fn patch_tenant(&self, spec: Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.tenants.patch(&self.slug, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Waits until the tenant satisfies a condition.
    pub(super) async fn tenant_until(
        &self,
        what: &str,
        condition: impl Fn(&Tenant) -> bool,
    ) -> anyhow::Result<Tenant> {
        let get = async || Ok(self.tenants.get(&self.slug).await?);
        wait::until(&format!("the tenant {what}"), DEADLINE, get, condition).await
    }

    /// Waits until a condition of the tenant has this reason and is based on its current spec. Returns the message.
    pub(super) async fn tenant_with_reason(&self, kind: &str, reason: &str) -> anyhow::Result<String> {
        let found = |tenant: &Tenant| {
            let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
            let found = crds::conditions::get(conditions, kind).filter(|condition| {
                condition.reason == reason && condition.observed_generation == tenant.metadata.generation
            });
            found.map(|condition| condition.message.clone())
        };
        let what = format!("has {kind} with the reason {reason}");
        let tenant = self.tenant_until(&what, |tenant| found(tenant).is_some()).await?;
        Ok(found(&tenant).unwrap_or_default())
    }

    /// Waits until the tenant does not exist. Meanwhile, says that its data is deleted once the operator waits for that.
    pub(super) async fn wait_until_tenant_deleted(&self) -> anyhow::Result<()> {
        let get = async || {
            tenant_deletion::delete_data(&self.tenants, &self.slug).await?;
            Ok(self.tenants.get_opt(&self.slug).await?)
        };
        wait::until("the tenant is deleted", NAMESPACE_DEADLINE, get, Option::is_none).await.map(drop)
    }

    /// Waits until the operator has left the deletion of the data to the api-server, and says that it is deleted.
    pub(super) async fn delete_data(&self) -> anyhow::Result<()> {
        let deleted = async || tenant_deletion::delete_data(&self.tenants, &self.slug).await;
        wait::until("the operator waits for the deletion of the data", DEADLINE, deleted, |deleted| *deleted)
            .await
            .map(drop)
    }

    /// Waits until the condition `Valid` of a workflow has this status.
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

    /// Creates a sub-run of `intake`, as the runner of the parent does.
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
        k8s_client::create(&runs, &PostParams::default(), &run).await?;
        Ok(())
    }

    /// Waits until the status of a run satisfies a condition.
    pub(super) async fn run_until(
        &self,
        name: &str,
        what: &str,
        condition: impl Fn(&WorkflowRunStatus) -> bool,
    ) -> anyhow::Result<WorkflowRunStatus> {
        let get = async || Ok(self.runs.get(name).await?.status.unwrap_or_default());
        wait::until(&format!("run {name} {what}"), DEADLINE, get, condition).await
    }

    /// Waits until a run is assigned to a pod, and returns the UID of the pod.
    pub(super) async fn wait_until_assigned(&self, name: &str) -> anyhow::Result<String> {
        let status = self.run_until(name, "is assigned", |status| assigned_pod(status).is_some()).await?;
        Ok(assigned_pod(&status).unwrap_or_default())
    }

    /// Returns the Jobs of a run that are not being deleted.
    pub(super) async fn jobs_of(&self, run: &str) -> anyhow::Result<Vec<Job>> {
        let run_selector = ListParams::default().labels(&format!("smbcopilot.dev/run={run}"));
        let jobs = self.jobs.list(&run_selector).await?.items;
        Ok(jobs.into_iter().filter(|job| job.metadata.deletion_timestamp.is_none()).collect())
    }

    /// Waits until all Jobs of a run are deleted.
    pub(super) async fn wait_until_jobs_deleted(&self, run: &str) -> anyhow::Result<()> {
        let what = format!("the Jobs of run {run} are deleted");
        wait::until(&what, DEADLINE, async || self.jobs_of(run).await, Vec::is_empty).await?;
        Ok(())
    }

    /// Writes the status of a run, as a runner does.
    pub(super) async fn write_run(&self, name: &str, status: Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"status": status}));
        self.runs.patch_status(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Writes what a runner writes when it begins to execute a run.
    pub(super) async fn begin_run(&self, name: &str) -> anyhow::Result<()> {
        let started = telemetry::clock::now().to_string();
        self.write_run(name, json!({"phase": "Running", "queue": null, "startedAt": started})).await
    }

    /// Writes the final status of a run, as a runner does.
    pub(super) async fn finish_run(&self, name: &str) -> anyhow::Result<()> {
        let finished = json!({"phase": "Succeeded", "queue": null, "finishedAt": "2026-11-24T08:00:02Z"});
        self.write_run(name, finished).await
    }

    /// Requests the cancellation of a run, as a user does.
    pub(super) async fn cancel_run(&self, name: &str, mode: &str) -> anyhow::Result<()> {
        let cancel = Patch::Merge(json!({"spec": {"cancel": mode}}));
        self.runs.patch(name, &PatchParams::default(), &cancel).await?;
        Ok(())
    }

    /// Writes the status of the pod that a run is assigned to, as the scheduler and the kubelet do.
    pub(super) async fn write_pod_of(&self, run: &str, status: Value) -> anyhow::Result<()> {
        let pod = self.pod_of(run).await?;
        let patch = Patch::Merge(json!({"status": status}));
        self.pods.patch_status(&pod, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Returns the name of the pod that a run is assigned to.
    pub(super) async fn pod_of(&self, name: &str) -> anyhow::Result<String> {
        let run = self.runs.get(name).await?;
        Ok(run.status.and_then(|status| status.runner?.pod).unwrap_or_default())
    }

    /// Deletes a pod, as a user does.
    pub(super) async fn delete_pod(&self, pod: &str) -> anyhow::Result<()> {
        self.pods.delete(pod, &DeleteParams::default()).await?;
        Ok(())
    }
}

/// Returns the UID of the pod that a run is assigned to.
pub(super) fn assigned_pod(status: &WorkflowRunStatus) -> Option<String> {
    status.runner.as_ref()?.pod_uid.clone()
}
