//! What a scenario's file expects.

use std::collections::BTreeMap;

use crds::run::{RunPhase, StepPhase};
use crds::workflow::ErrorKind;
use serde::Deserialize;
use serde_json::Value;

/// What is seen in the end.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    /// The workflow `main` is refused with these problems; no run starts by itself.
    pub problems: Option<Vec<ProblemSeen>>,
    /// Of the run `main`.
    pub run: Option<RunSeen>,
    /// Of other runs.
    #[serde(default)]
    pub runs: BTreeMap<String, RunSeen>,
    /// At least so many runs of `main` that a schedule started have succeeded; no two of them for the same time.
    pub scheduled: Option<usize>,
    /// The runs that are sub-runs of `main`, in any order: their phases.
    pub children: Option<Vec<RunPhase>>,
    /// All requests that the recording server received, in their order.
    pub calls: Option<Vec<Call>>,
    /// How many requests it received, by path.
    #[serde(default)]
    pub call_counts: BTreeMap<String, usize>,
    /// Lines that are kept of `main` after its pod is gone.
    #[serde(default)]
    pub logs: Vec<LogLine>,
    /// Texts that are nowhere: not in the run, its events, its kept logs, nor in what the API shows of it.
    #[serde(default)]
    pub absent: Vec<String>,
}

/// A problem of a workflow.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProblemSeen {
    /// Where, such as `spec.steps[2].when`.
    pub path: String,
    /// What.
    pub code: Option<String>,
    /// A part of the message.
    pub message: Option<String>,
}

/// What is seen of a run. What is not given may be anything.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunSeen {
    /// Its phase. One that is not final is waited for. Default: the run's end is waited for.
    pub phase: Option<RunPhase>,
    /// What it failed of.
    pub error: Option<ErrorSeen>,
    /// Its output.
    pub output: Option<Value>,
    /// Its output is in object storage.
    pub stored: Option<bool>,
    /// Its steps, by name.
    #[serde(default)]
    pub steps: BTreeMap<String, StepSeen>,
    /// How many steps were taken over from an earlier run.
    pub reused: Option<u32>,
    /// It took at least so many seconds from start to end.
    pub at_least: Option<f64>,
    /// It took at most so many seconds from start to end.
    pub at_most: Option<f64>,
    /// Its status never had more bytes than this.
    pub status_at_most: Option<usize>,
    /// All its versions together had at most so many bytes: what etcd holds of it until its history is compacted.
    pub written_at_most: Option<usize>,
}

/// What is seen of an error.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorSeen {
    /// The step, of a run's error.
    pub step: Option<String>,
    /// `User`, `Infra`, …
    pub kind: Option<ErrorKind>,
    /// Such as `HTTP_503`.
    pub code: Option<String>,
    /// A part of the message.
    pub message: Option<String>,
    /// A part of the details, of a step's error.
    pub details: Option<String>,
}

/// What is seen of a step.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepSeen {
    /// Its phase.
    pub phase: Option<StepPhase>,
    /// Its last attempt.
    pub attempt: Option<u32>,
    /// Its output.
    pub output: Option<Value>,
    /// Whether its output is in object storage.
    pub stored: Option<bool>,
    /// What it failed of.
    pub error: Option<ErrorSeen>,
    /// Its items.
    pub items: Option<ItemsSeen>,
}

/// What is seen of a step's items.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ItemsSeen {
    /// How many there are.
    pub total: Option<u32>,
    /// How many ended well.
    pub succeeded: Option<u32>,
    /// How many failed.
    pub failed: Option<u32>,
    /// Which have ended: `0-412,414`.
    pub done: Option<String>,
    /// The indexes of those that failed.
    pub failures: Option<Vec<u32>>,
}

/// A request that the recording server received.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Call {
    /// Its path.
    pub path: String,
    /// Its method.
    pub method: Option<String>,
    /// Its query, as written.
    pub query: Option<String>,
    /// Headers by lower-case name; `null` for one that must not be there.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// The body as JSON.
    pub json: Option<Value>,
    /// The body as text.
    pub text: Option<String>,
    /// Calls of the same letter carry the same `Idempotency-Key`, calls of others another.
    pub key: Option<String>,
}

/// A line that is kept.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLine {
    /// Of which step.
    pub step: String,
    /// Of which item.
    pub item: Option<u32>,
    /// `stdout`, `stderr`, or `system` for what we say about it.
    pub stream: Option<String>,
    /// A part of the line.
    pub line: String,
}
