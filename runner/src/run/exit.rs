//! Ends of a run's execution in this pod.

use tokio::task::JoinError;

use crate::{
    cluster::{ReadError, WriteError},
    step_host::HostUnavailable,
};

/// Regular end of a run's execution in this pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunExit {
    /// The run has ended, and its final status is written.
    Finished,
    /// The run waits for a long time without a pod.
    Suspended,
    /// The run was deleted or assigned to another pod. Nothing more was written.
    Lost,
    /// The run was released, because this pod is stopped or cannot start a step. Another pod continues it.
    HandedOver,
}

/// Failure that prevents this pod from continuing the run. The operator replaces the pod.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Host(#[from] HostUnavailable),
    #[error("the task of an attempt failed")]
    Attempt(#[source] JoinError),
    #[error("the watch for assignments has ended")]
    Assignments,
}
