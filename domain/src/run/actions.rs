//! What comes next, as it is told to the runner.

use crds::run::{Cancel, RunError, RunPhase};
use jiff::Timestamp;
use serde_json::Value;

use super::{RunState, StepKey, Task};

/// What comes next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advance {
    /// The next state, with the intents of `start`. Write it before anything else is done.
    pub state: RunState,
    /// Attempts to start, after the write.
    pub start: Vec<StartAttempt>,
    /// Attempts to kill; their outcome is in the state already, so reports of them are void.
    pub stop: Vec<StopAttempt>,
    /// Sub-runs to cancel. Do it before the write: another runner would not know of them. Harmless when done again.
    pub cancel_sub_runs: Vec<(String, Cancel)>,
    /// When to ask again, if nothing happens before. None once finished.
    pub wait_until: Option<Timestamp>,
    /// The run has to wait for long and needs no runner: the pod is given back with the same write.
    pub suspend: Option<SuspendRun>,
    /// The run's end; belongs into the same write.
    pub finish: Option<FinishRun>,
}

/// An attempt to start.
#[derive(Clone, Debug, PartialEq)]
pub struct StartAttempt {
    /// Where.
    pub key: StepKey,
    /// Which attempt, from 1. With [`Work::Store`] of a step with `forEach`: which of its batches.
    pub attempt: u32,
    /// The same for every attempt at this place of this run; printable ASCII.
    pub idempotency_key: String,
    /// When to kill it and report [`super::Outcome::TimedOut`].
    pub deadline: Timestamp,
    /// The step's input: its `with`, rendered.
    pub input: Value,
    /// What to do.
    pub task: Task,
}

/// An attempt to kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopAttempt {
    /// Where.
    pub key: StepKey,
    /// Which attempt, from 1.
    pub attempt: u32,
}

/// The run waits without a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspendRun {
    /// When it goes on by itself; none = when a person or a sub-run lets it.
    pub wake_at: Option<Timestamp>,
    /// Whether the wait does not count for the run's timeout: it is for a person or a time.
    pub stops_clock: bool,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishRun {
    /// A final phase.
    pub phase: RunPhase,
    /// The run's output, if it succeeded.
    pub output: Option<Value>,
    /// What it ended of, if it did not succeed.
    pub error: Option<RunError>,
}
