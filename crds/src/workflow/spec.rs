//! The desired state of a Workflow.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Schedule, Step, WorkflowStatus};
use crate::{Duration, schema};

/// WorkflowSpec defines an automation: its input, steps, output, schedules and the handling of its runs.
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
    doc = "Workflow is an automation of typed steps. A run executes the revision that was current when it started; later changes do not affect it.",
    validation = Rule::new("self.metadata.name.size() <= 40")
        .message("metadata.name of a Workflow must have at most 40 characters: use spec.displayName for a longer name"),
    printcolumn(name = "Schedule", description = "Schedules with their time zones, and whether they are suspended", type_ = "string", json_path = ".status.scheduleSummary"),
    printcolumn(
        name = "Ready", description = "Whether the workflow is valid and ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Reason", description = "Reason of the condition Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(name = "Last-Run", description = "Name of the run that finished last", type_ = "string", json_path = ".status.lastRun.name"),
    printcolumn(name = "Last-Status", description = "Final phase of the run that finished last", type_ = "string", json_path = ".status.lastRun.phase"),
    printcolumn(name = "Next-Run", description = "Next scheduled time", type_ = "string", json_path = ".status.nextRunAt"),
    printcolumn(name = "Age", description = "Time since the workflow was created", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message", description = "Message of the condition Ready: the number of problems and the first one",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.steps.all(s, !has(s.needs) || s.needs.all(n, self.steps.exists(t, t.name == n)))").message("needs must contain only names of other steps in spec.steps: correct the name, or add that step").field_path(".steps"))]
#[x_kube(validation = Rule::new("!has(self.onExit) || self.onExit.all(s, !has(s.needs) || s.needs.all(n, self.onExit.exists(t, t.name == n)))").message("needs of an onExit step must contain only names of other steps in spec.onExit: the steps of spec.steps have always ended before").field_path(".onExit"))]
#[x_kube(validation = Rule::new("!has(self.onExit) || self.onExit.all(e, !self.steps.exists(s, s.name == e.name))").message("step names must be unique across spec.steps and spec.onExit").field_path(".onExit"))]
pub struct WorkflowSpec {
    /// Human-readable name of the workflow; at most 120 characters. Default: `metadata.name`.
    #[schemars(length(max = 120), regex(pattern = schema::SHORT_TEXT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Purpose of the workflow; at most 2,000 characters. Default: none.
    #[schemars(length(max = 2000), regex(pattern = schema::TEXT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Desired state. `Active`: runs may start. `Archived`: no new run starts (`WORKFLOW_ARCHIVED`). Default: Active.
    #[schemars(with = "WorkflowState")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<WorkflowState>,
    /// Input of the runs. Default: any object is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<WorkflowInput>,
    /// Secrets that steps may use; at most 32. Default: none.
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<WorkflowSecret>,
    /// Steps of the workflow; 1 to 64. Their order is defined by `needs`, not by their position in the list.
    #[schemars(
        length(min = 1, max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub steps: Vec<Step>,
    /// Output of the run. Strings are templates. Default: an object with the outputs of the steps that no other step needs, by name.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Steps that run after all other steps, whether or not those succeeded; at most 16. Their expressions can read `outcome`. Together they may take 10 minutes (`EXIT_TIMEOUT`). Default: none.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_exit: Vec<Step>,
    /// Maximum duration of a run, measured from `status.startedAt`. Waits for approvals and times do not count. A run that exceeds it is `TimedOut` (`RUN_TIMEOUT`), and so is one whose pod has not started ten minutes after it, counted from `status.runner.assignedAt`. Default: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Limit on concurrent runs of this workflow. Default: only the plan's limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Schedules that start runs; at most 16. Default: none.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
    /// Settings for the runners that execute runs of this workflow. Default: no idle runners, and runs share runners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runners: Option<WorkflowRunners>,
    /// Time that finished WorkflowRun objects are retained in the cluster, once they are in the database. The database retains them according to the plan. Default: 1h for succeeded runs and 24h for others, at most 100 runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<WorkflowRetention>,
}

/// Desired state of a workflow: `Active` or `Archived`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkflowState {
    /// Runs may start.
    #[default]
    Active,
    /// No new run starts.
    Archived,
}

/// Input of a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct WorkflowInput {
    /// JSON Schema (2020-12) of the run's input, checked before the run starts (`INPUT_INVALID`). Default: any object is valid.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// Secret that steps may use.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSecret {
    /// Name by which expressions read the Secret: `secrets.<name>.<key>`; a lower-case DNS label of at most 40 characters that begins with a letter.
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Reference to the Secret. It must have the label `smbcopilot.dev/workflow-secret=true` (`SecretNotLabelled`), and at most 256 keys.
    pub secret_ref: SecretRef,
}

/// Reference to a Secret in the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SecretRef {
    /// Name of the Secret. In `http.tls`, its name in `spec.secrets`.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::OBJECT_NAME))]
    pub name: String,
}

/// Limit on concurrent runs of a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Concurrency {
    /// Expression over `input`. Runs with the same value form a group that is limited on its own. At most 4 KiB. Default: all runs of the workflow form one group.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Maximum number of runs of a group that hold a slot at the same time; 1 to 1,000.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u32,
    /// Action when the limit is reached. `Queue`: the new run waits. `CancelOlder`: the oldest run of the group is cancelled (`SUPERSEDED`). `Reject`: the new run fails with `CONCURRENCY_LIMIT`. Default: Queue.
    #[schemars(with = "ConcurrencyPolicy")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ConcurrencyPolicy>,
}

/// Action when the concurrency limit is reached: `Queue`, `CancelOlder` or `Reject`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConcurrencyPolicy {
    /// The new run waits.
    #[default]
    Queue,
    /// The oldest run of the group is cancelled.
    CancelOlder,
    /// The new run fails.
    Reject,
}

/// Settings for the runners that execute runs of a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRunners {
    /// Number of idle runners that are kept ready; 0 to 100, capped by the plan's `warmMax`. Default: 0.
    #[schemars(range(max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<u32>,
    /// Time that an idle runner waits for the next run, capped by the plan's `keepAliveMax`. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<Duration>,
    /// Whether runs share runners. `Shared`: a runner executes several runs one after the other. `PerRun`: each run gets a new pod. Default: Shared.
    #[schemars(with = "Isolation")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
}

/// Whether runs share runners: `Shared` or `PerRun`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// A runner executes several runs one after the other.
    #[default]
    Shared,
    /// Each run gets a new pod.
    PerRun,
}

/// Time that finished WorkflowRun objects are retained in the cluster.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowRetention {
    /// Time that a succeeded run is retained after it finished. Default: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<Duration>,
    /// Time that a failed, cancelled or timed-out run is retained after it finished. Default: 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Duration>,
    /// Maximum number of finished runs of the workflow that are retained, newest first; 1 to 1,000. Default: 100.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}
