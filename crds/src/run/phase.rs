//! Phases of runs and of their steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

/// Phase of a run. Phases only advance, except that a run may alternate between Running and Suspended.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Display,
    IntoStaticStr,
    VariantArray,
)]
pub enum RunPhase {
    /// The run waits for a slot or for a runner.
    #[default]
    Queued,
    /// A runner executes the run.
    Running,
    /// The run waits for an approval, a time, a retry or a sub-run, and is assigned to no runner.
    Suspended,
    /// The run finished successfully.
    Succeeded,
    /// A step failed, or the run could not start.
    Failed,
    /// The run was cancelled.
    Cancelled,
    /// The run exceeded its timeout.
    TimedOut,
}

impl RunPhase {
    /// Returns whether the run has finished.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut)
    }

    /// Returns the phase as it is written in the resource, such as `Running`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Phase of a step.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Display,
    IntoStaticStr,
)]
pub enum StepPhase {
    /// The step has not started, or waits for its next attempt (`nextAt`).
    #[default]
    Pending,
    /// An attempt is running.
    Running,
    /// The step waits for an approval, a time or a sub-run.
    Suspended,
    /// The step finished successfully.
    Succeeded,
    /// The step failed and is not retried.
    Failed,
    /// The step was skipped: its `when` was false, or a step that it needs did not succeed.
    Skipped,
    /// The run was cancelled or failed before the step finished.
    Cancelled,
}

impl StepPhase {
    /// Returns whether the step has finished.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Skipped | Self::Cancelled)
    }

    /// Returns the phase as it is written in the resource, such as `Running`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
