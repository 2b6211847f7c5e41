//! Runs whose workflow is deleted, and the resources of deleted workflows.

use anyhow::Context as _;
use crds::WorkflowRunStatus;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use serde_json::json;
use tests::wait;

use super::{
    DEADLINE,
    fixture::{Fixture, assigned_pod},
    objects, process,
    suspended::{approval, decide, suspend},
};

fn revisions(fixture: &Fixture) -> Api<ControllerRevision> {
    Api::namespaced(fixture.client.clone(), &fixture.namespace)
}

async fn revision_of(fixture: &Fixture, run: &str) -> anyhow::Result<String> {
    let status = fixture.runs.get(run).await?.status.unwrap_or_default();
    Ok(status.revision.context("the run has no revision")?.name)
}

/// Deletes the workflow `intake` and waits until it is gone.
async fn delete_workflow(fixture: &Fixture, params: &DeleteParams) -> anyhow::Result<()> {
    fixture.workflows.delete("intake", params).await?;
    let workflow = async || Ok(fixture.workflows.get_opt("intake").await?);
    wait::until("the workflow is deleted", DEADLINE, workflow, Option::is_none).await?;
    Ok(())
}

/// Waits until these revisions are left in the namespace.
async fn wait_for_revisions(fixture: &Fixture, expected: &[String]) -> anyhow::Result<()> {
    let names = async || {
        let found = revisions(fixture).list(&ListParams::default()).await?.items;
        Ok(found.iter().map(|revision| revision.name_any()).collect::<Vec<_>>())
    };
    let what = format!("the revisions {expected:?} remain");
    wait::until(&what, DEADLINE, names, |names| names == expected).await?;
    Ok(())
}

/// A run that waits for an approval continues with its revision after its workflow was deleted and created again, also
/// under a new operator; then its revision is deleted.
#[tokio::test]
async fn a_suspended_run_continues_after_its_workflow_was_replaced() -> anyhow::Result<()> {
    for (prefix, params) in
        [("replaced", DeleteParams::background()), ("replaced-fg", DeleteParams::foreground())]
    {
        let fixture = Fixture::with_workflow(prefix, objects::plan()).await?;
        fixture.run("asks", json!({"quantity": 1})).await?;
        let first = fixture.wait_until_assigned("asks").await?;
        let now = telemetry::clock::now().to_string();
        suspend(&fixture, "asks", approval(), json!({"suspendedAt": now})).await?;
        fixture.wait_until_jobs_deleted("asks").await?;
        let old = revision_of(&fixture, "asks").await?;
        delete_workflow(&fixture, &params).await?;
        let other = objects::with(objects::intake(), "description", json!("another"));
        objects::create(&fixture.workflows, "Workflow", "intake", other).await?;
        let workflow = fixture.workflow_with_valid("intake", "True").await?;
        let new = workflow.status.and_then(|status| status.revision).context("no revision")?.name;
        // The new operator has no revision in its cache.
        process::kill().await?.start(&fixture.client).await?;
        decide(&fixture, "asks").await?;
        assert_ne!(fixture.wait_until_assigned("asks").await?, first);
        assert_eq!(revision_of(&fixture, "asks").await?, old);
        let pod = fixture.pods.get(&fixture.pod_of("asks").await?).await?;
        assert_eq!(pod.labels().get("smbcopilot.dev/revision"), Some(&old));
        assert!(revisions(&fixture).get_opt(&old).await?.is_some(), "the run needs its revision");
        fixture.finish_run("asks").await?;
        wait_for_revisions(&fixture, &[new]).await?;
    }
    Ok(())
}

/// A sub-run whose workflow was deleted gets another pod when it loses its own, and its parent continues when it has ended.
#[tokio::test]
async fn sub_runs_and_parents_continue_without_their_workflow() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("orphaned", objects::plan()).await?;
    let parent = fixture.run("parent", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("parent").await?;
    let origin = json!({"name": "parent", "uid": parent.uid(), "step": "parse", "depth": 1});
    fixture.sub_run("child", "parent", json!({"kind": "Workflow", "parent": origin})).await?;
    suspend(&fixture, "parent", json!({"for": "Run", "run": "child"}), json!({})).await?;
    let lost = fixture.wait_until_assigned("child").await?;
    delete_workflow(&fixture, &DeleteParams::background()).await?;
    fixture.delete_pod(&fixture.pod_of("child").await?).await?;
    let other = |status: &WorkflowRunStatus| assigned_pod(status).is_some_and(|now| now != lost);
    fixture.run_until("child", "has another pod", other).await?;
    fixture.finish_run("child").await?;
    fixture.wait_until_assigned("parent").await?;
    fixture.finish_run("parent").await?;
    wait_for_revisions(&fixture, &[]).await
}

/// The revisions of a workflow that was deleted while no operator was running are deleted, except for those of unfinished
/// runs.
#[tokio::test]
async fn revisions_of_a_workflow_deleted_during_an_outage_are_deleted() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("outage", objects::plan()).await?;
    fixture.run("long", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("long").await?;
    let needed = revision_of(&fixture, "long").await?;
    objects::create(&fixture.workflows, "Workflow", "unused", objects::intake()).await?;
    fixture.workflow_with_valid("unused", "True").await?;
    let stopped = process::kill().await?;
    fixture.workflows.delete("unused", &DeleteParams::default()).await?;
    delete_workflow(&fixture, &DeleteParams::default()).await?;
    stopped.start(&fixture.client).await?;
    wait_for_revisions(&fixture, &[needed]).await?;
    fixture.finish_run("long").await?;
    wait_for_revisions(&fixture, &[]).await
}

/// A current revision that somebody has deleted is stored again, and new runs execute it.
#[tokio::test]
async fn a_deleted_current_revision_is_stored_again() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("restored", objects::plan()).await?;
    let workflow = fixture.workflows.get("intake").await?;
    let current = workflow.status.and_then(|status| status.revision).context("no revision")?.name;
    let stopped = process::kill().await?;
    revisions(&fixture).delete(&current, &DeleteParams::background()).await?;
    stopped.start(&fixture.client).await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    assert_eq!(revision_of(&fixture, "order-7").await?, current);
    Ok(())
}
