//! What becomes of one run too many.

use crds::{
    WorkflowRunStatus,
    run::{Cancel, RunPhase},
};
use serde_json::{Value, json};

use super::{objects, world::World};

async fn world(prefix: &str, concurrency: Value) -> anyhow::Result<World> {
    let world = World::with_tenant(prefix, objects::plan()).await?;
    let spec = objects::with(objects::intake(), "concurrency", concurrency);
    objects::create(&world.workflows, "Workflow", "intake", spec).await?;
    world.workflow_with_valid("intake", "True").await?;
    Ok(world)
}

fn code(status: WorkflowRunStatus) -> String {
    status.error.map(|error| error.code).unwrap_or_default()
}

/// A run that is to be refused waits for hours; or one of another customer is refused.
#[tokio::test]
async fn reject_refuses_what_is_one_too_many() -> anyhow::Result<()> {
    let world =
        world("reject", json!({"key": "string(input.quantity)", "limit": 1, "policy": "Reject"})).await?;
    world.run("first", json!({"quantity": 1})).await?;
    world.assigned("first").await?;
    world.run("other", json!({"quantity": 2})).await?;
    world.assigned("other").await?;
    world.run("second", json!({"quantity": 1})).await?;
    let status = world.run_until("second", "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    assert_eq!(code(status), "CONCURRENCY_LIMIT");
    Ok(())
}

/// The newest state is computed last, after all the old ones.
#[tokio::test]
async fn cancel_older_makes_way_for_the_newest() -> anyhow::Result<()> {
    let world = world("cancel-older", json!({"limit": 1, "policy": "CancelOlder"})).await?;
    world.run("a-runs", json!({"quantity": 1})).await?;
    world.assigned("a-runs").await?;
    // Times of creation are whole seconds; within one the name decides.
    world.run("b-waits", json!({"quantity": 2})).await?;
    let requested = |status: &WorkflowRunStatus| status.cancel_requested == Some(Cancel::Now);
    world.run_until("a-runs", "is asked to end", requested).await?;
    world.run_until("b-waits", "waits", |status| status.queue.is_some()).await?;
    world.run("c-new", json!({"quantity": 3})).await?;
    let status =
        world.run_until("b-waits", "is ended", |status| status.phase == Some(RunPhase::Cancelled)).await?;
    assert_eq!(code(status), "SUPERSEDED");
    world.write_run("a-runs", json!({"phase": "Cancelled", "finishedAt": "2026-11-24T08:00:02Z"})).await?;
    world.assigned("c-new").await?;
    Ok(())
}

/// A tenant fills the cluster with runs that wait; or starts more a day than its plan says.
#[tokio::test]
async fn the_plan_bounds_what_waits_and_what_starts_a_day() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1, "queuedRuns": 1, "runsPerDay": 2});
    let world = World::with_workflow("bounds", plan).await?;
    world.run("first", json!({"quantity": 1})).await?;
    world.assigned("first").await?;
    world.run("second", json!({"quantity": 1})).await?;
    world.run_until("second", "waits", |status| status.queue.is_some()).await?;
    world.run("third", json!({"quantity": 1})).await?;
    let status = world.run_until("third", "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    assert_eq!(code(status), "QUEUE_FULL");
    world.finish_run("first").await?;
    world.assigned("second").await?;
    world.finish_run("second").await?;
    world.run("fourth", json!({"quantity": 1})).await?;
    let day = |status: &WorkflowRunStatus| {
        status.queue.as_ref().is_some_and(|queue| queue.reason == "PlanRunsPerDay")
    };
    world.run_until("fourth", "waits for tomorrow", day).await?;
    Ok(())
}
