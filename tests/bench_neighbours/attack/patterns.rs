//! Workflows with large patterns.

use serde_json::{Map, Value, json};

use super::Flood;
use crate::{answers, attacker::Attacker};

const PER_SECOND: u32 = 5;
/// Number of different workflows, which are applied in turn.
const WORKFLOWS: u32 = 20;
/// Number of patterns of a workflow, 6.8 KB together.
const PATTERNS: u32 = 200;

/// Applies workflows whose patterns are large when they are compiled. Each application changes one of them, so that the
/// workflow is validated again.
pub(super) fn prepare(attacker: &Attacker) -> Flood {
    let copy = attacker.clone();
    attacker.flood(PER_SECOND, move |number| {
        let attacker = copy.clone();
        async move {
            let applied = attacker.apply(&format!("patterns-{}", number % WORKFLOWS), &spec(number)).await;
            answers::from_kubernetes(applied)
        }
    })
}

fn spec(number: u32) -> Value {
    let property = |index: u32| {
        let pattern = format!(r"\p{{L}}{{20}}{}", number + index);
        (format!("p{index}"), json!({"pattern": pattern}))
    };
    let properties: Map<String, Value> = (0..PATTERNS).map(property).collect();
    json!({"input": {"schema": {"type": "object", "properties": properties}},
           "steps": [{"name": "one", "expr": {"value": 1}}]})
}
