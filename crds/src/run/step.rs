//! What is seen of a run's steps.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StepPhase;
use crate::{schema::free, workflow::ErrorKind};

/// What is seen of one step.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub phase: StepPhase,
    /// The attempt that runs or ran last, from 1; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// When its first attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// When its next attempt is due, or its wait is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<MicroTime>,
    /// Its result, up to 16 KiB.
    #[schemars(schema_with = "free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Its result, where that is larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_ref: Option<OutputRef>,
    /// Why it, or its last attempt, failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// Its items, where it has `forEach`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemsStatus>,
}

/// Why a step failed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    /// Whose fault.
    pub kind: ErrorKind,
    /// What, for machines, such as `HTTP_404`.
    pub code: String,
    /// What, for people.
    pub message: String,
}

/// A result in object storage.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OutputRef {
    /// Where it is.
    pub uri: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 over its bytes, in hex.
    pub sha256: String,
    /// Its media type.
    pub media_type: String,
}

/// The items of a fan-out: one entry with ranges, so that a thousand items do not fill the object.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemsStatus {
    /// How many there are.
    pub total: u32,
    /// How many went well.
    pub succeeded: u32,
    /// How many failed.
    pub failed: u32,
    /// Which have ended, as ranges: `0-411,413`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// The first 100 that failed.
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<ItemFailure>,
}

/// An item that failed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemFailure {
    /// Which, from 0.
    pub index: u32,
    /// What, for machines.
    pub code: String,
    /// What, for people.
    pub message: String,
}
