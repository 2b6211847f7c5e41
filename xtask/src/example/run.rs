//! Starting a run of the example and waiting for its end.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{TENANT_NAMESPACE, WORKFLOW};
use crate::checkout::Checkout;
use crate::cluster::Cluster;
use crate::phase::Phase;
use crate::wait;

/// A finished WorkflowRun.
pub(crate) struct Finished {
    /// The object as returned by kubectl.
    pub(crate) object: Value,
}

impl Finished {
    /// Returns the text at a JSON pointer, empty if there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Ten times what the run takes on two cores.
const RUN_TIMEOUT: Duration = Duration::from_secs(90);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Starts a run with `examples/data/orders.csv` as its input, and waits until it has finished.
///
/// # Errors
/// Returns an error if the run does not succeed.
pub(crate) fn execute(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    cluster: &Cluster,
) -> anyhow::Result<Finished> {
    let name = start(phase, checkout, cluster)?;
    phase.advice(format!("kubectl --namespace {TENANT_NAMESPACE} describe swr {name}; kubectl --namespace {TENANT_NAMESPACE} get pods"));
    let object = wait::until("the run's end", RUN_TIMEOUT, POLL_INTERVAL, || {
        let run = cluster.get(&["--namespace", TENANT_NAMESPACE, "swr", &name])?;
        phase.log_line(&progress(&run));
        let ended = matches!(state(&run), "Succeeded" | "Failed" | "Cancelled" | "TimedOut");
        Ok(ended.then_some(run))
    })?;
    let ended = state(&object);
    phase.outcome(ended.to_owned());
    if ended != "Succeeded" {
        bail!("run {name} is {ended}: {}", object.pointer("/status/error").unwrap_or(&Value::Null));
    }
    Ok(Finished { object })
}

fn start(phase: &mut Phase<'_>, checkout: &Checkout, cluster: &Cluster) -> anyhow::Result<String> {
    let path = checkout.path("examples/data/orders.csv");
    let csv = std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let run = json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
        "metadata": {"generateName": format!("{WORKFLOW}-"), "namespace": TENANT_NAMESPACE},
        "spec": {"workflowRef": {"name": WORKFLOW}, "trigger": {"kind": "Manual"}, "input": {"orders": csv}},
    });
    let created =
        phase.capture(cluster.kubectl().args(["create", "-o", "json", "-f", "-"]).input(run.to_string()))?;
    let created: Value = serde_json::from_str(&created).context("failed to parse the created run")?;
    let name = created.pointer("/metadata/name").and_then(Value::as_str);
    Ok(name.context("failed to find the name of the created run")?.to_owned())
}

fn state(run: &Value) -> &str {
    run.pointer("/status/phase").and_then(Value::as_str).unwrap_or("new")
}

fn progress(run: &Value) -> String {
    let steps = run.pointer("/status/steps").and_then(Value::as_array).into_iter().flatten();
    let steps = steps.filter_map(|step| {
        Some(format!("{} {}", step.pointer("/name")?.as_str()?, step.pointer("/phase")?.as_str()?))
    });
    let reason = run.pointer("/status/queue/message").and_then(Value::as_str).unwrap_or_default();
    format!("{} {reason} {}", state(run), steps.collect::<Vec<_>>().join(", "))
}
