//! The actions of steps, except HTTP requests.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::HttpAction;
use crate::{Duration, Quantity, schema};

/// Action of a step.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Sends an HTTP request.
    Http(&'a HttpAction),
    /// Calls a Python function.
    Python(&'a PythonAction),
    /// Runs a command in a container image.
    Container(&'a ContainerAction),
    /// Runs another workflow as a sub-run.
    Workflow(&'a SubWorkflowAction),
    /// Waits for a decision by a user.
    Approval(&'a ApprovalAction),
    /// Waits for a duration or until a time.
    Wait(&'a WaitAction),
    /// Searches the tenant's knowledge base.
    Search(&'a SearchAction),
    /// Evaluates templates.
    Expr(&'a ExprAction),
}

/// Calls a Python function.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PythonAction {
    /// Python source that defines `def run(input, ctx)`. The returned value is the output of the step. Code that does not parse is a problem of the workflow (`PythonSyntax`). At most 65,536 characters.
    #[schemars(length(min = 1, max = 65536))]
    pub code: String,
    /// Container image to use instead of the platform's Python image. It must contain `python3` and the platform's `step-host` program. Default: the platform's Python image.
    #[schemars(length(min = 1, max = 512))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Modules that are imported once per runner, before its first step; at most 32. Default: none.
    #[schemars(length(max = 32), inner(length(min = 1, max = 200)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preload: Vec<String>,
    /// Environment variables; at most 64. Values are templates and may read `secrets`. Default: none.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Resources for one execution. Default: 50m CPU, 128Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<StepResources>,
}

/// Runs a command in a container image. The input of the step is in the file `$SMBCOPILOT_INPUT`; the output is the JSON that the command writes to the file `$SMBCOPILOT_OUTPUT`, or `{"stdout": …}` if it writes none. An exit code other than 0 fails with `EXIT_<n>`. The command can write to its working directory, which is also `$HOME` and `$TMPDIR`, and to `/tmp`; the rest of the file system is read-only.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ContainerAction {
    /// Container image.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// Program and its first arguments; 1 to 64 items. Required because the image's entrypoint is not used.
    #[schemars(
        length(min = 1, max = 64),
        inner(length(max = 4096)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub command: Vec<String>,
    /// Further arguments; at most 256. Values are templates. Default: none.
    #[schemars(length(max = 256), inner(length(max = 4096)), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Working directory of the command: an absolute path that exists in the image, such as `/app`; at most 4 KiB. Default: an empty, writable directory that is removed after the attempt. The working directory of the image is not used.
    #[schemars(length(min = 1, max = 4096), regex(pattern = "^/"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Environment variables; at most 64. Values are templates and may read `secrets`. Default: none.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Resources for one execution. Default: 50m CPU, 128Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<StepResources>,
}

/// Resources for one execution of a step. They are requested for each item that runs in parallel; memory is also the limit.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StepResources {
    /// CPU in cores, such as `250m`. Default: 50m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory in bytes, such as `128Mi`. It includes the files that the execution writes, for which half of it is available. An execution that exceeds it fails with `OOM_KILLED`, and one whose files fill their half with `DISK_FULL`. Default: 128Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

/// Runs another workflow of the same namespace as a sub-run. The input of the step is the input of the sub-run, and the output of the sub-run is the output of the step. Sub-runs may be nested 8 levels deep (`SUB_RUN_TOO_DEEP`).
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct SubWorkflowAction {
    /// Name of the Workflow.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::OBJECT_NAME))]
    pub name: String,
}

/// Suspends the run until a user approves or rejects. The output of the step is `{approved, by, input}`. A rejection fails the step with `REJECTED`, unless `onReject` is `Continue`. A decision whose input does not match `schema` is refused (`status.steps[].waiting.refused`), and the step waits on.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalAction {
    /// Question to the user, a template; at most 4 KiB.
    #[schemars(length(min = 1, max = 4096), regex(pattern = schema::TEXT))]
    pub message: String,
    /// JSON Schema of the values that the user enters with the decision. Properties that are absent get its `default`. Default: any object is valid.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Roles whose users may decide: `admin`, `builder`, `operator`, `viewer`; at most 8. Default: [admin].
    #[schemars(length(max = 8), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Maximum time to wait for a decision; at most 90d (`WaitTooLong`). Default: 7d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Action on timeout. `Fail`: the step fails with `APPROVAL_TIMEOUT`. `Approve`: the step succeeds with the output `{approved: true, by: null, input: null}`, without the defaults of `schema`. `Reject`: as if it had been rejected, with `by` and `input` null. Default: Fail.
    #[schemars(with = "OnTimeout")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<OnTimeout>,
    /// Effect of a rejection, by a user or by `onTimeout`. `Fail`: the step fails with `REJECTED`. `Continue`: the step succeeds with the output `{approved: false, by, input}`. Default: Fail.
    #[schemars(with = "OnReject")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_reject: Option<OnReject>,
}

/// Effect of a rejection: `Fail` or `Continue`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnReject {
    /// The step fails with `REJECTED`.
    #[default]
    Fail,
    /// The step succeeds with the output `{approved: false, by, input}`.
    Continue,
}

/// Action when an approval times out: `Fail`, `Approve` or `Reject`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTimeout {
    /// The step fails with `APPROVAL_TIMEOUT`.
    #[default]
    Fail,
    /// The step succeeds with the output `{approved: true, by: null, input: null}`.
    Approve,
    /// As if the request had been rejected, with `by` and `input` null.
    Reject,
}

/// Waits for a duration or until a time, at most 90 days. The output of the step is `{elapsed}`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.for) != has(self.until)").message("a wait must have exactly one of for and until"))]
pub struct WaitAction {
    /// Duration of the wait; at most 90d (`WaitTooLong`). Exactly one of `for` and `until` must be set.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// Expression that evaluates to a timestamp; at most 90 days in the future (`WAIT_TOO_LONG`). Exactly one of `for` and `until` must be set.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Name of a step whose end ends the wait early; then `output.elapsed` is false. It must not depend on this step. With it, a workflow reminds of an approval only as long as that is open. Default: the wait has its full length.
    #[schemars(length(min = 1, max = 40))]
    #[serde(rename = "untilStep", default, skip_serializing_if = "Option::is_none")]
    pub until_step: Option<String>,
}

/// Searches the tenant's knowledge base. Not available in this version: a workflow with such a step is invalid (`NotAvailable`).
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct SearchAction {
    /// Search text, a template; at most 4 KiB.
    #[schemars(length(min = 1, max = 4096))]
    pub query: String,
    /// Maximum number of results; 1 to 100. Default: 5.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Conditions on the metadata of the documents. Strings are templates. Default: none.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
}

/// Evaluates templates.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ExprAction {
    /// Value whose strings are templates. The evaluated value is the output of the step.
    #[schemars(schema_with = "schema::free")]
    pub value: Value,
}
