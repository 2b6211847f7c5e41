//! What is seen of a step of a run.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

use super::{OutputRef, StepPhase};
use crate::{schema, workflow::ErrorKind};

/// What is seen of a step of a run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// The step's name.
    pub name: String,
    /// Where it is.
    pub phase: StepPhase,
    /// The attempt that runs, or ran last; counted from 1. 0 or absent: none has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// How often in a row an attempt could not be begun; such attempts are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_started: Option<u32>,
    /// When its first attempt began.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// When it ended.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// When something happens to it by itself: its next attempt is due, or its wait or approval is over.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<MicroTime>,
    /// Its output; at most 16 KiB.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Where its output is, when it is too large to be here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_ref: Option<OutputRef>,
    /// What its last attempt failed of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// What it waits for, while it is Suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// The items of a `forEach`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemsStatus>,
}

/// What a step, or an item of one, waits for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// For what.
    #[serde(rename = "for")]
    pub reason: WaitingFor,
    /// What is asked, of an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who may decide, of an approval.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The WorkflowRun that is waited for, of a sub-run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// What is waited for.
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
    /// A person's decision.
    Approval,
    /// A time.
    Time,
    /// The end of another run.
    Run,
}

/// What an attempt failed of.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct StepError {
    /// Whose fault it is.
    pub kind: ErrorKind,
    /// What, for machines, such as `PYTHON_EXCEPTION`.
    pub code: String,
    /// What, for people.
    pub message: String,
    /// More, by code: a traceback, the first KiB of a body, JSON pointers.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// The items of a `forEach`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ItemsStatus {
    /// How many there are.
    pub total: u32,
    /// How many ended well.
    #[serde(default)]
    pub succeeded: u32,
    /// How many failed.
    #[serde(default)]
    pub failed: u32,
    /// Those that have ended, as ranges: `0-412,414`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub done: String,
    /// Those that have begun and not ended; at most `maxParallel`.
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub active: Vec<ActiveItem>,
    /// The first 20 that failed.
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<ItemFailure>,
    /// Outputs of items, by index, until the step has ended; at most 16 KiB together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "by_index")]
    #[schemars(schema_with = "schema::free_object")]
    pub outputs: BTreeMap<u32, Value>,
    /// Where further outputs of items are, until the step has ended.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<ItemBatch>,
}

/// An item that has begun and not ended.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ActiveItem {
    /// Which, counted from 0.
    pub index: u32,
    /// The attempt that runs, or ran last; counted from 1. 0: none has begun.
    pub attempt: u32,
    /// How often in a row an attempt could not be begun; such attempts are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_started: Option<u32>,
    /// When its first attempt began.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// When something happens to it by itself: its next attempt is due, or its wait or approval is over. Absent: it runs, or waits for somebody.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<MicroTime>,
    /// What its last attempt failed of: the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// Outputs of items that are in object storage: a JSON object by index.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ItemBatch {
    /// Whose outputs, as ranges: `0-99,104`.
    pub indexes: String,
    /// Where they are.
    pub output_ref: OutputRef,
}

/// An item that failed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ItemFailure {
    /// Which, counted from 0.
    pub index: u32,
    /// Whose fault it is.
    pub kind: ErrorKind,
    /// What, for machines.
    pub code: String,
    /// What, for people; at most 1,000 characters.
    pub message: String,
}

/// A map by index. Readers that buffer what they read (an operator's, which survives objects that it cannot parse)
/// take a key for the text that it is in JSON, and for no number.
fn by_index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u32, Value>, D::Error> {
    let texts = BTreeMap::<String, Value>::deserialize(deserializer)?;
    let parse = |(key, value): (String, Value)| match key.parse() {
        Ok(index) => Ok((index, value)),
        Err(_) => Err(D::Error::custom(format!("{key:?} is no index of an item"))),
    };
    texts.into_iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads as kube's `DeserializeGuard` and watchers do: buffered first.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Buffered {
        Items(ItemsStatus),
    }

    /// The operator cannot read a run as soon as an item has an output, and the run never ends.
    #[test]
    fn outputs_by_index_are_read_from_a_buffer() {
        let status = json!({"total": 2, "done": "0", "outputs": {"0": 1, "17": null}});
        let Buffered::Items(items) = serde_json::from_value(status).unwrap();
        assert_eq!(items.outputs, BTreeMap::from([(0, json!(1)), (17, Value::Null)]));
    }
}
