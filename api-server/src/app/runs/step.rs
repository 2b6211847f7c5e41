//! Steps of runs, as the runner writes them to the status.

use crds::run::{EndReason, ItemsStatus, StepPhase, Waiting};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Step of a run. Fields that are not known yet are `None`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Name of the step in the workflow.
    pub name: String,
    /// Phase of the step.
    pub phase: StepPhase,
    /// Why the step was skipped or cancelled.
    #[serde(default)]
    pub reason: Option<EndReason>,
    /// Human-readable description of `reason`.
    #[serde(default)]
    pub message: Option<String>,
    /// Number of the current or last attempt, starting at 1.
    #[serde(default)]
    pub attempt: Option<i32>,
    /// Time at which the first attempt started.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// Time at which the step finished.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// Time at which the step continues by itself: its next attempt starts, or its wait or approval ends.
    #[serde(default)]
    pub next_at: Option<Timestamp>,
    /// Inline output.
    #[serde(default)]
    pub output: Option<Value>,
    /// Reference to an output in object storage.
    #[serde(default)]
    pub output_ref: Option<Value>,
    /// Error of the step, or of its last attempt.
    #[serde(default)]
    pub error: Option<Failure>,
    /// Reason why the step is suspended.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// Progress of the items of a `forEach` step.
    #[serde(default)]
    pub items: Option<ItemsStatus>,
}

/// Error of a step or of a run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Failure {
    /// Name of the step, in the error of a run.
    #[serde(default)]
    pub step: Option<String>,
    /// Kind of the error, as in the Kubernetes object.
    pub kind: String,
    /// Machine-readable code.
    pub code: String,
    /// Human-readable explanation.
    pub message: String,
    /// Details that depend on the code, such as a traceback, the beginning of a response body, or JSON pointers.
    #[serde(default)]
    pub details: Option<Value>,
}

/// Result of the steps of a run whose `onExit` steps are being executed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ending {
    /// Phase that the run will have, as in the Kubernetes object.
    pub phase: String,
    /// Error that the run will have.
    #[serde(default)]
    pub error: Option<Failure>,
    /// Time at which the `onExit` steps started.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

impl Ending {
    /// Parses the status that the runner writes.
    #[must_use]
    pub fn parse(ending: &Value) -> Option<Self> {
        Self::deserialize(ending).ok()
    }
}

/// Parses the steps in a run's row. The row was projected from a parsed object, so a step that does not parse was
/// written by a newer version; it is skipped instead of hiding the others.
#[must_use]
pub fn parse(steps: &Value) -> Vec<Step> {
    let steps = steps.as_array().map(Vec::as_slice).unwrap_or_default();
    steps.iter().filter_map(|step| Step::deserialize(step).ok()).collect()
}
