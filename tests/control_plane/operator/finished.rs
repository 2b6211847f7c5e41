//! Runs that have ended: repeated, shown as the last, deleted.

use crds::{Workflow, run::RunPhase};
use jiff::SignedDuration;
use kube::{ResourceExt, api::ListParams};
use serde_json::{Value, json};
use tests::wait;

use super::{DEADLINE, objects, process, world::World};

fn archived() -> Value {
    json!({"conditions": [{
        "type": "Archived", "status": "True", "reason": "Stored", "message": "", "lastTransitionTime": "2026-11-24T08:00:00Z",
    }]})
}

/// A repeated run makes its payments again.
#[tokio::test]
async fn a_repeated_run_begins_with_what_was_done() -> anyhow::Result<()> {
    let world = World::with_workflow("reuse", objects::plan()).await?;
    world.run("earlier", json!({"quantity": 1})).await?;
    world.assigned("earlier").await?;
    let steps = json!([
        {"name": "parse", "phase": "Succeeded", "attempt": 1, "output": 2},
        {"name": "shape", "phase": "Failed", "attempt": 1, "error": {"kind": "User", "code": "X", "message": "x"}},
    ]);
    world
        .write_run(
            "earlier",
            json!({"phase": "Failed", "finishedAt": "2026-11-24T08:00:02Z", "steps": steps}),
        )
        .await?;
    let again = |of: &str| json!({"workflowRef": {"name": "intake"}, "input": {"quantity": 1}, "reuse": {"run": of, "from": "Failed"}});
    objects::create(&world.runs, "WorkflowRun", "again", again("earlier")).await?;
    world.assigned("again").await?;
    let status = world.runs.get("again").await?.status.unwrap_or_default();
    let taken: Vec<_> = status.steps.iter().map(|step| (step.name.as_str(), step.output.clone())).collect();
    assert_eq!(taken, [("parse", Some(json!(2)))]);
    assert_eq!(status.reused.map(|reused| reused.steps), Some(1));
    objects::create(&world.runs, "WorkflowRun", "of-nothing", again("never-was")).await?;
    let sought = |status: &crds::WorkflowRunStatus| {
        status.queue.as_ref().is_some_and(|queue| queue.reason == "EarlierRun")
    };
    world.run_until("of-nothing", "waits for the archive", sought).await?;
    Ok(())
}

/// A workflow shows an old run as its last for ever, since the newest ended while no operator worked.
#[tokio::test]
async fn the_last_run_is_shown_also_when_nobody_saw_it_end() -> anyhow::Result<()> {
    let world = World::with_workflow("last", objects::plan()).await?;
    world.run("order-7", json!({"quantity": 1})).await?;
    world.assigned("order-7").await?;
    let stopped = process::kill().await?;
    world.finish_run("order-7").await?;
    stopped.start(&world.client).await?;
    let workflow = async || Ok(world.workflows.get("intake").await?);
    let shows = |workflow: &Workflow| {
        let last = workflow.status.as_ref().and_then(|status| status.last_run.as_ref());
        last.is_some_and(|last| last.name == "order-7")
    };
    wait::until("the workflow shows it", DEADLINE, workflow, shows).await?;
    Ok(())
}

/// Finished runs fill etcd; or one is deleted that the database does not have.
#[tokio::test]
async fn a_finished_run_is_deleted_only_once_it_is_archived() -> anyhow::Result<()> {
    let world = World::with_tenant("retention", objects::plan()).await?;
    let mut spec = objects::intake();
    spec["retention"] = json!({"succeeded": "1s", "failed": "1s"});
    objects::create(&world.workflows, "Workflow", "intake", spec).await?;
    world.workflow_with_valid("intake", "True").await?;
    for run in ["archived", "not-yet"] {
        world.run(run, json!({"quantity": 1})).await?;
        world.assigned(run).await?;
        world.finish_run(run).await?;
    }
    world.write_run("archived", archived()).await?;
    // It looks at once when it starts, and every minute after that.
    process::kill().await?.start(&world.client).await?;
    let run = async || Ok(world.runs.get_opt("archived").await?);
    wait::until("the archived one is gone", DEADLINE, run, Option::is_none).await?;
    let kept = world.runs.get("not-yet").await?.status.and_then(|status| status.phase);
    assert_eq!(kept, Some(RunPhase::Succeeded));
    Ok(())
}

/// A workflow that runs every second fills etcd within its retention; or the newest run is deleted for the oldest, or one
/// that the database does not have.
#[tokio::test]
async fn only_so_many_finished_runs_are_kept_but_all_that_are_not_archived() -> anyhow::Result<()> {
    let world = World::with_tenant("keep", objects::plan()).await?;
    let spec = objects::with(objects::intake(), "retention", json!({"succeeded": "30d", "keep": 1}));
    objects::create(&world.workflows, "Workflow", "intake", spec).await?;
    world.workflow_with_valid("intake", "True").await?;
    let now = telemetry::clock::now();
    for (run, minutes) in [("a-not-archived", 9), ("b-newest", 1), ("c-oldest", 8), ("d-older", 2)] {
        world.run(run, json!({"quantity": 1})).await?;
        world.assigned(run).await?;
        let ended = (now - SignedDuration::from_mins(minutes)).to_string();
        world.write_run(run, json!({"phase": "Succeeded", "finishedAt": ended})).await?;
    }
    for run in ["b-newest", "c-oldest", "d-older"] {
        world.write_run(run, archived()).await?;
    }
    process::kill().await?.start(&world.client).await?;
    let names = async || {
        let runs = world.runs.list(&ListParams::default()).await?.items;
        Ok(runs.iter().map(ResourceExt::name_any).collect::<Vec<_>>())
    };
    wait::until("two are left", DEADLINE, names, |names| *names == ["a-not-archived", "b-newest"]).await?;
    Ok(())
}

/// Two operators work at once for ever, since the one before has not noticed.
#[tokio::test]
async fn an_operator_that_lost_its_lease_ends() -> anyhow::Result<()> {
    let world = World::with_workflow("lease", objects::plan()).await?;
    let robbed = process::rob(&world.client).await?;
    let ended = async || process::has_ended(robbed).await;
    wait::until("the operator ends", DEADLINE, ended, |ended| *ended).await?;
    process::ensure(&world.client).await?;
    world.run("order-7", json!({"quantity": 1})).await?;
    world.assigned("order-7").await?;
    Ok(())
}
