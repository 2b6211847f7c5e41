//! The retry policy of a step and the kinds of errors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// Retry policy of a step. A step without `retry` has up to 3 attempts for errors of the kind `Infra`, and one for the others.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Retry {
    /// Maximum number of attempts, including the first; 1 to 20. Default: 3.
    #[schemars(range(min = 1, max = 20))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Delay before the next attempt. Default: 1s, doubled after each attempt, at most 1m, with a jitter of 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// Kinds of errors that are retried. `User`: the workflow's code or the called service. `Infra`: infrastructure errors such as a lost pod. `Timeout`: a time limit was exceeded. `Schema`: a value does not match its schema. `Policy`: not allowed. Without `Infra`, the step is executed at most once: if it is interrupted, it fails with `INTERRUPTED`. Default: [Infra, Timeout, User].
    #[schemars(length(min = 1, max = 5), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<ErrorKind>>,
    /// Expression over `error` (`kind`, `code`, `message`). If false, the attempt is not retried. At most 4 KiB. Default: true.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// Exponential delay before the next attempt: `initial × factor^(n-1)` after attempt n, at most `max`, randomised by `jitter`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Backoff {
    /// Delay after the first attempt. Default: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Duration>,
    /// Factor by which the delay grows with each attempt; 1 to 10. Default: 2.
    #[schemars(range(min = 1, max = 10))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Maximum delay, before jitter. Default: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Duration>,
    /// Random part of the delay as a fraction; 0 to 1. 0.2 spreads the delay over 80 % to 120 %. Default: 0.2.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

/// Kind of an error: `User`, `Infra`, `Timeout`, `Schema` or `Policy`.
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
    /// The workflow's code or the called service failed.
    User,
    /// Infrastructure error: a pod was lost, or an image could not be pulled.
    Infra,
    /// A time limit was exceeded.
    Timeout,
    /// A value does not match its schema.
    Schema,
    /// Not allowed: egress, secrets or limits.
    Policy,
}
