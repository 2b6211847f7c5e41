//! Sizes: exactly as many are taken, one more is refused.

use serde_json::{Value, json};
use tests::cluster::{client, unique};

use super::{api, object, refusal};

/// A bound of a workflow: what is counted, how many there may be, and a spec with as many.
type Bound = (&'static str, usize, fn(usize) -> Value);

const BOUNDS: [Bound; 11] = [
    ("steps", crds::constants::MAX_STEPS, |count| json!({"steps": steps("s", count)})),
    (
        "onExit",
        crds::constants::MAX_EXIT_STEPS,
        |count| json!({"steps": steps("s", 1), "onExit": steps("x", count)}),
    ),
    ("needs", crds::constants::MAX_NEEDS, |count| {
        let needs: Vec<_> = (0..count).map(|index| format!("s{index}")).collect();
        let mut all = steps("s", 20);
        all.push(json!({"name": "last", "needs": needs, "expr": {"value": 1}}));
        json!({"steps": all})
    }),
    ("when", crds::constants::MAX_EXPRESSION_BYTES, |count| step("when", json!("x".repeat(count)))),
    (
        "code",
        crds::constants::MAX_PYTHON_BYTES,
        |count| json!({"steps": [{"name": "s", "python": {"code": "x".repeat(count)}}]}),
    ),
    ("name", 40, |count| json!({"steps": [{"name": "n".repeat(count), "expr": {"value": 1}}]})),
    ("secrets", 32, |count| {
        let secrets: Vec<_> = (0..count)
            .map(|index| json!({"name": format!("s{index}"), "secretRef": {"name": "erp"}}))
            .collect();
        json!({"steps": steps("s", 1), "secrets": secrets})
    }),
    ("schedules", 16, |count| {
        let schedules: Vec<_> =
            (0..count).map(|index| json!({"name": format!("s{index}"), "cron": "0 2 * * *"})).collect();
        json!({"steps": steps("s", 1), "schedules": schedules})
    }),
    ("attempts", 20, |count| step("retry", json!({"attempts": count}))),
    ("maxParallel", 100, |count| step("forEach", json!({"items": "${{ input }}", "maxParallel": count}))),
    ("displayName", 120, |count| json!({"steps": steps("s", 1), "displayName": "ü".repeat(count)})),
];

fn steps(prefix: &str, count: usize) -> Vec<Value> {
    (0..count).map(|index| json!({"name": format!("{prefix}{index}"), "expr": {"value": index}})).collect()
}

fn step(field: &str, value: Value) -> Value {
    let mut step = json!({"name": "s", "expr": {"value": 1}});
    if let Some(fields) = step.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
    json!({"steps": [step]})
}

/// A workflow that the guide allows is refused; or one too large for us is stored.
#[tokio::test]
async fn a_workflow_is_as_large_as_its_bounds_say_and_no_larger() -> anyhow::Result<()> {
    let workflows = api(&client().await?, "Workflow", "default")?;
    for (what, bound, spec) in BOUNDS {
        let largest = object("Workflow", &unique("bound"), &spec(bound))?;
        assert_eq!(refusal(&workflows, &largest).await?, None, "{what}: {bound}");
        let larger = object("Workflow", &unique("bound"), &spec(bound + 1))?;
        let message = refusal(&workflows, &larger).await?.unwrap_or_default();
        assert!(message.contains(what) && message.contains(&bound.to_string()), "{what}: {message:?}");
    }
    Ok(())
}

/// The API server stops judging a workflow that takes it too long, and refuses it: none that we allow may.
#[tokio::test]
async fn the_largest_workflow_is_judged_within_the_budget_of_the_api_server() -> anyhow::Result<()> {
    let name = |index: usize| format!("step-{index:02}-{}", "n".repeat(32));
    let step = |index: usize| {
        let needs: Vec<_> = (0..index).rev().take(crds::constants::MAX_NEEDS).map(name).collect();
        json!({"name": name(index), "needs": needs, "expr": {"value": 1}})
    };
    let all: Vec<_> = (0..crds::constants::MAX_STEPS).map(step).collect();
    let workflow = object("Workflow", &unique("largest"), &json!({"steps": all, "onExit": steps("x", 16)}))?;
    assert_eq!(refusal(&api(&client().await?, "Workflow", "default")?, &workflow).await?, None);
    Ok(())
}
