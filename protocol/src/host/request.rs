use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::host::StepId;

/// What the runner asks of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Start a step in a process of its own.
    Start(Box<Start>),
    /// End a step: SIGTERM to its process group, and SIGKILL when it is still there after `grace_ms`.
    Kill {
        /// The step. One that has ended already is passed over.
        id: StepId,
        /// Milliseconds between the two signals; 0 sends SIGKILL at once.
        grace_ms: u64,
    },
    /// End all that runs, and leave.
    Shutdown,
}

/// One step to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// The runner's name for this execution; not used before on this connection.
    pub id: StepId,
    /// What to run.
    pub action: Action,
    /// The step's input: its `with`, rendered.
    pub input: Value,
    /// Environment variables beside those that the host sets itself.
    pub env: BTreeMap<String, String>,
    /// What the step may know about itself.
    pub meta: Meta,
}

/// What a step consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// Python source that defines `run(input, ctx)`.
    Python {
        /// The source text.
        code: String,
    },
}

/// What a step may know about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Name of the run.
    pub run: String,
    /// Name of the step.
    pub step: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The same for every attempt of this step of this run.
    pub idempotency_key: String,
}
