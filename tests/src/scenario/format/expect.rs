//! Expected result of a scenario.

use std::collections::BTreeMap;

use crds::run::{EndReason, RunPhase, StepPhase};
use crds::workflow::ErrorKind;
use serde::Deserialize;
use serde_json::Value;

/// Expected result of a scenario. Fields that are not given are not checked.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    /// Problems of the workflow `main`, which is invalid; no run is started.
    pub problems: Option<Vec<ExpectedProblem>>,
    /// Expected result of the run `main`.
    pub run: Option<ExpectedRun>,
    /// Expected results of other runs, by name.
    #[serde(default)]
    pub runs: BTreeMap<String, ExpectedRun>,
    /// Minimum number of scheduled runs of `main` that have succeeded.
    pub scheduled: Option<usize>,
    /// Phases of the sub-runs of `main`, in any order.
    pub children: Option<Vec<RunPhase>>,
    /// All requests that the recording server received, in order.
    pub calls: Option<Vec<ExpectedCall>>,
    /// Number of requests that the recording server received, by path.
    #[serde(default)]
    pub call_counts: BTreeMap<String, usize>,
    /// Log lines of `main` that are stored by the API server of the product.
    #[serde(default)]
    pub logs: Vec<ExpectedLogLine>,
    /// Texts that must not occur in the run, its events, its stored logs, or its representation in the API.
    #[serde(default)]
    pub absent: Vec<String>,
}

/// Expected problem of a workflow.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedProblem {
    /// Path of the problem, such as `spec.steps[2].when`.
    pub path: String,
    /// Code of the problem.
    pub code: Option<String>,
    /// Part of the message.
    pub message: Option<String>,
}

/// Expected status of a run. Fields that are not given are not checked.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedRun {
    /// Phase. The comparison waits until the run has this phase or, without one, until it has ended.
    pub phase: Option<RunPhase>,
    /// Error of the run.
    pub error: Option<ExpectedError>,
    /// Input that the run executes with, if it differs from the given one; `null` if it does not.
    pub input: Option<Value>,
    /// Output.
    pub output: Option<Value>,
    /// Whether the output is in object storage.
    pub stored: Option<bool>,
    /// Steps by name.
    #[serde(default)]
    pub steps: BTreeMap<String, ExpectedStep>,
    /// Number of steps that were reused from an earlier run.
    pub reused: Option<u32>,
    /// Minimum duration in seconds.
    pub at_least: Option<f64>,
    /// Maximum duration in seconds.
    pub at_most: Option<f64>,
    /// Maximum size in bytes that the status may have in any version.
    pub status_at_most: Option<usize>,
    /// Maximum size in bytes of all versions together: the space in etcd until the history is compacted.
    pub written_at_most: Option<usize>,
}

/// Expected error of a run or a step.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedError {
    /// Failed step, in the error of a run.
    pub step: Option<String>,
    /// Kind, such as `User` or `Infra`.
    pub kind: Option<ErrorKind>,
    /// Code, such as `HTTP_503`.
    pub code: Option<String>,
    /// Part of the message.
    pub message: Option<String>,
    /// Part of the details, in the error of a step.
    pub details: Option<String>,
}

/// Expected status of a step.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedStep {
    /// Phase.
    pub phase: Option<StepPhase>,
    /// Number of the last attempt.
    pub attempt: Option<u32>,
    /// Output.
    pub output: Option<Value>,
    /// Whether the output is in object storage.
    pub stored: Option<bool>,
    /// Error of the step.
    pub error: Option<ExpectedError>,
    /// Why the step was skipped or cancelled.
    pub reason: Option<EndReason>,
    /// Part of the description of that reason, or of why the last decision was refused.
    pub message: Option<String>,
    /// Items of a `forEach` step.
    pub items: Option<ExpectedItems>,
}

/// Expected counts of the items of a step.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedItems {
    /// Number of items.
    pub total: Option<u32>,
    /// Number of items that succeeded.
    pub succeeded: Option<u32>,
    /// Number of items that failed.
    pub failed: Option<u32>,
    /// Indexes of the items that have ended, such as `0-412,414`.
    pub done: Option<String>,
    /// Indexes of the items that failed.
    pub failures: Option<Vec<u32>>,
}

/// Expected request to the recording server.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedCall {
    /// Path.
    pub path: String,
    /// Method.
    pub method: Option<String>,
    /// Query string.
    pub query: Option<String>,
    /// Headers by lower-case name; `null` for a header that must be absent.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// Body as JSON.
    pub json: Option<Value>,
    /// Body as text.
    pub text: Option<String>,
    /// Letter that stands for the `Idempotency-Key`: requests have the same key if and only if their letters
    /// are equal.
    pub key: Option<String>,
}

/// Expected line of the stored log.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedLogLine {
    /// Step of the line.
    pub step: String,
    /// Item of the line.
    pub item: Option<u32>,
    /// Stream: `stdout`, `stderr`, or `system` for lines that the runner writes.
    pub stream: Option<String>,
    /// Part of the line.
    pub line: String,
}
