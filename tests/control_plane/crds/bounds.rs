//! Size limits: the largest permitted object is accepted, and one that is larger by one is refused.

use serde_json::{Value, json};
use tests::cluster::{client, unique};

use super::{api, object, refusal};

/// Size limit of a workflow: its name, the maximum, and a function that builds a spec with a given size.
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

/// Workflows are accepted up to the documented size limits and refused beyond them.
#[tokio::test]
async fn workflows_are_accepted_up_to_their_size_limits() -> anyhow::Result<()> {
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

/// The validation of the largest permitted workflow is within the cost budget of the API server.
#[tokio::test]
async fn the_largest_workflow_is_within_the_cel_cost_budget() -> anyhow::Result<()> {
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
