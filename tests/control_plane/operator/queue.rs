//! Runs that wait for a slot or for room.

use crds::{WorkflowRunStatus, run::RunPhase};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{objects, world::World};

fn reason(status: &WorkflowRunStatus) -> Option<&str> {
    status.queue.as_ref().map(|queue| queue.reason.as_str())
}

/// A tenant runs more than its plan allows; or a slot that is free again is given to nobody.
#[tokio::test]
async fn runs_beyond_the_plans_limit_wait_for_a_slot() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let world = World::with_workflow("limit", plan).await?;
    world.run("first", json!({"quantity": 1})).await?;
    world.assigned("first").await?;
    world.run("second", json!({"quantity": 2})).await?;
    let waiting =
        world.run_until("second", "waits", |status| reason(status) == Some("PlanConcurrency")).await?;
    assert_eq!(waiting.queue.and_then(|queue| queue.position), Some(1));
    assert!(waiting.revision.is_some(), "a later edit must not touch a run that waits");
    assert!(world.jobs_of("second").await?.is_empty());
    world.finish_run("first").await?;
    world.assigned("second").await?;
    assert_eq!(world.runs.get("second").await?.status.unwrap_or_default().queue, None);
    Ok(())
}

/// A run that does not fit into the quota has a Job without a pod, and nobody knows why.
#[tokio::test]
async fn a_run_without_room_says_so_and_starts_when_there_is_room() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["namespace"]["pods"] = json!(1);
    let world = World::with_workflow("full", plan).await?;
    world.run("first", json!({"quantity": 1})).await?;
    world.assigned("first").await?;
    world.run("second", json!({"quantity": 2})).await?;
    let waiting = world.run_until("second", "waits", |status| reason(status) == Some("ClusterFull")).await?;
    let message = waiting.queue.map(|queue| queue.message).unwrap_or_default();
    assert!(message.contains("exceeded quota"), "{message}");
    assert!(world.jobs_of("second").await?.is_empty());
    world.finish_run("first").await?;
    world.assigned("second").await?;
    Ok(())
}

/// A run is cancelled while it waits, and starts nevertheless.
#[tokio::test]
async fn a_waiting_run_is_cancelled_at_once() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 1});
    let world = World::with_workflow("cancel", plan).await?;
    for name in ["first", "second"] {
        world.run(name, json!({"quantity": 1})).await?;
        world.run_until(name, "is looked at", |status| status.phase.is_some()).await?;
    }
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Graceful"}}));
    world.runs.patch("second", &PatchParams::default(), &cancel).await?;
    world.run_until("second", "is cancelled", |status| status.phase == Some(RunPhase::Cancelled)).await?;
    Ok(())
}
