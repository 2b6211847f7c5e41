//! A tenant with the statuses that the operator would write.

use crds::{Tenant, Workflow, WorkflowRun};
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tests::cluster::unique;

pub(super) struct TestTenant {
    pub(super) slug: String,
    pub(super) tenants: Api<Tenant>,
    pub(super) runs: Api<WorkflowRun>,
    pub(super) workflows: Api<Workflow>,
}

impl TestTenant {
    pub(super) async fn create(client: &Client) -> anyhow::Result<Self> {
        let slug = unique("mirrored");
        let namespace = format!("t-{slug}");
        let spec = json!({"displayName": "Acme Bakery", "planRef": {"name": "starter"}, "settings": {"currency": "EUR"}});
        let tenants = Api::all(client.clone());
        create(&tenants, object("Tenant", &slug, &spec)).await?;
        let named = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": namespace, "labels": {"smbcopilot.dev/tenant": slug},
        }});
        create(&Api::<Namespace>::all(client.clone()), named).await?;
        let runs = Api::namespaced(client.clone(), &namespace);
        let workflows = Api::namespaced(client.clone(), &namespace);
        Ok(Self { slug, tenants, runs, workflows })
    }

    /// Creates another tenant, whose name ends with `-rival`, and which comes after this one in every list.
    pub(super) async fn create_rival(&self) -> anyhow::Result<Tenant> {
        let spec = json!({"displayName": "Rival", "planRef": {"name": "starter"}});
        create(&self.tenants, object("Tenant", &format!("{}-rival", self.slug), &spec)).await
    }

    /// Returns the condition `Mirrored` of a tenant.
    pub(super) async fn mirrored_condition(&self, slug: &str) -> anyhow::Result<Option<Condition>> {
        let conditions = self.tenants.get(slug).await?.status.unwrap_or_default().conditions;
        Ok(crds::conditions::get(&conditions, crds::conditions::MIRRORED).cloned())
    }

    pub(super) async fn workflow(&self, name: &str) -> anyhow::Result<Workflow> {
        let spec = json!({
            "displayName": "Invoice intake",
            "input": {"schema": {"type": "object"}},
            "steps": [{"name": "shape", "expr": {"value": "${{ input.total }}"}}],
        });
        create(&self.workflows, object("Workflow", name, &spec)).await
    }

    pub(super) async fn run(&self, workflow: &str, name: &str) -> anyhow::Result<WorkflowRun> {
        let spec = json!({"workflowRef": {"name": workflow}, "input": {"total": 12.5, "note": "für Jürgen"}});
        create(&self.runs, object("WorkflowRun", name, &spec)).await
    }

    /// Creates a run that repeats the failed steps of an earlier one.
    pub(super) async fn rerun(
        &self,
        workflow: &str,
        name: &str,
        earlier: &str,
    ) -> anyhow::Result<WorkflowRun> {
        let spec = json!({
            "workflowRef": {"name": workflow},
            "input": {"total": 12.5},
            "reuse": {"run": earlier, "from": "Failed"},
        });
        create(&self.runs, object("WorkflowRun", name, &spec)).await
    }

    /// Writes the final status, as the runner does.
    pub(super) async fn finish(&self, name: &str, phase: &str) -> anyhow::Result<WorkflowRun> {
        let status = json!({"status": {
            "phase": phase,
            "startedAt": "2026-11-24T08:00:01Z",
            "finishedAt": "2026-11-24T08:00:02Z",
            "steps": [{"name": "shape", "phase": "Succeeded", "attempt": 1, "output": 12.5}],
            "output": {"total": 12.5},
        }});
        Ok(self.runs.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await?)
    }

    /// Assigns the run to a pod, as the operator does.
    pub(super) async fn assign(&self, name: &str, pod: &str, uid: &str) -> anyhow::Result<WorkflowRun> {
        let runner = json!({"job": "some-job", "pod": pod, "podUid": uid});
        let status = json!({"status": {"phase": "Running", "runner": runner}});
        Ok(self.runs.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await?)
    }

    /// Returns whether the run has the condition `Archived`.
    pub(super) async fn is_archived(&self, name: &str) -> anyhow::Result<bool> {
        let conditions = self.runs.get(name).await?.status.unwrap_or_default().conditions;
        Ok(crds::conditions::is_true(&conditions, crds::conditions::ARCHIVED))
    }

    pub(super) async fn delete_run(&self, name: &str) -> anyhow::Result<()> {
        self.runs.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

async fn create<K>(api: &Api<K>, object: Value) -> anyhow::Result<K>
where
    K: Clone + std::fmt::Debug + DeserializeOwned + serde::Serialize,
{
    Ok(api.create(&PostParams::default(), &serde_json::from_value(object)?).await?)
}
