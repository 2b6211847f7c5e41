//! The status write that is in progress; there is at most one.

use crds::WorkflowRun;
use domain::run::StartAttempt;
use futures::future::BoxFuture;

use crate::cluster::WriteError;

/// Status write in progress.
pub(super) struct PendingWrite<'a> {
    pub(super) response: BoxFuture<'a, Result<WorkflowRun, WriteError>>,
    /// Attempts whose intents the write records, and which start after it.
    pub(super) intents: Vec<StartAttempt>,
    pub(super) kind: WriteKind,
}

/// State of the run that a write records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteKind {
    Progress,
    /// The run waits for a long time and is released from this pod.
    Suspend,
    Finish,
}

impl WriteKind {
    /// Returns whether the run is no longer assigned to this pod after the write.
    pub(super) const fn is_last(self) -> bool {
        matches!(self, Self::Suspend | Self::Finish)
    }
}

/// Completed write, successful or not.
pub(super) struct WriteResult {
    pub(super) result: Result<WorkflowRun, WriteError>,
    pub(super) intents: Vec<StartAttempt>,
    pub(super) kind: WriteKind,
}

/// Waits for the pending write and removes it. Never returns if there is none.
pub(super) async fn wait_for_write(pending: &mut Option<PendingWrite<'_>>) -> WriteResult {
    let Some(PendingWrite { response, .. }) = pending else { return std::future::pending().await };
    let result = response.await;
    let (intents, kind) =
        pending.take().map_or((Vec::new(), WriteKind::Progress), |write| (write.intents, write.kind));
    WriteResult { result, intents, kind }
}
