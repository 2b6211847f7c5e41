//! The desired state of a WorkflowRun.

use std::borrow::Cow;

use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WorkflowRunStatus;
use crate::schema;

/// WorkflowRunSpec defines one execution of a workflow. It is immutable, except that `cancel` can be set, or changed from `Graceful` to `Now`, and `decisions` can be added.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "smbcopilot.dev",
    version = "v1alpha1",
    kind = "WorkflowRun",
    plural = "workflowruns",
    namespaced,
    shortname = "swr",
    category = "smb",
    status = "WorkflowRunStatus",
    derive = "PartialEq",
    doc = "WorkflowRun is one execution of a workflow. Create it with kubectl create and follow it with kubectl get -w.",
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("metadata.name of a WorkflowRun must have at most 63 characters: shorten name or generateName"),
    validation = Rule::new("!has(self.spec.cancel) || has(oldSelf.spec.cancel) || !has(oldSelf.status) || !has(oldSelf.status.phase) || !(oldSelf.status.phase in ['Succeeded', 'Failed', 'Cancelled', 'TimedOut'])")
        .message("cancel must not be set on a finished run"),
    selectable = ".spec.workflowRef.name",
    selectable = ".status.phase",
    selectable = ".status.runner.podUid",
    printcolumn(name = "Workflow", description = "Workflow of the run", type_ = "string", json_path = ".spec.workflowRef.name"),
    printcolumn(name = "Trigger", description = "Cause of the run", type_ = "string", json_path = ".status.trigger"),
    printcolumn(name = "Phase", description = "Phase of the run", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Step", description = "Running steps, or the step that ended the run", type_ = "string", json_path = ".status.step"),
    printcolumn(name = "Started", description = "Time since a runner began to execute the run", type_ = "date", json_path = ".status.startedAt"),
    printcolumn(name = "Duration", description = "Duration of the finished run", type_ = "string", json_path = ".status.duration"),
    printcolumn(name = "Age", description = "Time since the run was created", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason", description = "Reason why the run waits, or of its end",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Succeeded")].reason"#,
        priority = 1
    ),
    printcolumn(
        name = "Message", description = "Message of the condition Succeeded: why the run waits, or has failed",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Succeeded")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.trigger) == has(oldSelf.trigger) && (!has(self.trigger) || (self.trigger.kind == oldSelf.trigger.kind && has(self.trigger.by) == has(oldSelf.trigger.by) && (!has(self.trigger.by) || self.trigger.by == oldSelf.trigger.by) && has(self.trigger.parent) == has(oldSelf.trigger.parent) && (!has(self.trigger.parent) || self.trigger.parent == oldSelf.trigger.parent)))").message("spec.trigger is immutable: create another run").field_path(".trigger"))]
#[x_kube(validation = Rule::new("self.workflowRef.name == oldSelf.workflowRef.name && has(self.input) == has(oldSelf.input) && has(self.reuse) == has(oldSelf.reuse) && has(self.priority) == has(oldSelf.priority) && (!has(self.priority) || self.priority == oldSelf.priority)").message("spec is immutable except for cancel and decisions: create another run"))]
#[x_kube(validation = Rule::new("!has(oldSelf.cancel) || (has(self.cancel) && (self.cancel == oldSelf.cancel || self.cancel == 'Now'))").message("cancel, once set, can only be changed from Graceful to Now").field_path(".cancel"))]
#[x_kube(validation = Rule::new("!has(oldSelf.decisions) || (has(self.decisions) && oldSelf.decisions.all(o, self.decisions.exists(n, n.key == o.key)))").message("decisions must not be removed: include all existing decisions").field_path(".decisions"))]
pub struct WorkflowRunSpec {
    /// Reference to the workflow to run, in the same namespace. The run fails with `WORKFLOW_NOT_FOUND` if it does not exist, with `SECRET_MISSING` if it lacks nothing but Secrets, and with `WORKFLOW_INVALID` if it has other problems.
    pub workflow_ref: WorkflowRef,
    /// Input of the run, a JSON object that must match the workflow's input schema (otherwise the run fails with `INPUT_INVALID`). Properties that are absent get the `default` of the schema; `status.input` shows the result. At most 256 KiB and 20,000 values (`INPUT_TOO_LARGE`), and 64 levels of nesting (`INPUT_TOO_DEEP`), defaults included. Default: `{}`.
    #[schemars(schema_with = "schema::free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Cause of the run. Default: kind Manual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<RunTrigger>,
    /// Priority among the queued runs of the same tenant; -100 to 100. The run with the highest priority starts first, and among equals the oldest. Default: 0.
    #[schemars(range(min = -100, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Reuses outputs of an earlier run of the same workflow, to repeat only part of it. Default: all steps are executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reuse>,
    /// Requests cancellation. `Graceful`: no new step starts; running attempts may finish. `Now`: running attempts are killed. A run that no runner has begun to execute ends at once with both, and its `onExit` steps do not run. Can be set while the run is unfinished, and then only be changed from `Graceful` to `Now`. Default: the run is not cancelled.
    #[schemars(with = "Cancel")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancel>,
    /// Decisions on approval steps. Decisions can be added but not changed or removed, except that a refused decision (`status.steps[].waiting.refused`) can be replaced; at most 256. Default: none.
    #[schemars(
        length(max = 256),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
}

