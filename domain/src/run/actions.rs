//! Actions that the runner has to perform next.

use crds::run::{Cancel, RunError, RunPhase};
use jiff::Timestamp;
use serde_json::Value;

use super::{RunState, StepKey, Task};

/// Next state of a run and the actions that the runner performs after it has written that state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advance {
    /// Next state, including the attempts of `start` as running. Must be written before any action is
    /// performed.
    pub state: RunState,
    /// Attempts to start after the write.
    pub start: Vec<StartAttempt>,
    /// Attempts to stop. Their outcome is already part of the state, so later reports of these attempts are
    /// ignored.
    pub stop: Vec<StopAttempt>,
    /// Names of sub-runs to cancel. They must be cancelled before the write, since another runner could not
    /// find them in the new state. Cancelling a sub-run twice has no further effect.
    pub cancel_sub_runs: Vec<(String, Cancel)>,
    /// Time of the next call of `advance` if nothing happens before; `None` once the run has finished.
    pub wait_until: Option<Timestamp>,
    /// Suspension, if the run will wait long enough that it needs no runner. The same write releases the pod.
    pub suspend: Option<SuspendRun>,
    /// End of the run, if it has ended. It is part of the same write.
    pub finish: Option<FinishRun>,
}

/// Request to start an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct StartAttempt {
    /// Step or item of the attempt.
    pub key: StepKey,
    /// Number of the attempt, starting at 1. For [`Task::StoreOutput`] of a step with `forEach`, the number
    /// of the batch.
    pub attempt: u32,
    /// Idempotency key, equal for all attempts of the same step or item of a run; printable ASCII.
    pub idempotency_key: String,
    /// Time at which the runner stops the attempt and reports [`super::Outcome::TimedOut`].
    pub deadline: Timestamp,
    /// Name of the item, for logs; `None` if it has none.
    pub label: Option<String>,
    /// Input of the step: its rendered `with`.
    pub input: Value,
    /// Task of the runner.
    pub task: Task,
}

/// Request to stop an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopAttempt {
    /// Step or item of the attempt.
    pub key: StepKey,
    /// Number of the attempt, starting at 1.
    pub attempt: u32,
}

/// Suspension of a run, which waits without a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspendRun {
    /// Time at which the run is resumed without an event; `None` if it waits only for a decision or the end
    /// of a sub-run.
    pub wake_at: Option<Timestamp>,
    /// Whether the wait is excluded from the run's timeout: true for approvals and timers.
    pub stops_clock: bool,
}

/// End of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishRun {
    /// Final phase of the run.
    pub phase: RunPhase,
    /// Output of the run, if it succeeded.
    pub output: Option<Value>,
    /// Error of the run, if it did not succeed.
    pub error: Option<RunError>,
}
