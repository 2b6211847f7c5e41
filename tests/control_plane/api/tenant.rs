//! A tenant with a workflow, in Kubernetes and in the database.

use std::{collections::BTreeMap, time::Duration};

use api_server::{db::MirrorPool, mirror};
use crds::{Tenant, Workflow, WorkflowRun};
use k8s_openapi::api::{
    apps::v1::ControllerRevision,
    core::v1::{Namespace, ResourceQuota},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tests::{cluster::unique, wait};

/// Ten times the interval at which the quota controller looks for new CustomResourceDefinitions.
const COUNTS_DEADLINE: Duration = Duration::from_secs(300);

pub(super) struct TestTenant {
    pub(super) slug: String,
    pub(super) workflow: String,
    pub(super) runs: Api<WorkflowRun>,
    pub(super) workflows: Api<Workflow>,
    mirror: MirrorPool,
}

impl TestTenant {
    pub(super) async fn create(admin: &Client, mirror: &MirrorPool) -> anyhow::Result<Self> {
        let slug = unique("api");
        let namespace = format!("t-{slug}");
        let spec = json!({"displayName": "Acme Bakery", "planRef": {"name": "starter"}});
        let tenants: Api<Tenant> = Api::all(admin.clone());
        create(&tenants, object("Tenant", &slug, &spec)).await?;
        let status = Patch::Merge(json!({"status": {"namespace": namespace}}));
        let tenant = tenants.patch_status(&slug, &PatchParams::default(), &status).await?;
        mirror::apply_one(mirror, &tenant).await?;
        let named = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": namespace, "labels": {"smbcopilot.dev/tenant": slug},
        }});
        create::<Namespace>(&Api::all(admin.clone()), named).await?;
        let spec = json!({
            "input": {"schema": {"type": "object", "properties": {"total": {"type": "number"}}}},
            "steps": [{"name": "shape", "expr": {"value": "${{ input.total }}"}}],
        });
        let workflows: Api<Workflow> = Api::namespaced(admin.clone(), &namespace);
        let workflow: Workflow = create(&workflows, object("Workflow", "invoices", &spec)).await?;
        mirror::apply_one(mirror, &workflow).await?;
        let runs = Api::namespaced(admin.clone(), &namespace);
        let workflow = workflow.uid().unwrap_or_default();
        Ok(Self { slug, workflow, runs, workflows, mirror: mirror.clone() })
    }

    /// Stores a revision of the workflow, as the operator does.
    pub(super) async fn store_revision(&self, name: &str) -> anyhow::Result<()> {
        let revisions: Api<ControllerRevision> =
            Api::namespaced(self.runs.clone().into_client(), &format!("t-{}", self.slug));
        let spec = json!({"steps": [{"name": "shape", "expr": {"value": 1}}]});
        let revision = json!({
            "metadata": {
                "name": name,
                "labels": {"smbcopilot.dev/workflow": "invoices"},
                "annotations": {"smbcopilot.dev/workflow-uid": self.workflow},
            },
            "revision": 1,
            "data": {"schemaVersion": 1, "workflow": "invoices", "spec": spec},
        });
        create(&revisions, revision).await.map(drop)
    }

    /// Mirrors a workflow that was not written by the API.
    pub(super) async fn mirror(&self, workflow: &Workflow) -> anyhow::Result<()> {
        Ok(mirror::apply_one(&self.mirror, workflow).await?)
    }

    /// Labels the namespace as the operator does when the tenant is archived.
    pub(super) async fn set_state_label(&self, state: &str) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"smbcopilot.dev/tenant-state": state}}}));
        let namespaces: Api<Namespace> = Api::all(self.runs.clone().into_client());
        namespaces.patch(&format!("t-{}", self.slug), &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Creates the quota of a plan that allows this number of runs, and waits until it is in force.
    pub(super) async fn limit_runs(&self, count: u32) -> anyhow::Result<()> {
        let quotas: Api<ResourceQuota> =
            Api::namespaced(self.runs.clone().into_client(), &format!("t-{}", self.slug));
        let name = crds::names::RESOURCE_QUOTA;
        create::<ResourceQuota>(
            &quotas,
            json!({
                "metadata": {"name": name}, "spec": {"hard": {crds::names::RUN_COUNT: count.to_string()}},
            }),
        )
        .await?;
        let used =
            async || Ok(quotas.get(name).await?.status.and_then(|status| status.used).unwrap_or_default());
        let is_counted = |used: &BTreeMap<_, _>| used.contains_key(crds::names::RUN_COUNT);
        wait::until("runs are counted", COUNTS_DEADLINE, used, is_counted).await?;
        Ok(())
    }

    /// Returns the only run of the tenant from Kubernetes.
    pub(super) async fn only_run(&self) -> anyhow::Result<WorkflowRun> {
        let runs = self.runs.list(&Default::default()).await?.items;
        anyhow::ensure!(runs.len() == 1, "expected one run, found {}", runs.len());
        runs.into_iter().next().ok_or_else(|| anyhow::anyhow!("found no run"))
    }

    /// Writes the final status of a run, as a runner does, and mirrors it.
    pub(super) async fn finish(&self, run: &str) -> anyhow::Result<()> {
        let status = json!({"status": {
            "phase": "Succeeded", "startedAt": "2026-11-24T08:00:01Z", "finishedAt": "2026-11-24T08:00:02Z",
            "steps": [{"name": "shape", "phase": "Succeeded", "attempt": 1, "output": 12.5}],
            "output": {"total": 12.5},
        }});
        let run = self.runs.patch_status(run, &PatchParams::default(), &Patch::Merge(&status)).await?;
        Ok(mirror::apply_one(&self.mirror, &run).await?)
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

async fn create<K>(api: &Api<K>, object: Value) -> anyhow::Result<K>
where
    K: Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    Ok(api.create(&PostParams::default(), &serde_json::from_value(object)?).await?)
}
