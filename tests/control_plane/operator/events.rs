//! Events about runs, as `kubectl describe` shows them.

use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use tests::wait;

use super::{
    DEADLINE,
    fixture::Fixture,
    objects, process,
    suspended::{approval, decide, suspend},
};

/// Returns the reasons and messages of the Events about a run in the order of their names, which is that of `kubectl describe`.
async fn events_of(fixture: &Fixture, run: &str) -> anyhow::Result<Vec<String>> {
    let api: Api<Event> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let mut events = api.list(&ListParams::default().fields(&format!("regarding.name={run}"))).await?.items;
    events.sort_by_key(|event| event.name_any());
    let text = |event: Event| {
        let (type_, reason) = (event.type_.unwrap_or_default(), event.reason.unwrap_or_default());
        format!("{type_} {reason}: {}", event.note.unwrap_or_default())
    };
    Ok(events.into_iter().map(text).collect())
}

/// Waits until a run has an Event of a reason, and returns all of its Events.
async fn events_with(fixture: &Fixture, run: &str, reason: &str) -> anyhow::Result<Vec<String>> {
    let observe = async || events_of(fixture, run).await;
    let part = format!(" {reason}: ");
    let has = |events: &Vec<String>| events.iter().any(|event| event.contains(&part));
    wait::until(&format!("run {run} has the Event {reason}"), DEADLINE, observe, has).await
}

/// Returns the reasons of Events.
fn reasons(events: &[String]) -> Vec<&str> {
    let heads = events.iter().filter_map(|event| event.split_once(": "));
    heads.filter_map(|(head, _)| head.split_once(' ')).map(|(_, reason)| reason).collect()
}

/// The Events of a run show what has happened to it, once and in order, also over a restart of the operator.
#[tokio::test]
async fn the_events_of_a_run_show_once_and_in_order_what_happened() -> anyhow::Result<()> {
    // A change that happens while no operator runs has no Event.
    let same = process::retain().await;
    let fixture = Fixture::with_workflow("events", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 3})).await?;
    fixture.wait_until_assigned("order-7").await?;
    let attempt = |phase: &str, attempt: u32| {
        json!({"phase": "Running", "steps": [{
            "name": "parse", "phase": phase, "attempt": attempt,
            "error": {"kind": "Infra", "code": "HTTP_503", "message": "the tax office is closed"},
        }]})
    };
    fixture.write_run("order-7", attempt("Running", 2)).await?;
    events_with(&fixture, "order-7", "AttemptFailed").await?;
    let now = telemetry::clock::now().to_string();
    suspend(&fixture, "order-7", approval(), json!({"suspendedAt": now})).await?;
    let before = events_with(&fixture, "order-7", "Suspended").await?;
    drop(same);
    process::kill().await?.start(&fixture.client).await?;
    let _same = process::retain().await;

    decide(&fixture, "order-7").await?;
    fixture.wait_until_assigned("order-7").await?;
    let running = json!({"phase": "Running", "steps": [{"name": "parse", "phase": "Running", "attempt": 2}]});
    fixture.write_run("order-7", running).await?;
    events_with(&fixture, "order-7", "Resumed").await?;
    let error = json!({"kind": "User", "code": "DECLINED", "message": "no cover"});
    let failed = json!({
        "phase": "Failed", "finishedAt": telemetry::clock::now().to_string(),
        "startedAt": now,
        "steps": [{"name": "parse", "phase": "Failed", "attempt": 2, "error": error}],
        "error": {"step": "parse", "kind": "User", "code": "DECLINED", "message": "no cover"},
    });
    fixture.write_run("order-7", failed).await?;
    // Several Events of a run are written at the same time, so that the last one may be visible first.
    events_with(&fixture, "order-7", "StepFailed").await?;
    let events = events_with(&fixture, "order-7", "RunFailed").await?;
    assert_eq!(events[..before.len()], before, "the restart has added nothing");
    let observed: Vec<_> = reasons(&events).into_iter().filter(|reason| *reason != "Waiting").collect();
    let expected = [
        "Pinned",
        "Assigned",
        "AttemptFailed",
        "Suspended",
        "Assigned",
        "Resumed",
        "StepFailed",
        "RunFailed",
    ];
    assert_eq!(observed, expected, "{events:#?}");
    let has = |part: &str| assert!(events.iter().any(|event| event.contains(part)), "{part}: {events:#?}");
    has("Warning AttemptFailed: attempt 1 of step parse failed: HTTP_503: the tax office is closed");
    has("step parse waits for an approval by a user with the role admin");
    has("Warning StepFailed: step parse failed in attempt 2: DECLINED: no cover");
    has("Warning RunFailed: step parse: DECLINED: no cover; log: GET /v1/workflow-runs/order-7/logs");
    Ok(())
}

/// The Event about a cancelled run is normal, and the number of Events that a tenant can cause is limited.
#[tokio::test]
async fn a_cancelled_run_is_normal_and_its_events_are_limited() -> anyhow::Result<()> {
    // A change that happens while no operator runs has no Event.
    let _same = process::retain().await;
    let fixture = Fixture::with_workflow("limited", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 3})).await?;
    fixture.wait_until_assigned("order-7").await?;
    for attempt in 2..20 {
        let error = json!({"kind": "Infra", "code": "HTTP_503", "message": "closed"});
        let step = json!({"name": "parse", "phase": "Running", "attempt": attempt, "error": error});
        fixture.write_run("order-7", json!({"phase": "Running", "steps": [step]})).await?;
    }
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Now"}}));
    fixture.runs.patch("order-7", &PatchParams::default(), &cancel).await?;
    // Several Events of a run are written at the same time, so that the last one may be visible first.
    events_with(&fixture, "order-7", "CancelRequested").await?;
    let cancelled = json!({
        "phase": "Cancelled", "finishedAt": telemetry::clock::now().to_string(),
        "error": {"kind": "User", "code": "CANCELLED", "message": "the run was cancelled"},
    });
    fixture.write_run("order-7", cancelled).await?;
    let events = events_with(&fixture, "order-7", "RunCancelled").await?;
    let attempts: Vec<_> = events.iter().filter(|event| event.contains("AttemptFailed")).collect();
    assert!(attempts.len() <= 10, "{events:#?}");
    let last = attempts.last().map(|event| event.as_str()).unwrap_or_default();
    assert!(last.ends_with("(no further Events of this reason are published about this run)"), "{last}");
    assert!(
        events.last().is_some_and(|event| event.starts_with("Normal RunCancelled: CANCELLED: ")),
        "{events:#?}"
    );
    Ok(())
}
