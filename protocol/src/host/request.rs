//! Requests that the runner sends to a host.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::host::StepId;

/// Request to a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Starts a step in a process of its own.
    Start(Box<Start>),
    /// Ends a step: sends SIGTERM to its process group, and SIGKILL if it still runs after `grace_ms`.
    Kill {
        /// ID of the step. A step that has already ended is ignored.
        id: StepId,
        /// Time between the two signals in milliseconds; 0 sends SIGKILL at once.
        grace_ms: u64,
    },
    /// Kills all steps, the processes that they have left, and the interpreter, at the end of a run. `Killed` follows.
    KillAll,
    /// Removes everything that the steps of the ended run have left, after `KillAll` to all hosts of the pod, since they
    /// share memory and queues. `Cleared` follows. A host that cannot be cleared exits.
    Clear,
    /// Ends all steps and the host.
    Shutdown,
}

/// Step to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// ID of this execution, which must not have been used before on this connection.
    pub id: StepId,
    /// Action of the step.
    pub action: Action,
    /// Input of the step: its rendered `with`.
    pub input: Value,
    /// Environment variables in addition to those that the host sets.
    pub env: BTreeMap<String, String>,
    /// Metadata of the step.
    pub meta: Meta,
    /// Secrets of the workflow, available to Python code through `ctx.secrets`. They are not part of the environment.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    pub secrets: Secrets,
}

/// Secret values by secret and key. `Debug` prints only the names of the secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secrets(pub BTreeMap<String, BTreeMap<String, String>>);

impl Secrets {
    /// Returns whether there are no secrets.
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

/// Action of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// Python source that defines `run(input, ctx)`.
    Python {
        /// Source text.
        code: String,
    },
    /// Program of the host's image. The file `$SMBCOPILOT_INPUT` contains its input as JSON, and the program may write
    /// its output as JSON to the file `$SMBCOPILOT_OUTPUT`; without that file its output is `{"stdout": …}`.
    Container {
        /// Program and first arguments; at least one element. A program without `/` is looked up in `PATH`.
        command: Vec<String>,
        /// Further arguments.
        args: Vec<String>,
        /// Working directory. `None` means an empty directory that is removed at the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        working_dir: Option<String>,
    },
}

/// Metadata that a step can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Name of the run.
    pub run: String,
    /// Name of the step.
    pub step: String,
    /// Index of the item of a `forEach`, starting at 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Number of the attempt, starting at 1.
    pub attempt: u32,
    /// Idempotency key, which is the same for all attempts of this step or item in this run.
    pub idempotency_key: String,
}
