//! Floods of runs.

use serde_json::{Value, json};

use super::Flood;
use crate::attacker::Attacker;

const WORKFLOW: &str = "flood";
/// Ten times the rate of requests that the plan allows.
const PER_SECOND: u32 = 100;

/// Creates runs with kubectl.
pub(super) async fn by_kubectl(attacker: &Attacker) -> anyhow::Result<Flood> {
    attacker.apply_and_find(WORKFLOW, &spec()).await?;
    let copy = attacker.clone();
    Ok(attacker.flood(PER_SECOND, move |_| {
        let attacker = copy.clone();
        async move { attacker.create(WORKFLOW, &json!({})).await }
    }))
}

/// Starts runs over REST.
pub(super) async fn by_rest(attacker: &Attacker) -> anyhow::Result<Flood> {
    let workflow = attacker.apply_and_find(WORKFLOW, &spec()).await?;
    let copy = attacker.clone();
    Ok(attacker.flood(PER_SECOND, move |_| {
        let (attacker, workflow) = (copy.clone(), workflow.clone());
        async move { attacker.start(&workflow, &json!({})).await }
    }))
}

/// Runs end in milliseconds in warm pods, so that as many as possible are admitted.
fn spec() -> Value {
    json!({"runners": {"keepAlive": "1m"},
           "steps": [{"name": "one", "python": {"code": "def run(input, ctx): return 1"}}]})
}
