//! How a workflow's runs are admitted, executed and kept, and which secrets they see.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// A Secret that steps may use, under a name.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSecret {
    /// The name in expressions: `secrets.<name>.<key>`. At most 40 characters.
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z]([-_a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// A Secret of the same namespace with the label `smbcopilot.dev/workflow-secret=true`.
    pub secret_ref: LocalSecretRef,
}

/// A Secret of the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalSecretRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// How many runs there are at one time.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Concurrency {
    /// An expression over `input`; runs of the same key share the limit. Absent = all runs share it.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Runs at one time; 1 to 1,000. Default: 1.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// What becomes of a run over the limit. Default: Queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ConcurrencyPolicy>,
}

/// What becomes of a run over the limit. Default: Queue.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConcurrencyPolicy {
    /// It waits.
    #[default]
    Queue,
    /// The oldest is cancelled for it.
    CancelOlder,
    /// It fails.
    Reject,
}

/// How the pods that execute the runs are kept.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRunners {
    /// Idle runners kept ready, capped by the plan. Default: 0.
    #[schemars(range(max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<u32>,
    /// How long a runner stays after a run, capped by the plan. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<Duration>,
    /// Whether runs share a runner one after the other. Default: Shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
}

/// Whether runs share a runner one after the other. Default: Shared.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// One after the other.
    #[default]
    Shared,
    /// Every run has a fresh pod.
    PerRun,
}

/// How long finished runs stay in Kubernetes; the database keeps them by the plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowRetention {
    /// Runs that succeeded. Default: 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<Duration>,
    /// Runs that did not. Default: 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Duration>,
    /// Finished runs of the workflow, at most; 0 to 1,000. Default: 100.
    #[schemars(range(max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}
