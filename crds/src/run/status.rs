//! What is seen of a WorkflowRun. The operator writes it until it runs, then the runner.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cancel, RunPhase, StepStatus};
use crate::{
    schema,
    workflow::{ErrorKind, RevisionRef},
};

/// What is seen of a WorkflowRun.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRunStatus {
    /// The generation that this status is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the run is; absent right after its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<RunPhase>,
    /// The step or steps that run now, or that ended the run (for people).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// From start to end, such as `1.2s` (for people; set at the end).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// Succeeded, Reconciling, Stalled, Archived.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Why it waits, and where in the queue; absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueStatus>,
    /// The workflow's revision that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<RevisionRef>,
    /// The pod that holds it; absent when none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<RunnerStatus>,
    /// When it was first assigned to a pod.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// When it ended.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// Of a Suspended run: when it goes on by itself, if nothing happens before.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<MicroTime>,
    /// Of a Suspended run that waits for a person or a time: since when. That wait does not count for its timeout.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<MicroTime>,
    /// Seconds that it has waited for people and times before; they do not count for its timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_seconds: Option<u64>,
    /// The operator wants it ended, for a newer run of its concurrency group; obeyed as `spec.cancel` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<Cancel>,
    /// How its steps ended, while its `onExit` steps run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<RunEnding>,
    /// The earlier run whose outputs were taken over, once they are (`spec.reuse`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<ReusedRun>,
    /// Its steps, in the order of the workflow, `onExit` steps last; written whole, by one writer.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepStatus>,
    /// Its result.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Where its result is, when it is too large to be here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_ref: Option<OutputRef>,
    /// What it failed of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
}

/// Why a run waits.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueStatus {
    /// Its place among the runs of its tenant; 1 is next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Why, for machines: PlanConcurrency, WorkflowConcurrency, ClusterFull, TenantSuspended, …
    pub reason: String,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// The pod that holds a run. Only a token of this pod may write the run's status.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RunnerStatus {
    /// The Job's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The pod's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The pod's uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// Since when.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_at: Option<MicroTime>,
    /// Pods that were lost before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<LostRunner>,
}

/// Pods that a run has lost.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct LostRunner {
    /// How many since a step last ended.
    #[serde(default)]
    pub count: u32,
    /// Why the last one was lost, such as `OOMKilled`, `PodDeleted`, `ContainerEnded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a value is that is too large to be here.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OutputRef {
    /// Where, in object storage.
    pub uri: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 as hex.
    pub sha256: String,
    /// Its media type.
    pub media_type: String,
}

/// How the steps of a run ended, while its `onExit` steps run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct RunEnding {
    /// The phase that the run will have.
    pub phase: RunPhase,
    /// What it failed of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// Since when its `onExit` steps run.
    #[schemars(schema_with = "schema::time")]
    pub since: MicroTime,
}

/// An earlier run whose outputs were taken over.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ReusedRun {
    /// Its uid.
    pub uid: String,
    /// How many steps were taken over.
    pub steps: u32,
}

/// What a run failed of.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// The step, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Whose fault it is.
    pub kind: ErrorKind,
    /// What, for machines, such as `HTTP_404`.
    pub code: String,
    /// What, for people.
    pub message: String,
}
