use std::{collections::BTreeMap, fmt};

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
    /// The workflow's secrets, for code that asks for them; no environment has them.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    pub secrets: Secrets,
}

/// Values by secret and key. Its `Debug` shows no value.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secrets(pub BTreeMap<String, BTreeMap<String, String>>);

impl Secrets {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
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
    /// A program of the host's image. It finds its input as JSON in the file `$SMBCOPILOT_INPUT`, and may leave its
    /// output as JSON in `$SMBCOPILOT_OUTPUT`; without that file its output is `{"stdout": …}`.
    Container {
        /// The program and its first arguments; at least one. A name without `/` is looked up in `PATH`.
        command: Vec<String>,
        /// Further arguments.
        args: Vec<String>,
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
    /// Which item of a `forEach`, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The same for every attempt of this step, or item, of this run.
    pub idempotency_key: String,
}
