//! Attacks by the code of steps. They come from the addresses of the attacker's pods, as those of a tenant do.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Flood;
use crate::attacker::Attacker;

const WORKFLOW: &str = "flood";
/// Number of runs of the attack at the same time: less than the plan allows.
const RUNS: usize = 3;

/// Opens 1,200 connections that never finish their headers, 395 KB each.
pub(super) async fn headers(attacker: &Attacker) -> anyhow::Result<Flood> {
    let parameters = json!({"connections": 400, "bytes": 395_000});
    start(attacker, &[("flood", include_str!("../steps/headers.py"))], &parameters).await
}

/// Opens 180 log streams, and 180 requests that wait for the end of a run.
pub(super) async fn streams(attacker: &Attacker) -> anyhow::Result<Flood> {
    let spec = json!({"steps": [{"name": "pause", "wait": {"for": "1h"}}]});
    let workflow = attacker.apply_and_find("waiting", &spec).await?;
    let path = format!("/v1/workflows/{workflow}/runs");
    let response = attacker.builder.post(&path, &[], &json!({})).await?;
    let run = response.body.get("id").context("the run was not started")?;
    let parameters = json!({"run": run, "token": attacker.viewer_token, "streams": 60, "waits": 60});
    start(attacker, &[("flood", include_str!("../steps/streams.py"))], &parameters).await
}

/// Sends requests with different invalid tokens to the port for runners.
pub(super) async fn internal_port(attacker: &Attacker) -> anyhow::Result<Flood> {
    start(attacker, &[("flood", include_str!("../steps/internal_port.py"))], &json!({"workers": 32})).await
}

/// Prints, computes and writes files without end.
pub(super) async fn consume(attacker: &Attacker) -> anyhow::Result<Flood> {
    let steps = [
        ("log", include_str!("../steps/log.py")),
        ("cpu", include_str!("../steps/cpu.py")),
        ("disk", include_str!("../steps/disk.py")),
    ];
    start(attacker, &steps, &json!({})).await
}

/// Starts runs of a workflow with these Python steps, which run in parallel.
async fn start(attacker: &Attacker, steps: &[(&str, &str)], parameters: &Value) -> anyhow::Result<Flood> {
    let seconds = attacker.duration.as_secs();
    let with = json!({"seconds": seconds, "parameters": parameters});
    let steps: Vec<_> = steps
        .iter()
        .map(|(name, code)| {
            // A step that does not end by itself is killed some seconds later.
            json!({"name": name, "with": with, "timeout": format!("{}s", seconds + 5), "retry": {"attempts": 1},
                   "continueOnError": true,
                   "python": {"code": code, "resources": {"memory": "256Mi"}}})
        })
        .collect();
    attacker.apply_and_find(WORKFLOW, &json!({"steps": steps})).await?;
    for _ in 0..RUNS {
        let answer = attacker.create(WORKFLOW, &json!({})).await;
        attacker.answers.add(&answer);
    }
    Ok(Box::pin(std::future::pending()))
}
