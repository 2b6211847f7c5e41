//! Runs that wait without a pod: for a person, a time, or another run.

use crds::{WorkflowRunStatus, run::RunPhase};
use jiff::SignedDuration;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{
    objects, process,
    world::{World, held_by},
};

async fn one_at_a_time(prefix: &str) -> anyhow::Result<World> {
    let limits = json!({"concurrentRuns": 1});
    World::with_workflow(prefix, objects::with(objects::plan(), "limits", limits)).await
}

/// Writes what a runner writes when its run has to wait.
async fn suspend(world: &World, run: &str, waiting: Value, rest: Value) -> anyhow::Result<()> {
    let mut status = json!({
        "phase": "Suspended", "runner": null,
        "steps": [{"name": "parse", "phase": "Suspended", "attempt": 1, "waiting": waiting}],
    });
    if let (Some(status), Some(rest)) = (status.as_object_mut(), rest.as_object()) {
        status.extend(rest.clone());
    }
    world.write_run(run, status).await
}

fn approval() -> Value {
    json!({"for": "Approval", "message": "pay?", "roles": ["admin"]})
}

async fn decide(world: &World, run: &str) -> anyhow::Result<()> {
    let decision = json!({"key": "parse", "approved": true, "by": "smb-kube-admin"});
    let patch = Patch::Merge(json!({"spec": {"decisions": [decision]}}));
    world.runs.patch(run, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// A run that waits for a person for days holds a slot and a pod, and with it the whole tenant.
#[tokio::test]
async fn a_run_that_waits_holds_nothing_and_goes_on_when_it_is_decided() -> anyhow::Result<()> {
    let world = one_at_a_time("approval").await?;
    world.run("asks", json!({"quantity": 1})).await?;
    world.assigned("asks").await?;
    world.run("next", json!({"quantity": 2})).await?;
    let now = telemetry::clock::now().to_string();
    suspend(&world, "asks", approval(), json!({"suspendedAt": now})).await?;
    world.no_jobs_of("asks").await?;
    world.assigned("next").await?;
    decide(&world, "asks").await?;
    let queued = |status: &WorkflowRunStatus| status.queue.is_some();
    let status = world.run_until("asks", "waits for a slot, and says so", queued).await?;
    assert_eq!(status.phase, Some(RunPhase::Suspended), "its phase never goes back");
    world.finish_run("next").await?;
    world.assigned("asks").await?;
    let status = world.runs.get("asks").await?.status.unwrap_or_default();
    assert_eq!(
        (status.phase, status.queue),
        (Some(RunPhase::Suspended), None),
        "Running is the runner's to say"
    );
    Ok(())
}

/// A run that waits for a time, or is cancelled meanwhile, is never looked at again; also after a restart.
#[tokio::test]
async fn a_run_goes_on_at_its_time_or_to_be_ended() -> anyhow::Result<()> {
    let world = World::with_workflow("wait", objects::plan()).await?;
    for run in ["timed", "cancelled"] {
        world.run(run, json!({"quantity": 1})).await?;
        world.assigned(run).await?;
    }
    let soon = telemetry::clock::now() + SignedDuration::from_secs(3);
    suspend(&world, "timed", json!({"for": "Time"}), json!({"wakeAt": soon.to_string()})).await?;
    suspend(&world, "cancelled", approval(), json!({"suspendedAt": telemetry::clock::now().to_string()}))
        .await?;
    process::kill().await?.start(&world.client).await?;
    world.assigned("timed").await?;
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Graceful"}}));
    world.runs.patch("cancelled", &PatchParams::default(), &cancel).await?;
    let status = world.run_until("cancelled", "is held again", |status| held_by(status).is_some()).await?;
    assert_eq!(status.phase, Some(RunPhase::Suspended), "a runner ends it, so that onExit runs");
    Ok(())
}

/// Five parents that wait for their sub-runs leave no slot for these, and all hang for ever.
#[tokio::test]
async fn parents_at_the_limit_let_their_sub_runs_pass() -> anyhow::Result<()> {
    let mut plan = objects::plan();
    plan["limits"] = json!({"concurrentRuns": 5});
    let world = World::with_workflow("parents", plan).await?;
    let names: Vec<(String, String)> =
        (0..5).map(|n| (format!("parent-{n}"), format!("child-{n}"))).collect();
    for (parent, _) in &names {
        world.run(parent, json!({"quantity": 1})).await?;
    }
    for (parent, child) in &names {
        world.assigned(parent).await?;
        let made = world.runs.get(parent).await?;
        let trigger = json!({"kind": "Workflow", "parent": {
            "name": parent, "uid": made.metadata.uid, "step": "parse", "depth": 1,
        }});
        world.sub_run(child, parent, trigger).await?;
        suspend(&world, parent, json!({"for": "Run", "run": child}), json!({})).await?;
    }
    for (_, child) in &names {
        world.assigned(child).await?;
        world.finish_run(child).await?;
    }
    for (parent, _) in &names {
        world.assigned(parent).await?;
        world.finish_run(parent).await?;
        world.no_jobs_of(parent).await?;
    }
    Ok(())
}
