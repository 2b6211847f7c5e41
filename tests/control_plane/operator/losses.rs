//! Pods that are lost under their run.

use crds::run::RunPhase;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{
    objects,
    world::{World, held_by},
};

async fn running(prefix: &str) -> anyhow::Result<(World, String)> {
    let world = World::with_workflow(prefix, objects::plan()).await?;
    world.run("order-7", json!({"quantity": 3})).await?;
    let uid = world.assigned("order-7").await?;
    world.write_run("order-7", json!({"phase": "Running"})).await?;
    Ok((world, uid))
}

/// Writes the pod's status as its kubelet would.
async fn write_pod(world: &World, status: Value) -> anyhow::Result<()> {
    let pod = world.pod_of("order-7").await?;
    let patch = Patch::Merge(json!({"status": status}));
    world.pods.patch_status(&pod, &PatchParams::default(), &patch).await?;
    Ok(())
}

fn ended(container: &str, reason: &str) -> Value {
    json!({"phase": "Running", "containerStatuses": [{
        "name": container, "image": "image", "imageID": "id", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 137, "reason": reason}},
    }]})
}

/// A run whose pod was deleted hangs.
#[tokio::test]
async fn a_run_whose_pod_is_deleted_goes_on_in_another() -> anyhow::Result<()> {
    let (world, uid) = running("pod-deleted").await?;
    world.delete_pod(&world.pod_of("order-7").await?).await?;
    let other = |status: &crds::WorkflowRunStatus| held_by(status).is_some_and(|now| now != uid);
    let status = world.run_until("order-7", "has another pod", other).await?;
    assert_eq!(status.phase, Some(RunPhase::Running), "its phase never goes back");
    let lost = status.runner.and_then(|runner| runner.lost).unwrap_or_default();
    assert_eq!((lost.count, lost.reason.as_deref()), (1, Some("PodDeleted")));
    assert_eq!(world.jobs_of("order-7").await?.len(), 1, "the old Job is gone");
    Ok(())
}

/// A step that runs out of memory is repeated for ever: the next runner is not told.
#[tokio::test]
async fn a_host_out_of_memory_is_told_to_the_next_runner() -> anyhow::Result<()> {
    let (world, _) = running("oom").await?;
    write_pod(&world, ended("host-0", "OOMKilled")).await?;
    let told = |status: &crds::WorkflowRunStatus| {
        let lost = status.runner.as_ref().and_then(|runner| runner.lost.as_ref());
        lost.and_then(|lost| lost.reason.as_deref()) == Some("OOMKilled") && held_by(status).is_some()
    };
    world.run_until("order-7", "has another pod, and why", told).await?;
    Ok(())
}

/// A pod that always crashes is made again, at once, for ever.
#[tokio::test]
async fn five_lost_pods_in_a_row_fail_the_run() -> anyhow::Result<()> {
    let (world, mut uid) = running("five").await?;
    for _ in 0..4 {
        write_pod(&world, ended("runner", "Error")).await?;
        let other = |status: &crds::WorkflowRunStatus| held_by(status).is_some_and(|now| now != uid);
        let status = world.run_until("order-7", "has another pod", other).await?;
        uid = held_by(&status).unwrap_or_default();
    }
    write_pod(&world, ended("runner", "Error")).await?;
    let status = world.run_until("order-7", "fails", |status| status.phase == Some(RunPhase::Failed)).await?;
    assert_eq!(status.error.map(|error| error.code), Some("RUNNER_LOST".to_owned()));
    world.no_jobs_of("order-7").await
}

/// A runner that is asked to leave hands its run back, and nobody takes it.
#[tokio::test]
async fn a_run_that_is_handed_back_is_given_to_another_pod() -> anyhow::Result<()> {
    let (world, uid) = running("handed-back").await?;
    let pod = world.pod_of("order-7").await?;
    world.write_run("order-7", json!({"runner": null})).await?;
    world.pods.delete(&pod, &kube::api::DeleteParams::default()).await?;
    let other = |status: &crds::WorkflowRunStatus| held_by(status).is_some_and(|now| now != uid);
    world.run_until("order-7", "has another pod", other).await?;
    Ok(())
}
