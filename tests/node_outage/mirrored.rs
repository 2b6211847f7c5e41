//! What the API tells of everything that lives in a tenant's namespace.

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
    api::Caller,
    namespace::{DEADLINE, Namespace},
    wait::until,
};

/// Answers by path.
pub(super) type Told = BTreeMap<String, Value>;

/// What is told of each live workflow and run, alone and in lists.
pub(super) async fn told(caller: &Caller, namespace: &Namespace) -> anyhow::Result<Told> {
    let mut told = Told::new();
    for workflow in namespace.workflows().list(&ListParams::default()).await? {
        let path = format!("/v1/workflows/{}", workflow.uid().unwrap_or_default());
        told.insert(path.clone(), get(caller, &path).await?);
    }
    let runs = namespace.runs().list(&ListParams::default()).await?;
    let live: Vec<Value> = runs.iter().filter_map(|run| run.uid().map(Value::from)).collect();
    for id in live.iter().filter_map(Value::as_str) {
        for path in [format!("/v1/workflow-runs/{id}"), format!("/v1/workflow-runs/{id}/steps")] {
            told.insert(path.clone(), get(caller, &path).await?);
        }
    }
    for path in ["/v1/tenant", "/v1/plans", "/v1/workflows?limit=100", "/v1/workflow-runs?limit=100"] {
        let mut answer = get(caller, path).await?;
        // A cursor is another one each time; a run that is gone from the cluster is in the database alone.
        if let Some(list) = answer.get_mut("data").map(Value::take) {
            let is_live =
                |run: &Value| !path.contains("runs") || run.get("id").is_some_and(|id| live.contains(id));
            let list = list.as_array().cloned().unwrap_or_default();
            answer = list.into_iter().filter(is_live).collect();
        }
        told.insert(path.to_owned(), answer);
    }
    Ok(told)
}

async fn get(caller: &Caller, path: &str) -> anyhow::Result<Value> {
    let answer = caller.get(path).await?;
    ensure!(answer.status == 200, "GET {path}: {answer:#?}");
    Ok(answer.body)
}

/// Waits until nobody writes to the namespace any more, and the API tells of the last that was written.
pub(super) async fn settled(caller: &Caller, namespace: &Namespace) -> anyhow::Result<()> {
    let look = async || {
        let runs = namespace.runs().list(&ListParams::default()).await?.items;
        let workflows = namespace.workflows().list(&ListParams::default()).await?.items;
        let mut open: Vec<String> =
            runs.iter().filter(|run| !is_archived(run)).map(ResourceExt::name_any).collect();
        open.extend(workflows.iter().filter(|one| !knows_last(one, &runs)).map(ResourceExt::name_any));
        for (path, object) in paths(&runs, &workflows) {
            if !is_told(caller, &path, object).await? {
                open.push(path);
            }
        }
        Ok(open)
    };
    until("all is told", DEADLINE, look, Vec::is_empty).await.map(drop)
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

/// Whether the API tells of an object as it was last written.
async fn is_told(caller: &Caller, path: &str, meta: &ObjectMeta) -> anyhow::Result<bool> {
    let told = get(caller, path).await?;
    let told: Option<Timestamp> =
        told.get("updatedAt").and_then(Value::as_str).and_then(|at| at.parse().ok());
    let writes = meta.managed_fields.iter().flatten();
    Ok(told == writes.filter_map(|write| write.time.as_ref()).map(|time| time.0).max())
}

fn is_archived(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| is_true(&status.conditions, ARCHIVED))
}

/// Whether a workflow's status has its newest run: it is written with a delay.
fn knows_last(workflow: &Workflow, runs: &[WorkflowRun]) -> bool {
    let of_it = runs.iter().filter(|run| run.spec.workflow_ref.name == workflow.name_any());
    let newest = of_it.filter_map(|run| run.status.as_ref()?.finished_at.as_ref()).map(|at| at.0).max();
    let known = workflow.status.as_ref().and_then(|status| status.last_run.as_ref()?.finished_at.as_ref());
    known.map(|at| at.0) >= newest
}
