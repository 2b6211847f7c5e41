//! Waiting runs with large inputs.

use serde_json::json;

use super::Flood;
use crate::attacker::Attacker;

const WORKFLOW: &str = "waiting";
/// 1.25 MB of JSON each second, which is many times that in memory when it is parsed.
const PER_SECOND: u32 = 5;

/// Starts runs that wait for an hour, with nearly as many bytes and values as an input may have.
pub(super) async fn prepare(attacker: &Attacker) -> anyhow::Result<Flood> {
    let spec = json!({"steps": [{"name": "pause", "wait": {"for": "1h"}}]});
    let workflow = attacker.apply_and_find(WORKFLOW, &spec).await?;
    let input = json!({"a": vec![123_456_789_012_u64; 19_000]});
    let copy = attacker.clone();
    Ok(attacker.flood(PER_SECOND, move |_| {
        let (attacker, workflow, input) = (copy.clone(), workflow.clone(), input.clone());
        async move { attacker.start(&workflow, &input).await }
    }))
}
