//! Runs that have a pod whose runner has not begun: why they wait is visible, and the operator ends them.

use crds::{
    WorkflowRunStatus, conditions,
    run::{QueueStatus, RunPhase},
};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{
    fixture::{Fixture, assigned_pod},
    objects,
};

async fn one_at_a_time(prefix: &str) -> anyhow::Result<Fixture> {
    let limits = json!({"concurrentRuns": 1});
    Fixture::with_workflow(prefix, objects::with(objects::plan(), "limits", limits)).await
}

/// Returns what the scheduler writes into the status of a pod that fits onto no node.
fn unschedulable() -> Value {
    json!({"phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
    }]})
}

/// Returns what the kubelet writes while it pulls an image that does not exist.
fn unpullable() -> Value {
    json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}], "containerStatuses": [{
        "name": "host-0", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}},
    }]})
}

fn queue(status: &WorkflowRunStatus) -> QueueStatus {
    status.queue.clone().unwrap_or_default()
}

/// A run whose pod cannot start says why in its status and conditions, is ended by both cancellations without a runner, and
/// its slot goes to the next run.
#[tokio::test]
async fn a_run_whose_pod_cannot_start_says_why_and_is_cancelled() -> anyhow::Result<()> {
    let fixture = one_at_a_time("stuck").await?;
    for (run, mode, pod, reason, message) in [
        ("graceful", "Graceful", unschedulable(), "PodUnschedulable", "1 Insufficient cpu"),
        ("now", "Now", unpullable(), "ImagePullFailed", "cannot be pulled: not found"),
    ] {
        fixture.run(run, json!({"quantity": 1})).await?;
        fixture.wait_until_assigned(run).await?;
        fixture.write_pod_of(run, pod).await?;
        let status =
            fixture.run_until(run, "says why it waits", |status| queue(status).reason == reason).await?;
        assert!(queue(&status).message.contains(message), "{:?}", status.queue);
        for (kind, value) in [("Succeeded", "Unknown"), ("Reconciling", "True")] {
            let condition = conditions::get(&status.conditions, kind).cloned();
            let found = condition.map(|condition| (condition.status, condition.reason, condition.message));
            let expected = (value.to_owned(), reason.to_owned(), queue(&status).message);
            assert_eq!(found, Some(expected), "{kind}");
        }
        assert_eq!((status.phase, status.started_at), (Some(RunPhase::Queued), None));
        fixture.cancel_run(run, mode).await?;
        let is_cancelled = |status: &WorkflowRunStatus| status.phase == Some(RunPhase::Cancelled);
        let status = fixture.run_until(run, "is cancelled", is_cancelled).await?;
        assert!(status.finished_at.is_some() && status.queue.is_none() && status.error.is_none());
        fixture.wait_until_jobs_deleted(run).await?;
    }
    fixture.run("next", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("next").await?;
    Ok(())
}

/// A pod that starts at last, before anybody has cancelled the run, does so as if it had never waited.
#[tokio::test]
async fn a_run_whose_pod_starts_at_last_is_executed() -> anyhow::Result<()> {
    let fixture = one_at_a_time("late").await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    fixture.write_pod_of("order-7", unschedulable()).await?;
    let blocked = |status: &WorkflowRunStatus| queue(status).reason == "PodUnschedulable";
    fixture.run_until("order-7", "is blocked", blocked).await?;
    fixture.begin_run("order-7").await?;
    fixture.cancel_run("order-7", "Now").await?;
    fixture.run("beside", json!({"quantity": 1})).await?;
    let waits = |status: &WorkflowRunStatus| queue(status).reason == "PlanConcurrency";
    fixture.run_until("beside", "waits for the slot", waits).await?;
    let status = fixture.runs.get("order-7").await?.status.unwrap_or_default();
    assert_eq!(status.phase, Some(RunPhase::Running), "its runner cancels it");
    fixture.finish_run("order-7").await?;
    fixture.wait_until_assigned("beside").await?;
    Ok(())
}

/// A run that a runner executes, and whose pod cannot start another container, says why in its conditions until the pod can. It
/// does not count as a run that waits for its runner.
#[tokio::test]
async fn an_executed_run_says_why_its_pod_cannot_start_a_container() -> anyhow::Result<()> {
    let fixture = one_at_a_time("begun").await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    fixture.begin_run("order-7").await?;
    for (pod, reason, message) in [
        (unpullable(), "ImagePullFailed", "cannot be pulled: not found"),
        (json!({"phase": "Running", "containerStatuses": null}), "Running", ""),
    ] {
        fixture.write_pod_of("order-7", pod).await?;
        let shown = |status: &WorkflowRunStatus| {
            ["Succeeded", "Reconciling"].iter().all(|kind| {
                let condition = conditions::get(&status.conditions, kind);
                condition.is_some_and(|found| found.reason == reason && found.message.ends_with(message))
            })
        };
        let status = fixture.run_until("order-7", "says so in its conditions", shown).await?;
        assert_eq!((status.phase, status.queue), (Some(RunPhase::Running), None));
    }
    Ok(())
}

/// A runner that begins while the operator cancels the run wins or loses as a whole: the first write is accepted, and the other
/// one is refused.
#[tokio::test]
async fn a_runner_that_begins_during_a_cancellation_wins_or_loses() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("race", objects::plan()).await?;
    for round in 0..5 {
        let name = format!("order-{round}");
        fixture.run(&name, json!({"quantity": 1})).await?;
        fixture.wait_until_assigned(&name).await?;
        let (cancelled, begun) = tokio::join!(fixture.cancel_run(&name, "Now"), begin(&fixture, &name));
        cancelled?;
        let has_begun = begun?;
        let decided = |status: &WorkflowRunStatus| {
            status.phase == Some(if has_begun { RunPhase::Running } else { RunPhase::Cancelled })
        };
        let status = fixture.run_until(&name, "is decided", decided).await?;
        assert_eq!(status.started_at.is_some(), has_begun, "round {round}");
        assert!(assigned_pod(&status).is_some() && status.queue.is_none(), "round {round}: {status:?}");
    }
    Ok(())
}

