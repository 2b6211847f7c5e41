//! The observed state of a step of a run.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

use super::{OutputRef, StepPhase};
use crate::{schema, workflow::ErrorKind};

/// Observed state of a step.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// Name of the step.
    pub name: String,
    /// Phase of the step. `Pending`: has not started, or waits for its next attempt (`nextAt`). `Running`: an attempt is running. `Suspended`: waits for an approval, a time or a sub-run. `Skipped`: its `when` was false, or a step that it needs did not succeed. `Cancelled`: the run ended before the step finished. `Succeeded` and `Failed` are final.
    pub phase: StepPhase,
    /// Why the step was skipped or cancelled: `WhenFalse`, `UpstreamFailed`, `RunFailed`, `RunCancelled` or `RunTimedOut`. Absent in other phases.
    #[schemars(with = "EndReason")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
    /// Human-readable description of `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Number of the current or last attempt, starting at 1. Absent or 0 if no attempt has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Number of consecutive attempts whose code could not be started. They do not count as attempts; after 10 of them the step fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_started: Option<u32>,
    /// Time at which the first attempt started.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// Time at which the step finished.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// Time at which the next attempt starts, or at which the wait or the approval expires.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<MicroTime>,
    /// Output of the step, if it has at most 16 KiB and all outputs in this status have at most 256 KiB. Otherwise `outputRef` is set.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Reference to the output of the step in object storage, if it is too large to be stored here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_ref: Option<OutputRef>,
    /// Error of the last attempt. Absent if it has not failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// Event that a Suspended step waits for. Absent in other phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Progress of the items of a `forEach`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemsStatus>,
}

/// Why a step was skipped or cancelled.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The step was skipped because its `when` was false.
    WhenFalse,
    /// The step was skipped because a step that it needs, directly or not, did not succeed.
    UpstreamFailed,
    /// The step was cancelled because another step failed.
    RunFailed,
    /// The step was cancelled because the run was cancelled.
    RunCancelled,
    /// The step was cancelled because the run, or its `onExit` steps, reached the timeout.
    RunTimedOut,
}

/// What a step, or an item of it, waits for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Kind of the wait: `Approval`, `Time` or `Run` (a sub-run).
    #[serde(rename = "for")]
    pub reason: WaitingFor,
    /// Question of the approval. Absent for other waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Roles of the users who may decide on the approval; at most 8. Empty for other waits.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Name of the WorkflowRun of the sub-run. Absent for other waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Last decision on the approval that was refused. It may be replaced in `spec.decisions` by another one with the same key. Absent if none was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedDecision>,
}

/// Decision that was refused because its input does not match the schema of the approval.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct RefusedDecision {
    /// Violations of the schema.
    #[serde(default)]
    pub message: String,
    /// User who made the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// `metadata.generation` of the run in which the decision was refused. The run continues once there is a newer one.
    pub generation: i64,
}

/// Kind of a wait: `Approval`, `Time` or `Run`.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::IntoStaticStr,
)]
pub enum WaitingFor {
    /// A decision on an approval.
    Approval,
    /// A point in time.
    Time,
    /// The end of a sub-run.
    Run,
}

/// Error of an attempt.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct StepError {
    /// Kind of the error, see `retry.kinds` of a step: `User`, `Infra`, `Timeout`, `Schema` or `Policy`.
    pub kind: ErrorKind,
    /// Machine-readable error code, such as `PYTHON_EXCEPTION`.
    pub code: String,
    /// Human-readable description of the error.
    pub message: String,
    /// Additional information that depends on the code: a traceback, the first KiB of a response body, or JSON pointers of schema violations.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// Progress of the items of a `forEach`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ItemsStatus {
    /// Number of items.
    pub total: u32,
    /// Number of items that succeeded.
    #[serde(default)]
    pub succeeded: u32,
    /// Number of items that failed.
    #[serde(default)]
    pub failed: u32,
    /// Indexes of the finished items, as ranges such as `0-412,414`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub done: String,
    /// Items that have started and not finished; at most `maxParallel`.
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub active: Vec<ActiveItem>,
    /// Errors of the first 20 items that failed.
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<ItemFailure>,
    /// Outputs of items by index, until the step has finished; at most 16 KiB in total. Further outputs are in `batches`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "by_index")]
    #[schemars(schema_with = "schema::free_object")]
    pub outputs: BTreeMap<u32, Value>,
    /// References to further outputs of items in object storage, until the step has finished.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<ItemBatch>,
}

/// Item that has started and not finished.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ActiveItem {
    /// Index of the item, starting at 0.
    pub index: u32,
    /// Name of the item, see `forEach.label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Number of the current or last attempt, starting at 1. 0 if no attempt has started.
    pub attempt: u32,
    /// Number of consecutive attempts whose code could not be started. They do not count as attempts; after 10 of them the item fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_started: Option<u32>,
    /// Time at which the first attempt started.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// Time at which the next attempt starts, or at which the wait or the approval expires. Absent if the item is running or waits without a time limit.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<MicroTime>,
    /// Error code of the last attempt. Absent if it has not failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Event that the item waits for. Absent if it does not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// Outputs of several items in object storage, stored as one JSON object with the index as key.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ItemBatch {
    /// Indexes of the items, as ranges such as `0-99,104`.
    pub indexes: String,
    /// Reference to the outputs.
    pub output_ref: OutputRef,
}

/// Error of an item that failed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ItemFailure {
    /// Index of the item, starting at 0.
    pub index: u32,
    /// Kind of the error, see `retry.kinds` of a step: `User`, `Infra`, `Timeout`, `Schema` or `Policy`.
    pub kind: ErrorKind,
    /// Machine-readable error code.
    pub code: String,
    /// Human-readable description of the error; at most 1,000 characters.
    pub message: String,
    /// Name of the item, see `forEach.label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Additional information as in `error.details` of a step. Present for the first failures, which have 8 KiB of it together.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// Deserializes a map with the index of an item as key. Deserializers that buffer their input, such as those of kube
/// that tolerate invalid objects, provide the keys as strings and not as numbers.
fn by_index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u32, Value>, D::Error> {
    let texts = BTreeMap::<String, Value>::deserialize(deserializer)?;
    let parse = |(key, value): (String, Value)| match key.parse() {
        Ok(index) => Ok((index, value)),
        Err(_) => Err(D::Error::custom(format!("{key:?} is not the index of an item"))),
    };
    texts.into_iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Deserializes from a buffer, like kube's `DeserializeGuard` and watchers.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Buffered {
        Items(ItemsStatus),
    }

    /// The outputs of items are read from a buffered deserializer, too, so that the operator can read such a run.
    #[test]
    fn outputs_by_index_are_read_from_a_buffered_deserializer() {
        let status = json!({"total": 2, "done": "0", "outputs": {"0": 1, "17": null}});
        let Buffered::Items(items) = serde_json::from_value(status).unwrap();
        assert_eq!(items.outputs, BTreeMap::from([(0, json!(1)), (17, Value::Null)]));
    }
}
