//! What a step does, but for HTTP.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::HttpAction;
use crate::{Duration, Quantity, schema};

/// What a step does.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Calls an HTTP endpoint.
    Http(&'a HttpAction),
    /// Runs a Python function.
    Python(&'a PythonAction),
    /// Runs a command in any image.
    Container(&'a ContainerAction),
    /// Runs another workflow.
    Workflow(&'a SubWorkflowAction),
    /// Waits for a decision.
    Approval(&'a ApprovalAction),
    /// Waits for a time.
    Wait(&'a WaitAction),
    /// Searches the knowledge base.
    Search(&'a SearchAction),
    /// Evaluates templates.
    Expr(&'a ExprAction),
}

/// Runs a Python function.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PythonAction {
    /// Defines `def run(input, ctx)`; the return value is the step's output. At most 64 KiB.
    #[schemars(length(min = 1, max = 65536))]
    pub code: String,
    /// Another image than the default one; it needs python3 and our step-host. Default: the platform's Python image.
    #[schemars(length(min = 1, max = 512))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Modules imported once, before the first step; at most 32.
    #[schemars(length(max = 32), inner(length(min = 1, max = 200)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preload: Vec<String>,
    /// Environment variables (templates), at most 64.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What one step of this kind gets. Default: 50m CPU, 128Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<StepResources>,
}

/// Runs a command in any image.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerAction {
    /// The image.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// The program and its first arguments; required, since nobody can read an image's entrypoint without a registry.
    #[schemars(
        length(min = 1, max = 64),
        inner(length(max = 4096)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub command: Vec<String>,
    /// Further arguments (templates), at most 256.
    #[schemars(length(max = 256), inner(length(max = 4096)), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment variables (templates), at most 64.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What one step of this kind gets. Default: 50m CPU, 128Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<StepResources>,
}

/// What one step gets: requested, and for memory the limit too.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StepResources {
    /// Cores, such as `250m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Bytes, such as `128Mi`; more than this is `OOM_KILLED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

/// Runs another workflow of the same namespace; `with` is its input, its output the step's.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct SubWorkflowAction {
    /// The Workflow's name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// Waits for a person's decision.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalAction {
    /// What is asked (a template); at most 4 KiB.
    #[schemars(length(min = 1, max = 4096))]
    pub message: String,
    /// JSON Schema of what the person fills in.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Who may decide; at most 8 roles. Default: [admin].
    #[schemars(length(max = 8), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// How long to wait. Default: 7d; at most 90d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// What becomes of the step then. Default: Fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<OnTimeout>,
}

/// What becomes of an approval that nobody gave.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTimeout {
    /// The step fails.
    #[default]
    Fail,
    /// As if it had been approved.
    Approve,
    /// As if it had been rejected.
    Reject,
}

/// Waits for a duration or until a time, at most 90 days.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.for) != has(self.until)").message("a wait is either for a duration or until a time: give exactly one of for and until"))]
pub struct WaitAction {
    /// How long.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// An expression that gives a time.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Searches the tenant's knowledge base by meaning.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct SearchAction {
    /// What is searched for (a template); at most 4 KiB.
    #[schemars(length(min = 1, max = 4096))]
    pub query: String,
    /// Results, 1 to 100. Default: 5.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Conditions on the documents' metadata (templates).
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
}

/// Evaluates templates alone.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ExprAction {
    /// Templates; their value is the step's output.
    #[schemars(schema_with = "schema::free")]
    pub value: Value,
}
