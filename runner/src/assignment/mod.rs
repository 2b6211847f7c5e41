//! Which run this pod holds, as the API server tells it.

mod watch;

use crds::WorkflowRun;

pub(crate) use watch::watch;

/// Something happened to the runs that are assigned to this pod.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Assignment {
    /// This run is assigned to this pod, and is now like this.
    Held(Box<WorkflowRun>),
    /// This run is perhaps not assigned to this pod any more. The API server is to be asked: a deletion event
    /// carries old content.
    Doubtful {
        /// The run's name.
        run: String,
    },
}
