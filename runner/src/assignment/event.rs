//! Changes of the assignment of runs to this pod.

use crds::WorkflowRun;
use kube::ResourceExt as _;

/// Change of a run that is or was assigned to this pod.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AssignmentEvent {
    /// The run is assigned to this pod, in this version.
    Assigned(Box<WorkflowRun>),
    /// The run may no longer be assigned to this pod. A deletion event carries an old version of the object, so the
    /// run must be read again.
    PossiblyRevoked {
        /// Name of the run.
        run: String,
    },
}

impl AssignmentEvent {
    /// Returns the name of the run.
    pub(super) fn run_name(&self) -> String {
        match self {
            Self::Assigned(run) => run.name_any(),
            Self::PossiblyRevoked { run } => run.clone(),
        }
    }
}