/// Begins a run as a runner does, on condition of the version that it has read, and again after a conflict until the run has
/// ended. Returns whether it has begun.
async fn begin(fixture: &Fixture, name: &str) -> anyhow::Result<bool> {
    loop {
        let run = fixture.runs.get(name).await?;
        let status = run.status.unwrap_or_default();
        if status.phase.is_some_and(RunPhase::is_final) {
            return Ok(false);
        }
        let patch = json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": run.metadata.resource_version},
            {"op": "add", "path": "/status/phase", "value": "Running"},
            {"op": "add", "path": "/status/startedAt", "value": telemetry::clock::now().to_string()},
            {"op": "remove", "path": "/status/queue"},
        ]);
        let patch = Patch::<()>::Json(serde_json::from_value(patch)?);
        match fixture.runs.patch_status(name, &PatchParams::default(), &patch).await {
            Ok(_) => return Ok(true),
            // 422: the patch removes `queue`, which the operator has removed.
            Err(kube::Error::Api(status)) if matches!(status.code, 409 | 422) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A run whose pod cannot start ends when its tenant is suspended with `onSuspend: Cancel`, and when a newer run replaces it.
#[tokio::test]
async fn a_suspended_tenant_or_a_newer_run_ends_a_run_whose_pod_cannot_start() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("replaced", objects::plan()).await?;
    let concurrency = json!({"limit": 1, "policy": "CancelOlder"});
    let spec = objects::with(objects::intake(), "concurrency", concurrency);
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    for run in ["a-older", "b-newer"] {
        fixture.run(run, json!({"quantity": 1})).await?;
        fixture.wait_until_assigned(run).await?;
        fixture.write_pod_of(run, unschedulable()).await?;
    }
    let code = |status: &WorkflowRunStatus| status.error.as_ref().map(|error| error.code.clone());
    let superseded = |status: &WorkflowRunStatus| code(status).as_deref() == Some("SUPERSEDED");
    let status = fixture.run_until("a-older", "is superseded", superseded).await?;
    assert_eq!(status.phase, Some(RunPhase::Cancelled));
    let suspend = Patch::Merge(json!({"spec": {"state": "Suspended", "onSuspend": "Cancel"}}));
    fixture.tenants.patch(&fixture.slug, &PatchParams::default(), &suspend).await?;
    let suspended = |status: &WorkflowRunStatus| code(status).as_deref() == Some("TENANT_SUSPENDED");
    fixture.run_until("b-newer", "is cancelled", suspended).await?;
    Ok(())
}
