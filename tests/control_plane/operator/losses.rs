//! Runs whose pod is lost.

use crds::run::RunPhase;
use serde_json::{Value, json};

use super::{
    fixture::{Fixture, assigned_pod},
    objects,
};

async fn running(prefix: &str) -> anyhow::Result<(Fixture, String)> {
    let fixture = Fixture::with_workflow(prefix, objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 3})).await?;
    let uid = fixture.wait_until_assigned("order-7").await?;
    fixture.begin_run("order-7").await?;
    Ok((fixture, uid))
}

fn ended(container: &str, reason: &str) -> Value {
    json!({"phase": "Running", "containerStatuses": [{
        "name": container, "image": "image", "imageID": "id", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 137, "reason": reason}},
    }]})
}

/// A run whose pod is deleted continues in another pod.
#[tokio::test]
async fn a_run_whose_pod_is_deleted_continues_in_another() -> anyhow::Result<()> {
    let (fixture, uid) = running("pod-deleted").await?;
    fixture.delete_pod(&fixture.pod_of("order-7").await?).await?;
    let other = |status: &crds::WorkflowRunStatus| assigned_pod(status).is_some_and(|now| now != uid);
    let status = fixture.run_until("order-7", "has another pod", other).await?;
    assert_eq!(status.phase, Some(RunPhase::Running), "the phase does not return to Queued");
    let lost = status.runner.and_then(|runner| runner.lost).unwrap_or_default();
    assert_eq!((lost.count, lost.reason.as_deref()), (1, Some("PodDeleted")));
    assert_eq!(fixture.jobs_of("order-7").await?.len(), 1, "the old Job is deleted");
    Ok(())
}

/// The next runner learns that the step of the lost pod ran out of memory.
#[tokio::test]
async fn an_out_of_memory_host_is_reported_to_the_next_runner() -> anyhow::Result<()> {
    let (fixture, _) = running("oom").await?;
    fixture.write_pod_of("order-7", ended("host-0", "OOMKilled")).await?;
    let reported = |status: &crds::WorkflowRunStatus| {
        let lost = status.runner.as_ref().and_then(|runner| runner.lost.as_ref());
        lost.and_then(|lost| lost.reason.as_deref()) == Some("OOMKilled") && assigned_pod(status).is_some()
    };
    fixture.run_until("order-7", "has another pod, and the reason of the loss", reported).await?;
    Ok(())
}

/// A run fails after five pods in a row were lost.
#[tokio::test]
async fn five_lost_pods_in_a_row_fail_the_run() -> anyhow::Result<()> {
    let (fixture, mut uid) = running("five").await?;
    for _ in 0..4 {
        fixture.write_pod_of("order-7", ended("runner", "Error")).await?;
        let other = |status: &crds::WorkflowRunStatus| assigned_pod(status).is_some_and(|now| now != uid);
        let status = fixture.run_until("order-7", "has another pod", other).await?;
        uid = assigned_pod(&status).unwrap_or_default();
    }
    fixture.write_pod_of("order-7", ended("runner", "Error")).await?;
    let status =
        fixture.run_until("order-7", "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    assert_eq!(status.error.map(|error| error.code), Some("RUNNER_LOST".to_owned()));
    fixture.wait_until_jobs_deleted("order-7").await
}

/// A run that its runner releases is assigned to another pod.
#[tokio::test]
async fn a_released_run_is_assigned_to_another_pod() -> anyhow::Result<()> {
    let (fixture, uid) = running("handed-back").await?;
    let pod = fixture.pod_of("order-7").await?;
    fixture.write_run("order-7", json!({"runner": null})).await?;
    fixture.pods.delete(&pod, &kube::api::DeleteParams::default()).await?;
    let other = |status: &crds::WorkflowRunStatus| assigned_pod(status).is_some_and(|now| now != uid);
    fixture.run_until("order-7", "has another pod", other).await?;
    Ok(())
}
