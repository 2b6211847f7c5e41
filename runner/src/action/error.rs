//! Failures of an attempt.

use crds::run::StepError;
use domain::run::Failure;

use crate::{
    action::stop::StopReason,
    step_host::{HostLost, HostUnavailable},
};

/// Reason for which an attempt has returned no value.
#[derive(Debug)]
pub(super) enum ActionError {
    Failed(Failure),
    /// The step's own code has not started.
    NotStarted(StepError),
    /// The attempt was stopped early.
    Stopped(StopReason),
    Host(HostUnavailable),
}

impl From<HostLost> for ActionError {
    fn from(lost: HostLost) -> Self {
        Self::Host(lost.into())
    }
}

impl From<HostUnavailable> for ActionError {
    fn from(unavailable: HostUnavailable) -> Self {
        Self::Host(unavailable)
    }
}
