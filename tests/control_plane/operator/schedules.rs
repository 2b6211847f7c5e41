//! Scheduled runs.

use crds::{WorkflowRun, names, run::TriggerKind};
use jiff::{SignedDuration, Timestamp};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{cluster::client_as, wait};

use super::{DEADLINE, fixture::Fixture, objects, process};

fn scheduled(cron: &str) -> Value {
    let schedules = json!([{"name": "often", "cron": cron, "input": {"quantity": 7}}]);
    objects::with(objects::intake(), "schedules", schedules)
}

/// Returns the spec of a plan that allows schedules with seconds.
fn plan_with_seconds() -> Value {
    objects::with(objects::plan(), "limits", json!({"minScheduleInterval": "1s"}))
}

async fn runs(fixture: &Fixture) -> anyhow::Result<Vec<WorkflowRun>> {
    Ok(fixture.runs.list(&ListParams::default()).await?.items)
}

/// A schedule starts a run at its time, with its input.
#[tokio::test]
async fn a_schedule_starts_a_run_at_its_time() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("schedule", plan_with_seconds()).await?;
    objects::create(&fixture.workflows, "Workflow", "intake", scheduled("*/2 * * * * *")).await?;
    let created = async || runs(&fixture).await;
    let created = wait::until("two runs are created", DEADLINE, created, |runs| runs.len() >= 2).await?;
    for run in &created {
        assert_eq!(run.spec.trigger.as_ref().map(|trigger| trigger.kind), Some(TriggerKind::Schedule));
        assert_eq!(run.spec.input, Some(json!({"quantity": 7})));
    }
    let workflow = fixture.workflows.get("intake").await?.status.unwrap_or_default();
    assert!(workflow.next_run_at.is_some());
    assert!(crds::conditions::is_true(&workflow.conditions, "Scheduled"));
    let rest = Patch::Merge(json!({"spec": {"schedules": [
        {"name": "often", "cron": "*/2 * * * * *", "input": {"quantity": 7}, "suspend": true},
    ]}}));
    fixture.workflows.patch("intake", &PatchParams::default(), &rest).await?;
    let status = async || Ok(fixture.workflows.get("intake").await?.status.unwrap_or_default());
    wait::until("the schedule is suspended", DEADLINE, status, |status| {
        status.next_run_at.is_none() && !crds::conditions::is_true(&status.conditions, "Scheduled")
    })
    .await?;
    Ok(())
}

/// Makes the operator evaluate a scheduled time that has passed, and waits until it has.
async fn evaluate_again(fixture: &Fixture, cron: &str, at: Timestamp) -> anyhow::Result<()> {
    let before = (at - SignedDuration::from_hours(1)).to_string();
    let hash = names::schedule_hash(cron, None);
    let schedules = json!([{"name": "often", "scheduleHash": hash, "lastEvaluatedTime": before}]);
    let patch = Patch::Merge(json!({"status": {"schedules": schedules}}));
    fixture.workflows.patch_status("intake", &PatchParams::default(), &patch).await?;
    let status = async || Ok(fixture.workflows.get("intake").await?.status.unwrap_or_default());
    let done = |status: &crds::WorkflowStatus| {
        let schedule = status.schedules.first();
        schedule.is_some_and(|schedule| schedule.last_evaluated_time.0.as_second() == at.as_second())
    };
    wait::until("the time is evaluated", DEADLINE, status, done).await.map(drop)
}

/// Returns a time that has just passed, and the cron expression that names it within the hour.
fn just_passed() -> (Timestamp, String) {
    let at = telemetry::clock::now() - SignedDuration::from_secs(2);
    let clock = at.to_zoned(jiff::tz::TimeZone::UTC);
    (at, format!("{} {} * * * *", clock.second(), clock.minute()))
}

/// Every scheduled time has exactly one run, even if the operator is killed between creating the run and
/// recording it.
#[tokio::test]
async fn a_scheduled_time_has_one_run_in_spite_of_restarts() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("once", plan_with_seconds()).await?;
    // The schedule was due two seconds ago, as if the operator had not been running.
    let (at, cron) = just_passed();
    objects::create(&fixture.workflows, "Workflow", "intake", scheduled(&cron)).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    assert!(runs(&fixture).await?.is_empty(), "a new schedule starts no run for past times");
    let reset_schedule = async || evaluate_again(&fixture, &cron, at).await;
    reset_schedule().await?;
    let first: Vec<String> = runs(&fixture).await?.iter().map(kube::ResourceExt::name_any).collect();
    assert_eq!(first.len(), 1, "the missed time has one run");
    process::kill().await?.start(&fixture.client).await?;
    reset_schedule().await?;
    let again: Vec<String> = runs(&fixture).await?.iter().map(kube::ResourceExt::name_any).collect();
    assert_eq!(first, again);
    Ok(())
}

/// A scheduled time has its run even if another object has the name of that run. Only the operator's own account can create
/// such an object.
#[tokio::test]
async fn a_scheduled_time_has_its_run_although_its_name_is_taken() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("taken", objects::plan()).await?;
    let (at, cron) = just_passed();
    let workflow = objects::create(&fixture.workflows, "Workflow", "intake", scheduled(&cron)).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    let uid = workflow.uid().unwrap_or_default();
    let [taken, next] =
        [0, 1].map(|taken| names::scheduled_run("intake", &uid, "often", at.as_second(), taken));
    let operator =
        client_as("system:serviceaccount:smb-copilot:smb-copilot-operator", &["system:authenticated"])
            .await?;
    let early = serde_json::from_value(json!({
        "metadata": {"name": taken}, "spec": {"workflowRef": {"name": "intake"}, "input": {"quantity": 7}},
    }))?;
    let operator_runs: Api<WorkflowRun> = Api::namespaced(operator, &fixture.namespace);
    operator_runs.create(&PostParams::default(), &early).await?;
    evaluate_again(&fixture, &cron, at).await?;
    let run = fixture.runs.get(&next).await?;
    assert_eq!(run.spec.trigger.map(|trigger| trigger.kind), Some(TriggerKind::Schedule));
    assert_eq!(runs(&fixture).await?.len(), 2);
    Ok(())
}
