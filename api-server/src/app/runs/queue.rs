//! Why runs wait.

use serde_json::Value;

use crate::app::enum_names::upper_snake;

/// Why a run waits, and its position in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Position among the queued runs of the tenant, starting at 1.
    pub position: Option<u32>,
    /// Machine-readable reason, such as `PLAN_CONCURRENCY`.
    pub reason: String,
    /// Human-readable reason.
    pub message: String,
}

impl Queue {
    /// Parses the queue status that the operator writes.
    #[must_use]
    pub fn parse(queue: &Value) -> Option<Self> {
        let crds::run::QueueStatus { position, reason, message } =
            serde_json::from_value(queue.clone()).ok()?;
        Some(Self { position, reason: upper_snake(&reason), message })
    }
}
