//! What is wanted of a WorkflowRun.

use std::borrow::Cow;

use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WorkflowRunStatus;
use crate::schema;

/// One execution of a workflow. Immutable, but for `cancel` (set once) and `decisions` (added to).
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
    doc = "One execution of a workflow. Create it with kubectl create; watch it with kubectl get -w.",
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("a run's name is at most 63 characters: shorten it, or its generateName"),
    validation = Rule::new("!has(self.spec.cancel) || has(oldSelf.spec.cancel) || !has(oldSelf.status) || !has(oldSelf.status.phase) || !(oldSelf.status.phase in ['Succeeded', 'Failed', 'Cancelled', 'TimedOut'])")
        .message("a run that has finished cannot be cancelled: it stays as it ended"),
    selectable = ".spec.workflowRef.name",
    selectable = ".status.phase",
    selectable = ".status.runner.podUid",
    printcolumn(name = "Workflow", type_ = "string", json_path = ".spec.workflowRef.name"),
    printcolumn(name = "Trigger", type_ = "string", json_path = ".spec.trigger.kind"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Step", type_ = "string", json_path = ".status.step"),
    printcolumn(name = "Started", type_ = "date", json_path = ".status.startedAt"),
    printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Succeeded")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.trigger) == has(oldSelf.trigger) && (!has(self.trigger) || (self.trigger.kind == oldSelf.trigger.kind && has(self.trigger.by) == has(oldSelf.trigger.by) && (!has(self.trigger.by) || self.trigger.by == oldSelf.trigger.by) && has(self.trigger.parent) == has(oldSelf.trigger.parent) && (!has(self.trigger.parent) || self.trigger.parent == oldSelf.trigger.parent)))").message("a run's trigger is immutable: create another run").field_path(".trigger"))]
#[x_kube(validation = Rule::new("self.workflowRef.name == oldSelf.workflowRef.name && has(self.input) == has(oldSelf.input) && has(self.reuse) == has(oldSelf.reuse) && has(self.priority) == has(oldSelf.priority) && (!has(self.priority) || self.priority == oldSelf.priority)").message("a run's spec is immutable, but for cancel and decisions: create another run"))]
#[x_kube(validation = Rule::new("!has(oldSelf.cancel) || (has(self.cancel) && self.cancel == oldSelf.cancel)").message("cancel is set once and stays: create another run instead").field_path(".cancel"))]
#[x_kube(validation = Rule::new("!has(oldSelf.decisions) || (has(self.decisions) && oldSelf.decisions.all(o, self.decisions.exists(n, n.key == o.key)))").message("decisions are only added to: leave those in that were made").field_path(".decisions"))]
pub struct WorkflowRunSpec {
    /// The workflow to run, in the same namespace.
    pub workflow_ref: WorkflowRef,
    /// The run's input, by the workflow's input schema; a JSON object of at most 256 KiB.
    #[schemars(schema_with = "schema::free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// What started it. Default: Manual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<RunTrigger>,
    /// Higher goes first among the runs of one tenant; -100 to 100. Default: 0.
    #[schemars(range(min = -100, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Takes over outputs of an earlier run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reuse>,
    /// Ends the run: Graceful starts no new step, Now kills those that run. Set once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancel>,
    /// Decisions on approvals; added to, never changed. At most 256.
    #[schemars(
        length(max = 256),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
}

/// The workflow of a run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowRef {
    /// The Workflow's name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// What started a run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct RunTrigger {
    /// In which way.
    pub kind: TriggerKind,
    /// Who: must be the requesting user where given.
    #[schemars(length(min = 1, max = 253))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The run whose step this is, of a sub-run; given by the system alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRun>,
}

/// The run whose step a sub-run is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ParentRun {
    /// The WorkflowRun's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its uid.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
    /// The step, or `step/index` of a `forEach`.
    #[schemars(length(min = 1, max = 45))]
    pub step: String,
    /// How deep the sub-run is: 1 for that of a run that no other run started; at most 8.
    #[schemars(range(min = 1, max = 8))]
    pub depth: u32,
}

/// In which way a run was started.
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
    /// With kubectl or by GitOps.
    #[default]
    Manual,
    /// With REST or GraphQL.
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

/// Takes over outputs of an earlier run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// The earlier WorkflowRun's name.
    #[schemars(length(min = 1, max = 253))]
    pub run: String,
    /// `Failed`, or a list of the steps that run again (with all that depend on them).
    pub from: ReuseFrom,
}

/// From where a run is repeated.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(untagged)]
pub enum ReuseFrom {
    /// The word `Failed`: from the steps that did not succeed.
    Keyword(String),
    /// These steps.
    Steps(Vec<String>),
}

impl JsonSchema for ReuseFrom {
    fn schema_name() -> Cow<'static, str> {
        "ReuseFrom".into()
    }

    fn inline_schema() -> bool {
        true
    }

    // A structural schema has one type a field; a rule of `reuse` says the rest.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-preserve-unknown-fields": true})
    }
}

/// How a run is ended.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    strum::Display,
    strum::IntoStaticStr,
)]
pub enum Cancel {
    /// No new step starts; running ones end.
    Graceful,
    /// Running steps are killed.
    Now,
}

/// A decision on an approval.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(validation = Rule::new("self.approved == oldSelf.approved && has(self.by) == has(oldSelf.by) && (!has(self.by) || self.by == oldSelf.by) && has(self.input) == has(oldSelf.input)").message("a decision that was made stays as it is"))]
pub struct Decision {
    /// A step, or `step/index` of a `forEach`.
    #[schemars(length(min = 1, max = 45))]
    pub key: String,
    /// Whether it is approved.
    pub approved: bool,
    /// What was filled in: a JSON object.
    #[schemars(schema_with = "schema::free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Who decided: must be the requesting user.
    #[schemars(length(min = 1, max = 253))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
