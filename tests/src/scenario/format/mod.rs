//! Format of scenario files. `tests/scenarios/README.md` documents it for authors; unknown fields are refused.
//!
//! This module does not depend on a cluster: the tests of `domain` read the same files.

mod expect;

use std::collections::BTreeMap;

use crds::run::{Cancel, ReuseFrom, RunPhase, StepPhase};
use crds::workflow::ErrorKind;
use serde::Deserialize;
use serde_json::Value;

pub use expect::{
    Expect, ExpectedCall, ExpectedError, ExpectedItems, ExpectedLogLine, ExpectedProblem, ExpectedRun,
    ExpectedStep,
};

/// Placeholder for the URL of the recording server, without a trailing slash.
pub const SERVER: &str = "$SERVER";
/// Placeholder for the URL of the recording server with another host name.
pub const OTHER: &str = "$OTHER";
/// Placeholder for the HTTPS URL of the recording server.
pub const SECURE: &str = "$SECURE";
/// Placeholder for the certificate of the authority that signed the certificate of the recording server.
pub const TLS_CA: &str = "$TLS_CA";
/// Placeholder for a client certificate that the recording server accepts.
pub const TLS_CRT: &str = "$TLS_CRT";
/// Placeholder for the key of the client certificate.
pub const TLS_KEY: &str = "$TLS_KEY";
/// Name of the main workflow, and of the run that is started automatically.
pub const MAIN: &str = "main";

/// Content of a file in `tests/scenarios`.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// Guarantee that the scenario protects, in one sentence.
    pub title: String,
    /// Reason why the scenario is skipped. Default: it is not skipped.
    pub skip: Option<String>,
    /// Fields merged into the spec of the default plan. With them, the scenario has a tenant of its own.
    pub plan: Option<Value>,
    /// Spec of the workflow `main`.
    pub workflow: Value,
    /// Specs of further workflows, by the name with which steps of other workflows call them.
    #[serde(default)]
    pub workflows: BTreeMap<String, Value>,
    /// Secrets that are created before the workflows, by the name that `spec.secrets` refers to.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretFile>,
    /// Input of the run `main`.
    pub input: Option<Value>,
    /// Responses of the recording server by path, in order; the last one is repeated. Default: 200 and `{}`.
    #[serde(default)]
    pub http: BTreeMap<String, Vec<Response>>,
    /// How the scenario is simulated without a cluster. Not needed if only problems are expected.
    pub pure: Option<Simulation>,
    /// Whether the run `main` is started before the first event. Default: true.
    #[serde(default = "default_true")]
    pub starts: bool,
    /// Events, executed one after the other.
    #[serde(default)]
    pub events: Vec<Event>,
    /// Expected result.
    pub expect: Expect,
}

/// A Secret.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretFile {
    /// Values by key.
    pub data: BTreeMap<String, String>,
    /// Whether the Secret has the label that permits workflows to use it. Default: true.
    #[serde(default = "default_true")]
    pub labelled: bool,
}

fn default_true() -> bool {
    true
}

/// Response of the recording server.
#[derive(Deserialize, serde::Serialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Response {
    /// HTTP status. Default: 200.
    pub status: Option<u16>,
    /// Headers, which may contain `$SERVER`; a repeated header has a list of values.
    #[serde(default)]
    pub headers: BTreeMap<String, HeaderValues>,
    /// Body as JSON.
    pub json: Option<Value>,
    /// Body as text.
    pub text: Option<String>,
    /// Length in bytes of a body that consists of the letter `x`.
    pub bytes: Option<u64>,
    /// Body in base64, sent as it is; without a media type unless `headers` has one.
    pub base64: Option<String>,
    /// Delay of the response in seconds.
    pub delay: Option<f64>,
}

/// Values of a header.
#[derive(Deserialize, serde::Serialize, Clone, Debug)]
#[serde(untagged)]
pub enum HeaderValues {
    /// One value.
    One(String),
    /// Values of a repeated header.
    Many(Vec<String>),
}

impl HeaderValues {
    /// Returns all values.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// Simulation of a scenario without a cluster.
#[derive(Deserialize, Clone, Debug)]
#[serde(untagged)]
pub enum Simulation {
    /// The scenario is not simulated.
    Excluded(NotSimulated),
    /// Results of the attempts by step, in order; the last one is repeated. A step `http` that is not listed
    /// gets the response of the recording server.
    Scripts(BTreeMap<String, Vec<ScriptedResult>>),
}

/// Reason why a scenario is not simulated.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct NotSimulated {
    /// Component that makes the decisions which the scenario is about.
    pub none: String,
}

