//! Inputs that are expensive to validate.

use serde_json::json;

use super::Flood;
use crate::attacker::Attacker;

const WORKFLOW: &str = "schemas";
/// One validation took seconds before it had a budget.
const PER_SECOND: u32 = 4;

/// Starts runs, alternately over REST and with kubectl, whose lists are compared with 1,000 constants for each item.
pub(super) async fn prepare(attacker: &Attacker) -> anyhow::Result<Flood> {
    let constants: Vec<_> = (1..=1_000).map(|number| json!({"const": number})).collect();
    let schema = json!({"type": "object", "properties": {"list": {"items": {"anyOf": constants}}}});
    let spec = json!({"input": {"schema": schema}, "steps": [{"name": "one", "expr": {"value": 1}}]});
    let workflow = attacker.apply_and_find(WORKFLOW, &spec).await?;
    let zeros = |count| json!({"list": vec![0; count]});
    let (short, long) = (zeros(1_000), zeros(5_000));
    let copy = attacker.clone();
    Ok(attacker.flood(PER_SECOND, move |number| {
        let (attacker, workflow) = (copy.clone(), workflow.clone());
        let input = if number % 4 < 2 { short.clone() } else { long.clone() };
        async move {
            match number % 2 {
                0 => attacker.start(&workflow, &input).await,
                _ => attacker.create(WORKFLOW, &input).await,
            }
        }
    }))
}
