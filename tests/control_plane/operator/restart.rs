//! The operator is killed.

use serde_json::json;

use super::{
    objects, process,
    world::{World, held_by},
};

/// What happened while no operator worked is never made good.
#[tokio::test]
async fn a_new_operator_makes_good_what_was_missed() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 2});
    let world = World::with_workflow("restart", plan).await?;
    world.run("ends", json!({"quantity": 1})).await?;
    world.assigned("ends").await?;
    world.run("loses", json!({"quantity": 1})).await?;
    let lost = world.assigned("loses").await?;
    world.run("waits", json!({"quantity": 1})).await?;
    world.run_until("waits", "waits", |status| status.queue.is_some()).await?;
    let stopped = process::kill().await?;
    world.delete_pod(&world.pod_of("loses").await?).await?;
    world.finish_run("ends").await?;
    stopped.start(&world.client).await?;
    let other = |status: &crds::WorkflowRunStatus| held_by(status).is_some_and(|now| now != lost);
    world.run_until("loses", "has another pod", other).await?;
    world.no_jobs_of("ends").await?;
    world.assigned("waits").await?;
    assert_eq!(world.jobs_of("loses").await?.len(), 1);
    Ok(())
}

/// A run has two pods, or none for ever, since the operator was killed after it had made the first.
#[tokio::test]
async fn a_pod_that_was_made_before_a_kill_takes_its_run_after_it() -> anyhow::Result<()> {
    let world = World::with_workflow("made", objects::plan()).await?;
    world.run("order-7", json!({"quantity": 1})).await?;
    let pod = world.assigned("order-7").await?;
    // Killed between the two writes, the operator would have left the Job, and nothing on the run but that it waits.
    let stopped = process::kill().await?;
    let before = json!({"runner": null, "startedAt": null, "conditions": []});
    world.write_run("order-7", before).await?;
    stopped.start(&world.client).await?;
    assert_eq!(world.assigned("order-7").await?, pod);
    assert_eq!(world.jobs_of("order-7").await?.len(), 1);
    Ok(())
}
