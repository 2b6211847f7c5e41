//! What a run does next, as a function of its workflow, its input, its status and the time.
//!
//! The runner calls [`Run::resume`] once when it takes a run, [`Run::on_outcome`] for each attempt that has ended, and
//! [`Run::advance`] after that and whenever [`Advance::wait_until`] has come. It writes the steps of an advance to the
//! run's status, and only then does what the advance says: so a step's intent is recorded before its side effects, and
//! another runner can go on from what is written.
//!
//! A step that is skipped counts as done: its output is null, and steps that need it start. A step that failed ends
//! the run, unless it says `continueOnError`: no other step starts, those that run may end. What needed a failed step
//! is Skipped then, and what else has not ended is Cancelled.

mod advance;
mod context;
mod finish;
mod outcome;
mod resume;
mod round;
mod state;
mod work;

use crds::run::{RunError, RunPhase, StepStatus};
use jiff::Timestamp;
use serde_json::Value;

pub use outcome::Outcome;
pub use resume::Lost;
pub use state::{current, error};
pub use work::{Request, Work};

use crate::workflow::Valid;

/// A run, without its status.
#[derive(Clone, Debug)]
pub struct Run {
    workflow: Valid,
    facts: Facts,
    started_at: Timestamp,
}

/// What expressions see of a run besides its steps.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `spec.input`; null if there is none.
    pub input: Value,
    /// `metadata.uid`.
    pub run_id: String,
    /// `metadata.name`.
    pub run_name: String,
    /// `metadata.creationTimestamp`, RFC 3339.
    pub created_at: String,
    /// The workflow's name.
    pub workflow: String,
    /// The tenant's name, from the ConfigMap `tenant`.
    pub tenant: String,
    /// The tenant's settings, from the same.
    pub tenant_settings: Value,
}

/// What comes next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advance {
    /// The next `status.steps`, with the intents of `start`. Write them before anything else.
    pub steps: Vec<StepStatus>,
    /// Attempts to start, after the write.
    pub start: Vec<Start>,
    /// Attempts to kill; their outcome is written already, so reports of them are void.
    pub stop: Vec<Stop>,
    /// When to ask again, if nothing happens before: an attempt or the run's deadline is due. None once finished.
    pub wait_until: Option<Timestamp>,
    /// The run's end; belongs into the same write.
    pub finish: Option<Finish>,
}

/// An attempt to start.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The step.
    pub step: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The same for every attempt at this step of this run; printable ASCII.
    pub idempotency_key: String,
    /// When to kill it and report [`Outcome::TimedOut`].
    pub deadline: Timestamp,
    /// The step's input: its `with`, rendered.
    pub input: Value,
    /// What to do.
    pub work: Work,
}

/// An attempt to kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The step.
    pub step: String,
    /// Which attempt, from 1.
    pub attempt: u32,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// A final phase.
    pub phase: RunPhase,
    /// The run's output, if it succeeded.
    pub output: Option<Value>,
    /// What it ended of, if it did not succeed.
    pub error: Option<RunError>,
}

impl Run {
    /// A run of a workflow. `started_at` is `status.startedAt`: the run's timeout counts from there.
    #[must_use]
    pub fn new(workflow: Valid, facts: Facts, started_at: Timestamp) -> Self {
        Self { workflow, facts, started_at }
    }

    /// The workflow.
    #[must_use]
    pub fn workflow(&self) -> &Valid {
        &self.workflow
    }

    /// When the run times out.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        state::after(self.started_at, self.workflow.timeout())
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
