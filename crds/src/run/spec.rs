//! What is asked of a WorkflowRun.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WorkflowRunStatus;
use crate::schema::free_object;

/// One run of a workflow. Its spec is immutable, but for `cancel` (set once) and `decisions` (added to).
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "smbcopilot.dev",
    version = "v1alpha1",
    kind = "WorkflowRun",
    plural = "workflowruns",
    shortname = "swr",
    category = "smb",
    namespaced,
    status = "WorkflowRunStatus",
    derive = "PartialEq",
    doc = "One run of a workflow. Its spec is immutable, but for cancel (set once) and decisions (added to).",
    selectable = ".spec.workflowRef.name",
    selectable = ".status.phase",
    selectable = ".status.runner.podUid",
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("a run's name is at most 63 characters: shorten it, or use a shorter generateName"),
    printcolumn(name = "Workflow", type_ = "string", json_path = ".spec.workflowRef.name"),
    printcolumn(name = "Trigger", type_ = "string", json_path = ".spec.trigger.kind"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Step", type_ = "string", json_path = ".status.step"),
    printcolumn(name = "Started", type_ = "date", json_path = ".status.startedAt"),
    printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = "1", json_path = r#".status.conditions[?(@.type=="Succeeded")].message"#)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.workflowRef == oldSelf.workflowRef && self.?input == oldSelf.?input && self.?trigger == oldSelf.?trigger && self.?priority == oldSelf.?priority && self.?reuse == oldSelf.?reuse")
    .message("a run's spec is immutable but for cancel and decisions: create another run"))]
#[x_kube(validation = Rule::new("!has(oldSelf.cancel) || (has(self.cancel) && self.cancel == oldSelf.cancel)")
    .message("cancel is set once and stays: a cancelled run cannot be resumed, create another run").field_path(".cancel"))]
#[x_kube(validation = Rule::new("!has(oldSelf.decisions) || (has(self.decisions) && oldSelf.decisions.all(o, self.decisions.exists(n, n.key == o.key)))")
    .message("decisions are only added to: leave those that were made").field_path(".decisions"))]
pub struct WorkflowRunSpec {
    /// The workflow to run.
    pub workflow_ref: WorkflowRef,
    /// The run's input, at most 256 KiB as JSON.
    #[schemars(schema_with = "free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// What started it. Default: Manual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Before others of the tenant's queue where it is higher; -100 to 100. Default: 0.
    #[schemars(range(min = -100, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Takes over the outputs of an earlier run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reuse>,
    /// Ends the run: Graceful (running steps end first) or Now. Set once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelMode>,
    /// People's answers to approvals, at most 256; only added to.
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
}

/// A workflow of the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowRef {
    /// The Workflow's name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// What started a run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    /// What kind of thing started it.
    pub kind: TriggerKind,
    /// Who: the requesting user, as the cluster authenticates it; at most 253 characters.
    #[schemars(length(min = 1, max = 253))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What kind of thing started a run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TriggerKind {
    /// A person with kubectl.
    #[default]
    Manual,
    /// A call of REST or GraphQL.
    Api,
    /// A schedule of the workflow.
    Schedule,
    /// A call from outside.
    Webhook,
    /// A step of another run.
    Workflow,
    /// A rerun of an earlier run.
    Rerun,
}

impl TriggerKind {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "Manual",
            Self::Api => "Api",
            Self::Schedule => "Schedule",
            Self::Webhook => "Webhook",
            Self::Workflow => "Workflow",
            Self::Rerun => "Rerun",
        }
    }
}

/// Takes over the outputs of an earlier run.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.from) != has(self.steps)")
    .message("say what runs again: from: Failed, or the steps, exactly one of the two"))]
pub struct Reuse {
    /// The earlier run's name.
    #[schemars(length(min = 1, max = 63))]
    pub run: String,
    /// What runs again: Failed is all that did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ReuseFrom>,
    /// What runs again, by name, with all that needs it; outputs of the others are taken over. At most 64.
    #[schemars(length(max = 64), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
}

/// What runs again: Failed is all that did not succeed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReuseFrom {
    /// All that did not succeed.
    Failed,
}

/// Ends the run: Graceful (running steps end first) or Now. Set once.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelMode {
    /// Running steps end first.
    Graceful,
    /// Running steps are stopped.
    Now,
}

/// A person's answer to an approval.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(validation = Rule::new("self.approved == oldSelf.approved && self.?by == oldSelf.?by && self.?input == oldSelf.?input")
    .message("a decision that was made stays as it is"))]
pub struct Decision {
    /// What is decided: a step, or `step/index` of a fan-out.
    #[schemars(length(min = 1, max = 46))]
    pub key: String,
    /// Yes or no.
    pub approved: bool,
    /// What the approval asks for.
    #[schemars(schema_with = "free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Who: the requesting user; at most 253 characters.
    #[schemars(length(min = 1, max = 253))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
