//! Why the projection could not go on.

/// A step of the mirror failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away, or refuses.
    #[error("failed to {action}")]
    Database {
        /// What was to be done.
        action: &'static str,
        /// What came back.
        source: sqlx::Error,
    },
    /// The API server is away, or refuses.
    #[error("failed to {action} in Kubernetes")]
    Kubernetes {
        /// What was to be done.
        action: &'static str,
        /// What came back.
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time.
    #[error("failed to {action} in Kubernetes within {seconds} s")]
    Timeout {
        /// What was to be done.
        action: &'static str,
        /// The bound.
        seconds: u64,
    },
    /// The API server sent something that no API server sends.
    #[error("failed to understand the API server")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The cluster is not the one that the rows are of: somebody must say what it is.
    #[error("failed to project an unknown cluster: run `api-server mirror accept-cluster`")]
    Halted,
    /// `accept-cluster` had nothing to accept.
    #[error("failed to find a cluster that waits to be accepted")]
    NothingToAccept,
    /// The lease cannot be had or kept.
    #[error("failed to hold the mirror's lease")]
    Lease(#[source] Box<kube_lease_manager::LeaseManagerError>),
    /// Another part of the mirror has ended.
    #[error("failed to reach the mirror's {part}")]
    Ended {
        /// Which one.
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

    /// Whether the database cannot hold one of the objects, however often it is tried: class 22 (data) or 23
    /// (constraints).
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Database { source: sqlx::Error::Database(error), .. } = self else { return false };
        error.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }

    /// The status code with which the API server refused, if it did.
    pub(super) fn status(&self) -> Option<u16> {
        let Self::Kubernetes { source, .. } = self else { return None };
        if let kube::Error::Api(status) = source.as_ref() { Some(status.code) } else { None }
    }

    /// Whether the API server no longer knows the version asked for.
    pub(super) fn is_expired(&self) -> bool {
        self.status() == Some(410)
    }

    /// Its message with those of its sources, for a log line.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}