/// Simulated result of an attempt.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ScriptedResult {
    /// The attempt succeeds with this output. Templates can use `input`, `args`, `env` and `attempt` of the step; `x*3` means
    /// `xxx`, and `0..3` means `[0, 1, 2]`.
    Output(Value),
    /// The attempt fails with this error.
    Fail(ScriptedError),
    /// The attempt continues until it is stopped or its pod is lost.
    Hang,
}

/// Error of a simulated attempt.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScriptedError {
    /// Kind, such as `User` or `Infra`.
    pub kind: ErrorKind,
    /// Code, such as `HTTP_503`.
    pub code: String,
    /// Message.
    #[serde(default)]
    pub message: String,
    /// Seconds that the service asked to wait before a retry.
    pub retry_after: Option<u64>,
}

/// Event of a scenario.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// Condition for the action. Default: none.
    #[serde(default)]
    pub when: Condition,
    /// Action to execute.
    #[serde(rename = "do")]
    pub action: Action,
    /// Part of the message with which the action must be refused. Default: the action must succeed.
    pub refused: Option<String>,
}

/// Condition of an event: all given fields must match.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// Run that the condition is about. Default: `main`.
    pub run: Option<String>,
    /// Phase of the run.
    pub run_phase: Option<RunPhase>,
    /// Step that `phase`, `attempt`, `items` and `decisionRefused` are about.
    pub step: Option<String>,
    /// Phase of the step.
    pub phase: Option<StepPhase>,
    /// Attempt of the step.
    pub attempt: Option<u32>,
    /// Minimum number of items of the step that have ended.
    pub items: Option<u32>,
    /// Whether the last decision on the approval of the step was refused.
    #[serde(default)]
    pub decision_refused: bool,
    /// Reason why the run is queued.
    pub queued: Option<String>,
    /// Path at which the recording server has received a request.
    pub called: Option<String>,
}

/// Action of an event.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// No action: the event only waits for its condition.
    Nothing,
    /// Sends SIGKILL to the runner to which `main` is assigned.
    KillRunner,
    /// Deletes the pod to which `main` is assigned.
    DeletePod,
    /// Sets `spec.cancel` of a run.
    Cancel(CancelRun),
    /// Adds a decision to `main`.
    Decide(DecisionOn),
    /// Starts another run.
    Start(StartRun),
    /// Replaces the spec of the workflow `main`.
    Edit(Value),
    /// Deletes an object of the scenario, such as `{secret: erp}`.
    Delete(Target),
    /// Creates or replaces a Secret.
    Secret(SecretUpdate),
}

/// Cancellation of a run.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelRun {
    /// Run to cancel. Default: `main`.
    pub run: Option<String>,
    /// Mode of the cancellation.
    pub how: Cancel,
}

/// Decision on an approval step of `main`.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionOn {
    /// Step, or `step/index` for an item.
    pub key: String,
    /// Whether the step is approved.
    pub approved: bool,
    /// Input of the decision.
    pub input: Option<Value>,
    /// Role of the kubectl user who decides. Default: `admin`.
    #[serde(rename = "as")]
    pub role: Option<String>,
}

/// Further run to start.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRun {
    /// Name of the run in `expect.runs` and in other events.
    #[serde(rename = "as")]
    pub name: String,
    /// Workflow of the run. Default: `main`.
    pub workflow: Option<String>,
    /// Input of the run. Default: the input of the scenario.
    pub input: Option<Value>,
    /// Earlier run whose outputs are reused.
    pub reuse: Option<ReuseRun>,
    /// Priority of the run in the queue.
    pub priority: Option<i32>,
}

/// Earlier run whose outputs are reused.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReuseRun {
    /// Name of the earlier run. Default: `main`.
    pub run: Option<String>,
    /// `Failed`, or the steps that are executed again.
    pub from: ReuseFrom,
}

/// Object of the scenario.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Target {
    /// A Secret of the scenario.
    Secret(String),
    /// A run.
    Run(String),
    /// A workflow.
    Workflow(String),
}

/// A Secret that is created or replaced.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretUpdate {
    /// Name of the Secret.
    pub name: String,
    /// Values by key.
    pub data: BTreeMap<String, String>,
}
