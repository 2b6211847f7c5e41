//! What a Workflow does.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Concurrency, Schedule, SchemaHolder, Step, WorkflowRetention, WorkflowRunners, WorkflowSecret,
    WorkflowStatus,
};
use crate::{Duration, schema::free};

/// Steps that run in the order of their needs, each with one action.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "smbcopilot.dev",
    version = "v1alpha1",
    kind = "Workflow",
    plural = "workflows",
    shortname = "swf",
    category = "smb",
    namespaced,
    status = "WorkflowStatus",
    derive = "PartialEq",
    doc = "Typed steps that a tenant automates its work with. A change makes a new revision; runs keep theirs.",
    validation = Rule::new("self.metadata.name.size() <= 40")
        .message("a workflow's name is at most 40 characters: shorten it, and put the long name into spec.displayName"),
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedules[0].cron"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Last-Run", type_ = "date", json_path = ".status.lastRun.finishedAt"),
    printcolumn(name = "Last-Status", type_ = "string", json_path = ".status.lastRun.phase"),
    printcolumn(name = "Next-Run", type_ = "string", json_path = ".status.nextRunAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.steps.all(s, !has(s.needs) || s.needs.all(n, self.steps.exists(t, t.name == n)))")
    .message("needs names a step that does not exist: name steps of this workflow's spec.steps").field_path(".steps"))]
#[x_kube(validation = Rule::new("!has(self.onExit) || self.onExit.all(s, !has(s.needs) || s.needs.all(n, self.onExit.exists(t, t.name == n)))")
    .message("needs of an onExit step names a step that does not exist: name other onExit steps").field_path(".onExit"))]
#[x_kube(validation = Rule::new("!has(self.onExit) || self.onExit.all(e, !self.steps.exists(s, s.name == e.name))")
    .message("step names are unique across steps and onExit: rename one of the two").field_path(".onExit"))]
pub struct WorkflowSpec {
    /// The workflow's name for people; at most 120 characters. Default: the object's name.
    #[schemars(length(max = 120))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is for; at most 2000 characters.
    #[schemars(length(max = 2000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Active, or Archived: read-only, and no run starts. Default: Active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<WorkflowState>,
    /// What a run's input must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<SchemaHolder>,
    /// Secrets that steps may use, at most 32.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<WorkflowSecret>,
    /// The steps, 1 to 64.
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub steps: Vec<Step>,
    /// JSON with templates; becomes the run's output.
    #[schemars(schema_with = "free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Steps that run whatever happened, at most 16; they see `outcome`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_exit: Vec<Step>,
    /// How long a run may take from its start. Default: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How many runs there are at one time. Absent = as many as the plan allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// When it runs by itself, at most 16.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
    /// How the pods that execute the runs are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runners: Option<WorkflowRunners>,
    /// How long finished runs stay in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<WorkflowRetention>,
}

/// Active, or Archived: read-only, and no run starts. Default: Active.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkflowState {
    /// Runs may start.
    #[default]
    Active,
    /// Read-only; no run starts.
    Archived,
}
