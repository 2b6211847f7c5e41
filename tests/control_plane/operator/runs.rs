//! Runs from their creation to their end.

use crds::{run::RunPhase, workflow::ErrorKind};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tests::{tenant_deletion::delete_confirmed, wait};

use super::{DEADLINE, fixture::Fixture, objects};

/// A run is assigned to a pod, whose Job is deleted when the run ends.
#[tokio::test]
async fn a_run_gets_a_pod_and_its_job_is_deleted_when_it_ends() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("simple", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 3})).await?;
    let uid = fixture.wait_until_assigned("order-7").await?;
    let status = fixture.runs.get("order-7").await?.status.unwrap_or_default();
    assert_eq!(status.phase, Some(RunPhase::Queued), "only the runner sets the phase Running");
    assert!(status.started_at.is_none() && status.revision.is_some(), "no runner has begun");
    assert_eq!(fixture.pods.get(&fixture.pod_of("order-7").await?).await?.metadata.uid, Some(uid));
    fixture.finish_run("order-7").await?;
    fixture.wait_until_jobs_deleted("order-7").await?;
    let workflow = async || Ok(fixture.workflows.get("intake").await?.status.unwrap_or_default());
    wait::until("the workflow shows its last run", DEADLINE, workflow, |status| {
        status
            .last_run
            .as_ref()
            .is_some_and(|last| last.name == "order-7" && last.phase == RunPhase::Succeeded)
    })
    .await?;
    Ok(())
}

/// A run with invalid input fails without a pod, with a JSON pointer to the invalid value.
#[tokio::test]
async fn a_run_with_invalid_input_fails_with_a_pointer_and_without_a_pod() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("input", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": "three"})).await?;
    let status =
        fixture.run_until("order-7", "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    let error = status.error.unwrap_or_else(|| panic!("the failed run has no error"));
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Schema, "INPUT_INVALID"));
    assert!(error.message.contains("/quantity"), "{}", error.message);
    assert!(fixture.jobs_of("order-7").await?.is_empty());
    Ok(())
}

/// A run that can never start, such as one of a workflow that does not exist, fails with the reason.
#[tokio::test]
async fn a_run_that_can_never_start_fails_with_the_reason() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("never", objects::plan()).await?;
    let invalid = json!({"steps": [{"name": "first", "when": "1 +", "expr": {"value": 1}}]});
    objects::create(&fixture.workflows, "Workflow", "broken", invalid).await?;
    let mut archived = objects::intake();
    archived["state"] = json!("Archived");
    objects::create(&fixture.workflows, "Workflow", "old", archived).await?;
    for (workflow, code) in
        [("missing", "WORKFLOW_NOT_FOUND"), ("broken", "WORKFLOW_INVALID"), ("old", "WORKFLOW_ARCHIVED")]
    {
        let spec = json!({"workflowRef": {"name": workflow}, "input": {"quantity": 1}});
        objects::create(&fixture.runs, "WorkflowRun", workflow, spec).await?;
        let status =
            fixture.run_until(workflow, "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
        assert_eq!(status.error.map(|error| error.code), Some(code.to_owned()));
    }
    Ok(())
}

/// The Job of a deleted run is deleted.
#[tokio::test]
async fn the_job_of_a_deleted_run_is_deleted() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("deleted", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 3})).await?;
    fixture.wait_until_assigned("order-7").await?;
    fixture.runs.delete("order-7", &DeleteParams::default()).await?;
    fixture.wait_until_jobs_deleted("order-7").await
}

/// A run whose runner does not report ends at its timeout.
#[tokio::test]
async fn a_run_without_reports_of_its_runner_times_out() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("silent", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 3})).await?;
    fixture.wait_until_assigned("order-7").await?;
    fixture.write_run("order-7", json!({"startedAt": "2020-01-01T00:00:00Z"})).await?;
    fixture.run_until("order-7", "times out", |status| status.phase == Some(RunPhase::TimedOut)).await?;
    fixture.wait_until_jobs_deleted("order-7").await
}

/// Runs of a suspended tenant are queued, and start when the tenant is active again.
#[tokio::test]
async fn runs_of_a_suspended_tenant_are_queued() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("suspended", objects::plan()).await?;
    let state = async |state: &str| {
        let patch = Patch::Merge(json!({"spec": {"state": state}}));
        fixture.tenants.patch(&fixture.slug, &PatchParams::default(), &patch).await?;
        fixture.tenant_with_ready("True").await
    };
    state("Suspended").await?;
    fixture.run("order-7", json!({"quantity": 3})).await?;
    let waits = |status: &crds::WorkflowRunStatus| {
        status.queue.as_ref().is_some_and(|queue| queue.reason == "TenantNotActive")
    };
    fixture.run_until("order-7", "waits for its tenant", waits).await?;
    state("Active").await?;
    fixture.wait_until_assigned("order-7").await?;
    Ok(())
}

/// Runs of a deleted tenant are cancelled.
#[tokio::test]
async fn runs_of_a_deleted_tenant_are_cancelled() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("orphan", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 3})).await?;
    fixture.wait_until_assigned("order-7").await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    let cancelled = |status: &crds::WorkflowRunStatus| status.phase == Some(RunPhase::Cancelled);
    let status = fixture.run_until("order-7", "is cancelled", cancelled).await?;
    assert_eq!(status.error.map(|error| error.code), Some("TENANT_GONE".to_owned()));
    fixture.wait_until_jobs_deleted("order-7").await
}
