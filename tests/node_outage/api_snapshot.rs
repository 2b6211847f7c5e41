//! Snapshot of the API responses for all objects in a tenant's namespace.

use std::collections::BTreeMap;

use anyhow::ensure;
use crds::{
    Workflow, WorkflowRun,
    conditions::{ARCHIVED, is_true},
};
use jiff::Timestamp;
use kube::{ResourceExt, api::ListParams, core::ObjectMeta};
use serde_json::Value;
use tests::{
    api::ApiClient,
    tenant_namespace::{DEADLINE, TenantNamespace},
    wait::until,
};

/// Response bodies by path.
pub(super) type ApiSnapshot = BTreeMap<String, Value>;

/// Returns the responses for each live workflow and run, alone and in lists.
pub(super) async fn api_snapshot(
    client: &ApiClient,
    namespace: &TenantNamespace,
) -> anyhow::Result<ApiSnapshot> {
    let mut responses = ApiSnapshot::new();
    for workflow in namespace.workflows().list(&ListParams::default()).await? {
        let path = format!("/v1/workflows/{}", workflow.uid().unwrap_or_default());
        responses.insert(path.clone(), get(client, &path).await?);
    }
    let runs = namespace.runs().list(&ListParams::default()).await?;
    let live: Vec<Value> = runs.iter().filter_map(|run| run.uid().map(Value::from)).collect();
    for id in live.iter().filter_map(Value::as_str) {
        for path in [format!("/v1/workflow-runs/{id}"), format!("/v1/workflow-runs/{id}/steps")] {
            responses.insert(path.clone(), get(client, &path).await?);
        }
    }
    for path in ["/v1/tenant", "/v1/plans", "/v1/workflows?limit=100", "/v1/workflow-runs?limit=100"] {
        let mut body = get(client, path).await?;
        // The operator writes the usage of the quota into the tenant at any time.
        if let Some(tenant) = body.as_object_mut().filter(|_| path == "/v1/tenant") {
            tenant.remove("updatedAt");
        }
        // Cursors differ between responses, and runs that were deleted in the cluster exist only in the
        // database.
        if let Some(list) = body.get_mut("data").map(Value::take) {
            let is_live =
                |run: &Value| !path.contains("runs") || run.get("id").is_some_and(|id| live.contains(id));
            let list = list.as_array().cloned().unwrap_or_default();
            body = list.into_iter().filter(is_live).collect();
        }
        responses.insert(path.to_owned(), body);
    }
    Ok(responses)
}

async fn get(client: &ApiClient, path: &str) -> anyhow::Result<Value> {
    let response = client.get(path).await?;
    ensure!(response.status == 200, "GET {path}: {response:#?}");
    Ok(response.body)
}

/// Waits until the objects of the namespace are no longer written and the API returns their last versions.
pub(super) async fn wait_until_mirrored(
    client: &ApiClient,
    namespace: &TenantNamespace,
) -> anyhow::Result<()> {
    let observe = async || {
        let runs = namespace.runs().list(&ListParams::default()).await?.items;
        let workflows = namespace.workflows().list(&ListParams::default()).await?.items;
        let mut open: Vec<String> =
            runs.iter().filter(|run| !is_archived(run)).map(ResourceExt::name_any).collect();
        open.extend(workflows.iter().filter(|one| !has_last_run(one, &runs)).map(ResourceExt::name_any));
        for (path, object) in paths(&runs, &workflows) {
            if !is_mirrored(client, &path, object).await? {
                open.push(path);
            }
        }
        Ok(open)
    };
    until("all objects are mirrored", DEADLINE, observe, Vec::is_empty).await.map(drop)
}

fn paths<'a>(
    runs: &'a [WorkflowRun],
    workflows: &'a [Workflow],
) -> impl Iterator<Item = (String, &'a ObjectMeta)> {
    let runs = runs.iter().map(|run| ("workflow-runs", &run.metadata));
    let workflows = workflows.iter().map(|workflow| ("workflows", &workflow.metadata));
    runs.chain(workflows)
        .map(|(kind, meta)| (format!("/v1/{kind}/{}", meta.uid.as_deref().unwrap_or_default()), meta))
}

/// Returns whether the API returns the last version of an object.
async fn is_mirrored(client: &ApiClient, path: &str, meta: &ObjectMeta) -> anyhow::Result<bool> {
    let body = get(client, path).await?;
    let updated_at: Option<Timestamp> =
        body.get("updatedAt").and_then(Value::as_str).and_then(|at| at.parse().ok());
    let writes = meta.managed_fields.iter().flatten();
    Ok(updated_at == writes.filter_map(|write| write.time.as_ref()).map(|time| time.0).max())
}

fn is_archived(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| is_true(&status.conditions, ARCHIVED))
}

/// Returns whether the status of a workflow has its newest run, which is written with a delay.
fn has_last_run(workflow: &Workflow, runs: &[WorkflowRun]) -> bool {
    let own = runs.iter().filter(|run| run.spec.workflow_ref.name == workflow.name_any());
    let newest = own.filter_map(|run| run.status.as_ref()?.finished_at.as_ref()).map(|at| at.0).max();
    let known = workflow.status.as_ref().and_then(|status| status.last_run.as_ref()?.finished_at.as_ref());
    known.map(|at| at.0) >= newest
}
