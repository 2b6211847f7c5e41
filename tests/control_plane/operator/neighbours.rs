//! Attacks by one tenant, and the runs of another one beside them.

use serde_json::{Value, json};

use super::{fixture::Fixture, objects, process};

/// Expression that reads a text as often as there are pairs of numbers.
const EXPENSIVE_KEY: &str =
    "string(input.xs.filter(x, input.xs.exists(y, input.s.matches('(x+x+)+y'))).size())";

/// Creates a workflow whose runs are as expensive to admit as its schema, its key and their input allow.
async fn attacker(concurrency: Value, schema: Value) -> anyhow::Result<Fixture> {
    let fixture = Fixture::with_tenant("attacker", objects::plan()).await?;
    let spec = objects::with(objects::intake(), "concurrency", concurrency);
    let spec = objects::with(spec, "input", json!({"schema": schema}));
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    Ok(fixture)
}

/// Creates a run of a neighbour and waits until it is assigned.
async fn neighbour_starts_a_run(neighbour: &Fixture, name: &str) -> anyhow::Result<()> {
    neighbour.run(name, json!({"quantity": 1})).await?;
    neighbour.wait_until_assigned(name).await?;
    Ok(())
}

/// Whatever the concurrency keys and schemas of one tenant cost, runs of another start beside them, also after a restart of
/// the operator; the expensive runs are admitted or ended, too.
#[tokio::test]
async fn expensive_runs_of_one_tenant_do_not_stop_another() -> anyhow::Result<()> {
    let neighbour = Fixture::with_workflow("neighbour", objects::plan()).await?;
    let keyed = attacker(json!({"key": EXPENSIVE_KEY, "limit": 1}), json!({"type": "object"})).await?;
    let consts: Vec<Value> = (1..=1_000).map(|number| json!({"const": number})).collect();
    let schema = json!({"properties": {"xs": {"type": "array", "items": {"anyOf": consts}}}});
    let checked = attacker(json!({"limit": 1}), schema).await?;
    let text = "x".repeat(200_000);
    for number in 0..8 {
        let numbers: Vec<u32> = (0..300).collect();
        keyed.run(&format!("keyed-{number}"), json!({"xs": numbers, "s": text})).await?;
        checked.run(&format!("checked-{number}"), json!({"xs": vec![0; 5_000]})).await?;
    }
    neighbour_starts_a_run(&neighbour, "beside").await?;
    process::kill().await?.start(&neighbour.client).await?;
    neighbour_starts_a_run(&neighbour, "after-restart").await?;
    for (attacker, name) in [(&keyed, "keyed-7"), (&checked, "checked-7")] {
        attacker.run_until(name, "is reconciled", |status| status.phase.is_some()).await?;
    }
    Ok(())
}

/// The concurrency group of a run is saved before the run is admitted.
#[tokio::test]
async fn the_concurrency_group_of_a_run_is_saved() -> anyhow::Result<()> {
    let concurrency = json!({"key": "string(input.quantity)", "limit": 2});
    let fixture = Fixture::with_tenant("group", objects::plan()).await?;
    let spec = objects::with(objects::intake(), "concurrency", concurrency);
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    fixture.run("order-7", json!({"quantity": 7})).await?;
    fixture.wait_until_assigned("order-7").await?;
    let group = fixture.runs.get("order-7").await?.status.and_then(|status| status.concurrency);
    assert_eq!(serde_json::to_value(group)?, json!({"key": "\"7\"", "limit": 2}));
    Ok(())
}
