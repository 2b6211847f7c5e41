//! Restarts of the operator.

use serde_json::json;

use super::{
    fixture::{Fixture, assigned_pod},
    objects, process,
};

/// A new operator reconciles everything that changed while no operator was running.
#[tokio::test]
async fn a_new_operator_reconciles_missed_changes() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 2});
    let fixture = Fixture::with_workflow("restart", plan).await?;
    fixture.run("ends", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("ends").await?;
    fixture.run("loses", json!({"quantity": 1})).await?;
    let lost = fixture.wait_until_assigned("loses").await?;
    fixture.run("waits", json!({"quantity": 1})).await?;
    fixture.run_until("waits", "waits", |status| status.queue.is_some()).await?;
    let stopped = process::kill().await?;
    fixture.delete_pod(&fixture.pod_of("loses").await?).await?;
    fixture.finish_run("ends").await?;
    stopped.start(&fixture.client).await?;
    let other = |status: &crds::WorkflowRunStatus| assigned_pod(status).is_some_and(|now| now != lost);
    fixture.run_until("loses", "has another pod", other).await?;
    fixture.wait_until_jobs_deleted("ends").await?;
    fixture.wait_until_assigned("waits").await?;
    assert_eq!(fixture.jobs_of("loses").await?.len(), 1);
    Ok(())
}

/// A run gets the pod that was created for it before the operator was killed, and no second one.
#[tokio::test]
async fn a_pod_created_before_a_kill_gets_its_run_afterwards() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("made", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    let pod = fixture.wait_until_assigned("order-7").await?;
    // If the operator is killed between its two writes, the Job exists, and the status of the run says only
    // that it waits.
    let stopped = process::kill().await?;
    let before = json!({"runner": null, "queue": null, "conditions": []});
    fixture.write_run("order-7", before).await?;
    stopped.start(&fixture.client).await?;
    assert_eq!(fixture.wait_until_assigned("order-7").await?, pod);
    assert_eq!(fixture.jobs_of("order-7").await?.len(), 1);
    Ok(())
}
