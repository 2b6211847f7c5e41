//! What becomes of an attempt that failed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// What becomes of an attempt that failed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Retry {
    /// Attempts in all, the first included; 1 to 20. Default: 3.
    #[schemars(range(min = 1, max = 20))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How long to wait before the next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// Kinds of error that are tried again. Without `Infra` the step runs at most once: interrupted, it fails. Default: [Infra].
    #[schemars(length(min = 1, max = 5), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<ErrorKind>>,
    /// An expression over `error` (`kind`, `code`, `message`); where it is false there is no other attempt.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// How long to wait before the next attempt: `initial × factor^(n-1)`, at most `max`, give or take `jitter`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Backoff {
    /// Before the second attempt. Default: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Duration>,
    /// By how much it grows; 1 to 10. Default: 2.
    #[schemars(range(min = 1, max = 10))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// The longest. Default: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Duration>,
    /// The random part, as a fraction; 0 to 1. Default: 0.2.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

/// Whose fault an error is.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::Display,
    strum::IntoStaticStr,
)]
pub enum ErrorKind {
    /// The workflow's own: its code, or the service it calls.
    User,
    /// Ours: a pod was lost, an image could not be pulled.
    Infra,
    /// It took too long.
    Timeout,
    /// A value does not have its type.
    Schema,
    /// It is not allowed: egress, secrets, limits.
    Policy,
}
