//! The one status write that may be under way.

use crds::WorkflowRun;
use domain::run::Start;
use futures::future::BoxFuture;

use crate::store::WriteError;

/// A write, and what is to be done when it has landed.
pub(super) struct Flight<'a> {
    pub(super) landing: BoxFuture<'a, Result<WorkflowRun, WriteError>>,
    /// Attempts whose intents it records.
    pub(super) intents: Vec<Start>,
    pub(super) kind: Kind,
}

/// What a write tells of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Progress,
    /// It gives the run back, because it has to wait for long.
    Suspend,
    End,
}

impl Kind {
    /// Whether the run is not held by this pod any more when the write has landed.
    pub(super) const fn is_last(self) -> bool {
        matches!(self, Self::Suspend | Self::End)
    }
}

/// Waits for the write that is under way; for ever when none is.
pub(super) async fn landed(flight: &mut Option<Flight<'_>>) -> Landed {
    let Some(Flight { landing, .. }) = flight else { return std::future::pending().await };
    let result = landing.await;
    let (intents, kind) =
        flight.take().map_or((Vec::new(), Kind::Progress), |flight| (flight.intents, flight.kind));
    Landed { result, intents, kind }
}

/// A write that came through, or did not.
pub(super) struct Landed {
    pub(super) result: Result<WorkflowRun, WriteError>,
    pub(super) intents: Vec<Start>,
    pub(super) kind: Kind,
}