/// Reference to a Workflow in the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowRef {
    /// Name of the Workflow.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::OBJECT_NAME))]
    pub name: String,
}

/// Cause of a run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct RunTrigger {
    /// Kind of the trigger. `Manual`: with kubectl or GitOps. `Api`: through REST or GraphQL. `Schedule`: by a schedule. `Webhook`: by a webhook. `Workflow`: by a step of another run. `Rerun`: as a repetition of an earlier run.
    pub kind: TriggerKind,
    /// User who started the run. If set when the run is created, it must equal the user name of the requester, except for requests by the operator and the api-server. Default: not recorded.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SHORT_TEXT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Parent run, if the run is a sub-run. Only runners may set it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRun>,
}

/// Parent run of a sub-run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ParentRun {
    /// Name of the parent WorkflowRun.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::OBJECT_NAME))]
    pub name: String,
    /// UID of the parent WorkflowRun.
    #[schemars(length(min = 1, max = 64), regex(pattern = schema::OBJECT_NAME))]
    pub uid: String,
    /// Step of the parent that started the sub-run, or `step/index` for an item of a `forEach`.
    #[schemars(length(min = 1, max = 45), regex(pattern = schema::STEP_KEY))]
    pub step: String,
    /// Nesting depth of the sub-run, 1 to 8. A sub-run of a run that is not a sub-run itself has depth 1.
    #[schemars(range(min = 1, max = 8))]
    pub depth: u32,
}

/// How a run was started: `Manual`, `Api`, `Schedule`, `Webhook`, `Workflow` or `Rerun`.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    strum::Display,
    strum::IntoStaticStr,
)]
pub enum TriggerKind {
    /// With kubectl or GitOps.
    #[default]
    Manual,
    /// Through REST or GraphQL.
    Api,
    /// By a schedule.
    Schedule,
    /// By a webhook.
    Webhook,
    /// By a step of another run.
    Workflow,
    /// As a repetition of an earlier run.
    Rerun,
}

/// Reuse of the outputs of an earlier run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Name of the earlier WorkflowRun. It must be a run of the same workflow (otherwise `REUSE_OTHER_WORKFLOW`) that has finished (`REUSE_NOT_FINISHED`) and exists in the cluster or in the database (`REUSE_NOT_FOUND`). While the api-server cannot be reached, the run waits up to 60 s for the answer of the database.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::OBJECT_NAME))]
    pub run: String,
    /// Steps to execute again. `Failed`: the steps that did not succeed. A list of step names: these steps and all steps that depend on them; a name that is not a step fails the run with `REUSE_UNKNOWN_STEP`. The outputs of all other steps that succeeded are reused.
    pub from: ReuseFrom,
}

/// Steps of an earlier run to execute again.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(untagged)]
pub enum ReuseFrom {
    /// The keyword `Failed`: the steps that did not succeed.
    Keyword(String),
    /// Names of steps; steps that depend on them are executed again, too.
    Steps(Vec<String>),
}

impl JsonSchema for ReuseFrom {
    fn schema_name() -> Cow<'static, str> {
        "ReuseFrom".into()
    }

    fn inline_schema() -> bool {
        true
    }

    // A structural schema allows one type per field; the admission policy `smb-copilot-run-fence` validates the value.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-preserve-unknown-fields": true})
    }
}

/// Mode of cancellation: `Graceful` or `Now`, in ascending order of urgency.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    strum::Display,
    strum::IntoStaticStr,
)]
pub enum Cancel {
    /// No new step starts; running attempts may finish.
    Graceful,
    /// Running attempts are killed.
    Now,
}

/// Decision on an approval step. The admission policy `smb-copilot-run-fence` makes it immutable, unless it was refused.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Name of the approval step, or `step/index` for an item of a `forEach`.
    #[schemars(length(min = 1, max = 45), regex(pattern = schema::STEP_KEY))]
    pub key: String,
    /// Whether the request is approved. If false, the step fails with `REJECTED`, unless its `onReject` is `Continue`.
    pub approved: bool,
    /// Values entered with the decision, a JSON object that must match the approval's `schema`, which also gives the defaults of absent properties. Default: `{}`.
    #[schemars(schema_with = "schema::free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// User who made the decision. Required with kubectl, and must equal your user name (`kubectl auth whoami`): an admission policy can compare it with the requester, but Kubernetes enables none by default that could fill it in. REST and GraphQL set it. Default: none, which is refused unless the api-server makes the request.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SHORT_TEXT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
