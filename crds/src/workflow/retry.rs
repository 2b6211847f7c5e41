//! When a failed attempt is tried again.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// When a failed attempt is tried again. Default: 3 attempts for Infra, none for the rest.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Retry {
    /// Attempts in all, the first included; 1 to 20. Default: 3.
    #[schemars(range(min = 1, max = 20))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How long to wait between attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// The kinds of error that are tried again. Without Infra, a step that was interrupted fails. Default: Infra.
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<ErrorKind>>,
    /// Which of them: an expression over `error.{kind,code,message}`. Default: all.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// How long to wait between attempts: exponential, with jitter.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Backoff {
    /// After the first attempt. Default: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Duration>,
    /// By what each further wait is longer; 1 to 10. Default: 2.
    #[schemars(range(min = 1, max = 10))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// The longest wait. Default: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Duration>,
    /// The share of a wait that is random; 0 to 1. Default: 0.2.
    #[schemars(range(min = 0, max = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

/// Whose fault an error is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// The step's own code, or the service that it called.
    User,
    /// The platform: a pod, a node, the network.
    Infra,
    /// It took too long.
    Timeout,
    /// An input or output does not match its schema.
    Schema,
    /// The plan, or the network policy, forbids it.
    Policy,
}

impl ErrorKind {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Infra => "Infra",
            Self::Timeout => "Timeout",
            Self::Schema => "Schema",
            Self::Policy => "Policy",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
