//! The observed state of a WorkflowRun. The operator writes it while no runner is assigned, then the assigned runner does.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cancel, RunPhase, StepStatus, TriggerKind};
use crate::{
    schema,
    workflow::{ErrorKind, RevisionRef},
};

/// WorkflowRunStatus is the observed state of a WorkflowRun.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRunStatus {
    /// Most recent `metadata.generation` that has been observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Phase of the run. `Queued`: waits for a slot or a runner, see `queue`. `Running`: a runner executes it. `Suspended`: waits for an approval, a time, a retry or a sub-run, and is assigned to no runner. `Succeeded`, `Failed`, `Cancelled` and `TimedOut` are final. Absent directly after creation.
    #[schemars(with = "RunPhase")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<RunPhase>,
    /// Kind of `spec.trigger`, or `Manual` if the run was created without it; for display. Absent directly after creation.
    #[schemars(with = "TriggerKind")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<TriggerKind>,
    /// Steps that are running, or the step that ended the run; for display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Time from start to finish, such as `1.2s`; for display. Set when the run finishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// Conditions of the run, by type: `Succeeded` (`Unknown` while the run is unfinished), `Reconciling` (while the run waits, both have the reason and message of `queue`; while a runner executes it, those of a container of its pod that cannot start, such as `ImagePullFailed`), `Stalled`, `Archived` (the finished run is stored in the database).
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Reason why the run waits for a slot, its pod or its runner. Absent while a runner executes the run, and while a Suspended run waits for something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueStatus>,
    /// Revision of the workflow that the run executes. Later changes of the workflow do not affect it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<RevisionRef>,
    /// Concurrency group of the run, computed once, before the run is admitted. Absent until then, and if the workflow has no `concurrency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<RunConcurrency>,
    /// Runner pod that executes the run, or executed it last. Absent while the run is queued or suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<RunnerStatus>,
    /// Time at which the first runner began to execute the run. Absent while the run waits for a slot, its pod or its runner.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// Time at which the run finished.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// Time at which a Suspended run resumes if nothing resumes it earlier.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<MicroTime>,
    /// Time at which a Suspended run began to wait for an approval or a time. This wait does not count towards its timeout.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<MicroTime>,
    /// Duration of all earlier waits for approvals and times, in seconds. They do not count towards the timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_seconds: Option<u64>,
    /// Cancellation requested by the operator, because a newer run of the same concurrency group replaces this run. It has the effect of `spec.cancel`.
    #[schemars(with = "Cancel")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<Cancel>,
    /// Result of the steps while the `onExit` steps run. Absent before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<RunEnding>,
    /// Earlier run whose outputs were reused. Set once they have been copied (see `spec.reuse`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<ReusedRun>,
    /// Input that the run executes with, if it differs from `spec.input`: with the defaults of the workflow's input schema. At most 256 KiB. Set when the first runner starts the run.
    #[schemars(schema_with = "schema::free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Status of each step in the order of the workflow, `onExit` steps last.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepStatus>,
    /// Output of the run, if it has at most 16 KiB. Otherwise `outputRef` is set.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Reference to the output of the run in object storage, if it is too large to be stored here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_ref: Option<OutputRef>,
    /// Failure reason. Absent unless the run has failed, timed out or been cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
}

/// Why a run waits, and its position in the queue.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueStatus {
    /// Position among the queued runs of the same tenant, starting at 1. Absent if the run does not wait for a slot.
    /// It is updated every 15 seconds, and less often far back in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Machine-readable reason. Before the run has a slot: `WorkflowNotValidated`, `TenantNotActive`, `PlanConcurrency`, `PlanRunsPerDay`, `WorkflowConcurrency`, `FenceNotReady`, `EarlierRun` or `EarlierRunNotFound`. Until it has a pod: `ClusterFull` (the quota of the namespace, not the nodes, has no room) or `PodLost`. Until a runner executes it: `PodUnschedulable`, `ImagePullFailed`, `SecretMissing`, `ContainerNotCreated`, `NodeNotReady`, `PodStarting` or `RunnerStarting`. More may be added.
    pub reason: String,
    /// Human-readable reason: for a pod, the message of the API server, the scheduler or the kubelet. It may be older than the last change of numbers in it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// Concurrency group of a run: the runs of a workflow with the same key share a limit.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct RunConcurrency {
    /// Value of the workflow's `concurrency.key` for the input of this run, as JSON. Empty if the workflow has no key, so that all its runs share the limit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Maximum number of runs of the group that run at the same time.
    pub limit: u32,
}

/// Runner pod that a run is assigned to. Only a token of this pod may write the status of the run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RunnerStatus {
    /// Name of the runner Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Name of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// UID of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// Time at which the run was assigned to the pod.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_at: Option<MicroTime>,
    /// Pods that the run lost before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<LostRunner>,
}

/// Pods that a run has lost.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LostRunner {
    /// Number of pods lost since a step, or an item of a `forEach`, last finished. When it reaches 5, the run fails with `RUNNER_LOST`.
    #[serde(default)]
    pub count: u32,
    /// Number of items of all `forEach` steps that had finished at the last loss. Absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_items: Option<u32>,
    /// Reason of the last loss: `OOMKilled`, `DiskLimitExceeded`, `ContainerEnded`, `PodDeleted`, `PodFailed` or `NodeNotReady`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Reference to a value in object storage.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OutputRef {
    /// Location of the value in object storage.
    pub uri: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the value, as hexadecimal digits.
    pub sha256: String,
    /// Media type of the value.
    pub media_type: String,
}

/// Result of the steps of a run while its `onExit` steps run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct RunEnding {
    /// Final phase of the run once its `onExit` steps have finished.
    pub phase: RunPhase,
    /// Failure reason. Absent if no step has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// Time at which the `onExit` steps started.
    #[schemars(schema_with = "schema::time")]
    pub since: MicroTime,
}

/// Earlier run whose outputs were reused.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ReusedRun {
    /// UID of the earlier WorkflowRun.
    pub uid: String,
    /// Number of steps whose output was reused.
    pub steps: u32,
}

/// Failure reason of a run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// Name of the step that failed. Absent if the run did not fail in a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Kind of the error, see `retry.kinds` of a step: `User`, `Infra`, `Timeout`, `Schema` or `Policy`.
    pub kind: ErrorKind,
    /// Machine-readable error code, such as `HTTP_404`.
    pub code: String,
    /// Human-readable description of the error.
    pub message: String,
}
