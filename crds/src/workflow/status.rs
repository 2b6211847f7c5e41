//! The observed state of a Workflow.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::WorkflowRunners;
use crate::{run::RunPhase, schema};

/// WorkflowStatus is the observed state of a Workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowStatus {
    /// Most recent `metadata.generation` that the operator has observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions of the workflow, by type: `Ready`, `Reconciling`, `Stalled`, `Valid` (no problems), `Scheduled` (schedules are active), `LastRunSucceeded`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Revision that new runs execute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<RevisionRef>,
    /// All problems of the spec. While there are any, no run starts (`WORKFLOW_INVALID`, or `SECRET_MISSING` if all problems are about Secrets).
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Parts of the spec that probably do not mean what was written, such as a field named `true` because an unquoted `on` was read as YAML 1.1; at most 20. Runs start nevertheless.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
    /// Numbers of unfinished runs; updated at most every 10 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<WorkflowRuns>,
    /// Run that finished last; updated at most every 10 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,
    /// Effective values of `spec.runners` under the plan. Absent if `spec.runners` is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runners: Option<WorkflowRunners>,
    /// Schedules with their time zones, such as `0 2 * * * Europe/Berlin (+2)`; for display. `(suspended)`: this schedule is suspended. `(paused)`: no schedule starts runs, see the condition `Scheduled`. Absent without schedules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_summary: Option<String>,
    /// Progress of each schedule.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<ScheduleStatus>,
    /// Earliest time at which a schedule starts a run.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run_at: Option<Time>,
}

/// Progress of a schedule.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleStatus {
    /// Name of the schedule.
    pub name: String,
    /// Hash of the cron expression and the time zone. When it changes, the schedule is evaluated from that time on, like a new one.
    pub schedule_hash: String,
    /// Latest scheduled time that has been evaluated. Times up to it either started a run or were skipped.
    #[schemars(schema_with = "schema::time")]
    pub last_evaluated_time: Time,
    /// Latest scheduled time for which a run was started.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Time>,
    /// Next scheduled time. Absent while the schedule is suspended, or if there is none.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
}

/// Revision of a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct RevisionRef {
    /// Name of the ControllerRevision.
    pub name: String,
    /// `metadata.generation` of the Workflow from which the revision was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

/// Problem of a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field, such as `spec.steps[2].when`.
    pub path: String,
    /// Machine-readable code, such as `UnknownStep`.
    pub code: String,
    /// Human-readable description of the problem and its solution.
    pub message: String,
}

/// Numbers of the unfinished runs of a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowRuns {
    /// Number of runs that hold a slot.
    #[serde(default)]
    pub running: u32,
    /// Number of runs that wait for a slot.
    #[serde(default)]
    pub queued: u32,
}

/// Run that finished last.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// Name of the WorkflowRun.
    pub name: String,
    /// Final phase of the run.
    pub phase: RunPhase,
    /// Time at which the run finished.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
}
