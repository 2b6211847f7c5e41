//! Where a run, or a step of it, is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

/// Where a run is. It only moves forward, but for Running and Suspended, which alternate.
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
    /// It waits for a slot or for its pod.
    #[default]
    Queued,
    /// A runner executes it.
    Running,
    /// It waits for an approval, a timer or a sub-run, and holds no pod.
    Suspended,
    /// It ended well.
    Succeeded,
    /// A step failed, or it could not start.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// Its timeout passed.
    TimedOut,
}

impl RunPhase {
    /// Whether the run has ended, for good.
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

/// Where a step is.
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
    /// It has not started, or waits for its next attempt (`nextAt`).
    #[default]
    Pending,
    /// An attempt of it is under way.
    Running,
    /// It waits for an approval, a timer or a sub-run.
    Suspended,
    /// It ended well.
    Succeeded,
    /// It failed, and is not tried again.
    Failed,
    /// Its `when` was false, or what it needs did not succeed.
    Skipped,
    /// The run was cancelled, or failed, before it ended.
    Cancelled,
}

impl StepPhase {
    /// Whether the step has ended, for good.
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
