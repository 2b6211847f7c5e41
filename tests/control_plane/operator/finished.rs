//! Finished runs: reruns, the last run of a workflow, and retention.

use crds::{Workflow, run::RunPhase};
use jiff::SignedDuration;
use kube::{ResourceExt, api::ListParams};
use serde_json::{Value, json};
use tests::wait;

use super::{DEADLINE, fixture::Fixture, objects, process};

fn archived() -> Value {
    json!({"conditions": [{
        "type": "Archived", "status": "True", "reason": "Stored", "message": "", "lastTransitionTime": "2026-11-24T08:00:00Z",
    }]})
}

/// A rerun reuses the steps that have succeeded before.
#[tokio::test]
async fn a_rerun_reuses_completed_steps() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("reuse", objects::plan()).await?;
    fixture.run("earlier", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("earlier").await?;
    let steps = json!([
        {"name": "parse", "phase": "Succeeded", "attempt": 1, "output": 2},
        {"name": "shape", "phase": "Failed", "attempt": 1, "error": {"kind": "User", "code": "X", "message": "x"}},
    ]);
    fixture
        .write_run(
            "earlier",
            json!({"phase": "Failed", "finishedAt": "2026-11-24T08:00:02Z", "steps": steps}),
        )
        .await?;
    let again = |of: &str| json!({"workflowRef": {"name": "intake"}, "input": {"quantity": 1}, "reuse": {"run": of, "from": "Failed"}});
    objects::create(&fixture.runs, "WorkflowRun", "again", again("earlier")).await?;
    fixture.wait_until_assigned("again").await?;
    let status = fixture.runs.get("again").await?.status.unwrap_or_default();
    let taken: Vec<_> = status.steps.iter().map(|step| (step.name.as_str(), step.output.clone())).collect();
    assert_eq!(taken, [("parse", Some(json!(2)))]);
    assert_eq!(status.reused.map(|reused| reused.steps), Some(1));
    objects::create(&fixture.runs, "WorkflowRun", "of-nothing", again("never-was")).await?;
    let waits_for_archive = |status: &crds::WorkflowRunStatus| {
        status.queue.as_ref().is_some_and(|queue| queue.reason == "EarlierRun")
    };
    fixture.run_until("of-nothing", "waits for the database", waits_for_archive).await?;
    Ok(())
}

/// A workflow shows its newest run even if that ended while no operator was running.
#[tokio::test]
async fn the_last_run_is_shown_even_if_it_ended_without_an_operator() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("last", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    let stopped = process::kill().await?;
    fixture.finish_run("order-7").await?;
    stopped.start(&fixture.client).await?;
    let workflow = async || Ok(fixture.workflows.get("intake").await?);
    let shows = |workflow: &Workflow| {
        let last = workflow.status.as_ref().and_then(|status| status.last_run.as_ref());
        last.is_some_and(|last| last.name == "order-7")
    };
    wait::until("the workflow shows its last run", DEADLINE, workflow, shows).await?;
    Ok(())
}

/// A finished run is deleted after its retention, and only if it is stored in the database.
#[tokio::test]
async fn a_finished_run_is_deleted_only_once_it_is_archived() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("retention", objects::plan()).await?;
    let mut spec = objects::intake();
    spec["retention"] = json!({"succeeded": "1s", "failed": "1s"});
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    for run in ["archived", "not-yet"] {
        fixture.run(run, json!({"quantity": 1})).await?;
        fixture.wait_until_assigned(run).await?;
        fixture.finish_run(run).await?;
    }
    fixture.write_run("archived", archived()).await?;
    // The operator checks the retention when it starts, and every minute after that.
    process::kill().await?.start(&fixture.client).await?;
    let run = async || Ok(fixture.runs.get_opt("archived").await?);
    wait::until("the archived run is deleted", DEADLINE, run, Option::is_none).await?;
    let phase = fixture.runs.get("not-yet").await?.status.and_then(|status| status.phase);
    assert_eq!(phase, Some(RunPhase::Succeeded));
    Ok(())
}

/// Beyond the retained number of finished runs of a workflow, the oldest archived ones are deleted, and none
/// that is not archived.
#[tokio::test]
async fn the_oldest_archived_runs_beyond_the_limit_are_deleted() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("keep", objects::plan()).await?;
    let spec = objects::with(objects::intake(), "retention", json!({"succeeded": "30d", "keep": 1}));
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    let now = telemetry::clock::now();
    for (run, minutes) in [("a-not-archived", 9), ("b-newest", 1), ("c-oldest", 8), ("d-older", 2)] {
        fixture.run(run, json!({"quantity": 1})).await?;
        fixture.wait_until_assigned(run).await?;
        let ended = (now - SignedDuration::from_mins(minutes)).to_string();
        fixture.write_run(run, json!({"phase": "Succeeded", "finishedAt": ended})).await?;
    }
    for run in ["b-newest", "c-oldest", "d-older"] {
        fixture.write_run(run, archived()).await?;
    }
    process::kill().await?.start(&fixture.client).await?;
    let names = async || {
        let runs = fixture.runs.list(&ListParams::default()).await?.items;
        Ok(runs.iter().map(ResourceExt::name_any).collect::<Vec<_>>())
    };
    wait::until("two runs remain", DEADLINE, names, |names| *names == ["a-not-archived", "b-newest"]).await?;
    Ok(())
}

/// An operator that loses its lease ends its process.
#[tokio::test]
async fn an_operator_that_lost_its_lease_ends() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("lease", objects::plan()).await?;
    let alone = process::alone().await;
    let operator_pid = process::take_lease(&fixture.client).await?;
    let ended = async || process::has_ended(operator_pid).await;
    wait::until("the operator ends", DEADLINE, ended, |ended| *ended).await?;
    process::ensure(&fixture.client).await?;
    drop(alone);
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    Ok(())
}
