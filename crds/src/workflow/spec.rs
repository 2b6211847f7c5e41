//! What a Workflow is.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Schedule, Step, WorkflowStatus};
use crate::{Duration, schema};

/// An automation: steps with what they need, their types, and when they run.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "smbcopilot.dev",
    version = "v1alpha1",
    kind = "Workflow",
    plural = "workflows",
    namespaced,
    shortname = "swf",
    category = "smb",
    status = "WorkflowStatus",
    derive = "PartialEq",
    doc = "An automation of typed steps. A run keeps the revision it started with; later edits don't touch it.",
    validation = Rule::new("self.metadata.name.size() <= 40")
        .message("a workflow's name is at most 40 characters: shorten it, and put the long one into spec.displayName"),
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedules[0].cron"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(name = "Last-Run", type_ = "string", json_path = ".status.lastRun.name"),
    printcolumn(name = "Last-Status", type_ = "string", json_path = ".status.lastRun.phase"),
    printcolumn(name = "Next-Run", type_ = "string", json_path = ".status.nextRunAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.steps.all(s, !has(s.needs) || s.needs.all(n, self.steps.exists(t, t.name == n)))").message("needs names a step that does not exist: name steps of spec.steps").field_path(".steps"))]
#[x_kube(validation = Rule::new("!has(self.onExit) || self.onExit.all(s, !has(s.needs) || s.needs.all(n, self.onExit.exists(t, t.name == n)))").message("needs of an onExit step names a step that does not exist: name other onExit steps").field_path(".onExit"))]
#[x_kube(validation = Rule::new("!has(self.onExit) || self.onExit.all(e, !self.steps.exists(s, s.name == e.name))").message("step names are unique across steps and onExit: rename one of the two").field_path(".onExit"))]
pub struct WorkflowSpec {
    /// The workflow's name for people; at most 120 characters. Default: the object's name.
    #[schemars(length(max = 120))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is for; at most 2,000 characters.
    #[schemars(length(max = 2000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Active, or Archived: no new run starts. Default: Active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<WorkflowState>,
    /// What a run is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<WorkflowInput>,
    /// Secrets that steps may use, at most 32.
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<WorkflowSecret>,
    /// The steps, 1 to 64. Order means nothing; `needs` does.
    #[schemars(
        length(min = 1, max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub steps: Vec<Step>,
    /// Templates of the run's output. Default: the outputs of the steps that no other step needs, by name.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Steps that run whatever happened, at most 16; they see `outcome`.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_exit: Vec<Step>,
    /// How long a run may take, from its first step; then it is TimedOut. Default: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How many runs may be running at one time. Default: as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// When it runs by itself, at most 16.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
    /// How the pods of its runs are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runners: Option<WorkflowRunners>,
    /// How long finished WorkflowRun objects stay in the cluster; the database keeps the run by the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<WorkflowRetention>,
}

/// Whether a workflow may run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkflowState {
    /// It may run.
    #[default]
    Active,
    /// No new run starts.
    Archived,
}

/// What a run is given.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct WorkflowInput {
    /// JSON Schema 2020-12 of the run's input; checked before anything starts.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// A Secret that steps may use.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSecret {
    /// Its name in expressions: `secrets.<name>.<key>`.
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The Secret, in the same namespace, labelled `smbcopilot.dev/workflow-secret=true`.
    pub secret_ref: SecretRef,
}

/// A Secret in the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SecretRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// How many runs of a workflow may be running at one time.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Concurrency {
    /// An expression over `input`; runs of the same value are counted together. Default: all runs are.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How many; 1 to 1,000.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u32,
    /// What becomes of one too many: it waits, the oldest is cancelled for it, or it is refused. Default: Queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ConcurrencyPolicy>,
}

/// What becomes of one run too many.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConcurrencyPolicy {
    /// It waits.
    #[default]
    Queue,
    /// The oldest is cancelled for it.
    CancelOlder,
    /// It is refused.
    Reject,
}

/// How the pods of runs are kept.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRunners {
    /// Idle runners kept ready, capped by the plan. Default: 0.
    #[schemars(range(max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<u32>,
    /// How long a runner stays after a run for the next one, capped by the plan. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<Duration>,
    /// Whether runs may share a pod, one after the other. Default: Shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
}

/// Whether runs may share a pod.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// One after the other.
    #[default]
    Shared,
    /// Every run has a fresh pod.
    PerRun,
}

/// How long finished WorkflowRun objects stay in the cluster.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowRetention {
    /// Those that succeeded. Default: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<Duration>,
    /// Those that did not. Default: 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Duration>,
    /// How many at most, the newest; 1 to 1,000. Default: 100.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}
