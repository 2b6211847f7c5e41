//! Why a run waits.

use serde_json::Value;

use crate::app::case::upper_snake;

/// Why a run waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its place among the runs of its tenant; 1 is next.
    pub position: Option<u32>,
    /// Why, for machines, such as `PLAN_CONCURRENCY`.
    pub reason: String,
    /// Why, for people.
    pub message: String,
}

impl Queue {
    /// Out of the record that the operator keeps of it.
    #[must_use]
    pub fn parse(queue: &Value) -> Option<Self> {
        let crds::run::QueueStatus { position, reason, message } =
            serde_json::from_value(queue.clone()).ok()?;
        Some(Self { position, reason: upper_snake(&reason), message })
    }
}
