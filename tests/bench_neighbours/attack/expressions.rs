//! Expressions that are expensive to evaluate.

use serde_json::json;

use super::Flood;
use crate::attacker::Attacker;

const WORKFLOW: &str = "expressions";
/// Each run carries 200 KB.
const PER_SECOND: u32 = 5;
/// Evaluates a pattern that matches nothing on a long text, for each pair of items.
const EXPRESSION: &str = "string(input.xs.filter(x, input.xs.exists(y, input.s.matches('(x+x+)+y'))).size())";

/// Starts runs with an expensive concurrency key and an expensive output.
pub(super) async fn prepare(attacker: &Attacker) -> anyhow::Result<Flood> {
    let spec = json!({
        "concurrency": {"key": EXPRESSION, "limit": 1},
        "steps": [{"name": "one", "expr": {"value": format!("${{{{ {EXPRESSION} }}}}")}}],
    });
    attacker.apply_and_find(WORKFLOW, &spec).await?;
    let numbers: Vec<u32> = (0..300).collect();
    let input = json!({"xs": numbers, "s": "x".repeat(200_000)});
    let copy = attacker.clone();
    Ok(attacker.flood(PER_SECOND, move |_| {
        let (attacker, input) = (copy.clone(), input.clone());
        async move { attacker.create(WORKFLOW, &input).await }
    }))
}
