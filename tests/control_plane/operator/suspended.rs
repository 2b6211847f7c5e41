//! Suspended runs, which wait without a pod for an approval, a timer or a sub-run.

use crds::{WorkflowRunStatus, run::RunPhase};
use jiff::SignedDuration;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{
    fixture::{Fixture, assigned_pod},
    objects, process,
};

async fn one_at_a_time(prefix: &str) -> anyhow::Result<Fixture> {
    let limits = json!({"concurrentRuns": 1});
    Fixture::with_workflow(prefix, objects::with(objects::plan(), "limits", limits)).await
}

/// Writes the status that a runner writes when its run has to wait.
pub(super) async fn suspend(fixture: &Fixture, run: &str, waiting: Value, rest: Value) -> anyhow::Result<()> {
    let mut status = json!({
        "phase": "Suspended", "runner": null, "queue": null,
        "steps": [{"name": "parse", "phase": "Suspended", "attempt": 1, "waiting": waiting}],
    });
    if let (Some(status), Some(rest)) = (status.as_object_mut(), rest.as_object()) {
        status.extend(rest.clone());
    }
    fixture.write_run(run, status).await
}

/// Returns what a step waits for that waits for an approval.
pub(super) fn approval() -> Value {
    json!({"for": "Approval", "message": "pay?", "roles": ["admin"]})
}

/// Approves the step of a run.
pub(super) async fn decide(fixture: &Fixture, run: &str) -> anyhow::Result<()> {
    let decision = json!({"key": "parse", "approved": true, "by": "smb-kube-admin"});
    let patch = Patch::Merge(json!({"spec": {"decisions": [decision]}}));
    fixture.runs.patch(run, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// A run that waits for an approval holds neither a slot nor a pod, and continues after the decision.
#[tokio::test]
async fn a_suspended_run_holds_no_slot_and_continues_after_the_decision() -> anyhow::Result<()> {
    let fixture = one_at_a_time("approval").await?;
    fixture.run("asks", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("asks").await?;
    fixture.run("next", json!({"quantity": 2})).await?;
    let now = telemetry::clock::now().to_string();
    suspend(&fixture, "asks", approval(), json!({"suspendedAt": now})).await?;
    fixture.wait_until_jobs_deleted("asks").await?;
    fixture.wait_until_assigned("next").await?;
    decide(&fixture, "asks").await?;
    let queued = |status: &WorkflowRunStatus| status.queue.is_some();
    let status = fixture.run_until("asks", "is queued for a slot", queued).await?;
    assert_eq!(status.phase, Some(RunPhase::Suspended), "the phase does not return to Queued");
    fixture.finish_run("next").await?;
    fixture.wait_until_assigned("asks").await?;
    let status = fixture.runs.get("asks").await?.status.unwrap_or_default();
    assert_eq!(status.phase, Some(RunPhase::Suspended), "only the runner sets the phase Running");
    assert_eq!(status.queue.map(|queue| queue.reason), Some("PodStarting".to_owned()));
    Ok(())
}

/// A run whose decision was refused waits on without a slot, and continues after another decision.
#[tokio::test]
async fn a_refused_decision_does_not_resume_a_run() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("refused", objects::plan()).await?;
    fixture.run("asks", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("asks").await?;
    let now = telemetry::clock::now().to_string();
    suspend(&fixture, "asks", approval(), json!({"suspendedAt": now})).await?;
    decide(&fixture, "asks").await?;
    fixture.wait_until_assigned("asks").await?;
    let generation = fixture.runs.get("asks").await?.metadata.generation;
    let mut refused = approval();
    refused["refused"] = json!({"message": "/amount is missing", "generation": generation});
    suspend(&fixture, "asks", refused, json!({"suspendedAt": now})).await?;
    fixture.wait_until_jobs_deleted("asks").await?;
    let status = fixture.runs.get("asks").await?.status.unwrap_or_default();
    assert_eq!((status.runner, status.queue), (None, None), "the decision does not count again");
    let again = json!({"key": "parse", "approved": true, "by": "smb-kube-admin", "input": {"amount": 1}});
    let patch = Patch::Merge(json!({"spec": {"decisions": [again]}}));
    fixture.runs.patch("asks", &PatchParams::default(), &patch).await?;
    fixture.wait_until_assigned("asks").await?;
    Ok(())
}

/// A run that waits for a timer continues at its time, and one that is cancelled meanwhile is ended, also
/// after a restart of the operator.
#[tokio::test]
async fn a_suspended_run_continues_at_its_time_or_when_cancelled() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("wait", objects::plan()).await?;
    for run in ["timed", "cancelled"] {
        fixture.run(run, json!({"quantity": 1})).await?;
        fixture.wait_until_assigned(run).await?;
    }
    let soon = telemetry::clock::now() + SignedDuration::from_secs(3);
    suspend(&fixture, "timed", json!({"for": "Time"}), json!({"wakeAt": soon.to_string()})).await?;
    suspend(&fixture, "cancelled", approval(), json!({"suspendedAt": telemetry::clock::now().to_string()}))
        .await?;
    process::kill().await?.start(&fixture.client).await?;
    fixture.wait_until_assigned("timed").await?;
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Graceful"}}));
    fixture.runs.patch("cancelled", &PatchParams::default(), &cancel).await?;
    let status =
        fixture.run_until("cancelled", "is assigned again", |status| assigned_pod(status).is_some()).await?;
    assert_eq!(status.phase, Some(RunPhase::Suspended), "a runner must end the run, so that onExit runs");
    Ok(())
}

/// Runs that wait for their sub-runs hold no slot, so that the sub-runs can run.
#[tokio::test]
async fn waiting_parents_leave_their_slots_to_sub_runs() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 5});
    let fixture = Fixture::with_workflow("parents", plan).await?;
    let names: Vec<(String, String)> =
        (0..5).map(|n| (format!("parent-{n}"), format!("child-{n}"))).collect();
    for (parent, _) in &names {
        fixture.run(parent, json!({"quantity": 1})).await?;
    }
    for (parent, child) in &names {
        fixture.wait_until_assigned(parent).await?;
        let created = fixture.runs.get(parent).await?;
        let trigger = json!({"kind": "Workflow", "parent": {
            "name": parent, "uid": created.metadata.uid, "step": "parse", "depth": 1,
        }});
        fixture.sub_run(child, parent, trigger).await?;
        suspend(&fixture, parent, json!({"for": "Run", "run": child}), json!({})).await?;
    }
    for (_, child) in &names {
        fixture.wait_until_assigned(child).await?;
        fixture.finish_run(child).await?;
    }
    for (parent, _) in &names {
        fixture.wait_until_assigned(parent).await?;
        fixture.finish_run(parent).await?;
        fixture.wait_until_jobs_deleted(parent).await?;
    }
    Ok(())
}
