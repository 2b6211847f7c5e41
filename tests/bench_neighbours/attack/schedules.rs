//! Dense schedules.

use serde_json::{Value, json};

use super::Flood;
use crate::{answers, attacker::Attacker};

/// Number of workflows for each cron expression.
const WORKFLOWS: usize = 5;
/// Number of schedules of a workflow, the maximum.
const SCHEDULES: usize = 16;
/// Each second, and each minute for plans that refuse the first.
const CRONS: [&str; 2] = ["* * * * * *", "* * * * *"];

/// Applies workflows with as many schedules as possible, which then start runs by themselves.
pub(super) async fn prepare(attacker: &Attacker) -> anyhow::Result<Flood> {
    for (position, cron) in CRONS.iter().enumerate() {
        for number in 0..WORKFLOWS {
            let applied = attacker.apply(&format!("scheduled-{position}-{number}"), &spec(cron)).await;
            attacker.answers.add(&answers::from_kubernetes(applied));
        }
    }
    Ok(Box::pin(std::future::pending()))
}

fn spec(cron: &str) -> Value {
    let schedules: Vec<_> =
        (0..SCHEDULES).map(|number| json!({"name": format!("s{number}"), "cron": cron})).collect();
    json!({"schedules": schedules, "runners": {"keepAlive": "1m"},
           "steps": [{"name": "one", "expr": {"value": 1}}]})
}
