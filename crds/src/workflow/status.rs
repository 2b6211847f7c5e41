//! What is seen of a Workflow.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::WorkflowRunners;
use crate::{run::RunPhase, schema};

/// What is seen of a Workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowStatus {
    /// The generation that this status is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Valid, Scheduled, LastRunSucceeded.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The revision that new runs get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<RevisionRef>,
    /// Everything that is wrong with the spec.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Its unfinished runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<WorkflowRuns>,
    /// The run that finished last; written at most every 10 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,
    /// What the plan grants of `spec.runners`; absent where nothing is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runners: Option<WorkflowRunners>,
    /// How far each schedule has come.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<ScheduleStatus>,
    /// When the next schedule is due.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run_at: Option<Time>,
}

/// How far a schedule has come.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleStatus {
    /// Its name.
    pub name: String,
    /// Hash of the schedule's cron expression and time zone. When it changes, the schedule is evaluated from then on, as
    /// a new one.
    pub schedule_hash: String,
    /// Latest scheduled time that has been evaluated. Times up to it either started a run or were skipped.
    #[schemars(schema_with = "schema::time")]
    pub last_evaluated_time: Time,
    /// The last time that had a run.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Time>,
    /// When it is due; absent while it rests, or where it never is again.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
}

/// A revision of a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct RevisionRef {
    /// The ControllerRevision's name.
    pub name: String,
    /// The Workflow's generation that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

/// Something that is wrong with a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `spec.steps[2].when`.
    pub path: String,
    /// What, for machines, such as `UnknownStep`.
    pub code: String,
    /// What, and what to do, for people.
    pub message: String,
}

/// The unfinished runs of a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowRuns {
    /// That hold a slot.
    #[serde(default)]
    pub running: u32,
    /// That wait for one.
    #[serde(default)]
    pub queued: u32,
}

/// The run that finished last.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// The WorkflowRun's name.
    pub name: String,
    /// How it ended.
    pub phase: RunPhase,
    /// When.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
}
