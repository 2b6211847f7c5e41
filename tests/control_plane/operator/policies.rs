//! Concurrency policies and quotas: what happens to a run beyond the limit.

use crds::{
    WorkflowRunStatus,
    run::{Cancel, RunPhase},
};
use serde_json::{Value, json};

use super::{fixture::Fixture, objects};

async fn fixture(prefix: &str, concurrency: Value) -> anyhow::Result<Fixture> {
    let fixture = Fixture::with_tenant(prefix, objects::plan()).await?;
    let spec = objects::with(objects::intake(), "concurrency", concurrency);
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    Ok(fixture)
}

fn code(status: WorkflowRunStatus) -> String {
    status.error.map(|error| error.code).unwrap_or_default()
}

/// With the policy `Reject`, a run beyond the limit fails, and a run with another concurrency key does not.
#[tokio::test]
async fn reject_fails_a_run_beyond_the_limit() -> anyhow::Result<()> {
    let fixture =
        fixture("reject", json!({"key": "string(input.quantity)", "limit": 1, "policy": "Reject"})).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.run("other", json!({"quantity": 2})).await?;
    fixture.wait_until_assigned("other").await?;
    fixture.run("second", json!({"quantity": 1})).await?;
    let status =
        fixture.run_until("second", "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    assert_eq!(code(status), "CONCURRENCY_LIMIT");
    Ok(())
}

/// With the policy `CancelOlder`, the newest run replaces older ones.
#[tokio::test]
async fn cancel_older_cancels_all_but_the_newest_run() -> anyhow::Result<()> {
    let fixture = fixture("cancel-older", json!({"limit": 1, "policy": "CancelOlder"})).await?;
    fixture.run("a-runs", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("a-runs").await?;
    fixture.begin_run("a-runs").await?;
    // Creation times have a resolution of one second; runs with the same time are ordered by name.
    fixture.run("b-waits", json!({"quantity": 2})).await?;
    let requested = |status: &WorkflowRunStatus| status.cancel_requested == Some(Cancel::Now);
    fixture.run_until("a-runs", "is cancelled", requested).await?;
    fixture.run_until("b-waits", "waits", |status| status.queue.is_some()).await?;
    fixture.run("c-new", json!({"quantity": 3})).await?;
    let status =
        fixture.run_until("b-waits", "has ended", |status| status.phase == Some(RunPhase::Cancelled)).await?;
    assert_eq!(code(status), "SUPERSEDED");
    fixture.write_run("a-runs", json!({"phase": "Cancelled", "finishedAt": "2026-11-24T08:00:02Z"})).await?;
    fixture.wait_until_assigned("c-new").await?;
    Ok(())
}

/// The plan limits how many runs of a tenant are queued and how many start per day.
#[tokio::test]
async fn the_plan_limits_queued_runs_and_runs_per_day() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1, "queuedRuns": 1, "runsPerDay": 2});
    let fixture = Fixture::with_workflow("bounds", plan).await?;
    fixture.run("first", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("first").await?;
    fixture.run("second", json!({"quantity": 1})).await?;
    fixture.run_until("second", "waits", |status| status.queue.is_some()).await?;
    fixture.run("third", json!({"quantity": 1})).await?;
    let status = fixture.run_until("third", "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    assert_eq!(code(status), "QUEUE_FULL");
    fixture.finish_run("first").await?;
    fixture.wait_until_assigned("second").await?;
    fixture.finish_run("second").await?;
    fixture.run("fourth", json!({"quantity": 1})).await?;
    let day = |status: &WorkflowRunStatus| {
        status.queue.as_ref().is_some_and(|queue| queue.reason == "PlanRunsPerDay")
    };
    fixture.run_until("fourth", "waits for the daily quota", day).await?;
    Ok(())
}

/// The plan limits how many unfinished runs a tenant has, and how large their inputs are together. A run beyond a limit ends
/// with one write, and one that ends makes room for another.
#[tokio::test]
async fn the_plan_limits_unfinished_runs_and_their_inputs() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1, "unfinishedRuns": 2, "storedInputBytes": "2Ki"});
    let fixture = Fixture::with_workflow("unfinished", plan).await?;
    fixture.run("first", json!({"quantity": 1, "text": "x".repeat(1_500)})).await?;
    fixture.wait_until_assigned("first").await?;
    let failed = |status: &WorkflowRunStatus| status.phase == Some(RunPhase::Failed);
    fixture.run("large", json!({"quantity": 1, "text": "x".repeat(1_000)})).await?;
    let status = fixture.run_until("large", "fails", failed).await?;
    assert!(status.revision.is_none(), "nothing was written before the end");
    assert_eq!(code(status), "STORED_INPUT_LIMIT");
    fixture.run("second", json!({"quantity": 1})).await?;
    fixture.run_until("second", "waits", |status| status.queue.is_some()).await?;
    fixture.run("third", json!({"quantity": 1})).await?;
    let status = fixture.run_until("third", "fails", failed).await?;
    assert!(status.revision.is_none(), "nothing was written before the end");
    assert_eq!(code(status), "UNFINISHED_RUNS_LIMIT");
    fixture.finish_run("first").await?;
    fixture.wait_until_assigned("second").await?;
    fixture.run("fourth", json!({"quantity": 1, "text": "x".repeat(1_000)})).await?;
    fixture.run_until("fourth", "waits", |status| status.queue.is_some()).await?;
    Ok(())
}
