//! Errors of the end of tenants.

use crate::{objects, retention, store};

/// The end of a tenant does not continue for now. It is retried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or refused a statement.
    #[error("failed to {action}")]
    Database {
        /// Purpose of the statement.
        action: &'static str,
        /// Error that the driver returned.
        source: sqlx::Error,
    },
    /// The rows that are to be exported cannot be read from the database.
    #[error("failed to read the data of a tenant")]
    Read(#[from] store::Error),
    /// A deletion cannot be recorded in the audit log.
    #[error("failed to record the deletion in the audit log")]
    Audit(#[source] store::Error),
    /// The object storage cannot be reached or refuses a request.
    #[error("failed to use the object storage")]
    Storage(#[from] objects::Error),
    /// The data of a deleted tenant cannot be deleted.
    #[error(transparent)]
    Purge(#[from] retention::PurgeError),
    /// The Kubernetes API server cannot be reached, or refused a request.
    #[error("failed to {action} in Kubernetes")]
    Kubernetes {
        /// Purpose of the request.
        action: &'static str,
        /// Error that the client returned.
        source: Box<kube::Error>,
    },
    /// The Kubernetes API server did not answer in time.
    #[error("failed to {action} in Kubernetes within {seconds} s")]
    Timeout {
        /// Purpose of the request.
        action: &'static str,
        /// Timeout in seconds.
        seconds: u64,
    },
    /// A text cannot be read or written as JSON.
    #[error("failed to encode an exported row")]
    Encode(#[from] serde_json::Error),
    /// Somebody has written the object meanwhile.
    #[error("failed to write the status: the object has been changed")]
    Conflict,
    /// The mirror has not stored the ends of all runs yet.
    #[error("failed to begin the export: {0} runs of the tenant have not ended yet")]
    UnfinishedRuns(i64),
    /// The mirror cannot store an object of the tenant, which would not be in the export.
    #[error(
        "failed to begin the export: {object} cannot be stored ({problem}), and {others} others: change or delete it"
    )]
    Quarantined {
        /// Kind and name of the object.
        object: String,
        /// Why it cannot be stored.
        problem: String,
        /// Number of other objects of the tenant that cannot be stored.
        others: i64,
    },
    /// The export belongs to an archiving that has ended, or another replica writes the same one.
    #[error("failed to continue the export: it is not the current one")]
    Superseded,
    /// The work on the tenant has panicked.
    #[error("failed to complete the work: it has panicked")]
    Panicked,
    /// The deletion waits for the export.
    #[error("failed to begin the deletion: the export is not complete")]
    WaitsForExport,
}

impl Error {
    pub(super) fn database(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { action, source }
    }

    /// Returns whether nothing has failed: the work only has to wait.
    pub(super) fn is_expected(&self) -> bool {
        matches!(self, Self::Conflict | Self::UnfinishedRuns(_) | Self::Superseded | Self::WaitsForExport)
    }
}
