//! Runs that start by themselves.

use crds::{WorkflowRun, run::TriggerKind};
use jiff::SignedDuration;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tests::wait;

use super::{DEADLINE, objects, process, world::World};

fn scheduled(cron: &str) -> Value {
    let schedules = json!([{"name": "often", "cron": cron, "input": {"quantity": 7}}]);
    objects::with(objects::intake(), "schedules", schedules)
}

async fn runs(world: &World) -> anyhow::Result<Vec<WorkflowRun>> {
    Ok(world.runs.list(&ListParams::default()).await?.items)
}

/// A report never comes; or it comes without its input.
#[tokio::test]
async fn a_schedule_starts_a_run_at_its_time() -> anyhow::Result<()> {
    let world = World::with_tenant("schedule", objects::plan()).await?;
    objects::create(&world.workflows, "Workflow", "intake", scheduled("*/2 * * * * *")).await?;
    let made = async || runs(&world).await;
    let made = wait::until("two runs are made", DEADLINE, made, |runs| runs.len() >= 2).await?;
    for run in &made {
        assert_eq!(run.spec.trigger.as_ref().map(|trigger| trigger.kind), Some(TriggerKind::Schedule));
        assert_eq!(run.spec.input, Some(json!({"quantity": 7})));
    }
    let workflow = world.workflows.get("intake").await?.status.unwrap_or_default();
    assert!(workflow.next_run_at.is_some());
    assert!(crds::conditions::is_true(&workflow.conditions, "Scheduled"));
    let rest = Patch::Merge(json!({"spec": {"schedules": [
        {"name": "often", "cron": "*/2 * * * * *", "input": {"quantity": 7}, "suspend": true},
    ]}}));
    world.workflows.patch("intake", &PatchParams::default(), &rest).await?;
    let status = async || Ok(world.workflows.get("intake").await?.status.unwrap_or_default());
    wait::until("it rests", DEADLINE, status, |status| {
        status.next_run_at.is_none() && !crds::conditions::is_true(&status.conditions, "Scheduled")
    })
    .await?;
    Ok(())
}

/// The operator is killed between making a run and saying so, and the customers are billed twice.
#[tokio::test]
async fn a_time_has_one_run_whatever_is_restarted() -> anyhow::Result<()> {
    let world = World::with_tenant("once", objects::plan()).await?;
    // Once an hour, two seconds ago: as if the operator had slept.
    let at = telemetry::clock::now() - SignedDuration::from_secs(2);
    let clock = at.to_zoned(jiff::tz::TimeZone::UTC);
    let cron = format!("{} {} * * * *", clock.second(), clock.minute());
    objects::create(&world.workflows, "Workflow", "intake", scheduled(&cron)).await?;
    world.workflow_with_valid("intake", "True").await?;
    assert!(runs(&world).await?.is_empty(), "a new schedule begins now");
    let forgotten = async || {
        let before = (at - SignedDuration::from_hours(1)).to_string();
        let hash = crds::names::schedule_hash(&cron, None);
        let schedules = json!([{"name": "often", "scheduleHash": hash, "lastEvaluatedTime": before}]);
        let patch = Patch::Merge(json!({"status": {"schedules": schedules}}));
        world.workflows.patch_status("intake", &PatchParams::default(), &patch).await?;
        let status = async || Ok(world.workflows.get("intake").await?.status.unwrap_or_default());
        let done = |status: &crds::WorkflowStatus| {
            status
                .schedules
                .first()
                .is_some_and(|schedule| schedule.last_evaluated_time.0.as_second() == at.as_second())
        };
        wait::until("the time was dealt with", DEADLINE, status, done).await
    };
    forgotten().await?;
    let first: Vec<String> = runs(&world).await?.iter().map(kube::ResourceExt::name_any).collect();
    assert_eq!(first.len(), 1, "missed, and in time");
    process::kill().await?.start(&world.client).await?;
    forgotten().await?;
    let again: Vec<String> = runs(&world).await?.iter().map(kube::ResourceExt::name_any).collect();
    assert_eq!(first, again);
    Ok(())
}
