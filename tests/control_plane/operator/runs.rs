//! Runs, from their creation to their end.

use crds::{run::RunPhase, workflow::ErrorKind};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tests::wait;

use super::{DEADLINE, objects, world::World};

/// A run is never given a pod, or its pod stays after it.
#[tokio::test]
async fn a_run_is_given_a_pod_and_its_job_is_deleted_when_it_ends() -> anyhow::Result<()> {
    let world = World::with_workflow("simple", objects::plan()).await?;
    world.run("order-7", json!({"quantity": 3})).await?;
    let uid = world.assigned("order-7").await?;
    let status = world.runs.get("order-7").await?.status.unwrap_or_default();
    assert_eq!(status.phase, Some(RunPhase::Queued), "Running is the runner's to say");
    assert!(status.started_at.is_some() && status.revision.is_some());
    assert_eq!(world.pods.get(&world.pod_of("order-7").await?).await?.metadata.uid, Some(uid));
    world.finish_run("order-7").await?;
    world.no_jobs_of("order-7").await?;
    let workflow = async || Ok(world.workflows.get("intake").await?.status.unwrap_or_default());
    wait::until("the workflow shows its last run", DEADLINE, workflow, |status| {
        status
            .last_run
            .as_ref()
            .is_some_and(|last| last.name == "order-7" && last.phase == RunPhase::Succeeded)
    })
    .await?;
    Ok(())
}

/// A run whose input is wrong starts a pod, and fails somewhere in the middle.
#[tokio::test]
async fn a_run_with_wrong_input_fails_with_a_pointer_and_without_a_pod() -> anyhow::Result<()> {
    let world = World::with_workflow("input", objects::plan()).await?;
    world.run("order-7", json!({"quantity": "three"})).await?;
    let status = world.run_until("order-7", "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    let error = status.error.unwrap_or_else(|| panic!("a failed run without error"));
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Schema, "INPUT_INVALID"));
    assert!(error.message.contains("/quantity"), "{}", error.message);
    assert!(world.jobs_of("order-7").await?.is_empty());
    Ok(())
}

/// A run of a workflow that is not there waits for ever.
#[tokio::test]
async fn a_run_that_can_never_start_says_why() -> anyhow::Result<()> {
    let world = World::with_tenant("never", objects::plan()).await?;
    let invalid = json!({"steps": [{"name": "first", "when": "1 +", "expr": {"value": 1}}]});
    objects::create(&world.workflows, "Workflow", "broken", invalid).await?;
    let mut archived = objects::intake();
    archived["state"] = json!("Archived");
    objects::create(&world.workflows, "Workflow", "old", archived).await?;
    for (workflow, code) in
        [("missing", "WORKFLOW_NOT_FOUND"), ("broken", "WORKFLOW_INVALID"), ("old", "WORKFLOW_ARCHIVED")]
    {
        let spec = json!({"workflowRef": {"name": workflow}, "input": {"quantity": 1}});
        objects::create(&world.runs, "WorkflowRun", workflow, spec).await?;
        let status =
            world.run_until(workflow, "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
        assert_eq!(status.error.map(|error| error.code), Some(code.to_owned()));
    }
    Ok(())
}

/// A run that is deleted goes on in its pod.
#[tokio::test]
async fn a_deleted_run_takes_its_job_along() -> anyhow::Result<()> {
    let world = World::with_workflow("deleted", objects::plan()).await?;
    world.run("order-7", json!({"quantity": 3})).await?;
    world.assigned("order-7").await?;
    world.runs.delete("order-7", &DeleteParams::default()).await?;
    world.no_jobs_of("order-7").await
}

/// A run that nobody executes is still running a day after its timeout.
#[tokio::test]
async fn a_run_whose_runner_is_silent_times_out() -> anyhow::Result<()> {
    let world = World::with_workflow("silent", objects::plan()).await?;
    world.run("order-7", json!({"quantity": 3})).await?;
    world.assigned("order-7").await?;
    world.write_run("order-7", json!({"startedAt": "2020-01-01T00:00:00Z"})).await?;
    world.run_until("order-7", "times out", |status| status.phase == Some(RunPhase::TimedOut)).await?;
    world.no_jobs_of("order-7").await
}

/// A suspended tenant starts runs; or they are lost when it is active again.
#[tokio::test]
async fn a_suspended_tenants_runs_wait() -> anyhow::Result<()> {
    let world = World::with_workflow("suspended", objects::plan()).await?;
    let state = async |state: &str| {
        let patch = Patch::Merge(json!({"spec": {"state": state}}));
        world.tenants.patch(&world.slug, &PatchParams::default(), &patch).await?;
        world.tenant_with_ready("True").await
    };
    state("Suspended").await?;
    world.run("order-7", json!({"quantity": 3})).await?;
    let waits = |status: &crds::WorkflowRunStatus| {
        status.queue.as_ref().is_some_and(|queue| queue.reason == "TenantNotActive")
    };
    world.run_until("order-7", "waits for its tenant", waits).await?;
    state("Active").await?;
    world.assigned("order-7").await?;
    Ok(())
}

/// A deleted tenant's runs go on, in a namespace that nobody looks after.
#[tokio::test]
async fn a_deleted_tenants_runs_are_cancelled() -> anyhow::Result<()> {
    let world = World::with_workflow("orphan", objects::plan()).await?;
    world.run("order-7", json!({"quantity": 3})).await?;
    world.assigned("order-7").await?;
    world.tenants.delete(&world.slug, &DeleteParams::default()).await?;
    let cancelled = |status: &crds::WorkflowRunStatus| status.phase == Some(RunPhase::Cancelled);
    let status = world.run_until("order-7", "is cancelled", cancelled).await?;
    assert_eq!(status.error.map(|error| error.code), Some("TENANT_GONE".to_owned()));
    world.no_jobs_of("order-7").await
}
