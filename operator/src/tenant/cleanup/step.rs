//! Steps of the deletion of a tenant's data.

/// Step of the deletion of a tenant's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// End the runs and delete their Jobs.
    StopRuns,
    /// Delete the role bindings of users and runners, and the service account of runners.
    RevokeAccess,
    /// Delete the vectors.
    DeleteVectors,
    /// Wait until the api-server has deleted the stored outputs and the records of the database.
    DeleteData,
    /// Delete the namespace with everything in it, or release it if it was adopted.
    DeleteNamespace,
}

impl Step {
    /// All steps in their order. A step begins when those before it are complete.
    pub(super) const ORDER: [Self; 5] =
        [Self::StopRuns, Self::RevokeAccess, Self::DeleteVectors, Self::DeleteData, Self::DeleteNamespace];

    /// Returns the reason of the condition `Reconciling` during the step.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::StopRuns => "StoppingRuns",
            Self::RevokeAccess => "RevokingAccess",
            Self::DeleteVectors => "DeletingVectors",
            Self::DeleteData => crds::tenant::DELETING_DATA,
            Self::DeleteNamespace => "DeletingNamespace",
        }
    }
}

/// Progress of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing is left to do.
    Complete,
    /// The step continues by itself. The message says what is left.
    Waiting(String),
    /// The step continues only when a user acts. The message says what is left, and how.
    Blocked(String),
}
