//! Runs that are queued for a slot or for resources.

use crds::{WorkflowRunStatus, run::RunPhase};
use serde_json::json;

use super::{fixture::Fixture, objects, refused_deletions::RefusedDeletions};

fn reason(status: &WorkflowRunStatus) -> Option<&str> {
    status.queue.as_ref().map(|queue| queue.reason.as_str())
}

/// Runs beyond the plan's concurrency are queued, and start when a slot is released.
#[tokio::test]
async fn runs_beyond_the_plans_limit_wait_for_a_slot() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let fixture = Fixture::with_workflow("limit", plan).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.run("second", json!({"quantity": 2})).await?;
    let waiting =
        fixture.run_until("second", "waits", |status| reason(status) == Some("PlanConcurrency")).await?;
    assert_eq!(waiting.queue.and_then(|queue| queue.position), Some(1));
    assert!(waiting.revision.is_some(), "a queued run is pinned to a revision");
    assert!(fixture.jobs_of("second").await?.is_empty());
    fixture.finish_run("first").await?;
    fixture.wait_until_assigned("second").await?;
    let queue = fixture.runs.get("second").await?.status.unwrap_or_default().queue.unwrap_or_default();
    assert_eq!((queue.position, queue.reason.as_str()), (None, "PodStarting"));
    Ok(())
}

/// A run that does not fit into the quota is queued with the reason, and starts when resources are available.
#[tokio::test]
async fn a_run_without_resources_is_queued_and_starts_when_they_are_available() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["namespace"]["pods"] = json!(1);
    let fixture = Fixture::with_workflow("full", plan).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.run("second", json!({"quantity": 2})).await?;
    let waiting =
        fixture.run_until("second", "waits", |status| reason(status) == Some("ClusterFull")).await?;
    let message = waiting.queue.map(|queue| queue.message).unwrap_or_default();
    assert!(message.starts_with("the quota of the tenant has no room for the pod of the run: "), "{message}");
    assert!(message.contains("exceeded quota"), "{message}");
    assert!(fixture.jobs_of("second").await?.is_empty());
    fixture.finish_run("first").await?;
    fixture.wait_until_assigned("second").await?;
    Ok(())
}

/// A run that is cancelled while it is queued never starts.
#[tokio::test]
async fn a_queued_run_is_cancelled_at_once() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let fixture = Fixture::with_workflow("cancel", plan).await?;
    for name in ["first", "second"] {
        fixture.run(name, json!({"quantity": 1})).await?;
        fixture.run_until(name, "is reconciled", |status| status.phase.is_some()).await?;
    }
    fixture.cancel_run("second", "Graceful").await?;
    fixture.run_until("second", "is cancelled", |status| status.phase == Some(RunPhase::Cancelled)).await?;
    Ok(())
}

/// The slot of a run that has ended goes to the next run although the rest of the run's resources cannot be released.
#[tokio::test]
async fn the_slot_of_an_ended_run_is_free_although_its_job_cannot_be_deleted() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let fixture = Fixture::with_workflow("stuck-job", plan).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.run("second", json!({"quantity": 2})).await?;
    let refused = RefusedDeletions::begin(&fixture, "first").await?;
    fixture.finish_run("first").await?;
    fixture.wait_until_assigned("second").await?;
    assert_eq!(fixture.jobs_of("first").await?.len(), 1, "the Job could not be deleted");
    refused.end().await?;
    fixture.wait_until_jobs_deleted("first").await
}

/// Many new runs of a tenant are queued at its pace, none is forgotten, and a run with a higher priority does not wait behind
/// them.
#[tokio::test]
async fn many_new_runs_are_queued_one_after_the_other() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let fixture = Fixture::with_workflow("flood", plan).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    let names: Vec<_> = (0..100).map(|number| format!("flood-{number}")).collect();
    for name in &names {
        fixture.run(name, json!({"quantity": 1})).await?;
    }
    let urgent = json!({"workflowRef": {"name": "intake"}, "input": {"quantity": 1}, "priority": 1});
    objects::create(&fixture.runs, "WorkflowRun", "urgent", urgent).await?;
    let is_first =
        |status: &WorkflowRunStatus| status.queue.as_ref().is_some_and(|queue| queue.position == Some(1));
    fixture.run_until("urgent", "is the first in the queue", is_first).await?;
    for name in &names {
        fixture.run_until(name, "is queued", |status| reason(status) == Some("PlanConcurrency")).await?;
    }
    fixture.finish_run("first").await?;
    fixture.wait_until_assigned("urgent").await?;
    Ok(())
}
