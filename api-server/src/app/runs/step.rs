//! The steps of a run, out of the record that the runner keeps of them.

use crds::run::{ItemsStatus, StepPhase, Waiting};
use serde::Deserialize;
use serde_json::Value;

use crate::db::Timestamp;

/// A step of a run. What is not known of it yet is `None`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its name in the workflow.
    pub name: String,
    /// Where it stands.
    pub phase: StepPhase,
    /// The attempt that is under way, or was the last; the first is 1.
    #[serde(default)]
    pub attempt: Option<i32>,
    /// When its first attempt began.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// When its next attempt begins, while it waits for that.
    #[serde(default)]
    pub next_at: Option<Timestamp>,
    /// What it returned, where that is small.
    #[serde(default)]
    pub output: Option<Value>,
    /// Where what it returned is, where that is large.
    #[serde(default)]
    pub output_ref: Option<Value>,
    /// How it failed, or how its last attempt did.
    #[serde(default)]
    pub error: Option<Failure>,
    /// What it waits for, while it is suspended.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// The items of a `forEach`.
    #[serde(default)]
    pub items: Option<ItemsStatus>,
}

/// How a step or a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Failure {
    /// The step, in the failure of a run.
    #[serde(default)]
    pub step: Option<String>,
    /// Whose fault it is, as the object has it.
    pub kind: String,
    /// What failed, for machines.
    pub code: String,
    /// What failed, for people.
    pub message: String,
    /// More, by code: a traceback, the beginning of a body, JSON pointers.
    #[serde(default)]
    pub details: Option<Value>,
}

/// How the steps of a run ended, while its `onExit` steps run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ending {
    /// The phase that the run will have, as the object has it.
    pub phase: String,
    /// What failed.
    #[serde(default)]
    pub error: Option<Failure>,
    /// Since when its `onExit` steps run.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

impl Ending {
    /// Out of the record that the runner keeps of it.
    #[must_use]
    pub fn parse(ending: &Value) -> Option<Self> {
        Self::deserialize(ending).ok()
    }
}

/// The steps in a run's row. The row was projected from a parsed object, so one that does not parse is of a newer
/// version of us; it is left out rather than hiding the others.
#[must_use]
pub fn parse(steps: &Value) -> Vec<Step> {
    let steps = steps.as_array().map(Vec::as_slice).unwrap_or_default();
    steps.iter().filter_map(|step| Step::deserialize(step).ok()).collect()
}
