//! Errors of the mirror.

use std::time::Duration;

/// Timeout of a transaction. Each statement has 10 s in the database, which does not help if the connection is lost without having
/// been closed: no answer arrives then.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Failure of a step of the mirror.
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
    /// The database did not answer in time: its connection may be lost without having been closed.
    #[error("failed to {action} within {seconds} s")]
    DatabaseTimeout {
        /// Purpose of the transaction.
        action: &'static str,
        /// Timeout in seconds.
        seconds: u64,
    },
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
    /// The Kubernetes API server sent an invalid response.
    #[error("failed to read a response of the Kubernetes API server")]
    InvalidResponse(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The rows in the database belong to another cluster, and this one has not been accepted yet.
    #[error("failed to project an unknown cluster: run `api-server mirror accept-cluster`")]
    Halted,
    /// `accept-cluster` was called while no cluster had to be accepted.
    #[error("failed to find a cluster that waits to be accepted")]
    NothingToAccept,
    /// The lease cannot be acquired or renewed.
    #[error("failed to hold the mirror's lease")]
    Lease(#[source] Box<kube_lease_manager::LeaseManagerError>),
    /// Another task of the mirror has ended.
    #[error("failed to reach the mirror's {part}")]
    Ended {
        /// Name of the task.
        part: &'static str,
    },
}

impl Error {
    pub(super) fn database(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { action, source }
    }

    pub(super) fn kubernetes(action: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Kubernetes { action, source: Box::new(source) }
    }

    /// Returns whether the database cannot hold one of the objects, so that a retry is useless: SQLSTATE
    /// class 22 (data exception), 23 (integrity constraint violation) or 54 (program limit exceeded, such as the size of an
    /// indexed value).
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Database { source: sqlx::Error::Database(error), .. } = self else { return false };
        error.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
    }

    /// Awaits a transaction for at most [`TRANSACTION_TIMEOUT`].
    pub(super) async fn with_timeout<T>(
        action: &'static str,
        transaction: impl Future<Output = Result<T, Self>>,
    ) -> Result<T, Self> {
        let seconds = TRANSACTION_TIMEOUT.as_secs();
        let result = tokio::time::timeout(TRANSACTION_TIMEOUT, transaction).await;
        result.unwrap_or(Err(Self::DatabaseTimeout { action, seconds }))
    }

    /// Returns the HTTP status with which the Kubernetes API server refused the request, if it did.
    pub(super) fn status(&self) -> Option<u16> {
        let Self::Kubernetes { source, .. } = self else { return None };
        if let kube::Error::Api(status) = source.as_ref() { Some(status.code) } else { None }
    }

    /// Returns whether the requested resource version has been compacted (410 Gone).
    pub(super) fn is_expired(&self) -> bool {
        self.status() == Some(410)
    }

    /// Formats the error with all its sources, for a log line.
    pub(super) fn chain(&self) -> String {
        telemetry::errors::chain(self)
    }
}
