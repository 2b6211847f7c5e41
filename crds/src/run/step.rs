//! What is seen of a step of a run.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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
    /// When its first attempt began.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// When it ended.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// When its next attempt is due.
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
    /// The items of a `forEach`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemsStatus>,
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
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
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
    /// The first 20 that failed.
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<ItemFailure>,
}

/// An item that failed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ItemFailure {
    /// Which, counted from 0.
    pub index: u32,
    /// What, for machines.
    pub code: String,
    /// What, for people.
    pub message: String,
}
