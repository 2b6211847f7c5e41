//! What a scenario's file says. `tests/scenarios/README.md` explains it to authors; unknown fields are refused.
//!
//! Needs nothing of the cluster: the tests of `domain` read the same files.

mod expect;

use std::collections::BTreeMap;

use crds::run::{Cancel, ReuseFrom, RunPhase, StepPhase};
use crds::workflow::ErrorKind;
use serde::Deserialize;
use serde_json::Value;

pub use expect::{Call, ErrorSeen, Expect, ItemsSeen, LogLine, ProblemSeen, RunSeen, StepSeen};

/// Stands in a file for the URL of the recording server, without a slash at its end.
pub const SERVER: &str = "$SERVER";
/// Stands in a file for the same server under another host's name.
pub const OTHER: &str = "$OTHER";
/// Stands in a file for the URL of the recording server over TLS.
pub const SECURE: &str = "$SECURE";
/// Stands in a file for the certificate of the authority that vouches for the recording server.
pub const TLS_CA: &str = "$TLS_CA";
/// Stands in a file for the certificate of a client that the recording server knows.
pub const TLS_CRT: &str = "$TLS_CRT";
/// Stands in a file for the key of that certificate.
pub const TLS_KEY: &str = "$TLS_KEY";
/// The run that starts by itself.
pub const MAIN: &str = "main";

/// A file of `tests/scenarios`.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// One sentence: what breaks for a user if this fails.
    pub title: String,
    /// Why it is left out for now. A scenario without this runs.
    pub skip: Option<String>,
    /// Parts of a Plan's spec that differ: then the scenario has a tenant of its own.
    pub plan: Option<Value>,
    /// The spec of the workflow `main`.
    pub workflow: Value,
    /// The specs of further ones, by name. Steps of `main` and of each other call them by these names.
    #[serde(default)]
    pub workflows: BTreeMap<String, Value>,
    /// Secrets that exist before the workflows do, by the name that `spec.secrets` refers to.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretFile>,
    /// The input of the run `main`.
    pub input: Option<Value>,
    /// The answers of the recording server by path, in turn; the last one stays. Without any: 200 and `{}`.
    #[serde(default)]
    pub http: BTreeMap<String, Vec<Answer>>,
    /// How it is played where there is no cluster. Absent: its problems are all that is expected.
    pub pure: Option<Pure>,
    /// Whether the run `main` starts by itself, before the first event. Default: it does.
    #[serde(default = "yes")]
    pub starts: bool,
    /// What happens, one after the other.
    #[serde(default)]
    pub events: Vec<Event>,
    /// What is seen in the end.
    pub expect: Expect,
}

/// A Secret.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretFile {
    /// Values by key.
    pub data: BTreeMap<String, String>,
    /// Whether it has the label that lets workflows name it. Default: it has.
    #[serde(default = "yes")]
    pub labelled: bool,
}

fn yes() -> bool {
    true
}

/// An answer of the recording server.
#[derive(Deserialize, serde::Serialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// Default: 200.
    pub status: Option<u16>,
    /// Headers. `$SERVER` may stand in them.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body as JSON.
    pub json: Option<Value>,
    /// The body as text.
    pub text: Option<String>,
    /// So many bytes `x` as body.
    pub bytes: Option<u64>,
    /// Seconds before it answers.
    pub delay: Option<f64>,
}

/// How a scenario is played where there is no cluster.
#[derive(Deserialize, Clone, Debug)]
#[serde(untagged)]
pub enum Pure {
    /// It is not.
    Not(NotPure),
    /// What the attempts of steps end in, by step, in turn; the last one stays. A step `http` that is not among them is
    /// answered as the recording server would.
    Scripts(BTreeMap<String, Vec<Scripted>>),
}

/// Why a scenario is not played without a cluster.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct NotPure {
    /// Where that is decided which it is about.
    pub none: String,
}

/// What an attempt ends in where there is no cluster.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Scripted {
    /// It succeeds with this. Templates see `input`, `args` and `env` of the step, and `attempt`; `x*3` stands for `xxx`, `0..3` for
    /// `[0, 1, 2]`.
    Output(Value),
    /// It fails of this.
    Fail(ScriptedError),
    /// It does not end before it is stopped, or its pod is lost.
    Hang,
}

/// What a scripted attempt fails of.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScriptedError {
    /// `User`, `Infra`, …
    pub kind: ErrorKind,
    /// Such as `HTTP_503`.
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// Seconds that the service asked to wait.
    pub retry_after: Option<u64>,
}

/// Something that happens.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// As soon as all of this holds. Absent: at once.
    #[serde(default)]
    pub when: When,
    /// What is done.
    #[serde(rename = "do")]
    pub action: Do,
    /// It must be refused, with a message that contains this.
    pub refused: Option<String>,
}

/// What is waited for: all that is given.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct When {
    /// Which run. Default: `main`.
    pub run: Option<String>,
    /// Its phase.
    pub run_phase: Option<RunPhase>,
    /// A step of it; the next three are about that step.
    pub step: Option<String>,
    /// The step's phase.
    pub phase: Option<StepPhase>,
    /// The attempt.
    pub attempt: Option<u32>,
    /// At least so many items have ended.
    pub items: Option<u32>,
    /// The run waits in the queue for this reason.
    pub queued: Option<String>,
    /// The recording server has been called at this path.
    pub called: Option<String>,
}

/// What is done.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Do {
    /// Nothing: only wait.
    Nothing,
    /// SIGKILL for the runner that holds `main`.
    KillRunner,
    /// The pod that holds `main` is deleted.
    DeletePod,
    /// `spec.cancel` of a run.
    Cancel(CancelRun),
    /// A decision on `main`.
    Decide(DecideOn),
    /// Another run is started.
    Start(StartRun),
    /// The workflow `main` gets this spec.
    Edit(Value),
    /// An object of ours is deleted: `{secret: erp}`.
    Delete(Target),
    /// A Secret is created or replaced.
    Secret(SecretUpdate),
}

/// How a run is cancelled.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelRun {
    /// Which. Default: `main`.
    pub run: Option<String>,
    /// How.
    pub how: Cancel,
}

/// A decision.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideOn {
    /// A step, or `step/index`.
    pub key: String,
    /// Whether it is approved.
    pub approved: bool,
    /// What was filled in.
    pub input: Option<Value>,
    /// The role of the kubectl user who decides. Default: admin.
    #[serde(rename = "as")]
    pub role: Option<String>,
}

/// Another run.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRun {
    /// What `expect.runs` and other events call it.
    #[serde(rename = "as")]
    pub name: String,
    /// Of which workflow. Default: `main`.
    pub workflow: Option<String>,
    /// Its input. Default: the scenario's.
    pub input: Option<Value>,
    /// Outputs of an earlier run are taken over.
    pub reuse: Option<ReuseRun>,
    /// Its place in the queue.
    pub priority: Option<i32>,
}

/// Whose outputs are taken over.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReuseRun {
    /// The earlier run. Default: `main`.
    pub run: Option<String>,
    /// `Failed`, or the steps that run again.
    pub from: ReuseFrom,
}

/// One object of ours.
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
    /// Which.
    pub name: String,
    /// Values by key.
    pub data: BTreeMap<String, String>,
}
